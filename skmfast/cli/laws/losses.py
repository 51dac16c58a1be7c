"""``skmfast laws fit``: a power law fitted to measured losses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skmfast.cli.app import fail, usage_errors
from skmfast.cli.laws.app import Level, laws, report
from skmfast.cli.options import Json, Plot, TableOut  # noqa: TC001 (typer reads these)
from skmfast.cli.targets import check_targets

if TYPE_CHECKING:
    from skmfast.laws.power_law import PowerLaw


@laws.command()
def fit(
    file: Annotated[
        Path, typer.Argument(help="CSV or Parquet file: a row for each measured loss.", metavar="FILE")
    ],
    loss: Annotated[str, typer.Option(help="Column of the losses.", metavar="NAME")] = "loss",
    variables: Annotated[
        str | None,
        typer.Option(
            help="Columns of the variables: NAME=COLUMN, separated by commas, such as N=params,D=tokens. By"
            " default columns with a usual name for model size, tokens, or FLOP (then D = FLOP / 6N).",
            metavar="LIST",
        ),
    ] = None,
    drop_highest: Annotated[
        int, typer.Option(help="Leave out so many rows with the highest losses (outliers).")
    ] = 0,
    runs: Annotated[
        str | None,
        typer.Option(
            help="Column that says which run a row is from; runs are resampled whole.", metavar="NAME"
        ),
    ] = None,
    offset: Annotated[bool, typer.Option(help="Fit an irreducible loss E.")] = True,
    delta: Annotated[float, typer.Option(help="Where Huber's loss turns linear, nats of log loss.")] = 1e-3,
    resamples: Annotated[int, typer.Option(help="Resamples of the bootstrap.")] = 1000,
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    out: TableOut = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Fit a power law with an offset to measured losses.

    L = E + A/N^a or L = E + A/N^a + B/D^b, with bootstrap intervals.
    """
    import numpy as np

    from skmfast.errors import CorpusError
    from skmfast.laws import measurements
    from skmfast.laws.power_law import fit as fit_law
    from skmfast.laws.tables import Table

    check_targets(out, plot)
    try:
        columns = measurements.read(file)
        chosen = measurements.variables_of(columns, variables, file.name)
        losses = measurements.numbers(columns, loss, file.name)
        labels = None if runs is None else measurements.column(columns, runs, file.name)
    except CorpusError as error:
        fail(str(error))
    if not 0 <= drop_highest < len(losses):
        fail(f"--drop-highest: {drop_highest} is not 0 to {len(losses) - 1}")
    kept = np.sort(np.argsort(losses, kind="stable")[: len(losses) - drop_highest])
    with usage_errors():
        law = fit_law(
            {name: values[kept] for name, values in chosen.items()},
            losses[kept],
            offset=offset,
            delta=delta,
            resamples=resamples,
            level=level,
            runs=None if labels is None else np.asarray(labels)[kept],
            seed=seed,
        )
    points = [values[kept] for values in chosen.values()]
    low, high = law.predict_interval(*points) if resamples else (law.predict(*points),) * 2
    table = Table(
        {
            **{name: values[kept] for name, values in chosen.items()},
            "loss": losses[kept],
            "predicted": law.predict(*points),
            "predicted_low": low,
            "predicted_high": high,
        },
        {"law": "fit", "variables": list(chosen), "fit": law.to_dict(), "dropped": drop_highest},
    )
    report(table, out, plot, json, shown=_fitted_rows(law), title=law.formula)


def _fitted_rows(law: PowerLaw) -> dict[str, dict[str, Any]]:
    intervals, errors = law.intervals, law.standard_errors
    rows: dict[str, dict[str, Any]] = {}
    for name, value in law.parameters.items():
        rows[name] = {"value": value}
        if name in intervals:
            rows[name] |= {"low": intervals[name][0], "high": intervals[name][1], "error": errors[name]}
    return rows
