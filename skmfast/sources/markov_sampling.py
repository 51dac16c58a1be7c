"""ChainSampler: words of Markov chains for many sentences in step, each from its own random numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skmfast.sources.philox import random_blocks, stream_key
from skmfast.sources.streams import SYNTAX


class ChainSampler:
    """Draws the words of sentences; `MarkovSyntax.sample` says from which numbers.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (kinds, S + 1, S)
        φ: row 0 of a kind is the first word's, row 1 + i that of the word after word i.
    length : "fixed" or "geometric"
        Distribution of the number of words.
    mean_length : float
        Its mean.
    seed : int
        Seed of the source.
    """

    def __init__(
        self, probabilities: npt.NDArray[np.float64], length: str, mean_length: float, seed: int
    ) -> None:
        self._key = stream_key(seed, SYNTAX)
        self._kinds, self._rows, size = probabilities.shape
        self._longer = None if length == "fixed" or mean_length == 1 else _longer(mean_length)
        self._fixed_length = int(mean_length)
        # Rows as long as a power of two, for a search that halves; the last word takes what rounding leaves.
        self._width = 1 << (size - 1).bit_length()
        cumulated = np.full((self._kinds * self._rows, self._width), 2.0)
        np.cumsum(probabilities.reshape(-1, size)[:, :-1], axis=1, out=cumulated[:, : size - 1])
        self._cumulated = cumulated.reshape(-1)

    def sample(
        self, kinds: npt.ArrayLike, first: int
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
        """Words of sentences ``first``, ``first + 1``, ... of these kinds, and where each one's begin."""
        rows = np.asarray(kinds, dtype=np.int64)
        if rows.size and not (rows.min() >= 0 and rows.max() < self._kinds):
            raise ValueError(f"kind outside 0 to {self._kinds - 1}")
        numbers = _Numbers(self._key, first, len(rows))
        lengths = self._lengths(numbers)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        words = np.empty(int(offsets[-1]), dtype=np.uint32)
        rows = rows * self._rows
        left = np.arange(len(rows))
        places, row = offsets[:-1], rows
        while left.size:
            word = self._find(row, numbers.units(left))
            words[places] = word
            places = places + 1
            going = places < offsets[left + 1]
            if not going.all():
                left, places, word = left[going], places[going], word[going]
            row = rows[left] + 1 + word
        return words, offsets.astype(np.uint64)

    def _find(self, row: npt.NDArray[np.int64], unit: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The first word of each row whose cumulated probability exceeds the number."""
        begin = row * self._width
        place = begin.copy()
        step = self._width
        while step := step >> 1:
            place += step * (self._cumulated[place + (step - 1)] <= unit)
        return np.asarray(place - begin)

    def _lengths(self, numbers: _Numbers) -> npt.NDArray[np.int64]:
        if self._longer is None:
            return np.full(numbers.num_sentences, self._fixed_length)
        units = numbers.units(np.arange(numbers.num_sentences))
        return 1 + np.searchsorted(self._longer, units - 1, side="right")


def _longer(mean_length: float) -> npt.NDArray[np.float64]:
    """Minus the probabilities that a geometric length is more than 1, 2, ... words.

    (1 - 1/mean)^l, by products, so that all machines agree; no uniform number is nearer to one than the last.
    """
    go_on = 1 - 1 / mean_length
    more, power = [], go_on
    while power > 2.0**-54:
        more.append(-power)
        power *= go_on
    return np.array(more)


class _Numbers:
    """The uniform numbers of many sentences, each asked for in turn: class Draw of csrc, in step."""

    def __init__(self, key: int, first: int, num_sentences: int) -> None:
        self.num_sentences = num_sentences
        self._key = key
        self._first = np.uint64(first)
        self._used = 0
        self._blocks = np.empty((num_sentences, 2), dtype=np.uint64)

    def units(self, sentences: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The next number of each of ``sentences``, which were all asked before; uniform on [0, 1)."""
        half = self._used % 2
        if half == 0:
            index = sentences.astype(np.uint64) + self._first
            self._blocks[sentences] = random_blocks(self._key, index, self._used // 2)
        self._used += 1
        bits = self._blocks[sentences, half]
        return np.asarray((bits >> np.uint64(11)).astype(np.float64) * 2.0**-53)
