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
from collections.abc import Callable

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


def mean_over_sizes(function: Callable[[Array], Array], n: float, d: float, theta: float) -> float:
    """E[sum over the blocks of function(size)], for a function that is smooth on the scale of its argument.

    Parameters
    ----------
    function : callable
        Takes and returns an array of float64.
    n, d, theta : float
        Draws, discount and concentration.
    """

    def term(m: Array, rest: Array) -> Array:
        return np.exp(log_expected_elements_seen(m, rest, d, theta)) * function(m)

    if n <= 4 * _ONE_BY_ONE:
        sizes = np.arange(1.0, n + 1)
        return float(term(sizes, n - sizes).sum())
    ends = np.arange(0.0, _ONE_BY_ONE)
    total = math.fsum(term(ends[1:], n - ends[1:])) + math.fsum(term(n - ends, ends))
    edge = math.log((n - _ONE_BY_ONE + 0.5) / (_ONE_BY_ONE - 0.5))
    # ln(m / rest) at the first and last block of the middle, which lie alike
    panels = np.linspace(-edge, edge, 2 + int(2 * edge / 1.2))
    half = np.diff(panels)[:, None] / 2
    at = (panels[:-1] + panels[1:])[:, None] / 2 + half * _NODES
    m, rest = n * special.expit(at), n * special.expit(-at)
    total += math.fsum((half * _WEIGHTS * (m * special.expit(-at)) * term(m, rest)).ravel())
    few = np.array([_ONE_BY_ONE - 1.0, _ONE_BY_ONE])
    rise, fall = np.diff(term(few, n - few)), np.diff(term(n - few, few))
    return total + float(rise[0] + fall[0]) / 24
