"""Power laws with an offset, fitted to measured losses: L = E + A/N^a, or L = E + A/N^a + B/D^b.

The fit is the one of Hoffmann et al. (arXiv 2203.15556, approach 3): Huber's loss on the logarithm of the
losses, from many starts. The intervals are those of Besiroglu et al. (arXiv 2404.10102): a bootstrap over
runs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.laws.huber import Problem, minimise

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_COEFFICIENTS, _EXPONENTS = "ABCD", "abcd"
_START_EXPONENTS = (0.05, 0.15, 0.3, 0.5, 0.8, 1.3, 2.0)
# Share of the smallest loss that the offset starts from, and how the rest is split among the powers.
_START_OFFSETS = (0.1, 0.5, 0.8, 0.95)
_START_SPLITS = (0.1, 0.3, 1.0)
# How many of the starts with the lowest objective are followed to their minimum.
_FOLLOWED = 64
# Resamples go through the solver in groups, so that memory does not grow with their number.
_GROUP_NUMBERS = 1 << 21


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """A fitted law, L = E + A x^-a + B y^-b + ....

    Attributes
    ----------
    parameters : dict
        Estimates by name: ``E`` (if there is an offset), then ``A``, ``B``, ... and ``a``, ``b``, ... in the
        order of the variables.
    variables : tuple of str
        Names of the variables.
    samples : numpy.ndarray, shape (resamples, P)
        Estimates from the bootstrap's resamples, columns in the order of ``parameters``.
    level : float
        Coverage of the intervals.
    objective : float
        Sum of Huber losses at the estimate, in squared nats.
    delta : float
        Where Huber's loss turns linear, in nats.
    num_points, num_runs : int
        Measurements, and the groups of them that were resampled.
    residuals : numpy.ndarray, shape (n,)
        Predicted less measured log loss, in nats.
    """

    parameters: dict[str, float]
    variables: tuple[str, ...]
    samples: Floats
    level: float
    objective: float
    delta: float
    num_points: int
    num_runs: int
    residuals: Floats

    @property
    def offset(self) -> bool:
        """Whether the law has a constant term."""
        return "E" in self.parameters

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Percentile intervals of the bootstrap, by parameter; empty without resamples."""
        if not len(self.samples):
            return {}
        tail = (1 - self.level) / 2
        low, high = np.quantile(self.samples, [tail, 1 - tail], axis=0)
        return {name: (float(low[i]), float(high[i])) for i, name in enumerate(self.parameters)}

    @property
    def covariance(self) -> Floats:
        """Covariance of the parameters over the resamples, (P, P); nan with fewer than two."""
        size = len(self.parameters)
        if len(self.samples) < 2:
            return np.full((size, size), np.nan)
        return np.atleast_2d(np.cov(self.samples, rowvar=False))

    @property
    def standard_errors(self) -> dict[str, float]:
        """Square roots of the covariance's diagonal."""
        return dict(zip(self.parameters, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    def predict(self, *variables: npt.ArrayLike) -> Floats:
        """Loss at the given variables, in the order of ``self.variables``.

        Raises
        ------
        TypeError
            If there are more or fewer of them than the law has.
        """
        values = np.fromiter(self.parameters.values(), np.float64)
        return np.asarray(self._predictions(values[None], variables)[0])

    def predict_interval(self, *variables: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Lower and upper end of the interval of the predicted loss, from the resamples.

        Raises
        ------
        ValueError
            If the law was fitted without resamples.
        """
        if not len(self.samples):
            raise ValueError("the law was fitted without resamples: it has no intervals")
        tail = (1 - self.level) / 2
        low, high = np.quantile(self._predictions(self.samples, variables), [tail, 1 - tail], axis=0)
        return np.asarray(low), np.asarray(high)

    def _predictions(self, rows: Floats, variables: tuple[npt.ArrayLike, ...]) -> Floats:
        count = len(self.variables)
        if len(variables) != count:
            raise TypeError(
                f"the law has {count} variable(s) ({', '.join(self.variables)}), not {len(variables)}"
            )
        points = np.broadcast_arrays(*(np.asarray(each, np.float64) for each in variables))
        along = (slice(None),) + (None,) * points[0].ndim
        total = np.zeros((len(rows), *points[0].shape))
        if self.offset:
            total += rows[:, 0][along]
        first = int(self.offset)
        for i, values in enumerate(points):
            total += rows[:, first + i][along] * values ** -rows[:, first + count + i][along]
        return total

    def to_dict(self) -> dict[str, Any]:
        """Everything but samples and residuals, for JSON and the metadata of tables."""
        return {
            "law": self.formula,
            "parameters": self.parameters,
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
            "standard_errors": self.standard_errors if len(self.samples) > 1 else {},
            "level": self.level,
            "objective": self.objective,
            "delta": self.delta,
            "points": self.num_points,
            "runs": self.num_runs,
            "resamples": len(self.samples),
        }

    @property
    def formula(self) -> str:
        """The law in words such as ``L = E + A/N^a + B/D^b``."""
        terms = ["E"] * self.offset
        for name, factor, power in zip(self.variables, _COEFFICIENTS, _EXPONENTS, strict=False):
            terms.append(f"{factor}/{name}^{power}")
        return "L = " + " + ".join(terms)

    def __repr__(self) -> str:
        lines = [f"PowerLaw({self.formula}; {self.num_points} points, {self.num_runs} runs"]
        intervals = self.intervals
        for name, value in self.parameters.items():
            ends = intervals.get(name)
            shown = "" if ends is None else f"  [{ends[0]:.6g}, {ends[1]:.6g}]"
            lines.append(f"  {name} = {value:.6g}{shown}")
        return "\n".join(lines) + ")"


def fit(
    variables: Mapping[str, npt.ArrayLike] | npt.ArrayLike,
    loss: npt.ArrayLike,
    *,
    offset: bool = True,
    delta: float = 1e-3,
    resamples: int = 1000,
    level: float = 0.95,
    runs: npt.ArrayLike | None = None,
    seed: int = 0,
) -> PowerLaw:
    """Fit a sum of powers with an offset to measured losses.

    Parameters
    ----------
    variables : mapping of str to array_like, or array_like, each of shape (n,)
        What the loss depends on, such as ``{"N": parameters, "D": tokens}``: one to four positive variables.
        An array alone is ``{"N": array}``.
    loss : array_like, shape (n,)
        Measured losses, positive, in any unit.
    offset : bool
        Fit the irreducible loss E; without, E = 0.
    delta : float
        Where Huber's loss turns from square to linear, in nats of log loss.
    resamples : int
        Resamples of the bootstrap; 0 for none.
    level : float
        Coverage of the intervals.
    runs : array_like, shape (n,), optional
        Which training run each point comes from. Runs are resampled whole; by default each point is a run.
    seed : int
        Of the resampling.

    Returns
    -------
    PowerLaw
        The estimate with the lowest objective over all starts, and its bootstrap.

    Raises
    ------
    ValueError
        If there are too few points for the parameters, a value is not positive and finite, or a variable does
        not vary.

    Notes
    -----
    log L = logsumexp(log E, log A - a log N, ...) is minimised by damped Newton steps with analytic gradient
    and Hessian; the 64 best of a grid of starts are followed, all at once, and each resample starts from the
    estimate.

    Examples
    --------
    >>> import numpy as np
    >>> parameters = np.geomspace(1e6, 1e9, 12)
    >>> law = fit(parameters, 2 + 400 * parameters**-0.34, resamples=0)
    >>> round(law.parameters["E"], 4), round(law.parameters["A"], 1), round(law.parameters["a"], 4)
    (2.0, 400.0, 0.34)
    """
    named = dict(variables) if isinstance(variables, Mapping) else {"N": variables}
    names, logs, log_loss = _checked(named, loss, offset)
    if not (delta > 0 and math.isfinite(delta)):
        raise ValueError(f"delta: {delta!r} is not a positive number")
    if not 0 < level < 1:
        raise ValueError(f"level: {level!r} is not between 0 and 1")
    if resamples < 0:
        raise ValueError(f"resamples: {resamples!r} is negative")
    groups = _groups(runs, len(log_loss))

    centre = logs.mean(axis=1)
    problem = Problem(logs - centre[:, None], log_loss, offset, delta)
    starts = _starts(problem)
    found, values = minimise(problem, starts, np.ones(len(log_loss)))
    best = found[[int(np.argmin(values))]]
    samples = _bootstrap(problem, best[0], groups, resamples, seed)
    labels = ["E"] * offset + list(_COEFFICIENTS[: len(names)]) + list(_EXPONENTS[: len(names)])
    return PowerLaw(
        parameters=dict(zip(labels, _natural(best, centre, offset)[0].tolist(), strict=True)),
        variables=names,
        samples=_natural(samples, centre, offset),
        level=level,
        objective=float(values.min()),
        delta=delta,
        num_points=len(log_loss),
        num_runs=int(groups.max()) + 1,
        residuals=problem.residuals(best)[0][0],
    )


def _checked(
    variables: dict[str, npt.ArrayLike], loss: npt.ArrayLike, offset: bool
) -> tuple[tuple[str, ...], Floats, Floats]:
    """Names, and logarithms of variables (V, n) and losses (n,)."""
    if not 1 <= len(variables) <= len(_COEFFICIENTS):
        raise ValueError(f"variables: there are {len(variables)}, not one to {len(_COEFFICIENTS)}")
    losses = _positive("loss", loss)
    columns = [_positive(name, values) for name, values in variables.items()]
    for name, values in zip(variables, columns, strict=True):
        if len(values) != len(losses):
            raise ValueError(f"{name}: has {len(values)} values for {len(losses)} losses")
    needed = 2 * len(columns) + offset + 1
    if len(losses) < needed:
        raise ValueError(
            f"too little data: {needed - 1} parameters need at least {needed} points, not {len(losses)}"
        )
    for name, values in zip(variables, columns, strict=True):
        distinct = len(np.unique(values))
        if distinct < 2 + offset:
            raise ValueError(
                f"{name}: takes {distinct} distinct value(s); a power of it needs at least {2 + offset}"
            )
    return tuple(variables), np.log(columns), np.log(losses)


def _positive(name: str, values: npt.ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name}: has {array.ndim} dimensions, not one")
    wrong = np.flatnonzero(~((array > 0) & np.isfinite(array)))
    if len(wrong):
        raise ValueError(f"{name}: value {wrong[0]} is {array[wrong[0]]}, not a positive finite number")
    return array


def _groups(runs: npt.ArrayLike | None, num_points: int) -> npt.NDArray[np.intp]:
    if runs is None:
        return np.arange(num_points)
    labels = np.asarray(runs)
    if labels.shape != (num_points,):
        raise ValueError(f"runs: has shape {labels.shape} for {num_points} points")
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.intp)


def _starts(problem: Problem) -> Floats:
    """The best starts of a grid over offset, split of the rest among the powers, and exponents."""
    num, offset = len(problem.log_variables), problem.offset
    # With more variables the grid is thinned: its size grows as a power of their number.
    exponents = _START_EXPONENTS if num <= 2 else _START_EXPONENTS[1::2]
    splits = _START_SPLITS if 2 <= num <= 3 else (1.0,)
    smallest, middle = math.exp(problem.log_loss.min()), math.exp(float(np.median(problem.log_loss)))
    rows = []
    for share in _START_OFFSETS if offset else (0.0,):
        constant = [math.log(share * smallest)] if offset else []
        rest = max(middle - share * smallest, 1e-3 * middle)
        for powers in itertools.product(exponents, repeat=num):
            for parts in itertools.product(splits, repeat=num):
                heights = [math.log(rest * part / sum(parts)) for part in parts]
                rows.append([*constant, *heights, *powers])
    starts = np.unique(np.array(rows), axis=0)
    size = max(_GROUP_NUMBERS // problem.log_loss.size, 1)
    ones = np.ones(len(problem.log_loss))
    values = np.concatenate(
        [problem.objective(starts[at : at + size], ones) for at in range(0, len(starts), size)]
    )
    return starts[np.argsort(values, kind="stable")[:_FOLLOWED]]


def _bootstrap(
    problem: Problem, estimate: Floats, groups: npt.NDArray[np.intp], resamples: int, seed: int
) -> Floats:
    """Estimates from ``resamples`` resamples of whole groups, (resamples, P)."""
    num_groups = int(groups.max()) + 1
    generator = np.random.default_rng(seed)
    size = max(_GROUP_NUMBERS // (len(groups) * problem.num_parameters), 1)
    samples = [np.empty((0, problem.num_parameters))]
    for at in range(0, resamples, size):
        count = min(size, resamples - at)
        drawn = generator.multinomial(num_groups, np.full(num_groups, 1 / num_groups), size=count)
        weights = drawn[:, groups].astype(np.float64)
        samples.append(minimise(problem, np.repeat(estimate[None], count, axis=0), weights)[0])
    return np.concatenate(samples)


def _natural(rows: Floats, centre: Floats, offset: bool) -> Floats:
    """From (e, log A, ..., a, ...) of centred variables to (E, A, ..., a, ...)."""
    num = len(centre)
    natural = np.array(rows)
    natural[:, offset : offset + num] += natural[:, offset + num :] * centre
    with np.errstate(over="ignore"):
        natural[:, : offset + num] = np.exp(natural[:, : offset + num])
    return natural
