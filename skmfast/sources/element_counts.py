"""The law of K_n, the number of distinct elements among n draws from a Pitman-Yor process.

Up to a few thousand draws it follows from the restaurant, draw by draw. Beyond, from the generating function
of the generalised factorial coefficients (Pitman, "Combinatorial Stochastic Processes", 2006, section 3.2):

    P(K_n = k) = n! / (theta+1)_(n-1) * (theta+d) ... (theta+(k-1)d) / k! * [z^n] q(1 - z)^k,

with q(x) = (1 - x^d) / d, and -ln x for d = 0. The coefficient is Cauchy's integral along the parabola 1 -
z = x0 (1 + iu)^2 around the cut of q, through the saddle point x0 of the integrand on the real axis. Across
it the integrand is a peak without oscillation, so nothing cancels, and the trapezoidal rule on u = width
sinh(t) converges exponentially.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from skmfast.sources.gamma_ratios import Array, log_gamma_ratio, sum_log_steps
from skmfast.sources.partition import check_draws, check_pitman_yor, expected_elements

# Up to here the law is made draw by draw.
_DRAW_BY_DRAW = 1024
# Numbers of elements that are summed one by one before a quadrature takes over.
_ONE_BY_ONE = 512
_NEGLIGIBLE = 45.0  # nats below the peak
_STEP = 0.08
_T = np.arange(0.0, 8.0, _STEP)
_TRAPEZOID = np.where(_T == 0, 0.5, 1.0) * _STEP * np.cosh(_T)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True, slots=True)
class ElementCountLaw:
    """The law of K_n, as points with weights: expectations of smooth functions are weighted sums.

    Attributes
    ----------
    num_elements : ndarray of float64, shape (points,)
        Values of K_n. Where the law spreads over many values they are the nodes of a quadrature, and not
        whole.
    weights : ndarray of float64, shape (points,)
        They sum to 1; each is the probability of its value where values are whole.
    """

    num_elements: Array
    weights: Array

    def mean(self, function: Callable[[Array], Array]) -> float:
        """E[function(K_n)], for a function that is smooth on the scale of its argument."""
        return float(self.weights @ function(self.num_elements))


def element_count_probability(
    num_elements: npt.ArrayLike, num_draws: int, discount: float, concentration: float
) -> Array:
    """P(K_n = k), the probability of exactly k distinct elements among n draws.

    Parameters
    ----------
    num_elements : array_like of whole numbers
        k; outside 1 to n the probability is 0.
    num_draws : int, 1 to 1e18
    discount, concentration : float

    Returns
    -------
    ndarray of float64, of the shape of ``num_elements``

    Examples
    --------
    >>> element_count_probability([1, 2, 3], 3, 0.5, 1).round(6).tolist()
    [0.125, 0.375, 0.5]
    """
    d, theta = check_pitman_yor(discount, concentration)
    n = float(check_draws(num_draws, 1))
    k = np.asarray(num_elements, np.float64)
    possible = (k >= 1) & (k <= n) & (k == np.floor(k))
    asked = np.where(possible, k, 1.0)
    if n <= _DRAW_BY_DRAW:
        return np.where(possible, _draw_by_draw(int(n), d, theta)[asked.astype(np.int64) - 1], 0.0)
    found = np.exp(_log_probability(asked.ravel(), n, d, theta)).reshape(k.shape)
    return np.where(possible, found, 0.0)


@functools.lru_cache(maxsize=256)
def element_count_law(num_draws: int, discount: float, concentration: float) -> ElementCountLaw:
    """The law of K_n in a form that makes expectations cheap, at any n from 1 to 1e18.

    Examples
    --------
    >>> law = element_count_law(10**8, 0.5, 1.0)
    >>> round(law.mean(lambda k: k), 5), round(float(expected_elements(10**8, 0.5, 1)), 5)
    (22565.58343, 22565.58343)
    """
    d, theta = check_pitman_yor(discount, concentration)
    n = float(check_draws(num_draws, 1))
    if n <= _DRAW_BY_DRAW:
        return ElementCountLaw(np.arange(1.0, n + 1), _draw_by_draw(int(n), d, theta))
    low, high = _support(n, d, theta)
    if high - low <= 8 * _ONE_BY_ONE:
        few = np.unique(np.concatenate([np.arange(1.0, min(64.0, n) + 1), np.arange(low, high + 1)]))
        points, weights = few, np.exp(_log_probability(few, n, d, theta))
    else:
        few = np.arange(1.0, _ONE_BY_ONE + 1)
        many, many_weights = _quadrature(max(low, _ONE_BY_ONE + 1.0), high, n, d, theta)
        points = np.concatenate([few, many])
        weights = np.concatenate([np.exp(_log_probability(few, n, d, theta)), many_weights])
    return ElementCountLaw(points, weights / weights.sum())


def _draw_by_draw(n: int, d: float, theta: float) -> Array:
    """P(K_n = k) for k = 1 ... n, from the restaurant's rule."""
    law = np.zeros(n)
    law[0] = 1.0
    opening = theta + d * np.arange(1.0, n + 1)
    for i in range(1, n):
        new = law[:i] * (opening[:i] / (i + theta))
        law[:i] -= new
        law[1 : i + 1] += new
    return law


def _support(n: float, d: float, theta: float) -> tuple[float, float]:
    """Whole numbers outside which K_n is negligible; 1 to 64 may be left out."""
    centre = np.round(float(expected_elements(n, d, theta)))
    fractions = np.concatenate([[0.0], np.logspace(-9, 0, 91)])
    below = np.unique(np.maximum(np.round(centre * (1 - fractions)), 1.0))
    above = np.unique(np.minimum(np.round(centre * (1 + np.logspace(-9, 6, 151))), n))
    values = np.unique(np.concatenate([below, above]))
    log_p = _log_probability(values, n, d, theta)
    held = values[log_p > np.max(log_p) - _NEGLIGIBLE]
    low = values[max(np.searchsorted(values, held[0]) - 1, 0)]
    high = values[min(np.searchsorted(values, held[-1]) + 1, values.size - 1)]
    return float(low), float(high)


def _quadrature(low: float, high: float, n: float, d: float, theta: float) -> tuple[Array, Array]:
    """Nodes and weights such that sums of F(k) P(K_n = k) over whole k from low to high are weighted sums.

    By Gauss's rule for the integral from low - 1/2 to high + 1/2, on panels of ln k halved until ln P is
    nearly straight on each, with the first correction of Euler and Maclaurin's midpoint formula at the lower
    end (where k is large enough for the next one to be below 1e-12).
    """
    edges = np.linspace(np.log(low - 0.5), np.log(high + 0.5), 17)
    left, right = edges[:-1], edges[1:]
    nodes, weights = [], []
    peak = -np.inf
    for _ in range(40):
        log_p = _log_probability(np.exp(np.array([left, (left + right) / 2, right])), n, d, theta)
        peak = max(peak, float(log_p.max()))
        fine = (np.abs(np.diff(log_p, axis=0)).max(axis=0) < 2.0) & (right - left < 1.0)
        kept = log_p.max(axis=0) > peak - _NEGLIGIBLE
        for a, b in zip(left[fine & kept], right[fine & kept], strict=True):
            at = np.exp((a + b) / 2 + (b - a) / 2 * _NODES)
            nodes.append(at)
            weights.append((b - a) / 2 * _WEIGHTS * at)
        again = ~fine & kept
        if not again.any():
            break
        middle = (left[again] + right[again]) / 2
        left, right = np.concatenate([left[again], middle]), np.concatenate([middle, right[again]])
    k = np.concatenate(nodes)
    weight = np.concatenate(weights) * np.exp(_log_probability(k, n, d, theta))
    ends = np.array([low - 1, low])
    below, at_low = np.exp(_log_probability(ends, n, d, theta))
    return np.concatenate([k, ends]), np.concatenate([weight, [-below / 24, at_low / 24]])


def _log_probability(k: Array, n: float, d: float, theta: float) -> Array:
    """ln P(K_n = k) for real k from 1 to n, of any shape."""
    flat = k.ravel()
    ratio = special.gammaln(theta + 1) - log_gamma_ratio(n + 1, theta - 1)
    if d > 1e-3:
        # q without its 1/d, whose power the product over elements takes up
        ratio += log_gamma_ratio(flat + 1, theta / d - 1) - special.gammaln(theta / d + 1) - np.log(d)
        scale = 1.0
    else:
        ratio += sum_log_steps(theta + d, d, flat - 1) - special.gammaln(flat + 1)
        scale = d
    return np.asarray((ratio + _log_coefficient(flat, n, d, scale)).reshape(k.shape))


def _log_coefficient(k: Array, n: float, d: float, scale: float) -> Array:
    """ln [z^n] ((1 - (1-z)^d) / scale)^k, scale 1 or d (then -ln(1-z) for d = 0); k has one axis."""
    at = _saddle(k, n, d)
    log_x0 = -np.logaddexp(0.0, -at)
    x0, beyond, rho, q0 = np.exp(log_x0), special.expit(-at), np.exp(d * log_x0), _q(log_x0, d)
    push = k * rho / q0
    width = 0.5 / np.sqrt(np.maximum((n + 1) * x0 / beyond**2 - push / q0, 0.25))
    u = np.minimum(width, 1.0)[:, None] * np.sinh(_T)
    turn = np.log1p(u * u) + 2j * np.arctan(u)  # ln (1 + iu)^2
    grown = -turn if d == 0 else -np.expm1(d * turn) / d
    grown_q = k[:, None] * _log1p((rho / q0)[:, None] * grown)
    grown_z = -(n + 1) * _log1p((x0 / beyond)[:, None] * (u * u - 2j * u))
    # A constant may be taken from q^k: its coefficient is 0. Where the peak is flat, that is what is left.
    flat = (push < 1)[:, None]
    small = flat & (np.abs(grown_q) < 1)
    peak = np.where(small, 0.0, np.exp(grown_z + grown_q)) - np.where(flat & ~small, np.exp(grown_z), 0.0)
    peak += np.exp(grown_z) * np.expm1(np.where(small, grown_q, 0.0))
    integral = (peak * (1 + 1j * u)).real @ _TRAPEZOID * np.minimum(width, 1.0)
    log_q0 = np.log1p(-np.minimum(rho, 1 - 1e-16)) if scale == 1 else np.log(q0)
    at_peak = k * log_q0 + (n + 1) * np.logaddexp(0.0, at)
    return np.asarray(at_peak + np.log(2 / np.pi * np.maximum(integral, 1e-300)) + log_x0)


def _saddle(k: Array, n: float, d: float) -> Array:
    """Logit of the saddle point x0, or of 1/(n+1) where x0 is below it; by bisection."""
    low, high = np.full(k.shape, -np.log(n)), np.full(k.shape, np.log(n) + 2)
    for _ in range(56):
        at = (low + high) / 2
        log_x = -np.logaddexp(0.0, -at)
        above = np.log((n + 1) / k) + at + np.log(_q(log_x, d)) - d * log_x > 0
        low, high = np.where(above, low, at), np.where(above, at, high)
    return np.asarray((low + high) / 2)


def _q(log_x: Array, d: float) -> Array:
    """(1 - x^d) / d."""
    return np.asarray(-log_x * special.exprel(d * log_x))


def _log1p(z: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
    """ln(1 + z), precise for small z, which `numpy.log1p` is not for complex numbers."""
    x, y = z.real, z.imag
    return np.asarray(0.5 * np.log1p(x * (2 + x) + y * y) + 1j * np.arctan2(y, 1 + x))
