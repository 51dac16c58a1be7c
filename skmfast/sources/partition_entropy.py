"""Entropy of the partition that a Pitman-Yor process makes of n draws, exact in expectation at any n.

The expected code length is ln (theta+1)_(n-1) less two expectations: of the product of theta + kd over the blocks,
by the law of K_n (`skmfast.sources.element_counts`), and of the product of (1-d)_(size-1) over the blocks,

    sum over m of E[K_{n,m}] ln (1-d)_(m-1).

Terms of that sum with m or n - m below a few thousand are added one by one. Between, the terms are smooth, and
the midpoint formula of Euler and Maclaurin makes an integral of them, by Gauss's rule on panels of
ln(m / (n - m)).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from skmfast.sources.element_counts import element_count_law
from skmfast.sources.gamma_ratios import Array, log_gamma_ratio, sum_log_steps
from skmfast.sources.partition import check_draws, check_pitman_yor, log_expected_elements_seen

# Smaller blocks, and blocks that leave out fewer draws, are summed one by one: the next term that Euler and
# Maclaurin's formula would have is below 7/5760 of this to the power -4.
_ONE_BY_ONE = 4096
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


def partition_entropy_bits(num_draws: npt.ArrayLike, discount: float, concentration: float) -> Array:
    """Entropy, in bits, of the partition of n draws: the expectation of `partition_bits`.

    Parameters
    ----------
    num_draws : array_like of whole numbers, 1 to 1e18
    discount, concentration : float

    Returns
    -------
    ndarray of float64, of the shape of ``num_draws``

    Raises
    ------
    ValueError
        If a parameter is outside its domain.

    Examples
    --------
    >>> partition_entropy_bits([10, 100, 1000], 0.5, 1).round(4).tolist()
    [14.3473, 250.2555, 3040.7608]
    """
    d, theta = check_pitman_yor(discount, concentration)
    n = check_draws(num_draws, 1)
    return np.asarray(np.vectorize(lambda each: _entropy(float(each), d, theta), otypes=[float])(n))


def _entropy(n: float, d: float, theta: float) -> float:
    opened = element_count_law(int(n), d, theta).mean(lambda k: sum_log_steps(theta + d, d, k - 1))
    seated = float(log_gamma_ratio(theta + 1, n - 1))
    joined = mean_over_sizes(lambda m: log_gamma_ratio(1 - d, m - 1), n, d, theta)
    return (seated - opened - joined) / math.log(2)


def mean_over_sizes(function: object, n: float, d: float, theta: float) -> float:
    """E[sum over the blocks of function(size)], for a function that is smooth on the scale of its argument.

    Parameters
    ----------
    function : callable
        Takes and returns an array of float64.
    n, d, theta : float
        Draws, discount and concentration.
    """

    def term(m: Array) -> Array:
        return np.exp(log_expected_elements_seen(np.asarray(n), m, d, theta)) * function(m)  # type: ignore[operator]

    if n <= 4 * _ONE_BY_ONE:
        return float(term(np.arange(1.0, n + 1)).sum())
    ends = np.arange(1.0, _ONE_BY_ONE)
    total = math.fsum(term(ends)) + math.fsum(term(n - ends + 1))
    low, high = float(_ONE_BY_ONE), n - _ONE_BY_ONE + 1
    edge = special.logit(np.array([low - 0.5, high + 0.5]) / n)
    panels = np.linspace(edge[0], edge[1], 2 + int((edge[1] - edge[0]) / 1.2))
    half = np.diff(panels)[:, None] / 2
    share = (panels[:-1] + panels[1:])[:, None] / 2 + half * _NODES
    slope = n * special.expit(share) * special.expit(-share)
    total += math.fsum((half * _WEIGHTS * slope * term(n * special.expit(share))).ravel())
    slopes = np.diff(term(np.array([low - 1, low, high, high + 1])))
    return total - float(slopes[2] - slopes[0]) / 24
