"""Gamma, beta, Dirichlet and binomial draws: functions of (seed, stream, index), the same everywhere."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.arguments import word
from skmfast.samplers import _gamma_family as _gamma
from skmfast.settings import check_isa, resolve_threads

check_isa()

Doubles = npt.NDArray[np.float64]
Size = int | Sequence[int] | None

MIN_SHAPE: float = _gamma.MIN_SHAPE
MAX_SHAPE: float = _gamma.MAX_SHAPE
MAX_TRIALS: int = _gamma.MAX_TRIALS


def gamma(
    shape: npt.ArrayLike,
    size: Size = None,
    *,
    seed: int,
    stream: int = 0,
    first: int = 0,
    log: bool = False,
    out: Doubles | None = None,
    threads: int | None = None,
) -> Doubles:
    """Gamma draws of scale 1: draw i is a function of (seed, stream, first + i, shape_i).

    Parameters
    ----------
    shape : float or array_like
        Shape parameters, 1e-300 to 1e300; broadcast to ``size``.
    size : int or tuple of int, optional
        Shape of the result; that of ``shape`` if left out.
    seed, stream, first : int
        Which draws, 0 to 2^64 - 1 each.
    log : bool
        Return natural logarithms. A draw of a small shape may be below the least double (it is 0 then); its
        logarithm never is.
    out : ndarray of float64, optional
        Where the draws go: contiguous, of the shape of the result.
    threads : int, optional
        See `skmfast.settings.resolve_threads`. The result does not depend on it.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    ValueError, TypeError
        If an argument is outside its domain or ``out`` does not fit.

    References
    ----------
    Marsaglia, Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000).

    Examples
    --------
    >>> gamma([0.5, 2.0], seed=1).shape
    (2,)
    >>> bool(gamma(1e-5, seed=1, log=True) < -700)
    True
    """
    workers = resolve_threads(threads)
    shapes = _parameter(shape, "shape", MIN_SHAPE, MAX_SHAPE, workers)
    result = _result(_size(size, shapes), out, np.float64)
    place = _place(seed, stream, first)
    _gamma.gamma(*place, _spread(shapes, result), log, result.reshape(-1), workers)
    return result


def beta(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    size: Size = None,
    *,
    seed: int,
    stream: int = 0,
    first: int = 0,
    out: Doubles | None = None,
    threads: int | None = None,
) -> Doubles:
    """Beta(a, b) draws X / (X + Y): draw i is a function of (seed, stream, first + i, a_i, b_i).

    X and Y are gamma draws 2 (first + i) and 2 (first + i) + 1 of the stream, divided by way of their
    logarithms, so that small ``a`` and ``b`` together do not give 0 / 0. Parameters as in `gamma`; results
    are in [0, 1], where 0 and 1 stand for what is nearer to them than a double can be.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside its domain or ``out`` does not fit.

    Examples
    --------
    >>> x = beta(0.5, 3.0, 1000, seed=1)
    >>> bool(abs(x.mean() - 0.5 / 3.5) < 0.03)
    True
    """
    workers = resolve_threads(threads)
    a_values = _parameter(a, "a", MIN_SHAPE, MAX_SHAPE, workers)
    b_values = _parameter(b, "b", MIN_SHAPE, MAX_SHAPE, workers)
    result = _result(_size(size, a_values, b_values), out, np.float64)
    shapes = _spread(a_values, result), _spread(b_values, result)
    _gamma.beta(*_place(seed, stream, first), *shapes, result.reshape(-1), workers)
    return result


def dirichlet(
    concentration: npt.ArrayLike,
    size: Size = None,
    *,
    seed: int,
    stream: int = 0,
    first: int = 0,
    out: Doubles | None = None,
    threads: int | None = None,
) -> Doubles:
    """Dirichlet draws: gamma draws divided by their sum, by way of logarithms.

    Parameters
    ----------
    concentration : array_like, shape (K,)
        Parameters, 1e-300 to 1e300 each; K at least 1.
    size : int or tuple of int, optional
        How many draws; one, without a dimension of its own, if left out.
    seed, stream, first : int
        Row i takes gamma draws first + i K to first + (i + 1) K - 1.
    out, threads
        As in `gamma`.

    Returns
    -------
    ndarray of float64, shape (*size, K)
        Rows that sum to 1, up to rounding.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside its domain or ``out`` does not fit.

    Examples
    --------
    >>> round(float(dirichlet([1e-9, 1e-9, 1e-9], seed=4).sum()), 12)
    1.0
    """
    workers = resolve_threads(threads)
    shapes = _parameter(concentration, "concentration", MIN_SHAPE, MAX_SHAPE, workers)
    if shapes.ndim != 1 or shapes.size == 0:
        raise ValueError(f"concentration: shape {shapes.shape} instead of (K,) with K >= 1")
    rows = _dimensions(() if size is None else size)
    result = _result((*rows, shapes.size), out, np.float64)
    place = _place(seed, stream, first)
    _gamma.dirichlet(*place, np.ascontiguousarray(shapes), result.reshape(-1), workers)
    return result


def binomial(
    trials: npt.ArrayLike,
    probability: npt.ArrayLike,
    size: Size = None,
    *,
    seed: int,
    stream: int = 0,
    first: int = 0,
    out: npt.NDArray[np.uint64] | None = None,
    threads: int | None = None,
) -> npt.NDArray[np.uint64]:
    """Binomial draws: draw i is a function of (seed, stream, first + i, trials_i, probability_i).

    Exact for every number of trials below 2^53: sequential search while the mean of successes or of
    failures is below 10, transformed rejection (Hörmann 1993) beyond.

    Parameters
    ----------
    trials : int or array_like of int
        0 to 2^53 - 1.
    probability : float or array_like
        0 to 1.
    size, seed, stream, first, out, threads
        As in `gamma`; ``out`` is of uint64.

    Returns
    -------
    ndarray of uint64

    Raises
    ------
    ValueError, TypeError
        If an argument is outside its domain or ``out`` does not fit.

    Examples
    --------
    >>> bool(abs(binomial(10**12, 0.25, seed=1) - 2.5e11) < 5 * (10**12 * 0.25 * 0.75) ** 0.5)
    True
    """
    numbers = np.asarray(trials)
    if numbers.size and numbers.dtype.kind not in "iu":
        raise TypeError(f"trials must be integers, got {numbers.dtype}")
    if numbers.size and (int(numbers.min()) < 0 or int(numbers.max()) > MAX_TRIALS):
        raise ValueError(f"trials: outside 0 to {MAX_TRIALS}")
    workers = resolve_threads(threads)
    chances = _parameter(probability, "probability", 0.0, 1.0, workers)
    result = _result(_size(size, numbers, chances), out, np.uint64)
    spread = _spread(numbers.astype(np.uint64), result), _spread(chances, result)
    _gamma.binomial(*_place(seed, stream, first), *spread, result.reshape(-1), workers)
    return result


# ---- arguments -----------------------------------------------------------------------------------


def _parameter(values: npt.ArrayLike, name: str, least: float, most: float, threads: int) -> Doubles:
    array = np.asarray(values, dtype=np.float64)
    if array.flags.c_contiguous and _gamma.all_within(array.reshape(-1), least, most, threads):
        return array
    bad = ~((array >= least) & (array <= most))
    if bad.any():
        where = f"[{', '.join(map(str, np.argwhere(bad)[0]))}]" if array.ndim else ""
        raise ValueError(f"{name}{where} = {array[bad][0]}: outside {least:g} to {most:g}")
    return array


def _dimensions(size: int | Sequence[int]) -> tuple[int, ...]:
    dimensions = (
        (operator.index(size),) if not isinstance(size, Sequence) else tuple(map(operator.index, size))
    )
    if any(length < 0 for length in dimensions):
        raise ValueError(f"size = {size}: a dimension is negative")
    return dimensions


def _size(size: Size, *parameters: npt.NDArray[Any]) -> tuple[int, ...]:
    natural = np.broadcast_shapes(*(parameter.shape for parameter in parameters))
    if size is None:
        return natural
    wanted = _dimensions(size)
    if np.broadcast_shapes(natural, wanted) != wanted:
        raise ValueError(f"size = {wanted}: parameters of shape {natural} do not fit")
    return wanted


def _result(dimensions: tuple[int, ...], out: npt.NDArray[Any] | None, dtype: Any) -> npt.NDArray[Any]:
    if out is None:
        return np.empty(dimensions, dtype=dtype)
    if not isinstance(out, np.ndarray) or out.dtype != dtype:
        raise TypeError(
            f"out: an array of {np.dtype(dtype)} is needed, got {getattr(out, 'dtype', type(out))}"
        )
    if out.shape != dimensions or not out.flags.c_contiguous or not out.flags.writeable:
        raise ValueError(f"out: shape {out.shape}, or not contiguous and writeable; {dimensions} is needed")
    return out


def _spread(values: npt.NDArray[Any], result: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """One value for all draws, or one a draw."""
    if values.size == 1:
        return values.reshape(1)
    return np.ascontiguousarray(np.broadcast_to(values, result.shape)).reshape(-1)


def _place(seed: int, stream: int, first: int) -> tuple[int, int, int]:
    return word(seed, "seed"), word(stream, "stream"), word(first, "first")
