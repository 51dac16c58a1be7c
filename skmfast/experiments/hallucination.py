"""Hallucination: wrong answers by how often the training mentions the element asked about, and why.

Theory: what was not stated, or did not fit, can only be guessed from the base measure, which is wrong with
probability 1 - 2^-H. So questions about elements of c training sentences are answered wrongly at the rate
(1 - 2^-H) (1 - r)^c in the mean, r being the share of sentences that state the attribute asked for; it is
counted here from the sentences at hand. Over fresh sentences it is the mass of what is unseen, which
Good-Turing's N_1/n estimates from the training. Kalai, Nachum, Vempala and Zhang (arXiv 2509.04664) bound it
from below for calibrated models; a calibrated model is not *confidently* wrong, which is counted apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
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
    from skmfast.experiments.answers import Answers
    from skmfast.experiments.runs import RunConfiguration, RunResult

Ints = npt.NDArray[np.int64]

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
    from skmfast.experiments.answers import answers, predicted_rates, questions
    from skmfast.experiments.threads import torch_threads

    parts: list[dict[str, Any]] = []
    for result in results:
        about, corpus = run_columns(result), trained_on(result)
        training, test = result.corpora()[0]
        batch = result.configuration.evaluation.batch_sentences
        asked = questions(corpus, training.counts, configuration.queries, seed=corpus.seed)
        with torch_threads(result.configuration.training.threads):
            found = answers(result.model(), asked, batch_sentences=batch)
        expects = Expectation(configuration, result, training)
        parts += [
            {"series": "queries", **about, **_query_blocks(found, expects)},
            {"series": "calibration", **about, **_calibration(found)},
            {"series": "test", **about, **_test_blocks(sentence_columns(result), test, expects)},
        ]
        for name, (value, low, high) in predicted_rates(training).items():
            parts.append({"series": "rate", **about, "rate": name, "value": value, "low": low, "high": high})
    return table_of(parts, SCHEMA)


class Expectation:
    """How often an answer must be wrong: what was not stated is guessed, and so is what does not fit.

    Parameters
    ----------
    configuration : Configuration
    result : RunResult
    training : LabelledCorpus
    """

    def __init__(self, configuration: Configuration, result: RunResult, training: LabelledCorpus) -> None:
        contents = trained_on(result).stating().contents
        bits = [contents.bits[attribute.name] for attribute in contents.stated]
        self._training = training
        self._counts = np.asarray(training.counts).astype(np.int64)
        self._guess_is_wrong = float(np.mean([1 - 2.0**-each for each in bits]))
        capacity_bits = configuration.bits_per_parameter * int(result.facts.get("parameters", 0))
        element_bits = math.log2(contents.num_names) + math.fsum(bits)
        self._least_count = least_count_kept(self._counts, capacity_bits, element_bits)

    def count_of(self, elements: Ints) -> Ints:
        """Training counts, 0 for elements that are not in the corpus."""
        inside = elements < len(self._counts)
        return np.where(inside, self._counts[np.where(inside, elements, 0)], 0)

    def of(self, asked: LabelledCorpus) -> dict[str, Floats]:
        """Probability that each answer is wrong: with room for everything, and where memory is limited."""
        from skmfast.experiments.answers import predicted_wrong

        predicted = predicted_wrong(self._training, asked)
        kept = self.count_of(np.asarray(asked.elements).astype(np.int64)) >= self._least_count
        fitted = np.where(kept, predicted, np.maximum(predicted, self._guess_is_wrong))
        return {"predicted": predicted, "predicted_fitted": fitted}


def least_count_kept(counts: Ints, capacity_bits: float, element_bits: float) -> int:
    """Training count from which on elements fit into a memory that keeps the most frequent; 0 for no limit.

    Examples
    --------
    >>> least_count_kept(np.array([9, 4, 4, 1]), 60.0, 30.0), least_count_kept(np.array([9, 4]), 10.0, 30.0)
    (4, 10)
    """
    room = int(capacity_bits // element_bits)
    if capacity_bits == 0 or room >= len(counts):
        return 0
    ordered = np.sort(counts)[::-1]
    return int(ordered[room - 1]) if room else int(ordered[0]) + 1


def _query_blocks(found: Answers, expects: Expectation) -> dict[str, Any]:
    elements = np.asarray(found.corpus.elements).astype(np.int64)
    classes = classes_by_count(expects.count_of(elements))
    values = {
        "wrong": ~found.correct,
        "confident_wrong": found.confident_and_wrong,
        "confidence": found.confidence,
        "brier": found.brier,
        **expects.of(found.corpus),
    }
    # Blocks of whole elements: questions about one share what is known of it.
    means = _means(classes.of_elements * BLOCKS + elements % BLOCKS, values)
    place = means.pop("place")
    of_class = place // BLOCKS
    return {
        "low_count": classes.low[of_class],
        "high_count": classes.high[of_class],
        "block": place % BLOCKS,
        **means,
    }


def _test_blocks(sentences: Columns, test: LabelledCorpus, expects: Expectation) -> dict[str, Any]:
    total = len(sentences["accuracy"])
    block = np.arange(total) * BLOCKS // max(total, 1)
    means = _means(block, {"wrong": 1 - sentences["accuracy"], **expects.of(test)})
    return {"block": means.pop("place"), **means}


def _means(place: Ints, values: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Means over what has the same place, the places, and their numbers."""
    places, which = np.unique(place, return_inverse=True)
    number = np.bincount(which)
    means = {
        name: np.bincount(which, weights=np.asarray(each, np.float64)) / number
        for name, each in values.items()
    }
    return {"place": places, "number": number, **means}


def _calibration(found: Answers) -> dict[str, Any]:
    bins = calibration_of(found)
    return {
        "bin": bins["low"],
        "number": bins["questions"],
        "confidence": bins["confidence"],
        "wrong": 1 - bins["correct"],
    }


def calibration_of(found: Answers) -> Columns:
    """Bins of confidence that have questions."""
    from skmfast.experiments.answers import calibration

    bins = columns_of(calibration(found, BINS))
    return {name: column[bins["questions"] > 0] for name, column in bins.items()}


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
    axes[0].tick_params(axis="x", labelsize=7.5)
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
        ("confident wrong answers", figures.SERIES[3], "wrong with probability over 0.5"),
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
    axes.set_ylim(len(rows) - 0.6, -0.4)
    axes.set_xlim(left=-0.01)
    axes.margins(x=0.06)


def _notes(fits: list[Fit]) -> list[str]:
    worst = find_fit(fits, "largest difference from the prediction", "classes")
    error = find_fit(fits, "calibration error", "queries")
    return [
        "Predicted: what the training did not state is guessed. Bars 95 %."
        " Middle: area by number of questions; dotted: calibrated.",
        f"Largest difference of a class from the prediction: {worst} ({worst.note})."
        f" Expected calibration error {error}.",
    ]
