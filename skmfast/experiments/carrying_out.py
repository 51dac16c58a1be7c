"""Carrying out a run whose folder is ours: corpora, training, evaluations, and the tables at the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from skmfast.experiments.batches import Batches
from skmfast.experiments.folders import write_table
from skmfast.experiments.runs import WEIGHTS, make_corpora
from skmfast.experiments.training import train
from skmfast.experiments.transformer import Transformer
from skmfast.files import whole_file

if TYPE_CHECKING:
    from skmfast.experiments.runs import Corpora, RunConfiguration, RunResult
    from skmfast.experiments.watching import Watcher


def carry_out(
    configuration: RunConfiguration,
    folder: Path,
    initial: RunResult | None,
    watcher: Watcher,
    stop: Callable[[], bool] | None,
) -> dict[str, Any]:
    """Train, evaluate, and write the tables and the weights; returns what else is known of the run.

    The order matters to a run that is killed: an evaluation is on disk before the checkpoint of its step is,
    and the caller marks the run as done after everything else.
    """
    watcher.begins(configuration)
    watcher.phase("making corpora")
    corpora = make_corpora(configuration)
    model = _first_model(configuration, initial)
    evaluations = _Evaluations(configuration, corpora, folder / "evaluations", watcher)
    batches = Batches(
        *_trained_on(configuration, corpora), configuration.training.batch_sentences, configuration.seed
    )
    steps = configuration.training.steps
    training = dataclasses.replace(
        configuration.training,
        seed=configuration.seed,
        evaluate_steps=tuple(sorted({*configuration.training.evaluate_steps, *configuration.evaluation.at})),
    )
    watcher.phase("training")
    result = train(
        model,
        batches,
        training,
        folder=folder / "training",
        evaluate=evaluations.evaluate,
        progress=watcher.advances,
        stop=stop,
    )
    write_table(folder / "curve.parquet", result.curve)
    evaluations.evaluate(steps, model)
    write_table(folder / "classes.parquet", evaluations.classes(training.evaluate_steps))
    write_table(folder / "sentences.parquet", evaluations.sentences(model))
    _save_weights(model, folder / WEIGHTS)
    return {"parameters": model.num_parameters(), "seconds": result.seconds}
