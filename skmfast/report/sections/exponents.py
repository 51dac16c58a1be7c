"""What the counts predict: the discount d, and how loss then falls with data and with model size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.laws.spectrum import Estimate
from skmfast.report.html import Column, Markup, drawing, listing, missing, paragraph
from skmfast.report.numerals import fixed, interval, short
from skmfast.report.sections.frequencies import METHODS, NAMES, estimates
from skmfast.report.sections.learning import law_of
from skmfast.report.svg import Axis, Whisker, whiskers
from skmfast.report.tables import reason_of

if TYPE_CHECKING:
    from skmfast.laws.tables import Table
    from skmfast.report.gathering import Gathered
    from skmfast.report.jobs import Job
    from skmfast.report.settings import Settings

title = "What it predicts"
# A discount as near as this to 0 or 1 is the edge of the family: the tail is no power law.
_EDGE = 0.02


def jobs(corpus: Gathered, settings: Settings, threads: int) -> dict[str, Job]:
    """None: the exponents are those of the counts."""
    return {}


def tables(corpus: Gathered, settings: Settings, results: dict[str, Any]) -> dict[str, Table]:
    """None of its own."""
    return {}


def discount_range(table: Table) -> Estimate | None:
    """The d that the estimates of the words (else strings) span: middle one, least and greatest end.

    Estimates at or beyond the edges 0 and 1 are left out; None where no estimate is left.

    Examples
    --------
    >>> from skmfast.report.tables import made
    >>> rows = {"of": ["words"] * 2, "method": ["heaps", "zipf"], "discount": [0.5, 1.4]}
    >>> discount_range(made("exponents", {**rows, "low": [0.4, 1.3], "high": [0.6, 1.5]}))
    Estimate(value=0.5, low=0.4, high=0.6, level=0.95)
    """
    for kind in NAMES:
        found = [each for each in estimates(table, kind).values() if _EDGE < each.value < 1 - _EDGE]
        if found:
            middle = float(np.median([each.value for each in found]))
            low, high = min(each.low for each in found), max(each.high for each in found)
            return Estimate(middle, max(low, 0.0), min(high, 1.0))
    return None


def data_exponent(discount: Estimate) -> Estimate:
    """1 - d: how fast the loss falls with data.

    Examples
    --------
    >>> data_exponent(Estimate(0.5, 0.4, 0.75)).low
    0.25
    """
    return Estimate(1 - discount.value, 1 - discount.high, 1 - discount.low)


def model_exponent(discount: Estimate) -> Estimate:
    """1/d - 1: how fast the loss falls with model size.

    Examples
    --------
    >>> model_exponent(Estimate(0.5, 0.4, 0.8)).low
    0.25
    """
    low = 1 / discount.low - 1 if discount.low > 0 else math.inf
    return Estimate(1 / discount.value - 1, 1 / discount.high - 1, low)


def draw(tables: dict[str, Table]) -> str:
    """Estimates of d with their intervals, exponents, and what they mean."""
    table = tables["exponents"]
    reason = reason_of(table)
    if reason is not None:
        return missing("No prediction.", reason, "exponents")
    parts = [paragraph(_premise()), _figure(table), _complaints(table)]
    discount = discount_range(table)
    if discount is None:
        why = "no estimate of d lies between 0 and 1: the counts do not have the tail that the laws speak of."
        return "".join([*parts, missing("No prediction:", why, "exponents")])
    parts += [
        _laws(discount, law_of(tables["learning_curve"])),
        paragraph(Markup(_meaning(discount))),
        _caution(discount),
    ]
    return "".join(parts)


def _premise() -> Markup:
    return Markup(
        "In the Syntax-Knowledge model (Pan, Wang and Li, arXiv 2504.09597) one number, the discount"
        " <i>d</i>, says how heavy the tail of rare things is, and with it how loss falls: with data as"
        " <i>N</i><sup>&minus;(1&minus;<i>d</i>)</sup>, with model size as"
        " <i>C</i><sup>&minus;(1/<i>d</i>&minus;1)</sup>. Here words and strings stand in for the model's"
        " elements of knowledge: three estimates of <i>d</i> from the same counts, by different means."
    )


def _figure(table: Table) -> str:
    rows = []
    for kind, name in NAMES.items():
        for method, value in estimates(table, kind).items():
            label = f"{name.split()[0]}, {METHODS[method].split()[0].strip(',')}"
            rows.append(Whisker(label, value.value, value.low, value.high, "s1" if kind == "words" else "s3"))
    if not rows:
        return ""
    axis = Axis.over("discount d", [0.0, 1.0], [each.value for each in rows])
    said = "; ".join(f"{each.name} {fixed(each.value, 2)}" for each in rows)
    alt = f"Estimates of the discount d with 95 % intervals: {said}."
    note = "Line: 95 % interval, often narrower than the dot. Estimates outside 0 to 1 are left out below."
    return drawing(whiskers(rows, axis, alt), "The discount d by three methods", "exponents", note)


def _complaints(table: Table) -> str:
    columns = table.columns
    found = [
        f"{NAMES[str(kind)]}, {METHODS[str(method)]}: {reason}"
        for kind, method, reason in zip(columns["of"], columns["method"], columns["unavailable"], strict=True)
        if reason
    ]
    return missing("Not estimated:", "; ".join(found) + ".", "exponents") if found else ""


def _laws(discount: Estimate, measured: dict[str, Estimate] | None) -> str:
    data, model = data_exponent(discount), model_exponent(discount)
    rows: list[list[str | Markup]] = [
        ["discount d", fixed(discount.value, 2), interval(discount.low, discount.high)],
        ["data exponent 1 \u2212 d", fixed(data.value, 2), interval(data.low, data.high)],
        ["model exponent 1/d \u2212 1", fixed(model.value, 2), interval(model.low, model.high)],
        _factor_row("data for half the reducible loss", data),
        _factor_row("model size for half the reducible loss", model),
    ]
    if measured is not None:
        found = measured["a"]
        name = "measured on the learning curve: a"
        rows.insert(2, [name, fixed(found.value, 2), interval(found.low, found.high)])
    heading = [
        Column("predicted from the counts"),
        Column("middle", True),
        Column("range", True),
    ]
    return listing(heading, rows, table="exponents")


def _factor_row(name: str, exponent: Estimate) -> list[str | Markup]:
    ends = (_halving(exponent.high), _halving(exponent.low))
    return [
        name,
        f"\u00d7\u2009{_factor(_halving(exponent.value))}",
        f"{_factor(ends[0])} to {_factor(ends[1])}",
    ]


def _halving(exponent: float) -> float:
    """By which factor x must grow for x^-exponent to fall to one half."""
    return 2 ** (1 / exponent) if exponent > 1e-3 else math.inf


def _factor(value: float) -> str:
    if not math.isfinite(value) or value > 1e6:
        return "more than a million"
    return short(value) if value >= 100 else fixed(value, 1)


def _meaning(discount: Estimate) -> str:
    d = discount.value
    data, model = (fixed(100 * 10**-power, 0) for power in (1 - d, 1 / d - 1))
    return (
        f"Read with <i>d</i> = {fixed(d, 2)}: ten times the data would leave {data} % of the loss that more"
        f" data can still remove, and a model ten times as large {model} % of the loss that size can remove."
        f" What is worth remembering grows as <i>N</i><sup>{fixed(d, 2)}</sup>, and so should the model."
        " Where compute is data times size, data would best grow as its power"
        f" {fixed(1 / (1 + d), 2)} and size as its power {fixed(d / (1 + d), 2)}."
    )


def _caution(discount: Estimate) -> str:
    spread = discount.high - discount.low
    text = (
        "These are predictions of a model from counts of surface forms, not measurements of a network: a fact"
        " is not a word, the local exponents approach their limits slowly, and syntax adds a term of its own"
        " that falls faster."
    )
    if spread > 0.1:
        text += (
            " The methods disagree by more than their intervals: the counts are not exactly those of a"
            " Pitman-Yor process, and the range is the honest answer."
        )
    return paragraph(text, "note")
