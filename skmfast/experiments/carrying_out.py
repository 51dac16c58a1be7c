"""Carrying out a run whose folder is ours: corpora, training, evaluations, and the tables at the end.

The order of what is written matters to a run that is killed: an evaluation is on disk before the checkpoint
of its step is, and the caller marks the run as done after everything else.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skmfast.experiments.batches import Batches
from skmfast.experiments.checkpoints import save_weights
from skmfast.experiments.errors import ConfigurationError
from skmfast.experiments.folders import write_table
from skmfast.experiments.run_evaluation import RunEvaluation
from skmfast.experiments.runs import WEIGHTS
from skmfast.experiments.threads import torch_threads
from skmfast.experiments.training import TrainingConfiguration, train
from skmfast.experiments.transformer import Transformer

if TYPE_CHECKING:
    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.experiments.runs import Corpora, RunConfiguration, RunResult
    from skmfast.experiments.watching import Watcher

# Of a run that does not say how often; little is lost, and little time goes into writing.
_CHECKPOINTS = 10


def carry_out(
    configuration: RunConfiguration,
    corpora: Corpora,
    folder: Path,
    initial: RunResult | None,
    watcher: Watcher,
    stop: Callable[[], bool] | None,
) -> dict[str, Any]:
    """Train, evaluate, and write the tables and the weights.

    Parameters
    ----------
    configuration : RunConfiguration
    corpora : sequence of (training, test)
    folder : Path
        Of the run; what is there of it is taken up.
    initial : RunResult or None
        The run whose weights this one starts from.
    watcher : Watcher
    stop : callable or None
        Asked between steps whether to stop.

    Returns
    -------
    dict
        What else is known of the run, for JSON.

    Raises
    ------
    ConfigurationError
        See `check`.
    DivergedError, Interrupted, OutOfMemoryError, FolderError
        See `skmfast.experiments.training.train`.
    """
    check(configuration, corpora)
    with torch_threads(configuration.training.threads):
        model = _first_model(configuration, initial)
        training = training_of(configuration)
        evaluation = RunEvaluation(configuration.evaluation, corpora, folder / "evaluations", watcher)
        watcher.phase("training")
        result = train(
            model,
            _batches(configuration, corpora),
            training,
            folder=folder / "training",
            evaluate=evaluation.evaluate,
            progress=watcher.advances,
            stop=stop,
        )
        watcher.phase("evaluating")
        write_table(folder / "curve.parquet", result.curve)
        for name in ("classes", "answers"):
            write_table(folder / f"{name}.parquet", evaluation.table(name, training.evaluate_steps))
        write_table(folder / "sentences.parquet", evaluation.sentences(model))
        save_weights(model.cpu(), folder / WEIGHTS)
        return {
            "parameters": model.num_parameters(),
            "parameters_without_embeddings": model.num_parameters(embeddings=False),
            "tokens": result.tokens,
            "sentences": result.sentences,
            "seconds": result.seconds,
        }


def training_of(configuration: RunConfiguration) -> TrainingConfiguration:
    """How the model of a run is trained: with the seed of its repeat, evaluated when the run says so."""
    training = configuration.training
    steps = training.steps
    return dataclasses.replace(
        training,
        seed=configuration.seed,
        evaluate_steps=tuple(sorted({*training.evaluate_steps, *configuration.evaluation.at, steps})),
        checkpoint_every=training.checkpoint_every or max(1, math.ceil(steps / _CHECKPOINTS)),
    )


def check(configuration: RunConfiguration, corpora: Corpora) -> None:
    """Refuse what would fail only in the midst of the training.

    Raises
    ------
    ConfigurationError
        If the model is too small for the corpora, or the device is not there.
    """
    model, device = configuration.model, configuration.training.device
    for name, size, needed, what in (
        ("vocabulary", model.vocabulary, max(len(each.pieces()) for each, _ in corpora), "tokens"),
        ("context", model.context, max(map(_longest, itertools.chain(*corpora))), "tokens in a sentence"),
    ):
        if size < needed:
            raise ConfigurationError(f"model.{name}: {size:,}, and the corpora have {needed:,} {what}")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(f"training.device: {device!r} cannot be used here: {reason}") from None


def _longest(corpus: LabelledCorpus) -> int:
    return int(np.diff(np.asarray(corpus.offsets)).max(initial=0))


def _first_model(configuration: RunConfiguration, initial: RunResult | None) -> Transformer:
    model = Transformer(configuration.model, seed=configuration.seed)
    if initial is not None:
        model.load_state_dict(initial.model().state_dict())
    return model


def _batches(configuration: RunConfiguration, corpora: Corpora) -> Batches:
    """Of the corpora that have a share."""
    chosen = [
        (training, each.share)
        for each, (training, _) in zip(configuration.corpora, corpora, strict=True)
        if each.share > 0
    ]
    total = math.fsum(share for _, share in chosen)
    try:
        return Batches(
            [training for training, _ in chosen],
            [share / total for _, share in chosen],
            batch_sentences=configuration.training.batch_sentences,
            seed=configuration.seed,
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
