"""How it is learnt: bits per byte of the next block against bytes seen, as read and shuffled, and its law."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.codes.registry import make_code
from skmfast.laws.learning_curve import fit_learning_curve
from skmfast.laws.spectrum import Estimate
from skmfast.report.html import figure, missing, paragraph, row
from skmfast.report.jobs import Job, Unavailable
from skmfast.report.numerals import estimate, fixed, short
from skmfast.report.sections.costs import MAIN, main_bits
from skmfast.report.svg import Axis, Plot
from skmfast.report.tables import made, reason_of, without

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.laws.tables import Table
    from skmfast.report.gathering import Gathered
    from skmfast.report.settings import Settings

    Floats = npt.NDArray[np.float64]

title = "How it is learnt"
_SMALLEST_BLOCK = 256
_LEAST_BLOCKS, _MOST_BLOCKS = 4, 12
_SECONDS_PER_BYTE = 3.5e-7
# The law is fitted to prefixes of several orders: so many times the work of one length.
_ORDERS_WORK = 6.4
_RESAMPLES = 400
_LEAST_LAW_BYTES = 50_000
# An interval of the exponent wider than this fixes no law.
_WIDEST = 0.6
# Wider than this, in bits per byte, the interval of the entropy rate says that it is not known.
_LOOSE_RATE = 0.4


def jobs(corpus: Gathered, settings: Settings, threads: int) -> dict[str, Job]:
    """Lengths of the beginning, of twice as much, and so on; all of it is measured with the costs."""
    found = {}
    for size in _sizes(corpus.num_bytes)[:-1]:
        documents = _beginning(corpus, size)

        def run(documents: list[bytes | memoryview] = documents) -> float:
            return make_code(MAIN).lengths(documents, threads=threads, memory=settings.memory).bits

        found[f"first {size}"] = Job("measuring the learning curve", size * _SECONDS_PER_BYTE, run)
    spread = _spread(corpus, settings)

    size = sum(map(len, spread))

    def law() -> Table:
        if size < _LEAST_LAW_BYTES:
            raise ValueError(f"too little data for it: {size:,} bytes, not at least {_LEAST_LAW_BYTES:,}")
        # Where the points do not fix the law, resamples run off; `law_of` sees it.
        with np.errstate(over="ignore", invalid="ignore"):
            return fit_learning_curve(
                spread, MAIN, vocabulary=False, resamples=_RESAMPLES, threads=threads, memory=settings.memory
            ).table()

    seconds = size * _SECONDS_PER_BYTE * _ORDERS_WORK
    return found | {"learning law": Job("fitting the learning curve", seconds, law)}


def _sizes(total: int) -> list[int]:
    sizes: list[int] = []
    while total >= _SMALLEST_BLOCK and len(sizes) < _MOST_BLOCKS:
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


def _spread(corpus: Gathered, settings: Settings) -> list[bytes | memoryview]:
    """The documents, or every k-th passage of a large corpus, so that it is a sample of all of it."""
    step = -(-corpus.num_bytes // (2 * settings.sample_bytes))
    return corpus.documents if step == 1 else corpus.passages(settings).data[::step]


def tables(corpus: Gathered, settings: Settings, results: dict[str, Any]) -> dict[str, Table]:
    """``learning``: a row for each block as read; ``learning_curve``: of each block of shuffled text."""
    law = results["learning law"]
    return {
        "learning": _as_read(corpus, results),
        "learning_curve": without("learning", law) if isinstance(law, Unavailable) else law,
    }


def _as_read(corpus: Gathered, results: dict[str, Any]) -> Table:
    sizes = _sizes(corpus.num_bytes)
    if not sizes:
        least = _SMALLEST_BLOCK << _LEAST_BLOCKS
        return without("learning", f"too little data for a curve: {corpus.num_bytes:,} bytes, not {least:,}")
    bits = [*(results[f"first {size}"] for size in sizes[:-1]), main_bits(results)]
    failed = [each for each in bits if isinstance(each, Unavailable)]
    if failed:
        return without("learning", failed[0])
    seen, ends = np.array([0, *sizes[:-1]]), np.array(sizes)
    rates = np.diff([0.0, *bits]) / (ends - seen)
    return made("learning", {"seen": seen, "end": ends, "bits_per_byte": rates}, {"code": MAIN})


# ---- what the page and other sections read ----------------------------------------------------------------


def law_of(table: Table) -> dict[str, Estimate] | None:
    """Entropy rate ``"E"`` and exponent ``"a"`` of the law; None where there is none or it is not fixed."""
    if _reason(table) is not None:
        return None
    rate = Estimate(*table.metadata["entropy_rate"])
    hilberg = Estimate(*table.metadata["hilberg_exponent"])
    return {"E": rate, "a": Estimate(1 - hilberg.value, 1 - hilberg.high, 1 - hilberg.low)}


def _reason(table: Table) -> str | None:
    """Why there is no law."""
    reason = reason_of(table)
    if reason is not None or table.metadata["fit"] is None:
        return reason or str(table.metadata["reason"])
    _, low, high = table.metadata["hilberg_exponent"]
    if not high - low <= _WIDEST:
        return "the points do not fix an exponent"
    return None


def draw(tables: dict[str, Table]) -> str:
    """The curve as read and shuffled, and what is above the entropy rate."""
    read, shuffled = tables["learning"], tables["learning_curve"]
    reason = reason_of(read)
    if reason is not None:
        return missing("No learning curve:", f"{reason}.", "learning")
    law = law_of(shuffled)
    if law is None:
        return "".join(
            [
                paragraph(_block_words(read)),
                figure(_curve(read, None), "learning"),
                missing("No law of the curve:", f"{_reason(shuffled)}.", "learning_curve"),
            ]
        )
    return "".join(
        [
            paragraph(_block_words(read)),
            paragraph(_law_words(shuffled, law)),
            row(
                figure(_curve(read, shuffled), "learning learning_curve"),
                figure(_excess(shuffled, law), "learning_curve"),
            ),
            paragraph(_caution(shuffled), "note"),
        ]
    )


def _block_words(table: Table) -> str:
    rates = table.columns["bits_per_byte"]
    change = float(rates[-2] - rates[-1])
    return (
        f"As read, the second half of the corpus costs {fixed(rates[-1], 3)} bits per byte given the first,"
        f" {fixed(abs(change), 3)} {'less' if change >= 0 else 'more'} than the quarter before it."
    )


def _law_words(table: Table, law: dict[str, Estimate]) -> str:
    error = table.metadata["forecast_error"]
    checked = (
        f" The law of the first half alone predicts the second to {fixed(100 * abs(error), 1)} %."
        if error is not None and np.isfinite(error)
        else ""
    )
    rate = law["E"]
    text = (
        "Shuffled, so that every prefix is a random sample of all, bits per byte fall as E + A/n^a with an"
        f" exponent a of {estimate(law['a'])} towards an entropy rate E of {estimate(rate)} bits per byte"
        f" under this code; Hilberg's exponent is 1 \u2212 a.{checked}"
    )
    if rate.high - rate.low > _LOOSE_RATE:
        text += (
            " The curve is still falling: so wide an interval says that E cannot be told from this much data."
        )
    return text


def _caution(table: Table) -> str:
    size = short(float(table.metadata["bytes"]), "B")
    return (
        f"Measured on {size}. Intervals are 95 % over resampled points: how well the points fix the law, not"
        " whether the law goes on beyond them."
    )


def _curve(read: Table, shuffled: Table | None) -> Plot:
    columns = read.columns
    rates, edges = columns["bits_per_byte"], np.array([columns["end"][0] / 2, *columns["end"]])
    levels = [rates] if shuffled is None else [rates, shuffled.columns["bits_per_byte"]]
    plot = Plot(
        Axis.over("bytes seen", edges, log=True, unit="B"),
        Axis.over("bits per byte of the next block", *levels, zero=True),
        "Learning curve",
        "Bits per byte of successive blocks, each as long as all before it:"
        f" {fixed(rates[0], 2)} in the first, {fixed(rates[-1], 2)} in the last.",
    )
    plot.steps(edges, np.append(rates, rates[-1]), "s3", "as read")
    if shuffled is not None:
        places, end = _places(shuffled), float(edges[-1])
        parameters = shuffled.metadata["fit"]["parameters"]
        n = np.geomspace(float(places[0]), max(end, float(places[-1])), 60)
        plot.line(n, parameters["E"] + parameters["A"] * n ** -parameters["a"], "s1", "law")
        plot.dots(places, shuffled.columns["bits_per_byte"], "s1", "shuffled")
    return plot


def _excess(table: Table, law: dict[str, Estimate]) -> Plot:
    places, parameters = _places(table), table.metadata["fit"]["parameters"]
    above = table.columns["bits_per_byte"] - parameters["E"]
    fitted = parameters["A"] * places ** -parameters["a"]
    plot = Plot(
        Axis.over("bytes seen", places, log=True, unit="B"),
        Axis.over("bits per byte above E", above, fitted, log=True),
        "What is still to be learnt",
        "Bits per byte above the entropy rate against bytes seen, both axes logarithmic: a line of slope"
        f" \u2212{fixed(law['a'].value, 2)}, from {fixed(float(above[0]), 2)} to"
        f" {fixed(float(above[-1]), 2)}.",
    )
    plot.line(places, fitted, "s3 dash", f"slope \u2212{fixed(law['a'].value, 2)}")
    plot.dots(places, above, "s1", "shuffled")
    return plot


def _places(table: Table) -> Floats:
    from skmfast.laws.learning_curve import middle

    return middle(table.columns["begin_bytes"], table.columns["end_bytes"])
