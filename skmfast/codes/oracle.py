"""Oracle: the code of one who knows the source: frequencies, contents, the syntax's probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skmfast.codes.base import describe
from skmfast.codes.knowledge import (
    KnowledgeCode,
    KnowledgeCounts,
    KnowledgeLengths,
    SentenceBits,
)
from skmfast.codes.sentence_syntax import syntax_code

if TYPE_CHECKING:
    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge


class Oracle(KnowledgeCode):
    """A sentence about element k costs -log2 p_k, and its syntax its bits under the true phi.

    No code is shorter on average over corpora with the same parameters: a learner cannot go below this,
    however much it reads. Contents cost nothing.

    Parameters
    ----------
    source : SyntaxKnowledge, optional
        What corpora are from; by default what each corpus says of itself.

    Raises
    ------
    TypeError
        If ``source`` is none.

    Examples
    --------
    >>> from skmfast.sources.example import small_example
    >>> from skmfast.sources.frequencies import Uniform
    >>> from skmfast.sources.generate import sample
    >>> source = small_example(Uniform(30))
    >>> corpus = sample(source, 1000, seed=1)
    >>> lengths = Oracle(source).of_corpus(corpus, per_sentence=True)
    >>> bool(np.isclose(lengths.bits, lengths.per_sentence.total.sum(), rtol=1e-12)), lengths.content_bits
    (True, 0.0)
    """

    name = "oracle"

    def _lengths(
        self, source: SyntaxKnowledge, counts: KnowledgeCounts, num_bytes: int, each: SentenceBits | None
    ) -> KnowledgeLengths:
        return KnowledgeLengths(
            partition_bits=float(-(counts.counts @ np.log2(counts.frequencies))),
            content_bits=0.0,
            syntax_bits=syntax_code(source).oracle_bits(counts.syntax, counts.num_sentences, counts.seed),
            num_sentences=counts.num_sentences,
            num_bytes=num_bytes,
            per_sentence=each,
            metadata=describe(self, per_document=False),
        )

    def _per_sentence(
        self, source: SyntaxKnowledge, corpus: LabelledCorpus, counts: KnowledgeCounts
    ) -> SentenceBits:
        elements = np.asarray(corpus.elements).astype(np.int64)
        syntax = syntax_code(source).oracle_bits_of_each(corpus)
        partition = -np.log2(corpus.frequencies[elements])
        return SentenceBits(partition, np.zeros(elements.size), syntax)
