"""Partitions of unknown discount and concentration: the Pitman-Yor partition mixed over a prior.

The prior is uniform in the discount d; given d, v = ln(theta + d) has the logistic distribution of scale 2 around 0
(half of it within theta + d = 1/9 to 9, 1 % beyond 1e-4.6 and 1e4.6). In the coordinates u = logit d and v
prior and likelihood are smooth and fall off on all sides, so the trapezoidal rule on a grid converges exponentially;
the grid is moved, sheared and narrowed to where the posterior is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from skmfast.sources.gamma_ratios import Array
from skmfast.sources.partition import count_of_counts
from skmfast.sources.partition_fit import PartitionLikelihood

LOG_SCALE = 2.0
_NEGLIGIBLE = 40.0  # nats below the peak of the posterior
_WIDEST = 100.0
_FIRST, _COARSE, _FINE = 161, 41, 129


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


def integrated_partition_bits(
    counts: npt.ArrayLike, multiplicities: npt.ArrayLike | None = None
) -> float:
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
    sizes: npt.NDArray[np.int64], number: npt.NDArray[np.int64], points: int = _FINE
) -> Posterior:
    """The posterior after a partition with ``number`` blocks of each of ``sizes``, on points by points."""
    likelihood = PartitionLikelihood(sizes, number)
    frame = _Frame(0.0, 0.0, 0.0, -_WIDEST, _WIDEST, -_WIDEST, _WIDEST)
    for count in (_FIRST, *[_COARSE] * 9):
        frame = frame.narrowed(likelihood, count)
    u, v, log_density = frame.evaluated(likelihood, points)
    cell = frame.cell(points)
    peak = float(log_density.max())
    weights = np.exp(log_density - peak)
    total = math.fsum(weights.ravel())
    discount = np.broadcast_to(special.expit(u), v.shape)
    concentration = np.exp(v) - discount
    return Posterior(
        discount.ravel(),
        concentration.ravel(),
        weights.ravel() / total,
        peak + math.log(total * cell),
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    """A sheared box: u from u0 to u1, v - slope (u - centre) - shift from w0 to w1."""

    centre: float
    shift: float
    slope: float
    u0: float
    u1: float
    w0: float
    w1: float

    def cell(self, points: int) -> float:
        return (self.u1 - self.u0) * (self.w1 - self.w0) / (points - 1) ** 2

    def evaluated(self, likelihood: PartitionLikelihood, points: int) -> tuple[Array, Array, Array]:
        """u of shape (points, 1), v and the log of prior times likelihood of shape (points, points)."""
        u = np.linspace(self.u0, self.u1, points)[:, None]
        v = np.linspace(self.w0, self.w1, points) + self.shift + self.slope * (u - self.centre)
        log_prior = special.log_expit(u) + special.log_expit(-u)
        log_prior = log_prior + special.log_expit(v / LOG_SCALE) + special.log_expit(-v / LOG_SCALE)
        d = np.clip(special.expit(u), 1e-300, 1 - 1e-15)
        return u, v, np.asarray(log_prior - math.log(LOG_SCALE) + likelihood.values(d, v))

    def narrowed(self, likelihood: PartitionLikelihood, points: int) -> _Frame:
        """The frame around what this one shows of the posterior, sheared along its ridge."""
        u, v, log_density = self.evaluated(likelihood, points)
        held = log_density > log_density.max() - _NEGLIGIBLE
        rows = np.flatnonzero(held.any(axis=1))
        step = (self.u1 - self.u0) / (points - 1)
        u0, u1 = float(u[rows[0], 0] - 2 * step), float(u[rows[-1], 0] + 2 * step)
        weight = np.exp(log_density - log_density.max())
        mass = weight.sum(axis=1)
        ridge = (weight * v).sum(axis=1) / np.maximum(mass, 1e-300)
        share = mass / mass.sum()
        centre, shift = float(share @ u[:, 0]), float(share @ ridge)
        spread = float(share @ (u[:, 0] - centre) ** 2)
        slope = float(share @ ((u[:, 0] - centre) * (ridge - shift))) / spread if spread > step**2 / 4 else self.slope
        w = v - shift - slope * (u - centre)
        margin = 2 * (self.w1 - self.w0) / (points - 1) + 2 * abs(slope - self.slope) * step
        return _Frame(
            centre, shift, slope, u0, u1, float(w[held].min() - margin), float(w[held].max() + margin)
        )


# ---- draw by draw -----------------------------------------------------------------------------------------

_AT_ONCE = 4096
# Draws seen, points on a side of the grid, and the share of the largest weight below which points are left out:
# the longer the code length already is, the larger an error may be.
_GRIDS = ((4096, 65, 1e-16), (100_000, 33, 1e-13), (math.inf, 17, 1e-9))


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
        points, negligible = next((points, small) for limit, points, small in _GRIDS if begin < limit)
        state = posterior(*_sizes_of(seen[:begin]), points=points)
        kept = state.weights > negligible * state.weights.max()
        bits[begin:end] = _block_bits(
            seen[begin:end],
            begin,
            int(np.count_nonzero(seen[:begin] == 0)),
            (state.discount[kept], state.concentration[kept], state.weights[kept]),
        )
        begin = end
    return bits


def _sizes_of(seen: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distinct sizes and their numbers: as many elements have size j or more as draws were seen j - 1 times."""
    at_least = np.bincount(seen)
    number = at_least - np.append(at_least[1:], 0)
    places = np.flatnonzero(number)
    return places + 1, number[places]


def _block_bits(
    seen: npt.NDArray[np.integer], draws: int, elements: int, state: tuple[Array, Array, Array]
) -> Array:
    discount, concentration, weights = (each[:, None] for each in state)
    log_weights = np.log(weights)
    bits = np.empty(seen.size)
    for begin in range(0, seen.size, _AT_ONCE):
        part = seen[begin : begin + _AT_ONCE]
        new = part == 0
        before = elements + np.cumsum(new) - new
        log_p = np.log(np.where(new, concentration + discount * before, part - discount))
        log_p -= np.log(np.arange(draws + begin, draws + begin + part.size) + concentration)
        after = np.cumsum(log_p, axis=1)
        after += log_weights
        total = special.logsumexp(after, axis=0)
        bits[begin : begin + _AT_ONCE] = -np.diff(total, prepend=special.logsumexp(log_weights))
        log_weights = after[:, -1:] - total[-1]
        elements += int(new.sum())
    return bits / math.log(2)
