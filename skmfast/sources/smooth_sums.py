"""Sums over all ways to split n things in two, of terms that are smooth but for the two ends.

Terms near either end are added one by one. Between, the midpoint formula of Euler and Maclaurin makes an
integral of them, by Gauss's rule on panels of ln(part / rest).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import special

from skmfast.sources.gamma_ratios import Array, log_gamma_ratio

# Nearer to an end than this, terms are added one by one; what Euler and Maclaurin's formula leaves out is
# below 7/5760 of this to the power -4.
_ONE_BY_ONE = 4096
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


def sum_over_splits(term: Callable[[Array, Array], Array], n: float, first: int = 0) -> float:
    """Sum of term(m, n - m) over whole m from ``first`` (0 or 1) to n.

    Parameters
    ----------
    term : callable
        Takes m and n - m, which may be real, as arrays. They are given apart because n - m may be lost
        beside m.
    n : float
        A whole number.
    first : int
        0 or 1.
    """
    if n <= 4 * _ONE_BY_ONE:
        parts = np.arange(float(first), n + 1)
        return math.fsum(term(parts, n - parts))
    ends = np.arange(0.0, _ONE_BY_ONE)
    total = math.fsum(term(ends[first:], n - ends[first:])) + math.fsum(term(n - ends, ends))
    edge = math.log((n - _ONE_BY_ONE + 0.5) / (_ONE_BY_ONE - 0.5))
    panels = np.linspace(-edge, edge, 2 + int(2 * edge / 1.2))
    half = np.diff(panels)[:, None] / 2
    at = (panels[:-1] + panels[1:])[:, None] / 2 + half * _NODES
    part, rest = n * special.expit(at), n * special.expit(-at)
    total += math.fsum((half * _WEIGHTS * (part * special.expit(-at)) * term(part, rest)).ravel())
    few = np.array([_ONE_BY_ONE - 1.0, _ONE_BY_ONE])
    rise, fall = np.diff(term(few, n - few)), np.diff(term(n - few, few))
    return total + float(rise[0] + fall[0]) / 24


def beta_binomial_mean(function: Callable[[Array], Array], n: float, a: float, b: float) -> float:
    """E[function(M)] for M of n successes, their probability drawn from Beta(a, b).

    Parameters
    ----------
    function : callable
        Takes and returns an array; smooth on the scale of its argument and of n less its argument.
    n : float
        A whole number.
    a, b : float
        Positive.

    Examples
    --------
    >>> round(beta_binomial_mean(lambda m: m, 10**9, 0.5, 1.5), 3)
    250000000.0
    """
    constant = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    constant -= float(log_gamma_ratio(n + 1, a + b - 1))

    def term(m: Array, rest: Array) -> Array:
        log_probability = constant + log_gamma_ratio(m + 1, a - 1) + log_gamma_ratio(rest + 1, b - 1)
        return np.asarray(np.exp(log_probability) * function(m))

    return sum_over_splits(term, n)
