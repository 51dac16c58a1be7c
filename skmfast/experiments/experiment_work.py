"""Carrying out an experiment: the runs that are not done yet, the tables, and what is drawn from them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skmfast.experiments.canonical import plain, to_yaml
from skmfast.experiments.experiment import find_experiment, grid_of
from skmfast.experiments.experiment_results import SETTINGS, ExperimentResult, draw_experiment, write_tables
from skmfast.experiments.experiment_settings import folder_name
from skmfast.experiments.folders import claim
from skmfast.files import whole_file

if TYPE_CHECKING:
    from skmfast.experiments.watching import Watcher


def run_experiment(
    name: str,
    configuration: Any,
    out: str | os.PathLike[str],
    *,
    plot_only: bool = False,
    workers: int = 1,
    watcher: Watcher | None = None,
    stop: Callable[[], bool] | None = None,
) -> ExperimentResult:
    """Carry out every run that is not done, write the tables, and draw the figure and the page.

    Parameters
    ----------
    name : str
        One of `EXPERIMENTS`.
    configuration : dataclass
        As `read_configuration` gives it.
    out : path
        Folder of all runs; the results go to a folder in it, see `folder_name`.
    plot_only : bool
        Draw what is there, and run nothing.
    workers : int
        Processes that share the runs.
    watcher : Watcher, optional
        Told how it goes.
    stop : callable, optional
        Asked between steps whether to stop.

    Raises
    ------
    EmptyGridError
        If the configuration asks for no run.
    FolderError
        If a folder belongs to another configuration, or with ``plot_only`` holds no results.
    Interrupted
        If ``stop`` said so; the same call goes on.
    """
    experiment = find_experiment(name)
    folder = Path(out) / folder_name(name, configuration)
    if not plot_only:
        from skmfast.experiments.grid_work import work_through

        grid = grid_of(name, configuration)
        claim(folder, plain(configuration))
        _write_text(folder / SETTINGS, to_yaml(configuration))
        results = work_through(grid, out, workers=workers, watcher=watcher, stop=stop)
        if watcher is not None:
            watcher.phase("fitting and drawing")
        write_tables(name, experiment, configuration, grid, results, folder)
    return draw_experiment(name, folder)


def _write_text(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write(text.encode())
