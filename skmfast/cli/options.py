"""Options that several commands take, with the help that they share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[
    list[str],
    typer.Argument(
        help="Files, folders, globs, URLs or -, as 'skmfast codelength' takes them.", metavar="PATH..."
    ),
]
Field = Annotated[str, typer.Option(help="Field of JSON Lines records that holds the text.", metavar="NAME")]
Column = Annotated[str, typer.Option(help="Column of Parquet files that holds the text.", metavar="NAME")]
Format = Annotated[
    str | None,
    typer.Option(help="Read everything as raw, jsonl or parquet, whatever the name.", metavar="FORMAT"),
]
Threads = Annotated[int | None, typer.Option(help="Threads; by default SKMFAST_THREADS, else every core.")]
Memory = Annotated[
    str | None, typer.Option(help="Bound of the working memory, such as 512M or 4G.", metavar="SIZE")
]
TableOut = Annotated[Path | None, typer.Option(help="Write the table to this Parquet file.", dir_okay=False)]
Plot = Annotated[
    Path | None, typer.Option(help="Draw the figure to this file (.png, .svg, .pdf).", dir_okay=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
