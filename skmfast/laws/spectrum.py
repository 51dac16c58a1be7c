"""Frequency spectra: how many elements were seen once, twice, ... in a stream of tokens.

The spectrum is all that Good-Turing, rarefaction, Zipf's and Pitman-Yor estimates need of a corpus.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_MAX_NGRAM = 8
_SMALL = (1 << 32) - 1


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Count of counts.

    Attributes
    ----------
    sizes : numpy.ndarray of int64, shape (S,)
        The different counts that elements have, ascending, at least 1.
    multiplicities : numpy.ndarray of int64, shape (S,)
        How many elements have each.
    """

    sizes: npt.NDArray[np.int64]
    multiplicities: npt.NDArray[np.int64]

    @classmethod
    def of_counts(cls, counts: npt.ArrayLike) -> Spectrum:
        """Spectrum of the counts of elements; elements with count 0 were not seen and do not enter.

        Raises
        ------
        ValueError
            If the counts are not one dimension of whole numbers of at least 0, or all of them are 0.

        Examples
        --------
        >>> Spectrum.of_counts([3, 1, 1, 0]).multiplicities.tolist()
        [2, 1]
        """
        array = np.asarray(counts)
        if array.ndim != 1:
            raise ValueError(f"counts: have {array.ndim} dimensions, not one")
        if array.dtype.kind not in "iu" and not (np.isfinite(array) & (array == np.floor(array))).all():
            raise ValueError("counts: not all of them are whole numbers")
        if len(array) and array.min() < 0:
            raise ValueError(f"counts: {array.min()} is negative")
        sizes, multiplicities = np.unique(array[array > 0].astype(np.int64), return_counts=True)
        if not len(sizes):
            raise ValueError("counts: no element was seen")
        return cls(sizes, multiplicities.astype(np.int64))

    @classmethod
    def of_labels(cls, labels: npt.ArrayLike) -> Spectrum:
        """Spectrum of a stream of labels, which are whole numbers of at least 0.

        Raises
        ------
        ValueError
            If there are none, or one is negative.
        """
        array = np.asarray(labels)
        if not array.size:
            raise ValueError("labels: there are none")
        if array.dtype.kind not in "iu":
            raise ValueError(f"labels: are of type {array.dtype}, not whole numbers")
        if array.min() < 0:
            raise ValueError(f"labels: {array.min()} is negative")
        if array.max() > 8 * array.size + 1024:
            return cls.of_counts(np.unique(array, return_counts=True)[1])
        return cls.of_counts(np.bincount(array.ravel()))

    @property
    def num_tokens(self) -> int:
        """n, size of the stream."""
        return int((self.sizes * self.multiplicities).sum())

    @property
    def num_elements(self) -> int:
        """K, how many different elements were seen."""
        return int(self.multiplicities.sum())

    def seen(self, times: int) -> int:
        """How many elements were seen exactly ``times`` times."""
        at = int(np.searchsorted(self.sizes, times))
        return int(self.multiplicities[at]) if at < len(self.sizes) and self.sizes[at] == times else 0

    def counts(self) -> npt.NDArray[np.int64]:
        """Counts of the elements in descending order, (K,)."""
        return np.repeat(self.sizes, self.multiplicities)[::-1]


@dataclass(frozen=True)
class Estimate:
    """A number with its confidence interval.

    Attributes
    ----------
    value, low, high : float
        The estimate and the ends of its interval.
    level : float
        Coverage of the interval.
    """

    value: float
    low: float
    high: float
    level: float = 0.95

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def normal_quantile(level: float) -> float:
    """Half width, in standard errors, of a central interval with coverage ``level``.

    Raises
    ------
    ValueError
        If the level is not between 0 and 1.
    """
    from statistics import NormalDist

    if not 0 < level < 1:
        raise ValueError(f"level: {level!r} is not between 0 and 1")
    return NormalDist().inv_cdf((1 + level) / 2)


def word_labels(text: str | bytes | memoryview) -> npt.NDArray[np.int64]:
    """Words of a text, in lower case, as labels numbered in order of appearance from 0.

    A word is a run of letters, digits and underscores, with apostrophes inside. Bytes are read as UTF-8; what
    is not valid separates words.

    Examples
    --------
    >>> word_labels("The cat saw the dog").tolist()
    [0, 1, 2, 0, 3]
    """
    if not isinstance(text, str):
        text = bytes(text).decode("utf-8", "replace")
    found = _WORD.findall(text.lower())
    numbers = {word: number for number, word in enumerate(dict.fromkeys(found))}
    return np.fromiter(map(numbers.__getitem__, found), np.int64, len(found))


def byte_labels(data: bytes | memoryview, size: int = 1) -> npt.NDArray[np.int64]:
    """Overlapping strings of ``size`` bytes, as labels numbered in order of appearance from 0.

    Raises
    ------
    ValueError
        If the size is not 1 to 8.

    Examples
    --------
    >>> byte_labels(b"abab", 2).tolist()
    [0, 1, 0]
    """
    if not 1 <= size <= _MAX_NGRAM:
        raise ValueError(f"size: {size!r} is not 1 to {_MAX_NGRAM} bytes")
    single = np.frombuffer(data, np.uint8)
    length = max(len(single) - size + 1, 0)
    strings = np.zeros(length, np.uint64)
    for at in range(size):
        strings <<= np.uint64(8)
        strings |= single[at : at + length]
    return labels_of(strings)


def labels_of(tokens: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Any array of tokens as labels numbered in order of appearance from 0.

    Examples
    --------
    >>> labels_of([7, 3, 7]).tolist()
    [0, 1, 0]
    """
    array = np.asarray(tokens).ravel()
    is_small = array.dtype.kind in "iu" and 0 < len(array) <= _SMALL
    if is_small and array.min() >= 0 and array.max() <= _SMALL:
        return _labels_of_small(array.astype(np.uint64))
    _, first, inverse = np.unique(array, return_index=True, return_inverse=True)
    order = np.empty(len(first), np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return order[inverse.ravel()]


def _labels_of_small(tokens: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Of tokens and places below 2^32: sorted together as one word, faster than by `np.unique`."""
    words = (tokens << np.uint64(32)) | np.arange(len(tokens), dtype=np.uint64)
    words.sort()
    places = (words & np.uint64(_SMALL)).astype(np.int64)
    words >>= np.uint64(32)
    is_new = np.append(True, words[1:] != words[:-1])
    first = places[is_new]
    number = np.empty(len(first), np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    labels = np.empty(len(tokens), np.int64)
    labels[places] = number[np.cumsum(is_new) - 1]
    return labels
