"""An experiment of a few seconds, for the tests of what carries experiments out.

As a script it is the command line with this experiment in it: ``python small_experiment.py experiment small
--config FILE --out FOLDER``.
"""

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from skmfast.experiments.corpora import CorpusConfiguration
from skmfast.experiments.experiment import EXPERIMENTS, Entry
from skmfast.experiments.runs import CorpusShare, EvaluationConfiguration, RunConfiguration
from skmfast.experiments.training import TrainingConfiguration
from skmfast.experiments.transformer import ModelConfiguration

NAME = "small"
CORPUS = CorpusConfiguration(sentences=300, first=16, last=16, values=8, seed=1)
TRAINING = TrainingConfiguration(steps=12, batch_sentences=16, checkpoint_every=4, learning_rate=1e-3)
EVALUATION = EvaluationConfiguration(test_sentences=60, at=(0, 5))


@dataclass(frozen=True)
class Configuration:
    """A run for each learning rate, and one that goes on from the first with another corpus."""

    corpus: CorpusConfiguration = CORPUS
    width: int = 16
    training: TrainingConfiguration = TRAINING
    evaluation: EvaluationConfiguration = EVALUATION
    learning_rates: tuple[float, ...] = (1e-3, 3e-3)
    tunes: bool = True

    def __post_init__(self):
        if self.width > 64:
            raise ValueError(f"width: {self.width} is no small model")


def runs(configuration):
    first = [
        _run(configuration, replace(configuration.training, learning_rate=r))
        for r in configuration.learning_rates
    ]
    if not (configuration.tunes and first):
        return first
    other = replace(configuration.corpus, seed=configuration.corpus.seed + 1)
    shares = (CorpusShare(other, 1.0), CorpusShare(configuration.corpus, 0.0))
    return [*first, replace(first[0], corpora=shares, initial=first[0])]


def _run(configuration, training):
    return RunConfiguration(
        corpora=(CorpusShare(configuration.corpus),),
        model=ModelConfiguration(
            vocabulary=len(configuration.corpus.vocabulary().pieces),
            width=configuration.width,
            layers=1,
            heads=2,
        ),
        training=training,
        evaluation=configuration.evaluation,
    )


def table(configuration, results):
    rows = [
        {
            "run": each.digest,
            "learning_rate": each.configuration.training.learning_rate,
            "tuned": each.configuration.initial is not None,
            "knowledge_bits": float(np.mean(each.sentences["network_knowledge_bits"].to_numpy())),
            "loss_bits": each.curve["loss_bits_per_token"][-1].as_py(),
        }
        for each in results
    ]
    return pa.Table.from_pylist(rows)


def fits(table):
    return pa.table(
        {"quantity": ["least"], "bits": [min(table["knowledge_bits"].to_pylist(), default=math.nan)]}
    )


def draw(table, fits, path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3))
    axes = figure.subplots()
    axes.plot(table["learning_rate"].to_numpy(), table["knowledge_bits"].to_numpy(), "o")
    axes.axhline(fits["bits"][0].as_py())
    figure.savefig(path)


def register():
    """Make it one of the experiments."""
    sys.path.insert(0, str(Path(__file__).parent))
    EXPERIMENTS[NAME] = Entry("small_experiment", "a few networks of a few steps")


if __name__ == "__main__":
    register()
    from skmfast.cli import main

    main()
