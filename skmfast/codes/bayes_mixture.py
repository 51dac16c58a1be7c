"""BayesMixture: the code of one who knows the model class, and learns everything else as it reads."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from skmfast.codes.base import describe
from skmfast.codes.knowledge import (
    Floats,
    Ints,
    KnowledgeCode,
    KnowledgeCounts,
    KnowledgeLengths,
    SentenceBits,
    first_places,
    seen_before,
)
from skmfast.codes.redundancy import Redundancy, expected_redundancy
from skmfast.codes.sentence_syntax import statements_of, syntax_code
from skmfast.sources import hyperparameters as integrated
from skmfast.sources.frequencies import PitmanYor, Uniform
from skmfast.sources.partition import partition_bits, prequential_partition_bits
from skmfast.sources.partition_fit import fit_pitman_yor

if TYPE_CHECKING:
    from skmfast.codes.bayes_given import BayesGiven
    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge

HYPERPARAMETERS = ("known", "estimated", "integrated")
# Each estimate is sent as a 32-bit float.
_ESTIMATE_BITS = 64.0


class BayesMixture(KnowledgeCode):
    """Bayes mixture over the Syntax-Knowledge class: the parameters are drawn from their priors.

    A sentence costs the bits of its element's seat in the partition, of what it says about the element for
    the first time, and of its templates or words. The name of the j-th new element costs log2(M - j), M
    being the number of names, of which each is given once; an attribute is paid when it is first stated,
    less what the element's other attributes tell of it; templates, and words after the word before them,
    follow Dirichlet mixtures, and the length of a chain costs -log2 of its probability. Where frequencies are
    `Uniform` over K elements, the next element is new with probability 1 - k/K after k, exactly.
    Frequencies of `Zipf` are coded by the Pitman-Yor partition, a proper code that does not know the
    exponent, with its hyperparameters integrated out or estimated.

    Parameters
    ----------
    source : SyntaxKnowledge, optional
        The class: what corpora are from, by default what each corpus says of itself. Its contents' value
        lists, templates and priors are known; weights, contents and template probabilities are not.
    hyperparameters : {"known", "estimated", "integrated"}
        Discount and concentration: those of the source; of greatest likelihood, sent ahead as two
        32-bit floats (``parameter_bits``); or mixed over the prior of `skmfast.sources.hyperparameters`.

    Raises
    ------
    ValueError
        If ``hyperparameters`` is none of these.

    Examples
    --------
    >>> from skmfast.sources.example import small_example
    >>> from skmfast.sources.frequencies import Uniform
    >>> from skmfast.sources.generate import sample
    >>> source = small_example(Uniform(30))
    >>> corpus = sample(source, 1000, seed=1)
    >>> lengths = BayesMixture(source).of_corpus(corpus, per_sentence=True)
    >>> bool(np.isclose(lengths.bits, lengths.per_sentence.total.sum(), rtol=1e-12))
    True
    """

    name = "bayes-mixture"

    def __init__(self, source: Any = None, hyperparameters: str = "known") -> None:
        super().__init__(source)
        if hyperparameters not in HYPERPARAMETERS:
            raise ValueError(f"hyperparameters={hyperparameters}: not one of {', '.join(HYPERPARAMETERS)}")
        self._hyperparameters = hyperparameters

    @property
    def parameters(self) -> dict[str, object]:
        """``hyperparameters``."""
        return {"hyperparameters": self._hyperparameters}

    def redundancy(self, num_sentences: npt.ArrayLike) -> Redundancy:
        """Expected redundancy after n sentences by part; exact for templates. See `skmfast.codes.redundancy`.

        Raises
        ------
        ValueError
            If the code was made without a source, hyperparameters are not known, or n is out of range.
        TypeError
            If the source's frequencies are not `PitmanYor`.
        """
        if self._source is None or self._hyperparameters != "known":
            raise ValueError("redundancy is of a source, with known hyperparameters")
        return expected_redundancy(self._source, num_sentences)

    def given(self, training: LabelledCorpus) -> BayesGiven:
        """The code of one who has read a corpus: what sentences after it cost.

        Raises
        ------
        ValueError
            If hyperparameters are estimated: what was sent ahead for one corpus is not what the next needs.
        CorpusError, ValueError
            As of `of_corpus`.
        """
        if self._hyperparameters == "estimated":
            raise ValueError("hyperparameters=estimated: give those that are known, or integrate them out")
        from skmfast.codes.bayes_given import BayesGiven

        return BayesGiven(self, training)

    def partition_of(self, source: SyntaxKnowledge, counts: Ints) -> Partition:
        """The code for which element each sentence is about; ``counts`` are of the elements that came."""
        frequencies = source.frequencies
        if isinstance(frequencies, Uniform):
            return _UniformPartition(frequencies.num_elements, counts)
        if self._hyperparameters == "known" and isinstance(frequencies, PitmanYor):
            return _KnownPartition(counts, frequencies.discount, frequencies.concentration)
        if self._hyperparameters == "estimated":
            return _KnownPartition(counts, *_estimates(counts), parameter_bits=_ESTIMATE_BITS)
        return _IntegratedPartition(counts)

    def _lengths(
        self, source: SyntaxKnowledge, counts: KnowledgeCounts, num_bytes: int, each: SentenceBits | None
    ) -> KnowledgeLengths:
        contents = source.contents
        values = contents.values(counts.elements, counts.seed)
        names = contents.name_bits(np.arange(counts.elements.size))
        partition = self.partition_of(source, counts.counts)
        return KnowledgeLengths(
            partition_bits=partition.bits,
            content_bits=math.fsum([*names, *contents.known_bits(values, counts.stated)]),
            syntax_bits=syntax_code(source).mixture_bits(counts.syntax, counts.num_sentences),
            num_sentences=counts.num_sentences,
            parameter_bits=partition.parameter_bits,
            num_bytes=num_bytes,
            per_sentence=each,
            metadata={**describe(self, per_document=False), **partition.metadata},
        )

    def _per_sentence(
        self, source: SyntaxKnowledge, corpus: LabelledCorpus, counts: KnowledgeCounts
    ) -> SentenceBits:
        attributes, _ = statements_of(source, corpus)
        elements = np.asarray(corpus.elements).astype(np.int64)
        return SentenceBits(
            self.partition_of(source, counts.counts).each(seen_before(corpus.elements)),
            content_bits_of_sentences(source, corpus.seed, elements, attributes),
            syntax_code(source).mixture_bits_of_each(corpus),
        )


def content_bits_of_sentences(source: SyntaxKnowledge, seed: int, elements: Ints, attributes: Ints) -> Floats:
    """Bits of what each sentence tells of its element for the first time.

    Parameters
    ----------
    source : SyntaxKnowledge
    seed : int
        Of the corpus.
    elements : ndarray of int64, shape (sentences,)
    attributes : ndarray of int64, shape (sentences, statements)

    Returns
    -------
    ndarray of float64, shape (sentences,)
    """
    contents, number = source.contents, len(source.contents.stated)
    num_elements, statements = int(elements.max(initial=-1)) + 1, attributes.shape[1]
    bits = np.zeros(elements.size)
    new = first_places(elements, num_elements)
    bits[new] = contents.name_bits(np.arange(new.size))

    keys = (elements[:, None] * number + attributes).ravel()
    places = first_places(keys, num_elements * number)
    about, attribute = np.divmod(keys[places], number)
    # Attributes known before: those of the element's earlier first statements, a sum of distinct bits.
    order = np.argsort(about, kind="stable")
    stated = np.uint64(1) << attribute[order].astype(np.uint64)
    before = np.cumsum(stated) - stated
    begins = np.flatnonzero(np.r_[True, np.diff(about[order]) > 0])[: about.size]
    before -= np.repeat(before[begins], np.diff(np.r_[begins, about.size]))
    values = contents.values(np.arange(num_elements), seed)[about[order]]
    told = contents.first_statement_bits(values, before, attribute[order])
    bits += np.bincount(places[order] // statements, weights=told, minlength=elements.size)
    return bits


def _estimates(counts: Ints) -> tuple[float, float]:
    """Discount and concentration of greatest likelihood as 32-bit floats; 1/2 and 1 where there are none."""
    if counts.size in (1, int(counts.sum())):
        return 0.5, 1.0
    fit = fit_pitman_yor(counts)
    discount = float(np.float32(min(fit.discount, 1 - 2.0**-20)))
    concentration = float(np.float32(fit.concentration))
    if concentration <= -discount:
        concentration = float(np.nextafter(np.float32(-discount), np.float32(1)))
    return discount, concentration


class _KnownPartition:
    """Pitman-Yor with given hyperparameters."""

    def __init__(
        self, counts: Ints, discount: float, concentration: float, parameter_bits: float = 0.0
    ) -> None:
        self._law = discount, concentration
        self._size = int(counts.sum()), counts.size
        self.bits = partition_bits(counts, discount, concentration)
        self.parameter_bits = parameter_bits
        self.metadata = {"discount": discount, "concentration": concentration}

    def each(self, seen: Ints) -> Floats:
        return prequential_partition_bits(seen, *self._law)

    def next(self, seen: Ints) -> Floats:
        (d, theta), (draws, elements) = self._law, self._size
        return -np.log2(np.where(seen > 0, seen - d, theta + d * elements) / (draws + theta))


class _IntegratedPartition:
    """Pitman-Yor with hyperparameters mixed over their prior."""

    parameter_bits = 0.0

    def __init__(self, counts: Ints) -> None:
        self._counts = counts
        self.bits = integrated.integrated_partition_bits(counts)
        self.metadata: dict[str, float] = {}

    def each(self, seen: Ints) -> Floats:
        return integrated.prequential_integrated_bits(seen)

    def next(self, seen: Ints) -> Floats:
        return integrated.next_draw_bits(self._counts, seen)


class _UniformPartition:
    """K elements, equally likely, none known: new with probability 1 - k/K."""

    parameter_bits = 0.0

    def __init__(self, num_elements: int, counts: Ints) -> None:
        self._size, self._known = num_elements, counts.size
        left = num_elements - np.arange(counts.size, dtype=np.float64)
        self.bits = math.fsum([float(counts.sum()) * math.log2(num_elements), *-np.log2(left)])
        self.metadata: dict[str, float] = {}

    def each(self, seen: Ints) -> Floats:
        new = seen == 0
        left = np.where(new, self._size - np.cumsum(new) + 1.0, 1.0)
        return math.log2(self._size) - np.log2(left)

    def next(self, seen: Ints) -> Floats:
        with np.errstate(divide="ignore"):  # all are known: none is new
            return math.log2(self._size) - np.log2(np.where(seen > 0, 1.0, self._size - self._known))


# Each codes the elements of sentences from their counts: ``bits`` of all, ``each`` of every sentence in turn,
# and ``next`` of one more sentence, about an element that came ``seen`` times.
Partition = _KnownPartition | _IntegratedPartition | _UniformPartition
