"""Logarithms of ratios of gamma functions and of rising factorials, without cancellation.

Differences of `scipy.special.gammaln` lose every digit where both values are large: at n = 1e18 each is
4e19. These functions cancel the large parts on paper. All logarithms are natural, all functions take
arrays that broadcast.
"""

from __future__ import annotations

import math
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import special

Array: TypeAlias = npt.NDArray[np.float64]
Number = TypeVar("Number", float, Array)

# From here on the series below are exact to double precision.
_LARGE = 16
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


def log_gamma_ratio(start: npt.ArrayLike, shift: npt.ArrayLike) -> Array:
    """ln Gamma(start + shift) - ln Gamma(start) for start > 0 and start + shift > 0.

    By Stirling's series where both arguments are at least 16; the result is then as precise as ``shift``
    times ln(start) can be.

    Examples
    --------
    >>> bool(log_gamma_ratio(1e18, 0.5) == 0.5 * np.log(1e18))
    True
    """
    x, a = np.broadcast_arrays(np.asarray(start, np.float64), np.asarray(shift, np.float64))
    large = np.minimum(x, x + a) >= _LARGE
    safe = np.where(large, x, _LARGE)
    moved = np.where(large, a, 0.0)
    end = safe + moved
    grown = np.where(moved < -0.5 * safe, np.log(end / safe), np.log1p(np.maximum(moved / safe, -0.9)))
    series = (safe - 0.5) * grown + moved * np.log(end) - moved + _stirling(end) - _stirling(safe)
    direct = special.gammaln(np.where(large, 1.0, x + a)) - special.gammaln(np.where(large, 1.0, x))
    return np.asarray(np.where(large, series, direct))


def log_gamma_ratio_shortfall(start: npt.ArrayLike, shift: npt.ArrayLike) -> Array:
    """shift psi(start + shift) - shift - ln [Gamma(start + shift) / Gamma(start)] for start > 0, shift >= 0.

    What the logarithm of a ratio of gamma functions falls short of its tangent at the upper end, less shift:
    of the size of ln(shift), where either is of the size of shift ln(shift).

    Examples
    --------
    >>> bool(abs(log_gamma_ratio_shortfall(1.0, 1.0) + np.euler_gamma) < 1e-15)
    True
    """
    a, n = np.broadcast_arrays(np.asarray(start, np.float64), np.asarray(shift, np.float64))
    end = a + n
    large = end >= _LARGE
    z, moved = np.where(large, end, _LARGE), np.where(large, n, 0.0)
    series = -moved * (0.5 / z + _digamma_tail(z)) - _stirling(z)
    # (1/2 - a) ln z + a + ln Gamma(a) - ln(2 pi) / 2, whose parts would cancel where a is large too.
    high = large & (a >= _LARGE)
    b = np.where(high, a, _LARGE)
    series = series + np.where(
        high,
        (0.5 - b) * np.log1p(np.where(high, n, 0.0) / b) + _stirling(b),
        (0.5 - a) * np.log(z) + a + special.gammaln(a) - _HALF_LOG_TWO_PI,
    )
    few = np.where(large, 0.0, n)
    low = np.where(large, 1.0, a)
    direct = few * special.digamma(low + few) - few - special.gammaln(low + few) + special.gammaln(low)
    return np.asarray(np.where(large, series, direct))


def sum_log_steps(base: float, step: float, count: npt.ArrayLike) -> Array:
    """Sum of ln(base + k step) over k from 0 to count - 1, for base > 0 and step >= 0.

    ``count`` may be real: the sum is then the ratio of gamma functions that interpolates it.

    Examples
    --------
    >>> bool(abs(sum_log_steps(2.0, 0.5, 3) - np.log(2.0 * 2.5 * 3.0)) < 1e-15)
    True
    """
    c = np.asarray(count, np.float64)
    if step < 1e-280 * base:
        return np.asarray(c * np.log(base))
    x = base / step
    if x < _LARGE:
        return np.asarray(log_gamma_ratio(x, c) + c * np.log(step))
    end = base + c * step
    return np.asarray(
        c * np.log(end) + (x - 0.5) * np.log1p(c * step / base) - c + _stirling(x + c) - _stirling(x)
    )


def mean_log_ratio(base: npt.ArrayLike, step: float, count: npt.ArrayLike) -> Array:
    """(1 / step) ln [(base + step)_count / (base)_count], for base > 0 and 0 <= step <= 1.

    It is the sum over i < count of ln(1 + step / (base + i)) / step, and for step = 0 the sum of
    1 / (base + i). All its parts are positive, so every digit is good.

    Examples
    --------
    >>> float(mean_log_ratio(1.0, 0.0, 3)) == 1 + 1 / 2 + 1 / 3
    True
    """
    x, n = np.broadcast_arrays(np.asarray(base, np.float64), np.asarray(count, np.float64))
    step = step if step > 1e-200 else 0.0
    total = np.zeros(np.shape(n))
    if np.any(x < _LARGE):
        for i in range(_LARGE):
            term = np.log1p(step / (x + i)) / step if step > 0 else 1 / (x + i)
            total = total + np.where(n > i, term, 0.0)
        x, n = x + _LARGE, np.maximum(n - _LARGE, 0.0)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        total = total + 0.5 * weight * _digamma_difference(x + 0.5 * step * (1 + node), n)
    return np.asarray(total)


def scalar_log_gamma_ratio(start: float, shift: float) -> float:
    """`log_gamma_ratio` of two numbers, without the time that arrays take."""
    end = start + shift
    if min(start, end) < _LARGE:
        return math.lgamma(end) - math.lgamma(start)
    share = shift / start
    grown = math.log(end / start) if share < -0.5 else math.log1p(share)
    tail = _stirling(end) - _stirling(start)
    return (start - 0.5) * grown + shift * math.log(end) - shift + tail


def _stirling(z: Number) -> Number:
    """ln Gamma(z) - ((z - 1/2) ln z - z + ln(2 pi) / 2) for z >= 16."""
    inverse = 1 / z
    y = inverse * inverse
    return inverse * (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y / 1188))))


def _digamma_difference(a: Array, n: Array) -> Array:
    """psi(a + n) - psi(a) for a >= 16."""
    end = a + n
    return np.asarray(np.log1p(n / a) + n / (2 * a * end) + _digamma_tail(a) - _digamma_tail(end))


def _digamma_tail(a: Array) -> Array:
    y = 1 / (a * a)
    return np.asarray(y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y / 132)))))
