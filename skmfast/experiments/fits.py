"""Fits of experiments: exponents, crossings and orders, each with a bootstrap interval, or a note why not.

A measurement is the mean of blocks of test sentences, of one or more training runs. The bootstrap draws runs
again, and blocks within each run drawn: it covers both the accident of a run and that of its test sentences.
Where there is one run to a point, it covers the sentences alone, and the fit's note says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pyarrow as pa

Floats = npt.NDArray[np.float64]

RESAMPLES = 400
LEVEL = 0.95
LEAST_POINTS = 3
# Differences of runs that a mean's error does not show: no point counts for more than this relative error.
_LEAST_ERROR = 0.02
# With more resamples than this without a fit there is no interval.
_MOST_LOST = 0.1
ONE_RUN = "interval over test sentences, one run to a point"


@dataclass(frozen=True)
class Fit:
    """A number that an experiment comes to.

    Attributes
    ----------
    quantity : str
        What it is: "exponent", "gap", "rank correlation", ....
    group : str
        Of what: "knowledge, d = 0.5".
    value : float
        nan where there is none; ``note`` says why.
    low, high : float
        Ends of the bootstrap interval of 95 %; nan where there is none.
    theory : float
        What theory says; nan where it says nothing.
    points : int
        Measurements that it rests on.
    note : str
    """

    quantity: str
    group: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    theory: float = math.nan
    points: int = 0
    note: str = ""

    @property
    def is_fitted(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)

    def __str__(self) -> str:
        if math.isnan(self.value):
            return self.note or "no fit"
        if math.isnan(self.low):
            return f"{self.value:.2f}"
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def fits_table(fits: Iterable[Fit]) -> pa.Table:
    """A row to a fit; columns are the attributes of `Fit`."""
    import pyarrow as pa

    rows = list(fits)
    text, real = pa.string(), pa.float64()
    columns = (
        ("quantity", text), ("group", text), ("value", real), ("low", real), ("high", real),
        ("theory", real), ("points", pa.int64()), ("note", text),
    )  # fmt: skip
    return pa.table(
        {name: pa.array([getattr(row, name) for row in rows], kind) for name, kind in columns},
        schema=pa.schema(columns),
    )


def fits_of(table: pa.Table) -> list[Fit]:
    """The fits of a table that `fits_table` made."""
    return [Fit(**row) for row in table.select(list(Fit.__dataclass_fields__)).to_pylist()]


def find_fit(fits: Sequence[Fit], quantity: str, group: str) -> Fit:
    """The fit of that name; one without a value if there is none."""
    for fit in fits:
        if (fit.quantity, fit.group) == (quantity, group):
            return fit
    return Fit(quantity, group, note="not fitted")


# ---- measurements and their resamples ----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Points:
    """Measurements at several places.

    Attributes
    ----------
    x : ndarray of float64, shape (n,)
        Places, ascending and distinct.
    runs : tuple of tuple of ndarray
        For each place its runs, and of each run the blocks: sums and numbers of sentences, shape (2, blocks).
    """

    x: Floats
    runs: tuple[tuple[Floats, ...], ...]

    def __len__(self) -> int:
        return len(self.x)

    @property
    def one_run(self) -> bool:
        """Whether a place has no more than one run."""
        return any(len(each) < 2 for each in self.runs)

    @property
    def mean(self) -> Floats:
        """Mean over all sentences at each place, (n,)."""
        return np.array([_mean(np.concatenate(each, axis=1)) for each in self.runs])

    def resampled(self, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
        """Means of bootstrap resamples, (resamples, n)."""
        generator = np.random.default_rng(seed)
        columns = [_resampled_means(each, resamples, generator) for each in self.runs]
        return np.stack(columns, axis=1) if columns else np.empty((resamples, 0))


def points_of(x: npt.ArrayLike, values: npt.ArrayLike, numbers: npt.ArrayLike, runs: npt.ArrayLike) -> Points:
    """Measurements from rows of blocks.

    Parameters
    ----------
    x : array_like, shape (rows,)
        Place of each block.
    values : array_like, shape (rows,)
        Mean of each block.
    numbers : array_like, shape (rows,)
        Sentences of each block; blocks without any are left out.
    runs : array_like, shape (rows,)
        What run each block is of.

    Examples
    --------
    >>> points = points_of([10, 10, 20], [1.0, 3.0, 5.0], [1, 1, 1], ["a", "a", "b"])
    >>> points.mean.tolist(), points.one_run
    ([2.0, 5.0], True)
    """
    place, number = np.asarray(x, np.float64), np.asarray(numbers, np.float64)
    mean, run = np.asarray(values, np.float64), np.asarray(runs)
    kept = (number > 0) & np.isfinite(mean)
    sums = np.stack([np.where(kept, mean * number, 0.0), number])
    places = np.unique(place[kept])
    groups = []
    for each in places:
        here = kept & (place == each)
        groups.append(tuple(sums[:, here & (run == name)] for name in np.unique(run[here])))
    return Points(places, tuple(groups))


def _mean(blocks: Floats) -> float:
    return float(blocks[0].sum() / blocks[1].sum())


def _resampled_means(runs: tuple[Floats, ...], resamples: int, generator: np.random.Generator) -> Floats:
    """Means after drawing runs, and blocks of each run, with replacement: (resamples,)."""
    drawn = generator.multinomial(len(runs), np.full(len(runs), 1 / len(runs)), size=resamples)
    totals = np.zeros((resamples, 2))
    for place, blocks in enumerate(runs):
        number = blocks.shape[1]
        # A run that is drawn twice has two draws of its blocks.
        times = np.zeros((resamples, number))
        for count in range(1, int(drawn[:, place].max(initial=0)) + 1):
            more = generator.multinomial(number, np.full(number, 1 / number), size=resamples)
            times += np.where(drawn[:, [place]] >= count, more, 0)
        totals += times @ blocks.T
    return np.asarray(totals[:, 0] / totals[:, 1])


def interval(samples: npt.ArrayLike, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval; nan where more than a tenth of the samples are not finite."""
    values = np.asarray(samples, np.float64)
    kept = values[np.isfinite(values)]
    if not len(values) or len(kept) < (1 - _MOST_LOST) * len(values):
        return math.nan, math.nan
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mean_fit(quantity: str, group: str, points: Points, theory: float = math.nan) -> Fit:
    """Mean of the single place of ``points``."""
    if len(points) != 1:
        return Fit(quantity, group, theory=theory, note="not measured")
    low, high = interval(points.resampled()[:, 0])
    return Fit(quantity, group, float(points.mean[0]), low, high, theory, 1, ONE_RUN * points.one_run)


# ---- power laws --------------------------------------------------------------------------------------------


def exponent_fit(
    quantity: str, group: str, points: Points, theory: float = math.nan, least_points: int = LEAST_POINTS
) -> Fit:
    """Exponent a of the law A x^-a through ``points``, by weighted least squares of logarithms.

    The offset is known to be zero: what is fitted is an excess over a known floor. Points whose mean is not
    positive are left out. Each counts by its relative error from the bootstrap, no less than 2 %.

    Examples
    --------
    >>> x = [10.0, 100.0, 1000.0]
    >>> points = points_of(x, [1.0, 0.1, 0.01], [1, 1, 1], ["a", "b", "c"])
    >>> round(exponent_fit("exponent", "example", points).value, 6)
    1.0
    """
    fit = exponent_of(quantity, group, points.x, points.mean, points.resampled(), theory, least_points)
    notes = [note for note in (ONE_RUN * (points.one_run and fit.is_fitted), fit.note) if note]
    return replace(fit, note="; ".join(notes))


def exponent_of(
    quantity: str,
    group: str,
    x: Floats,
    mean: Floats,
    resampled: Floats,
    theory: float = math.nan,
    least_points: int = LEAST_POINTS,
) -> Fit:
    """`exponent_fit` of means (n,) at ``x`` and their resamples (r, n)."""
    kept = (mean > 0) & np.isfinite(mean)
    number = int(kept.sum())
    if number < least_points:
        note = f"{number} points above zero; a power law takes {least_points}"
        return Fit(quantity, group, theory=theory, points=number, note=note)
    logs, samples = np.log(x[kept]), resampled[:, kept]
    weights = _log_weights(samples, mean[kept])
    value = -float(slopes(logs, np.log(mean[kept])[None], weights)[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = interval(-slopes(logs, np.log(samples), weights))
    note = f"{len(x) - number} points not above zero left out" if number < len(x) else ""
    return Fit(quantity, group, value, low, high, theory, number, note)


def _log_weights(resampled: Floats, measured: Floats) -> Floats:
    finite = np.where(np.isfinite(resampled), resampled, np.nan)
    relative = np.nan_to_num(np.nanstd(finite, axis=0) / measured)
    return np.asarray(1 / (relative**2 + _LEAST_ERROR**2))


def slopes(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Slopes of weighted least squares of the rows of ``y`` (r, n) on ``x`` (n,): (r,).

    Examples
    --------
    >>> slopes(np.array([0.0, 1.0]), np.array([[1.0, 3.0]]), np.ones(2)).tolist()
    [2.0]
    """
    centred = x - np.average(x, weights=weights)
    return np.asarray((y * (weights * centred)).sum(axis=-1) / (weights * centred**2).sum())


# ---- crossings and orders ----------------------------------------------------------------------------------


def crossing(x: npt.ArrayLike, y: npt.ArrayLike, level: float, *, first: bool = False) -> float:
    """Where a falling curve comes down through ``level``, between its points in log x; inf if it does not.

    It is where it comes down for good, or with ``first`` for the first time. A curve that begins below the
    level has crossed it at its first point, or before: the first point is given.

    Examples
    --------
    >>> round(crossing([1, 100], [1.0, 0.0], 0.5), 6)
    10.0
    >>> crossing([1, 2], [1.0, 0.9], 0.5)
    inf
    """
    places, values = np.asarray(x, np.float64), np.asarray(y, np.float64)
    above = values > level
    if not len(above) or not above.any():
        return float(places[0]) if len(places) else math.inf
    before = int(np.argmin(above)) - 1 if first and not above.all() else int(np.flatnonzero(above)[-1])
    if before < 0:
        return float(places[0])
    if before + 1 >= len(places):
        return math.inf
    share = (values[before] - level) / (values[before] - values[before + 1])
    return float(np.exp((1 - share) * math.log(places[before]) + share * math.log(places[before + 1])))


def order_fit(
    quantity: str,
    group: str,
    rarity: npt.ArrayLike,
    learnt_at: npt.ArrayLike,
    samples: Floats | None = None,
) -> Fit:
    """Spearman's correlation of the rarity of classes and the place at which each was learnt.

    Classes not learnt at all come after all others, level with each other. ``samples`` are resampled places,
    (resamples, classes), for the interval.
    """
    rare, at = np.asarray(rarity, np.float64), np.asarray(learnt_at, np.float64)
    learnt = int(np.isfinite(at).sum())
    if len(rare) < LEAST_POINTS or learnt < 2:
        note = f"{learnt} of {len(rare)} classes have a place; an order takes 2 of {LEAST_POINTS}"
        return Fit(quantity, group, theory=1.0, points=len(rare), note=note)
    low, high = math.nan, math.nan
    if samples is not None:
        low, high = interval([rank_correlation(rare, row) for row in samples])
    note = f"{len(rare) - learnt} classes have no place yet" if learnt < len(rare) else ""
    return Fit(quantity, group, rank_correlation(rare, at), low, high, 1.0, len(rare), note)


def rank_correlation(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's; ties, infinite values among them, share their ranks; nan where one does not vary.

    Examples
    --------
    >>> rank_correlation([1, 2, 3], [10.0, 20.0, float("inf")])
    1.0
    """
    from scipy.stats import rankdata

    first, second = rankdata(np.asarray(x, np.float64)), rankdata(np.asarray(y, np.float64))
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1].round(12))


def scale_fit(
    quantity: str,
    group: str,
    points: Points,
    predict: Callable[[Floats], Floats],
    theory: float = math.nan,
    span: tuple[float, float] = (1e-2, 1e2),
) -> Fit:
    """The factor s with which ``predict(s x)`` comes nearest to ``points``, in squared log ratios.

    Parameters
    ----------
    quantity, group, points, theory
        As elsewhere.
    predict : callable
        From places, of any shape, to positive values.
    span : pair of float
        Where s is looked for; a factor at an end is none.
    """
    measured = points.mean
    kept = measured > 0
    if int(kept.sum()) < LEAST_POINTS:
        note = f"{int(kept.sum())} points above zero; a factor takes {LEAST_POINTS}"
        return Fit(quantity, group, theory=theory, points=int(kept.sum()), note=note)
    factors = np.geomspace(*span, 801)
    with np.errstate(divide="ignore"):
        predicted = np.log(predict(factors[:, None] * points.x[kept]))
    resampled = points.resampled()[:, kept]
    weights = _log_weights(resampled, measured[kept])

    def best(values: Floats) -> float:
        if not (values > 0).all():
            return math.nan
        errors = (weights * (predicted - np.log(values)) ** 2).sum(axis=1)
        place = int(np.argmin(errors))
        if not 0 < place < len(factors) - 1:
            return math.nan
        # The minimum of the parabola through the best factor and its neighbours.
        before, least, after = errors[place - 1 : place + 2]
        shift = 0.5 * (before - after) / max(before - 2 * least + after, 1e-300)
        return float(factors[place] * (factors[1] / factors[0]) ** np.clip(shift, -0.5, 0.5))

    value = best(measured[kept])
    if math.isnan(value):
        note = f"no factor from {span[0]:g} to {span[1]:g} fits best"
        return Fit(quantity, group, theory=theory, points=int(kept.sum()), note=note)
    low, high = interval([best(row) for row in resampled])
    return Fit(quantity, group, value, low, high, theory, int(kept.sum()), ONE_RUN * points.one_run)
