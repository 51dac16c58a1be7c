"""Experiments: a configuration, the runs it asks for, one table of results, fits, a figure and a page.

An experiment is a module with five names (`Experiment`); this file knows the six there are, reads their
presets, and carries one out: every run that is not done yet, then the tables, then what is drawn from them.
"""

from __future__ import annotations

import importlib
import json
import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from skmfast.experiments.configuration import (
    Node,
    canonical,
    configure,
    digest,
    parse_assignment,
    parse_yaml,
    plain,
    read_yaml,
    to_yaml,
)
from skmfast.experiments.errors import (
    ConfigurationError,
    EmptyGridError,
    FolderError,
    UnknownNameError,
)
from skmfast.experiments.folders import claim, locked, read_table, write_table
from skmfast.experiments.nearest import suggestion
from skmfast.files import whole_file

if TYPE_CHECKING:
    from importlib.abc import Traversable

    import pyarrow as pa

    from skmfast.experiments.runs import RunConfiguration, RunResult
    from skmfast.experiments.watching import Watcher

PRESETS = ("tiny", "small", "gpu")
RESULTS, FITS, RUNS = "results.parquet", "fits.parquet", "runs.parquet"
SETTINGS = "settings.yaml"
_LABEL_DIGITS = 8


class Experiment(Protocol):
    """What an experiment has; a module with these names is one."""

    Configuration: type
    """Frozen dataclass of all settings; see `skmfast.experiments.configuration.configure`."""

    def runs(self, configuration: Any) -> list[RunConfiguration]:
        """The grid of runs; runs that others start from need not be named."""

    def table(self, configuration: Any, results: Sequence[RunResult]) -> pa.Table:
        """Results of the runs that are done; those that diverged are not among them."""

    def fits(self, table: pa.Table) -> pa.Table:
        """Laws fitted to the results, with intervals."""

    def draw(self, table: pa.Table, fits: pa.Table, path: str | os.PathLike[str]) -> None:
        """Draw the figure to a file whose suffix says the format: .svg or .png."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An experiment that has a name.

    Attributes
    ----------
    experiment : str or Experiment
        The module that is one, by its name, or an object.
    summary : str
        What it is about, in one line.
    """

    experiment: str | Experiment
    summary: str


EXPERIMENTS: dict[str, Entry] = {
    "data-scaling": Entry(
        "skmfast.experiments.data_scaling", "loss against sentences, for power-law and uniform frequencies"
    ),
    "model-scaling": Entry(
        "skmfast.experiments.model_scaling", "loss against parameters, and what is learnt at which size"
    ),
    "acquisition": Entry(
        "skmfast.experiments.acquisition", "which frequencies are known after how many sentences"
    ),
    "fine-tuning": Entry("skmfast.experiments.fine_tuning", "what new data make a model forget"),
    "hallucination": Entry(
        "skmfast.experiments.hallucination", "confident wrong answers, and their prediction"
    ),
    "structure": Entry("skmfast.experiments.structure", "model bits against data bits of trained models"),
}


@dataclass(frozen=True, slots=True)
class ExperimentResult:
    """What an experiment left.

    Attributes
    ----------
    folder : Path
        Holds results.parquet, fits.parquet, runs.parquet, figure.png, figure.svg and page.html.
    num_runs, num_diverged : int
        Of the grid, runs that others start from among them.
    warnings : tuple of str
        Runs that are done and cannot be right: they pay less than the Bayes mixture.
    """

    folder: Path
    num_runs: int
    num_diverged: int
    warnings: tuple[str, ...] = ()

    @property
    def table(self) -> pa.Table:
        """The results."""
        return read_table(self.folder / RESULTS)

    @property
    def fits(self) -> pa.Table:
        """The laws fitted to them."""
        return read_table(self.folder / FITS)


def find_experiment(name: str) -> Experiment:
    """The experiment of a name.

    Raises
    ------
    UnknownNameError
        If there is none of that name; the message has near ones.
    """
    if name not in EXPERIMENTS:
        raise UnknownNameError(f"{name}: there is no such experiment{suggestion(name, EXPERIMENTS)}")
    found = EXPERIMENTS[name].experiment
    return cast("Experiment", importlib.import_module(found)) if isinstance(found, str) else found


def preset_settings(name: str, preset: str) -> Node:
    """Settings of a preset, from the package.

    Raises
    ------
    UnknownNameError
        If the experiment has no such preset; the message has near ones.
    """
    known = preset_names(name)
    if preset not in known:
        raise UnknownNameError(f"{preset}: {name} has no such preset{suggestion(preset, known)}")
    text = _presets(name).joinpath(f"{preset}.yaml").read_text("utf-8")
    return parse_yaml(text, f"{name}/{preset}.yaml")


def preset_names(name: str) -> list[str]:
    """The presets that an experiment has, small ones first."""
    folder = _presets(name)
    return [each for each in PRESETS if folder.joinpath(f"{each}.yaml").is_file()]


def _presets(name: str) -> Traversable:
    return resources.files("skmfast.experiments").joinpath("presets").joinpath(name)


def read_configuration(
    name: str,
    preset: str | None = None,
    files: Iterable[str | os.PathLike[str]] = (),
    assignments: Iterable[str] = (),
) -> Any:
    """Configuration of an experiment: preset, then files, then assignments, each over what came before.

    Raises
    ------
    UnknownNameError
        If there is no such experiment or preset.
    ConfigurationError
        If a setting does not exist or has a wrong value; the message says where.
    """
    experiment = find_experiment(name)
    sources = [preset_settings(name, preset)] if preset is not None else []
    sources += [read_yaml(path) for path in files]
    sources += [parse_assignment(text) for text in assignments]
    return configure(experiment.Configuration, *sources)


def folder_name(name: str, configuration: Any) -> str:
    """Name of the folder of an experiment's results: its preset's, or one with a hash for other settings."""
    for preset in preset_names(name):
        if configuration == read_configuration(name, preset):
            return f"{name}-{preset}"
    return f"{name}-{digest(configuration)[:_LABEL_DIGITS]}"


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
        _write_tables(name, experiment, configuration, grid, results, folder)
    return draw_experiment(name, folder)


def grid_of(name: str, configuration: Any) -> list[RunConfiguration]:
    """The runs that an experiment asks for.

    Raises
    ------
    ConfigurationError
        If a run would have settings that do not go together.
    EmptyGridError
        If there is none; the message names the settings that are empty.
    """
    try:
        grid = find_experiment(name).runs(configuration)
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    if not grid:
        raise EmptyGridError(f"{name}: the grid has no run{_empty_settings(configuration)}")
    return grid


def _write_tables(
    name: str,
    experiment: Experiment,
    configuration: Any,
    grid: Sequence[RunConfiguration],
    results: Mapping[RunConfiguration, RunResult],
    folder: Path,
) -> None:
    from skmfast.experiments.runs import DONE

    done = [results[each] for each in dict.fromkeys(grid) if results[each].status == DONE]
    if not done:
        reason = next(each.reason for each in results.values() if each.status != DONE)
        raise FolderError(f"{name}: every run diverged, so that there is no table; the first: {reason}")
    write_table(folder / RUNS, _runs_table(results.values()))
    write_table(folder / RESULTS, _described(experiment.table(configuration, done), name, configuration))
    fits = experiment.fits(read_table(folder / RESULTS))
    write_table(folder / FITS, _described(fits, name, configuration))


def _write_text(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write(text.encode())


def _runs_table(results: Iterable[RunResult]) -> pa.Table:
    """A row for each run: those that diverged are marked here, and appear in no other table.

    The gap is what knowledge costs above the Bayes mixture; where it lies below, ``reason`` says why the run
    cannot be right, though it is done.
    """
    import pyarrow as pa

    from skmfast.experiments.bayes import below_bayes, gap_of_run

    rows = []
    for each in results:
        gap = gap_of_run(each)
        rows.append(
            {
                "run": each.digest,
                "status": each.status,
                "reason": below_bayes(gap) or each.reason,
                "parameters": each.facts.get("parameters"),
                "seconds": each.facts.get("seconds"),
                "gap_bits": gap.mean_bits if gap else None,
                "gap_error_bits": gap.error_bits if gap else None,
                "configuration": canonical(each.configuration),
            }
        )
    schema: dict[str, pa.DataType] = {
        "run": pa.string(),
        "status": pa.string(),
        "reason": pa.string(),
        "parameters": pa.int64(),
        "seconds": pa.float64(),
        "gap_bits": pa.float64(),
        "gap_error_bits": pa.float64(),
        "configuration": pa.string(),
    }
    return pa.Table.from_pylist(rows, schema=pa.schema(schema))


def _described(table: pa.Table, name: str, configuration: Any) -> pa.Table:
    """``table`` with a description of where it is from in its metadata."""
    from skmfast import __version__

    about = {"experiment": name, "version": __version__, "configuration": plain(configuration)}
    return table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"skmfast": json.dumps(about, allow_nan=False).encode()}
    )


def draw_experiment(name: str, folder: Path) -> ExperimentResult:
    """Draw figure and page of an experiment from its tables, and nothing else.

    Raises
    ------
    FolderError
        If a table is missing or damaged.
    """
    from skmfast.experiments.page import write_page

    for each in (RESULTS, FITS, RUNS):
        if not (folder / each).exists():
            raise FolderError(f"{folder}: holds no {each}: nothing to draw before the experiment was run")
    table, fits, runs = (read_table(folder / each) for each in (RESULTS, FITS, RUNS))
    experiment = find_experiment(name)
    with locked(folder):
        for suffix in ("png", "svg"):
            _draw_whole(experiment, table, fits, folder / f"figure.{suffix}")
        tables = {"results": table, "fits": fits, "runs": runs}
        write_page(name, EXPERIMENTS[name].summary, _command(name, folder), folder, tables)
    statuses = runs["status"].to_pylist()
    warnings = tuple(
        f"run {row['run']}: {row['reason']}"
        for row in runs.to_pylist()
        if row["status"] == "done" and row["reason"]
    )
    return ExperimentResult(folder, len(statuses), len(statuses) - statuses.count("done"), warnings)


def _command(name: str, folder: Path) -> str:
    """What carries out the experiment of a folder again."""
    label = folder.name.removeprefix(f"{name}-")
    settings = f"--preset {label}" if label in PRESETS else f"--config {shlex.quote(str(folder / SETTINGS))}"
    return f"skmfast experiment {name} {settings} --out {shlex.quote(str(folder.parent))}"


def _draw_whole(experiment: Experiment, table: pa.Table, fits: pa.Table, path: Path) -> None:
    """Draw to a name beside ``path``, and rename it when it is whole."""
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        experiment.draw(table, fits, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _empty_settings(configuration: Any) -> str:
    """Which settings are empty lists, for a message."""
    empty = [key for key, value in plain(configuration).items() if value == []]
    return f": {', '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty" if empty else ""
