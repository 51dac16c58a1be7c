"""Measurements run side by side: the longest first, on daemon threads, so that an interrupt ends them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from skmfast.errors import SkmfastError

_POLL_SECONDS = 0.1
# What a measurement raises when this corpus does not bear it; anything else is a defect and goes up.
_EXPECTED = (SkmfastError, ValueError, MemoryError, OverflowError)


@dataclass(frozen=True, slots=True)
class Job:
    """One measurement.

    Attributes
    ----------
    about : str
        What it does, for the progress bar.
    seconds : float
        What it may take, roughly: long ones start first.
    run : callable
        Gives the result. A ValueError says why there is none.
    """

    about: str
    seconds: float
    run: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why there is no result."""

    reason: str


def run_all(
    jobs: Mapping[str, Job], workers: int, progress: Callable[[str, float], None] | None = None
) -> dict[str, Any]:
    """Results of ``jobs`` under their names, `Unavailable` where there is none.

    Parameters
    ----------
    jobs : mapping from str to Job
    workers : int
        How many run at the same time.
    progress : callable, optional
        Told what was just done, and the fraction done.

    Examples
    --------
    >>> run_all({"two": Job("adding", 1, lambda: 1 + 1), "none": Job("failing", 1, lambda: int("x"))}, 2)
    {'two': 2, 'none': Unavailable(reason="invalid literal for int() with base 10: 'x'")}
    """
    todo: SimpleQueue[str] = SimpleQueue()
    for name in sorted(jobs, key=lambda name: -jobs[name].seconds):
        todo.put(name)
    done: SimpleQueue[tuple[str, Any]] = SimpleQueue()

    def work() -> None:
        while True:
            try:
                name = todo.get_nowait()
            except Empty:
                return
            done.put((name, _result(jobs[name])))

    for number in range(min(workers, len(jobs))):
        threading.Thread(target=work, name=f"skmfast-report-{number}", daemon=True).start()
    total = sum(job.seconds for job in jobs.values()) or 1.0
    results: dict[str, Any] = {}
    while len(results) < len(jobs):
        try:
            name, result = done.get(timeout=_POLL_SECONDS)
        except Empty:
            continue
        if isinstance(result, BaseException):
            raise result
        results[name] = result
        if progress is not None:
            progress(jobs[name].about, sum(jobs[each].seconds for each in results) / total)
    return {name: results[name] for name in jobs}


def _result(job: Job) -> object:
    try:
        return job.run()
    except _EXPECTED as error:
        reason = " ".join(str(error).split())
        return Unavailable(reason or type(error).__name__)
    except BaseException as error:
        return error
