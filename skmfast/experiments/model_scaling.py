"""Model scaling: what networks of several sizes lose, which frequencies each keeps, bits per parameter.

Theory: C bits of memory are best spent on elements in order of frequency, so that the loss falls as
C^-(1/d-1) (reverse water-filling), until all that the N sentences stated is kept. The one free number is how
many bits a parameter holds; Allen-Zhu and Li (arXiv 2404.05405) find 2 after long training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skmfast.experiments import figures
from skmfast.experiments.fits import (
    Fit,
    Points,
    crossing,
    exponent_fit,
    find_fit,
    fits_of,
    fits_table,
    interval,
    order_fit,
    points_of,
    scale_fit,
)
from skmfast.experiments.frequency_classes import classes_by_count
from skmfast.experiments.gathering import (
    BLOCK_SCHEMA,
    BLOCKS,
    RUN_SCHEMA,
    Columns,
    Floats,
    columns_of,
    excess,
    grouped_means,
    run_columns,
    sentence_columns,
    table_of,
    trained_on,
    unique,
    where,
)
from skmfast.experiments.grids import Grid

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.experiments.runs import RunConfiguration, RunResult
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge

# "test": means of blocks of test sentences of a class of training counts. "capacity": excess of the best use
# of so many bits. "content": what an element has to be known of it.
SCHEMA = {
    "series": pa.string(),
    **RUN_SCHEMA,
    "low_count": pa.int64(),
    "high_count": pa.int64(),
    "elements": pa.int64(),
    **BLOCK_SCHEMA,
    "capacity_bits": pa.float64(),
    "excess_bits": pa.float64(),
    "name_content_bits": pa.float64(),
    "value_content_bits": pa.float64(),
    "attributes": pa.int64(),
}
ALLEN_ZHU_LI = 2.0
_CAPACITY_POINTS = 60
# A class of fewer test sentences is not followed over sizes.
LEAST_SENTENCES = 25


@dataclass(frozen=True)
class Configuration(Grid):
    """A network for each size and repeat.

    Width, and perhaps layers and learning rate, are replaced by the grid's.

    Attributes
    ----------
    widths : tuple of int
        Of the networks, in any order.
    layers : tuple of int
        For each width, or () for those of ``model``.
    learning_rates : tuple of float
        For each width, or () for that of ``training``.
    """

    widths: tuple[int, ...] = (16, 32, 64)
    layers: tuple[int, ...] = ()
    learning_rates: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("layers", "learning_rates"):
            if getattr(self, name) and len(getattr(self, name)) != len(self.widths):
                raise ValueError(f"{name}: {len(getattr(self, name))} numbers for {len(self.widths)} widths")


def runs(configuration: Configuration) -> list[RunConfiguration]:
    """A run for each size and repeat."""
    number = len(configuration.widths)
    sizes = zip(
        configuration.widths,
        configuration.layers or (configuration.model.layers,) * number,
        configuration.learning_rates or (configuration.training.learning_rate,) * number,
        strict=True,
    )
    return [
        configuration.run(
            configuration.corpus,
            repeat,
            model=replace(configuration.model, width=width, layers=layers),
            training=replace(configuration.training, learning_rate=rate),
        )
        for (width, layers, rate), repeat in product(sizes, configuration.each_repeat())
    ]


# ---- table -------------------------------------------------------------------------------------------------


def table(configuration: Configuration, results: Sequence[RunResult]) -> pa.Table:
    """Blocks of test sentences by run and frequency class; the capacity law of the first repeat's corpus."""
    parts: list[dict[str, Any]] = []
    for place, result in enumerate(results):
        training, test = result.corpora()[0]
        parts.append({"series": "test", **run_columns(result), **_class_blocks(result, training, test)})
        if place == 0:
            source = trained_on(result).stating()
            sentences = sentence_columns(result)
            floor = float(np.mean(excess(sentences, "knowledge", "bayes")))
            parts += [
                {"series": "content", **_contents(source)},
                {"series": "capacity", **_capacity(source, training, floor)},
            ]
    return table_of(parts, SCHEMA)


def _class_blocks(result: RunResult, training: LabelledCorpus, test: LabelledCorpus) -> dict[str, Any]:
    classes = classes_by_count(training.counts)
    about = classes.of_elements[np.asarray(test.elements)]
    blocks = np.arange(len(about)) * BLOCKS // len(about)
    means = grouped_means(sentence_columns(result), about * BLOCKS + blocks)
    which = means["block"] // BLOCKS
    elements = np.bincount(classes.of_elements, minlength=len(classes))
    return {
        **means,
        "block": means["block"] % BLOCKS,
        "low_count": classes.low[which],
        "high_count": classes.high[which],
        "elements": elements[which],
    }


def _contents(source: SyntaxKnowledge) -> dict[str, Any]:
    stated = [source.contents.bits[attribute.name] for attribute in source.contents.stated]
    return {
        "name_content_bits": math.log2(source.contents.num_names),
        "value_content_bits": math.fsum(stated),
        "attributes": len(stated),
    }


def _capacity(source: SyntaxKnowledge, training: LabelledCorpus, floor: float) -> dict[str, Any]:
    """Knowledge excess of a code that keeps the most frequent of the elements seen, and spells out others.

    Notes
    -----
    Keeping an element takes its content, H0 bits. A sentence about one that is not kept costs its name among
    all names, after a sign that it is not kept, and the values it states; the oracle pays for its identity.
    ``floor`` is what the Bayes code pays, for which the elements seen have all been kept.
    """
    counts = np.asarray(training.counts).astype(np.float64)
    frequencies = np.asarray(training.frequencies)
    order = np.argsort(-frequencies, kind="stable")
    order = order[(counts[order] > 0) & (frequencies[order] > 0)]
    seen, content = frequencies[order], _contents(source)
    share = source.syntax.statements / content["attributes"]
    # Of what a sentence states, what was stated before: the rest is in the floor.
    known = 1 - (1 - share) ** counts[order]
    told = content["name_content_bits"] + content["value_content_bits"] * share * known
    rest = _tails(seen)
    with np.errstate(divide="ignore", invalid="ignore"):
        sign = np.where(rest > 0, -rest * np.log2(rest), 0.0)
    lost = np.maximum(_tails(seen * (told + np.log2(seen))) + sign, 0.0)
    kept = np.unique(np.geomspace(1, len(seen), _CAPACITY_POINTS).round().astype(np.int64))
    each = content["name_content_bits"] + content["value_content_bits"]
    return {"capacity_bits": kept * each, "excess_bits": floor + lost[kept]}


def _tails(values: Floats) -> Floats:
    """Sums of all values after the first 0, 1, 2, ..., n of them: (n + 1,)."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)


# ---- fits --------------------------------------------------------------------------------------------------


def fits(table: pa.Table) -> pa.Table:
    """Exponent, order of the classes, bits of knowledge per parameter: stored, and by the capacity law."""
    columns = columns_of(table)
    test = where(columns, series="test")
    discount = float(test["discount"][0]) if len(test["discount"]) else math.nan
    points = total_points(test)
    rows = [
        exponent_fit("exponent", "knowledge", points, 1 / discount - 1),
        exponent_fit("exponent", "above the Bayes code", total_points(test, "bayes"), 1 / discount - 1),
        _capacity_exponent(columns, points, discount),
        scale_fit(
            "bits per parameter",
            "by the capacity law",
            points,
            capacity_law(columns),
            ALLEN_ZHU_LI,
            (1e-3, 30),
        ),
    ]
    curves = class_curves(columns)
    rows.append(_order(curves))
    rows += [_half_gone(curve) for curve in curves]
    rows += stored_bits(columns)
    return fits_table(rows)


def total_points(columns: Columns, floor: str = "oracle") -> Points:
    """Knowledge excess over all classes against parameters."""
    return points_of(
        columns["parameters"],
        excess(columns, "knowledge", "network", floor),
        columns["number"],
        columns["run"],
    )


def capacity_law(columns: Columns) -> Any:
    """Excess as a function of capacity in bits, by interpolation in logarithms."""
    rows = where(columns, series="capacity")
    x, y = np.log(rows["capacity_bits"]), np.log(np.maximum(rows["excess_bits"], 1e-12))

    def predict(capacity_bits: Floats) -> Floats:
        return np.asarray(np.exp(np.interp(np.log(capacity_bits), x, y)))

    return predict


def _capacity_exponent(columns: Columns, points: Points, discount: float) -> Fit:
    """Slope of the capacity law over the range that the networks span, at their bits per parameter."""
    predict = capacity_law(columns)
    factor = scale_fit("", "", points, predict, span=(1e-3, 30)).value
    if math.isnan(factor):
        return Fit(
            "exponent of the capacity law", "knowledge", theory=1 / discount - 1, note="no bits per parameter"
        )
    at = Points(points.x, tuple((np.array([[y], [1.0]]),) for y in predict(factor * points.x)))
    fit = exponent_fit("exponent of the capacity law", "knowledge", at, 1 / discount - 1)
    return replace(fit, low=math.nan, high=math.nan, note="over the same sizes, finite N")


@dataclass(frozen=True)
class ClassCurve:
    """Bits of values that a network lacks of one frequency class, against parameters.

    Attributes
    ----------
    low, high : int
        Training sentences about an element of the class.
    points : Points
        Value bits above the Bayes code's, relative to those of a network that knows no values.
    """

    low: int
    high: int
    points: Points

    @property
    def title(self) -> str:
        """How many training sentences its elements have."""
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,} to {self.high:,}"

    def half_gone(self, shares: Floats) -> float:
        """Parameters at which half is gone; inf if it is not, the smallest network's if it is there."""
        return crossing(self.points.x, shares, 0.5)


def class_curves(columns: Columns) -> list[ClassCurve]:
    """Classes with training sentences and enough test sentences, the most frequent first."""
    content, test, found = where(columns, series="content"), where(columns, series="test"), []
    if not len(content["attributes"]):
        return []
    ignorance = float(content["value_content_bits"][0] / content["attributes"][0])
    sizes = len(unique(test, "parameters"))
    for low in reversed([low for low in unique(test, "low_count") if low > 0]):
        here = where(test, low_count=low)
        known = float(np.average(here["bayes_value_bits"], weights=here["number"]))
        if ignorance <= known:
            continue
        lacking = excess(here, "value", "network", "bayes") / (ignorance - known)
        points = points_of(here["parameters"], lacking, here["number"], here["run"])
        if len(points) == sizes and here["number"].sum() >= LEAST_SENTENCES * len(unique(here, "run")):
            found.append(ClassCurve(int(low), int(here["high_count"][0]), points))
    return found


def _order(curves: list[ClassCurve]) -> Fit:
    at = np.array([curve.half_gone(curve.points.mean) for curve in curves])
    samples = [
        [curve.half_gone(row) for row in curve.points.resampled(seed=place)]
        for place, curve in enumerate(curves)
    ]
    rarity = np.arange(len(curves), dtype=np.float64)
    return order_fit("rank correlation", "classes", rarity, at, np.array(samples).T if samples else None)


def _half_gone(curve: ClassCurve) -> Fit:
    value = curve.half_gone(curve.points.mean)
    group = f"{curve.title} training sentences"
    if not math.isfinite(value):
        return Fit("parameters with half gone", group, points=len(curve.points), note="half is never gone")
    samples = [curve.half_gone(row) for row in curve.points.resampled()]
    return Fit("parameters with half gone", group, value, *interval(samples), points=len(curve.points))


def stored_bits(columns: Columns) -> list[Fit]:
    """Bits of knowledge that each size stores, per parameter, as Allen-Zhu and Li count them.

    An element has log2 M bits of name and the bits of its attributes; what the network still pays for them in
    sentences about elements of its class is not stored.
    """
    content = where(columns, series="content")
    if not len(content["attributes"]):
        return []
    test, found = where(columns, series="test"), []
    name, value = float(content["name_content_bits"][0]), float(content["value_content_bits"][0])
    for parameters in unique(test, "parameters"):
        here = where(test, parameters=parameters)
        per_run = [
            _stored(where(here, run=run), name, value, int(content["attributes"][0]))
            for run in unique(here, "run")
        ]
        stored = np.array(per_run) / parameters
        low, high = interval(stored) if len(stored) > 1 else (math.nan, math.nan)
        group = f"stored, {parameters:,} parameters"
        found.append(
            Fit("bits per parameter", group, float(stored.mean()), low, high, ALLEN_ZHU_LI, len(stored))
        )
    return found


def _stored(columns: Columns, name_bits: float, value_bits: float, attributes: int) -> float:
    total = 0.0
    for low in unique(columns, "low_count"):
        here = where(columns, low_count=low)
        number = here["number"].sum()
        if low == 0 or not number:
            continue
        name = (here["network_name_bits"] * here["number"]).sum() / number
        value = (here["network_value_bits"] * here["number"]).sum() / number
        known = max(name_bits - name, 0.0) + max(value_bits - attributes * value, 0.0)
        total += float(here["elements"][0]) * known
    return total


# ---- figure ------------------------------------------------------------------------------------------------


def draw(table: pa.Table, fits: pa.Table, path: str | os.PathLike[str]) -> None:
    """Excess against parameters with the capacity law; classes against parameters; bits per parameter."""
    columns, found = columns_of(table), fits_of(fits)
    figure, axes = figures.panels(3)
    _total_panel(axes[0], columns, found)
    _class_panel(axes[1], class_curves(columns))
    _bits_panel(axes[2], columns, found)
    figures.dress(
        axes[0], "parameters", "knowledge over the oracle, bits a sentence", "loss against size",
        log_x=True, log_y=True,
    )  # fmt: skip
    figures.dress(
        axes[1],
        "parameters",
        "bits of values lacking, share",
        "by training sentences",
        log_x=True,
    )
    figures.dress(axes[2], "parameters", "bits of knowledge per parameter", "what is stored", log_x=True)
    axes[2].set_ylim(bottom=0)
    axes[0].set_ylim(top=1.8 * axes[0].get_ylim()[1])  # room for the legend
    for panel in (axes[0], axes[2]):
        figures.legend(panel)
    figures.legend_beside(axes[1], "sentences")
    figures.caption(figure, _notes(found))
    figures.save(figure, path)


def _total_panel(axes: Axes, columns: Columns, fits: list[Fit]) -> None:
    test = where(columns, series="test")
    points = total_points(test)
    fit = find_fit(fits, "exponent", "knowledge")
    low, high = np.quantile(points.resampled(), [0.025, 0.975], axis=0)
    label = f"networks: {fit}, theory {fit.theory:.2f}"
    figures.measured(axes, points.x, points.mean, figures.SERIES[0], label, low=low, high=high)
    bayes = points_of(test["parameters"], excess(test, "knowledge", "bayes"), test["number"], test["run"])
    axes.plot(bayes.x, bayes.mean, color=figures.SERIES[1], linewidth=1.0, linestyle="--", label="Bayes code")
    factor = find_fit(fits, "bits per parameter", "by the capacity law")
    law = where(columns, series="capacity")
    if factor.is_fitted:
        parameters = law["capacity_bits"] / factor.value
        shown = (parameters >= points.x[0] / 1.5) & (parameters <= points.x[-1] * 1.5)
        figures.theory(
            axes, parameters[shown], law["excess_bits"][shown],
            f"reverse water-filling, {factor.value:.2g} bits a parameter",
        )  # fmt: skip


def _class_panel(axes: Axes, curves: list[ClassCurve]) -> None:
    axes.axhline(0.5, color=figures.MUTED, linewidth=0.8)
    for curve, color in zip(curves, figures.class_colors(len(curves)), strict=True):
        figures.measured(axes, curve.points.x, curve.points.mean, color, curve.title)
    if not curves:
        figures.say(axes, "no class has enough test sentences")


def _bits_panel(axes: Axes, columns: Columns, fits: list[Fit]) -> None:
    stored = [fit for fit in fits if fit.quantity == "bits per parameter" and fit.group.startswith("stored")]
    x = unique(where(columns, series="test"), "parameters")
    figures.measured(
        axes, x[: len(stored)], [fit.value for fit in stored], figures.SERIES[0], "stored",
        low=[fit.low for fit in stored], high=[fit.high for fit in stored],
    )  # fmt: skip
    figures.theory(axes, [x[0], x[-1]], [ALLEN_ZHU_LI] * 2, "2 bits, Allen-Zhu and Li")
    content = where(columns, series="content")
    test = where(columns, series="test")
    if len(content["attributes"]):
        classes = {low: where(test, low_count=low)["elements"][0] for low in unique(test, "low_count") if low}
        all_of_it = sum(classes.values()) * float(
            content["name_content_bits"][0] + content["value_content_bits"][0]
        )
        figures.theory(axes, x, all_of_it / np.array(x), "all there is to store", color=figures.MUTED)
    axes.set_ylim(0, 1.15 * max([ALLEN_ZHU_LI, *(fit.value for fit in stored)]))


def _notes(fits: list[Fit]) -> list[str]:
    law = find_fit(fits, "exponent of the capacity law", "knowledge")
    order = find_fit(fits, "rank correlation", "classes")
    return [
        f"Exponent of the capacity law over these sizes: {law}; 1/d - 1 is its limit for many sentences.",
        f"Middle: dark classes are frequent. Rank correlation of rarity and size with half gone: {order}.",
    ]
