"""How often things recur: Heaps' and Zipf's laws of words and of short strings of bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.laws.good_turing import unseen_mass
from skmfast.laws.heaps import fit_heaps, heaps_curve, rarefaction
from skmfast.laws.spectrum import Estimate, Spectrum, byte_labels, word_labels
from skmfast.laws.tables import stacked
from skmfast.laws.zipf import fit_zipf
from skmfast.report.excerpts import decoded
from skmfast.report.html import figure, missing, paragraph, row
from skmfast.report.jobs import Job, Unavailable
from skmfast.report.numerals import counted, fixed, whole
from skmfast.report.svg import Axis, Plot
from skmfast.report.tables import made, reason_of, without

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.laws.tables import Table
    from skmfast.report.gathering import Gathered
    from skmfast.report.settings import Settings

    Floats = npt.NDArray[np.float64]

title = "Words and strings"
STRING_BYTES = 4
NAMES = {"words": "words", "strings": f"strings of {STRING_BYTES} bytes"}
METHODS = {
    "heaps": "Heaps, end of the curve",
    "zipf": "Zipf, tail of the counts",
    "partition": "Pitman-Yor, likelihood",
}
# Fewer tokens or different ones say nothing of an exponent.
_LEAST_TOKENS, _LEAST_ELEMENTS = 1000, 50
_RANKS = 200


@dataclass(frozen=True)
class Recurrence:
    """What is measured of one stream of tokens."""

    sizes: npt.NDArray[np.int64]
    elements: npt.NDArray[np.int64]
    rarefied: Floats
    spectrum: Spectrum
    estimates: dict[str, Estimate | Unavailable]
    unseen: Estimate


def jobs(corpus: Gathered, settings: Settings, threads: int) -> dict[str, Job]:
    """Words of everything, strings of the sample."""
    sample, _ = corpus.sample(settings.sample_bytes)
    size = sum(map(len, sample))
    return {
        "words": Job("counting words", corpus.num_bytes * 3e-7, lambda: _measured(_words(corpus))),
        "strings": Job("counting strings", size * 7e-7, lambda: _measured(_strings(sample))),
    }


def _words(corpus: Gathered) -> npt.NDArray[np.int64]:
    if not any(decoded(bytes(each[: 1 << 16])) is not None for each in corpus.documents):
        raise ValueError("this is no text, so there are no words")
    return word_labels(b"\n".join(corpus.documents))


def _strings(documents: list[bytes | memoryview]) -> npt.NDArray[np.int64]:
    # Strings across the border of two documents are few.
    return byte_labels(b"".join(documents), STRING_BYTES)


def _measured(labels: npt.NDArray[np.int64]) -> Recurrence:
    if len(labels) < _LEAST_TOKENS:
        raise ValueError(
            f"too little data for a fit: {len(labels):,} of them, not at least {_LEAST_TOKENS:,}"
        )
    spectrum = Spectrum.of_labels(labels)
    if spectrum.num_elements < _LEAST_ELEMENTS:
        raise ValueError(
            f"too little variety for a fit: {counted(spectrum.num_elements, 'different one')}, not at least"
            f" {_LEAST_ELEMENTS}"
        )
    sizes, elements = heaps_curve(labels)
    return Recurrence(
        sizes,
        elements,
        rarefaction(spectrum, sizes),
        spectrum,
        {
            "heaps": _tried(lambda: fit_heaps(labels).exponent),
            "zipf": _tried(lambda: fit_zipf(spectrum).discount),
            "partition": _tried(lambda: _partition(spectrum)),
        },
        unseen_mass(spectrum),
    )


def _tried(fit: Callable[[], Estimate]) -> Estimate | Unavailable:
    try:
        found = fit()
    except ValueError as error:
        return Unavailable(str(error))
    return found if np.isfinite(found.value) else Unavailable("the fit has no finite value")


def _partition(spectrum: Spectrum) -> Estimate:
    from skmfast.sources.partition_fit import fit_pitman_yor

    fitted = fit_pitman_yor(spectrum.sizes, spectrum.multiplicities)
    return Estimate(fitted.discount, *fitted.discount_interval)


# ---- tables -----------------------------------------------------------------------------------------------


def tables(corpus: Gathered, settings: Settings, results: dict[str, Any]) -> dict[str, Table]:
    """``heaps``, ``zipf`` and ``exponents``, with words and strings one below the other."""
    found: dict[str, Recurrence] = {
        kind: results[kind] for kind in NAMES if not isinstance(results[kind], Unavailable)
    }
    metadata: dict[str, Any] = {
        kind: _summary(found[kind]) if kind in found else {"unavailable": results[kind].reason}
        for kind in NAMES
    }
    metadata["sample"] = corpus.sample(settings.sample_bytes)[1]
    if not found:
        reason = f"Words: {results['words'].reason}. Strings: {results['strings'].reason}."
        return {name: without("frequencies", reason) for name in ("heaps", "zipf", "exponents")}
    curves: list[dict[str, npt.ArrayLike]] = [
        {"of": kind, "tokens": each.sizes, "elements": each.elements, "rarefied": each.rarefied}
        for kind, each in found.items()
    ]
    ranks: list[dict[str, npt.ArrayLike]] = []
    for kind, each in found.items():
        counts = each.spectrum.counts()
        at = np.unique(np.geomspace(1, len(counts), _RANKS).astype(np.int64))
        ranks.append({"of": kind, "rank": at, "count": counts[at - 1]})
    return {
        "heaps": made("frequencies", _texts(stacked(curves)), metadata),
        "zipf": made("frequencies", _texts(stacked(ranks)), metadata),
        "exponents": _exponents(found),
    }


def _texts(columns: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    return {
        name: column.astype(object) if column.dtype.kind == "U" else column
        for name, column in columns.items()
    }


def _summary(each: Recurrence) -> dict[str, Any]:
    return {
        "tokens": each.spectrum.num_tokens,
        "elements": each.spectrum.num_elements,
        "once": each.spectrum.seen(1),
        "unseen": [each.unseen.value, each.unseen.low, each.unseen.high],
    }


def _exponents(found: dict[str, Recurrence]) -> Table:
    rows = [(kind, method, value) for kind, each in found.items() for method, value in each.estimates.items()]
    nan = float("nan")
    numbers = [
        (nan, nan, nan) if isinstance(value, Unavailable) else (value.value, value.low, value.high)
        for _, _, value in rows
    ]
    return made(
        "exponents",
        {
            "of": [kind for kind, _, _ in rows],
            "method": [method for _, method, _ in rows],
            "discount": [each[0] for each in numbers],
            "low": [each[1] for each in numbers],
            "high": [each[2] for each in numbers],
            "unavailable": [value.reason if isinstance(value, Unavailable) else "" for _, _, value in rows],
        },
        {"level": 0.95},
    )


# ---- figures ----------------------------------------------------------------------------------------------


def draw(tables: dict[str, Table]) -> str:
    """Two figures for words, two for strings."""
    reason = reason_of(tables["heaps"])
    if reason is not None:
        return missing("No fit.", reason, "heaps")
    parts = []
    for kind, name in NAMES.items():
        summary = tables["heaps"].metadata[kind]
        if "unavailable" in summary:
            parts.append(missing(f"No fit for {name}:", f"{summary['unavailable']}.", "heaps"))
            continue
        parts.append(paragraph(_sentence(tables, kind)))
        parts.append(row(_heaps(tables, kind), _zipf(tables["zipf"], kind)))
    return "".join(parts)


def _sentence(tables: dict[str, Table], kind: str) -> str:
    summary = tables["heaps"].metadata[kind]
    where = ""
    if kind == "strings" and tables["heaps"].metadata["sample"] != "the whole corpus":
        where = f" (measured on {tables['heaps'].metadata['sample']})"
    unseen = Estimate(*summary["unseen"])
    return (
        f"{whole(summary['tokens'])} {NAMES[kind]}{where}, {whole(summary['elements'])} of them different,"
        f" {whole(summary['once'])} seen only once. By Good and Turing's estimate"
        f" {fixed(100 * unseen.value, 2)} % of what comes next is new."
    )


def _heaps(tables: dict[str, Table], kind: str) -> str:
    curve = tables["heaps"].where(of=kind)
    tokens, elements = curve["tokens"], curve["elements"]
    fitted = tables["exponents"].where(of=kind, method="heaps")
    plot = Plot(
        Axis.over(f"{NAMES[kind]} read", tokens, log=True),
        Axis.over("different ones", elements, log=True),
        f"Heaps' law of {NAMES[kind]}",
        f"Different {NAMES[kind]} against {NAMES[kind]} read, both logarithmic: {whole(elements[-1])}"
        f" different ones after {whole(tokens[-1])}.",
    )
    slope = float(fitted["discount"][0]) if len(fitted["discount"]) else float("nan")
    if np.isfinite(slope):
        tangent = elements[-1] * (tokens / tokens[-1]) ** slope
        plot.line(
            tokens, np.where(tangent >= 1, tangent, np.nan), "s3 dash", f"slope {fixed(slope, 2)} at the end"
        )
    plot.line(tokens, curve["rarefied"], "s2", "in random order")
    plot.line(tokens, elements, "s1", "as read")
    note = (
        "Below the line of random order: the corpus stays with its subjects, and what is new comes in bursts."
        if _is_bursty(elements, curve["rarefied"])
        else ""
    )
    return figure(plot, "heaps", note)


def _is_bursty(elements: npt.NDArray[Any], rarefied: npt.NDArray[Any]) -> bool:
    middle = len(elements) // 2
    return bool(elements[middle] < 0.97 * rarefied[middle])


def _zipf(table: Table, kind: str) -> str:
    points = table.where(of=kind)
    rank, count = points["rank"], points["count"]
    plot = Plot(
        Axis.over("rank", rank, log=True),
        Axis.over("times seen", count, log=True),
        f"Zipf's law of {NAMES[kind]}",
        f"How often each of the {NAMES[kind]} was seen against its rank, both logarithmic, from"
        f" {whole(count[0])} times down to {whole(count[-1])}.",
    )
    plot.line(rank, count[0] / rank, "s3 dash", "rank to the power \u22121")
    plot.line(rank, count, "s1", "counts")
    return figure(plot, "zipf")


def estimates(table: Table, kind: str) -> dict[str, Estimate]:
    """Discounts by method, where there are any."""
    rows = table.where(of=kind)
    return {
        str(method): Estimate(float(value), float(low), float(high))
        for method, value, low, high in zip(
            rows["method"], rows["discount"], rows["low"], rows["high"], strict=True
        )
        if np.isfinite(value)
    }
