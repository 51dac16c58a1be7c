"""The documents one by one: how compressible each is, and which are the most and the least so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.codes.registry import make_code
from skmfast.report.excerpts import excerpt_html, name_html
from skmfast.report.html import figure, missing, paragraph, row
from skmfast.report.jobs import Job, Unavailable
from skmfast.report.numerals import counted, fixed, short, whole
from skmfast.report.sections.costs import MAIN
from skmfast.report.svg import Axis, Plot
from skmfast.report.tables import made, reason_of, without

if TYPE_CHECKING:
    from skmfast.laws.tables import Table
    from skmfast.report.gathering import Gathered
    from skmfast.report.settings import Settings

title = "Document by document"
_EXCERPT_BYTES = 420
_SHOWN = 3
# Shorter ones are mostly the price of starting from nothing.
_LEAST_BYTES = 64
_LEAST_DOCUMENTS = 3


def jobs(corpus: Gathered, settings: Settings, threads: int) -> dict[str, Job]:
    """Each document, or passage, of an even sample coded alone."""
    chosen = _chosen(corpus, settings)
    documents = [corpus.passages(settings).data[at] for at in chosen]

    def run() -> object:
        code = make_code(MAIN)
        lengths = code.lengths(documents, per_document=True, threads=threads, memory=settings.memory)
        return lengths.per_document

    if len(chosen) < _LEAST_DOCUMENTS:
        return {}
    return {"alone": Job("coding documents one by one", sum(map(len, documents)) * 3.5e-7, run)}


def _chosen(corpus: Gathered, settings: Settings) -> list[int]:
    """Places of the passages that are measured: all, or every k-th so that they fit the sample."""
    data = corpus.passages(settings).data
    places = [at for at, each in enumerate(data) if len(each) >= _LEAST_BYTES]
    total = sum(len(data[at]) for at in places)
    return places[:: max(1, -(-total // settings.sample_bytes))]


def tables(corpus: Gathered, settings: Settings, results: dict[str, Any]) -> dict[str, Table]:
    """``documents``: a row for each, with its beginning."""
    passages = corpus.passages(settings)
    chosen = _chosen(corpus, settings)
    if len(chosen) < _LEAST_DOCUMENTS:
        reason = f"a distribution needs at least {_LEAST_DOCUMENTS} documents of {_LEAST_BYTES} bytes"
        return {"documents": without("documents", f"{reason}; there are {len(chosen)}")}
    alone = results["alone"]
    if isinstance(alone, Unavailable):
        return {"documents": without("documents", alone)}
    columns = {
        "name": [passages.names[at] for at in chosen],
        "bytes": [len(passages.data[at]) for at in chosen],
        "alone_bits": np.asarray(alone, np.float64),
        "excerpt": [bytes(passages.data[at][:_EXCERPT_BYTES]) for at in chosen],
    }
    metadata = {"cut": passages.cut, "noun": passages.noun, "of": len(passages.data), "code": MAIN}
    return {"documents": made("documents", columns, metadata)}


def draw(tables: dict[str, Table]) -> str:
    """Histogram, bits against size, and both ends with excerpts."""
    table = tables["documents"]
    reason = reason_of(table)
    if reason is not None:
        return missing("No distribution:", f"{reason}.", "documents")
    rates = table.columns["alone_bits"] / table.columns["bytes"]
    order = np.argsort(rates, kind="stable")
    noun = table.metadata["noun"]
    number = min(_SHOWN, len(order) // 2)
    return "".join(
        [
            paragraph(_words(table, rates)),
            row(_histogram(rates, noun), _sizes(table, rates, noun)),
            f"<h3>The most compressible {noun}s</h3>",
            *(_quoted(table, rates, at) for at in order[:number]),
            f"<h3>The least compressible {noun}s</h3>",
            *(_quoted(table, rates, at) for at in order[::-1][:number]),
        ]
    )


def _words(table: Table, rates: Any) -> str:
    noun, number, of = table.metadata["noun"], len(rates), table.metadata["of"]
    which = (
        counted(number, noun) if number == of else f"{whole(number)} of {counted(of, noun)}, evenly spaced,"
    )
    cut = (
        " The corpus has few documents, so passages cut at line breaks stand in for them."
        if table.metadata["cut"]
        else ""
    )
    low, middle, high = np.percentile(rates, [5, 50, 95])
    return (
        f"{which} coded alone, so that each starts from nothing: the middle one costs {fixed(middle, 2)}"
        f" bits per byte, nine in ten between {fixed(low, 2)} and {fixed(high, 2)}.{cut}"
    )


def _histogram(rates: Any, noun: str) -> str:
    spread = float(rates.max() - rates.min())
    edges = (
        np.linspace(rates.min() - 0.01 * spread, rates.max() + 0.01 * spread, 31)
        if spread
        else rates[0] + np.array([-0.1, 0.1])
    )
    heights = np.histogram(rates, edges)[0]
    plot = Plot(
        Axis.over("bits per byte, alone", edges),
        Axis.over(f"{noun}s", heights, zero=True),
        f"Bits per byte of {noun}s",
        f"Histogram of bits per byte of {len(rates):,} {noun}s, from {fixed(rates.min(), 2)} to"
        f" {fixed(rates.max(), 2)}.",
    )
    plot.bars(edges, heights, "s1")
    return figure(plot, "documents")


def _sizes(table: Table, rates: Any, noun: str) -> str:
    sizes = table.columns["bytes"]
    if table.metadata["cut"] or sizes.max() < 2 * sizes.min():
        return ""
    plot = Plot(
        Axis.over("bytes", sizes, log=True, unit="B"),
        Axis.over("bits per byte, alone", rates, zero=True),
        "Against size",
        f"Bits per byte of each {noun} against its size, {short(float(sizes.min()), 'B')} to"
        f" {short(float(sizes.max()), 'B')}.",
    )
    shown = np.linspace(0, len(rates) - 1, min(len(rates), 600)).astype(np.int64)
    plot.dots(sizes[shown], rates[shown], "s1", radius=1.6)
    return figure(plot, "documents", "Short documents cost more: there is less to learn from.")


def _quoted(table: Table, rates: Any, at: int) -> str:
    columns = table.columns
    name, excerpt = str(columns["name"][at]), bytes(columns["excerpt"][at])
    said = f"{fixed(rates[at], 2)} bits per byte · {whole(columns['bytes'][at])} bytes"
    return (
        f'<div class="quoted" data-table="documents"><p>{name_html(name)}<span>{said}</span></p>'
        f"{excerpt_html(excerpt)}</div>"
    )
