"""Zipf's law: the exponent of frequencies, by maximum likelihood, and by regression on ranks for comparison.

Weights p_(k) ~ k^-s make the counts of a large sample follow a power law too: the share of elements that are
seen x times falls as x^-alpha with alpha = 1 + 1/s = 1 + d.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skmfast.laws.spectrum import Estimate, Spectrum, normal_quantile

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

# Elements at or above x_min, at least: an exponent from fewer says little.
_LEAST_TAIL = 10
# Candidates for x_min; where there are more different counts, log-spaced ones of them.
_CANDIDATES = 300
_LEAST_ALPHA, _MOST_ALPHA = 1.0001, 40.0
_STEP = 1e-4


@dataclass(frozen=True)
class ZipfLaw:
    """A discrete power law fitted to the counts of elements, from x_min on.

    Attributes
    ----------
    alpha : Estimate
        Exponent of the distribution of counts, P(x) = x^-alpha / ζ(alpha, x_min).
    exponent : Estimate
        s = 1/(alpha - 1), exponent of weight against rank.
    discount : Estimate
        d = alpha - 1, of a Pitman-Yor process with this tail.
    minimum : int
        x_min, the count from which on the power law holds.
    num_tail : int
        Elements with at least that count.
    distance : float
        Kolmogorov-Smirnov distance between law and data.
    """

    alpha: Estimate
    exponent: Estimate
    discount: Estimate
    minimum: int
    num_tail: int
    distance: float


def fit_zipf(spectrum: Spectrum, minimum: int | None = None, level: float = 0.95) -> ZipfLaw:
    """Exponent by maximum likelihood, from the x_min with the least Kolmogorov-Smirnov distance.

    Parameters
    ----------
    spectrum : Spectrum
        Counts of the elements.
    minimum : int, optional
        x_min; by default it is chosen as Clauset, Shalizi and Newman (2009, arXiv 0706.1062) do.
    level : float
        Coverage of the intervals: normal, from the Fisher information at the x_min that was chosen.

    Raises
    ------
    ValueError
        If fewer than ten elements, or all with the same count, lie at or above x_min.

    Examples
    --------
    >>> counts = np.random.default_rng(1).zipf(1.5, 20_000)
    >>> law = fit_zipf(Spectrum.of_counts(counts), minimum=1)
    >>> law.alpha.low < 1.5 < law.alpha.high
    True
    """
    tails = np.cumsum(spectrum.multiplicities[::-1])[::-1]
    usable = np.flatnonzero(tails[:-1] >= _LEAST_TAIL)
    if minimum is not None:
        if minimum < 1:
            raise ValueError(f"minimum: {minimum!r} is not at least 1")
        at = int(np.searchsorted(spectrum.sizes, minimum))
        usable = usable[usable == at]
    if not len(usable):
        where = "" if minimum is None else f" at or above {minimum}"
        raise ValueError(
            f"too little data for an exponent: it needs at least {_LEAST_TAIL} elements{where}, with at least"
            " two different counts"
        )
    if len(usable) > _CANDIDATES:
        # Distinct counts thin out towards the largest: spaced by how many are left, all regions are tried.
        usable = usable[np.unique(np.geomspace(1, len(usable), _CANDIDATES).astype(np.intp)) - 1]
    starts = spectrum.sizes[usable].astype(np.float64) if minimum is None else np.array([float(minimum)])
    logs = np.log(spectrum.sizes)
    sums = np.cumsum((spectrum.multiplicities * logs)[::-1])[::-1]
    alphas = _most_likely(starts, sums[usable] / tails[usable])
    distances = [
        _distance(spectrum, int(at), start, alpha)
        for at, start, alpha in zip(usable, starts, alphas, strict=True)
    ]
    best = int(np.argmin(distances))
    alpha, number = float(alphas[best]), int(tails[usable[best]])
    error = 1 / math.sqrt(number * _information(alpha, starts[best]))
    reach = normal_quantile(level) * error
    low, high = max(alpha - reach, 1.0), alpha + reach
    return ZipfLaw(
        alpha=Estimate(alpha, low, high, level),
        exponent=Estimate(1 / (alpha - 1), 1 / (high - 1), 1 / (low - 1) if low > 1 else math.inf, level),
        discount=Estimate(alpha - 1, low - 1, high - 1, level),
        minimum=int(starts[best]),
        num_tail=number,
        distance=distances[best],
    )


def _log_zeta(alpha: Floats | float, start: Floats | float) -> Floats:
    from scipy.special import zeta

    return np.asarray(np.log(zeta(alpha, start)), np.float64)


def _most_likely(starts: Floats, mean_logs: Floats) -> Floats:
    """Exponents at which the model's mean of log x is the data's, by bisection; it falls as they grow."""
    low, high = np.full(len(starts), _LEAST_ALPHA), np.full(len(starts), _MOST_ALPHA)
    for _ in range(60):
        middle = (low + high) / 2
        step = _STEP * (middle - 1)
        mean = (_log_zeta(middle - step, starts) - _log_zeta(middle + step, starts)) / (2 * step)
        above = mean > mean_logs
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.asarray((low + high) / 2)


def _information(alpha: float, start: float) -> float:
    """Fisher information of the exponent in one element: the second derivative of log ζ."""
    step = 1e-3 * (alpha - 1)
    outer = _log_zeta(alpha - step, start) + _log_zeta(alpha + step, start)
    return float((outer - 2 * _log_zeta(alpha, start)) / step**2)


def _distance(spectrum: Spectrum, at: int, start: float, alpha: float) -> float:
    """Largest difference between the cumulative distributions of data and law, over all x >= start."""
    from scipy.special import zeta

    sizes = spectrum.sizes[at:].astype(np.float64)
    shares = np.cumsum(spectrum.multiplicities[at:]) / spectrum.multiplicities[at:].sum()
    total = zeta(alpha, start)
    upto = 1 - zeta(alpha, sizes + 1) / total
    # Between two counts the data's distribution stands still while the law's goes on.
    before = 1 - zeta(alpha, sizes) / total
    return float(
        max(np.abs(shares - upto).max(), np.abs(np.concatenate([[0.0], shares[:-1]]) - before).max())
    )


def rank_size_regression(spectrum: Spectrum, level: float = 0.95, ranks: int | None = None) -> Estimate:
    """Slope of log count against log rank, with the interval that a textbook gives it.

    It is the common estimate of Zipf's s, and it is biased: counts of rare elements are whole numbers, ranks
    are sorted noise, and the head need not follow the power law. The interval takes points as independent,
    which they are not. Kept to be compared with `fit_zipf`.

    Parameters
    ----------
    spectrum : Spectrum
        Counts of the elements.
    level : float
        Coverage of the interval.
    ranks : int, optional
        Only the first so many ranks are used. A Pitman-Yor process with d = 0.5 and a concentration of 100 is
        taken for one with d = 1/s = 0.87 by the first thousand ranks, 0.65 by all (a million draws).

    Raises
    ------
    ValueError
        If there are fewer than ten elements.
    """
    counts = spectrum.counts()[:ranks]
    if len(counts) < _LEAST_TAIL:
        raise ValueError(
            f"too little data for an exponent: {len(counts)} different elements, not at least {_LEAST_TAIL}"
        )
    x, y = np.log(np.arange(1, len(counts) + 1)), np.log(counts)
    x = x - x.mean()
    slope = float((x * y).sum() / (x * x).sum())
    rest = y - y.mean() - slope * x
    reach = normal_quantile(level) * math.sqrt((rest**2).sum() / (len(x) - 2) / (x * x).sum())
    return Estimate(-slope, -slope - reach, -slope + reach, level)
