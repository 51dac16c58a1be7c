"""Dirichlet priors of categorical distributions: draws, posteriors, code lengths from counts.

Arrays hold one distribution along their last axis. Where distributions have fewer categories than the axis
is long, the prior of the missing ones is zero, and so are their counts and probabilities.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def check_prior(prior: npt.ArrayLike, where: str = "prior") -> npt.NDArray[np.float64]:
    """``prior`` as an array; ValueError unless it is finite, not negative, and nowhere all zero."""
    array = np.asarray(prior, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(f"{where}: no categories")
    if not (np.all(np.isfinite(array)) and np.all(array >= 0)):
        raise ValueError(f"{where}: parameters of a Dirichlet distribution are positive and finite")
    if np.any(~(array > 0).any(axis=-1)):
        raise ValueError(f"{where}: a distribution without categories")
    return array


def check_counts(counts: npt.ArrayLike, prior: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """``counts`` as float64 of the prior's shape; ValueError unless they are whole and possible."""
    array = np.asarray(counts)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"counts are numbers, not {array.dtype}")
    array = array.astype(np.float64)
    if array.shape != prior.shape:
        raise ValueError(f"counts of shape {array.shape} for a prior of shape {prior.shape}")
    if not (np.all(array >= 0) and np.all(array < 2.0**53) and np.all(array == np.floor(array))):
        raise ValueError("counts are whole numbers from 0 to 2^53 - 1")
    if np.any(array[prior == 0] > 0):
        place = tuple(int(i) for i in np.argwhere((prior == 0) & (array > 0))[0])
        raise ValueError(f"counts{list(place)} is positive for a category that there is not")
    return array


def code_length_bits(counts: npt.ArrayLike, prior: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Bits of any sequence with these counts under the Dirichlet mixture of memoryless sources.

    -log2 of Γ(A) / Γ(A + n) · Π Γ(a_i + n_i) / Γ(a_i), with A the sum of the a_i and n that of the n_i:
    the length of the code that predicts category i with probability (n_i + a_i) / (n + A).

    Parameters
    ----------
    counts : array_like of integers, shape (..., categories)
        How often each category came.
    prior : array_like of float, shape (..., categories)
        Parameters a_i of the Dirichlet distribution; 0 where there is no category.

    Returns
    -------
    ndarray of float64, shape (...)

    Examples
    --------
    Laplace's rule on one of each of two categories: 1/2 · 1/3.

    >>> round(float(code_length_bits([1, 1], [1.0, 1.0])), 6)
    2.584963
    """
    prior = check_prior(prior)
    array = check_counts(counts, prior)
    nats = _log_multinomial(array + prior) - _log_multinomial(prior)
    return np.asarray(nats / math.log(2))


def sequential_bits(
    groups: npt.ArrayLike, categories: npt.ArrayLike, prior: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Bits of each event in turn, given those before it; by group they add up to `code_length_bits`.

    Parameters
    ----------
    groups : array_like of integers, shape (n,)
        The distribution that each event is drawn from: a row of ``prior``.
    categories : array_like of integers, shape (n,)
        What came.
    prior : array_like of float, shape (groups, categories)
        Parameters of the Dirichlet distributions.

    Returns
    -------
    ndarray of float64, shape (n,)
        -log2 of (n_i + a_i) / (n + A), with the counts of the events before.

    Examples
    --------
    >>> sequential_bits([0, 0], [0, 0], [[1.0, 1.0]]).round(6).tolist()
    [1.0, 0.584963]
    """
    prior = check_prior(prior)
    if prior.ndim != 2:
        raise ValueError(f"a prior of shape {prior.shape}; one row for each group is expected")
    rows, columns = np.asarray(groups, dtype=np.int64), np.asarray(categories, dtype=np.int64)
    if rows.shape != columns.shape or rows.ndim != 1:
        raise ValueError(f"{rows.shape} groups and {columns.shape} categories are not of one length")
    for name, array, size in (("group", rows, prior.shape[0]), ("category", columns, prior.shape[1])):
        if array.size and not (array.min() >= 0 and array.max() < size):
            raise ValueError(f"{name} outside 0 to {size - 1}")
    weight = prior[rows, columns]
    if np.any(weight == 0):
        event = int(np.flatnonzero(weight == 0)[0])
        raise ValueError(f"event {event:,}: group {rows[event]} has no category {columns[event]}")
    weight = weight + _times_before(rows * prior.shape[1] + columns)
    total = prior.sum(axis=1)[rows] + _times_before(rows)
    return np.asarray(np.log2(total) - np.log2(weight))


def oracle_bits(counts: npt.ArrayLike, probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Bits of any sequence with these counts under known distributions: -Σ n_i log2 p_i.

    Infinite where something came whose probability is zero.
    """
    array, known = np.asarray(counts, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.where(array > 0, -array * np.log2(known), 0.0)
    return np.asarray(bits.sum(axis=-1))


def entropy_bits(probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Entropy of distributions along the last axis, in bits."""
    known = np.asarray(probabilities, dtype=np.float64)
    return np.asarray(-(known * np.log2(np.where(known > 0, known, 1.0))).sum(axis=-1))


def expected_entropy_bits(prior: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Mean entropy of a distribution drawn from the prior: ψ(A + 1) - Σ a_i/A ψ(a_i + 1), in bits.

    With counts added to the prior: the mean under the posterior.

    Examples
    --------
    >>> round(float(expected_entropy_bits([1.0, 1.0])), 6)
    0.721348
    """
    from scipy.special import psi

    prior = check_prior(prior)
    total = prior.sum(axis=-1)
    return np.asarray((psi(total + 1) - (prior * psi(prior + 1)).sum(axis=-1) / total) / math.log(2))


def num_parameters(prior: npt.ArrayLike) -> int:
    """Free parameters: categories less one, added over the distributions."""
    prior = check_prior(prior)
    return int(((prior > 0).sum(axis=-1) - 1).sum())


def draw(prior: npt.ArrayLike, seed: int, stream: int) -> npt.NDArray[np.float64]:
    """Distributions drawn from their priors, the same on any machine.

    Parameters
    ----------
    prior : array_like of float, shape (..., categories)
        Parameters a_i.
    seed, stream : int
        Each distribution takes its gamma draws from the flat place of its first entry on; see
        `skmfast.samplers.gamma_family.dirichlet`.

    Returns
    -------
    ndarray of float64, shape (..., categories)
        They add up to one along the last axis, up to rounding.
    """
    from skmfast.samplers.gamma_family import dirichlet

    prior = check_prior(prior)
    flat = prior.reshape(-1, prior.shape[-1])
    result = np.zeros_like(flat)
    for row, shapes in enumerate(flat):
        present = shapes > 0
        result[row, present] = dirichlet(
            shapes[present], seed=seed, stream=stream, first=row * len(shapes), threads=1
        )
    return result.reshape(prior.shape)


def _log_multinomial(x: npt.NDArray[np.float64]) -> Any:
    """ln Γ(Σ x_i) - Σ ln Γ(x_i) along the last axis, zeros left out.

    By Stirling's formula with its remainder, in which what is large cancels before anything is computed:
    the difference of log-gammas would lose all digits where one x_i is nearly the sum.
    """
    present = x > 0
    safe = np.where(present, x, 1.0)
    total = x.sum(axis=-1)
    # ln(total / x_i), from the share of the others where x_i is most of it.
    order = np.argsort(x, axis=-1)
    ordered = np.take_along_axis(x, order, axis=-1)
    below = np.zeros_like(x)
    np.put_along_axis(below, order[..., -1:], ordered[..., :-1].sum(axis=-1, keepdims=True), axis=-1)
    ratio = np.where(
        2 * safe > total[..., None],
        -np.log1p(-np.minimum(below, 0.5 * total[..., None]) / total[..., None]),
        np.log(total[..., None] / safe),
    )
    terms = safe * ratio + 0.5 * np.log(safe) - _HALF_LOG_TWO_PI - _stirling_remainder(safe)
    rest = _HALF_LOG_TWO_PI - 0.5 * np.log(total) + _stirling_remainder(total)
    return np.where(present, terms, 0.0).sum(axis=-1) + rest


def _stirling_remainder(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """ln Γ(x) - ((x - 1/2) ln x - x + ln(2π)/2)."""
    from scipy.special import gammaln

    small = np.minimum(x, 16.0)
    direct = gammaln(small) - ((small - 0.5) * np.log(small) - small + _HALF_LOG_TWO_PI)
    inverse = 1.0 / np.maximum(x, 16.0)
    square = inverse * inverse
    series = inverse * (
        1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))
    )
    return np.where(x < 16.0, direct, series)


def _times_before(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How often each label came before."""
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])[: len(ordered)]
    lengths = np.diff(np.r_[begins, len(ordered)])
    result = np.empty(len(labels), dtype=np.int64)
    result[order] = np.arange(len(ordered)) - np.repeat(begins, lengths)
    return result
