"""Training a transformer on batches of sentences: AdamW, a rate that rises and falls, checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from torch import Tensor

from skmfast.experiments.beginnings import Beginnings, beginnings_of
from skmfast.experiments.canonical import ADDED_LATER, plain
from skmfast.experiments.checkpoints import Checkpoint, copy_weights
from skmfast.experiments.elementwise import chosen
from skmfast.experiments.errors import DivergedError, Interrupted, OutOfMemoryError
from skmfast.experiments.threads import torch_threads
from skmfast.experiments.transformer import Transformer, Tree
from skmfast.operators import linear_cross_entropy

if TYPE_CHECKING:
    from skmfast.experiments.batches import Batch, Batches

CHECKPOINT = "checkpoint.safetensors"
DIVERGED_AT = 3.0  # times the bits of a uniform guess

_UNREAD = 32  # steps after which the losses of a GPU are read
_STATES, _ROWS = 32, 8  # states and rows of a batch are rounded up to multiples
_SCHEDULES = ("cosine", "linear", "constant")
_PRECISIONS = ("float32", "bfloat16")
_CURVE = {
    "step": torch.int64,
    "tokens": torch.int64,
    "sentences": torch.int64,
    "loss_bits_per_token": torch.float64,
    "gradient_norm": torch.float64,
    "learning_rate": torch.float64,
    "seconds": torch.float64,
}


@dataclass(frozen=True)
class TrainingConfiguration:
    """How a model is trained.

    Attributes
    ----------
    steps : int
        Batches; each changes the weights once.
    batch_sentences : int
        Sentences of a batch.
    learning_rate : float
        Its largest value.
    warmup_steps : int
        Steps over which it rises from 0, as a straight line.
    schedule : {"cosine", "linear", "constant"}
        How it falls afterwards, to ``final_share`` of the largest at the last step.
    final_share : float
    betas : pair of float
        AdamW's.
    weight_decay : float
        AdamW's, of matrices; vectors do not decay.
    clip : float
        Largest norm of the gradient; 0 for any.
    accumulation : int
        Parts in which a batch is computed, one after another: less memory, and the same result but for
        rounding.
    seed : int
        Decides what dropout leaves out.
    precision : {"float32", "bfloat16"}
        Of products; weights, moments and sums are float32 in any case.
    compile : bool
        Whether the layers go through ``torch.compile``, which takes time once and pays in long runs.
    device : str
    evaluate_steps : tuple of int
        Steps after which ``evaluate`` is called; 0 is before the first.
    checkpoint_every : int
        Steps between checkpoints; 0 for one at the end.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    steps: int
    batch_sentences: int = 64
    learning_rate: float = 1e-3
    warmup_steps: int = 0
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    final_share: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1
    clip: float = 1.0
    accumulation: int = 1
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    device: str = "cpu"
    threads: int | None = field(default=1, metadata=ADDED_LATER)
    evaluate_steps: tuple[int, ...] = ()
    checkpoint_every: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "warmup_steps", "checkpoint_every", "seed", "weight_decay", "clip"):
            _check(name, getattr(self, name), getattr(self, name) >= 0, "at least 0 is needed")
        for name in ("batch_sentences", "accumulation"):
            _check(name, getattr(self, name), getattr(self, name) >= 1, "at least 1 is needed")
        _check("threads", self.threads, self.threads is None or self.threads >= 1, "at least 1 is needed")
        _check("learning_rate", self.learning_rate, self.learning_rate > 0, "it must be positive")
        _check("final_share", self.final_share, 0 <= self.final_share <= 1, "outside [0, 1]")
        fit = len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)
        _check("betas", self.betas, fit, "two numbers in [0, 1) are needed")
        for name, known in (("schedule", _SCHEDULES), ("precision", _PRECISIONS)):
            _check(name, getattr(self, name), getattr(self, name) in known, f"none of {', '.join(known)}")
        inside = all(0 <= step <= self.steps for step in self.evaluate_steps)
        _check("evaluate_steps", self.evaluate_steps, inside, f"outside 0 to steps={self.steps}")

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of step ``step``, the first of which is 0."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        falling = self.steps - self.warmup_steps
        done = (step - self.warmup_steps) / max(falling - 1, 1)
        left = {
            "cosine": 0.5 * (1 + math.cos(math.pi * done)),
            "linear": 1 - done,
            "constant": 1.0,
        }[self.schedule]
        return self.learning_rate * (self.final_share + (1 - self.final_share) * left)


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What a training run was like.

    Attributes
    ----------
    curve : pyarrow.Table
        A row for each step: ``step`` (the first is 1), ``tokens`` and ``sentences`` of its batch,
        ``loss_bits_per_token`` of the batch before the step, ``gradient_norm`` before clipping,
        ``learning_rate``, and ``seconds`` since the beginning, evaluations left out.
    seconds : float
        Time that the steps took.
    """

    curve: pa.Table
    seconds: float

    @property
    def tokens(self) -> int:
        """Tokens trained on."""
        return int(np.sum(self.curve["tokens"].to_numpy()))

    @property
    def sentences(self) -> int:
        """Sentences trained on."""
        return int(np.sum(self.curve["sentences"].to_numpy()))


def train(
    model: Transformer,
    batches: Batches,
    configuration: TrainingConfiguration,
    *,
    folder: str | os.PathLike[str] | None = None,
    evaluate: Callable[[int, Transformer], None] | None = None,
    progress: Callable[[int, float, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train a model in place.

    Parameters
    ----------
    model : Transformer
        With its first weights; the run's last ones when this returns.
    batches : Batches
        Of ``configuration.batch_sentences``.
    configuration : TrainingConfiguration
    folder : path, optional
        Where checkpoints lie. If one is there, the run goes on from it, bit by bit as if it had not stopped.
    evaluate : callable, optional
        ``evaluate(step, model)`` after each of ``evaluate_steps``, before a checkpoint of that step is
        written; the model is then in evaluation mode, and no gradients are kept.
    progress : callable, optional
        ``progress(step, loss_bits_per_token, sentences)`` of each step, sentences from the beginning. On a
        GPU it is told of several steps at a time.
    stop : callable, optional
        Asked after each step whether to stop.

    Returns
    -------
    TrainingResult

    Raises
    ------
    DivergedError
        If a loss is not finite or above three times log2 V bits per token, which on a GPU may be found some
        steps later. The last checkpoint stays.
    FolderError
        If the checkpoint is damaged or of another run.
    Interrupted
        If ``stop`` said so; a checkpoint of that step is there.
    OutOfMemoryError
        If memory does not suffice.
    ValueError
        If batches and configuration do not go together.
    """
    if batches.batch_sentences != configuration.batch_sentences:
        raise ValueError(
            f"batches of {batches.batch_sentences} sentences,"
            f" and batch_sentences={configuration.batch_sentences}"
        )
    with torch_threads(configuration.threads), _memory(configuration, model):
        run = TrainingRun(model, batches, configuration, Path(folder) if folder is not None else None)
        if run.step == 0:
            run.evaluate(evaluate)
        while run.step < configuration.steps:
            run.advance()
            if run.settles():
                _tell(run.settle(), progress)
            run.evaluate(evaluate)
            stopped = run.step < configuration.steps and stop is not None and stop()
            if stopped:
                _tell(run.settle(), progress)
            run.keep(stopped)
            if stopped:
                raise Interrupted(f"training stopped after step {run.step:,} of {configuration.steps:,}")
    return run.result()


def _tell(
    steps: Iterable[tuple[int, float, int]], progress: Callable[[int, float, int], None] | None
) -> None:
    for each in steps:
        if progress is not None:
            progress(*each)


class TrainingRun:
    """State of a training run, which `train` takes from step to step: weights, moments, curve."""

    def __init__(
        self, model: Transformer, batches: Batches, configuration: TrainingConfiguration, folder: Path | None
    ) -> None:
        self.model = model.to(configuration.device)
        self.batches, self.configuration = batches, configuration
        self.limit_bits = DIVERGED_AT * math.log2(max(model.configuration.vocabulary, 2))
        self.names = [name for name, _ in model.named_parameters()]
        self.optimiser = _optimiser(model, configuration)
        self.step, self.seconds, self.sentences = 0, 0.0, 0
        self.curve = {name: torch.zeros(configuration.steps, dtype=kind) for name, kind in _CURVE.items()}
        # Losses and norms of the last steps, where they were computed: to look at them is to wait for them.
        self._unread: list[Tensor] = []
        self._every = 1 if torch.device(configuration.device).type == "cpu" else _UNREAD
        self.path = folder / CHECKPOINT if folder is not None else None
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                self._restore(Checkpoint.read(self.path, self._owner()))
        if configuration.compile:
            model.layers.compile(dynamic=True)
        model.train()

    def advance(self) -> None:
        """One step; its loss and its norm are read when `settle` is called."""
        began = time.perf_counter()
        configuration = self.configuration
        batch = self.batches.batch(self.step)
        rate = configuration.learning_rate_at(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss, norm = self._gradients(batch)
        self._clip(norm)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self._unread.append(torch.stack([loss, norm]))
        self.seconds += time.perf_counter() - began
        row = (self.step + 1, batch.num_tokens, len(batch), math.nan, math.nan, rate, self.seconds)
        for column, value in zip(self.curve.values(), row, strict=True):
            column[self.step] = value
        self.step += 1

    def settles(self) -> bool:
        """Whether it is time to read the losses: for the eye, an evaluation or a checkpoint."""
        return (
            len(self._unread) >= self._every
            or self.step in self.configuration.evaluate_steps
            or self._keeps()
        )

    def settle(self) -> list[tuple[int, float, int]]:
        """Step, loss in bits per token, and sentences so far, of each step since the last call.

        Raises
        ------
        DivergedError
            If a loss is not finite or too high.
        """
        began, first = time.perf_counter(), self.step - len(self._unread)
        found = torch.stack(self._unread).double().cpu() if self._unread else torch.empty(0, 2)
        self._unread.clear()
        self.curve["loss_bits_per_token"][first : self.step] = found[:, 0] / math.log(2)
        self.curve["gradient_norm"][first : self.step] = found[:, 1]
        waited = time.perf_counter() - began
        if self.step > first:
            share = torch.arange(1, self.step - first + 1, dtype=torch.float64) / (self.step - first)
            self.curve["seconds"][first : self.step] += waited * share
        self.seconds += waited
        told = []
        for step in range(first, self.step):
            loss_bits = float(self.curve["loss_bits_per_token"][step])
            if not loss_bits <= self.limit_bits:
                raise DivergedError(
                    f"step {step + 1:,}: a loss of {loss_bits:.4g} bits per token, above"
                    f" {self.limit_bits:.4g}: lower learning_rate, raise warmup_steps or lower clip"
                )
            self.sentences += int(self.curve["sentences"][step])
            told.append((step + 1, loss_bits, self.sentences))
        return told

    def _gradients(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss in nats per token, and the norm of its gradient."""
        configuration, tokens = self.configuration, batch.num_tokens
        if self.model.configuration.dropout:
            # What is left out is a function of seed and step, as batches are.
            torch.manual_seed((configuration.seed * 0x9E3779B97F4A7C15 + self.step) % (1 << 63))
        losses = [self._part(part, tokens) for part in batch.parts(configuration.accumulation)]
        gradients = [weight.grad for weight in self.model.parameters() if weight.grad is not None]
        return torch.stack(losses).sum(), torch.nn.utils.get_total_norm(gradients, foreach=True)

    def _clip(self, norm: Tensor) -> None:
        """Let the optimiser divide the gradients by what they are too long by."""
        if not self.configuration.clip:
            return
        # As torch.nn.utils.clip_grad_norm_ has it, which would walk through all of them once more.
        excess = ((norm + 1e-6) / self.configuration.clip).clamp(min=1.0)
        idle = norm.device.type == "cpu" and float(excess) == 1.0
        self.optimiser.grad_scale = None if idle else excess  # type: ignore[attr-defined]

    def _part(self, batch: Batch, tokens: int) -> Tensor:
        """A batch's share in the loss of ``tokens`` tokens, in nats per token; adds its gradients."""
        # Dropout leaves out other numbers of each sentence: then no two have the same states.
        shared = not self.model.configuration.dropout
        given = _on_device(beginnings_of(batch, shared=shared), self.configuration)
        # A leaf of its own, or the graph's sum would hold a second matrix (V, width), of zeros for the most
        # part.
        embedded = F.embedding(given.tokens, self.model.embedding.detach()).requires_grad_()
        with _products_in(self.configuration):
            hidden = chosen(self.model.tree_states(embedded, given.tree), given.predicting)
            nats = linear_cross_entropy(hidden, self.model.head, given.targets, reduction="none")
        loss = torch.dot(nats, given.counts / tokens)
        loss.backward()  # type: ignore[no-untyped-call]
        _add_rows(self.model.embedding, given.tokens, embedded.grad)
        return loss.detach()

    def evaluate(self, evaluate: Callable[[int, Transformer], None] | None) -> None:
        """Call ``evaluate`` if it is time for it; all losses before have been read."""
        if evaluate is None or self.step not in self.configuration.evaluate_steps:
            return
        self.model.eval()
        try:
            with torch.no_grad():
                evaluate(self.step, self.model)
        finally:
            self.model.train()

    def keep(self, now: bool) -> None:
        """Write a checkpoint if it is time for it."""
        if self.path is None or not (now or self._keeps()):
            return
        moments = {
            f"{kind}.{name}": value
            for name, state in zip(self.names, self._states(), strict=True)
            for kind, value in state.items()
        }
        curve = {name: column[: self.step] for name, column in self.curve.items()}
        checkpoint = Checkpoint(self.step, self.seconds, dict(self.model.state_dict()), moments, curve)
        checkpoint.write(self.path, self._owner())

    def _keeps(self) -> bool:
        every = self.configuration.checkpoint_every
        return self.step == self.configuration.steps or bool(every and self.step % every == 0)

    def result(self) -> TrainingResult:
        """The run's curve and time."""
        self.model.eval()
        return TrainingResult(
            pa.table({name: column.numpy() for name, column in self.curve.items()}), self.seconds
        )

    def _restore(self, checkpoint: Checkpoint) -> None:
        assert self.path is not None
        copy_weights(self.model, checkpoint.weights, self.path)
        for name, weight in self.model.named_parameters():
            state = self.optimiser.state[weight]
            for key, value in checkpoint.moments.items():
                kind, _, of = key.partition(".")
                if of == name:
                    # The count of steps stays where the optimiser wants it, moments go with their weights.
                    state[kind] = value.to(weight.device)
        for name, column in checkpoint.curve.items():
            self.curve[name][: checkpoint.step] = column
        self.step, self.seconds = checkpoint.step, checkpoint.seconds
        self.sentences = int(self.curve["sentences"].sum())

    def _states(self) -> list[dict[str, Tensor]]:
        return [self.optimiser.state[weight] for weight in self.model.parameters()]

    def _owner(self) -> dict[str, Any]:
        """What must be the same where a checkpoint is taken up; when it was written is no part of it."""
        training = plain(self.configuration)
        for name in ("evaluate_steps", "checkpoint_every"):
            del training[name]
        batches = {
            "shares": self.batches.shares,
            "sentences": self.batches.sizes,
            "order": (self.batches.seed, self.batches.window),
        }
        return {"model": dataclasses.asdict(self.model.configuration), **training, **batches}


class _OnDevice(NamedTuple):
    tokens: Tensor
    tree: Tree
    predicting: Tensor
    targets: Tensor
    counts: Tensor


def _on_device(given: Beginnings, configuration: TrainingConfiguration) -> _OnDevice:
    """Beginnings as tensors, the counts as float32."""
    if configuration.precision == "bfloat16" or configuration.compile:
        # Products in bfloat16 are compiled for each shape anew, which takes longer than they do: batches that
        # differ by a sentence shall not differ in shape.
        given = given.padded(_STATES, _ROWS)
    arrays = (
        given.tokens, given.positions, given.rows, given.places,
        given.predicting, given.targets, given.counts.astype(np.float32),
    )  # fmt: skip
    tensors = [torch.from_numpy(array) for array in arrays]
    if torch.device(configuration.device).type == "cuda":
        tensors = [tensor.pin_memory().to(configuration.device, non_blocking=True) for tensor in tensors]
    tokens, positions, rows, places, *head = tensors
    return _OnDevice(tokens, Tree(positions, rows, places), *head)


def _add_rows(weight: Tensor, rows: Tensor, gradient: Tensor | None) -> None:
    """Add the gradient (n, width) of chosen rows to that of a matrix."""
    assert gradient is not None
    if weight.grad is None:
        weight.grad = torch.zeros_like(weight)
    weight.grad.index_put_((rows,), gradient, accumulate=True)


def _optimiser(model: Transformer, configuration: TrainingConfiguration) -> torch.optim.AdamW:
    weights = list(model.parameters())
    groups = [
        {"params": [w for w in weights if w.dim() > 1], "weight_decay": configuration.weight_decay},
        {"params": [w for w in weights if w.dim() == 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=configuration.learning_rate, betas=configuration.betas, fused=True)


def _products_in(configuration: TrainingConfiguration) -> contextlib.AbstractContextManager[Any]:
    if configuration.precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(torch.device(configuration.device).type, torch.bfloat16)


@contextlib.contextmanager
def _memory(configuration: TrainingConfiguration, model: Transformer) -> Iterator[None]:
    """Says, where memory does not suffice, what to lower."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _lacks_memory(error):
            raise
        raise OutOfMemoryError(
            f"out of memory on {configuration.device} with a model of {model.num_parameters():,} weights and"
            f" batches of {configuration.batch_sentences:,} sentences: raise training.accumulation"
            f" (now {configuration.accumulation}), lower training.batch_sentences, or lower model.width or"
            f" model.layers ({error})"
        ) from error


def _lacks_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _check(name: str, value: object, fits: bool, reason: str) -> None:
    if not fits:
        raise ValueError(f"{name}={value}: {reason}")
