"""The element of each sentence, drawn block after block, and the true frequencies of what was drawn."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from skmfast.sources.frequencies import Frequencies, PitmanYor, Uniform, Zipf
from skmfast.sources.philox import random_blocks, stream_key
from skmfast.sources.streams import SEATS, WEIGHTS


class ElementStream(Protocol):
    """Elements of sentences 0, 1, 2, ...; any way of cutting them into blocks gives the same."""

    def next(self, count: int, threads: int) -> npt.NDArray[np.uint32]:
        """The elements of the next ``count`` sentences."""

    def frequencies(self, counts: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        """True probabilities of elements 0, ..., K - 1, given how often each was drawn in all."""


def element_stream(frequencies: Frequencies, seed: int) -> ElementStream:
    """The stream of some frequencies.

    Raises
    ------
    ValueError
        If elements would not have numbers below 2^32.
    """
    if frequencies.num_elements is not None and frequencies.num_elements > 1 << 32:
        raise ValueError(f"{frequencies.num_elements:,} elements; a corpus numbers at most 2^32")
    if isinstance(frequencies, PitmanYor):
        return _PitmanYorElements(frequencies, seed)
    if isinstance(frequencies, Zipf):
        return _ZipfElements(frequencies, seed)
    if isinstance(frequencies, Uniform):
        return _UniformElements(frequencies, seed)
    raise TypeError(f"elements of {type(frequencies).__name__} cannot be drawn")


class _PitmanYorElements:
    """The restaurant's customers: sentence i is about the table that customer i sits at."""

    def __init__(self, frequencies: PitmanYor, seed: int) -> None:
        self._law, self._seed = frequencies, seed
        self._counts: list[int] = []
        self._n = 0
        self._rng = np.random.Generator(np.random.Philox(key=stream_key(seed, SEATS)))

    def next(self, count: int, threads: int) -> npt.NDArray[np.uint32]:
        out = np.empty(count, dtype=np.uint32)
        d, theta = self._law.discount, self._law.concentration
        seats: list[int] = getattr(self, "_seats", [])
        self._seats = seats
        for i in range(count):
            u = self._rng.random() * (self._n + theta)
            if u < theta + d * len(self._counts) or not seats:
                table = len(self._counts)
                self._counts.append(0)
            else:
                while True:
                    table = seats[int(self._rng.random() * len(seats))]
                    if self._rng.random() * self._counts[table] < self._counts[table] - d:
                        break
            self._counts[table] += 1
            seats.append(table)
            self._n += 1
            out[i] = table
        return out

    def frequencies(self, counts: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        rng = np.random.Generator(np.random.Philox(key=stream_key(self._seed, WEIGHTS)))
        d = self._law.discount
        gammas = rng.gamma(np.append(counts - d, self._law.concentration + d * len(counts)))
        return np.asarray(gammas[:-1] / gammas.sum())


class _UniformElements:
    def __init__(self, frequencies: Uniform, seed: int) -> None:
        self._size = frequencies.num_elements
        self._key = stream_key(seed, SEATS)
        self._done = 0

    def next(self, count: int, threads: int) -> npt.NDArray[np.uint32]:
        words = random_blocks(self._key, np.arange(self._done, self._done + count, dtype=np.uint64))[:, 0]
        self._done += count
        places = (words >> np.uint64(32)) * np.uint64(self._size) >> np.uint64(32)
        return np.asarray(places, dtype=np.uint32)

    def frequencies(self, counts: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        return np.full(len(counts), 1 / self._size)


class _ZipfElements:
    def __init__(self, frequencies: Zipf, seed: int) -> None:
        weights = np.arange(1, frequencies.num_elements + 1, dtype=np.float64) ** -frequencies.exponent
        self._weights = weights / weights.sum()
        self._cumulated = np.cumsum(self._weights)
        self._key = stream_key(seed, SEATS)
        self._done = 0

    def next(self, count: int, threads: int) -> npt.NDArray[np.uint32]:
        words = random_blocks(self._key, np.arange(self._done, self._done + count, dtype=np.uint64))[:, 0]
        self._done += count
        drawn = np.searchsorted(self._cumulated, (words >> np.uint64(11)) * 2.0**-53, side="right")
        return np.asarray(np.minimum(drawn, len(self._weights) - 1), dtype=np.uint32)

    def frequencies(self, counts: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        return np.asarray(self._weights[: len(counts)])
