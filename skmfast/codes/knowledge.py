"""What the codes of labelled corpora share: counts, lengths in parts, and finding the corpus of a file.

A labelled corpus tells of every sentence which element it is about and which statements it makes, and these
are all that its text says. `skmfast.codes.oracle` and `skmfast.codes.bayes_mixture` code them; their length
is an upper bound for the text, and its exact length where no text can be read in two ways.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from skmfast.codes.base import CodeLengths
from skmfast.codes.sentence_syntax import statements_of, syntax_code
from skmfast.corpora import layout
from skmfast.corpora.labelled import LabelledCorpus
from skmfast.errors import CorpusError
from skmfast.sources import _partition
from skmfast.sources.syntax_knowledge import SyntaxKnowledge

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class KnowledgeCounts:
    """All that the code length of sentences depends on; counts of parts of a corpus add up.

    Attributes
    ----------
    seed : int
        Of the corpus: it decides the elements' contents.
    num_sentences : int
    elements : ndarray of int64, shape (elements,)
        Numbers of the elements that were stated, ascending.
    counts : ndarray of int64, shape (elements,)
        Sentences about each.
    stated : ndarray of uint64, shape (elements,)
        Which attributes were stated of each: bit a is attribute a of ``contents.stated``.
    frequencies : ndarray of float64, shape (elements,)
        True probability of each.
    syntax : ndarray of int64
        How often each template was used, shape (kinds, attributes, templates); or each chain word came after
        each, shape (kinds, S + 1, S).
    """

    seed: int
    num_sentences: int
    elements: Ints
    counts: Ints
    stated: npt.NDArray[np.uint64]
    frequencies: Floats
    syntax: Ints

    def __add__(self, other: KnowledgeCounts) -> KnowledgeCounts:
        if not isinstance(other, KnowledgeCounts):
            return NotImplemented
        if self.seed != other.seed:
            raise ValueError(f"counts of corpora with seeds {self.seed} and {other.seed} do not add up")
        if self.syntax.shape != other.syntax.shape:
            raise ValueError("counts of different syntaxes do not add up")
        elements, place = np.unique(np.concatenate([self.elements, other.elements]), return_inverse=True)
        counts = np.zeros(elements.size, np.int64)
        np.add.at(counts, place, np.concatenate([self.counts, other.counts]))
        stated = np.zeros(elements.size, np.uint64)
        np.bitwise_or.at(stated, place, np.concatenate([self.stated, other.stated]))
        frequencies = np.zeros(elements.size)
        frequencies[place] = np.concatenate([self.frequencies, other.frequencies])
        return KnowledgeCounts(
            self.seed,
            self.num_sentences + other.num_sentences,
            elements,
            counts,
            stated,
            frequencies,
            self.syntax + other.syntax,
        )


@dataclass(frozen=True, eq=False)
class SentenceBits:
    """Bits of each sentence given those before it, by part; arrays of float64 of shape (sentences,)."""

    partition: Floats
    content: Floats
    syntax: Floats

    @property
    def total(self) -> Floats:
        """Bits of each sentence."""
        return self.partition + self.content + self.syntax


@dataclass(frozen=True, eq=False)
class KnowledgeLengths:
    """Code length of a labelled corpus, by part.

    Attributes
    ----------
    partition_bits : float
        Which element each sentence is about: a new one, or which of the old ones.
    content_bits : float
        What was new about the elements: their names, and attributes when first stated.
    syntax_bits : float
        Choice and order of the statements, and their templates or words.
    parameter_bits : float
        Estimates that were sent ahead.
    num_sentences, num_bytes : int
        Size of the corpus; ``num_bytes`` is 0 for counts, which do not know it.
    per_sentence : SentenceBits or None
        The same of each sentence, on request.
    metadata : mapping
        The code, its parameters, and hyperparameters that were used.
    """

    partition_bits: float
    content_bits: float
    syntax_bits: float
    num_sentences: int
    parameter_bits: float = 0.0
    num_bytes: int = 0
    per_sentence: SentenceBits | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)

    @property
    def knowledge_bits(self) -> float:
        """Partition, contents and parameters."""
        return math.fsum([self.partition_bits, self.content_bits, self.parameter_bits])

    @property
    def bits(self) -> float:
        """All parts."""
        return math.fsum([self.partition_bits, self.content_bits, self.syntax_bits, self.parameter_bits])

    @property
    def bits_per_sentence(self) -> float:
        """All parts, a sentence."""
        return self.bits / self.num_sentences


class KnowledgeCode(ABC):
    """Base of the codes for labelled corpora: what does not depend on what the receiver knows.

    Parameters
    ----------
    source : SyntaxKnowledge, optional
        What corpora are from; by default what each corpus says of itself.
    """

    name = ""

    def __init__(self, source: Any = None) -> None:
        if source is not None:
            _check_source(source)
        self._source: SyntaxKnowledge | None = source

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every parameter that the lengths depend on, the source apart."""
        return {}

    def lengths(
        self,
        documents: Sequence[bytes | memoryview],
        *,
        per_document: bool = False,
        threads: int | None = None,
        memory: int | None = None,
    ) -> NoReturn:
        """Refused: text alone does not say what its sentences state. See `of_corpus`, `lengths_of_file`.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(f"{self.name} codes labelled corpora: give the path of a corpus's text.txt")

    def lengths_of_file(self, path: str | PathLike[str], *, verify: bool = True) -> CodeLengths:
        """Code length of the text of a labelled corpus.

        Parameters
        ----------
        path : path
            ``text.txt`` in the folder of the corpus.
        verify : bool
            Check the corpus first: that its files are whole, and labels and statements fit the text.

        Raises
        ------
        CorpusError
            If the file is not the text of a labelled corpus, or the corpus contradicts itself.
        """
        corpus = _corpus_of(Path(path))
        if verify:
            corpus.verify()
        lengths = self.of_corpus(corpus)
        return CodeLengths(
            bits=lengths.bits,
            num_bytes=lengths.num_bytes,
            document_bytes=np.array([lengths.num_bytes], np.int64),
            metadata=lengths.metadata,
            document_names=(str(path),),
        )

    def of_corpus(self, corpus: LabelledCorpus, *, per_sentence: bool = False) -> KnowledgeLengths:
        """Code length of a labelled corpus, by part; with ``per_sentence`` also of each sentence in turn.

        Raises
        ------
        CorpusError
            If labels contradict the tokens, as far as the code looks at them: elements and statements
            that there are not. `LabelledCorpus.verify` looks at everything.
        ValueError
            If the corpus is of another source than the code.
        """
        source, counts = self.source_of(corpus), self.count(corpus)
        each = self._per_sentence(source, corpus, counts) if per_sentence else None
        return self._lengths(source, counts, corpus.text.size, each)

    def lengths_from(self, counts: KnowledgeCounts) -> KnowledgeLengths:
        """Code length of any sentences with these counts.

        Raises
        ------
        ValueError
            If the code was made without a source: counts do not say theirs.
        """
        if self._source is None:
            raise ValueError("counts do not say their source: make the code with it")
        return self._lengths(self._source, counts, 0, None)

    @abstractmethod
    def _lengths(
        self, source: SyntaxKnowledge, counts: KnowledgeCounts, num_bytes: int, each: SentenceBits | None
    ) -> KnowledgeLengths:
        """Code length by part; ``num_bytes`` and ``each`` are passed on."""

    @abstractmethod
    def _per_sentence(
        self, source: SyntaxKnowledge, corpus: LabelledCorpus, counts: KnowledgeCounts
    ) -> SentenceBits:
        """Code length of each sentence in turn."""

    def count(self, corpus: LabelledCorpus, first: int = 0, last: int | None = None) -> KnowledgeCounts:
        """Counts of sentences first, ..., last - 1; counts of parts add up to those of the whole."""
        source = self.source_of(corpus)
        chosen = slice(first, last)
        elements = np.asarray(corpus.elements[chosen]).astype(np.int64)
        attributes, _ = statements_of(source, corpus, chosen)
        found = np.bincount(elements, minlength=1)
        number = np.flatnonzero(found)
        return KnowledgeCounts(
            corpus.seed,
            elements.size,
            number,
            found[number],
            _stated(elements, attributes, found.size)[number],
            corpus.frequencies[number],
            syntax_code(source).count(corpus, chosen),
        )

    def source_of(self, corpus: LabelledCorpus) -> SyntaxKnowledge:
        """The source of a corpus: the code's own, or what the corpus says of itself.

        Raises
        ------
        CorpusError
            If the description is of no source that is known.
        ValueError
            If it is not the code's source.
        """
        if self._source is not None:
            if self._source.to_dict() != corpus.source:
                raise ValueError("the corpus is of another source than the code")
            return self._source
        try:
            source = SyntaxKnowledge.from_dict(corpus.source)
        except (ValueError, TypeError) as error:
            raise CorpusError(f"{corpus.path or 'corpus'}: its source: {error}") from None
        _check_source(source)
        return source

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self.parameters.items())
        return f"{type(self).__name__}({settings})"


def _check_source(source: object) -> None:
    if not isinstance(source, SyntaxKnowledge):
        raise TypeError(f"source: a {type(source).__name__} is no Syntax-Knowledge source")


def _corpus_of(path: Path) -> LabelledCorpus:
    if path.name != layout.TEXT or not (path.parent / layout.DESCRIPTION).is_file():
        raise CorpusError(
            f"{path}: not the {layout.TEXT} of a labelled corpus: no {layout.DESCRIPTION} beside it"
        )
    return LabelledCorpus.open(path.parent)


# ---- what sentences say, from the columns of a corpus -----------------------------------------------------


def seen_before(labels: npt.NDArray[np.integer]) -> Ints:
    """How often each label came before; labels are not negative, and memory grows with the largest.

    Examples
    --------
    >>> seen_before(np.array([5, 2, 5, 5])).tolist()
    [0, 0, 1, 2]
    """
    return _partition.seen_before(labels, int(labels.max(initial=0)) + 1).view(np.int64)


def first_places(keys: Ints, size: int) -> Ints:
    """Places at which some key below ``size`` appears for the first time, ascending."""
    first = np.full(size, -1, np.int64)
    first[keys[::-1]] = np.arange(keys.size - 1, -1, -1)  # of several assignments the last one holds
    return np.sort(first[first >= 0])


def _stated(elements: Ints, attributes: Ints, size: int) -> npt.NDArray[np.uint64]:
    """Sets of attributes stated of elements 0, ..., size - 1."""
    sets = np.zeros(size, np.uint64)
    for attribute in range(int(attributes.max(initial=-1)) + 1):
        about = np.zeros(size, bool)
        about[elements[(attributes == attribute).any(axis=1)]] = True
        sets |= about.astype(np.uint64) << np.uint64(attribute)
    return sets
