"""Entropy of the partition that a Pitman-Yor process makes of n draws, exact in expectation at any n.

The expected code length is ln (theta+1)_(n-1) less two expectations: of the product of theta + kd over the
blocks, by the law of K_n (`skmfast.sources.element_counts`), and of the product of (1-d)_(size-1) over the
blocks, the sum over m of E[K_{n,m}] ln (1-d)_(m-1) (`skmfast.sources.smooth_sums`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from skmfast.sources.element_counts import element_count_law
from skmfast.sources.gamma_ratios import Array, log_gamma_ratio, sum_log_steps
from skmfast.sources.partition import check_draws, check_pitman_yor, log_expected_elements_seen
from skmfast.sources.smooth_sums import sum_over_splits


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
        return np.asarray(np.exp(log_expected_elements_seen(m, rest, d, theta)) * function(m))

    return sum_over_splits(term, n, first=1)
