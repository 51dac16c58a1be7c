"""``skmfast report``: everything about a corpus on one page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skmfast.cli.app import FAILED, app, complain, fail, usage_errors
from skmfast.cli.options import Column, Field, Format, Threads  # noqa: TC001 (typer reads these)

if TYPE_CHECKING:
    from skmfast.report import Settings


@app.command()
def report(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, folders, globs, URLs or -, as 'skmfast codelength' takes them.", metavar="PATH..."
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="The page; its tables go to a folder beside it.", dir_okay=False),
    ] = Path("report.html"),
    title: Annotated[
        str | None, typer.Option(help="Heading of the page; by default the paths' names.", metavar="TEXT")
    ] = None,
    sample: Annotated[
        str, typer.Option(help="Size that slow codes and single documents are measured on.", metavar="SIZE")
    ] = "2.5M",
    limit: Annotated[
        str,
        typer.Option(help="Size that the rest is measured on; a larger corpus is sampled.", metavar="SIZE"),
    ] = "64M",
    passage: Annotated[
        int, typer.Option(help="Bytes in a passage, into which a corpus of few documents is cut.")
    ] = 4000,
    redraw: Annotated[
        bool, typer.Option("--redraw", help="Draw the page again from the tables beside it; takes no paths.")
    ] = False,
    field: Field = "text",
    column: Column = "text",
    format: Format = None,
    threads: Threads = None,
    memory: Annotated[
        str | None,
        typer.Option(help="Bound of each code's working memory, such as 512M or 4G.", metavar="SIZE"),
    ] = None,
) -> None:
    """Write one page about a corpus.

    What it is, what it costs, how it is learnt, what repeats, what it predicts. The page needs no network and
    runs no script. Every figure is drawn from Parquet tables, which are written to a folder beside the page
    (report_tables for report.html). Exit code 1 says that something could not be read; the page names it.
    """
    if not os.access(out.parent, os.W_OK):
        fail(f"--out {out}: the folder does not exist or cannot be written to")
    if redraw:
        if paths:
            fail("--redraw takes no paths: it draws the tables that are there")
        _redraw(out)
        return
    if not paths:
        fail("what is to be reported on? Give files, folders, or - for standard input")
    from skmfast.corpora.reading import check_format
    from skmfast.report.settings import Settings
    from skmfast.settings import parse_memory, resolve_threads

    with usage_errors():
        check_format(format)
        settings = Settings(
            sample_bytes=parse_memory(sample, "--sample") or 0,
            limit_bytes=parse_memory(limit, "--limit") or 0,
            passage_bytes=passage,
            threads=resolve_threads(threads),
            memory=parse_memory(memory),
        )
    _report(paths, out, title or _title(paths), settings, field=field, column=column, format=format)


def _report(paths: list[str], out: Path, title: str, settings: Settings, **reading: Any) -> None:
    from skmfast.cli.progress import Progress
    from skmfast.errors import CorpusError
    from skmfast.report import corpus_report, gather, tables_folder

    try:
        with Progress("reporting", "%") as progress:
            progress.total(100)
            progress.subject("reading")
            corpus = gather(paths, settings, complain=progress.complain, **reading)

            def tell(about: str, fraction: float) -> None:
                progress.subject(about)
                progress.done(int(100 * fraction))

            corpus_report(corpus, out, settings, title=title, progress=tell)
    except (CorpusError, OSError) as error:
        complain(str(error))
        raise typer.Exit(FAILED) from None
    print(f"{out}: tables in {tables_folder(out)}")
    if any(source.failures for source in corpus.sources):
        raise typer.Exit(FAILED)


def _redraw(out: Path) -> None:
    from skmfast.errors import CorpusError
    from skmfast.report import draw_page

    try:
        draw_page(out)
    except (CorpusError, OSError) as error:
        fail(str(error))


def _title(paths: list[str]) -> str:
    names = [Path(path).name or path for path in paths]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
