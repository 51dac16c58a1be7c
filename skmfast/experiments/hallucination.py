"""Hallucination: wrong answers by how often the training mentions the element asked about, and why.

Theory: what was not stated, or did not fit, can only be guessed from the base measure, which is wrong with
probability 1 - 2^-H. So an attribute of an element of c training sentences is answered wrongly at the rate
(1 - 2^-H) (1 - r)^c, r being the share of its sentences that state the attribute; over fresh sentences the
rate is the mass of what is unseen, which Good-Turing's N_1/n estimates from the training. Kalai, Nachum,
Vempala and Zhang (arXiv 2509.04664) bound it from below for calibrated models; a model that is calibrated is
not *confidently* wrong, which is counted apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skmfast.experiments import figures
from skmfast.experiments.fits import Fit, Points, find_fit, fits_of, fits_table, mean_fit, points_of
from skmfast.experiments.frequency_classes import classes_by_count
from skmfast.experiments.gathering import (
    BLOCKS,
    RUN_SCHEMA,
    Columns,
    Floats,
    columns_of,
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

# "queries": blocks of questions of a class of training counts. "calibration": questions whose best answer has
# a probability in a bin. "test": blocks of fresh sentences of the training's own distribution. "rate": what
# is predicted for these.
SCHEMA = {
    "series": pa.string(),
    **RUN_SCHEMA,
    "low_count": pa.int64(),
    "high_count": pa.int64(),
    "block": pa.int64(),
    "number": pa.int64(),
    "wrong": pa.float64(),
    "confident": pa.float64(),
    "confident_wrong": pa.float64(),
    "confidence": pa.float64(),
    "brier": pa.float64(),
    "predicted": pa.float64(),
    "predicted_fitted": pa.float64(),
    "bin": pa.float64(),
    "rate": pa.string(),
    "value": pa.float64(),
    "low": pa.float64(),
    "high": pa.float64(),
}
BINS = 10
RATES = ("unseen mass", "Good-Turing", "Kalai et al., lower", "Kalai et al., upper")
# Confidence: half a probability is more than all other answers together.
CONFIDENT = 0.5
_FIRST_QUESTION = 1 << 40


@dataclass(frozen=True)
class Configuration(Grid):
    """A network for each repeat; those of other experiments with the same settings are shared.

    Attributes
    ----------
    queries : int
        Questions about each class of training counts; as many about elements that the stream never meets.
    bits_per_parameter : float
        Of knowledge: what fits is predicted by it. 0 for a prediction from counts alone.
    """

    queries: int = 400
    bits_per_parameter: float = 2.0


def runs(configuration: Configuration) -> list[RunConfiguration]:
    """A run for each repeat."""
    return [configuration.run(configuration.corpus, repeat) for repeat in configuration.each_repeat()]


# ---- table -------------------------------------------------------------------------------------------------


def table(configuration: Configuration, results: Sequence[RunResult]) -> pa.Table:
    """Answers by class, calibration, and rates on fresh sentences with what is predicted of them."""
    parts: list[dict[str, Any]] = []
    for result in results:
        about = run_columns(result)
        training, _ = result.corpora()[0]
        asked = _asked(configuration, result, training)
        expects = Expectation(configuration, result, training)
        parts += [
            {"series": "queries", **about, **_query_blocks(asked, expects)},
            {"series": "calibration", **about, **calibration(asked["confidence"], 1.0 - asked["wrong"])},
            {"series": "test", **about, **_test_blocks(sentence_columns(result), expects)},
        ]
        parts += [{"series": "rate", **about, **rate} for rate in _rates(result, training)]
    return table_of(parts, SCHEMA)


def choose_elements(counts: np.ndarray, num_names: int, queries: int, seed: int) -> np.ndarray:
    """Elements to ask about: ``queries`` of each class of training counts, drawn with replacement.

    As many are among those that come after all in ``counts``, if there are names for any.
    """
    generator = np.random.default_rng(seed)
    classes = classes_by_count(counts)
    chosen = [
        generator.choice(members, queries)
        for place in range(len(classes))
        if classes.low[place] > 0 and len(members := np.flatnonzero(classes.of_elements == place))
    ]
    if len(counts) < num_names:
        chosen.append(generator.integers(len(counts), num_names, queries))
    return np.concatenate(chosen).astype(np.int64)


def _asked(configuration: Configuration, result: RunResult, training: LabelledCorpus) -> Columns:
    """Answers of the network: element, wrong, confidence and Brier score of each question."""
    from skmfast.experiments.confidence import answers

    corpus, settings = trained_on(result), result.configuration.evaluation
    num_names = corpus.stating().contents.num_names
    counts = np.asarray(training.counts).astype(np.int64)
    elements = choose_elements(counts, num_names, configuration.queries, corpus.seed)
    # Sentences far behind those of training and test.
    questions = corpus.corpus_about(elements, first=_FIRST_QUESTION)
    found = answers(result.model(), questions, batch_sentences=settings.batch_sentences)
    return {
        "element": elements,
        "wrong": 1.0 - found.correct,
        "confidence": found.confidence,
        "brier": found.brier,
    }


class Expectation:
    """How often an answer about an element must be wrong, from its training count.

    Parameters
    ----------
    configuration : Configuration
    result : RunResult
    training : LabelledCorpus
    """

    def __init__(self, configuration: Configuration, result: RunResult, training: LabelledCorpus) -> None:
        source = trained_on(result).stating()
        bits = [source.contents.bits[attribute.name] for attribute in source.contents.stated]
        self.counts = np.asarray(training.counts).astype(np.int64)
        self.share = source.syntax.statements / len(bits)
        self.guess_is_wrong = float(np.mean([1 - 2.0**-each for each in bits]))
        element_bits = math.log2(source.contents.num_names) + math.fsum(bits)
        capacity = configuration.bits_per_parameter * int(result.facts.get("parameters", 0))
        room = math.floor(capacity / element_bits) if capacity else len(self.counts)
        # The count from which on elements fit.
        ordered = np.sort(self.counts)[::-1]
        self.least_count = int(ordered[room - 1]) if 0 < room <= len(ordered) else 0
        if capacity and room == 0:
            self.least_count = int(ordered[0]) + 1 if len(ordered) else 1

    def count_of(self, elements: np.ndarray) -> np.ndarray:
        """Training counts, 0 for elements that are not in the corpus."""
        inside = elements < len(self.counts)
        return np.where(inside, self.counts[np.where(inside, elements, 0)], 0)

    def wrong(self, counts: np.ndarray) -> Floats:
        """From what was stated alone."""
        return np.asarray(self.guess_is_wrong * (1 - self.share) ** counts)

    def wrong_fitted(self, counts: np.ndarray) -> Floats:
        """Elements that do not fit are guessed about."""
        return np.where(counts >= self.least_count, self.wrong(counts), self.guess_is_wrong)


def _query_blocks(asked: Columns, expects: Expectation) -> dict[str, Any]:
    counts = expects.count_of(asked["element"])
    classes = classes_by_count(counts)
    # Blocks of whole elements: questions about one share what is known of it.
    block = asked["element"] % BLOCKS
    places, which = np.unique(classes.of_elements * BLOCKS + block, return_inverse=True)
    number = np.bincount(which, minlength=len(places))
    values = {
        **{name: asked[name] for name in ("wrong", "confidence", "brier")},
        "confident": asked["confidence"] >= CONFIDENT,
        "confident_wrong": (asked["confidence"] >= CONFIDENT) & (asked["wrong"] > 0),
        "predicted": expects.wrong(counts),
        "predicted_fitted": expects.wrong_fitted(counts),
    }
    means = {
        name: np.bincount(which, weights=np.asarray(each, np.float64), minlength=len(places)) / number
        for name, each in values.items()
    }
    return {
        "low_count": classes.low[places // BLOCKS],
        "high_count": classes.high[places // BLOCKS],
        "block": places % BLOCKS,
        "number": number,
        **means,
    }


def calibration(confidence: Floats, correct: Floats) -> dict[str, Any]:
    """Questions by the probability of the best answer: how many, mean confidence, and share that is wrong.

    Examples
    --------
    >>> bins = calibration(np.array([0.05, 0.95, 0.95]), np.array([0.0, 1.0, 0.0]))
    >>> bins["number"].tolist(), bins["wrong"].tolist()
    ([1, 2], [1.0, 0.5])
    """
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    places, which = np.unique(place, return_inverse=True)
    number = np.bincount(which, minlength=len(places))
    return {
        "bin": places / BINS,
        "number": number,
        "confidence": np.bincount(which, weights=confidence, minlength=len(places)) / number,
        "wrong": 1 - np.bincount(which, weights=correct, minlength=len(places)) / number,
    }


def _test_blocks(sentences: Columns, expects: Expectation) -> dict[str, Any]:
    total = len(sentences["accuracy"])
    block = np.arange(total) * BLOCKS // max(total, 1)
    number = np.bincount(block)
    counts = expects.count_of(sentences["element"])

    def mean(values: Floats) -> Floats:
        return np.asarray(np.bincount(block, weights=values) / number)

    return {
        "block": np.arange(len(number)),
        "number": number,
        "wrong": mean(1 - sentences["accuracy"]),
        "predicted": mean(expects.wrong(counts)),
        "predicted_fitted": mean(expects.wrong_fitted(counts)),
    }


def _rates(result: RunResult, training: LabelledCorpus) -> list[dict[str, Any]]:
    """Rates of wrong answers to questions drawn as training statements are, from theory and from counts."""
    from skmfast.laws.acquisition import unseen_mass
    from skmfast.laws.hallucination import error_rate, estimated_rate, kalai_bounds
    from skmfast.laws.spectrum import Spectrum
    from skmfast.laws.weights import FiniteWeights

    source = trained_on(result).stating()
    stated = source.contents.stated
    bits = float(np.mean([source.contents.bits[attribute.name] for attribute in stated]))
    attributes = np.asarray(training.statements)[..., 0].astype(np.int64)
    elements = np.asarray(training.elements).astype(np.int64)
    facts = (elements[:, None] * len(stated) + attributes).ravel()
    spectrum = Spectrum.of_counts(np.bincount(facts))
    estimate = estimated_rate(spectrum, bits)
    lower, upper = kalai_bounds(spectrum, 2**bits - 1)
    frequencies = np.asarray(training.frequencies)
    known = frequencies[frequencies > 0]
    share = source.syntax.statements / len(stated)
    mass = float(unseen_mass(FiniteWeights(known), training.num_sentences, share))
    # Elements that the stream has not met have the rest of the mass.
    rest = max(1 - float(known.sum()), 0.0)
    unseen = error_rate(bits) * (mass * (1 - rest) + rest)
    values = ((unseen,) * 3, (estimate.value, estimate.low, estimate.high), (lower,) * 3, (upper,) * 3)
    return [
        {"rate": name, "value": value, "low": low, "high": high}
        for name, (value, low, high) in zip(RATES, values, strict=True)
    ]


# ---- fits --------------------------------------------------------------------------------------------------


def fits(table: pa.Table) -> pa.Table:
    """Rates by class beside the prediction, their differences, calibration, and rates on fresh sentences."""
    columns = columns_of(table)
    rows: list[Fit] = []
    for title, here in classes_in(columns):
        predicted = _average(here, "predicted")
        rows += [
            mean_fit("wrong answers", title, _points(here, here["wrong"]), predicted),
            mean_fit("measured less predicted", title, _points(here, here["wrong"] - here["predicted"]), 0.0),
            mean_fit("confident wrong answers", title, _points(here, here["confident_wrong"])),
            Fit("predicted where memory is limited", title, _average(here, "predicted_fitted"), points=1),
        ]
    rows.append(_worst(rows))
    rows.append(_calibration_error(where(columns, series="calibration")))
    test = where(columns, series="test")
    if len(test["run"]):
        expected = _average(test, "predicted")
        rows.append(mean_fit("wrong answers", "fresh sentences", _points(test, test["wrong"]), expected))
        difference = _points(test, test["wrong"] - test["predicted"])
        rows.append(mean_fit("measured less predicted", "fresh sentences", difference, 0.0))
    for name in RATES:
        found = where(columns, series="rate", rate=name)
        if len(found["value"]):
            value, low, high = (float(found[each].mean()) for each in ("value", "low", "high"))
            ends = (low, high) if high > low else (math.nan, math.nan)
            rows.append(Fit("predicted for fresh sentences", name, value, *ends, points=len(found["value"])))
    return fits_table(rows)


def classes_in(columns: Columns) -> list[tuple[str, Columns]]:
    """Classes of queries by training count, with their titles."""
    queries, found = where(columns, series="queries"), []
    for low in unique(queries, "low_count"):
        here = where(queries, low_count=low)
        high = int(here["high_count"][0])
        title = "unseen" if low == 0 else f"{low:,}" if low == high else f"{low:,} to {high:,}"
        found.append((title, here))
    return found


def _points(columns: Columns, values: Floats) -> Points:
    return points_of(np.zeros(len(values)), values, columns["number"], columns["run"])


def _average(columns: Columns, name: str) -> float:
    return float(np.average(columns[name], weights=columns["number"]))


def _worst(rows: list[Fit]) -> Fit:
    """The largest difference of measured and predicted rates over the classes."""
    differences = [fit for fit in rows if fit.quantity == "measured less predicted" and fit.is_fitted]
    if not differences:
        return Fit("largest difference from the prediction", "classes", note="no class was asked about")
    worst = max(differences, key=lambda fit: abs(fit.value))
    note = f"{worst.group} training sentences"
    return Fit(
        "largest difference from the prediction", "classes", worst.value, worst.low, worst.high, 0.0,
        len(differences), note,
    )  # fmt: skip


def _calibration_error(columns: Columns) -> Fit:
    """Mean distance of confidence and accuracy over the bins (expected calibration error)."""
    if not columns["number"].sum():
        return Fit("calibration error", "queries", note="not measured")
    distance = np.abs(columns["confidence"] - (1 - columns["wrong"]))
    value = float(np.average(distance, weights=columns["number"]))
    return Fit("calibration error", "queries", value, theory=0.0, points=int(columns["number"].sum()))


# ---- figure ------------------------------------------------------------------------------------------------


def draw(table: pa.Table, fits: pa.Table, path: str | os.PathLike[str]) -> None:
    """Wrong answers by class, calibration, and rates on fresh sentences."""
    columns, found = columns_of(table), fits_of(fits)
    figure, axes = figures.panels(3)
    _class_panel(axes[0], classes_in(columns), found)
    _calibration_panel(axes[1], where(columns, series="calibration"))
    _rate_panel(axes[2], found)
    axes[0].set_ylim(-0.03, 1.03)
    figures.dress(
        axes[0], "training sentences about the element, at least", "share of answers", "wrong answers"
    )
    figures.dress(axes[1], "probability of the best answer", "share correct", "calibration")
    figures.dress(axes[2], "share of wrong answers", "", "fresh sentences")
    for panel in axes[:2]:
        figures.legend(panel)
    figures.caption(figure, _notes(found))
    figures.save(figure, path)


def _class_panel(axes: Axes, classes: list[tuple[str, Columns]], fits: list[Fit]) -> None:
    titles = [title for title, _ in classes]
    x = np.arange(len(titles))
    for quantity, color, label in (
        ("wrong answers", figures.SERIES[0], "wrong"),
        ("confident wrong answers", figures.SERIES[3], f"wrong with probability over {CONFIDENT:g}"),
    ):
        found = [find_fit(fits, quantity, title) for title in titles]
        figures.measured(
            axes, x, [fit.value for fit in found], color, label,
            low=[fit.low for fit in found], high=[fit.high for fit in found],
        )  # fmt: skip
    figures.theory(axes, x, [find_fit(fits, "wrong answers", title).theory for title in titles], "predicted")
    fitted = [find_fit(fits, "predicted where memory is limited", title).value for title in titles]
    figures.theory(axes, x, fitted, "predicted, memory limited", color=figures.MUTED, dashes=(4, 2))
    lows = [float(rows["low_count"][0]) for _, rows in classes]
    axes.set_xticks(x, [figures.short(low) if low < 1000 else f"{low / 1000:.0f}k" for low in lows])


def _calibration_panel(axes: Axes, columns: Columns) -> None:
    axes.plot([0, 1], [0, 1], color=figures.INK, linewidth=0.9, dashes=(1, 2))
    for place in unique(columns, "bin"):
        here = where(columns, bin=place)
        number = here["number"].sum()
        x = np.average(here["confidence"], weights=here["number"])
        y = 1 - np.average(here["wrong"], weights=here["number"])
        error = 1.96 * math.sqrt(max(y * (1 - y), 1 / number) / number)
        figures.measured(
            axes, [x], [y], figures.SERIES[0], low=[y - error], high=[y + error],
            markersize=3 + 6 * math.sqrt(number / columns["number"].sum()),
        )  # fmt: skip
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)


def _rate_panel(axes: Axes, fits: list[Fit]) -> None:
    rows = [("measured", find_fit(fits, "wrong answers", "fresh sentences"), figures.SERIES[0])]
    rows += [
        (name, find_fit(fits, "predicted for fresh sentences", name), figures.SERIES[1 + (place > 1)])
        for place, name in enumerate(RATES)
    ]
    for place, (_, fit, color) in enumerate(rows):
        if math.isfinite(fit.low):
            axes.hlines(place, fit.low, fit.high, color=color, linewidth=1.4, alpha=0.6)
        axes.plot([fit.value], [place], marker="o", markersize=5.5, color=color, linestyle="none")
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.invert_yaxis()
    axes.set_xlim(left=-0.02)


def _notes(fits: list[Fit]) -> list[str]:
    worst = find_fit(fits, "largest difference from the prediction", "classes")
    error = find_fit(fits, "calibration error", "queries")
    return [
        "Predicted: what the training did not state is guessed. Bars 95 %."
        " Middle: area by number of questions; dotted: calibrated.",
        f"Largest difference of a class from the prediction: {worst} ({worst.note})."
        f" Expected calibration error {error}.",
    ]
