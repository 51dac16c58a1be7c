"""Discount and concentration from the sizes of the blocks alone: maximum marginal likelihood.

The logarithm of a partition's probability is maximised over d and theta by Newton's method with analytic
first and second derivatives, in the coordinates (logit d, ln(theta + d)), which have no boundary at a
finite place. Intervals are those of the profile likelihood: the values at which the likelihood, maximised
over the other parameter, is at most 1.92 nats below its maximum. That matters for theta, of which any
number of draws tells about as much as one draw of the limit of K_n / n^d: its likelihood keeps its width
and its skew however large n is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from skmfast.sources.gamma_ratios import Array, log_gamma_ratio, scalar_log_gamma_ratio
from skmfast.sources.partition import count_of_counts

_DEVIANCE = 3.8414588206941254 / 2  # half the 95 % point of chi-squared with one degree of freedom
# Sizes below this enter each evaluation, larger ones a polynomial in d made once.
_SMALL = 64
_DEGREE = 14


@dataclass(frozen=True, slots=True)
class PitmanYorFit:
    """Estimates from one partition.

    Attributes
    ----------
    discount, concentration : float
        Where the likelihood is largest; ``discount`` is 0 where it decreases from there.
    standard_errors : tuple of float
        Of both, from the observed information; nan at the boundary.
    covariance : ndarray of float64, shape (2, 2)
    discount_interval, concentration_interval : tuple of float
        95 % intervals by profile likelihood.
    log_likelihood_bits : float
        log2 of the partition's probability at the estimates.
    num_draws, num_elements : int
    """

    discount: float
    concentration: float
    standard_errors: tuple[float, float]
    covariance: Array
    discount_interval: tuple[float, float]
    concentration_interval: tuple[float, float]
    log_likelihood_bits: float
    num_draws: int
    num_elements: int


def fit_pitman_yor(counts: npt.ArrayLike, multiplicities: npt.ArrayLike | None = None) -> PitmanYorFit:
    """Discount and concentration of greatest marginal likelihood.

    Parameters
    ----------
    counts : array_like of integers, shape (elements,)
        How often each element was drawn; or distinct sizes, with ``multiplicities``.
    multiplicities : array_like of integers, optional
        How many elements have each of the sizes.

    Raises
    ------
    ValueError
        If there is one element only, or each was drawn once: the likelihood then has no maximum (it rises
        towards theta = -d, or towards d = 1 and theta = infinity).

    Examples
    --------
    >>> fit = fit_pitman_yor([40, 12, 5, 3, 2, 2, 1, 1, 1, 1])
    >>> round(fit.discount, 3), round(fit.concentration, 3)
    (0.26, 1.387)
    """
    likelihood = PartitionLikelihood(*count_of_counts(counts, multiplicities))
    if likelihood.num_elements == 1:
        raise ValueError("one element only: the likelihood rises towards concentration = -discount")
    if likelihood.num_elements == likelihood.num_draws:
        raise ValueError(
            "every element was drawn once: the likelihood has no maximum, d = 1 or theta infinite"
        )
    d, v = _maximum(likelihood)
    here = likelihood.at(d, v)
    curvature = here.hessian.copy()
    covariance = np.full((2, 2), np.nan)
    if d > 0:
        jacobian = np.array([[1.0, 0.0], [-1.0, math.exp(v)]])
        covariance = jacobian @ np.linalg.inv(-curvature) @ jacobian.T
    errors = np.sqrt(np.diag(covariance))
    return PitmanYorFit(
        discount=d,
        concentration=math.exp(v) - d,
        standard_errors=(float(errors[0]), float(errors[1])),
        covariance=covariance,
        discount_interval=_discount_interval(likelihood, d, v),
        concentration_interval=_concentration_interval(likelihood, d, v),
        log_likelihood_bits=here.value / math.log(2),
        num_draws=likelihood.num_draws,
        num_elements=likelihood.num_elements,
    )


@dataclass(frozen=True, slots=True)
class _Point:
    """Log likelihood in nats with its derivatives in (d, v), v = ln(theta + d)."""

    value: float
    gradient: Array
    hessian: Array


class PartitionLikelihood:
    """Log likelihood of (d, theta) given how many blocks have each size.

    Parameters
    ----------
    sizes, number : ndarray of int64
        As `skmfast.sources.partition.count_of_counts` gives them.
    """

    def __init__(self, sizes: npt.NDArray[np.int64], number: npt.NDArray[np.int64]) -> None:
        self.num_draws = int(sizes @ number)
        self.num_elements = int(number.sum())
        small = sizes < _SMALL
        self._size, self._number = sizes[small].astype(np.float64), number[small].astype(np.float64)
        large, weight = sizes[~small].astype(np.float64), number[~small].astype(np.float64)
        # sum of ln Gamma(m - d) - ln Gamma(m) over large m, by interpolation in d: analytic up to d = 64
        self._num_large = float(weight.sum())
        self._constant = float(weight @ special.gammaln(large))
        chebyshev: Any = np.polynomial.chebyshev.chebinterpolate(
            lambda x: weight @ log_gamma_ratio(large[:, None], -(x + 1) / 2),
            _DEGREE,
        )
        powers = np.zeros(_DEGREE + 1)
        found = np.polynomial.chebyshev.cheb2poly(chebyshev)
        powers[: found.size] = found
        slope = 2 * powers[1:] * np.arange(1, _DEGREE + 1)
        curvature = 2 * slope[1:] * np.arange(1, _DEGREE)
        self._large = [each[::-1].tolist() for each in (powers, slope, curvature)]

    def values(self, d: Array, v: Array) -> Array:
        """Log likelihood, in nats, for d of shape (discounts, 1) and v of shape (discounts, points)."""
        blocks = log_gamma_ratio(1 - d, self._size - 1) @ self._number
        blocks += (
            np.polyval(self._large[0], 2 * d[:, 0] - 1)
            + self._constant
            - self._num_large * special.gammaln(1 - d[:, 0])
        )
        e, c = np.exp(v), self.num_elements - 1.0
        x = e / d
        opened = np.where(d * c < 1e-9 * e, c * v, log_gamma_ratio(np.minimum(x, 1e15), c) + c * np.log(d))
        return np.asarray(
            opened - log_gamma_ratio(np.maximum(e - d + 1, 1e-300), self.num_draws - 1.0) + blocks[:, None]
        )

    def at(self, d: float, v: float) -> _Point:
        """Log likelihood and derivatives at one point."""
        e = math.exp(v)
        theta = e - d
        n, c = float(self.num_draws), self.num_elements - 1.0
        a0, a1, b0, b1, b2 = _step_sums(e, d, c)
        t1 = float(special.digamma(theta + n) - special.digamma(theta + 1))
        t2 = float(special.zeta(2, theta + n) - special.zeta(2, theta + 1))
        size, number = self._size - d, self._number
        large = [_horner(coefficients, 2 * d - 1) for coefficients in self._large]
        blocks = float(number @ special.gammaln(size)) + large[0] + self._constant
        blocks -= (c + 1) * math.lgamma(1 - d)
        w1 = float(number @ special.digamma(size)) - large[1] - (c + 1) * float(special.digamma(1 - d))
        w2 = float(number @ special.zeta(2, size)) + large[2] - (c + 1) * float(special.zeta(2, 1 - d))
        opened = c * v if d * c < 1e-9 * e else scalar_log_gamma_ratio(e / d, c) + c * math.log(d)
        value = opened - scalar_log_gamma_ratio(theta + 1, n - 1) + blocks
        by_e = a0 - t1
        gradient = np.array([a1 + t1 - w1, by_e * e])
        cross = (t2 - b1) * e
        hessian = np.array([[-b2 - t2 + w2, cross], [cross, (-b0 - t2) * e * e + by_e * e]])
        return _Point(value, gradient, hessian)


def _horner(coefficients: list[float], x: float) -> float:
    value = 0.0
    for each in coefficients:
        value = value * x + each
    return value


def _step_sums(e: float, d: float, c: float) -> tuple[float, float, float, float, float]:
    """Over j = 0 ... c-1: sums of 1, j over (e + jd), and of 1, j, j^2 over its square."""
    if d == 0:
        pairs, squares = c * (c - 1) / 2, c * (c - 1) * (2 * c - 1) / 6
        return c / e, pairs / e, c / (e * e), pairs / (e * e), squares / (e * e)
    if c <= 2000 or d * c < 0.05 * e:
        j = np.arange(c)
        inverse = 1 / (e + d * j)
        weighted = j * inverse
        return (
            float(inverse.sum()),
            float(weighted.sum()),
            float(inverse @ inverse),
            float(weighted @ inverse),
            float(weighted @ weighted),
        )
    x = e / d
    a0 = float(special.digamma(x + c) - special.digamma(x)) / d
    a1 = (c - e * a0) / d
    b0 = float(special.zeta(2, x) - special.zeta(2, x + c)) / (d * d)
    b1 = (a0 - e * b0) / d
    return a0, a1, b0, b1, (a1 - e * b1) / d


def _maximum(likelihood: PartitionLikelihood) -> tuple[float, float]:
    """Newton's method, its steps held back where the likelihood would not rise, with d >= 0."""
    d, v = 0.4, math.log(1.4)
    point = likelihood.at(d, v)
    for _ in range(200):
        free = np.array([d > 0 or point.gradient[0] > 0, True])
        step = _ascent(point, free)
        if d + step[0] <= 0 and d > 0:
            step *= 1.0 if d < 1e-3 else 0.8 * d / -step[0]
        scale = 1.0
        while scale > 1e-9:
            new_d = min(max(d + scale * step[0], 0.0), 1 - (1 - d) / 8)
            new_v = v + scale * step[1]
            new = likelihood.at(new_d, new_v)
            if new.value >= point.value - 1e-12 * abs(point.value):
                break
            scale /= 4
        moved = abs(new_d - d) + abs(new_v - v)
        d, v, point = float(new_d), float(new_v), new
        if moved < 1e-7:
            break
    return d, v


def _ascent(point: _Point, free: npt.NDArray[np.bool_]) -> Array:
    """Newton's step of the free coordinates where it rises, else one along the gradient; at most (0.3, 2)."""
    gradient = np.where(free, point.gradient, 0.0)
    hessian = np.where(np.outer(free, free), point.hessian, np.diag(np.where(free, 0.0, -1.0)))
    values, vectors = np.linalg.eigh(hessian)
    step = vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(values), 1e-12))
    return np.asarray(step / max(1.0, abs(step[0]) / 0.3, abs(step[1]) / 2))


# ---- intervals ---------------------------------------------------------------------------------------------


def _discount_interval(likelihood: PartitionLikelihood, d: float, v: float) -> tuple[float, float]:
    """Discounts at which the likelihood, maximised over theta, is at most _DEVIANCE below its maximum."""
    best = likelihood.at(d, v)

    def drop_at(x: float, at: float) -> tuple[float, float, float]:
        share = special.expit(x)
        at, point = _best_v(likelihood, share, at)
        return best.value - point.value, -point.gradient[0] * share * (1 - share), at

    zero, point = _best_v(likelihood, 0.0, v)
    low = 0.0
    if best.value - point.value > _DEVIANCE and d > 0:
        low = float(special.expit(_crossing(drop_at, float(special.logit(d)), v, -1.0)))
    start = float(special.logit(max(d, 1e-4)))
    return low, float(special.expit(_crossing(drop_at, start, v if d > 0 else zero, 1.0)))


def _concentration_interval(likelihood: PartitionLikelihood, d: float, v: float) -> tuple[float, float]:
    """The same of the concentration; its coordinate is ln(theta + 1)."""
    best = likelihood.at(d, v)

    def drop_at(x: float, at: float) -> tuple[float, float, float]:
        theta = math.expm1(x)
        at, point = _best_d(likelihood, theta, at)
        by_theta = point.gradient[1] / (theta + at)
        return best.value - point.value, -by_theta * (theta + 1), at

    start = math.log1p(math.exp(v) - d)
    ends = [math.expm1(_crossing(drop_at, start, d, sign)) for sign in (-1.0, 1.0)]
    return ends[0], ends[1]


def _crossing(
    drop_at: Callable[[float, float], tuple[float, float, float]], start: float, nuisance: float, sign: float
) -> float:
    """Where the profile likelihood has dropped by _DEVIANCE, on one side of its maximum.

    Newton's method on the square root of the drop, which is nearly straight, kept between the farthest point
    known to be inside and the nearest known to be outside.
    """
    target = math.sqrt(_DEVIANCE)
    inside, outside = start, math.inf * sign
    x = start + 0.1 * sign
    for _ in range(60):
        drop, slope, nuisance = drop_at(x, nuisance)
        root = math.sqrt(max(drop, 0.0))
        if abs(root - target) < 1e-5:
            break
        if root < target:
            inside = x
        else:
            outside = x
        rate = slope / (2 * root) if root > 1e-7 else 0.0
        step = (target - root) / rate if rate * sign > 0 else sign
        step = max(-1.5, min(1.5, step))
        ahead = x + step
        low, high = min(inside, outside), max(inside, outside)
        x = ahead if low < ahead < high else (low + high) / 2
        if high - low < 1e-12 * (1 + abs(x)):
            break
    return x


def _best_v(likelihood: PartitionLikelihood, d: float, v: float) -> tuple[float, _Point]:
    """Maximum over v at a given d, by Newton's method between bounds that the slope's sign tells."""
    low, high = -math.inf, math.inf
    for _ in range(60):
        point = likelihood.at(d, v)
        slope, bend = float(point.gradient[1]), float(point.hessian[1, 1])
        low, high = (v, high) if slope > 0 else (low, v)
        step = -slope / bend if bend < 0 else math.copysign(1.0, slope)
        step = max(-2.0, min(2.0, step))
        if slope * step < 1e-6 and bend < 0:
            break
        v = v + step if low < v + step < high else (low + high) / 2
    return v, point


def _best_d(likelihood: PartitionLikelihood, theta: float, d: float) -> tuple[float, _Point]:
    """Maximum over d at a given theta, likewise; d = 0 where the likelihood falls from there."""

    def slopes(d: float) -> tuple[_Point, float, float]:
        e = theta + d
        point = likelihood.at(d, math.log(e))
        by_d, by_v = point.gradient
        h = point.hessian
        return point, by_d + by_v / e, h[0, 0] + 2 * h[0, 1] / e + (h[1, 1] - by_v) / (e * e)

    low, high = max(0.0, -theta), 1.0
    d = d if low < d < high else (low + high) / 2
    for _ in range(60):
        point, slope, bend = slopes(d)
        low, high = (d, high) if slope > 0 else (low, d)
        step = -slope / bend if bend < 0 else math.copysign(0.1, slope)
        if bend < 0 and slope * step < 1e-6:
            break
        if d + step <= 0 and theta > 0:
            point, slope, bend = slopes(0.0)
            if slope <= 0:
                return 0.0, point
        d = d + step if low < d + step < high else (low + high) / 2
    return d, point
