"""The element of each sentence, drawn block after block."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from skmfast.samplers.generator import Generator
from skmfast.samplers.pitman_yor import Restaurant
from skmfast.sources.frequencies import Frequencies, PitmanYor, Uniform, Zipf
from skmfast.sources.streams import SEATS

MAX_ELEMENTS = 1 << 32  # elements are numbered in 32 bits


class ElementStream(Protocol):
    """Elements of sentences 0, 1, 2, ...; any way of cutting them into blocks gives the same."""

    def next(self, count: int, threads: int | None) -> npt.NDArray[np.uint32]:
        """The elements of the next ``count`` sentences."""


def element_stream(frequencies: Frequencies, seed: int) -> ElementStream:
    """The elements that a corpus with this seed is about: ``frequencies.elements``, part by part.

    Raises
    ------
    ValueError
        If there are more than 2^32 elements.

    Examples
    --------
    >>> law = PitmanYor(0.5, 1.0)
    >>> stream = element_stream(law, seed=1)
    >>> parts = stream.next(3, threads=1).tolist() + stream.next(5, threads=1).tolist()
    >>> parts == law.elements(8, seed=1).tolist()
    True
    """
    number = frequencies.num_elements
    if number is not None and number > MAX_ELEMENTS:
        raise ValueError(f"{number:,} elements; a corpus numbers them with 32 bits, at most 2^32")
    if isinstance(frequencies, PitmanYor):
        return _PitmanYorElements(frequencies, seed)
    if isinstance(frequencies, Zipf):
        return _ZipfElements(frequencies, seed)
    if isinstance(frequencies, Uniform):
        return _UniformElements(frequencies, seed)
    raise TypeError(f"elements of {type(frequencies).__name__} frequencies cannot be drawn")


class _PitmanYorElements:
    """The tables of a restaurant: sentence i is about the table of customer i."""

    def __init__(self, law: PitmanYor, seed: int) -> None:
        self._restaurant = Restaurant(law.discount, law.concentration, seed, SEATS)

    def next(self, count: int, threads: int | None) -> npt.NDArray[np.uint32]:
        return self._restaurant.seat(count, threads=threads)


class _ZipfElements:
    """The element of rank k is number k - 1."""

    def __init__(self, law: Zipf, seed: int) -> None:
        self._law = law
        self._generator = Generator(seed, SEATS)

    def next(self, count: int, threads: int | None) -> npt.NDArray[np.uint32]:
        ranks = np.empty(count, dtype=np.int64)
        self._generator.zipf(self._law.exponent, self._law.num_elements, out=ranks, threads=threads)
        return (ranks - 1).astype(np.uint32)


class _UniformElements:
    def __init__(self, law: Uniform, seed: int) -> None:
        self._law = law
        self._generator = Generator(seed, SEATS)

    def next(self, count: int, threads: int | None) -> npt.NDArray[np.uint32]:
        elements = np.empty(count, dtype=np.uint32)
        self._generator.integers(0, self._law.num_elements, dtype=np.uint32, out=elements, threads=threads)
        return elements
