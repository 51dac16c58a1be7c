"""Acquisition: what a network knows of each class of frequency while it trains, and how far down the ranks.

Theory: an attribute is known once it was stated, so classes are learnt in order of frequency, and the rank
down to which half of what is asked is known grows as n^d with the sentences seen. The same is counted exactly
for the corpus at hand: an element of c training sentences has an attribute stated among the first n of N with
probability 1 - (1 - r n/N)^c, r being the share of its sentences that state it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skmfast.experiments import figures
from skmfast.experiments.fits import (
    RESAMPLES,
    Fit,
    crossing,
    exponent_of,
    find_fit,
    fits_of,
    fits_table,
    interval,
    order_fit,
)
from skmfast.experiments.gathering import (
    RUN_SCHEMA,
    Columns,
    Floats,
    class_columns,
    columns_of,
    run_columns,
    table_of,
    trained_on,
    unique,
    where,
)
from skmfast.experiments.grids import Grid, log_spaced_steps

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.experiments.runs import RunConfiguration, RunResult

SCHEMA = {
    **RUN_SCHEMA,
    "step": pa.int64(),
    "seen": pa.int64(),
    "first_rank": pa.int64(),
    "last_rank": pa.int64(),
    "number": pa.int64(),
    "value_bits": pa.float64(),
    "value_error": pa.float64(),
    "accuracy": pa.float64(),
    "accuracy_error": pa.float64(),
    "known": pa.float64(),
}
HALF = 0.5
# A network begins by learning to learn; where it has, its frontier goes with what was stated.
LATE = ", last decade"
# A class of fewer test sentences says little: its accuracy is uncertain by 0.1 and more.
LEAST_SENTENCES = 25


@dataclass(frozen=True)
class Configuration(Grid):
    """Long runs, evaluated at steps evenly spaced in their logarithm.

    Theory speaks of one pass over the corpus: it has at least as many sentences as the training sees.

    Attributes
    ----------
    first_step : int
        First evaluation.
    evaluations : int
        How many there are at most.
    """

    first_step: int = 10
    evaluations: int = 12


def runs(configuration: Configuration) -> list[RunConfiguration]:
    """A run for each repeat."""
    last = configuration.training.steps
    steps = log_spaced_steps(configuration.first_step, last, configuration.evaluations)
    evaluation = replace(configuration.evaluation, at=steps)
    return [
        configuration.run(configuration.corpus, repeat, evaluation=evaluation)
        for repeat in configuration.each_repeat()
    ]


# ---- table -------------------------------------------------------------------------------------------------


def table(configuration: Configuration, results: Sequence[RunResult]) -> pa.Table:
    """A row for each run, evaluation and octave of ranks."""
    return table_of([_run_rows(result) for result in results], SCHEMA)


def _run_rows(result: RunResult) -> dict[str, Any]:
    training, test = result.corpora()[0]
    rows = class_columns(result, "rank")
    seen = rows["step"] * result.configuration.training.batch_sentences
    source = trained_on(result).stating()
    share = source.syntax.statements / len(source.contents.stated)
    known = known_by_rank(training, test, share)
    return {
        **run_columns(result),
        "step": rows["step"],
        "seen": seen,
        "first_rank": rows["low"],
        "last_rank": rows["high"],
        "number": rows["sentences"],
        "value_bits": rows["value_bits"],
        "value_error": rows["value_bits_error"],
        "accuracy": rows["accuracy"],
        "accuracy_error": rows["accuracy_error"],
        "known": [
            known(n, first, last) for n, first, last in zip(seen, rows["low"], rows["high"], strict=True)
        ],
    }


def known_by_rank(training: LabelledCorpus, test: LabelledCorpus, share: float) -> Any:
    """A function of sentences seen, first and last rank: how much of what the test states was stated before.

    Parameters
    ----------
    training, test : LabelledCorpus
        About the same elements; training sentences come in random order, and again once all were seen.
    share : float
        Of an element's sentences that state a given attribute.
    """
    ranks = np.empty(len(training.frequencies), np.int64)
    # Equal frequencies keep their order, as they do in classes of ranks.
    ranks[np.argsort(-np.asarray(training.frequencies), kind="stable")] = np.arange(1, len(ranks) + 1)
    asked = np.asarray(test.elements).astype(np.int64)
    counts = np.asarray(training.counts)[asked].astype(np.float64)
    rank = ranks[asked]

    def known(seen: float, first: float, last: float) -> float:
        inside = (rank >= first) & (rank <= last)
        if not inside.any():
            return math.nan
        part = min(seen / training.num_sentences, 1.0)
        return float(1 - ((1 - share * part) ** counts[inside]).mean())

    return known


# ---- fits --------------------------------------------------------------------------------------------------


def fits(table: pa.Table) -> pa.Table:
    """Order in which the classes are learnt; exponents of the frontier, over all and in the last decade."""
    columns = columns_of(table)
    columns = {name: column[columns["number"] >= LEAST_SENTENCES] for name, column in columns.items()}
    rows: list[Fit] = []
    for title, here, discount in laws(columns):
        curves = Curves(here)
        samples = curves.resampled()
        rows.append(_order(title, curves, samples))
        for name, accuracy, draws in (
            ("frontier exponent", curves.accuracy, samples),
            ("frontier exponent of what was stated", curves.known, curves.known[None]),
        ):
            rows.append(_frontier_exponent(name, title, curves, accuracy, draws, discount))
            late = f"{name}{LATE}"
            rows.append(_frontier_exponent(late, title, curves, accuracy, draws, discount, first=0.1))
    return fits_table(rows)


def laws(columns: Columns) -> list[tuple[str, Columns, float]]:
    """Frequency laws in a table: name, rows, discount (nan if it has none)."""
    found = []
    for kind in unique(columns, "frequencies"):
        here = where(columns, frequencies=kind)
        if kind != "pitman-yor":
            found.append((kind, here, math.nan))
            continue
        found += [(f"d = {d:g}", where(here, discount=d), d) for d in unique(here, "discount")]
    return found


class Curves:
    """Accuracy against sentences seen of each class, means over runs.

    Attributes
    ----------
    seen : ndarray of float64, shape (n,)
    first, last : ndarray of float64, shape (c,)
        Ranks of each class; those that every run and evaluation has.
    accuracy, error, known : ndarray of float64, shape (n, c)
        Measured, standard error of the mean, and what was stated before.
    sentences : int
        N.
    """

    def __init__(self, columns: Columns) -> None:
        self.seen = np.array(unique(columns, "seen"), np.float64)
        firsts = np.array(unique(columns, "first_rank"), np.int64)
        rows = np.searchsorted(self.seen, columns["seen"]), np.searchsorted(firsts, columns["first_rank"])
        shape = len(self.seen), len(firsts)
        number = np.zeros(shape)
        np.add.at(number, rows, 1.0)
        whole = number.min(axis=0) == number.max()

        def mean(values: Floats) -> Floats:
            sums = np.zeros(shape)
            np.add.at(sums, rows, values)
            return (sums / np.maximum(number, 1))[:, whole]

        self.first = firsts[whole].astype(np.float64)
        lasts = dict(zip(columns["first_rank"].tolist(), columns["last_rank"].tolist(), strict=True))
        self.last = np.array([lasts[first] for first in firsts[whole].tolist()], np.float64)
        self.accuracy, self.known = mean(columns["accuracy"]), mean(columns["known"])
        self.value_bits = mean(columns["value_bits"])
        # Error of a mean over runs.
        self.error = np.sqrt(mean(columns["accuracy_error"] ** 2) / np.maximum(number[:, whole], 1))
        self.sentences = int(columns["sentences"].max(initial=0))

    def resampled(self, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
        """Accuracies with normal errors, (r, n, c).

        All evaluations have the same test sentences, so one draw of a class holds for all of them.
        """
        draws = np.random.default_rng(seed).standard_normal((resamples, 1, len(self.first)))
        return np.clip(self.accuracy + draws * self.error, 0.0, 1.0)

    def learnt_at(self, accuracy: Floats) -> Floats:
        """Sentences seen when each class's accuracy reaches a half for good, (c,); inf where it does not."""
        return np.array([crossing(self.seen, 1 - column, HALF) for column in accuracy.T])

    def frontier(self, accuracy: Floats) -> Floats:
        """Rank down to which accuracy is at least a half, at each evaluation, (n,).

        nan where the most frequent class is not there yet, or no class is left that is not.
        """
        middle = np.sqrt(self.first * self.last)
        ranks = [crossing(middle, row, HALF, first=True) if row[0] > HALF else math.nan for row in accuracy]
        return np.where(np.isfinite(ranks), ranks, math.nan)


def _order(title: str, curves: Curves, samples: Floats) -> Fit:
    learnt = [curves.learnt_at(sample) for sample in samples]
    at = curves.learnt_at(curves.accuracy)
    return order_fit("rank correlation", title, curves.first, at, np.array(learnt))


def _frontier_exponent(
    quantity: str,
    title: str,
    curves: Curves,
    accuracy: Floats,
    draws: Floats,
    discount: float,
    first: float = 0.0,
) -> Fit:
    """Slope of log frontier against log sentences seen, within the first pass over the corpus.

    ``first`` is the share of these sentences from which on evaluations count.
    """
    inside = curves.seen <= curves.sentences
    passed = bool(inside.all())
    inside &= curves.seen >= first * curves.seen[inside].max(initial=0.0)
    ranks = curves.frontier(accuracy)[inside]
    samples = np.array([curves.frontier(draw)[inside] for draw in draws])
    fit = exponent_of(quantity, title, curves.seen[inside], 1 / ranks, 1 / samples, discount)
    notes = [fit.note, "" if passed else "first pass alone"]
    low, high = (math.nan, math.nan) if len(draws) < 2 else (fit.low, fit.high)
    return replace(fit, low=low, high=high, note="; ".join(note for note in notes if note))


# ---- figure ------------------------------------------------------------------------------------------------


def draw(table: pa.Table, fits: pa.Table, path: str | os.PathLike[str]) -> None:
    """Accuracy and loss by class of ranks, and the frontier."""
    columns, found = columns_of(table), fits_of(fits)
    columns = {name: column[columns["number"] >= LEAST_SENTENCES] for name, column in columns.items()}
    figure, axes = figures.panels(3, width=4.9)
    kinds = laws(columns)
    if kinds:
        _class_panels(axes[0], axes[1], Curves(kinds[0][1]))
    for (title, here, discount), color in zip(kinds, figures.SERIES, strict=False):
        _frontier_panel(axes[2], Curves(here), title, discount, color, found)
    first = kinds[0][0] if kinds else ""
    figures.dress(
        axes[0],
        "sentences seen",
        "accuracy of the attribute asked for",
        f"what is known, {first}",
        log_x=True,
    )
    figures.dress(
        axes[1], "sentences seen", "loss on values, bits a sentence", "loss by frequency", log_x=True
    )
    figures.dress(axes[2], "sentences seen n", "rank known to a half", "frontier", log_x=True, log_y=True)
    axes[1].set_ylim(bottom=0)
    figures.legend_beside(axes[1], "ranks")
    figures.legend(axes[2])
    figures.caption(figure, _notes(found, kinds))
    figures.save(figure, path)


def _class_panels(left: Axes, right: Axes, curves: Curves) -> None:
    for place, color in enumerate(figures.class_colors(len(curves.first))):
        first, last = int(curves.first[place]), int(curves.last[place])
        label = f"{first:,}" if first == last else f"{first:,} to {last:,}"
        error = 1.96 * curves.error[:, place]
        accuracy = curves.accuracy[:, place]
        figures.measured(left, curves.seen, accuracy, color, low=accuracy - error, high=accuracy + error)
        figures.theory(left, curves.seen, curves.known[:, place], color=color)
        figures.measured(right, curves.seen, curves.value_bits[:, place], color, label)
    left.axhline(HALF, color=figures.MUTED, linewidth=0.8)


def _frontier_panel(
    axes: Axes, curves: Curves, title: str, discount: float, color: str, fits: list[Fit]
) -> None:
    ranks, stated = curves.frontier(curves.accuracy), curves.frontier(curves.known)
    label = f"{title}, last decade: {find_fit(fits, f'frontier exponent{LATE}', title)}"
    samples = np.array([curves.frontier(sample) for sample in curves.resampled(100)])
    ends = np.array([interval(column) for column in samples.T]).reshape(-1, 2)
    figures.measured(axes, curves.seen, ranks, color, label, low=ends[:, 0], high=ends[:, 1])
    axes.plot(curves.seen, stated, color=color, linewidth=1.0, linestyle="--", label="stated before, exact")
    on = np.flatnonzero(np.isfinite(stated))
    if len(on) and not math.isnan(discount):
        anchor = on[len(on) // 2]
        line = stated[anchor] * (curves.seen / curves.seen[anchor]) ** discount
        figures.theory(axes, curves.seen[on], line[on], f"n^{discount:g}")


def _notes(fits: list[Fit], kinds: list[tuple[str, Columns, float]]) -> list[str]:
    orders = "; ".join(f"{title} {find_fit(fits, 'rank correlation', title)}" for title, _, _ in kinds)
    exponents = "; ".join(
        f"{title} {find_fit(fits, 'frontier exponent', title)}, of what was stated"
        f" {find_fit(fits, 'frontier exponent of what was stated', title)}"
        for title, _, _ in kinds
    )
    return [
        "Circles: network; dotted, left: what the sentences seen had stated, exact. Dark: frequent.",
        f"Rank correlation of rarity and sentences until half is known: {orders}."
        f" Frontier exponent over all evaluations: {exponents}.",
    ]
