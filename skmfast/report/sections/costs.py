"""What the corpus costs: bits per byte under every code."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from skmfast.codes.registry import ENTRIES, comparison, make_code
from skmfast.report.html import Column, Markup, bar, listing, paragraph
from skmfast.report.jobs import Job, Unavailable
from skmfast.report.numerals import fixed, short, whole
from skmfast.report.tables import made

if TYPE_CHECKING:
    from skmfast.laws.tables import Table
    from skmfast.report.gathering import Gathered
    from skmfast.report.settings import Settings

title = "What it costs"
MAIN = "context-tree"
# Seconds for a byte, roughly, on one core: what runs first, and which codes are for a sample only.
_SECONDS = {
    "brotli": 4e-6,
    "xz": 1.5e-6,
    "zstd": 1.4e-6,
    "two-part": 1e-6,
    MAIN: 3.5e-7,
    "zlib": 2e-7,
    "bz2": 1.5e-7,
}
_OTHER_SECONDS = 2e-8
# Codes fast enough for all of a large corpus.
_FOR_EVERYTHING = (MAIN, "kt", "uniform")


def jobs(corpus: Gathered, settings: Settings, threads: int) -> dict[str, Job]:
    """Each code on the sample; codes from counts also on the whole, where that is more."""
    sample, _ = corpus.sample(settings.sample_bytes)
    made_jobs = {}
    for spec in comparison():
        made_jobs[f"{spec}, sample"] = _job(spec, sample, settings, threads)
        if spec.partition(":")[0] in _FOR_EVERYTHING and sample is not corpus.documents:
            made_jobs[f"{spec}, whole"] = _job(spec, corpus.documents, settings, threads)
    return made_jobs


def _job(spec: str, documents: list[bytes | memoryview], settings: Settings, threads: int) -> Job:
    size = sum(map(len, documents))
    seconds = size * _SECONDS.get(spec.partition(":")[0], _OTHER_SECONDS)

    def run() -> float:
        return make_code(spec).lengths(documents, threads=threads, memory=settings.memory).bits

    return Job(f"coding by {spec}", seconds, run)


def main_bits(results: dict[str, Any]) -> float | Unavailable:
    """Bits of the whole corpus under the main code."""
    found = results.get(f"{MAIN}, whole", results[f"{MAIN}, sample"])
    return found if isinstance(found, Unavailable) else float(found)


def tables(corpus: Gathered, settings: Settings, results: dict[str, Any]) -> dict[str, Table]:
    """``codes``: a row for each, shortest first; nan where a code was not run or failed."""
    sample, which = corpus.sample(settings.sample_bytes)
    whole_too = sample is not corpus.documents
    rows = []
    for spec in comparison():
        on_sample = _bits(results[f"{spec}, sample"])
        on_whole = _bits(results.get(f"{spec}, whole")) if whole_too else on_sample
        rows.append((on_sample if not math.isnan(on_sample) else math.inf, spec, on_sample, on_whole))
    rows.sort()
    return {
        "codes": made(
            "costs",
            {
                "code": [spec for _, spec, _, _ in rows],
                "peer": [ENTRIES[spec.partition(":")[0]].external for _, spec, _, _ in rows],
                "sample_bits": [bits for _, _, bits, _ in rows],
                "whole_bits": [bits for _, _, _, bits in rows],
            },
            {
                "sample_bytes": sum(map(len, sample)),
                "whole_bytes": corpus.num_bytes,
                "sample": which,
                "documents": len(corpus.documents),
            },
        )
    }


def _bits(result: object) -> float:
    return math.nan if result is None or isinstance(result, Unavailable) else float(result)  # type: ignore[arg-type]


def draw(tables: dict[str, Table]) -> str:
    """A row for each code, with bars."""
    table = tables["codes"]
    sample_bytes, whole_bytes = table.metadata["sample_bytes"], table.metadata["whole_bytes"]
    sampled = sample_bytes < whole_bytes
    heading = [Column("code"), Column("bits per byte", True), Column("of 8 bits"), Column("bytes", True)]
    if sampled:
        heading += [Column("on everything", True)]
    rows: list[list[str | Markup]] = []
    ours = []
    columns = table.columns
    for at, (code, peer) in enumerate(zip(columns["code"], columns["peer"], strict=True)):
        rate = columns["sample_bits"][at] / sample_bytes
        share = bar(rate / 8 if math.isfinite(rate) else 0.0, "s3" if peer else "s1")
        rows.append([str(code), fixed(rate, 3), share, whole(columns["sample_bits"][at] / 8)])
        if sampled:
            rows[-1].append(fixed(columns["whole_bits"][at] / whole_bytes, 3))
        if not peer:
            ours.append(at)
    return paragraph(_words(table)) + listing(heading, rows, table="codes", marked=ours)


def _words(table: Table) -> str:
    sample_bytes, whole_bytes = table.metadata["sample_bytes"], table.metadata["whole_bytes"]
    text = (
        "A model that predicts the next byte is a code, and its bits are the size of the file that it would"
        " write. Bold: codes of this project; the others are compression libraries at their strongest"
        " settings."
    )
    if sample_bytes < whole_bytes:
        text += (
            f" To bound the time, all codes are compared on {short(sample_bytes, 'B')}:"
            f" {table.metadata['sample']}. Codes from counts are fast enough for all"
            f" {short(whole_bytes, 'B')}."
        )
    if table.metadata["documents"] > 1:
        text += " The documents are coded as one corpus."
    return text


def main_rate(table: Table) -> float:
    """Bits per byte of the whole corpus under the main code; nan where it failed."""
    at = list(table.columns["code"]).index(MAIN)
    return float(table.columns["whole_bits"][at]) / float(table.metadata["whole_bytes"])
