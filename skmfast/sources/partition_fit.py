"""Discount and concentration from the sizes of the blocks alone: maximum marginal likelihood.

The logarithm of a partition's probability is maximised over d and theta by Newton's method with analytic first
and second derivatives, in the coordinates (logit d, ln(theta + d)), which have no boundary at a finite place.
Intervals are those of the profile likelihood (Venzon and Moolgavkar, "A method for computing profile-likelihood-
based confidence intervals", 1988): the values at which the likelihood, maximised over the other
parameter, is not yet rejected. That matters for theta, of which any number of draws tells about as much as one
draw of the limit of K_n / n^d: its likelihood keeps its width and its skew however large n is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from skmfast.sources.gamma_ratios import Array, log_gamma_ratio, scalar_log_gamma_ratio
from skmfast.sources.partition import count_of_counts

_DEVIANCE = 3.8414588206941254 / 2  # half the 95 % point of chi-squared with one degree of freedom
_STAGES = (0.5, _DEVIANCE)
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
        If there is one element only, or each was drawn once: the likelihood then has no maximum (it rises towards
        theta = -d, or towards d = 1 and theta = infinity).

    Examples
    --------
    >>> fit = fit_pitman_yor([40, 12, 5, 3, 2, 2, 1, 1, 1, 1])
    >>> round(fit.discount, 3), round(fit.concentration, 3)
    (0.235, 1.806)
    """
    likelihood = PartitionLikelihood(*count_of_counts(counts, multiplicities))
    if likelihood.num_elements == 1:
        raise ValueError("one element only: the likelihood rises towards concentration = -discount")
    if likelihood.num_elements == likelihood.num_draws:
        raise ValueError("every element was drawn once: the likelihood has no maximum, d = 1 or theta infinite")
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
        discount_interval=_interval(likelihood, d, v, _discount),
        concentration_interval=_interval(likelihood, d, v, _concentration),
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
        chebyshev = np.polynomial.chebyshev.chebinterpolate(
            lambda x: weight @ log_gamma_ratio(large[:, None], -(x + 1) / 2), _DEGREE
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
        blocks += np.polyval(self._large[0], 2 * d[:, 0] - 1) + self._constant - self._num_large * special.gammaln(1 - d[:, 0])
        e, c = np.exp(v), self.num_elements - 1.0
        x = e / d
        opened = np.where(
            d * c < 1e-9 * e, c * v, log_gamma_ratio(np.minimum(x, 1e15), c) + c * np.log(d)
        )
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


# ---- intervals: the farthest points of the region where the likelihood is high enough ----------------------

_Quantity = Callable[[float, float], tuple[float, Array, Array]]


def _discount(d: float, v: float) -> tuple[float, Array, Array]:
    """The discount, its gradient and its second derivatives in (d, v)."""
    return d, np.array([1.0, 0.0]), np.zeros((2, 2))


def _concentration(d: float, v: float) -> tuple[float, Array, Array]:
    """The concentration, likewise."""
    e = math.exp(v)
    return e - d, np.array([-1.0, e]), np.array([[0.0, 0.0], [0.0, e]])


def _interval(
    likelihood: PartitionLikelihood, d: float, v: float, quantity: _Quantity
) -> tuple[float, float]:
    best = likelihood.at(d, v)
    ends = [_farthest(likelihood, best, (d, v), quantity, sign) for sign in (-1.0, 1.0)]
    return ends[0], ends[1]


def _farthest(
    likelihood: PartitionLikelihood,
    best: _Point,
    start: tuple[float, float],
    quantity: _Quantity,
    sign: float,
) -> float:
    """Largest (sign 1) or smallest value of the quantity where the likelihood is at most _DEVIANCE below best.

    There the gradients of likelihood and quantity are parallel; both equations by Newton's method, for a
    level that falls in stages, each starting from the last. Where the way leads to d < 0, along d = 0.
    """
    d, v = start
    if d == 0:
        return _farthest_at_zero(likelihood, best.value, v, quantity, sign)
    _, slope, _ = quantity(d, v)
    direction = sign * np.linalg.solve(-best.hessian, slope)
    direction /= math.sqrt(float(direction @ -best.hessian @ direction) / 2)
    d, v = d + math.sqrt(_STAGES[0]) * direction[0], v + math.sqrt(_STAGES[0]) * direction[1]
    for stage, level in enumerate(_STAGES):
        for _ in range(12):
            if not 0 < d < 1:
                break
            point = likelihood.at(d, v)
            _, slope, bend = quantity(d, v)
            g, h = point.gradient, point.hessian
            residual = np.array([point.value - best.value + level, g[0] * slope[1] - g[1] * slope[0]])
            jacobian = np.array(
                [g, h[0] * slope[1] - h[1] * slope[0] + g[0] * bend[1] - g[1] * bend[0]]
            )
            step = -np.linalg.solve(jacobian, residual)
            step /= max(1.0, abs(step[0]) / (0.5 * min(d, 1 - d) + 1e-3), abs(step[1]))
            d, v = d + float(step[0]), v + float(step[1])
            if abs(residual[0]) < (0.1 if stage + 1 < len(_STAGES) else 1e-5) and abs(step[1]) < 0.05:
                break
        if not 0 < d < 1:
            return _farthest_at_zero(likelihood, best.value, v, quantity, sign)
    return quantity(d, v)[0]


def _farthest_at_zero(
    likelihood: PartitionLikelihood, best: float, v: float, quantity: _Quantity, sign: float
) -> float:
    """The same along d = 0, by bisection for the level in v; the discount itself ends there."""
    if quantity is _discount and sign < 0:
        return 0.0
    for _ in range(50):
        point = likelihood.at(0.0, v)
        step = point.gradient[1] / max(abs(point.hessian[1, 1]), 1e-9)
        v += max(-2.0, min(2.0, step))
        if abs(step) < 1e-10:
            break
    near, far = v, v + sign * 0.1
    while likelihood.at(0.0, far).value > best - _DEVIANCE and abs(far - v) < 600:
        near, far = far, far + 2 * (far - v)
    for _ in range(60):
        middle = (near + far) / 2
        inside = likelihood.at(0.0, middle).value > best - _DEVIANCE
        near, far = (middle, far) if inside else (near, middle)
    return quantity(0.0, near)[0]
