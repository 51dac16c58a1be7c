"""Long computations of the core, watched: progress is told, and an interrupt stops them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Protocol, TypeVar

Result = TypeVar("Result")

# Smallest input, in symbols, that is worth a thread to watch over it.
_WATCHED = 1 << 16


class Job(Protocol):
    """What the thread that computes shares with the one that watches."""

    @property
    def done(self) -> int: ...

    def cancel(self) -> None: ...


def watched(
    compute: Callable[[], Result], job: Job, total: int, progress: Callable[[float], None] | None
) -> Result:
    """Runs ``compute`` where signals can still be heard: an interrupt cancels the job."""
    if total < _WATCHED:
        return compute()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(compute)
        try:
            while True:
                try:
                    return future.result(timeout=0.2)
                except FutureTimeout:
                    if progress is not None:
                        progress(min(job.done / total, 1.0))
        except BaseException:
            job.cancel()
            raise
