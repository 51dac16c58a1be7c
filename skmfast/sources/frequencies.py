"""Frequencies: how often each element comes. Pitman-Yor, Zipf, uniform."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from skmfast.arguments import integer
from skmfast.sources.streams import WEIGHTS


class Frequencies(Protocol):
    """A distribution over elements, which are numbered from 0."""

    @property
    def num_elements(self) -> int | None:
        """Number of elements; None when there is no end to them."""

    @property
    def entropy_bits(self) -> float:
        """Entropy of an element's identity given the frequencies, in bits; its mean where they are random."""

    def elements(self, n: int, seed: int, threads: int | None = None) -> npt.NDArray[np.uint32]:
        """The elements of sentences 0, ..., n - 1 of a corpus.

        Parameters
        ----------
        n : int
            Number of sentences.
        seed : int
            Seed of the corpus; the draws come from its stream `streams.SEATS`.
        threads : int or None
            See `skmfast.settings.resolve_threads`. The elements do not depend on it.

        Returns
        -------
        ndarray of uint32, shape (n,)

        Raises
        ------
        ValueError
            If there are more than 2^32 elements.
        """

    def weights(self, counts: npt.ArrayLike, seed: int) -> tuple[npt.NDArray[np.float64], float]:
        """True frequencies of elements 0, ..., K - 1 and of all the others together.

        Parameters
        ----------
        counts : array_like of integers, shape (K,)
            How often each of these elements came in the corpus.
        seed : int
            Seed of the corpus.

        Returns
        -------
        weights : ndarray of float64, shape (K,)
        rest : float
        """

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""


class _DrawnInBlocks:
    """Elements of a corpus at once: the blocks of `skmfast.sources.elements`, in one."""

    def elements(self: Any, n: int, seed: int, threads: int | None = None) -> npt.NDArray[np.uint32]:
        """See `Frequencies.elements`."""
        from skmfast.sources.elements import element_stream

        return element_stream(self, seed).next(n, threads)


@dataclass(frozen=True)
class PitmanYor(_DrawnInBlocks):
    """Frequencies drawn from a Pitman-Yor process; elements are numbered in order of appearance.

    Parameters
    ----------
    discount : float
        d, from 0 to below 1.
    concentration : float
        θ, above -d.

    Raises
    ------
    ValueError
        If a parameter is out of its domain.

    Examples
    --------
    >>> round(PitmanYor(0.5, 1.0).entropy_bits, 5)
    3.4427
    """

    discount: float
    concentration: float
    kind: ClassVar[str] = "pitman-yor"

    def __post_init__(self) -> None:
        if not 0 <= self.discount < 1:
            raise ValueError(f"discount={self.discount}: outside 0 to below 1")
        if not -self.discount < self.concentration < math.inf:
            raise ValueError(f"concentration={self.concentration}: not finite and above -discount")

    @property
    def num_elements(self) -> None:
        """None: there is no end to them."""
        return

    @property
    def entropy_bits(self) -> float:
        """(ψ(θ + 1) - ψ(1 - d)) / ln 2: the mean entropy of the frequencies."""
        from scipy.special import psi

        return float((psi(self.concentration + 1) - psi(1 - self.discount)) / math.log(2))

    def weights(self, counts: npt.ArrayLike, seed: int) -> tuple[npt.NDArray[np.float64], float]:
        """See `Frequencies.weights`: drawn after the elements, from their exact posterior given the counts.

        Elements and frequencies have the joint law that they have when the frequencies are drawn first.
        """
        from skmfast.samplers.pitman_yor import weights_given

        return weights_given(counts, self.discount, self.concentration, seed, WEIGHTS)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {"kind": self.kind, "discount": self.discount, "concentration": self.concentration}


@dataclass(frozen=True)
class Zipf(_DrawnInBlocks):
    """Element k has probability proportional to (k + 1)^-exponent.

    Parameters
    ----------
    exponent : float
        At least 0.
    num_elements : int
        Number of elements, at least 1.

    Raises
    ------
    ValueError
        If a parameter is out of its domain.

    Examples
    --------
    >>> round(Zipf(1.0, 2).entropy_bits, 6)  # probabilities 2/3 and 1/3
    0.918296
    """

    exponent: float
    num_elements: int
    kind: ClassVar[str] = "zipf"

    def __post_init__(self) -> None:
        if not 0 <= self.exponent < math.inf:
            raise ValueError(f"exponent={self.exponent}: not finite and at least 0")
        object.__setattr__(self, "num_elements", _whole(self.num_elements, "num_elements"))

    @property
    def entropy_bits(self) -> float:
        """Entropy of the frequencies, exact up to rounding."""
        total, log_total = _zipf_sums(self.exponent, self.num_elements)
        return math.log2(total) + self.exponent * log_total / total / math.log(2)

    @property
    def normaliser(self) -> float:
        """Σ k^-exponent over k = 1, ..., num_elements: a difference of Hurwitz zeta functions."""
        return _zipf_sums(self.exponent, self.num_elements)[0]

    def weights(self, counts: npt.ArrayLike, seed: int) -> tuple[npt.NDArray[np.float64], float]:
        """See `Frequencies.weights`: the probabilities; they depend on nothing but how many are asked for."""
        number = _shown(counts, self.num_elements)
        weights = np.arange(1, number + 1, dtype=np.float64) ** -self.exponent / self.normaliser
        rest = 0.0
        if number < self.num_elements:
            rest = _zipf_sums(self.exponent, self.num_elements, number + 1)[0] / self.normaliser
        return weights, rest

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {"kind": self.kind, "exponent": self.exponent, "num_elements": self.num_elements}


@dataclass(frozen=True)
class Uniform(_DrawnInBlocks):
    """All elements are equally frequent.

    Parameters
    ----------
    num_elements : int
        Number of elements, at least 1.

    Examples
    --------
    >>> Uniform(8).entropy_bits
    3.0
    """

    num_elements: int
    kind: ClassVar[str] = "uniform"

    def __post_init__(self) -> None:
        object.__setattr__(self, "num_elements", _whole(self.num_elements, "num_elements"))

    @property
    def entropy_bits(self) -> float:
        """log2 of the number of elements."""
        return math.log2(self.num_elements)

    def weights(self, counts: npt.ArrayLike, seed: int) -> tuple[npt.NDArray[np.float64], float]:
        """See `Frequencies.weights`: all are equal."""
        number = _shown(counts, self.num_elements)
        return np.full(number, 1 / self.num_elements), (self.num_elements - number) / self.num_elements

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {"kind": self.kind, "num_elements": self.num_elements}


def frequencies_from_dict(description: Mapping[str, Any]) -> Frequencies:
    """The frequencies that ``to_dict`` described.

    Raises
    ------
    ValueError
        If it is no such description.
    """
    for known in (PitmanYor, Zipf, Uniform):
        if description.get("kind") == known.kind:
            return known(**{name: value for name, value in description.items() if name != "kind"})
    raise ValueError(f"frequencies of kind {description.get('kind')!r} are not known")


_DIRECT = 1000  # terms added one by one before the Euler-Maclaurin formula takes over
_BERNOULLI = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600)  # B_2j / (2j)!


def _zipf_sums(exponent: float, num_elements: int, first: int = 1) -> tuple[float, float]:
    """Sums over k = first, ..., num_elements of k^-s and of k^-s ln k."""
    direct = min(num_elements, max(first, _DIRECT))
    powers = [k**-exponent for k in range(first, direct + 1)]
    logs = [power * math.log(k) for k, power in enumerate(powers, first)]
    if num_elements > direct:
        tail, log_tail = _zipf_tail(exponent, direct, num_elements)
        powers.append(tail)
        logs.append(log_tail)
    return math.fsum(powers), math.fsum(logs)


def _zipf_tail(s: float, begin: int, end: int) -> tuple[float, float]:
    """The same over k = begin + 1, ..., end, by the Euler-Maclaurin formula."""
    log_begin, length, slope = math.log(begin), math.log(end / begin), 1 - s
    # Integrals of e^(slope u) and u e^(slope u) from 0 to length; by series where slope is nearly zero.
    product = slope * length
    flat = length * (math.expm1(product) / product if product else 1.0)
    if abs(product) < 0.5:
        tilted = math.fsum(product**k / (math.factorial(k) * (k + 2)) for k in range(16)) * length**2
    else:
        tilted = (length * math.exp(product) - flat) / slope
    scale = math.exp(slope * log_begin)
    sums = [scale * flat, scale * (log_begin * flat + tilted)]
    for x, sign in ((begin, -1), (end, 1)):
        power, log = x**-s, math.log(x)
        # The term at the beginning is not part of the sum.
        sums[0] += sign * power / 2
        sums[1] += sign * power * log / 2
        # Derivatives of x^-s are (-1)^m (s)_m x^(-s-m); those of x^-s ln x follow by -d/ds.
        rising, slope_of_rising = s, 1.0
        for order, coefficient in enumerate(_BERNOULLI):
            m = 2 * order + 1
            sums[0] += sign * coefficient * -rising * power * float(x) ** -m
            sums[1] += sign * coefficient * (slope_of_rising - rising * log) * power * float(x) ** -m
            for factor in (s + m, s + m + 1):
                slope_of_rising = slope_of_rising * factor + rising
                rising *= factor
    return sums[0], sums[1]


def _shown(counts: npt.ArrayLike, num_elements: int) -> int:
    """How many elements ``counts`` are about."""
    array = np.asarray(counts)
    if array.ndim != 1 or len(array) > num_elements:
        raise ValueError(f"counts of shape {array.shape} for {num_elements:,} elements")
    return len(array)


def _whole(number: int, name: str) -> int:
    number = integer(number, name)
    if not 1 <= number <= 1 << 53:
        raise ValueError(f"{name}={number}: outside 1 to 2^53")
    return number
