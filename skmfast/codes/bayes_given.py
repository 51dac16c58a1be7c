"""BayesGiven: the Bayes mixture after a training corpus, and what it pays for sentences that follow.

No predictor that has read the same training, network or not, pays less in the mean; see docs/theory.md,
"Test sentences under the Bayes mixture".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skmfast.codes.bayes_mixture import BayesMixture
from skmfast.codes.knowledge import Floats, Ints, KnowledgeCounts, KnowledgeLengths
from skmfast.codes.sentence_syntax import statements_of, syntax_code

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.sources.contents import Contents
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge


@dataclass(frozen=True, eq=False)
class PredictiveBits:
    """Bits of sentences, each by itself, by part; arrays of float64 of shape (sentences,).

    Attributes
    ----------
    partition : ndarray
        Which element: one that is known, or any new one.
    new_name : ndarray
        Name of a new element; 0 for one that is known.
    value : ndarray
        What is stated, given the element.
    syntax : ndarray
        Choice and order of statements, and templates or words.
    training_sentences : float
        Sentences that the predictions were made from; infinite where nothing had to be learnt.
    """

    partition: Floats
    new_name: Floats
    value: Floats
    syntax: Floats
    training_sentences: float = math.inf

    @property
    def name(self) -> Floats:
        """What the name says: which element it is, and what a new one is called."""
        return self.partition + self.new_name

    @property
    def knowledge(self) -> Floats:
        """Name and value."""
        return self.partition + self.new_name + self.value

    @property
    def total(self) -> Floats:
        """All parts."""
        return self.partition + self.new_name + self.value + self.syntax


class BayesGiven:
    """The Bayes mixture after a training corpus; made by `BayesMixture.given`.

    A sentence about an element that came n_k times in N costs -log2((n_k - d) / (N + θ)); about a new one,
    -log2((θ + d K) / (N + θ)) and log2(M - K) for one of the names that are left. A value costs nothing where
    it was stated of the element or follows from what was; else what the rest leaves open. A template costs
    -log2 of its probability under the Dirichlet posterior. Where hyperparameters are integrated out, their
    posterior given the training is; where frequencies are `Uniform` over E elements, each known one costs
    log2 E.

    Parameters
    ----------
    code : BayesMixture
    training : LabelledCorpus

    Examples
    --------
    >>> from skmfast.codes.bayes_mixture import BayesMixture
    >>> from skmfast.sources.example import small_example
    >>> source = small_example()
    >>> training = source.sample(100, seed=1)
    >>> bits = BayesMixture(source).given(training).of_corpus(training)
    >>> float(abs(bits.value).sum())  # all that it says was said
    0.0
    """

    def __init__(self, code: BayesMixture, training: LabelledCorpus) -> None:
        self._code = code
        self._source: SyntaxKnowledge = code.source_of(training)
        self._counts: KnowledgeCounts = code.count(training)

    @property
    def counts(self) -> KnowledgeCounts:
        """What is known of the training."""
        return self._counts

    def of_corpus(self, corpus: LabelledCorpus) -> PredictiveBits:
        """Bits of each sentence given the training alone: they do not learn from each other.

        Raises
        ------
        ValueError
            If the corpus is of another source or seed than the training.
        CorpusError
            If it contradicts itself, as in `KnowledgeCode.of_corpus`.
        """
        self._check(corpus)
        attributes, _ = statements_of(self._source, corpus)
        about = np.asarray(corpus.elements).astype(np.int64)
        elements, place = np.unique(about, return_inverse=True)
        seen, _ = _known_of(self._counts, elements)
        contents = self._source.contents
        partition = self._code.partition_of(self._source, self._counts.counts).next(seen)
        name = np.zeros(elements.size)
        if (seen == 0).any():
            name[seen == 0] = contents.name_bits(self._counts.elements.size)
        value = value_bits(contents, self._counts, about, attributes)
        syntax = syntax_code(self._source).next_bits(self._counts.syntax, corpus)
        return PredictiveBits(partition[place], name[place], value, syntax, self._counts.num_sentences)

    def together(self, corpus: LabelledCorpus) -> KnowledgeLengths:
        """Bits of all sentences one after the other, learning from each: -log P(both) + log P(training)."""
        self._check(corpus)
        code = BayesMixture(self._source, str(self._code.parameters["hyperparameters"]))
        before = code.lengths_from(self._counts)
        after = code.lengths_from(self._counts + code.count(corpus))
        return KnowledgeLengths(
            partition_bits=after.partition_bits - before.partition_bits,
            content_bits=after.content_bits - before.content_bits,
            syntax_bits=after.syntax_bits - before.syntax_bits,
            num_sentences=corpus.num_sentences,
            num_bytes=corpus.text.size,
            metadata=after.metadata,
        )

    def _check(self, corpus: LabelledCorpus) -> None:
        if self._code.source_of(corpus).to_dict() != self._source.to_dict():
            raise ValueError("the corpus is of another source than the training")
        if corpus.seed != self._counts.seed:
            raise ValueError(f"the corpus has seed {corpus.seed}, the training {self._counts.seed}")


def value_bits(contents: Contents, counts: KnowledgeCounts, elements: Ints, attributes: Ints) -> Floats:
    """Bits of what sentences state, given the element and what a training corpus has stated of it.

    Parameters
    ----------
    contents : Contents
    counts : KnowledgeCounts
        Of the training.
    elements : ndarray of int64, shape (sentences,)
    attributes : ndarray of int64, shape (sentences, statements)

    Returns
    -------
    ndarray of float64, shape (sentences,)
    """
    different, place = np.unique(elements, return_inverse=True)
    _, stated = _known_of(counts, different)
    values, known = contents.values(different, counts.seed)[place], stated[place]
    bits = np.zeros(elements.size)
    for attribute in attributes.T:
        bits += contents.first_statement_bits(values, known, attribute)
        known = known | np.uint64(1) << attribute.astype(np.uint64)
    return bits


def _known_of(counts: KnowledgeCounts, elements: Ints) -> tuple[Ints, npt.NDArray[np.uint64]]:
    """How often elements came, and which attributes were stated of them."""
    at = np.minimum(np.searchsorted(counts.elements, elements), counts.elements.size - 1)
    known = counts.elements[at] == elements
    return np.where(known, counts.counts[at], 0), np.where(known, counts.stated[at], np.uint64(0))
