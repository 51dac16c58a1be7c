"""ChainCode: the words of Markov chains in a labelled corpus, found by their labels, and their bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np
import numpy.typing as npt

from skmfast.codes.sentence_syntax import kinds_of, statements_of
from skmfast.errors import CorpusError
from skmfast.sources import _partition
from skmfast.sources.plan import SYNTAX

if TYPE_CHECKING:
    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.sources.markov import MarkovSyntax
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_AT_ONCE = 1 << 18  # sentences whose tokens are looked at together
_LINE_END = b"\n"
_NAME = 1  # label of the name; that of attribute a of ``contents.stated`` is 2 + a


class ChainCode:
    """Bits of the syntax of sentences of chain words; see `sentence_syntax.SyntaxCode`.

    A sentence's attribute costs log2 of their number, its length -log2 of its probability, which is known,
    and each word what the mixture or φ says after the word before it. Everything is a function of the counts
    of transitions, of which those from row 0 tell the number of sentences.
    """

    def __init__(self, source: SyntaxKnowledge, syntax: MarkovSyntax) -> None:
        self._source, self._syntax = source, syntax

    def count(self, corpus: LabelledCorpus, chosen: slice) -> Ints:
        """Counts of transitions, shape (kinds, S + 1, S)."""
        begin, end, _ = chosen.indices(corpus.num_sentences)
        total = np.zeros(self._syntax.shape, np.int64)
        for at in range(begin, end, _AT_ONCE):
            total += self._syntax.count(*self._events(corpus, at, min(at + _AT_ONCE, end)))
        return total

    def mixture_bits(self, counts: Ints, num_sentences: int) -> float:
        """See `sentence_syntax.SyntaxCode`."""
        return self._known_bits(counts, num_sentences) + self._syntax.code_length_bits(counts)

    def oracle_bits(self, counts: Ints, num_sentences: int, seed: int) -> float:
        """See `sentence_syntax.SyntaxCode`."""
        bits = self._syntax.oracle_bits(counts, self._syntax.probabilities(seed))
        return self._known_bits(counts, num_sentences) + bits

    def mixture_bits_of_each(self, corpus: LabelledCorpus) -> Floats:
        """See `sentence_syntax.SyntaxCode`."""
        kinds, words, offsets = self._events(corpus, 0, corpus.num_sentences)
        return self._of_each(self._syntax.sequential_bits(kinds, words, offsets), offsets)

    def next_bits(self, counts: Ints, corpus: LabelledCorpus) -> Floats:
        """See `sentence_syntax.SyntaxCode`: words tell of those after them in the same sentence, too."""
        kinds, words, offsets = self._events(corpus, 0, corpus.num_sentences)
        lengths = np.diff(offsets)
        rows = 1 + np.concatenate([[-1], words[:-1]])
        rows[offsets[:-1]] = 0
        kind = np.repeat(kinds, lengths)
        states = np.repeat(np.arange(lengths.size), lengths) * self._syntax.shape[1] + rows
        posterior = self._syntax.posterior(counts)
        word = posterior[kind, rows, words] + _seen_before(states * self._syntax.shape[2] + words)
        any_word = posterior.sum(axis=-1)[kind, rows] + _seen_before(states)
        return self._of_each(-np.log2(word / any_word), offsets)

    def oracle_bits_of_each(self, corpus: LabelledCorpus) -> Floats:
        """See `sentence_syntax.SyntaxCode`."""
        kinds, words, offsets = self._events(corpus, 0, corpus.num_sentences)
        with np.errstate(divide="ignore"):
            bits = -np.log2(self._syntax.probabilities(corpus.seed))
        rows = 1 + np.concatenate([[-1], words[:-1]])
        rows[offsets[:-1]] = 0
        return self._of_each(bits[np.repeat(kinds, np.diff(offsets)), rows, words], offsets)

    def _known_bits(self, counts: Ints, num_sentences: int) -> float:
        """Bits of attributes and lengths, which are not learnt."""
        return num_sentences * self._source.choice_bits + self._syntax.total_lengths_bits(counts)

    def _of_each(self, word_bits: Floats, offsets: Ints) -> Floats:
        lengths_bits = self._syntax.lengths_bits(np.diff(offsets))
        return np.asarray(self._source.choice_bits + lengths_bits + np.add.reduceat(word_bits, offsets[:-1]))

    def _events(self, corpus: LabelledCorpus, begin: int, end: int) -> tuple[Ints, Ints, Ints]:
        """Kinds of sentences, their words, and where each one's words begin."""
        elements = np.asarray(corpus.elements[begin:end]).astype(np.int64)
        attributes, _ = statements_of(self._source, corpus, slice(begin, end))
        words, offsets = chain_words(corpus, self._syntax, attributes[:, 0], begin)
        return kinds_of(self._source, corpus, elements), words, offsets


def _seen_before(keys: Ints) -> Ints:
    """How often each key came before; keys may be large."""
    _, place = np.unique(keys, return_inverse=True)
    return _partition.seen_before(place, place.size).view(np.int64)


def chain_words(
    corpus: LabelledCorpus, syntax: MarkovSyntax, attributes: Ints, begin: int = 0
) -> tuple[Ints, Ints]:
    """Words of sentences begin, begin + 1, ..., as their labels and tokens tell.

    Parameters
    ----------
    corpus : LabelledCorpus
        Its tokens may be words or bytes.
    syntax : MarkovSyntax
    attributes : ndarray of int64, shape (n,)
        What each sentence states.
    begin : int
        The first sentence.

    Returns
    -------
    words : ndarray of int64, shape (words of all sentences,)
    offsets : ndarray of int64, shape (n + 1,)

    Raises
    ------
    CorpusError
        If a sentence is not a name, chain words, the value of its attribute and the line end, or its words
        are not as many as the source's sentences have.
    """
    part = corpus.sentences.part(begin, begin + len(attributes))
    tokens, token_offsets = np.asarray(part.tokens), part.offsets.astype(np.int64)
    runs = _runs(corpus, np.asarray(part.labels), token_offsets, attributes, begin)
    pieces = corpus.pieces()
    outside = np.flatnonzero(tokens >= len(pieces))
    if outside.size:
        sentence = int(np.searchsorted(token_offsets, outside[0], side="right")) - 1
        _refuse(corpus, "tokens", begin + sentence, "a token is not in the vocabulary")
    last = np.array([piece == _LINE_END for piece in pieces])[tokens[runs[:, 3]]]
    last &= runs[:, 3] + 1 == token_offsets[1:]
    if not last.all():
        _refuse(
            corpus, "labels", begin + int(np.argmin(last)), "does not end with a line end after its value"
        )
    if corpus.vocabulary.get("mode") == "bytes":
        words, lengths = _words_of_bytes(corpus, syntax, tokens.astype(np.uint8), runs, begin)
    else:
        words, lengths = _words_of_tokens(corpus, syntax, tokens, runs, begin)
    impossible = np.isinf(syntax.lengths_bits(lengths))
    if impossible.any():
        place = int(np.argmax(impossible))
        _refuse(corpus, "labels", begin + place, f"{lengths[place]:,} words are no length of the source")
    return words, np.concatenate([[0], np.cumsum(lengths)])


def _runs(
    corpus: LabelledCorpus, labels: npt.NDArray[np.uint8], offsets: Ints, attributes: Ints, begin: int
) -> Ints:
    """First token of a sentence's name, words, value and end, shape (n, 4)."""
    if not attributes.size:
        return np.empty((0, 4), np.int64)
    starts = np.ones(labels.size, bool)
    starts[1:] = labels[1:] != labels[:-1]
    short = np.diff(offsets) < 4
    if short.any():
        _refuse(corpus, "offsets", begin + int(np.argmax(short)), "has fewer than four tokens")
    starts[offsets[:-1]] = True
    wrong = np.add.reduceat(starts, offsets[:-1], dtype=np.int64) != 4
    if not wrong.any():
        runs = np.flatnonzero(starts).reshape(-1, 4)
        found = labels[runs]
        wrong = (found[:, 0] != _NAME) | (found[:, 2] != 2 + attributes)
        wrong |= (found[:, 1] != SYNTAX) | (found[:, 3] != SYNTAX)
    if wrong.any():
        _refuse(
            corpus, "labels", begin + int(np.argmax(wrong)), "is not a name, words, and the value it states"
        )
    return runs


def _words_of_tokens(
    corpus: LabelledCorpus, syntax: MarkovSyntax, tokens: npt.NDArray[np.integer], runs: Ints, begin: int
) -> tuple[Ints, Ints]:
    index = {b" " + word.encode(): place for place, word in enumerate(syntax.words)}
    table = np.array([index.get(piece, -1) for piece in corpus.pieces()], np.int64)
    lengths = runs[:, 2] - runs[:, 1]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    words = table[tokens[np.arange(offsets[-1]) + np.repeat(runs[:, 1] - offsets[:-1], lengths)]]
    unknown = np.flatnonzero(words < 0)
    if unknown.size:
        sentence = int(np.searchsorted(offsets, unknown[0], side="right")) - 1
        _refuse(corpus, "tokens", begin + sentence, "what is labelled syntax is not a chain word")
    return words, lengths


def _words_of_bytes(
    corpus: LabelledCorpus, syntax: MarkovSyntax, text: npt.NDArray[np.uint8], runs: Ints, begin: int
) -> tuple[Ints, Ints]:
    """Words stand between spaces, the last one before the value."""
    index = {word.encode(): place for place, word in enumerate(syntax.words)}
    data, words, lengths = text.tobytes(), [], np.empty(len(runs), np.int64)
    for place, (first, last) in enumerate(runs[:, 1:3].tolist()):
        before, *found, after = data[first:last].split(b" ")
        numbers = [index.get(word, -1) for word in found]
        if before or after or not found or min(numbers) < 0:
            _refuse(corpus, "tokens", begin + place, "what is labelled syntax is not chain words")
        words.extend(numbers)
        lengths[place] = len(numbers)
    return np.array(words, np.int64), lengths


def _refuse(corpus: LabelledCorpus, column: str, sentence: int, what: str) -> NoReturn:
    raise CorpusError(f"{corpus.where(column)}: sentence {sentence:,}: {what}")
