"""The Pitman-Yor process: labels from a Chinese restaurant, sizes of tables, sticks, weights given counts.

A discount d in [0, 1) and a concentration above -d. After n customers at K tables the next one opens a table
with probability (concentration + d K) / (n + concentration), and joins table k, where n_k sit, with
probability (n_k - d) / (n + concentration). d = 0 is the Dirichlet process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.arguments import integer, word
from skmfast.samplers import _gamma_family as _gamma
from skmfast.samplers import _pitman_yor
from skmfast.settings import check_isa, free_memory, resolve_threads

check_isa()

MAX_CUSTOMERS: int = _pitman_yor.MAX_CUSTOMERS
MAX_TABLES: int = _pitman_yor.MAX_TABLES
MAX_SIZES_CUSTOMERS: int = _pitman_yor.MAX_SIZES_CUSTOMERS

_STATE_VERSION = 1

Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.uint64]


class Restaurant:
    """Labels of customers in the Chinese restaurant of a Pitman-Yor process, one after the other.

    A label is a function of (seed, stream, index, the counts that were given): the same for any number of
    threads, on any instruction set, and however the customers are cut into calls. At most 2^40 customers
    and 2^31 tables.

    Parameters
    ----------
    discount : float
        In [0, 1).
    concentration : float
        Above -discount.
    seed, stream : int
        0 to 2^64 - 1 each.

    Raises
    ------
    ValueError, TypeError
        If a parameter is outside its range.

    References
    ----------
    Pitman, "Exchangeable and partially exchangeable random partitions", Probab. Theory Relat. Fields 102
    (1995). How many customers are drawn at once: docs/theory.md, "The Chinese restaurant in epochs".

    Examples
    --------
    >>> restaurant = Restaurant(0.5, 1.0, seed=1)
    >>> labels = restaurant.seat(1000)
    >>> bool((np.bincount(labels) == restaurant.counts).all())
    True
    >>> more = Restaurant.from_state(restaurant.state()).seat(10)
    >>> bool((more == restaurant.seat(10)).all())
    True
    """

    def __init__(self, discount: float, concentration: float, seed: int, stream: int = 1) -> None:
        self._begin(discount, concentration, seed, stream, np.empty(0, dtype=np.uint64))

    def _begin(self, discount: float, concentration: float, seed: int, stream: int, counts: Counts) -> None:
        self._discount, self._concentration = check_parameters(discount, concentration)
        self._seed, self._stream = word(seed, "seed"), word(stream, "stream")
        self._given = counts
        self._seating = _pitman_yor.Seating(
            self._discount, self._concentration, self._seed, self._stream, counts
        )

    @classmethod
    def given(
        cls, counts: npt.ArrayLike, discount: float, concentration: float, seed: int, stream: int = 1
    ) -> Restaurant:
        """A restaurant where ``counts[k]`` customers already sit at table k, as seen elsewhere.

        The posterior given those customers; new ones have indices from ``counts.sum()`` on, new tables labels
        from ``len(counts)`` on.

        Raises
        ------
        ValueError, TypeError
            If a count is less than 1, or there are too many.
        """
        restaurant = cls.__new__(cls)
        restaurant._begin(discount, concentration, seed, stream, _counts(counts))
        return restaurant

    @property
    def discount(self) -> float:
        """In [0, 1)."""
        return self._discount

    @property
    def concentration(self) -> float:
        """Above -discount."""
        return self._concentration

    @property
    def seed(self) -> int:
        """Of all draws."""
        return self._seed

    @property
    def stream(self) -> int:
        """Of all draws."""
        return self._stream

    @property
    def num_customers(self) -> int:
        """Customers seated, given ones included."""
        return self._seating.num_customers

    @property
    def num_tables(self) -> int:
        """Tables with at least one customer."""
        return self._seating.num_tables

    @property
    def counts(self) -> Counts:
        """ndarray of uint64, shape (num_tables,): customers at each table, in order of appearance."""
        return self._seating.counts

    def seat(
        self, n: int, out: npt.NDArray[np.uint32] | None = None, threads: int | None = None
    ) -> npt.NDArray[np.uint32]:
        """Seat ``n`` more customers; ``seat(a)`` and then ``seat(b)`` give what ``seat(a + b)`` gives.

        Parameters
        ----------
        n : int
            At least 0; with 0 nothing happens and the result is empty.
        out : ndarray of uint32, shape (n,), optional
            Where the labels go, contiguous.
        threads : int, optional
            See `skmfast.settings.resolve_threads`. The labels do not depend on it.

        Returns
        -------
        ndarray of uint32, shape (n,)
            The table of each customer; tables are numbered from 0 in order of appearance.

        Raises
        ------
        ValueError, TypeError
            If ``n`` is negative or ``out`` does not fit.
        OverflowError
            If there would be more than 2^40 customers, or 2^31 tables.
        """
        number = _number(n, "n")
        if number > MAX_CUSTOMERS - self.num_customers:
            raise OverflowError(f"{self.num_customers} + {number} customers; {MAX_CUSTOMERS} is the most")
        if out is None:
            out = np.empty(number, dtype=np.uint32)
        elif not isinstance(out, np.ndarray) or out.dtype != np.uint32:
            raise TypeError(f"out: an array of uint32 is needed, got {getattr(out, 'dtype', type(out))}")
        elif out.shape != (number,) or not out.flags.c_contiguous or not out.flags.writeable:
            raise ValueError(
                f"out: shape {out.shape}, or not contiguous and writeable; ({number},) is needed"
            )
        try:
            self._seating.seat(out, resolve_threads(threads))
        except ValueError as error:  # std::length_error
            raise OverflowError(f"{error}: {MAX_TABLES} is the most") from None
        return out

    def state(self) -> dict[str, Any]:
        """All that `from_state` needs: numbers, and one array, ``counts``, fit for ``numpy.savez``.

        ``counts`` are the tables at the start of the present epoch; the customers since then
        are drawn again by `from_state`, which takes a few milliseconds for each million of them.
        """
        return {
            "version": _STATE_VERSION,
            "discount": self._discount,
            "concentration": self._concentration,
            "seed": self._seed,
            "stream": self._stream,
            "num_customers": self.num_customers,
            "counts": self._seating.epoch_counts,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Restaurant:
        """The restaurant whose `state` this is: it goes on as if it had never stopped.

        Values may be arrays without dimensions, as ``numpy.load`` returns them, and ``counts`` a list,
        as JSON does.

        Raises
        ------
        ValueError, TypeError, KeyError
            If something is missing or does not fit together.
        """
        version = int(state["version"])
        if version != _STATE_VERSION:
            raise ValueError(f"version = {version} of a restaurant's state is unknown")
        restaurant = cls.__new__(cls)
        counts = _counts(state["counts"])
        parameters = float(state["discount"]), float(state["concentration"])
        restaurant._begin(*parameters, int(state["seed"]), int(state["stream"]), counts)
        since = int(state["num_customers"]) - restaurant.num_customers
        if since < 0:
            raise ValueError(f"num_customers is {-since} less than the sum of counts")
        while since > 0:
            part = min(since, 1 << 20)
            restaurant.seat(part)
            since -= part
        return restaurant

    def __repr__(self) -> str:
        return (
            f"Restaurant(discount={self._discount:g}, concentration={self._concentration:g}, "
            f"seed={self._seed}, stream={self._stream}): {self.num_customers} customers, "
            f"{self.num_tables} tables"
        )


def table_sizes(n: int, discount: float, concentration: float, seed: int, stream: int = 1) -> Counts:
    """Sizes of the tables of ``n`` customers in order of appearance, without the customers.

    The same law as ``Restaurant(...).seat(n)`` counted, another draw; time and memory are proportional to the
    number of tables, about n^discount. The first customer's table takes 1 + Binomial(n - 1, V) with
    V ~ Beta(1 - discount, concentration + discount); the others are a restaurant of their own with
    concentration + discount.

    Parameters
    ----------
    n : int
        0 to 2^53 - 1.
    discount, concentration, seed, stream
        As in `Restaurant`.

    Returns
    -------
    ndarray of uint64, shape (K,)

    Raises
    ------
    ValueError, TypeError
        If a parameter is outside its range.
    OverflowError
        If n is 2^53 or more.
    MemoryError
        If the tables do not fit in memory.

    Examples
    --------
    >>> int(table_sizes(10**12, 0.5, 1.0, seed=1).sum()) == 10**12
    True
    """
    check_parameters(discount, concentration)
    number = _number(n, "n")
    if number > MAX_SIZES_CUSTOMERS:
        raise OverflowError(f"n = {number}: {MAX_SIZES_CUSTOMERS} is the most")
    most = free_memory() // 24  # eight bytes each, twice while the vector grows, and once as an array
    try:
        return _pitman_yor.table_sizes(
            number, discount, concentration, word(seed, "seed"), word(stream, "stream"), most
        )
    except ValueError:  # std::length_error
        raise MemoryError(f"more than {most} tables do not fit in memory") from None


def weights_given(
    counts: npt.ArrayLike,
    discount: float,
    concentration: float,
    seed: int,
    stream: int = 5,
    threads: int | None = None,
) -> tuple[Doubles, float]:
    """Weights of the elements seen, drawn from their posterior given how often each was seen.

    Dirichlet(n_1 - d, ..., n_K - d, concentration + d K), the last for all unseen elements together. With
    labels from a `Restaurant` of the same parameters, weights and labels have the joint law of weights
    drawn first (docs/theory.md).

    Parameters
    ----------
    counts : array_like of int, shape (K,)
        At least 1 each.
    discount, concentration
        As in `Restaurant`.
    seed, stream : int
        Gamma draw k of the stream is element k's, draw K that of the rest.
    threads : int, optional
        See `skmfast.settings.resolve_threads`.

    Returns
    -------
    weights : ndarray of float64, shape (K,)
    rest : float
        Total weight of the elements not seen.

    Raises
    ------
    ValueError, TypeError
        If a parameter is outside its range.

    Examples
    --------
    >>> weights, rest = weights_given([5, 2, 1], 0.5, 1.0, seed=1)
    >>> round(float(weights.sum()) + rest, 12)
    1.0
    """
    check_parameters(discount, concentration)
    numbers = _counts(counts)
    shapes = np.empty(numbers.size + 1)
    np.subtract(numbers, discount, out=shapes[:-1])
    if numbers.size == 0:
        return shapes[:-1], 1.0
    shapes[-1] = concentration + discount * numbers.size
    workers = resolve_threads(threads)
    weights = np.empty_like(shapes)
    _gamma.dirichlet(word(seed, "seed"), word(stream, "stream"), 0, shapes, weights, workers)
    return weights[:-1], float(weights[-1])


class StickBreaking:
    """Weights of a Pitman-Yor process in order of appearance, broken off a stick as they are needed.

    Weight j is V_j times the product of 1 - V_i over i < j, with V_j ~ Beta(1 - d, concentration + j d) for
    j = 1, 2, ... and d the discount. The tail falls like j^(1 - 1/d) only, so it is not always reached:
    beyond ``most`` sticks there is an error instead of endless growth.

    Parameters
    ----------
    discount, concentration, seed, stream
        As in `Restaurant`.
    most : int
        Sticks at most; 16 bytes each.

    Raises
    ------
    ValueError, TypeError
        If a parameter is outside its range.

    Examples
    --------
    >>> sticks = StickBreaking(0.5, 1.0, seed=1)
    >>> sticks.weights(3).shape
    (3,)
    >>> elements = sticks.draw([0.1, 0.9, 0.5])
    """

    def __init__(
        self, discount: float, concentration: float, seed: int, stream: int = 1, most: int = 1 << 24
    ) -> None:
        self._discount, self._concentration = check_parameters(discount, concentration)
        self._seed, self._stream = word(seed, "seed"), word(stream, "stream")
        self._most = _number(most, "most")
        self._weights: Doubles = np.empty(0)
        self._rests: Doubles = np.empty(0)

    @property
    def num_sticks(self) -> int:
        """Sticks broken off so far."""
        return self._weights.size

    @property
    def rest(self) -> float:
        """What is left of the stick."""
        return float(self._rests[-1]) if self._rests.size else 1.0

    def weights(self, num: int) -> Doubles:
        """The first ``num`` weights (a copy).

        Raises
        ------
        OverflowError
            If ``num`` is more than ``most``.
        """
        number = _number(num, "num")
        self._grow(number)
        return np.array(self._weights[:number])

    def draw(self, uniforms: npt.ArrayLike) -> npt.NDArray[np.uint64]:
        """Elements by inversion: for u in [0, 1), the first stick after which at most 1 - u is left.

        Parameters
        ----------
        uniforms : array_like
            In [0, 1).

        Returns
        -------
        ndarray of uint64, of the shape of ``uniforms``

        Raises
        ------
        ValueError
            If a number is outside [0, 1).
        OverflowError
            If more than ``most`` sticks are needed.
        """
        numbers = np.asarray(uniforms, dtype=np.float64)
        if not bool(((numbers >= 0) & (numbers < 1)).all()):
            raise ValueError("uniforms: a number is outside [0, 1)")
        if numbers.size == 0:
            return np.empty(numbers.shape, dtype=np.uint64)
        left = 1.0 - numbers
        while self.rest > left.min():
            if self.num_sticks >= self._most:
                raise OverflowError(
                    f"{self._most} sticks leave {self.rest:g}, {left.min():g} is needed: too heavy a tail"
                )
            self._grow(min(max(1024, 2 * self.num_sticks), self._most))
        return np.searchsorted(-self._rests, -left, side="left").astype(np.uint64)

    def _grow(self, number: int) -> None:
        if number > self._most:
            raise OverflowError(f"{number} sticks; {self._most} is the most")
        # Whole blocks, so that sticks come in the same batches however they are asked for.
        first, block = self.num_sticks, 1024
        more = min(-(-number // block) * block, max(self._most, block)) - first
        if more <= 0:
            return
        weights, rests = np.empty(more), np.empty(more)
        _pitman_yor.sticks(
            self._discount, self._concentration, self._seed, self._stream, first, self.rest, weights, rests
        )
        self._weights = np.concatenate([self._weights, weights])
        self._rests = np.concatenate([self._rests, rests])


# ---- arguments -----------------------------------------------------------------------------------


def check_parameters(discount: float, concentration: float) -> tuple[float, float]:
    """The two parameters as floats.

    Raises
    ------
    ValueError
        Unless 0 <= discount < 1 and -discount < concentration <= 1e12.

    Examples
    --------
    >>> check_parameters(0.5, -0.25)
    (0.5, -0.25)
    """
    discount, concentration = float(discount), float(concentration)
    if not 0 <= discount < 1:
        raise ValueError(f"discount = {discount}: outside [0, 1)")
    if not -discount < concentration <= 1e12 or math.isnan(concentration):
        raise ValueError(
            f"concentration = {concentration}: outside (-discount, 1e12] with discount {discount}"
        )
    return discount, concentration


def _number(value: int, name: str) -> int:
    number = integer(value, name)
    if number < 0:
        raise ValueError(f"{name} = {number}: negative")
    return number


def _counts(counts: npt.ArrayLike) -> Counts:
    array = np.asarray(counts)
    if array.ndim != 1:
        raise ValueError(f"counts: shape {array.shape} instead of (K,)")
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"counts must be integers, got {array.dtype}")
    if array.size and int(array.min()) < 1:
        raise ValueError(f"counts[{int(array.argmin())}] = {int(array.min())}: less than 1")
    if array.size > MAX_TABLES or (array.size and float(array.sum(dtype=np.float64)) > MAX_CUSTOMERS):
        raise OverflowError(f"counts: more than {MAX_TABLES} tables or {MAX_CUSTOMERS} customers")
    return np.ascontiguousarray(array, dtype=np.uint64)
