"""Carrying out a run whose folder is ours: corpora, training, evaluations, and the tables at the end.

The order of what is written matters to a run that is killed: an evaluation is on disk before the checkpoint
of its step is, and the caller marks the run as done after everything else.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save

from skmfast.experiments.batches import Batches
from skmfast.experiments.folders import write_table
from skmfast.experiments.run_evaluation import RunEvaluation
from skmfast.experiments.runs import WEIGHTS
from skmfast.experiments.training import TrainingConfiguration, train
from skmfast.experiments.transformer import Transformer
from skmfast.files import whole_file

if TYPE_CHECKING:
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
    DivergedError, Interrupted, OutOfMemoryError, FolderError
        See `skmfast.experiments.training.train`.
    """
    model = _first_model(configuration, initial, corpora)
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
    with whole_file(folder / WEIGHTS) as file:
        file.write(save({name: each.contiguous() for name, each in model.cpu().state_dict().items()}))
    return {
        "parameters": model.num_parameters(),
        "parameters_without_embeddings": model.num_parameters(embeddings=False),
        "tokens": result.tokens,
        "sentences": result.sentences,
        "prequential_bits": result.prequential_bits,
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


def _first_model(configuration: RunConfiguration, initial: RunResult | None, corpora: Corpora) -> Transformer:
    needed = max(len(training.pieces()) for training, _ in corpora)
    if configuration.model.vocabulary < needed:
        raise ValueError(
            f"model.vocabulary: {configuration.model.vocabulary:,}; the corpora have {needed:,} tokens"
        )
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
    return Batches(
        [training for training, _ in chosen],
        [share / total for _, share in chosen],
        batch_sentences=configuration.training.batch_sentences,
        seed=configuration.seed,
    )
