"""Sums of powers fitted to the logarithm of a loss: Huber objective, its derivatives, Newton's method.

The law is L = E + A x^-a + B y^-b + ..., written as log L = logsumexp(e, log A - a log x, ...), so that every
term is positive and all parameters are unbounded. Several problems that differ in the weights of the points
(resamples) or in where they start are solved at once: arrays carry a leading axis for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_MAX_STEPS = 500
# A step that promises less than this share of the objective ends a problem.
_TOLERANCE = 1e-13
_FIRST_DAMPING, _MAX_DAMPING = 1.0, 1e16


@dataclass(frozen=True)
class Problem:
    """Points of a fit, and which terms the law has.

    Attributes
    ----------
    log_variables : numpy.ndarray, shape (V, n)
        Natural logarithms of the variables.
    log_loss : numpy.ndarray, shape (n,)
        Natural logarithms of the losses.
    offset : bool
        Whether there is a constant term E.
    delta : float
        Where Huber's loss turns from square to linear, in nats of log loss.

    Notes
    -----
    Parameters are (e, log A, log B, ..., a, b, ...), without e if there is no offset: P in all.
    """

    log_variables: Floats
    log_loss: Floats
    offset: bool
    delta: float

    @property
    def num_parameters(self) -> int:
        """P."""
        return 2 * len(self.log_variables) + self.offset

    def factors(self) -> tuple[npt.NDArray[np.intp], Floats]:
        """Term that each parameter belongs to, shape (P,), and the term's derivative by it, shape (P, n)."""
        num, points = self.log_variables.shape
        terms = np.arange(num + self.offset)
        slopes = np.arange(num) + self.offset
        return np.concatenate([terms, slopes]), np.concatenate(
            [np.ones((len(terms), points)), -self.log_variables]
        )

    def term_logs(self, parameters: Floats) -> Floats:
        """Logarithm of each term at each point: (R, P) to (R, T, n)."""
        num = len(self.log_variables)
        intercepts, slopes = parameters[:, : num + self.offset], parameters[:, num + self.offset :]
        terms = np.repeat(intercepts[:, :, None], self.log_variables.shape[1], axis=2)
        terms[:, self.offset :] -= slopes[:, :, None] * self.log_variables
        return terms

    def residuals(self, parameters: Floats) -> tuple[Floats, Floats]:
        """Predicted less measured log loss, (R, n), and each term's share of the prediction, (R, T, n)."""
        terms = self.term_logs(parameters)
        top = terms.max(axis=1, keepdims=True)
        shares = np.exp(terms - top)
        total = shares.sum(axis=1, keepdims=True)
        shares /= total
        return (top + np.log(total))[:, 0] - self.log_loss, shares

    def objective(self, parameters: Floats, weights: Floats) -> Floats:
        """Weighted sum of Huber losses, (R,); ``weights`` is (R, n) or (n,)."""
        return np.asarray((weights * huber(self.residuals(parameters)[0], self.delta)).sum(axis=1))

    def derivatives(self, parameters: Floats, weights: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Objective (R,), gradient (R, P), Hessian (R, P, P), and the matrix of reweighted least squares.

        The last is positive semidefinite and bounds the curvature of Huber's loss from above: with it alone
        as the Hessian, and a law that were linear in its parameters, each step would descend.
        """
        which, factors = self.factors()
        residuals, shares = self.residuals(parameters)
        sizes = np.abs(residuals)
        slope = weights * np.clip(residuals, -self.delta, self.delta)
        jacobian = shares[:, which] * factors
        gradient = (jacobian * slope[:, None]).sum(axis=2)
        turned = jacobian.transpose(0, 2, 1)
        curvature = weights * (sizes <= self.delta) - slope
        hessian = (jacobian * curvature[:, None]) @ turned
        same = (which[:, None] == which).astype(np.float64)
        hessian += same * ((jacobian * slope[:, None]) @ factors.T)
        reweighted = weights * self.delta / np.maximum(sizes, self.delta)
        majorant = (jacobian * reweighted[:, None]) @ turned
        value = (weights * huber(residuals, self.delta)).sum(axis=1)
        return value, gradient, hessian, majorant


def huber(residuals: Floats, delta: float) -> Floats:
    """Huber's loss: r²/2 up to ``delta``, linear beyond (Huber 1964)."""
    sizes = np.abs(residuals)
    return np.where(sizes <= delta, 0.5 * sizes * sizes, delta * (sizes - 0.5 * delta))


def minimise(problem: Problem, starts: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Damped Newton's method from each of ``starts``.

    Parameters
    ----------
    problem : Problem
        With variables centred, for the sake of the condition of the Hessian.
    starts : numpy.ndarray, shape (R, P)
        Where each problem starts.
    weights : numpy.ndarray, shape (R, n) or (n,)
        Weight of each point.

    Returns
    -------
    parameters : numpy.ndarray, shape (R, P)
        Local minima.
    values : numpy.ndarray, shape (R,)
        The objective there.
    """
    found = np.array(starts, dtype=np.float64)
    weights = np.broadcast_to(weights, (len(found), len(problem.log_loss)))
    values = problem.objective(found, weights)
    damping = np.full(len(found), _FIRST_DAMPING)
    open_ = np.arange(len(found))
    for _ in range(_MAX_STEPS):
        value, gradient, hessian, majorant = problem.derivatives(found[open_], weights[open_])
        step, promised = _steps(gradient, hessian, majorant, damping[open_])
        tried = found[open_] + step
        with np.errstate(over="ignore", invalid="ignore"):
            reached = problem.objective(tried, weights[open_])
        better = reached < value
        found[open_[better]], values[open_[better]] = tried[better], reached[better]
        damping[open_] *= np.where(better, 0.2, 5.0)
        settled = promised <= _TOLERANCE * np.maximum(value, np.finfo(np.float64).tiny)
        # Far from the minimum a strongly damped step promises little; it counts only once the damping is low.
        settled &= damping[open_] < _FIRST_DAMPING
        open_ = open_[~(settled | (damping[open_] > _MAX_DAMPING))]
        if not len(open_):
            break
    return found, values


def _steps(gradient: Floats, hessian: Floats, majorant: Floats, damping: Floats) -> tuple[Floats, Floats]:
    """Steps (R, P) that minimise the damped quadratic models, and the decrease that they promise, (R,)."""
    # In units where the majorant has diagonal one, no parameter is larger than another.
    scale = np.sqrt(np.maximum(np.einsum("rpp->rp", majorant), 1e-300))
    inverse = 1.0 / scale
    shape = inverse[:, :, None] * inverse[:, None, :]
    identity = np.eye(gradient.shape[1])
    model = hessian * shape + damping[:, None, None] * (majorant * shape + 1e-6 * identity)
    sizes, directions = np.linalg.eigh(model)
    # Along a direction of negative curvature Newton's step goes up; taken with the sign turned it goes down.
    sizes = np.maximum(np.abs(sizes), 1e-12)
    along = np.einsum("rpq,rp->rq", directions, gradient * inverse)
    step = -np.einsum("rpq,rq->rp", directions, along / sizes) * inverse
    return np.asarray(step), np.asarray(0.5 * (along * along / sizes).sum(axis=1))
