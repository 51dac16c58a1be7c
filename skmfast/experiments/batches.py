"""Batches of sentences: which sentences a training step reads, and how they lie beside each other.

The batch of a step is a function of the corpora, the seed and the step: there is no state to keep, and a run
that is taken up again reads what it would have read.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from skmfast.arguments import word
from skmfast.sources.permutation import permute
from skmfast.sources.philox import mix64

IGNORED = -100  # target of the places behind a sentence's end
BEGIN = 0  # what a model reads first: the line end that a sentence before this one would have had

_SENTENCES, _ORDER = 1, 2  # purposes of seeds


class TokenRows(Protocol):
    """What training reads of a corpus; `skmfast.corpora.LabelledCorpus` has it, in memory or mapped.

    Sentence i is ``tokens[offsets[i] : offsets[i + 1]]`` and ends with the line end.
    """

    @property
    def tokens(self) -> npt.NDArray[Any]:
        """(tokens,), of an unsigned type."""

    @property
    def offsets(self) -> npt.NDArray[Any]:
        """(sentences + 1,)."""


class SentenceTokens(NamedTuple):
    """Sentences as tokens alone; of a corpus, ``SentenceTokens(c.tokens, c.offsets[first : last + 1])``.

    Attributes
    ----------
    tokens : ndarray of an unsigned type, shape (tokens,)
    offsets : ndarray of uint64, shape (sentences + 1,)
    """

    tokens: npt.NDArray[Any]
    offsets: npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Batch:
    """B sentences, padded on the right to the T tokens of the longest.

    Attributes
    ----------
    inputs : ndarray of int64, shape (B, T)
        `BEGIN`, then the sentence's tokens but the last, then `BEGIN` again.
    targets : ndarray of int64, shape (B, T)
        The sentence's tokens, the line end included, then `IGNORED`.
    corpus : ndarray of int64, shape (B,)
        Which corpus each sentence is from.
    sentence : ndarray of int64, shape (B,)
        Its number there.
    """

    inputs: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    corpus: npt.NDArray[np.int64]
    sentence: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def num_tokens(self) -> int:
        """Targets that count."""
        return int(np.count_nonzero(self.targets != IGNORED))

    def parts(self, number: int) -> list[Batch]:
        """The sentences in ``number`` parts of about one size, each as wide as its longest sentence."""
        size = np.count_nonzero(self.targets != IGNORED, axis=1)
        bounds = [len(self) * part // number for part in range(number + 1)]
        made = []
        for begin, end in itertools.pairwise(bounds):
            if begin < end:
                rows, columns = slice(begin, end), slice(0, int(size[begin:end].max()))
                made.append(
                    Batch(
                        self.inputs[rows, columns],
                        self.targets[rows, columns],
                        self.corpus[rows],
                        self.sentence[rows],
                    )
                )
        return made


class Batches:
    """The batches of a training run.

    One corpus is read in epochs, each a permutation of its sentences cut into batches of nearly equal size,
    none larger than asked for. Of several, each batch holds a share, and each is read in an epoch order of
    its own. Among the sentences of ``window`` batches those of like length come together, so that little is
    padded; which of these batches comes first is left to chance.

    Parameters
    ----------
    corpora : sequence of corpora
        Anything with tokens and offsets, all of one vocabulary.
    shares : sequence of float, optional
        Part of the sentences that is from each; positive, 1 in all. Kept to one sentence in a window.
    batch_sentences : int
        Sentences of a batch.
    seed : int
        Decides the order.
    window : int
        Batches among which sentences are sorted by length; 1 for none.

    Attributes
    ----------
    sizes : tuple of int
        Sentences of each corpus.
    steps_per_epoch : int
        Batches after which a sole corpus has been read once; of several corpora, a window's worth of batches
        says nothing of epochs, and it is the number of batches with as many sentences as all have.

    Raises
    ------
    ValueError
        If there is no corpus, one is empty, or a share is so small that a window would hold no sentence.

    Examples
    --------
    >>> import numpy as np
    >>> corpus = SentenceTokens(np.array([5, 0, 6, 7, 0], dtype=np.uint16), np.array([0, 2, 5]))
    >>> batch = Batches([corpus], batch_sentences=2, seed=1).batch(0)
    >>> batch.targets[np.argsort(batch.sentence)].tolist()
    [[5, 0, -100], [6, 7, 0]]
    >>> batch.inputs[np.argsort(batch.sentence)].tolist()
    [[0, 5, 0], [0, 6, 7]]
    """

    def __init__(
        self,
        corpora: Sequence[TokenRows],
        shares: Sequence[float] | None = None,
        *,
        batch_sentences: int,
        seed: int = 0,
        window: int = 16,
    ) -> None:
        self.corpora = tuple(corpora)
        self.batch_sentences = _positive(batch_sentences, "batch_sentences")
        self.window = _positive(window, "window")
        self.seed = word(seed, "seed")
        self.sizes = tuple(len(corpus.offsets) - 1 for corpus in self.corpora)
        if not self.corpora or min(self.sizes) < 1:
            raise ValueError(f"corpora of {list(self.sizes)} sentences: each needs at least one")
        self.shares = _checked_shares(shares, len(self.corpora))
        self.steps_per_epoch = -(-sum(self.sizes) // self.batch_sentences)
        self._quotas = _quotas(self.shares, self.window * self.batch_sentences)
        self._drawn: tuple[int, list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]] | None = None

    def batch(self, step: int) -> Batch:
        """Batch of step ``step``, the first of which is 0.

        Raises
        ------
        ValueError
            If the step is negative.
        """
        if step < 0:
            raise ValueError(f"step={step}: the first is 0")
        number, place = self._window_of(step)
        if self._drawn is None or self._drawn[0] != number:
            self._drawn = (number, self._draw(number))
        corpus, sentence = self._drawn[1][place]
        return assemble(self.corpora, corpus, sentence)

    def _window_of(self, step: int) -> tuple[int, int]:
        """Number of the window that a step falls in, and its place there."""
        if len(self.corpora) > 1:
            return divmod(step, self.window)
        epoch, within = divmod(step, self.steps_per_epoch)
        number, place = divmod(within, self.window)
        return epoch * self._windows_per_epoch + number, place

    @property
    def _windows_per_epoch(self) -> int:
        return -(-self.steps_per_epoch // self.window)

    def _draw(self, number: int) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Corpus and sentence of each row, for each batch of a window."""
        if len(self.corpora) == 1:
            epoch, first = divmod(number, self._windows_per_epoch)
            cuts = self._cuts(first * self.window)
            sentences = self._sorted(0, epoch * self.sizes[0] + cuts[0], int(cuts[-1] - cuts[0]))
            dealt = [np.split(sentences, cuts[1:-1] - cuts[0])]
        else:
            dealt = [
                np.split(self._sorted(corpus, number * quota, quota), _even(quota, self.window)[1:-1])
                for corpus, quota in enumerate(self._quotas)
            ]
        order = permute(np.arange(len(dealt[0])), len(dealt[0]), _seed(self.seed, _ORDER, number))
        return [
            (
                np.repeat(np.arange(len(dealt)), [len(part[batch]) for part in dealt]),
                np.concatenate([part[batch] for part in dealt]),
            )
            for batch in order.tolist()
        ]

    def _cuts(self, first: int) -> npt.NDArray[np.int64]:
        """Where, in the epoch's order, the batches of the window that begins with batch ``first`` begin."""
        batches = np.arange(first, min(first + self.window, self.steps_per_epoch) + 1)
        return batches * self.sizes[0] // self.steps_per_epoch

    def _sorted(self, corpus: int, first: int, count: int) -> npt.NDArray[np.int64]:
        """``count`` sentences from place ``first`` on of a corpus's endless order, by length."""
        size, offsets = self.sizes[corpus], self.corpora[corpus].offsets
        parts = []
        while count > 0:
            epoch, begin = divmod(int(first), size)
            end = min(begin + count, size)
            seed = _seed(_seed(self.seed, _SENTENCES, corpus), _SENTENCES, epoch)
            parts.append(permute(np.arange(begin, end), size, seed).astype(np.int64))
            first, count = first + end - begin, count - (end - begin)
        sentences = np.concatenate(parts)
        if self.window == 1:
            return sentences
        length = np.asarray(offsets[sentences + 1], dtype=np.int64) - np.asarray(
            offsets[sentences], dtype=np.int64
        )
        return sentences[np.argsort(length, kind="stable")]


def assemble(
    corpora: Sequence[TokenRows], corpus: npt.NDArray[np.int64], sentence: npt.NDArray[np.int64]
) -> Batch:
    """The batch of given sentences.

    Parameters
    ----------
    corpora : sequence of corpora
    corpus : ndarray of int64, shape (B,)
        Corpus of each row.
    sentence : ndarray of int64, shape (B,)
        Its number there.

    Returns
    -------
    Batch
    """
    begin, size = np.empty(len(sentence), np.int64), np.empty(len(sentence), np.int64)
    members = [(source, corpus == number) for number, source in enumerate(corpora)]
    for source, rows in members:
        begin[rows] = source.offsets[sentence[rows]]
        size[rows] = source.offsets[sentence[rows] + 1].astype(np.int64) - begin[rows]
    columns = np.arange(size.max(initial=0))
    real = columns < size[:, None]
    targets = np.full(real.shape, IGNORED, np.int64)
    for source, rows in members:
        inside = real & rows[:, None]
        targets[inside] = source.tokens[(begin[:, None] + columns)[inside]]
    inputs = np.full(real.shape, BEGIN, np.int64)
    inputs[:, 1:] = np.where(real[:, 1:], targets[:, :-1], BEGIN)
    return Batch(inputs, targets, corpus, sentence)


def _positive(value: int, name: str) -> int:
    number = operator.index(value)
    if number < 1:
        raise ValueError(f"{name}={value}: at least 1 is needed")
    return number


def _checked_shares(shares: Sequence[float] | None, corpora: int) -> tuple[float, ...]:
    if shares is None and corpora == 1:
        return (1.0,)
    if shares is None or len(shares) != corpora:
        raise ValueError(f"shares={shares!r} of {corpora} corpora: one number for each is needed")
    if not all(share > 0 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"shares={list(shares)}: they must be positive, and 1 in all")
    return tuple(float(share) for share in shares)


def _quotas(shares: Sequence[float], sentences: int) -> list[int]:
    """Sentences of each corpus in a window: as near to the shares as whole numbers are."""
    bounds = np.floor(np.cumsum([0.0, *shares]) * sentences + 0.5).astype(int)
    quotas = [int(quota) for quota in np.diff(bounds)]
    if min(quotas) < 1:
        raise ValueError(
            f"shares={list(shares)}: a window of {sentences:,} sentences has none for one of them"
        )
    return quotas


def _even(count: int, parts: int) -> npt.NDArray[np.int64]:
    return np.arange(parts + 1) * count // parts


def _seed(seed: int, purpose: int, number: int) -> int:
    return mix64(seed ^ mix64(purpose ^ mix64(number)))
