"""Grids of runs: what all experiments set, and what their runs have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.experiments.corpora import CorpusConfiguration
from skmfast.experiments.runs import CorpusShare, EvaluationConfiguration, RunConfiguration
from skmfast.experiments.training import TrainingConfiguration
from skmfast.experiments.transformer import ModelConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterator

_CORPUS = CorpusConfiguration()
# A grid puts the size of its corpus's vocabulary in the place of this one.
_MODEL = ModelConfiguration(vocabulary=1)
_TRAINING = TrainingConfiguration(steps=1000)
_EVALUATION = EvaluationConfiguration()


@dataclass(frozen=True)
class Grid:
    """What the runs of an experiment have in common.

    Attributes
    ----------
    corpus : CorpusConfiguration
    model : ModelConfiguration
        Its vocabulary is replaced by the corpus's.
    training : TrainingConfiguration
    evaluation : EvaluationConfiguration
    repeats : int
        Networks for each place of the grid, each on a corpus of its own.
    """

    corpus: CorpusConfiguration = _CORPUS
    model: ModelConfiguration = _MODEL
    training: TrainingConfiguration = _TRAINING
    evaluation: EvaluationConfiguration = _EVALUATION
    repeats: int = 1

    def run(self, corpus: CorpusConfiguration, repeat: int, **changes: Any) -> RunConfiguration:
        """A run on the corpus of a repeat; ``changes`` to model, training or evaluation."""
        settings = {"training": self.training, "evaluation": self.evaluation, "model": self.model, **changes}
        settings["model"] = with_vocabulary(settings["model"], corpus)
        return RunConfiguration(corpora=(CorpusShare(repeated(corpus, repeat)),), repeat=repeat, **settings)

    def each_repeat(self) -> Iterator[int]:
        """0, 1, ..., repeats - 1."""
        return iter(range(self.repeats))


def with_vocabulary(model: ModelConfiguration, corpus: CorpusConfiguration) -> ModelConfiguration:
    """``model`` for the tokens of ``corpus``."""
    return replace(model, vocabulary=len(corpus.vocabulary()))


def repeated(corpus: CorpusConfiguration, repeat: int) -> CorpusConfiguration:
    """The corpus of a repeat: other elements and sentences of the same law."""
    return replace(corpus, seed=corpus.seed + repeat)


def log_spaced_steps(first: int, last: int, number: int) -> tuple[int, ...]:
    """At most ``number`` different steps from ``first`` to ``last``, evenly in their logarithms.

    Raises
    ------
    ValueError
        If they do not ascend from at least 1, or fewer than two are asked for.

    Examples
    --------
    >>> log_spaced_steps(1, 1000, 4)
    (1, 10, 100, 1000)
    """
    if not 1 <= first < last or number < 2:
        raise ValueError(f"steps: no {number} of them from {first} to {last}")
    steps = np.unique(np.geomspace(first, last, number).round().astype(np.int64))
    return tuple(steps.tolist())
