"""``skmfast codelength``: code lengths of files, a row for each."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from skmfast.cli.app import FAILED, app, complain, console, fail, printable, usage_errors
from skmfast.cli.options import Column, Field, Format, Json, Memory, Threads  # noqa: TC001 (typer reads these)

if TYPE_CHECKING:
    from skmfast.cli.progress import Progress
    from skmfast.codes.base import Code
    from skmfast.codes.part_results import PartResults
    from skmfast.codes.rows import Row
    from skmfast.corpora import Source

_POLL_SECONDS = 0.1
# A longer table shows its beginning; every row is in --out and in --json.
_SHOWN_ROWS = 1000


class _Interrupted(BaseException):
    """SIGINT or SIGTERM: finish what is done, and go."""

    def __init__(self, number: int) -> None:
        self.number = number


@app.command()
def codelength(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders (without hidden files), globs, URLs, or - for standard input. .jsonl and"
            " .parquet hold many documents, any other file is one; each also as .gz or .zst.",
            metavar="PATH...",
        ),
    ],
    code: Annotated[
        str,
        typer.Option(
            help="Code, such as context-tree:depth=12 or zstd:19; 'skmfast codes' lists them.", metavar="CODE"
        ),
    ] = "context-tree",
    per_document: Annotated[
        bool,
        typer.Option(
            "--per-document", help="Code each document alone. Without, a file is coded as one corpus."
        ),
    ] = False,
    given: Annotated[
        list[str] | None,
        typer.Option(
            help="Measure what the files add to a reference: bits given these files or folders, read as the"
            " others are. Repeat the option for several. For context-tree and kt.",
            metavar="REFERENCE",
        ),
    ] = None,
    field: Field = "text",
    column: Column = "text",
    format: Format = None,
    threads: Threads = None,
    memory: Memory = None,
    out: Annotated[
        Path | None, typer.Option(help="Write every row to this Parquet file.", dir_okay=False)
    ] = None,
    json: Json = False,
) -> None:
    """Measure how many bits files cost under a code.

    One row per file, or per document. Exit code 1 says that a document failed; its row says why, and the
    others are done. On Ctrl-C the rows that are done are kept. With --out, codes that take long (lm) keep
    their part results in OUT.partial until everything is done: the same command goes on, after a kill too.
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
        if given:
            chosen = _given(chosen, given, settings)
    if out is not None and not os.access(out.parent, os.W_OK):
        fail(f"--out {out}: the folder does not exist or cannot be written to")

    sources = list(expand(paths))
    if out is not None and any(_same_file(source.path, out) for source in sources):
        fail(f"--out {out}: is one of the inputs")

    parts = _part_results(out, chosen)
    settings["parts"] = parts
    rows: list[Row] = []
    interrupted: _Interrupted | None = None
    try:
        with _interrupts(), Progress("coding") as progress:
            progress.total(sum(source.num_bytes for source in sources))
            for row in _in_background(_all_rows(sources, chosen, progress, settings)):
                rows.append(row)
                if not row.ok:
                    progress.complain(_complaint(row))
        if parts is not None:
            parts.flush()
    except _Interrupted as caught:
        interrupted = caught
    _report(rows, chosen, settings, out=out, json=json, complete=interrupted is None)
    if interrupted is not None:
        _leave(interrupted, len(rows), out)
    if not all(row.ok for row in rows):
        raise typer.Exit(FAILED)
    if parts is not None:
        from skmfast.codes.part_results import discard_parts

        discard_parts(parts.folder)


def _part_results(out: Path | None, code: Code) -> PartResults | None:
    """Part results, kept in a folder until ``out`` is written."""
    from skmfast.codes.measure import keeps_parts
    from skmfast.codes.part_results import PartResults

    if out is None or not keeps_parts(code):
        return None
    folder = out.with_name(f"{out.name}.partial")
    if folder.exists() and not folder.is_dir():
        fail(f"{folder}: is no folder, and part results would be kept in it")
    return PartResults(folder)


def _given(code: Code, paths: list[str], settings: dict[str, Any]) -> Code:
    """The code given the documents of ``paths``."""
    from skmfast.codes.reference import ConditionalCode
    from skmfast.corpora import Document, expand

    if not isinstance(code, ConditionalCode):
        raise ValueError(f"--given: {code.name} has no lengths given a reference; context-tree and kt do")
    reading = {name: settings[name] for name in ("field", "column", "format", "max_document_bytes")}
    reference = []
    for source in expand(paths):
        for item in source.documents(**reading):
            if not isinstance(item, Document):
                raise ValueError(f"--given: {item.source}: {item.reason}")
            reference.append(item.data)
    if not any(map(len, reference)):
        raise ValueError(f"--given: {', '.join(paths)}: empty, 0 bytes in {len(reference):,} documents")
    return code.given(reference, threads=settings["threads"], memory=settings["memory"])


def _same_file(path: str | None, out: Path) -> bool:
    try:
        return path is not None and os.path.samefile(path, out)
    except (OSError, ValueError):
        return False


def _all_rows(
    sources: list[Source], code: Code, progress: Progress, settings: dict[str, Any]
) -> Iterator[Row]:
    from skmfast.codes.measure import measure

    done = 0
    for source in sources:
        progress.subject(source.name)

        def report(fraction: float, source: Source = source, before: int = done) -> None:
            progress.done(before + int(fraction * source.num_bytes))

        coded = 0
        for row in measure(source, code, progress=report, **settings):
            yield row
            # Decompressed bytes run ahead of those on disk.
            coded = min(coded + (row.num_bytes or 0), source.num_bytes)
            progress.done(done + coded)
        done += source.num_bytes
        progress.done(done)


def _in_background(rows: Iterator[Row]) -> Iterator[Row]:
    """``rows``, made in another thread so that this one hears signals while the core computes."""
    outcomes: SimpleQueue[Row | BaseException | None] = SimpleQueue()

    def work() -> None:
        try:
            for row in rows:
                outcomes.put(row)
        except BaseException as error:
            outcomes.put(error)
        else:
            outcomes.put(None)

    threading.Thread(target=work, name="skmfast-codelength", daemon=True).start()
    while True:
        try:
            outcome = outcomes.get(timeout=_POLL_SECONDS)
        except Empty:
            continue
        if outcome is None:
            return
        if isinstance(outcome, BaseException):
            raise outcome
        yield outcome


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
    kept = ""
    if out is not None and num_rows:
        kept = f"; {num_rows:,} {'row that was' if num_rows == 1 else 'rows that were'} done: {out}"
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
    result = {
        **metadata,
        "rows": [row.as_dict() for row in rows],
        "total": {
            "rows": total.num_ok,
            "failed": total.num_failed,
            "bytes": total.num_bytes,
            "bits": total.bits,
            "bits_per_byte": total.bits_per_byte,
        },
    }
    print(json.dumps(result, indent=2))


def _print_table(rows: list[Row], code: Code) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from skmfast.codes.registry import written
    from skmfast.codes.rows import summary

    total = summary(rows)
    failed = f"{total.num_failed:,} failed" if total.num_failed else "ok"
    header = ["source", "document", "bytes", "bits", "bits/byte", "status"]
    shown = [_cells(row) for row in rows[:_SHOWN_ROWS]]
    footer = [
        "total",
        "",
        f"{total.num_bytes:,}",
        _number(total.bits, 0),
        _number(total.bits_per_byte, 4),
        failed,
    ]
    if not any(cells[1] for cells in shown):
        for cells in (header, footer, *shown):
            del cells[1]
    widths = [max(map(len, column)) for column in zip(header, footer, *shown, strict=True)]
    spaces = 3 * len(widths)
    screen = console(min_width=sum(widths) + spaces)
    for_source = max(screen.width - sum(widths[1:]) - spaces, 16)

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=len(rows) > 1)
    for name, width, foot in zip(header, widths, footer, strict=True):
        if name in ("source", "status"):
            table.add_column(name, no_wrap=True, footer=foot)
        else:
            table.add_column(name, justify="right", no_wrap=True, min_width=width, footer=foot)
    for row, cells in zip(rows, shown, strict=False):
        cells[0] = _shortened(cells[0], for_source)
        table.add_row(*map(Text, cells[:-1]), Text(cells[-1], "green" if row.ok else "red"))
    settings = ", ".join(f"{name}={written(value)}" for name, value in code.parameters.items())
    screen.print(Text.assemble((code.name, "bold"), f" ({settings})" if settings else ""))
    screen.print(table)
    if len(shown) < len(rows):
        screen.print(f"{len(rows) - len(shown):,} more rows; --out or --json gives them all.")


def _cells(row: Row) -> list[str]:
    return [
        printable(row.source or ""),
        "" if row.document is None else str(row.document),
        "" if row.num_bytes is None else f"{row.num_bytes:,}",
        _number(row.bits, 0),
        _number(row.bits_per_byte, 4),
        "ok" if row.ok else "failed",
    ]


def _shortened(name: str, width: int) -> str:
    """The name with its beginning cut: the end tells files apart."""
    return name if len(name) <= width else "…" + name[-(width - 1) :]


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
