"""Heaps' law: how many different elements n tokens hold, K_n ~ c n^d, in theory and measured.

Three curves: of one stream, in one pass; of a random subsample of given counts (rarefaction), exactly; and of
a Pitman-Yor process, E[K_n]. They are one law: for independent draws the second is the mean of the first.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skmfast.laws.spectrum import Estimate, Spectrum, normal_quantile

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

# Up to here hypergeometric probabilities are products of that many factors; beyond, Stirling's series serves.
_PRODUCT = 1024
_BLOCKS = 32
# Elements that an exponent is estimated from, at least.
_LEAST_ELEMENTS = 10


def heaps_curve(labels: npt.ArrayLike, sizes: npt.ArrayLike | None = None) -> tuple[Integers, Integers]:
    """Number of different elements in the first n tokens of a stream.

    Parameters
    ----------
    labels : array_like of int, shape (N,)
        The stream.
    sizes : array_like of int, optional
        The n to report, 0 to N; by default 20 to a decade and N itself.

    Returns
    -------
    sizes, elements : numpy.ndarray of int64
        n and K_n.

    Examples
    --------
    >>> heaps_curve([5, 7, 5, 9], [1, 2, 3, 4])[1].tolist()
    [1, 2, 2, 3]
    """
    array = np.asarray(labels).ravel()
    at = log_spaced(len(array)) if sizes is None else np.asarray(sizes, np.int64)
    if len(at) and (at.min() < 0 or at.max() > len(array)):
        raise ValueError(f"sizes: not all of them are 0 to {len(array)}, the size of the stream")
    return at, np.searchsorted(_first_places(array), at).astype(np.int64)


def log_spaced(largest: int, per_decade: int = 20, smallest: int = 1) -> Integers:
    """Whole numbers from ``smallest`` to ``largest``, both included, evenly spaced in their logarithm.

    Examples
    --------
    >>> log_spaced(10, per_decade=3).tolist()
    [1, 2, 5, 10]
    """
    if largest < smallest:
        return np.empty(0, np.int64)
    number = max(round(per_decade * math.log10(largest / smallest)) + 1, 2)
    return np.unique(np.rint(np.geomspace(smallest, largest, number)).astype(np.int64))


def _are_dense(labels: npt.NDArray[np.generic]) -> bool:
    """Whether an array over all labels up to the largest one is small beside the stream."""
    return bool(labels.dtype.kind in "iu" and labels.min() >= 0 and labels.max() <= 8 * len(labels) + 1024)


def _first_places(labels: npt.NDArray[np.generic]) -> Integers:
    """Places, from 0, where an element appears for the first time, ascending."""
    if not len(labels):
        return np.empty(0, np.int64)
    if _are_dense(labels):
        # Written from the end, the first appearance is the last to be written.
        first = np.full(int(labels.max()) + 1, -1, np.int64)
        first[labels[::-1].astype(np.intp)] = np.arange(len(labels) - 1, -1, -1)
        return np.sort(first[first >= 0])
    return np.sort(np.unique(labels, return_index=True)[1])


def rarefaction(spectrum: Spectrum, sizes: npt.ArrayLike) -> Floats:
    """Expected number of different elements in a random subsample without replacement.

    Parameters
    ----------
    spectrum : Spectrum
        Of the whole sample of N tokens.
    sizes : array_like, shape (S,)
        Sizes n of subsamples, 0 to N.

    Returns
    -------
    numpy.ndarray, shape (S,)
        Σ_k (1 - C(N - n_k, n) / C(N, n)), the hypergeometric mean (Hurlbert 1971).

    Raises
    ------
    ValueError
        If a size is negative or above N.

    Examples
    --------
    >>> rarefaction(Spectrum.of_counts([2, 1]), [0, 1, 2, 3]).round(6).tolist()
    [0.0, 1.0, 1.666667, 2.0]
    """
    at = np.asarray(sizes, np.float64)
    total = spectrum.num_tokens
    if at.size and (at.min() < 0 or at.max() > total):
        raise ValueError(f"sizes: not all of them are 0 to {total}, the size of the sample")
    return np.array([_rarefied(spectrum, float(n), float(total)) for n in at.ravel()]).reshape(at.shape)


def _rarefied(spectrum: Spectrum, n: float, total: float) -> float:
    sizes = spectrum.sizes.astype(np.float64)
    log_missed = np.empty(len(sizes))
    few = sizes <= _PRODUCT
    if few.any():
        log_missed[few] = _log_falling(n, total, int(sizes[few][-1]))[spectrum.sizes[few]]
    if not few.all():
        log_missed[~few] = _log_missed_large(sizes[~few], n, total)
    return float((spectrum.multiplicities * -np.expm1(log_missed)).sum())


def _log_falling(n: float, total: float, largest: int) -> Floats:
    """log of Π_{i<c} (N - n - i) / (N - i) for c = 0..largest; -inf where it is impossible to miss."""
    places = np.arange(largest)
    missed = np.minimum(n / (total - places), 1.0)
    left = np.maximum(total - n - places, 0.0) / (total - places)
    with np.errstate(divide="ignore"):
        logs = np.where(left > 0.5, np.log1p(-missed), np.log(left))
    return np.concatenate([[0.0], np.cumsum(logs)])


def _log_missed_large(counts: Floats, n: float, total: float) -> Floats:
    """log C(N - c, n) / C(N, n) for large c."""
    if n <= _PRODUCT:
        places = np.arange(int(n))[:, None]
        with np.errstate(divide="ignore"):
            return np.asarray(np.log1p(-np.minimum(counts / (total - places), 1.0)).sum(axis=0))
    rest = total - counts - n
    # With so large c and n, as few as ten tokens left over mean that the chance of missing is nil.
    safe = np.maximum(rest, 10.0)

    def part(x: Floats | float) -> Floats:
        return np.asarray((x + 0.5) * np.log1p((x - total) / total) + 1 / (12 * x) - 1 / (360 * x**3))

    # At n = N or c = N the rest is below ten, and the value is not used.
    with np.errstate(divide="ignore", invalid="ignore"):
        value = part(np.asarray(total - n)) + part(total - counts) - part(safe) - part(total)
    return np.where(rest < 10, -np.inf, value)


@dataclass(frozen=True)
class HeapsLaw:
    """What a stream, or its counts, say of K_n ~ c n^d.

    Attributes
    ----------
    exponent : Estimate
        d at the end of the data: N_1/K, the slope of log E[K_n] against log n there.
    slope : float
        Slope of the regression of log K_n on log n over the last two decades: the average slope, where
        ``exponent`` is the one at the end.
    coefficient : float
        c for which c n^d passes through the last point.
    num_tokens, num_elements : int
        n and K_n.
    """

    exponent: Estimate
    slope: float
    coefficient: float
    num_tokens: int
    num_elements: int


def fit_heaps(data: npt.ArrayLike | Spectrum, level: float = 0.95) -> HeapsLaw:
    """Estimate the exponent of Heaps' law.

    Parameters
    ----------
    data : array_like of int, or Spectrum
        A stream of labels, or the spectrum alone.
    level : float
        Coverage of the interval.

    Returns
    -------
    HeapsLaw
        From a stream the interval comes from a jackknife over 32 blocks, which sees that words come in
        bursts; from a spectrum alone it is that of N_1 among K. Both are conservative: for independent draws
        the first is about 1.5 times as wide as it need be (Efron and Stein 1981 say why), the second 1.3.

    Raises
    ------
    ValueError
        If there are fewer than ten elements, or a stream has fewer than two tokens to a block.

    Notes
    -----
    The rarefaction curve has E[K_N] - E[K_{N-1}] = N_1/N, so its slope on log-log axes at the end is N_1/K:
    for independent draws with a tail of exponent d it converges to d (Karlin 1967).

    Examples
    --------
    >>> fit_heaps(Spectrum.of_counts([9, 5, 3, 2, 2, 1, 1, 1, 1, 1])).exponent.value
    0.5
    """
    if isinstance(data, Spectrum):
        spectrum = data
        sizes = log_spaced(spectrum.num_tokens, smallest=max(spectrum.num_tokens // 100, 1))
        elements = rarefaction(spectrum, sizes)
    else:
        labels = np.asarray(data).ravel()
        spectrum = Spectrum.of_labels(labels)
        sizes = log_spaced(len(labels), smallest=max(len(labels) // 100, 1))
        elements = heaps_curve(labels, sizes)[1].astype(np.float64)
    total, different = spectrum.num_tokens, spectrum.num_elements
    if different < _LEAST_ELEMENTS:
        raise ValueError(
            f"too little data for an exponent: {different} different elements, not at least {_LEAST_ELEMENTS}"
        )
    value = spectrum.seen(1) / different
    if isinstance(data, Spectrum):
        exponent = _wilson(spectrum.seen(1), different, level)
    else:
        reach = normal_quantile(level) * _jackknife_error(labels)
        exponent = Estimate(value, max(value - reach, 0.0), min(value + reach, 1.0), level)
    slope = float(np.polyfit(np.log(sizes), np.log(elements), 1)[0]) if len(sizes) > 1 else math.nan
    return HeapsLaw(exponent, slope, different / total**value, total, different)


def _wilson(hits: int, trials: int, level: float) -> Estimate:
    """Wilson's interval (1927) of a proportion."""
    z2 = normal_quantile(level) ** 2
    value = hits / trials
    centre = (value + z2 / (2 * trials)) / (1 + z2 / trials)
    reach = math.sqrt(z2 * (value * (1 - value) / trials + z2 / (4 * trials * trials))) / (1 + z2 / trials)
    return Estimate(value, max(centre - reach, 0.0), min(centre + reach, 1.0), level)


def _jackknife_error(labels: npt.NDArray[np.generic]) -> float:
    """Standard error of N_1/K from leaving out one block of the stream after the other."""
    if len(labels) < 2 * _BLOCKS:
        raise ValueError(f"too little data for an interval: {len(labels)} tokens, not at least {2 * _BLOCKS}")
    numbers = labels if _are_dense(labels) else np.unique(labels, return_inverse=True)[1]
    counts = np.bincount(numbers)
    different = np.count_nonzero(counts)
    edges = np.linspace(0, len(labels), _BLOCKS + 1).astype(np.intp)
    ratios = []
    for start, end in itertools.pairwise(edges):
        # Only elements of the block change.
        inside, taken = np.unique(numbers[start:end], return_counts=True)
        before, after = counts[inside], counts[inside] - taken
        once = (counts == 1).sum() - (before == 1).sum() + (after == 1).sum()
        ratios.append(once / (different - (after == 0).sum()))
    return float(np.sqrt((_BLOCKS - 1) * np.var(ratios)))
