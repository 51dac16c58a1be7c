"""What a trained network pays for fresh sentences: bits of every token, by what the token says of whom.

A sentence is a document: the network reads a line end, then the sentence, and predicts each of its tokens,
the line end that closes it included. So a sentence's bits are a complete code length, which can be held
against those of `skmfast.experiments.bayes`, sentence by sentence.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from skmfast.operators import linear_cross_entropy_details

if TYPE_CHECKING:
    import pyarrow as pa

    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.experiments.frequency_classes import FrequencyClasses

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BEGIN = 0  # what a network reads before a sentence: the line end
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PARTS = ("syntax", "knowledge", "name", "value")


class HeadedModel(Protocol):
    """A network that predicts the next token from states that a head makes logits of.

    ``model(tokens)`` gives the states (B, T, width) after each of the tokens (B, T), int64; ``head`` is the
    matrix (V, width).
    """

    @property
    def head(self) -> Tensor:
        """(V, width): logits are ``states @ head.T``."""

    def __call__(self, tokens: Tensor, /) -> Tensor:
        """States (B, T, width) after each token."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Bits of the tokens of a corpus under a network.

    Attributes
    ----------
    corpus : LabelledCorpus
        The sentences.
    bits : ndarray of float32, shape (tokens,)
        Of each token given those before it in its sentence.
    correct : ndarray of bool, shape (tokens,)
        Whether it is the most probable one.
    """

    corpus: LabelledCorpus = field(repr=False)
    bits: npt.NDArray[np.float32] = field(repr=False)
    correct: npt.NDArray[np.bool_] = field(repr=False)

    @cached_property
    def sentence_of_token(self) -> Ints:
        """The sentence that each token is of."""
        sizes = np.diff(np.asarray(self.corpus.offsets)).astype(np.int64)
        return np.asarray(np.repeat(np.arange(sizes.size), sizes), np.int64)

    @cached_property
    def total_bits(self) -> Floats:
        """Bits of each sentence, shape (sentences,)."""
        return self._sums(slice(None))

    @cached_property
    def syntax_bits(self) -> Floats:
        """Bits of each sentence's tokens that are neither name nor value."""
        return self._sums(np.flatnonzero(np.asarray(self.corpus.labels) == 0))

    @cached_property
    def name_bits(self) -> Floats:
        """Bits of each sentence's name."""
        return self._sums(np.flatnonzero(np.asarray(self.corpus.labels) == 1))

    @cached_property
    def value_bits(self) -> Floats:
        """Bits of each sentence's values."""
        return np.asarray(self.statement_bits.sum(axis=1))

    @property
    def knowledge_bits(self) -> Floats:
        """Bits of each sentence's name and values."""
        return self.name_bits + self.value_bits

    @cached_property
    def statement_bits(self) -> Floats:
        """Bits of the value that each statement gives, shape (sentences, statements)."""
        return self._by_statement(self.bits[self._value_tokens])

    @cached_property
    def statement_correct(self) -> npt.NDArray[np.bool_]:
        """Whether every token of the value is the most probable one, given the true ones before it."""
        return np.asarray(self._by_statement(~self.correct[self._value_tokens]) == 0)

    @property
    def statement_probability(self) -> Floats:
        """Probability of the value that each statement gives."""
        return np.exp2(-self.statement_bits)

    @cached_property
    def _value_tokens(self) -> Ints:
        return np.flatnonzero(np.asarray(self.corpus.labels) > 1)

    @cached_property
    def _statement_of_value_token(self) -> Ints:
        """Flat place in (sentences, statements)."""
        sentence = self.sentence_of_token[self._value_tokens]
        attributes = np.asarray(self.corpus.statements)[..., 0].astype(np.int64)
        number = attributes.shape[1]
        if number == 1:
            return np.asarray(sentence)
        attribute = np.asarray(self.corpus.labels)[self._value_tokens].astype(np.int64) - 2
        place = np.argmax(attributes[sentence] == attribute[:, None], axis=1)
        return np.asarray(sentence * number + place)

    def _by_statement(self, of_value_tokens: npt.NDArray[Any]) -> Floats:
        shape = self.corpus.statements.shape[:2]
        values = of_value_tokens.astype(np.float64)
        return _sums(self._statement_of_value_token, values, math.prod(shape)).reshape(shape)

    def _sums(self, tokens: slice | Ints) -> Floats:
        bits = self.bits[tokens].astype(np.float64)
        return _sums(self.sentence_of_token[tokens], bits, self.corpus.num_sentences)


def _sums(place: Ints, values: Floats, number: int) -> Floats:
    """Sums of the values at each place."""
    return np.asarray(np.bincount(place, weights=values, minlength=number), np.float64)


def evaluate(
    model: HeadedModel, corpus: LabelledCorpus, *, batch_sentences: int = 256, precision: str = "float32"
) -> Evaluation:
    """Bits of each token of a corpus under a network, each sentence by itself.

    Parameters
    ----------
    model : HeadedModel
        It is evaluated as it would be used: without dropout, whatever its mode.
    corpus : LabelledCorpus
        Sentences; those of like length are read together.
    batch_sentences : int
        Sentences read together: a matter of memory and speed.
    precision : {"float32", "bfloat16"}
        Of the products.

    Raises
    ------
    ValueError
        If ``batch_sentences`` is less than 1, the precision is another, or the head has fewer rows than
        there are tokens.
    """
    check_reading(batch_sentences, precision)
    tokens = np.asarray(corpus.tokens)
    if tokens.size and int(tokens.max()) >= len(model.head):
        raise ValueError(f"token {int(tokens.max()):,}: the model's head has {len(model.head):,}")
    bits, correct = np.empty(tokens.size, np.float32), np.empty(tokens.size, np.bool_)
    with reading(model, precision) as device:
        for inputs, places, real in sentence_batches(tokens, corpus.offsets, batch_sentences):
            states = model(torch.from_numpy(inputs).to(device))[torch.from_numpy(real).to(device)]
            targets = torch.from_numpy(tokens[places].astype(np.int64)).to(device)
            found = linear_cross_entropy_details(states, model.head, targets, argmax=True, reduction="none")
            bits[places] = (found.loss.float() / math.log(2)).cpu().numpy()
            correct[places] = torch.eq(cast("Tensor", found.argmax), targets).cpu().numpy()
    return Evaluation(corpus, bits, correct)


def check_reading(batch_sentences: int, precision: str) -> None:
    """ValueError unless sentences can be read so."""
    if batch_sentences < 1:
        raise ValueError(f"batch_sentences={batch_sentences}: less than 1")
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r}: not one of {', '.join(PRECISIONS)}")


@contextlib.contextmanager
def reading(model: HeadedModel, precision: str) -> Iterator[torch.device]:
    """A network as it is evaluated: no dropout, no gradients, in a precision; yields its device."""
    device = model.head.device
    was_training = isinstance(model, nn.Module) and model.training
    if isinstance(model, nn.Module):
        model.eval()
    lowered = precision != "float32"
    try:
        with torch.no_grad(), torch.autocast(device.type, PRECISIONS[precision], enabled=lowered):
            yield device
    finally:
        if isinstance(model, nn.Module):
            model.train(was_training)


def sentence_batches(
    tokens: npt.NDArray[Any], offsets: npt.NDArray[Any], batch_sentences: int
) -> Iterator[tuple[Ints, Ints, npt.NDArray[np.bool_]]]:
    """Sentences of like length, beside each other.

    Yields
    ------
    inputs : ndarray of int64, shape (B, T)
        What is read before each token: `BEGIN`, then the sentence; `BEGIN` behind its end.
    places : ndarray of int64, shape (tokens of these sentences,)
        Where the tokens stand in ``tokens``, row after row.
    real : ndarray of bool, shape (B, T)
        Where they stand in the batch.

    Examples
    --------
    >>> batches = sentence_batches(np.array([5, 6, 0, 7, 0]), np.array([0, 3, 5]), 2)
    >>> inputs, places, real = next(batches)
    >>> inputs.tolist(), places.tolist()
    ([[0, 7, 0], [0, 5, 6]], [3, 4, 0, 1, 2])
    """
    begins = np.asarray(offsets[:-1]).astype(np.int64)
    sizes = np.asarray(offsets[1:]).astype(np.int64) - begins
    order = np.argsort(sizes, kind="stable")
    for first in range(0, order.size, batch_sentences):
        rows = order[first : first + batch_sentences]
        columns = np.arange(int(sizes[rows[-1]]))
        real = columns < sizes[rows][:, None]
        at = begins[rows][:, None] + columns
        places = at[real]
        inputs = np.full((rows.size, columns.size), BEGIN, np.int64)
        read = real[:, 1:]  # a token is read where one comes after it
        inputs[:, 1:][read] = tokens[at[:, :-1][read]]
        yield inputs, places, real


# ---- by class of frequency --------------------------------------------------------------------------------


def losses_by_class(evaluation: Evaluation, classes: FrequencyClasses) -> pa.Table:
    """What sentences cost in the mean, by class of their element.

    Parameters
    ----------
    evaluation : Evaluation
    classes : FrequencyClasses
        Of the elements, from `classes_by_count` or `classes_by_rank`.

    Returns
    -------
    pyarrow.Table
        A row for each class, also for those that no sentence is about: ``class``, ``low`` and ``high`` (its
        least and greatest count or rank), ``sentences``; means and standard errors over sentences
        (``..._error``) of ``syntax_bits``, ``knowledge_bits``, ``name_bits``, ``value_bits``; and over
        statements ``accuracy`` (the value is the greedy answer) and ``probability`` (of the true value).
        Means over nothing are nan.
    """
    import pyarrow as pa

    place = classes.of_elements[evaluation.corpus.elements]
    statements = evaluation.corpus.statements.shape[1]
    of_statement = np.repeat(place, statements)
    number = len(classes)
    columns: dict[str, npt.NDArray[Any]] = {
        "class": np.arange(number),
        "low": classes.low,
        "high": classes.high,
        "sentences": np.bincount(place, minlength=number),
    }
    for part in PARTS:
        values = getattr(evaluation, f"{part}_bits")
        columns |= means_by_place(f"{part}_bits", place, values, number)
    columns |= means_by_place("accuracy", of_statement, evaluation.statement_correct.ravel(), number)
    columns |= means_by_place("probability", of_statement, evaluation.statement_probability.ravel(), number)
    return pa.table({name: pa.array(column) for name, column in columns.items()})


def answers_by_class(evaluation: Evaluation, classes: FrequencyClasses) -> pa.Table:
    """Values that are known, by class of the element and attribute.

    Returns
    -------
    pyarrow.Table
        A row for each class and attribute: ``class``, ``low``, ``high``, ``attribute``, ``statements``, and
        means with standard errors of ``value_bits``, ``accuracy`` and ``probability``.
    """
    import pyarrow as pa

    corpus = evaluation.corpus
    attributes = np.asarray(corpus.statements)[..., 0].astype(np.int64)
    names = corpus.attributes[1:]
    number = len(classes) * len(names)
    place = (classes.of_elements[corpus.elements][:, None] * len(names) + attributes).ravel()
    row_class, row_attribute = np.divmod(np.arange(number), len(names))
    columns: dict[str, Any] = {
        "class": row_class,
        "low": classes.low[row_class],
        "high": classes.high[row_class],
        "attribute": [names[attribute] for attribute in row_attribute],
        "statements": np.bincount(place, minlength=number),
    }
    columns |= means_by_place("value_bits", place, evaluation.statement_bits.ravel(), number)
    columns |= means_by_place("accuracy", place, evaluation.statement_correct.ravel(), number)
    columns |= means_by_place("probability", place, evaluation.statement_probability.ravel(), number)
    return pa.table({name: pa.array(column) for name, column in columns.items()})


def means_by_place(name: str, place: Ints, values: npt.NDArray[Any], number: int) -> dict[str, Floats]:
    """Means of the values at each place, and their standard errors; nan where there are too few."""
    values = values.astype(np.float64)
    count = np.bincount(place, minlength=number).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(place, weights=values, minlength=number) / count
        squares = np.bincount(place, weights=(values - mean[place]) ** 2, minlength=number)
        error = np.sqrt(squares / (count - 1) / count)
    return {name: mean, f"{name}_error": np.where(count > 1, error, np.nan)}
