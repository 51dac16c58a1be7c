"""``skmfast demo``: a real text under every code, there and back."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from skmfast.cli.app import FAILED, app, complain, console

if TYPE_CHECKING:
    from rich.table import Table

    from skmfast.codes.base import Code

_BAR_CELLS = 20


@dataclass(frozen=True, slots=True)
class _Result:
    spec: str
    bits_per_byte: float
    megabytes_per_s: float
    round_trip: bool | None


@app.command()
def demo() -> None:
    """Compare every code on a text that Python ships.

    It is decoded again, too, and no network is needed.
    """
    from skmfast.cli.progress import Progress
    from skmfast.codes.registry import comparison, make_code

    text = demo_text()
    specs = comparison()
    results = []
    with Progress("coding") as progress:
        progress.total(len(text) * len(specs))
        for index, spec in enumerate(specs):
            progress.subject(spec)
            results.append(_measure(spec, make_code(spec), text))
            progress.done(len(text) * (index + 1))
    results.sort(key=lambda result: result.bits_per_byte)

    screen = console()
    version = ".".join(map(str, sys.version_info[:3]))
    screen.print(f"The help topics of Python {version}: {len(text):,} bytes of English and code.\n")
    screen.print(_table(results))
    screen.print("bits/byte counts every bit that decoding needs but the size; MB/s is for the length alone.")
    damaged = [result.spec for result in results if result.round_trip is False]
    if damaged:
        complain(f"decoding gave other bytes than were encoded: {', '.join(damaged)}")
        raise typer.Exit(FAILED)


def demo_text() -> bytes:
    """The help topics that every Python ships, in alphabetical order: about 0.7 MB of English."""
    from pydoc_data.topics import topics

    return "\n\n".join(f"{name}\n{'=' * len(name)}\n{topics[name]}" for name in sorted(topics)).encode()


def _measure(spec: str, code: Code, text: bytes) -> _Result:
    from skmfast.codes.base import DecodableCode

    start = time.perf_counter()
    lengths = code.lengths([text])
    seconds = time.perf_counter() - start
    round_trip = None
    if isinstance(code, DecodableCode):
        round_trip = code.decode(code.encode(text), len(text)) == text
    return _Result(spec, lengths.bits_per_byte, len(text) / 1e6 / max(seconds, 1e-9), round_trip)


def _table(results: list[_Result]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from skmfast.codes.registry import ENTRIES

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("code", no_wrap=True)
    table.add_column("bits/byte", justify="right", no_wrap=True)
    table.add_column("of 8 bits", no_wrap=True, min_width=_BAR_CELLS)
    table.add_column("MB/s", justify="right", no_wrap=True)
    table.add_column("decoded", no_wrap=True)
    outcomes = {True: Text("identical", "green"), False: Text("DIFFERS", "red"), None: Text("-", "dim")}
    for result in results:
        peer = ENTRIES[result.spec.partition(":")[0]].external
        cells = max(1, round(result.bits_per_byte / 8 * _BAR_CELLS))
        table.add_row(
            Text(result.spec, "" if peer else "bold"),
            f"{result.bits_per_byte:.3f}",
            Text("━" * cells, "bright_black" if peer else "green"),
            _rate(result.megabytes_per_s),
            outcomes[result.round_trip],
        )
    return table


def _rate(megabytes_per_s: float) -> str:
    return f"{megabytes_per_s:,.1f}" if megabytes_per_s < 1000 else "> 1,000"
