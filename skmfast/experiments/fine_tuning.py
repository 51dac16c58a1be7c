"""Fine-tuning: what a network forgets of its pre-training, by frequency, and what replay spares.

After pre-training come sentences (a) of the same format about some of the elements known, (b) about the same
elements as questions with answers, (c) about new elements; each with some share of pre-training sentences
among them. Theory: a network of fixed capacity pays for what it learns with the least frequent of what it
knew.
Forgetting is measured on fresh pre-training sentences about elements that the fine-tuning does not mention.
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
    find_fit,
    fits_of,
    fits_table,
    interval,
    mean_fit,
    order_fit,
    points_of,
)
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
    unique,
    where,
)
from skmfast.experiments.grids import Grid, repeated
from skmfast.experiments.runs import CorpusShare, RunConfiguration
from skmfast.experiments.training import TrainingConfiguration

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from skmfast.experiments.corpora import CorpusConfiguration
    from skmfast.experiments.runs import RunResult

BEFORE = "before"
KINDS = ("same format", "questions", "new knowledge")
# A row is a block of test sentences of one corpus, about elements of one class of pre-training counts, and
# either mentioned in the fine-tuning ("tuned") or not.
SCHEMA = {
    **RUN_SCHEMA,
    "kind": pa.string(),
    "replay": pa.float64(),
    "corpus": pa.string(),
    "low_count": pa.int64(),
    "high_count": pa.int64(),
    "tuned": pa.int64(),
    "block": pa.int64(),
    "number": pa.int64(),
    "accuracy": pa.float64(),
    "value_bits": pa.float64(),
    "bayes_value_bits": pa.float64(),
}
# Less than this was hardly known: what share of it is lost says nothing.
LEAST_KNOWN = 0.2
# A class of fewer test sentences is left out of the order of forgetting.
LEAST_SENTENCES = 25
_FINE_TUNING = TrainingConfiguration(steps=300, learning_rate=3e-4)


@dataclass(frozen=True)
class Configuration(Grid):
    """Pre-training as the grid says, and fine-tuning of each kind with each share of replay.

    Attributes
    ----------
    fine_tuning : TrainingConfiguration
    replay : tuple of float
        Shares of pre-training sentences in the fine-tuning.
    kinds : tuple of str
        Of "same format", "questions" and "new knowledge".
    first_element, elements : int
        Fine-tuning on old knowledge is about ``elements`` elements, equally often, from the
        ``first_element``-th to appear on; that on new knowledge about as many that are not known.
    sentences : int
        Fine-tuning sentences, without replay.
    """

    fine_tuning: TrainingConfiguration = _FINE_TUNING
    replay: tuple[float, ...] = (0.0, 0.1, 0.5)
    kinds: tuple[str, ...] = KINDS
    first_element: int = 100
    elements: int = 200
    sentences: int = 2000

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise ValueError(f"kinds: {kind!r} is none of {', '.join(KINDS)}")
        if not all(0 <= share < 1 for share in self.replay):
            raise ValueError(f"replay: {self.replay}: not all of them are from 0 to below 1")


def runs(configuration: Configuration) -> list[RunConfiguration]:
    """Pre-training, and for each kind and share a run that starts from it."""
    found = []
    for repeat in configuration.each_repeat():
        before = configuration.run(configuration.corpus, repeat)
        found.append(before)
        for kind, share in product(configuration.kinds, configuration.replay):
            old = before.corpora[0].corpus
            new = repeated(_tuning_corpus(configuration, kind), repeat)
            found.append(
                RunConfiguration(
                    corpora=(CorpusShare(old, share), CorpusShare(new, 1 - share)),
                    model=before.model,
                    training=configuration.fine_tuning,
                    evaluation=configuration.evaluation,
                    initial=before,
                    repeat=repeat,
                )
            )
    return found


def _tuning_corpus(configuration: Configuration, kind: str) -> CorpusConfiguration:
    """Uniform over some elements: those from ``first_element`` on, or the last of those that have names."""
    base, first = configuration.corpus, configuration.first_element
    if kind == "new knowledge":
        first = base.stating().contents.num_names - configuration.elements
    return replace(
        base,
        frequencies="uniform",
        elements=configuration.elements,
        first_element=first,
        sentences=configuration.sentences,
        form="questions" if kind == "questions" else "statements",
    )


# ---- table -------------------------------------------------------------------------------------------------


def table(configuration: Configuration, results: Sequence[RunResult]) -> pa.Table:
    """Blocks of test sentences of each run: of the old corpus by class, and of the new one."""
    parts: list[dict[str, Any]] = []
    for result in results:
        training, _ = result.corpora()[0]
        about = {**run_columns(result), "kind": kind_of(result), "replay": _replay(result)}
        old = sentence_columns(result)
        tuned = _is_tuned(configuration, old["element"])
        parts.append({**about, "corpus": "old", **_blocks(old, np.asarray(training.counts), tuned)})
        if result.configuration.initial is not None:
            new = sentence_columns(result, 1)
            everything = np.zeros(len(new["element"]), np.int64)
            counts = np.zeros(int(new["element"].max()) + 1, np.int64)
            parts.append({**about, "corpus": "new", **_blocks(new, counts, everything)})
    return table_of(parts, SCHEMA)


def kind_of(result: RunResult) -> str:
    """What a run is fine-tuned on; "before" if it is the pre-training."""
    if result.configuration.initial is None:
        return BEFORE
    old, new = (each.corpus for each in result.configuration.corpora)
    if new.form == "questions":
        return "questions"
    last = new.first_element + new.elements
    return "new knowledge" if last == old.stating().contents.num_names else "same format"


def _replay(result: RunResult) -> float:
    return result.configuration.corpora[0].share if result.configuration.initial is not None else math.nan


def _is_tuned(configuration: Configuration, elements: np.ndarray) -> np.ndarray:
    first = configuration.first_element
    return ((elements >= first) & (elements < first + configuration.elements)).astype(np.int64)


def _blocks(sentences: Columns, counts: np.ndarray, tuned: np.ndarray) -> dict[str, Any]:
    classes = classes_by_count(counts)
    about = classes.of_elements[sentences["element"]]
    block = np.arange(len(about)) * BLOCKS // max(len(about), 1)
    places, which = np.unique((about * 2 + tuned) * BLOCKS + block, return_inverse=True)
    number = np.bincount(which, minlength=len(places))

    def mean(name: str) -> Floats:
        sums = np.bincount(which, weights=sentences[name].astype(np.float64), minlength=len(places))
        return np.asarray(sums / number)

    of_class = places // (2 * BLOCKS)
    return {
        "low_count": classes.low[of_class],
        "high_count": classes.high[of_class],
        "tuned": places // BLOCKS % 2,
        "block": places % BLOCKS,
        "number": number,
        "accuracy": mean("accuracy"),
        "value_bits": mean("network_value_bits"),
        "bayes_value_bits": mean("bayes_value_bits"),
    }


# ---- fits --------------------------------------------------------------------------------------------------


def fits(table: pa.Table) -> pa.Table:
    """Forgetting of each kind, share and class; its order over classes; what replay spares; the new task."""
    columns = columns_of(table)
    rows: list[Fit] = []
    for kind in kinds_in(columns):
        for share in unique(where(columns, kind=kind), "replay"):
            group = f"{kind}, replay {share:g}"
            classes = [Class(columns, kind, share, low) for low in class_lows(columns)]
            measured = [each for each in classes if len(each.lost) == 1]
            rows += [mean_fit("accuracy lost", f"{group}, {each.title}", each.lost) for each in measured]
            rows += [mean_fit("value bits lost", f"{group}, {each.title}", each.bits) for each in measured]
            rows += [_share_lost(group, each) for each in measured if each.before >= LEAST_KNOWN]
            rows.append(_order(group, measured))
            rows.append(mean_fit("accuracy lost", group, lost_accuracy(columns, kind, share)))
            new = where(columns, kind=kind, replay=share, corpus="new")
            task = points_of(np.zeros(len(new["run"])), new["accuracy"], new["number"], new["run"])
            rows.append(mean_fit("accuracy in what is new", group, task))
        rows += _spared(columns, kind)
    return fits_table(rows)


def kinds_in(columns: Columns) -> list[str]:
    """Kinds of fine-tuning in a table, in their order."""
    return [kind for kind in KINDS if (columns["kind"] == kind).any()]


def class_lows(columns: Columns) -> list[int]:
    """Least training counts of the classes of the old corpus that training mentions."""
    return [low for low in unique(where(columns, corpus="old"), "low_count") if low > 0]


class Class:
    """One frequency class before and after a fine-tuning, of elements that it does not mention.

    Attributes
    ----------
    lost, bits : Points
        Accuracy before less after, and value bits after less before, over test sentences.
    before, after : float
        Accuracy.
    number : int
        Test sentences.
    """

    def __init__(self, columns: Columns, kind: str, share: float, low: int) -> None:
        self.low = low
        here = where(columns, low_count=low, corpus="old")
        self.high = int(here["high_count"][0])
        self.lost = _differences(here, kind, share, "accuracy")
        self.bits = _differences(here, kind, share, "value_bits", sign=-1.0)
        before = _untuned(where(here, kind=BEFORE), kind)
        self.number = int(before["number"].sum())
        self.before = (
            float(np.average(before["accuracy"], weights=before["number"])) if self.number else math.nan
        )
        self.after = self.before - float(self.lost.mean[0]) if len(self.lost) else math.nan

    @property
    def title(self) -> str:
        """How many training sentences its elements have."""
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,} to {self.high:,}"

    @property
    def share_lost(self) -> float:
        """Of the accuracy before, what is lost."""
        return float(self.lost.mean[0]) / self.before


def lost_accuracy(columns: Columns, kind: str, share: float) -> Points:
    """Accuracy lost over all old test sentences about elements of the pre-training."""
    old = where(columns, corpus="old")
    seen = {name: column[old["low_count"] > 0] for name, column in old.items()}
    return _differences(seen, kind, share, "accuracy")


def _untuned(columns: Columns, kind: str) -> Columns:
    """Rows about elements that a fine-tuning of this kind does not mention."""
    return columns if kind == "new knowledge" else where(columns, tuned=0)


def _differences(columns: Columns, kind: str, share: float, name: str, sign: float = 1.0) -> Points:
    """Before less after on the same test sentences, block by block, as a single place."""
    after = _untuned(where(columns, kind=kind, replay=share), kind)
    before = _untuned(where(columns, kind=BEFORE), kind)
    keys = ("repeat", "low_count", "tuned", "block")
    known = {key: value for *key_, value in _keyed(before, keys, name) for key in [tuple(key_)]}
    pairs = [
        (sign * (known[tuple(key)] - value), tuple(key), number, run)
        for (*key, value), number, run in zip(
            _keyed(after, keys, name), after["number"], after["run"], strict=True
        )
        if tuple(key) in known
    ]
    return points_of(
        np.zeros(len(pairs)),
        [pair[0] for pair in pairs],
        [pair[2] for pair in pairs],
        [pair[3] for pair in pairs],
    )


def _keyed(columns: Columns, keys: tuple[str, ...], name: str) -> list[tuple[Any, ...]]:
    return list(zip(*(columns[key].tolist() for key in keys), columns[name].tolist(), strict=True))


def _share_lost(group: str, each: Class) -> Fit:
    """Of what was known of a class, what is lost."""
    low, high = interval(each.lost.resampled()[:, 0] / each.before)
    return Fit("share lost", f"{group}, {each.title}", each.share_lost, low, high, points=1)


def _order(group: str, classes: list[Class]) -> Fit:
    """Whether the share that is lost grows with rarity: classes that were known, the most frequent first."""
    known = [
        each for each in reversed(classes) if each.before >= LEAST_KNOWN and each.number >= LEAST_SENTENCES
    ]
    samples = [each.lost.resampled(seed=place)[:, 0] / each.before for place, each in enumerate(known)]
    return order_fit(
        "rank correlation",
        group,
        np.arange(len(known), dtype=np.float64),
        [each.share_lost for each in known],
        np.array(samples).T if samples else None,
    )


def _spared(columns: Columns, kind: str) -> list[Fit]:
    """Accuracy that replay spares, beside none."""
    found = []
    none = lost_accuracy(columns, kind, 0.0)
    for share in unique(where(columns, kind=kind), "replay"):
        if share == 0 or len(none) != 1:
            continue
        some = lost_accuracy(columns, kind, share)
        low, high = interval(none.resampled(seed=1)[:, 0] - some.resampled(seed=2)[:, 0])
        value = float(none.mean[0] - some.mean[0])
        found.append(Fit("accuracy spared", f"{kind}, replay {share:g}", value, low, high, points=1))
    return found


# ---- figure ------------------------------------------------------------------------------------------------


def draw(table: pa.Table, fits: pa.Table, path: str | os.PathLike[str]) -> None:
    """A panel for each kind: accuracy by class before, and after with each share of replay."""
    columns, found = columns_of(table), fits_of(fits)
    kinds = kinds_in(columns)
    figure, axes = figures.panels(max(len(kinds), 1), width=4.8)
    for panel, kind in zip(axes, kinds, strict=False):
        _kind_panel(panel, columns, kind, found)
        panel.set_ylim(-0.03, 1.03)
        first = panel is axes[0]
        figures.dress(
            panel, "training sentences about the element", "accuracy on old knowledge" if first else "", kind,
            log_x=True,
        )  # fmt: skip
    figures.legend_beside(axes[-1], "")
    if not kinds:
        figures.say(axes[0], "no fine-tuning is done")
    figures.caption(figure, _notes(found, kinds, columns))
    figures.save(figure, path)


def _kind_panel(axes: Axes, columns: Columns, kind: str, fits: list[Fit]) -> None:
    lows = class_lows(columns)
    for place, share in enumerate(unique(where(columns, kind=kind), "replay")):
        classes = [Class(columns, kind, share, low) for low in lows]
        classes = [each for each in classes if len(each.lost) == 1]
        x = [math.sqrt(each.low * each.high) for each in classes]
        if place == 0:
            figures.measured(axes, x, [each.before for each in classes], figures.INK, BEFORE, marker="s")
        ends = [
            find_fit(fits, "accuracy lost", f"{kind}, replay {share:g}, {each.title}") for each in classes
        ]
        figures.measured(
            axes, x, [each.after for each in classes], figures.SERIES[place % len(figures.SERIES)],
            f"after, replay {share:g}",
            low=[each.before - end.high for each, end in zip(classes, ends, strict=True)],
            high=[each.before - end.low for each, end in zip(classes, ends, strict=True)],
        )  # fmt: skip


def _notes(fits: list[Fit], kinds: list[str], columns: Columns) -> list[str]:
    lines = ["Old test sentences about elements that the fine-tuning does not mention; bars 95 %, paired."]
    for kind in kinds:
        parts = []
        for share in unique(where(columns, kind=kind), "replay"):
            group = f"{kind}, replay {share:g}"
            order = find_fit(fits, "rank correlation", group)
            parts.append(f"replay {share:g}: lost {find_fit(fits, 'accuracy lost', group)}, order {order}")
        lines.append(f"{kind}: " + "; ".join(parts))
    return [*lines, "Order: rank correlation of a class's rarity and the share of its accuracy that is lost."]
