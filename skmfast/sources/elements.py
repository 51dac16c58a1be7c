"""The element of each sentence, drawn block after block, and the true frequencies of what was drawn."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from skmfast.samplers.generator import Generator
from skmfast.samplers.pitman_yor import Restaurant, weights_given
from skmfast.sources.frequencies import Frequencies, PitmanYor, Uniform, Zipf, _zipf_sums
from skmfast.sources.streams import SEATS, WEIGHTS

MAX_ELEMENTS = 1 << 32  # elements are numbered in 32 bits


class ElementStream(Protocol):
    """Elements of sentences 0, 1, 2, ...; any way of cutting them into blocks gives the same."""

    def next(self, count: int, threads: int) -> npt.NDArray[np.uint32]:
        """The elements of the next ``count`` sentences."""

    def frequencies(self, counts: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        """True probabilities of elements 0, ..., K - 1, given how often each was drawn in all."""


def element_stream(frequencies: Frequencies, seed: int) -> ElementStream:
    """The elements that a corpus with this seed is about.

    Pitman-Yor elements are the tables of a `Restaurant`, sentence i being its customer i; their
    frequencies are drawn afterwards from the posterior given the counts, which leaves the joint law of
    both as if frequencies had been drawn first. Zipf and uniform elements are draws of a `Generator`; the
    element of rank k is number k - 1.

    Raises
    ------
    ValueError
        If there are more than 2^32 elements.

    Examples
    --------
    >>> element_stream(PitmanYor(0.5, 1.0), seed=1).next(8, threads=1).tolist()
    [0, 0, 0, 0, 0, 1, 1, 0]
    """
    number = frequencies.num_elements
    if number is not None and number > MAX_ELEMENTS:
        raise ValueError(f"{number:,} elements; the sentences of a corpus are about at most 2^32")
    if isinstance(frequencies, PitmanYor):
        return _PitmanYorElements(frequencies, seed)
    if isinstance(frequencies, Zipf):
        return _ZipfElements(frequencies, seed)
    if isinstance(frequencies, Uniform):
        return _UniformElements(frequencies, seed)
    raise TypeError(f"elements of {type(frequencies).__name__} frequencies cannot be drawn")


class _PitmanYorElements:
    def __init__(self, law: PitmanYor, seed: int) -> None:
        self._law, self._seed = law, seed
        self._restaurant = Restaurant(law.discount, law.concentration, seed, SEATS)

    def next(self, count: int, threads: int) -> npt.NDArray[np.uint32]:
        return self._restaurant.seat(count, threads=threads)

    def frequencies(self, counts: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        weights, _ = weights_given(counts, self._law.discount, self._law.concentration, self._seed, WEIGHTS)
        return weights


class _ZipfElements:
    def __init__(self, law: Zipf, seed: int) -> None:
        self._law = law
        self._normaliser = _zipf_sums(law.exponent, law.num_elements)[0]
        self._generator = Generator(seed, SEATS)

    def next(self, count: int, threads: int) -> npt.NDArray[np.uint32]:
        ranks = np.empty(count, dtype=np.int64)
        self._generator.zipf(self._law.exponent, self._law.num_elements, out=ranks, threads=threads)
        return (ranks - 1).astype(np.uint32)

    def frequencies(self, counts: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        powers = np.arange(1, len(counts) + 1, dtype=np.float64) ** -self._law.exponent
        return np.asarray(powers / self._normaliser)


class _UniformElements:
    def __init__(self, law: Uniform, seed: int) -> None:
        self._law = law
        self._generator = Generator(seed, SEATS)

    def next(self, count: int, threads: int) -> npt.NDArray[np.uint32]:
        elements = np.empty(count, dtype=np.uint32)
        self._generator.integers(0, self._law.num_elements, dtype=np.uint32, out=elements, threads=threads)
        return elements

    def frequencies(self, counts: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        return np.full(len(counts), 1 / self._law.num_elements)
