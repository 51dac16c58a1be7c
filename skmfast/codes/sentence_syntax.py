"""What sentences of a labelled corpus say and how: counts of syntax choices, and their bits for each syntax.

The codes of labelled corpora ask `syntax_code` for the part of their length that depends on the syntax;
frequencies and contents are the same for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from skmfast.errors import CorpusError
from skmfast.sources.markov import MarkovSyntax
from skmfast.sources.templates import TemplateSyntax

if TYPE_CHECKING:
    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class SyntaxCode(Protocol):
    """Bits of the syntax of sentences: attributes chosen, templates or words."""

    def count(self, corpus: LabelledCorpus, chosen: slice) -> Ints:
        """Counts of syntax choices in some sentences, of the syntax's ``shape``.

        Raises
        ------
        CorpusError
            If a sentence is none of the source's.
        """

    def mixture_bits(self, counts: Ints, num_sentences: int) -> float:
        """Bits of any sentences with these counts under the Dirichlet mixture."""

    def mixture_bits_of_each(self, corpus: LabelledCorpus) -> Floats:
        """Bits of each sentence given those before it; they add up to `mixture_bits`."""

    def next_bits(self, counts: Ints, corpus: LabelledCorpus) -> Floats:
        """Bits of each sentence under the Dirichlet mixture, given these counts alone."""

    def oracle_bits(self, counts: Ints, num_sentences: int, seed: int) -> float:
        """Bits of any sentences with these counts for one who knows φ."""

    def oracle_bits_of_each(self, corpus: LabelledCorpus) -> Floats:
        """Bits of each sentence for one who knows φ; they add up to `oracle_bits`."""


def syntax_code(source: SyntaxKnowledge) -> SyntaxCode:
    """The code for the syntax of a source.

    Raises
    ------
    TypeError
        If there is none for its syntax.
    """
    if isinstance(source.syntax, TemplateSyntax):
        return _TemplateCode(source, source.syntax)
    if isinstance(source.syntax, MarkovSyntax):
        from skmfast.codes.chain_syntax import ChainCode

        return ChainCode(source, source.syntax)
    raise TypeError(f"source: no code for a {type(source.syntax).__name__}")


def statements_of(
    source: SyntaxKnowledge, corpus: LabelledCorpus, chosen: slice = slice(None)
) -> tuple[Ints, Ints]:
    """Attribute and template of each statement, both of shape (sentences, statements).

    The template of a sentence of chain words is 0.

    Raises
    ------
    CorpusError
        If a sentence is about an element that there is not, or makes a statement that there is not.
    """
    elements = np.asarray(corpus.elements[chosen])
    if elements.size and int(elements.max()) >= len(corpus.counts):
        sentence = int(np.argmax(elements))
        raise CorpusError(
            f"{corpus.where('elements')}: sentence {sentence:,} is about element {int(elements[sentence]):,};"
            f" there are {len(corpus.counts):,}"
        )
    statements = np.asarray(corpus.statements[chosen]).astype(np.int64)
    attributes, templates = statements[..., 0], statements[..., 1]
    number = np.ones(len(source.contents.stated), np.int64)
    if isinstance(source.syntax, TemplateSyntax):
        number = source.syntax.num_templates
    bad = attributes >= number.size
    bad |= templates >= number[np.minimum(attributes, number.size - 1)]
    if attributes.shape[1:] != (source.syntax.statements,) or bad.any():
        sentence = int(np.argmax(bad.any(axis=1))) if bad.any() else 0
        raise CorpusError(
            f"{corpus.where('statements')}: sentence {sentence:,} states what the source cannot:"
            f" {statements[sentence].tolist()}"
        )
    return attributes, templates


def kinds_of(source: SyntaxKnowledge, corpus: LabelledCorpus, elements: Ints) -> Ints:
    """Kind of the element of each sentence."""
    if source.syntax.kinds == 1:
        return np.zeros(elements.size, np.int64)
    if elements.size < len(corpus.counts):
        return source.kinds(source.contents.values(elements, corpus.seed))
    values = source.contents.values(np.arange(len(corpus.counts)), corpus.seed)
    return source.kinds(values)[elements]


class _TemplateCode:
    def __init__(self, source: SyntaxKnowledge, syntax: TemplateSyntax) -> None:
        self._source, self._syntax = source, syntax

    def count(self, corpus: LabelledCorpus, chosen: slice) -> Ints:
        return self._syntax.count(*self._choices(corpus, chosen))

    def mixture_bits(self, counts: Ints, num_sentences: int) -> float:
        return num_sentences * self._syntax.choice_bits + self._syntax.code_length_bits(counts)

    def mixture_bits_of_each(self, corpus: LabelledCorpus) -> Floats:
        bits = self._syntax.sequential_bits(*self._choices(corpus))
        return np.asarray(bits.sum(axis=1) + self._syntax.choice_bits)

    def next_bits(self, counts: Ints, corpus: LabelledCorpus) -> Floats:
        # A sentence states distinct attributes: what one shows of its templates does not bear on the others.
        with np.errstate(divide="ignore"):
            bits = -np.log2(self._syntax.posterior_mean(counts))
        return np.asarray(bits[self._choices(corpus)].sum(axis=1) + self._syntax.choice_bits)

    def oracle_bits(self, counts: Ints, num_sentences: int, seed: int) -> float:
        bits = self._syntax.oracle_bits(counts, self._syntax.probabilities(seed))
        return num_sentences * self._syntax.choice_bits + bits

    def oracle_bits_of_each(self, corpus: LabelledCorpus) -> Floats:
        with np.errstate(divide="ignore"):
            bits = -np.log2(self._syntax.probabilities(corpus.seed))
        return np.asarray(bits[self._choices(corpus)].sum(axis=1) + self._syntax.choice_bits)

    def _choices(self, corpus: LabelledCorpus, chosen: slice = slice(None)) -> tuple[Ints, Ints, Ints]:
        """Kind, attribute and template of each statement; kinds have one column."""
        attributes, templates = statements_of(self._source, corpus, chosen)
        elements = np.asarray(corpus.elements[chosen]).astype(np.int64)
        return kinds_of(self._source, corpus, elements)[:, None], attributes, templates
