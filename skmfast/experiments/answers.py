"""Answers: what a network would say where a sentence states a value, how sure it is, how often it must err.

A question is the beginning of a sentence, up to the value. It may be about an element that no training
sentence mentions: then the answer can only be a guess, and how often guesses are wrong is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from skmfast.codes.bayes_given import value_bits
from skmfast.codes.bayes_mixture import BayesMixture
from skmfast.codes.sentence_syntax import statements_of
from skmfast.experiments.evaluation import check_reading, means_by_place, reading, sentence_batches
from skmfast.experiments.frequency_classes import classes_by_count
from skmfast.laws.hallucination import estimated_rate, kalai_bounds
from skmfast.laws.spectrum import Spectrum

if TYPE_CHECKING:
    import pyarrow as pa

    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.experiments.corpora import CorpusConfiguration
    from skmfast.experiments.evaluation import HeadedModel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CONFIDENT = 0.5  # a value that has more than half of the probability
_FAR = 1 << 40  # sentences that no stream of training and test sentences reaches


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network would say; arrays of shape (questions,).

    Attributes
    ----------
    corpus : LabelledCorpus
        The sentences whose beginnings are the questions.
    correct : ndarray of bool
        Whether the most probable answer is right: each of its tokens, given the true ones before it.
    confidence : ndarray of float64
        Probability of that answer: the product of the largest probabilities of its tokens.
    probability : ndarray of float64
        Of the true value.
    brier : ndarray of float64
        At the value's first token: the sum over all tokens of the squared difference between their
        probability and what is true, from 0 to 2.
    """

    corpus: LabelledCorpus = field(repr=False)
    correct: npt.NDArray[np.bool_]
    confidence: Floats
    probability: Floats
    brier: Floats

    @property
    def confident_and_wrong(self) -> npt.NDArray[np.bool_]:
        """Whether the answer is wrong, and has more than half of the probability."""
        return ~self.correct & (self.confidence > CONFIDENT)


# ---- questions --------------------------------------------------------------------------------------------


def questions(
    configuration: CorpusConfiguration, counts: npt.ArrayLike, number: int, seed: int = 0
) -> LabelledCorpus:
    """Sentences about elements of every class of training counts, and about some that nothing mentions.

    Parameters
    ----------
    configuration : CorpusConfiguration
        Of the training corpus. The form may be another: questions about what was stated.
    counts : array_like of integers, shape (elements,)
        Training sentences about each element.
    number : int
        Questions about each class 1, 2 to 3, 4 to 7, ..., drawn with replacement; and one about each of as
        many elements that come after all of these, as far as there are names for them.
    seed : int
        Of the choice.

    Raises
    ------
    ValueError
        If ``number`` is less than 1.
    """
    if number < 1:
        raise ValueError(f"number={number}: less than 1")
    given = np.asarray(counts).astype(np.int64)
    classes, generator = classes_by_count(given), np.random.default_rng(seed)
    names = configuration.stating().contents.num_names
    chosen = [
        generator.choice(members, number)
        for place in range(1, len(classes))
        if (members := np.flatnonzero(classes.of_elements == place)).size
    ]
    chosen.append(np.arange(given.size, min(given.size + number, names)))
    return configuration.corpus_about(np.concatenate(chosen) - configuration.first_element, first=_FAR)


def answers(
    model: HeadedModel, corpus: LabelledCorpus, *, batch_sentences: int = 256, precision: str = "float32"
) -> Answers:
    """Answers of a network to the beginnings of sentences, up to the value that they state.

    Parameters
    ----------
    model : HeadedModel
    corpus : LabelledCorpus
        Sentences of one statement each; the name comes before the value.
    batch_sentences, precision
        As in `skmfast.experiments.evaluation.evaluate`.

    Raises
    ------
    ValueError
        If sentences make several statements, or a setting is out of range.
    """
    check_reading(batch_sentences, precision)
    if corpus.statements.shape[1] != 1:
        raise ValueError(f"corpus: {corpus.statements.shape[1]} statements a sentence, not one")
    tokens, labels = np.asarray(corpus.tokens), np.asarray(corpus.labels)
    sizes = np.diff(np.asarray(corpus.offsets)).astype(np.int64)
    sentence = np.repeat(np.arange(sizes.size), sizes)
    begins = (labels > 1) & np.concatenate([[True], labels[:-1] <= 1])
    found = {name: np.ones(sizes.size) for name in ("correct", "confidence", "probability", "brier")}
    with reading(model, precision) as device:
        for inputs, places, real in sentence_batches(tokens, corpus.offsets, batch_sentences):
            real[real] = labels[places] > 1
            at = places[labels[places] > 1]
            states = model(torch.from_numpy(inputs).to(device))[torch.from_numpy(real).to(device)]
            targets = torch.from_numpy(tokens[at].astype(np.int64)).to(device)
            shares = torch.softmax((states @ model.head.T).float(), dim=-1)
            largest, best = shares.max(dim=-1)
            true = shares.gather(1, targets[:, None])[:, 0]
            brier = shares.square().sum(dim=-1) - 2 * true + 1
            about = sentence[at]
            for name, values in (
                ("correct", best == targets),
                ("confidence", largest),
                ("probability", true),
            ):
                np.multiply.at(found[name], about, values.double().cpu().numpy())
            first = begins[at]
            found["brier"][about[first]] = brier.double().cpu().numpy()[first]
    return Answers(corpus, found["correct"] > 0, found["confidence"], found["probability"], found["brier"])


# ---- predictions ------------------------------------------------------------------------------------------


def predicted_wrong(training: LabelledCorpus, corpus: LabelledCorpus) -> Floats:
    """Probability that the best answer to each question is wrong, for one who knows just what was stated.

    0 where the training states the value, or something that it follows from; else 1 - 2^-b, b being what
    the value is worth in bits given all that is known of the element.

    Parameters
    ----------
    training : LabelledCorpus
    corpus : LabelledCorpus
        Sentences about elements of the same contents, in whatever form.

    Returns
    -------
    ndarray of float64, shape (sentences,)

    Raises
    ------
    ValueError
        If the contents or the seed are others.
    """
    code = BayesMixture()
    source, asked = code.source_of(training), code.source_of(corpus)
    if source.contents != asked.contents or training.seed != corpus.seed:
        raise ValueError("the questions are about other contents than the training's")
    attributes, _ = statements_of(asked, corpus)
    elements = np.asarray(corpus.elements).astype(np.int64)
    bits = value_bits(source.contents, code.count(training), elements, attributes)
    return _wrong(bits)


def _wrong(bits: Floats) -> Floats:
    """Probability that a guess of what is worth ``bits`` is wrong."""
    return np.asarray(-np.expm1(-np.log(2) * bits))


def predicted_rates(training: LabelledCorpus, level: float = 0.95) -> dict[str, tuple[float, float, float]]:
    """Rate of wrong answers to questions that come as training sentences do: value, and ends of its interval.

    Parameters
    ----------
    training : LabelledCorpus
        Of one statement a sentence.
    level : float
        Coverage of the interval of the estimate from data alone.

    Returns
    -------
    dict
        ``"unseen mass"``: the probability, under the true frequencies, that the next sentence states what the
        training does not say, times the chance that a guess is wrong. ``"Good-Turing"``: the same estimated
        from the pairs of element and attribute that were stated once. ``"Kalai et al., lower"`` and
        ``"upper"``: see `skmfast.laws.hallucination.kalai_bounds`.
    """
    code = BayesMixture()
    source, counts = code.source_of(training), code.count(training)
    contents, number = source.contents, len(source.contents.stated)
    values = contents.values(counts.elements, training.seed)
    any_values = contents.values(np.arange(min(contents.num_names, 1000)), training.seed)
    mass, guess = 0.0, 0.0
    unseen = max(1.0 - float(counts.frequencies.sum()), 0.0)
    for attribute in range(number):
        told = contents.first_statement_bits(values, counts.stated, attribute)
        alone = contents.first_statement_bits(any_values, 0, attribute)
        mass += float(counts.frequencies @ _wrong(told) + unseen * _wrong(alone).mean()) / number
        guess += float(contents.marginal_bits[contents.stated[attribute].name]) / number
    attributes = np.asarray(training.statements)[..., 0].astype(np.int64)
    facts = np.asarray(training.elements).astype(np.int64)[:, None] * number + attributes
    spectrum = Spectrum.of_labels(facts.ravel())
    estimate = estimated_rate(spectrum, guess, level)
    lower, upper = kalai_bounds(spectrum, max(2.0**guess - 1, 1.0))
    return {
        "unseen mass": (mass, mass, mass),
        "Good-Turing": (estimate.value, estimate.low, estimate.high),
        "Kalai et al., lower": (lower, lower, lower),
        "Kalai et al., upper": (upper, upper, upper),
    }


# ---- table ------------------------------------------------------------------------------------------------


def calibration(found: Answers, bins: int = 10) -> pa.Table:
    """Answers by confidence.

    Returns
    -------
    pyarrow.Table
        A row for each of ``bins`` equal intervals of confidence: ``low``, ``high``, ``questions``, means and
        standard errors of ``confidence`` and ``correct``. Of a calibrated network both are the same.

    Raises
    ------
    ValueError
        If ``bins`` is less than 1.
    """
    import pyarrow as pa

    if bins < 1:
        raise ValueError(f"bins={bins}: less than 1")
    place = np.minimum((found.confidence * bins).astype(np.int64), bins - 1)
    columns: dict[str, npt.NDArray[Any]] = {
        "low": np.arange(bins) / bins,
        "high": np.arange(1, bins + 1) / bins,
        "questions": np.bincount(place, minlength=bins),
    }
    columns |= means_by_place("confidence", place, found.confidence, bins)
    columns |= means_by_place("correct", place, found.correct, bins)
    return pa.table({name: pa.array(column) for name, column in columns.items()})
