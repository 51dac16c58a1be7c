"""Weights of elements in order of frequency: heads, tails and ranks, for finitely or infinitely many of them.

Ranks count from 1. They are float64, so that whole arrays up to 2^53 and beyond are exact enough; a tail is
never a truncated sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


class Weights(Protocol):
    """What the laws ask of a distribution over elements, p_1 >= p_2 >= ...."""

    @property
    def num_elements(self) -> float:
        """How many elements there are; ``inf`` for infinitely many."""

    def weight(self, rank: npt.ArrayLike) -> Floats:
        """p_rank; 0 beyond the last."""

    def tail(self, rank: npt.ArrayLike) -> Floats:
        """Mass of the elements after ``rank``."""

    def log2_head(self, rank: npt.ArrayLike) -> Floats:
        """Sum of log2 p_k over k <= rank."""

    def heavier(self, weight: npt.ArrayLike) -> Floats:
        """How many elements have more than ``weight``, which is positive."""


@dataclass(frozen=True)
class ZipfMandelbrot:
    """p_k = (k + shift)^-exponent / ζ(exponent, 1 + shift), k = 1, 2, ... without end.

    Parameters
    ----------
    exponent : float
        Above 1; 1/d for the tail of a Pitman-Yor process with discount d.
    shift : float
        Above -1; 0 is Zipf's law.

    Raises
    ------
    ValueError
        If a parameter is outside its domain.

    Examples
    --------
    >>> ZipfMandelbrot(2).weight([1, 2]).round(4).tolist()
    [0.6079, 0.152]
    """

    exponent: float
    shift: float = 0.0
    _total: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        from scipy.special import zeta

        if not (self.exponent > 1 and math.isfinite(self.exponent)):
            raise ValueError(f"exponent: {self.exponent!r} is not above 1: the weights have no finite sum")
        if not (self.shift > -1 and math.isfinite(self.shift)):
            raise ValueError(f"shift: {self.shift!r} is not above -1")
        object.__setattr__(self, "_total", float(zeta(self.exponent, 1 + self.shift)))

    @classmethod
    def of_discount(cls, discount: float) -> ZipfMandelbrot:
        """The pure power k^-(1/d), which Pitman-Yor weights approach in the tail.

        Raises
        ------
        ValueError
            If the discount is not between 0 and 1.
        """
        if not 0 < discount < 1:
            raise ValueError(f"discount: {discount!r} is not between 0 and 1 (a power law needs both open)")
        return cls(1 / discount)

    @property
    def num_elements(self) -> float:
        """Infinite."""
        return math.inf

    def weight(self, rank: npt.ArrayLike) -> Floats:
        """p_rank."""
        return np.asarray((np.asarray(rank, np.float64) + self.shift) ** -self.exponent / self._total)

    def tail(self, rank: npt.ArrayLike) -> Floats:
        """Mass after ``rank``: a Hurwitz zeta, ζ(s, rank + 1 + shift) / ζ(s, 1 + shift)."""
        from scipy.special import zeta

        return np.asarray(zeta(self.exponent, np.asarray(rank, np.float64) + 1 + self.shift) / self._total)

    def log2_head(self, rank: npt.ArrayLike) -> Floats:
        """Sum of log2 p_k over k <= rank, by the logarithm of the gamma function."""
        from scipy.special import gammaln

        ranks = np.asarray(rank, np.float64)
        powers = gammaln(ranks + 1 + self.shift) - gammaln(1 + self.shift)
        return np.asarray(-self.exponent * powers / math.log(2) - ranks * math.log2(self._total))

    def heavier(self, weight: npt.ArrayLike) -> Floats:
        """How many elements have more than ``weight``; their number is rounded where it exceeds 2^53."""
        reach = (np.asarray(weight, np.float64) * self._total) ** (-1 / self.exponent) - self.shift
        return np.asarray(np.maximum(np.ceil(reach) - 1, 0.0))


@dataclass(frozen=True, eq=False)
class FiniteWeights:
    """Given weights, in any order; they are sorted and divided by their sum.

    Parameters
    ----------
    values : array_like, shape (K,)
        Positive weights.

    Attributes
    ----------
    values : numpy.ndarray, shape (K,)
        The weights from the largest to the smallest, of sum 1.

    Raises
    ------
    ValueError
        If there are none, or one is not positive and finite.
    """

    values: Floats
    _tails: Floats = field(init=False, repr=False)
    _log2_heads: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values = np.sort(np.asarray(self.values, np.float64))
        if values.ndim != 1 or not len(values):
            raise ValueError(f"weights: of shape {values.shape}, not one dimension with at least one weight")
        if not (values[0] > 0 and math.isfinite(values[-1])):
            raise ValueError("weights: not all of them are positive and finite")
        values = values / values.sum()
        # Summed from the smallest, a tail keeps its relative precision.
        tails = np.concatenate([[0.0], np.cumsum(values)])[::-1]
        values = values[::-1].copy()
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "_tails", tails)
        object.__setattr__(self, "_log2_heads", np.concatenate([[0.0], np.cumsum(np.log2(values))]))

    @property
    def num_elements(self) -> float:
        """K."""
        return float(len(self.values))

    def weight(self, rank: npt.ArrayLike) -> Floats:
        """p_rank; 0 beyond the last."""
        index = np.asarray(rank, np.float64)
        inside = np.clip(index, 1, len(self.values)).astype(np.intp)
        return np.where(index <= len(self.values), self.values[inside - 1], 0.0)

    def tail(self, rank: npt.ArrayLike) -> Floats:
        """Mass after ``rank``."""
        return np.asarray(self._tails[self._index(rank)])

    def log2_head(self, rank: npt.ArrayLike) -> Floats:
        """Sum of log2 p_k over k <= rank."""
        return np.asarray(self._log2_heads[self._index(rank)])

    def heavier(self, weight: npt.ArrayLike) -> Floats:
        """How many elements have more than ``weight``."""
        return np.asarray(np.searchsorted(-self.values, -np.asarray(weight, np.float64)), np.float64)

    def _index(self, rank: npt.ArrayLike) -> npt.NDArray[np.intp]:
        return np.clip(np.asarray(rank, np.float64), 0, len(self.values)).astype(np.intp)


# Elements that are added one by one before an integral takes over: its error falls as their number's square.
_SUMMED = 1 << 16
_PANELS_PER_E, _NODES = 1, 24
# An element with this expected count is as good as never seen.
_NEGLIGIBLE = 1e-14


def mean_over_draws(
    weights: Weights,
    function: Callable[[Floats], Floats],
    scale: float,
    first: float = 1,
    last: float = math.inf,
) -> float:
    """Σ p_k f(p_k) over ranks ``first`` to ``last``: the part of a mean over draws that these elements have.

    Parameters
    ----------
    weights : Weights
        Of the elements.
    function : callable
        f, smooth, evaluated at arrays of weights.
    scale : float
        f is constant where scale * p is far below 1: the number of draws, say.
    first, last : float
        Ranks, both included.

    Returns
    -------
    float
        The sum, infinite tail included: 65,536 terms, a midpoint integral in the logarithm of the rank with
        its correction by derivatives, and the tail's mass. Relative error about 1e-11.

    Examples
    --------
    >>> zipf = ZipfMandelbrot(2.0)
    >>> round(mean_over_draws(zipf, lambda p: (1 - p) ** 10, 10), 9)
    0.210968912
    """
    last = min(last, weights.num_elements)
    if first > last:
        return 0.0
    summed = min(last, first - 1 + _SUMMED) if math.isinf(weights.num_elements) else last
    ranks = np.arange(first, summed + 1)
    p = weights.weight(ranks)
    total = float((p * function(p)).sum())
    if summed >= last:
        return total

    def term(rank: Floats) -> Floats:
        p = weights.weight(rank)
        return np.asarray(p * function(p))

    low = summed + 0.5
    flat = float(weights.heavier(_NEGLIGIBLE / max(scale, 1.0)))
    high = min(last, max(flat, low)) + 0.5
    if high > low:
        total += _midpoint_sum(term, low, high)
    rest = float(weights.tail(high - 0.5)) - (0.0 if math.isinf(last) else float(weights.tail(last)))
    return total + rest * float(function(np.zeros(1))[0])


def _midpoint_sum(term: Callable[[Floats], Floats], low: float, high: float) -> float:
    """Σ term(k) over whole k between ``low`` and ``high``, which end in one half."""
    panels = max(math.ceil(_PANELS_PER_E * math.log(high / low)), 1)
    nodes, parts = np.polynomial.legendre.leggauss(_NODES)
    edges = np.linspace(math.log(low), math.log(high), panels + 1)
    half = np.diff(edges)[:, None] / 2
    at = np.exp((edges[:-1, None] + half) + half * nodes)
    integral = float((term(at) * at * parts * half).sum())
    ends = np.array([low, high])
    step = 1e-3 * ends
    slopes = (term(ends + step) - term(ends - step)) / (2 * step)
    return integral - float(slopes[1] - slopes[0]) / 24
