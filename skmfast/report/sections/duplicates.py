"""What documents repeat of each other: text in common, and bits of one given the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.codes.registry import make_code
from skmfast.report.excerpts import excerpt_html, name_html
from skmfast.report.html import figure, missing, paragraph, row
from skmfast.report.jobs import Job, Unavailable
from skmfast.report.numerals import counted, fixed, whole
from skmfast.report.sections.costs import MAIN
from skmfast.report.shingles import WINDOW_BYTES, Repeats, Shared, longest_shared, repeats
from skmfast.report.svg import Axis, Plot
from skmfast.report.tables import made, reason_of, without

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.laws.tables import Table
    from skmfast.report.gathering import Gathered, Passages
    from skmfast.report.settings import Settings

title = "What repeats"
# Pairs that are measured: those that share the most, from this share of the later document on.
_LEAST_SHARE = 0.2
_MOST_PAIRS = 200
_SHOWN = 3
_EXCERPT_BYTES = 420
# Costs less than this share of its bits given the other: nearly a copy.
_NEAR_COPY = 0.1


@dataclass(frozen=True)
class Pairs:
    """Repeats of all documents, and for the closest pairs bits alone and given the earlier one."""

    repeats: Repeats
    later: npt.NDArray[np.int64]
    alone_bits: npt.NDArray[np.float64]
    given_bits: npt.NDArray[np.float64]
    shared: list[Shared]


def jobs(corpus: Gathered, settings: Settings, threads: int) -> dict[str, Job]:
    """Fingerprints of everything, then lengths of the closest pairs."""
    data = corpus.passages(settings).data
    if len(data) < 2:
        return {}
    seconds = corpus.num_bytes * 2e-7 + settings.sample_bytes * 3e-7
    return {"pairs": Job("looking for duplicates", seconds, lambda: _pairs(data, settings))}


def _pairs(data: list[bytes | memoryview], settings: Settings) -> Pairs:
    found = repeats(data)
    later = _closest(data, found, settings.sample_bytes)
    code = make_code(MAIN)

    def bits(documents: list[bytes | memoryview]) -> float:
        return code.lengths(documents, threads=1, memory=settings.memory).bits

    alone = [bits([data[at]]) for at in later]
    both = [bits([data[found.partner[at]], data[at]]) for at in later]
    first = [bits([data[found.partner[at]]]) for at in later]
    shared = [longest_shared(data[found.partner[at]], data[at]) for at in later]
    given = np.array(both) - np.array(first)
    return Pairs(found, np.array(later, np.int64), np.array(alone, np.float64), given, shared)


def _closest(data: list[bytes | memoryview], found: Repeats, most_bytes: int) -> list[int]:
    shares = found.repeated / np.maximum(found.fingerprints, 1)
    chosen = []
    for at in np.argsort(-shares, kind="stable")[:_MOST_PAIRS].tolist():
        if shares[at] < _LEAST_SHARE or found.partner[at] < 0:
            break
        size = 2 * (len(data[at]) + len(data[found.partner[at]]))
        if size <= most_bytes:
            most_bytes -= size
            chosen.append(at)
    return chosen


def tables(corpus: Gathered, settings: Settings, results: dict[str, Any]) -> dict[str, Table]:
    """``repeats``: a row for each document; ``duplicates``: a row for each pair."""
    passages = corpus.passages(settings)
    found: Pairs | Unavailable = results.get("pairs", Unavailable("there is one document only"))
    if isinstance(found, Unavailable):
        return {name: without("duplicates", found) for name in ("repeats", "duplicates")}
    shared, later = found.repeats, found.later
    partner = shared.partner[later]
    metadata = {
        "noun": passages.noun,
        "window_bytes": WINDOW_BYTES,
        "code": MAIN,
        "least_share": _LEAST_SHARE,
        "candidates": int((shared.repeated >= _LEAST_SHARE * np.maximum(shared.fingerprints, 1)).sum()),
    }
    rows = {
        "bytes": [len(each) for each in passages.data],
        "fingerprints": shared.fingerprints,
        "repeated": shared.repeated,
    }
    pairs = {
        "name": [passages.names[at] for at in later],
        "earlier": [passages.names[at] for at in partner],
        "bytes": [len(passages.data[at]) for at in later],
        "alone_bits": found.alone_bits,
        "given_bits": found.given_bits,
        "shared_bytes": [each.num_bytes for each in found.shared],
        "excerpt": _excerpts(passages, later, [each.later for each in found.shared]),
        "earlier_excerpt": _excerpts(passages, partner, [each.earlier for each in found.shared]),
    }
    return {"repeats": made("duplicates", rows, metadata), "duplicates": made("duplicates", pairs, metadata)}


def _excerpts(passages: Passages, places: npt.NDArray[np.int64], starts: list[int]) -> list[bytes]:
    """What documents have in common, from its beginning."""
    return [
        bytes(passages.data[at][start : start + _EXCERPT_BYTES])
        for at, start in zip(places, starts, strict=True)
    ]


def draw(tables: dict[str, Table]) -> str:
    """Share repeated, bits given against bits alone, and the closest pairs."""
    reason = reason_of(tables["repeats"])
    if reason is not None:
        return missing("No comparison:", f"{reason}.", "repeats")
    pairs = tables["duplicates"]
    if not len(pairs.columns["bytes"]):
        return paragraph(_words(tables)) + figure(_shares(tables["repeats"]), "repeats")
    saved = pairs.columns["given_bits"] / pairs.columns["alone_bits"]
    noun = pairs.metadata["noun"]
    closest = np.argsort(saved, kind="stable")[:_SHOWN]
    return "".join(
        [
            paragraph(_words(tables)),
            row(figure(_shares(tables["repeats"]), "repeats"), figure(_given(pairs), "duplicates")),
            f"<h3>The closest pairs of {noun}s</h3>",
            *(_quoted(pairs, float(saved[at]), int(at)) for at in closest),
        ]
    )


def _words(tables: dict[str, Table]) -> str:
    table, pairs = tables["repeats"], tables["duplicates"]
    columns, noun = table.columns, table.metadata["noun"]
    share = columns["repeated"].sum() / max(columns["fingerprints"].sum(), 1)
    text = (
        f"{fixed(100 * share, 1)} % of the corpus, in runs of {table.metadata['window_bytes']} bytes and"
        f" more, stands word for word in an earlier {noun}."
    )
    candidates = table.metadata["candidates"]
    if not candidates:
        least = fixed(100 * table.metadata["least_share"], 0)
        return f"{text} No {noun} shares {least} % of its text with earlier ones: there are no duplicates."
    copies = int((pairs.columns["given_bits"] < _NEAR_COPY * pairs.columns["alone_bits"]).sum())
    return (
        f"{text} {counted(candidates, noun)} share{'s' if candidates == 1 else ''} at least"
        f" {fixed(100 * table.metadata['least_share'], 0)} % with earlier ones; of the closest"
        f" {whole(len(pairs.columns['bytes']))} the code length was measured given the nearest earlier one:"
        f" {whole(copies) if copies else 'none'} of them need{'s' if copies < 2 else ''} less than a tenth of"
        f" the bits that {'it takes' if copies < 2 else 'they take'} alone."
    )


def _shares(table: Table) -> Plot:
    noun = table.metadata["noun"]
    shares = table.columns["repeated"] / np.maximum(table.columns["fingerprints"], 1)
    edges = np.linspace(0, 1, 21)
    heights = np.histogram(shares, edges)[0]
    plot = Plot(
        Axis(f"share of a {noun} that is in earlier ones", 0, 1),
        Axis(f"{noun}s", 0.5, max(float(heights.max()), 2.0), log=True),
        "Repeated word for word",
        f"Histogram of the share of each {noun} that stands in earlier ones; {int(heights[0]):,} of"
        f" {int(heights.sum()):,} are below 5 %.",
    )
    plot.bars(edges, heights, "s2")
    return plot


def _given(pairs: Table) -> Plot:
    columns = pairs.columns
    alone, given = columns["alone_bits"] / columns["bytes"], columns["given_bits"] / columns["bytes"]
    plot = Plot(
        Axis.over("bits per byte, alone", alone, zero=True),
        Axis.over("bits per byte given the earlier one", given, alone, zero=True),
        "Bits given the other",
        f"Bits per byte given the nearest earlier {pairs.metadata['noun']} against bits per byte alone, for"
        f" {len(alone):,} pairs; the nearest pair needs {fixed(float(given.min()), 3)}.",
    )
    end = max(plot.x.high, 1e-9)
    plot.line([0, end], [0, end], "s3 dash", "no help")
    plot.dots(alone, given, "s1", "a pair")
    return plot


def _quoted(pairs: Table, saved: float, at: int) -> str:
    columns = pairs.columns
    given = columns["given_bits"][at] / columns["bytes"][at]
    said = (
        f"{whole(columns['bytes'][at])} bytes, {whole(columns['shared_bytes'][at])} of them in one run; given"
        f" the earlier one {fixed(given, 3)} bits per byte, {fixed(100 * saved, 1)} % of those alone"
    )
    sides = "".join(
        f"<div><p>{name_html(str(columns[name][at]))}</p>{excerpt_html(bytes(columns[excerpt][at]), 5)}</div>"
        for name, excerpt in (("earlier", "earlier_excerpt"), ("name", "excerpt"))
    )
    return f'<div class="quoted" data-table="duplicates"><p>{said}</p><div class="sides">{sides}</div></div>'
