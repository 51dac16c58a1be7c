"""Results of an experiment: its tables, and the figure and the page that are drawn from them."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skmfast.experiments.canonical import canonical, plain
from skmfast.experiments.errors import FolderError
from skmfast.experiments.experiment import EXPERIMENTS, Experiment, find_experiment
from skmfast.experiments.experiment_settings import PRESETS
from skmfast.experiments.folders import locked, read_table, write_table

if TYPE_CHECKING:
    import pyarrow as pa

    from skmfast.experiments.runs import RunConfiguration, RunResult

RESULTS, FITS, RUNS = "results.parquet", "fits.parquet", "runs.parquet"
SETTINGS = "settings.yaml"


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


def write_tables(
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
