"""Experiments: sources, networks trained on them, tables of what they learn, and figures.

A run (`run`) is one training of one network; an experiment (`run_experiment`) is a grid of runs, a table, the
laws fitted to it, and a page. Needs the extra ``skmfast[experiments]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skmfast.lazy import lazy_names

if TYPE_CHECKING:
    from skmfast.experiments.batches import Batches
    from skmfast.experiments.corpora import CorpusConfiguration
    from skmfast.experiments.experiment_work import run_experiment
    from skmfast.experiments.runs import (
        CorpusShare,
        EvaluationConfiguration,
        RunConfiguration,
        RunResult,
        run,
    )
    from skmfast.experiments.training import TrainingConfiguration, TrainingResult, train
    from skmfast.experiments.transformer import ModelConfiguration, Transformer

__all__ = [
    "Batches",
    "CorpusConfiguration",
    "CorpusShare",
    "EvaluationConfiguration",
    "ModelConfiguration",
    "RunConfiguration",
    "RunResult",
    "TrainingConfiguration",
    "TrainingResult",
    "Transformer",
    "run",
    "run_experiment",
    "train",
]

_NAMES = {
    "batches": ("Batches",),
    "corpora": ("CorpusConfiguration",),
    "experiment_work": ("run_experiment",),
    "runs": ("CorpusShare", "EvaluationConfiguration", "RunConfiguration", "RunResult", "run"),
    "training": ("TrainingConfiguration", "TrainingResult", "train"),
    "transformer": ("ModelConfiguration", "Transformer"),
}
_HOMES = {name: f"skmfast.experiments.{module}" for module, names in _NAMES.items() for name in names}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
