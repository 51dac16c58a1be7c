"""The documents one by one: bits of each alone and given the others, and which stand out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.codes.context_tree import ContextTree
from skmfast.report.excerpts import excerpt_html, name_html
from skmfast.report.html import figure, missing, paragraph, row
from skmfast.report.jobs import Job, Unavailable
from skmfast.report.numerals import counted, fixed, short, whole
from skmfast.report.sections.costs import MAIN
from skmfast.report.svg import Axis, Plot
from skmfast.report.tables import made, reason_of, without

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.laws.tables import Table
    from skmfast.report.gathering import Gathered
    from skmfast.report.settings import Settings

    Floats = npt.NDArray[np.float64]

title = "Document by document"
_EXCERPT_BYTES = 420
_SHOWN = 3
# Shorter ones are mostly the price of starting from nothing.
_LEAST_BYTES = 64
_LEAST_DOCUMENTS = 3
# A part of the documents is measured given all others of the sample, then the next part.
_PARTS = 4
# Given others, a byte takes some 12 microseconds.
_MEASURED_BYTES = 800_000
_MOST_DOTS = 600


def jobs(corpus: Gathered, settings: Settings, threads: int) -> dict[str, Job]:
    """Each document, or passage, of an even sample: alone, and given the others."""
    data = corpus.passages(settings).data
    sample = _sample(corpus, settings)
    measured = _measured(corpus, settings)
    if len(measured) < _LEAST_DOCUMENTS:
        return {}
    size = sum(len(data[at]) for at in measured)
    known = sum(len(data[at]) for at in sample)

    def alone() -> Floats | None:
        documents = [data[at] for at in measured]
        lengths = ContextTree().lengths(documents, per_document=True, threads=threads, memory=settings.memory)
        return lengths.per_document

    def given_others(part: int) -> Floats | None:
        mine = measured[part::_PARTS]
        others = sorted(set(sample) - set(mine))
        code = ContextTree().given([data[at] for at in others], threads=threads, memory=settings.memory)
        return code.lengths([data[at] for at in mine], per_document=True, threads=threads).per_document

    found = {"alone": Job("coding documents one by one", size * 3.5e-7, alone)}
    for part in range(_PARTS):
        seconds = known * 6e-7 + size / _PARTS * 1.5e-5
        found[f"others {part}"] = Job(
            "coding documents given the others", seconds, partial(given_others, part)
        )
    return found


def _sample(corpus: Gathered, settings: Settings) -> list[int]:
    """Places of the passages that are known: all, or every k-th so that they fit the sample."""
    data = corpus.passages(settings).data
    places = [at for at, each in enumerate(data) if len(each) >= _LEAST_BYTES]
    total = sum(len(data[at]) for at in places)
    return places if total <= 2 * settings.sample_bytes else places[:: -(-total // settings.sample_bytes)]


def _measured(corpus: Gathered, settings: Settings) -> list[int]:
    """Places of those that are measured: all that are known, or every k-th."""
    data = corpus.passages(settings).data
    places = _sample(corpus, settings)
    total = sum(len(data[at]) for at in places)
    return places[:: max(1, -(-total // _MEASURED_BYTES))]


def tables(corpus: Gathered, settings: Settings, results: dict[str, Any]) -> dict[str, Table]:
    """``documents``: a row for each, with its beginning."""
    passages = corpus.passages(settings)
    chosen = _measured(corpus, settings)
    if len(chosen) < _LEAST_DOCUMENTS:
        reason = f"a distribution needs at least {_LEAST_DOCUMENTS} documents of {_LEAST_BYTES} bytes"
        return {"documents": without("documents", f"{reason}; there are {len(chosen)}")}
    measured = [results["alone"], *(results[f"others {part}"] for part in range(_PARTS))]
    failed = [each for each in measured if isinstance(each, Unavailable)]
    if failed:
        return {"documents": without("documents", failed[0])}
    others = np.zeros(len(chosen))
    for part, bits in enumerate(measured[1:]):
        others[part::_PARTS] = bits
    columns = {
        "name": [passages.names[at] for at in chosen],
        "bytes": [len(passages.data[at]) for at in chosen],
        "alone_bits": np.asarray(measured[0], np.float64),
        "given_bits": others,
        "excerpt": [bytes(passages.data[at][:_EXCERPT_BYTES]) for at in chosen],
    }
    metadata = {"cut": passages.cut, "noun": passages.noun, "of": len(passages.data), "code": MAIN}
    return {"documents": made("documents", columns, metadata)}


# ---- figures ----------------------------------------------------------------------------------------------


def draw(tables: dict[str, Table]) -> str:
    """Histograms, one against the other, and both ends with excerpts."""
    table = tables["documents"]
    reason = reason_of(table)
    if reason is not None:
        return missing("No distribution:", f"{reason}.", "documents")
    alone, given = (table.columns[name] / table.columns["bytes"] for name in ("alone_bits", "given_bits"))
    order = np.argsort(given, kind="stable")
    noun = table.metadata["noun"]
    number = min(_SHOWN, len(order) // 2)
    return "".join(
        [
            paragraph(_words(table, alone, given)),
            row(_histogram(alone, given, noun), _against(table, alone, given)),
            "<h3>Most compressible given the others</h3>",
            *(_quoted(table, alone, given, at) for at in order[:number]),
            "<h3>Least compressible given the others</h3>",
            *(_quoted(table, alone, given, at) for at in order[::-1][:number]),
        ]
    )


def _words(table: Table, alone: Floats, given: Floats) -> str:
    noun, number, of = table.metadata["noun"], len(alone), table.metadata["of"]
    which = (
        counted(number, noun) if number == of else f"{whole(number)} of {counted(of, noun)}, evenly spaced"
    )
    low, middle, high = np.percentile(given, [5, 50, 95])
    text = (
        f"{which}. Coded alone, from nothing, the middle one costs {fixed(float(np.median(alone)), 2)} bits"
        f" per byte; given the others, {fixed(middle, 2)}, and nine in ten between {fixed(low, 2)} and"
        f" {fixed(high, 2)}. What is far below repeats them, what is far above is unlike them."
    )
    if table.metadata["cut"]:
        text += " The corpus has few documents, so passages cut at line breaks stand in for them."
    return text


def _histogram(alone: Floats, given: Floats, noun: str) -> str:
    both = np.concatenate([alone, given])
    spread = float(both.max() - both.min()) or 0.2
    edges = np.linspace(both.min() - 0.01 * spread, both.max() + 0.01 * spread, 41)
    heights, before = (np.histogram(rates, edges)[0] for rates in (given, alone))
    plot = Plot(
        Axis.over("bits per byte", edges),
        Axis.over(f"{noun}s", heights, before, zero=True),
        f"Bits per byte of {noun}s",
        f"Histograms of bits per byte of {len(given):,} {noun}s: given the others from"
        f" {fixed(given.min(), 2)} to {fixed(given.max(), 2)}, alone from {fixed(alone.min(), 2)} to"
        f" {fixed(alone.max(), 2)}.",
    )
    plot.bars(edges, before, "s3", "alone")
    plot.bars(edges, heights, "s1", "given the others")
    return figure(plot, "documents")


def _against(table: Table, alone: Floats, given: Floats) -> str:
    noun = table.metadata["noun"]
    sizes = table.columns["bytes"]
    varied = not table.metadata["cut"] and sizes.max() >= 2 * sizes.min()
    x, label = (sizes, f"bytes in a {noun}") if varied else (alone, "bits per byte, alone")
    shown = np.linspace(0, len(given) - 1, min(len(given), _MOST_DOTS)).astype(np.int64)
    plot = Plot(
        Axis.over(label, x, log=varied, unit="B" if varied else ""),
        Axis.over("bits per byte given the others", given, zero=True),
        "Against size" if varied else "Against bits alone",
        f"Bits per byte of each {noun} given the others against {label}, from {short(float(x.min()))} to"
        f" {short(float(x.max()))}.",
    )
    plot.dots(x[shown], given[shown], "s1", radius=1.6)
    return figure(plot, "documents")


def _quoted(table: Table, alone: Floats, given: Floats, at: int) -> str:
    columns = table.columns
    name, excerpt = str(columns["name"][at]), bytes(columns["excerpt"][at])
    size = whole(columns["bytes"][at])
    said = f"{fixed(given[at], 2)} bits per byte, alone {fixed(alone[at], 2)} · {size} bytes"
    return (
        f'<div class="quoted" data-table="documents"><p>{name_html(name)}<span>{said}</span></p>'
        f"{excerpt_html(excerpt)}</div>"
    )
