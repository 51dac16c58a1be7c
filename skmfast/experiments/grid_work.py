"""Working through a grid of runs, alone or together with other processes.

A process that works holds the folder of its run. Whoever finds a folder held goes on to another run, so that
processes share a grid without speaking to each other, even when they were started by hand.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch

from skmfast.experiments.errors import BusyError, ExperimentError, Interrupted
from skmfast.experiments.runs import RunConfiguration, RunResult, finished_run, run
from skmfast.experiments.watching import Watcher

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

_WAIT_SECONDS = 0.2


def in_order(grid: Iterable[RunConfiguration]) -> list[RunConfiguration]:
    """Every run once, those that others start from before these."""
    return list(dict.fromkeys(each for configuration in grid for each in configuration.with_ancestors()))


def work_through(
    grid: Iterable[RunConfiguration],
    root: str | os.PathLike[str],
    *,
    workers: int = 1,
    watcher: Watcher | None = None,
    stop: Callable[[], bool] | None = None,
) -> dict[RunConfiguration, RunResult]:
    """Results of all runs, carried out where they are not there yet.

    Parameters
    ----------
    grid : iterable of RunConfiguration
    root : path
        Holds the folders of all runs.
    workers : int
        Processes. Runs that leave their number of threads open compute on a share of the threads each.
    watcher : Watcher, optional
        Told of all runs, and of the steps of those that this process carries out.
    stop : callable, optional
        Asked between steps whether to stop.

    Raises
    ------
    Interrupted
        If ``stop`` said so.
    ValueError
        If there is not at least one worker.
    """
    if workers < 1:
        raise ValueError(f"workers: {workers} is less than 1")
    runs = in_order(grid)
    watcher = watcher or Watcher()
    watcher.plans(runs)
    left = len([each for each in runs if finished_run(each, root) is None])
    with _helpers(runs, root, min(workers, left) - 1) as halt:
        return _work(runs, root, watcher, lambda: halt() if stop is not None and stop() else False)


def _work(
    runs: Sequence[RunConfiguration],
    root: str | os.PathLike[str],
    watcher: Watcher,
    stop: Callable[[], bool],
) -> dict[RunConfiguration, RunResult]:
    """Carry out what nobody else is at, until everything is done."""
    results: dict[RunConfiguration, RunResult] = {}
    while len(results) < len(runs):
        for each in runs:
            found = finished_run(each, root) if each not in results else None
            if found is not None:
                results[each] = found
                watcher.ends(found)
        if len(results) < len(runs):
            if stop():
                raise Interrupted(f"{len(results)} of {len(runs)} runs are done")
            _carry_out_one([each for each in runs if each not in results], root, watcher, stop)
    return {each: results[each] for each in runs}


def _carry_out_one(
    runs: Iterable[RunConfiguration],
    root: str | os.PathLike[str],
    watcher: Watcher,
    stop: Callable[[], bool],
) -> None:
    """The first run that is free; if none is, wait a little."""
    for each in runs:
        try:
            run(each, root, watcher=watcher, stop=stop)
        except BusyError:
            continue
        return
    time.sleep(_WAIT_SECONDS)


@contextlib.contextmanager
def _helpers(
    runs: Sequence[RunConfiguration], root: str | os.PathLike[str], number: int
) -> Iterator[Callable[[], bool]]:
    """So many more processes; yields what makes them stop, which is true.

    They end with the block. What one of them fails at, this process meets too, and reports.
    """
    if number < 1:
        yield lambda: True
        return
    context = multiprocessing.get_context("spawn")
    stopping = context.Event()
    before = torch.get_num_threads()
    threads = max(1, before // (number + 1))
    helpers = [
        context.Process(target=_help, args=(runs, os.fspath(root), stopping, threads), daemon=True)
        for _ in range(number)
    ]

    def halt() -> bool:
        stopping.set()
        return True

    torch.set_num_threads(threads)
    for each in helpers:
        each.start()
    try:
        yield halt
    finally:
        stopping.set()
        for each in helpers:
            each.join()
        torch.set_num_threads(before)


def _help(runs: Sequence[RunConfiguration], root: str, stopping: Event, threads: int) -> None:
    """What another process does."""
    torch.set_num_threads(threads)
    parent = multiprocessing.parent_process()
    assert parent is not None
    with contextlib.suppress(ExperimentError, KeyboardInterrupt):
        # A parent that was killed cannot say so.
        _work(runs, root, Watcher(), lambda: stopping.is_set() or not parent.is_alive())
