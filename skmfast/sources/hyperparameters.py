"""Partitions of unknown discount and concentration: the Pitman-Yor partition mixed over a prior.

The prior is uniform in the discount d; given d, v = ln(theta + d) has the logistic distribution of scale 2
around 0 (half of it within theta + d = 1/9 to 9, 1 % beyond 1e-4.6 and 1e4.6). Integrals over d are by
Gauss's rule where the posterior is, those over v by the trapezoidal rule on a grid sheared along the
posterior's ridge: both converge exponentially, the likelihood being smooth up to d = 0 and falling off
exponentially in v.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import special

from skmfast.sources import _partition
from skmfast.sources.partition import count_of_counts
from skmfast.sources.partition_fit import PartitionLikelihood

if TYPE_CHECKING:
    from skmfast.sources.gamma_ratios import Array

LOG_SCALE = 2.0
_WIDEST = 100.0
_FIRST, _COARSE = 161, 41
_MAX_COLUMNS = 4097


@dataclass(frozen=True, slots=True)
class Posterior:
    """What a partition tells of discount and concentration: points with weights.

    Attributes
    ----------
    discount, concentration : ndarray of float64, shape (points,)
    weights : ndarray of float64, shape (points,)
        Posterior probabilities; they sum to 1.
    log_marginal : float
        ln of the partition's probability, mixed over the prior.
    """

    discount: Array
    concentration: Array
    weights: Array
    log_marginal: float


def integrated_partition_bits(counts: npt.ArrayLike, multiplicities: npt.ArrayLike | None = None) -> float:
    """Code length, in bits, of a partition when discount and concentration are integrated out.

    Parameters
    ----------
    counts, multiplicities
        As in `skmfast.sources.partition.partition_bits`.

    Examples
    --------
    The three partitions of two draws and of three have probabilities that sum to one.

    >>> two = [2 ** -integrated_partition_bits(counts) for counts in ([2], [1, 1])]
    >>> round(sum(two), 9)
    1.0
    """
    return -posterior(*count_of_counts(counts, multiplicities)).log_marginal / math.log(2)


def posterior(
    sizes: npt.NDArray[np.int64], number: npt.NDArray[np.int64], points: int = 48, reach: float = 34.0
) -> Posterior:
    """The posterior after a partition with ``number`` blocks of each of ``sizes``.

    Parameters
    ----------
    sizes, number : ndarray of int64
        As `skmfast.sources.partition.count_of_counts` gives them.
    points : int
        Values of the discount.
    reach : float
        What is further than this below the peak, in nats, is left out.
    """
    likelihood = PartitionLikelihood(sizes, number)
    frame = _Frame(0.0, 0.0, 0.0, 0.0, 1.0, -_WIDEST, _WIDEST)
    for count in (_FIRST, *[_COARSE] * 9):
        frame = frame.narrowed(likelihood, count, reach)
    nodes, gauss = (each.astype(np.float64) for each in np.polynomial.legendre.leggauss(points))
    d = np.asarray((frame.d0 + frame.d1) / 2 + (frame.d1 - frame.d0) / 2 * nodes, np.float64)[:, None]
    columns = points + 1
    while True:
        v, log_density = frame.evaluated(likelihood, d, columns)
        peak = float(log_density.max())
        weights = np.exp(log_density - peak) * gauss[:, None]
        if columns >= _MAX_COLUMNS or frame.resolved(v, weights):
            break
        columns = 2 * columns - 1
    total = math.fsum(weights.ravel())
    cell = (frame.d1 - frame.d0) / 2 * (frame.w1 - frame.w0) / (columns - 1)
    discount = np.broadcast_to(d, v.shape).ravel()
    return Posterior(
        discount, np.exp(v.ravel()) - discount, weights.ravel() / total, peak + math.log(total * cell)
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    """A sheared box: d from d0 to d1, v - slope (d - centre) - shift from w0 to w1."""

    centre: float
    shift: float
    slope: float
    d0: float
    d1: float
    w0: float
    w1: float

    def evaluated(self, likelihood: PartitionLikelihood, d: Array, columns: int) -> tuple[Array, Array]:
        """v and the log of prior times likelihood, of shape (rows, columns), for d of shape (rows, 1)."""
        v = np.linspace(self.w0, self.w1, columns) + self.shift + self.slope * (d - self.centre)
        log_prior = special.log_expit(v / LOG_SCALE) + special.log_expit(-v / LOG_SCALE) - math.log(LOG_SCALE)
        return v, np.asarray(log_prior + likelihood.values(d, v))

    def resolved(self, v: Array, weights: Array) -> bool:
        """Whether columns are close enough: 0.75 standard deviations of each row that matters, 0.6."""
        step = (self.w1 - self.w0) / (v.shape[1] - 1)
        mass = weights.sum(axis=1)
        rows = mass > 1e-9 * mass.max()
        mean = (weights * v).sum(axis=1)[rows] / mass[rows]
        variance = (weights[rows] * (v[rows] - mean[:, None]) ** 2).sum(axis=1) / mass[rows]
        return bool(step <= 0.6 and step <= 0.75 * math.sqrt(float(variance.min())))

    def narrowed(self, likelihood: PartitionLikelihood, points: int, reach: float) -> _Frame:
        """The frame around what this one shows of the posterior, sheared along its ridge."""
        step = (self.d1 - self.d0) / points
        d = (self.d0 + step * (np.arange(points, dtype=np.float64) + 0.5))[:, None]
        v, log_density = self.evaluated(likelihood, d, points)
        held = log_density > log_density.max() - reach
        rows = np.flatnonzero(held.any(axis=1))
        d0, d1 = float(d[rows[0], 0] - 2 * step), float(d[rows[-1], 0] + 2 * step)
        weight = np.exp(log_density - log_density.max())
        mass = weight.sum(axis=1)
        ridge = (weight * v).sum(axis=1) / np.maximum(mass, 1e-300)
        share = mass / mass.sum()
        centre, shift = float(share @ d[:, 0]), float(share @ ridge)
        spread = float(share @ (d[:, 0] - centre) ** 2)
        slope = self.slope
        if spread > step**2 / 4:
            slope = float(share @ ((d[:, 0] - centre) * (ridge - shift))) / spread
        w = (v - shift - slope * (d - centre))[held]
        margin = 2 * (self.w1 - self.w0) / (points - 1) + 2 * abs(slope - self.slope) * step
        return _Frame(
            centre, shift, slope, max(d0, 0.0), min(d1, 1.0), float(w.min() - margin), float(w.max() + margin)
        )


def next_draw_bits(counts: npt.ArrayLike, seen: npt.NDArray[np.integer]) -> Array:
    """Code length, in bits, of one more draw, when discount and concentration are integrated out.

    Parameters
    ----------
    counts : array_like of integers, shape (elements,)
        How often each element was drawn before, as in `integrated_partition_bits`.
    seen : ndarray of integers, any shape
        How often the element of the next draw was drawn before; 0 for any new one.

    Returns
    -------
    ndarray of float64, of the shape of ``seen``
        `integrated_partition_bits` with the draw less that without it.

    Examples
    --------
    >>> more = integrated_partition_bits([3, 1]) - integrated_partition_bits([2, 1])
    >>> bool(abs(next_draw_bits([2, 1], np.array([2])) - more) < 1e-9)
    True
    """
    sizes, number = count_of_counts(counts)
    state = posterior(sizes, number)
    times, place = np.unique(np.asarray(seen), return_inverse=True)
    weight = state.weights / (float(sizes @ number) + state.concentration)
    chance = times * weight.sum() - weight @ state.discount
    new = weight @ (state.concentration + state.discount * float(number.sum()))
    return np.asarray(-np.log2(np.where(times > 0, chance, new))[place.reshape(np.shape(seen))])


# ---- draw by draw -----------------------------------------------------------------------------------------

# Draws seen, values of the discount, and reach of the posterior in nats: the longer the code length already
# is, the larger an error may be.
_GRIDS = ((1000, 48, 34.0), (30_000, 32, 28.0), (1_000_000, 24, 22.0), (math.inf, 16, 16.0))


def prequential_integrated_bits(seen_before: npt.NDArray[np.integer]) -> Array:
    """Code length, in bits, of each draw given those before it, with the hyperparameters integrated out.

    Parameters
    ----------
    seen_before : ndarray of integers, shape (draws,)
        How often the element of each draw was drawn before.

    Returns
    -------
    ndarray of float64, shape (draws,)
        They sum to `integrated_partition_bits`, up to the error of the grids: below 1e-9 of it.

    Notes
    -----
    The posterior before a block of draws, on a grid, is carried through the block by Bayes's rule; blocks
    double in length, and each begins with a new grid.
    """
    seen = np.asarray(seen_before)
    bits = np.zeros(seen.size)
    begin = 1
    while begin < seen.size:
        end = min(seen.size, 2 * begin)
        points, reach = next((points, reach) for limit, points, reach in _GRIDS if begin < limit)
        state = posterior(*_sizes_of(seen[:begin]), points, reach)
        kept = state.weights > math.exp(-reach) * state.weights.max()
        probability, _ = _partition.mixture_probabilities(
            seen[begin:end],
            state.discount[kept],
            state.concentration[kept],
            state.weights[kept] / state.weights[kept].sum(),
            begin,
            int(np.count_nonzero(seen[:begin] == 0)),
        )
        bits[begin:end] = -np.log2(probability)
        begin = end
    return bits


def _sizes_of(seen: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distinct sizes and their numbers: size j or more have as many as draws were seen j - 1 times."""
    at_least = np.bincount(seen)
    number = at_least - np.append(at_least[1:], 0)
    places = np.flatnonzero(number)
    return places + 1, number[places]
