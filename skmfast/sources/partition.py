"""The partition that a Pitman-Yor process makes of n draws: expected counts and exact code lengths.

Draws that give the same element form a block of the partition; blocks are what is called the tables of a
Chinese restaurant elsewhere. ``discount`` d is in [0, 1), ``concentration`` theta above -d, and every
function is exact for all of that domain, d = 0 (the Dirichlet process) and theta < 0 included, and for n up
to 1e18. With (x)_m the rising factorial, the probability of a partition into K blocks of sizes n_k is

    (theta + d) (theta + 2d) ... (theta + (K-1) d) / (theta+1)_(n-1)  *  product of (1-d)_(n_k - 1),

a function of the sizes alone (Pitman, "Exchangeable and partially exchangeable random partitions", 1995).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from skmfast.sources.gamma_ratios import Array, log_gamma_ratio, mean_log_ratio, sum_log_steps

_LN2 = math.log(2.0)
# Counts stay exact in double precision below this, and 64-bit sums do not overflow.
MAX_DRAWS = 10**18


def check_pitman_yor(discount: float, concentration: float) -> tuple[float, float]:
    """Both parameters as floats.

    Raises
    ------
    ValueError
        If ``discount`` is outside [0, 1), or ``concentration`` is not above ``-discount``.
    """
    d, theta = float(discount), float(concentration)
    if not 0 <= d < 1:
        raise ValueError(f"discount={discount}: outside [0, 1)")
    if not (math.isfinite(theta) and theta > -d):
        raise ValueError(f"concentration={concentration}: not a finite number above -discount = {-d:g}")
    return d, theta


def check_draws(num_draws: npt.ArrayLike, smallest: int = 0) -> Array:
    """Numbers of draws as floats.

    Raises
    ------
    ValueError
        If one is below ``smallest``, above 1e18, or not whole.
    """
    n = np.asarray(num_draws, np.float64)
    if n.size and not np.all((n >= smallest) & (n <= MAX_DRAWS) & (n == np.floor(n))):
        raise ValueError(f"num_draws={num_draws!r}: not whole numbers from {smallest} to 1e18")
    return n


# ---- expected counts --------------------------------------------------------------------------------------


def expected_elements(num_draws: npt.ArrayLike, discount: float, concentration: float) -> Array:
    """E[K_n], the expected number of distinct elements among n draws (Heaps' law).

    Parameters
    ----------
    num_draws : array_like of whole numbers, 0 to 1e18
    discount, concentration : float

    Returns
    -------
    ndarray of float64, of the shape of ``num_draws``

    Notes
    -----
    Written as 1 + (theta + d) [(theta+d+1)_(n-1) / (theta+1)_(n-1) - 1] / d, of which no part is negative;
    as d goes to 0 it becomes the sum of theta / (theta + i).

    Examples
    --------
    >>> expected_elements([10, 100, 1000], 0.5, 1).round(4).tolist()
    [5.4003, 20.6521, 69.3917]
    """
    d, theta = check_pitman_yor(discount, concentration)
    n = check_draws(num_draws)
    slope = mean_log_ratio(theta + 1, d, np.maximum(n - 1, 0))
    return np.where(n > 0, 1 + (theta + d) * slope * special.exprel(d * slope), 0.0)


def expected_elements_seen(
    num_draws: npt.ArrayLike, times: npt.ArrayLike, discount: float, concentration: float
) -> Array:
    """E[K_{n,m}], the expected number of elements drawn exactly m times among n draws.

    Parameters
    ----------
    num_draws : array_like of whole numbers, 1 to 1e18
    times : array_like
        m, at least 1; above n the result is 0.
    discount, concentration : float

    Returns
    -------
    ndarray of float64, shaped as both broadcast

    Raises
    ------
    ValueError
        If a parameter is outside its domain, or an m is not positive.

    Notes
    -----
    C(n, m) (1-d)_(m-1) (theta+d)_(n-m) / (theta+1)_(n-1).

    Examples
    --------
    >>> seen = expected_elements_seen(10, np.arange(1, 11), 0.5, 1)
    >>> round(float(seen.sum()), 4), round(float(seen @ np.arange(1, 11)), 4)
    (5.4003, 10.0)
    """
    d, theta = check_pitman_yor(discount, concentration)
    n, m = np.broadcast_arrays(check_draws(num_draws, 1), np.asarray(times, np.float64))
    if not np.all(m > 0):
        raise ValueError(f"times={times!r}: not positive")
    return np.asarray(
        np.where(
            m <= n, np.exp(log_expected_elements_seen(np.minimum(m, n), np.maximum(n - m, 0), d, theta)), 0.0
        )
    )


def log_expected_elements_seen(m: Array, rest: Array, d: float, theta: float) -> Array:
    """ln E[K_{n,m}] for n = m + rest, m > 0, rest >= 0; both may be real.

    ``rest`` is a number of its own because m + rest may be too large to tell it.
    """
    n = m + rest
    # Gamma(n+1) Gamma(theta+d+n-m) / (Gamma(n-m+1) Gamma(theta+n)), by the smaller of the two shifts
    by_concentration = log_gamma_ratio(rest + 1, theta + d - 1) - log_gamma_ratio(n + 1, theta - 1)
    by_size = log_gamma_ratio(rest + 1, m) - log_gamma_ratio(theta + d + rest, m - d)
    others = np.where(m < theta, by_size, by_concentration)
    block = log_gamma_ratio(m + 1, -1 - d)
    constants = log_gamma_ratio(theta + d, 1 - d) - special.gammaln(1 - d)
    return np.asarray(others + block + constants)


def unseen_mass(num_draws: npt.ArrayLike, discount: float, concentration: float) -> Array:
    """Expected probability that draw n + 1 is an element not among the n before it.

    Notes
    -----
    (theta + d E[K_n]) / (n + theta) = (theta+d)_n / (theta+1)_n.

    Examples
    --------
    >>> float(unseen_mass(10, 0.5, 1)) - (1 + 0.5 * float(expected_elements(10, 0.5, 1))) / 11 < 1e-15
    True
    """
    d, theta = check_pitman_yor(discount, concentration)
    n = check_draws(num_draws)
    return np.asarray(np.exp(-(1 - d) * mean_log_ratio(theta + d, 1 - d, n)))


def weight_entropy_bits(discount: float, concentration: float) -> float:
    """Expected entropy of the weights, E[H(p)], in bits a draw: (psi(theta+1) - psi(1-d)) / ln 2.

    Examples
    --------
    >>> round(weight_entropy_bits(0.5, 1), 5)
    3.4427
    """
    d, theta = check_pitman_yor(discount, concentration)
    return float(special.digamma(theta + 1) - special.digamma(1 - d)) / _LN2


# ---- exact code lengths -----------------------------------------------------------------------------------


def count_of_counts(
    counts: npt.ArrayLike, multiplicities: npt.ArrayLike | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distinct block sizes, ascending, and how many blocks have each: all that a partition's probability
    needs.

    Parameters
    ----------
    counts : array_like of integers
        How often each element was drawn; zeros are elements that were not.
    multiplicities : array_like of integers, optional
        How many elements have each of ``counts``; 1 each by default.

    Raises
    ------
    ValueError
        If a number is negative or not whole, the arrays differ in shape, nothing was drawn, or more than
        1e18 draws are counted.
    """
    size = _whole("counts", counts)
    if multiplicities is None:
        sizes, number = _tally(size)
    else:
        given = _whole("multiplicities", multiplicities)
        if given.shape != size.shape:
            raise ValueError(f"{given.size:,} multiplicities for {size.size:,} sizes")
        sizes, place = np.unique(size, return_inverse=True)
        number = np.zeros(sizes.size, np.int64)
        np.add.at(number, place, given)
    kept = (sizes > 0) & (number > 0)
    sizes, number = sizes[kept], number[kept]
    if sizes.size == 0:
        raise ValueError("counts: nothing was drawn")
    if float(sizes.astype(np.float64) @ number) > MAX_DRAWS:
        raise ValueError(f"counts: {float(sizes.astype(np.float64) @ number):.4g} draws are above 1e18")
    return sizes, number


def _whole(name: str, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name}: {array.ndim} dimensions, not one")
    if array.size == 0:
        return np.zeros(0, np.int64)
    whole = array.dtype.kind in "ui" or (array.dtype.kind == "f" and np.all(array == np.floor(array)))
    if not whole:
        raise ValueError(f"{name}: not whole numbers")
    if array.min() < 0 or array.max() > MAX_DRAWS:
        raise ValueError(f"{name}: outside 0 to 1e18")
    return array.astype(np.int64, copy=False)


def _tally(size: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """`numpy.unique` with counts, without sorting the small sizes that most elements have."""
    small = size < 4096
    number = np.bincount(size[small], minlength=1)
    few = np.flatnonzero(number)
    large, large_number = np.unique(size[~small], return_counts=True)
    return np.concatenate([few, large]), np.concatenate([number[few], large_number])


def partition_bits(
    counts: npt.ArrayLike,
    discount: float,
    concentration: float,
    multiplicities: npt.ArrayLike | None = None,
) -> float:
    """Code length, in bits, of a partition with these block sizes: minus log2 of its probability.

    Parameters
    ----------
    counts : array_like of integers, shape (elements,)
        How often each element was drawn, in any order; or distinct sizes, with ``multiplicities``.
    discount, concentration : float
    multiplicities : array_like of integers, optional
        How many elements have each of the sizes.

    Raises
    ------
    ValueError
        If a parameter or a count is outside its domain.

    Examples
    --------
    >>> bool(partition_bits([2, 1], 0.5, 1) == -np.log2((1.5 * 0.5) / (2 * 3)))
    True
    """
    d, theta = check_pitman_yor(discount, concentration)
    sizes, number = count_of_counts(counts, multiplicities)
    return -log_partition_probability(sizes, number, d, theta) / _LN2


def log_partition_probability(
    sizes: npt.NDArray[np.int64], number: npt.NDArray[np.int64], d: float, theta: float
) -> float:
    """ln of the probability of a partition with ``number`` blocks of each of ``sizes``."""
    n, k = float(sizes @ number), float(number.sum())
    blocks = log_gamma_ratio(1 - d, sizes - 1.0)
    return float(sum_log_steps(theta + d, d, k - 1)) + math.fsum(
        [*(number * blocks), -float(log_gamma_ratio(theta + 1, n - 1))]
    )


def prequential_partition_bits(
    seen_before: npt.NDArray[np.integer],
    discount: float,
    concentration: float,
    *,
    draws_before: int = 0,
    elements_before: int = 0,
) -> Array:
    """Code length, in bits, of each draw given those before it: new, or which old element.

    Parameters
    ----------
    seen_before : ndarray of integers, shape (draws,)
        How often the element of each draw was drawn before (`skmfast.codes.knowledge.seen_before`).
    discount, concentration : float
    draws_before, elements_before : int
        Draws, and distinct elements among them, that came before the first one here.

    Returns
    -------
    ndarray of float64, shape (draws,)
        They sum to `partition_bits`.

    Examples
    --------
    >>> each = prequential_partition_bits(np.array([0, 1, 0]), 0.5, 1)
    >>> each.tolist() == [0.0, -np.log2(0.5 / 2), -np.log2(1.5 / 2 * 2 / 3)]
    True
    """
    d, theta = check_pitman_yor(discount, concentration)
    seen = np.asarray(seen_before)
    new = seen == 0
    before = np.arange(draws_before, draws_before + seen.size, dtype=np.float64)
    elements = elements_before + np.cumsum(new) - new
    numerator = np.where(new, theta + d * elements, seen - d)
    numerator = np.where(before > 0, numerator, 1.0)
    chance = numerator / np.where(before > 0, before + theta, numerator)  # 1 for the first draw of all
    return np.asarray(-np.log2(chance))
