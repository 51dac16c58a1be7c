"""One training run: its configuration, its folder, and how it is carried out, taken up again or skipped.

A run's folder is named by the hash of its configuration and holds configuration.json, status.json, a
checkpoint while it runs, and in the end model.safetensors and the tables `TABLES`. Each file appears whole or
not at all, so that a run killed at any point goes on when it is asked for again, to the same tables.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skmfast.experiments.canonical import digest, plain
from skmfast.experiments.checkpoints import load_weights
from skmfast.experiments.corpora import CorpusConfiguration, training_and_test
from skmfast.experiments.errors import ConfigurationError, DivergedError, FolderError
from skmfast.experiments.folders import belongs, claim, locked, read_json, read_table, sweep, write_json
from skmfast.experiments.training import TrainingConfiguration  # noqa: TC001  (looked up for its fields)
from skmfast.experiments.transformer import ModelConfiguration, Transformer
from skmfast.experiments.watching import Watcher

if TYPE_CHECKING:
    import pyarrow as pa

    from skmfast.corpora.labelled import LabelledCorpus

    Corpora = Sequence[tuple[LabelledCorpus, LabelledCorpus]]

# Between the seeds of repeats, so that repeats of neighbouring seeds are not the same runs.
_SEED_STEP = 1_000_003
STATUS, WEIGHTS = "status.json", "model.safetensors"
TABLES = ("curve", "classes", "answers", "sentences")
DONE, DIVERGED = "done", "diverged"


@dataclass(frozen=True)
class CorpusShare:
    """A corpus of a run, and how much of the training it is.

    Attributes
    ----------
    corpus : CorpusConfiguration
    share : float
        Of the training sentences, in proportion to the other shares. A corpus of share 0 is evaluated and
        not trained on: what is forgotten of it shows.
    """

    corpus: CorpusConfiguration
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.share < float("inf"):
            raise ValueError(f"share: {self.share} is below 0")


@dataclass(frozen=True)
class EvaluationConfiguration:
    """When and on what a run is evaluated.

    Attributes
    ----------
    test_sentences : int
        Fresh sentences of each corpus.
    at : tuple of int
        Steps after which it is evaluated; after the last step it always is.
    batch_sentences : int
        Sentences in a batch of the evaluation: a matter of memory and speed.
    precision : str
        float32 or bfloat16.
    """

    test_sentences: int = 2000
    at: tuple[int, ...] = ()
    batch_sentences: int = 256
    precision: str = "float32"

    def __post_init__(self) -> None:
        for name in ("test_sentences", "batch_sentences"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is less than 1")
        if any(step < 0 for step in self.at):
            raise ValueError(f"at: {min(self.at)} is less than 0")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision: {self.precision!r} is none of float32, bfloat16")


@dataclass(frozen=True)
class RunConfiguration:
    """All that decides a training run and its tables.

    Attributes
    ----------
    corpora : tuple of CorpusShare
    model : ModelConfiguration
    training : TrainingConfiguration
    evaluation : EvaluationConfiguration
    initial : RunConfiguration or None
        The run whose final weights this one starts from.
    repeat : int
        Runs that differ in nothing else differ in the draws of weights and batches.
    """

    corpora: tuple[CorpusShare, ...]
    model: ModelConfiguration
    training: TrainingConfiguration
    evaluation: EvaluationConfiguration = EvaluationConfiguration()
    initial: RunConfiguration | None = None
    repeat: int = 0

    def __post_init__(self) -> None:
        if not any(each.share > 0 for each in self.corpora):
            raise ValueError("corpora: none has a share above 0")
        if self.repeat < 0:
            raise ValueError(f"repeat: {self.repeat} is less than 0")
        if any(step > self.training.steps for step in self.evaluation.at):
            raise ValueError(
                f"evaluation.at: {max(self.evaluation.at)} is more than {self.training.steps} steps"
            )

    @property
    def seed(self) -> int:
        """Decides the first weights and the batches."""
        return self.training.seed + _SEED_STEP * self.repeat

    def with_ancestors(self) -> list[RunConfiguration]:
        """The runs that this one starts from, the first of them first, and this one."""
        return [*(self.initial.with_ancestors() if self.initial else []), self]


@dataclass(frozen=True)
class RunResult:
    """What a run left in its folder.

    Attributes
    ----------
    configuration : RunConfiguration
    folder : Path
    status : str
        ``"done"``, or ``"diverged"``: then there is no table but perhaps a curve.
    reason : str
        Why it is not done.
    """

    configuration: RunConfiguration
    folder: Path
    status: str
    reason: str = ""
    facts: dict[str, Any] = dataclasses.field(default_factory=dict, compare=False)

    @property
    def digest(self) -> str:
        """Hash of the configuration: the folder's name."""
        return digest(self.configuration)

    @functools.cached_property
    def curve(self) -> pa.Table:
        """Loss at each step of the training."""
        return read_table(self.folder / "curve.parquet")

    @functools.cached_property
    def classes(self) -> pa.Table:
        """Losses by frequency class at each evaluated step, for each corpus."""
        return read_table(self.folder / "classes.parquet")

    @functools.cached_property
    def answers(self) -> pa.Table:
        """What is known of each attribute, by frequency class at each evaluated step, for each corpus."""
        return read_table(self.folder / "answers.parquet")

    @functools.cached_property
    def sentences(self) -> pa.Table:
        """Bits of each test sentence under the final network, the Bayes mixture and the oracle."""
        return read_table(self.folder / "sentences.parquet")

    def model(self) -> Transformer:
        """The trained network, in evaluation mode, on the CPU."""
        model = Transformer(self.configuration.model)
        load_weights(model, self.folder / WEIGHTS)
        return model.eval()

    def corpora(self) -> Corpora:
        """Training and test sentences of each corpus, made anew."""
        return make_corpora(self.configuration)


def make_corpora(configuration: RunConfiguration) -> Corpora:
    """Training and test sentences of each corpus of a run.

    Raises
    ------
    ConfigurationError
        If a corpus cannot be made: there are not enough names for its elements.
    """
    try:
        return [
            training_and_test(each.corpus, configuration.evaluation.test_sentences)
            for each in configuration.corpora
        ]
    except ValueError as error:
        raise ConfigurationError(f"corpora: {error}") from None


def run_folder(configuration: RunConfiguration, root: str | os.PathLike[str]) -> Path:
    """Folder of a run below ``root``."""
    return Path(root) / digest(configuration)


def run(
    configuration: RunConfiguration,
    root: str | os.PathLike[str],
    *,
    watcher: Watcher | None = None,
    stop: Callable[[], bool] | None = None,
) -> RunResult:
    """Carry out a run, go on with one that was ended, or read what is done.

    Parameters
    ----------
    configuration : RunConfiguration
    root : path
        Holds the folders of all runs.
    watcher : Watcher, optional
        Told how it goes.
    stop : callable, optional
        Asked between steps whether to stop; the next call goes on from there.

    Returns
    -------
    RunResult
        Done or diverged.

    Raises
    ------
    FolderError
        If the folder holds another configuration, is damaged, or another process writes in it.
    Interrupted
        If ``stop`` said so.
    OutOfMemoryError
        If memory did not suffice; the message says which setting to lower.
    """
    folder = run_folder(configuration, root)
    watcher = watcher or Watcher()
    finished = finished_run(configuration, root)
    if finished is None:
        initial: RunResult | None = None
        if configuration.initial is not None:
            initial = run(configuration.initial, root, watcher=watcher, stop=stop)
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            # Between the first look and the lock another process may have done it.
            finished = finished_run(configuration, root)
            if finished is None:
                claim(folder, plain(configuration))
                sweep(folder)
                finished = _carried_out(configuration, folder, initial, watcher, stop)
    return finished


def _carried_out(
    configuration: RunConfiguration,
    folder: Path,
    initial: RunResult | None,
    watcher: Watcher,
    stop: Callable[[], bool] | None,
) -> RunResult:
    """The result of a run whose folder this process holds."""
    from skmfast.experiments.carrying_out import carry_out

    status, reason, facts = DONE, "", {}
    if initial is not None and initial.status == DIVERGED:
        status, reason = DIVERGED, f"the run that it starts from, {initial.digest}, diverged"
    else:
        watcher.begins(configuration)
        watcher.phase("making corpora")
        corpora = make_corpora(configuration)
        try:
            facts = carry_out(configuration, corpora, folder, initial, watcher, stop)
        except DivergedError as error:
            status, reason = DIVERGED, str(error)
    write_json(folder / STATUS, {"status": status, "reason": reason, "facts": facts})
    if status == DONE:
        shutil.rmtree(folder / "training", ignore_errors=True)
        shutil.rmtree(folder / "evaluations", ignore_errors=True)
    return RunResult(configuration, folder, status, reason, facts)


def finished_run(configuration: RunConfiguration, root: str | os.PathLike[str]) -> RunResult | None:
    """A run that is done or has diverged; None if it is still to be carried out.

    Raises
    ------
    FolderError
        If the folder holds another configuration or lacks a file.
    """
    folder = run_folder(configuration, root)
    if not belongs(folder, plain(configuration)):
        return None
    found = read_json(folder / STATUS)
    if found is None:
        return None
    if found.get("status") not in (DONE, DIVERGED):
        raise FolderError(f"{folder / STATUS}: {found.get('status')!r} is no status")
    if found["status"] == DONE:
        for name in (WEIGHTS, *(f"{each}.parquet" for each in TABLES)):
            if not (folder / name).exists():
                raise FolderError(f"{folder}: is marked as done and lacks {name}; remove it to run it again")
    return RunResult(configuration, folder, found["status"], found.get("reason", ""), found.get("facts", {}))
