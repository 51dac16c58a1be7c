"""Model scaling law: the least distortion that C bits of memory allow, by reverse water-filling.

A model that keeps C bits about the corpus's elements spends them where they save most. What an element's
distortion is when R bits are kept of its content is its distortion-rate function; two are here:

- `LinearRate`, D(R) = max(0, H0 - R): log loss (Courtade and Weissman, arXiv 1110.3069). Elements are bought
  one after the other in order of frequency.
- `ExponentialRate`, D(R) = D0 2^(-bR). All elements above a water level are brought down to it.

Both give D(C) ~ C^-(s-1) for weights k^-s; s = 1/d for a Pitman-Yor process with discount d.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.laws.weights import FiniteWeights, Weights

    Floats = npt.NDArray[np.float64]

# Halvings of an interval of float64 numbers that leave nothing to halve.
_HALVINGS = 1100
# Slopes are followed down to here. Finitely many elements may have bought everything long before.
_LEAST_LOG2_SLOPE = -900.0


class RateLaw(Protocol):
    """Distortion of all elements together, as a function of the bits kept of them."""

    def distortion(self, capacity_bits: Floats, weights: Weights) -> Floats:
        """Mean distortion in bits per draw of an element, with the best use of ``capacity_bits``."""

    def spent(self, slope: Floats, weights: Weights) -> Floats:
        """Capacity bought when a bit is worth it while it saves more than ``slope`` bits a draw."""

    def known(self, capacity_bits: Floats, weights: Weights) -> Floats:
        """How many elements have bits kept of them; the last one may count as a fraction."""

    def allocation(self, capacity_bits: float, weights: FiniteWeights) -> Floats:
        """Bits kept of each element, (K,), from the most frequent on."""


@dataclass(frozen=True)
class LinearRate:
    """D(R) = max(0, H0 - R): every bit kept of an element is a bit saved each time that it is drawn.

    Parameters
    ----------
    content_bits : float
        H0, positive.
    """

    content_bits: float

    def __post_init__(self) -> None:
        _check_positive("content_bits", self.content_bits)

    def distortion(self, capacity_bits: Floats, weights: Weights) -> Floats:
        """H0 times the mass of the elements that are not kept."""
        elements = self.known(capacity_bits, weights)
        whole = np.floor(elements)
        mass = weights.tail(whole) - (elements - whole) * weights.weight(whole + 1)
        return np.asarray(self.content_bits * np.maximum(mass, 0.0))

    def spent(self, slope: Floats, weights: Weights) -> Floats:
        """H0 for each element heavier than the slope."""
        return self.content_bits * weights.heavier(slope)

    def known(self, capacity_bits: Floats, weights: Weights) -> Floats:
        """C / H0, up to the number of elements."""
        return np.minimum(capacity_bits / self.content_bits, weights.num_elements)

    def allocation(self, capacity_bits: float, weights: FiniteWeights) -> Floats:
        """H0 each, as far as they go."""
        before = self.content_bits * np.arange(len(weights.values))
        return np.clip(capacity_bits - before, 0.0, self.content_bits)


@dataclass(frozen=True)
class ExponentialRate:
    """D(R) = D0 2^(-bR): every bit kept of an element divides its distortion by 2^b.

    Parameters
    ----------
    content_bits : float
        D0, distortion of an element of which nothing is kept; positive.
    rate : float
        b, positive.
    """

    content_bits: float
    rate: float = 1.0

    def __post_init__(self) -> None:
        _check_positive("content_bits", self.content_bits)
        _check_positive("rate", self.rate)

    def distortion(self, capacity_bits: Floats, weights: Weights) -> Floats:
        """D0 Σ min(p_k, λ) with the water level λ."""
        elements = self.known(capacity_bits, weights)
        level = self._level(elements, capacity_bits, weights)
        return np.asarray(self.content_bits * (elements * level + weights.tail(elements)))

    def spent(self, slope: Floats, weights: Weights) -> Floats:
        """What lowers every element to the level λ at which the slope is λ D0 b ln 2."""
        level = slope / (self.content_bits * self.rate * math.log(2))
        elements = weights.heavier(level)
        return np.asarray((weights.log2_head(elements) - elements * np.log2(level)) / self.rate)

    def known(self, capacity_bits: Floats, weights: Weights) -> Floats:
        """Largest m for which C pays for lowering the first m elements to the weight of the m-th."""
        low, high = np.ones_like(capacity_bits), np.full_like(capacity_bits, min(2.0, weights.num_elements))
        while (short := (self._price(high, weights) <= capacity_bits) & (high < weights.num_elements)).any():
            high = np.where(short, np.minimum(2 * high, weights.num_elements), high)
        low = np.where(self._price(high, weights) <= capacity_bits, high, low)
        for _ in range(_HALVINGS):
            middle = np.floor((low + high) / 2)
            if not ((low < middle) & (middle < high)).any():
                break
            paid = self._price(middle, weights) <= capacity_bits
            low, high = np.where(paid, middle, low), np.where(paid, high, middle)
        return low

    def allocation(self, capacity_bits: float, weights: FiniteWeights) -> Floats:
        """log2(p_k / λ) / b where it is positive."""
        capacity = np.asarray(capacity_bits, np.float64)
        level = self._level(self.known(capacity, weights), capacity, weights)
        return np.asarray(np.maximum(np.log2(weights.values / level) / self.rate, 0.0))

    def _price(self, elements: Floats, weights: Weights) -> Floats:
        log2_last = np.log2(weights.weight(elements))
        return np.asarray((weights.log2_head(elements) - elements * log2_last) / self.rate)

    def _level(self, elements: Floats, capacity_bits: Floats, weights: Weights) -> Floats:
        return np.asarray(2.0 ** ((weights.log2_head(elements) - self.rate * capacity_bits) / elements))


@dataclass(frozen=True)
class SyntaxMemory:
    """What the syntax costs and saves: each further bit per parameter quarters its distortion.

    With every parameter kept to R/P bits its squared error, and so the Kullback-Leibler divergence in leading
    order, is 2^(-2R/P) of what it was: D(R) = D0 2^(-2R/P).

    Parameters
    ----------
    num_parameters : float
        P = n_syn d_syn, positive.
    distortion_bits : float
        D0, bits per sentence lost by a model that knows no syntax; positive.
    """

    num_parameters: float
    distortion_bits: float

    def __post_init__(self) -> None:
        _check_positive("num_parameters", self.num_parameters)
        _check_positive("distortion_bits", self.distortion_bits)

    def distortion(self, capacity_bits: Floats) -> Floats:
        """Bits per sentence lost when ``capacity_bits`` are kept."""
        return np.asarray(self.distortion_bits * 2.0 ** (-2 * capacity_bits / self.num_parameters))

    def spent(self, slope: Floats) -> Floats:
        """Bits bought when a bit is worth it while it saves more than ``slope`` bits a sentence."""
        first = self.distortion_bits * 2 * math.log(2) / self.num_parameters
        return np.asarray(np.maximum(self.num_parameters / 2 * np.log2(first / slope), 0.0))


@dataclass(frozen=True, eq=False)
class Distortion:
    """Least distortion at each capacity.

    Attributes
    ----------
    capacity_bits : numpy.ndarray
        C.
    knowledge_bits, syntax_bits : numpy.ndarray
        Distortion per sentence: of the element's content, and of the syntax.
    syntax_capacity_bits : numpy.ndarray
        Part of C that the syntax takes.
    elements : numpy.ndarray
        How many elements the rest is spent on.
    """

    capacity_bits: Floats
    knowledge_bits: Floats
    syntax_bits: Floats
    syntax_capacity_bits: Floats
    elements: Floats

    @property
    def total_bits(self) -> Floats:
        """Knowledge and syntax together."""
        return self.knowledge_bits + self.syntax_bits


def distortion(
    capacity_bits: npt.ArrayLike, weights: Weights, rate: RateLaw, syntax: SyntaxMemory | None = None
) -> Distortion:
    """Least distortion with ``capacity_bits`` of memory.

    Parameters
    ----------
    capacity_bits : array_like
        C, not negative, of any shape.
    weights : Weights
        `ZipfMandelbrot` or `FiniteWeights`.
    rate : RateLaw
        `LinearRate` or `ExponentialRate`.
    syntax : SyntaxMemory, optional
        The syntax that shares the memory. Its bits save something in every sentence, so it is bought before
        all but the most frequent elements: exactly as far as its next bit saves more than an element's.

    Returns
    -------
    Distortion
        Arrays of the shape of ``capacity_bits``.

    Raises
    ------
    ValueError
        If a capacity is negative or not finite.

    Examples
    --------
    >>> from skmfast.laws.weights import FiniteWeights
    >>> result = distortion([0, 15], FiniteWeights([0.5, 0.3, 0.2]), LinearRate(10))
    >>> result.knowledge_bits.tolist()
    [10.0, 3.5]
    """
    capacity = np.asarray(capacity_bits, np.float64)
    if not ((capacity >= 0) & np.isfinite(capacity)).all():
        raise ValueError("capacity_bits: not all of them are finite and at least 0")
    if syntax is None:
        for_syntax = np.zeros_like(capacity)
        lost = np.zeros_like(capacity)
    else:
        for_syntax = _syntax_share(capacity, weights, rate, syntax)
        lost = syntax.distortion(for_syntax)
    rest = capacity - for_syntax
    return Distortion(capacity, rate.distortion(rest, weights), lost, for_syntax, rate.known(rest, weights))


def _syntax_share(capacity: Floats, weights: Weights, rate: RateLaw, syntax: SyntaxMemory) -> Floats:
    """Bits for the syntax at the slope at which syntax and knowledge together spend the capacity."""

    def affordable(slope: Floats) -> npt.NDArray[np.bool_]:
        return syntax.spent(slope) + rate.spent(slope, weights) <= capacity

    # Intervals of the slope's logarithm; at the right end nothing, or not too much, is bought.
    low, high = np.zeros_like(capacity), np.zeros_like(capacity)
    step = 1.0
    while (above := ~affordable(2.0**high)).any():
        high = np.where(above, high + step, high)
        step *= 2
    step = 1.0
    while (below := affordable(2.0**low) & (low > _LEAST_LOG2_SLOPE)).any():
        low = np.where(below, low - step, low)
        step = min(2 * step, 64.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not ((low < middle) & (middle < high)).any():
            break
        enough = affordable(2.0**middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.minimum(syntax.spent(2.0**high), capacity)


def local_exponent(x: npt.ArrayLike, y: npt.ArrayLike) -> Floats:
    """Slope of log y against log x between neighbours, (n - 1,).

    Examples
    --------
    >>> local_exponent([1, 10, 100], [1, 0.1, 0.01]).round(6).tolist()
    [-1.0, -1.0]
    """
    return np.diff(np.log(np.asarray(y, np.float64))) / np.diff(np.log(np.asarray(x, np.float64)))


def _check_positive(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name}: {value!r} is not a positive finite number")
