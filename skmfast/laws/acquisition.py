"""In which order knowledge is acquired: what is known after n sentences, and how far down the ranks.

An element is known once it was stated. It is stated in a sentence with probability q = p r: its weight times
the statement rate r (1, or less where only one of its attributes is followed and a sentence states a few).
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from skmfast.laws.weights import mean_over_draws

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.laws.weights import Weights

    Floats = npt.NDArray[np.float64]


def probability_known(statement_rates: npt.ArrayLike, sentences: npt.ArrayLike) -> Floats:
    """Probability that what is stated at rate q was stated in n sentences, 1 - (1 - q)^n.

    Parameters
    ----------
    statement_rates : array_like
        q, from 0 to 1.
    sentences : array_like
        n, at least 0; broadcast against ``statement_rates``.

    Raises
    ------
    ValueError
        If a value is outside its domain.

    Examples
    --------
    >>> probability_known([0.5, 0.1], 2).round(6).tolist()
    [0.75, 0.19]
    """
    rates, numbers = np.asarray(statement_rates, np.float64), np.asarray(sentences, np.float64)
    if not ((rates >= 0) & (rates <= 1)).all():
        raise ValueError("statement_rates: not all of them are between 0 and 1")
    if not (numbers >= 0).all():
        raise ValueError("sentences: not all of them are at least 0")
    return np.asarray(-np.expm1(log_unknown(rates, numbers)))


def log_unknown(rates: Floats, numbers: Floats | float) -> Floats:
    """n ln(1 - q), 0 where n is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(numbers) == 0, 0.0, numbers * np.log1p(-rates))


def unseen_mass(weights: Weights, sentences: npt.ArrayLike, statement_rate: float = 1.0) -> Floats:
    """Expected mass of the elements that n sentences have not stated, Σ p_k (1 - q_k)^n.

    Parameters
    ----------
    weights : Weights
        p.
    sentences : array_like
        n.
    statement_rate : float
        r, above 0 and at most 1.

    Returns
    -------
    numpy.ndarray
        Of the shape of ``sentences``.

    Examples
    --------
    >>> from skmfast.laws.weights import ZipfMandelbrot
    >>> unseen_mass(ZipfMandelbrot(2.0), [0, 10]).round(6).tolist()
    [1.0, 0.210969]
    """
    return mean_known(weights, sentences, statement_rate)[1]


def mean_known(
    weights: Weights,
    sentences: npt.ArrayLike,
    statement_rate: float = 1.0,
    first: float = 1,
    last: float = math.inf,
) -> tuple[Floats, Floats]:
    """Mass known and mass unknown of the elements of ranks ``first`` to ``last``, after n sentences."""
    _check_rate(statement_rate)
    at = np.asarray(sentences, np.float64)
    if not ((at >= 0) & np.isfinite(at)).all():
        raise ValueError("sentences: not all of them are finite and at least 0")
    known, unknown = np.empty(at.shape), np.empty(at.shape)
    for place, n in np.ndenumerate(at):

        def missed(p: Floats, n: float = float(n)) -> Floats:
            return log_unknown(p * statement_rate, n)

        scale = max(float(n), 1.0)
        known[place] = mean_over_draws(weights, lambda p: -np.expm1(missed(p)), scale, first, last)
        unknown[place] = mean_over_draws(weights, lambda p: np.exp(missed(p)), scale, first, last)
    return known, unknown


def frontier_rank(
    weights: Weights, sentences: npt.ArrayLike, probability: float = 0.5, statement_rate: float = 1.0
) -> Floats:
    """How many elements are known with at least ``probability`` after n sentences; it grows as n^d.

    Raises
    ------
    ValueError
        If the probability is not between 0 and 1.

    Examples
    --------
    >>> from skmfast.laws.weights import ZipfMandelbrot
    >>> ranks = frontier_rank(ZipfMandelbrot(2.0), [1e4, 1e6])
    >>> round(float(ranks[1] / ranks[0]), 1)  # 100 times the sentences at d = 1/2
    10.1
    """
    _check_rate(statement_rate)
    if not 0 < probability < 1:
        raise ValueError(f"probability: {probability!r} is not between 0 and 1")
    numbers = np.asarray(sentences, np.float64)
    if not (numbers > 0).all():
        raise ValueError("sentences: not all of them are positive")
    needed = -np.expm1(math.log1p(-probability) / numbers) / statement_rate
    # heavier() counts strictly heavier ones; the next number below lets the boundary in.
    return weights.heavier(np.nextafter(needed, 0.0))


def loss_by_class(
    weights: Weights,
    sentences: npt.ArrayLike,
    edges: npt.ArrayLike,
    content_bits: float,
    statement_rate: float = 1.0,
) -> Floats:
    """Bits still missing per draw of an element, by class of frequency.

    Parameters
    ----------
    weights : Weights
        p.
    sentences : array_like, shape (n,)
        Numbers of sentences.
    edges : array_like, shape (c + 1,)
        Ascending ranks: class i holds the ranks from ``edges[i]`` to ``edges[i + 1] - 1``.
    content_bits : float
        H0, what an unknown element costs.
    statement_rate : float
        r.

    Returns
    -------
    numpy.ndarray, shape (c, n)
        H0 Σ p_k (1 - q_k)^n / Σ p_k over each class. Class after class falls, each d^-1 decades of sentences
        per decade of ranks after the one before.

    Raises
    ------
    ValueError
        If the edges do not ascend from at least 1.
    """
    bounds = np.asarray(edges, np.float64)
    if bounds.ndim != 1 or len(bounds) < 2 or bounds[0] < 1 or not (np.diff(bounds) > 0).all():
        raise ValueError("edges: are not at least two ascending ranks from 1 on")
    rows = []
    for first, end in itertools.pairwise(bounds):
        known, unknown = mean_known(weights, sentences, statement_rate, float(first), float(end) - 1)
        with np.errstate(invalid="ignore"):
            rows.append(content_bits * unknown / (known + unknown))
    return np.array(rows)


def _check_rate(statement_rate: float) -> None:
    if not 0 < statement_rate <= 1:
        raise ValueError(f"statement_rate: {statement_rate!r} is not above 0 and at most 1")
