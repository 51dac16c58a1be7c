"""``skmfast laws draw``: the figure of a stored table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skmfast.cli.app import fail
from skmfast.cli.laws.app import laws
from skmfast.cli.targets import check_targets


@laws.command()
def draw(
    table: Annotated[
        Path, typer.Argument(help="Parquet file that a command here wrote with --out.", metavar="TABLE")
    ],
    plot: Annotated[
        Path, typer.Option(help="Draw the figure to this file (.png, .svg, .pdf).", dir_okay=False)
    ],
) -> None:
    """Draw the figure of a stored table again."""
    from skmfast.errors import CorpusError

    check_targets(None, plot)
    from skmfast.laws.plots import draw as draw_figure

    try:
        draw_figure(table.read_bytes(), plot, str(table))
    except CorpusError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or plot}: {error.strerror or error}")
