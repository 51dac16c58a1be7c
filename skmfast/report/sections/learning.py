"""How it is learnt: bits per byte of the next block against bytes seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.codes.registry import make_code
from skmfast.report.html import figure, missing, paragraph
from skmfast.report.jobs import Job, Unavailable
from skmfast.report.numerals import fixed, short
from skmfast.report.sections.costs import MAIN, main_bits
from skmfast.report.svg import Axis, Plot
from skmfast.report.tables import made, reason_of, without

if TYPE_CHECKING:
    from skmfast.laws.tables import Table
    from skmfast.report.gathering import Gathered
    from skmfast.report.settings import Settings

title = "How it is learnt"
_SMALLEST_BLOCK = 256
_LEAST_BLOCKS = 4
_SECONDS_PER_BYTE = 3.5e-7


def jobs(corpus: Gathered, settings: Settings, threads: int) -> dict[str, Job]:
    """Lengths of the beginning, of twice as much, and so on; all of it is measured with the costs."""
    made_jobs = {}
    for size in _sizes(corpus.num_bytes)[:-1]:
        documents = _beginning(corpus, size)

        def run(documents: list[bytes | memoryview] = documents) -> float:
            return make_code(MAIN).lengths(documents, threads=threads, memory=settings.memory).bits

        made_jobs[f"first {size}"] = Job("measuring the learning curve", size * _SECONDS_PER_BYTE, run)
    return made_jobs


def _sizes(total: int) -> list[int]:
    sizes = []
    while total >= _SMALLEST_BLOCK:
        sizes.append(total)
        total //= 2
    return sizes[::-1] if len(sizes) > _LEAST_BLOCKS else []


def _beginning(corpus: Gathered, size: int) -> list[bytes | memoryview]:
    documents = []
    for document in corpus.documents:
        if size <= 0:
            break
        documents.append(document[:size])
        size -= len(document)
    return documents


def tables(corpus: Gathered, settings: Settings, results: dict[str, Any]) -> dict[str, Table]:
    """``learning``: a row for each block."""
    sizes = _sizes(corpus.num_bytes)
    if not sizes:
        least = _SMALLEST_BLOCK << _LEAST_BLOCKS
        reason = f"too little data for a curve: {corpus.num_bytes:,} bytes, not at least {least:,}"
        return {"learning": without("learning", reason)}
    bits = [*(results[f"first {size}"] for size in sizes[:-1]), main_bits(results)]
    failed = [each for each in bits if isinstance(each, Unavailable)]
    if failed:
        return {"learning": without("learning", failed[0])}
    seen = np.array([0, *sizes[:-1]])
    ends = np.array(sizes)
    rates = np.diff([0.0, *bits]) / (ends - seen)
    return {"learning": made("learning", {"seen": seen, "end": ends, "bits_per_byte": rates}, {"code": MAIN})}


def draw(tables: dict[str, Table]) -> str:
    """The curve in steps, a block each."""
    table = tables["learning"]
    reason = reason_of(table)
    if reason is not None:
        return missing("No learning curve:", f"{reason}.", "learning")
    columns = table.columns
    seen, ends, rates = columns["seen"], columns["end"], columns["bits_per_byte"]
    edges = np.array([ends[0] / 2, *ends])
    plot = Plot(
        Axis.over("bytes seen", edges, log=True, unit="B"),
        Axis.over("bits per byte of the next block", rates, zero=True),
        "Learning curve",
        f"Bits per byte of successive blocks, each as long as all before it: {fixed(rates[0], 2)} in the"
        f" first, {fixed(rates[-1], 2)} in the last, after {short(float(seen[-1]), 'B')}.",
    )
    plot.steps(edges, np.append(rates, rates[-1]), "s1", f"{table.metadata['code']}")
    change = rates[-2] - rates[-1]
    text = (
        f"Each block is as long as everything before it. The last costs {fixed(rates[-1], 3)} bits per byte,"
        f" {fixed(abs(change), 3)} {'less' if change >= 0 else 'more'} than the one before."
    )
    return paragraph(text) + figure(plot, "learning")
