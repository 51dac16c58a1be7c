"""The group that the commands of ``skmfast laws`` register in, and the output that they share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skmfast.cli.app import FAILED, app, complain
from skmfast.cli.tables import print_json, print_rows

if TYPE_CHECKING:
    from skmfast.laws.tables import Table

laws = typer.Typer(
    help="Compute laws, or fit them: capacity, Heaps, Zipf, losses.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(laws, name="laws")

Level = Annotated[float, typer.Option(help="Coverage of the intervals.")]
_SHOWN_ROWS = 40


def report(
    table: Table,
    out: Path | None,
    plot: Path | None,
    json: bool,
    *,
    shown: dict[str, dict[str, Any]] | None = None,
    title: str | None = None,
) -> None:
    """Write, draw and print a table; ``shown`` is what is printed of a law measured on data."""
    try:
        content = table.save(out) if out is not None else table.to_bytes()
        if plot is not None:
            from skmfast.laws.plots import draw

            draw(content, plot, str(out or "table"))
    except OSError as error:
        complain(f"cannot be written: {error}")
        raise typer.Exit(FAILED) from None
    if json:
        print_json(table)
    elif shown is not None:
        header = [name for name, value in next(iter(shown.values())).items() if not isinstance(value, list)]
        rows = [[name, *(_shown(row[column]) for column in header)] for name, row in shown.items()]
        print_rows(["", *header], rows, title=title)
    else:
        names = list(table.columns)
        cells = list(zip(*(table.columns[name].tolist() for name in names), strict=True))
        print_rows(names, [[_shown(value) for value in row] for row in _thinned(cells)], title=title)
        if len(cells) > _SHOWN_ROWS:
            print(f"{_SHOWN_ROWS} of {len(cells):,} rows; --out or --json gives them all.")


def _thinned(rows: list[Any]) -> list[Any]:
    if len(rows) <= _SHOWN_ROWS:
        return rows
    return [rows[round(i * (len(rows) - 1) / (_SHOWN_ROWS - 1))] for i in range(_SHOWN_ROWS)]


def _shown(value: object) -> str:
    if isinstance(value, float):
        whole = value == int(value) if abs(value) < 1e15 else False
        return f"{value:,.0f}" if whole and abs(value) >= 10 else f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
