"""``skmfast codelength``: code lengths of files, a row for each."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from skmfast.cli.app import FAILED, app, complain, console, fail, usage_errors

if TYPE_CHECKING:
    from skmfast.cli.progress import Progress
    from skmfast.codes.base import Code
    from skmfast.codes.rows import Row
    from skmfast.corpora import Source

_POLL_SECONDS = 0.1
# On a terminal a long table shows its beginning; every row is in --out and in --json.
_SHOWN_ROWS = 200


class _Interrupted(BaseException):
    """SIGINT or SIGTERM: finish what is done, and go."""

    def __init__(self, number: int) -> None:
        self.number = number


@app.command()
def codelength(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders (without hidden files), globs, or - for standard input. .jsonl and .parquet"
            " hold many documents, any other file is one; each also as .gz or .zst."
        ),
    ],
    code: Annotated[
        str, typer.Option(help="Code, such as context-tree:depth=12 or zstd:19; 'skmfast codes' lists them.")
    ] = "context-tree",
    per_document: Annotated[
        bool,
        typer.Option(
            "--per-document", help="Code each document alone. Without, a file is coded as one corpus."
        ),
    ] = False,
    field: Annotated[str, typer.Option(help="Field of JSON Lines records that holds the text.")] = "text",
    column: Annotated[str, typer.Option(help="Column of Parquet files that holds the text.")] = "text",
    format: Annotated[
        str | None, typer.Option(help="Read everything as raw, jsonl or parquet, whatever the name.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads; by default SKMFAST_THREADS, else every core.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="Bound of the working memory, such as 512M or 4G.", metavar="SIZE")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write every row to this Parquet file.", dir_okay=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure how many bits files cost under a code: one row per file, or per document.

    Exit code 1 says that a document failed; its row says why, and the others are done. On Ctrl-C the rows
    that are done are kept.
    """
    from skmfast.cli.progress import Progress
    from skmfast.codes.registry import make_code
    from skmfast.corpora import expand
    from skmfast.corpora.reading import check_format
    from skmfast.settings import parse_memory, resolve_threads

    with usage_errors():
        chosen = make_code(code)
        settings: dict[str, Any] = {
            "per_document": per_document,
            "threads": resolve_threads(threads),
            "memory": parse_memory(memory),
            "field": field,
            "column": column,
            "format": format,
        }
        settings["max_document_bytes"] = settings["memory"]
        check_format(format)
    if out is not None and not os.access(out.parent, os.W_OK):
        fail(f"--out {out}: the folder does not exist or cannot be written to")

    rows: list[Row] = []
    interrupted: _Interrupted | None = None
    try:
        with _interrupts(), Progress("coding") as progress:
            sources = list(expand(paths))
            progress.total(sum(source.num_bytes for source in sources))
            for row in _all_rows(sources, chosen, progress, settings):
                rows.append(row)
                if not row.ok:
                    progress.complain(_complaint(row))
    except _Interrupted as caught:
        interrupted = caught
    _report(rows, chosen, settings, out=out, json=json, complete=interrupted is None)
    if interrupted is not None:
        _leave(interrupted, len(rows), out)
    if not all(row.ok for row in rows):
        raise typer.Exit(FAILED)


def _all_rows(
    sources: list[Source], code: Code, progress: Progress, settings: dict[str, Any]
) -> Iterator[Row]:
    from skmfast.codes.measure import measure

    done = 0
    for source in sources:
        progress.subject(source.name)

        def report(fraction: float, source: Source = source, before: int = done) -> None:
            progress.done(before + int(fraction * source.num_bytes))

        rows = measure(source, code, progress=report, **settings)
        while (row := _in_background(lambda rows=rows: next(rows, None))) is not None:  # type: ignore[misc]
            yield row
        done += source.num_bytes
        progress.done(done)


def _in_background(task: Callable[[], Any]) -> Any:
    """Result of ``task``, run in a thread of its own so that signals are heard while the core computes."""
    outcome: dict[str, Any] = {}
    finished = threading.Event()

    def work() -> None:
        try:
            outcome["value"] = task()
        except BaseException as error:
            outcome["error"] = error
        finished.set()

    threading.Thread(target=work, name="skmfast-codelength", daemon=True).start()
    while not finished.wait(_POLL_SECONDS):
        pass
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


@contextlib.contextmanager
def _interrupts() -> Iterator[None]:
    """SIGINT and SIGTERM raise `_Interrupted` here, once: a second one meets the default action."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def interrupt(number: int, frame: object) -> NoReturn:
        for each in numbers:
            signal.signal(each, signal.SIG_DFL)
        raise _Interrupted(number)

    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield
    except _Interrupted:
        raise
    else:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(interrupted: _Interrupted, num_rows: int, out: Path | None) -> NoReturn:
    kept = f"; the {num_rows:,} rows that were done are in {out}" if out is not None and num_rows else ""
    complain(f"interrupted by {signal.Signals(interrupted.number).name}{kept}")
    sys.stdout.flush()
    sys.stderr.flush()
    # The core may still be computing in its thread, on memory that an orderly exit would take away.
    os._exit(128 + interrupted.number)


def _complaint(row: Row) -> str:
    return f"{row.source}: {row.status.removeprefix('failed: ')}"


def _report(
    rows: list[Row], code: Code, settings: dict[str, Any], *, out: Path | None, json: bool, complete: bool
) -> None:
    from skmfast.codes.base import describe

    metadata = {**describe(code, per_document=settings["per_document"]), "complete": complete}
    if out is not None and rows:
        from skmfast.codes.rows import write_parquet

        try:
            write_parquet(out, rows, metadata)
        except OSError as error:
            complain(f"--out {out}: cannot be written: {error.strerror or error}")
            raise typer.Exit(FAILED) from None
    if json:
        _print_json(rows, metadata)
    elif rows:
        _print_table(rows, code)


def _print_json(rows: list[Row], metadata: dict[str, object]) -> None:
    import json

    from skmfast.codes.rows import summary

    total = summary(rows)
    print(
        json.dumps(
            {
                **metadata,
                "rows": [row.as_dict() for row in rows],
                "total": {
                    "rows": total.num_ok,
                    "failed": total.num_failed,
                    "bytes": total.num_bytes,
                    "bits": total.bits,
                    "bits_per_byte": total.bits_per_byte,
                },
            },
            indent=2,
        )
    )


def _print_table(rows: list[Row], code: Code) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from skmfast.codes.rows import summary

    screen = console(min_width=60 + max(len(row.source or "") for row in rows))
    settings = ", ".join(f"{name}={value}" for name, value in code.parameters.items())
    title = Text.assemble((code.name, "bold"), f" ({settings})" if settings else "")
    total = summary(rows)
    with_documents = any(row.document is not None for row in rows)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=len(rows) > 1)
    table.add_column("source", overflow="ellipsis", no_wrap=True, footer="total")
    if with_documents:
        table.add_column("document", justify="right", no_wrap=True)
    table.add_column("bytes", justify="right", no_wrap=True, footer=f"{total.num_bytes:,}")
    table.add_column("bits", justify="right", no_wrap=True, footer=_number(total.bits, 1))
    table.add_column("bits/byte", justify="right", no_wrap=True, footer=_number(total.bits_per_byte, 4))
    table.add_column(
        "status", no_wrap=True, footer=f"{total.num_failed:,} failed" if total.num_failed else "ok"
    )
    shown = rows if not screen.is_terminal else rows[:_SHOWN_ROWS]
    for row in shown:
        cells = [_shortened(row.source or "", screen.width - 48 - 10 * with_documents)]
        if with_documents:
            cells.append("" if row.document is None else str(row.document))
        cells += ["" if row.num_bytes is None else f"{row.num_bytes:,}"]
        cells += [_number(row.bits, 1), _number(row.bits_per_byte, 4)]
        status = Text("ok", "green") if row.ok else Text("failed", "red")
        table.add_row(*map(Text, cells), status)
    screen.print(title)
    screen.print(table)
    if len(shown) < len(rows):
        screen.print(f"{len(rows) - len(shown):,} more rows; --out or --json gives them all.")


def _shortened(name: str, width: int) -> str:
    """The name with its beginning cut: the end tells files apart."""
    width = max(width, 16)
    return name if len(name) <= width else "…" + name[-(width - 1) :]


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
