"""The generator: arrays of random numbers of one stream."""

from __future__ import annotations

import math
import operator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from skmfast.arguments import integer
from skmfast.samplers import _samplers
from skmfast.samplers.alias import AliasTable
from skmfast.settings import check_isa, resolve_threads

check_isa()

Size: TypeAlias = int | tuple[int, ...] | None
_Array: TypeAlias = npt.NDArray[Any]

_WORDS = 1 << 64
_REALS = (np.dtype(np.float64), np.dtype(np.float32))
_INTEGERS = tuple(np.dtype(kind) for kind in (np.int64, np.uint64, np.int32, np.uint32))
_MAX_PARAMETER = 2.0**40
_UNBOUNDED = (1 << 63) - 1


class Generator:
    """Random numbers of one stream: draw i is a function of (seed, stream, i) and of nothing else.

    Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011), keyed by (seed, stream) and counted by the index,
    so that the same numbers come out for any number of threads, in any order, on any processor.
    Every method draws at `position` and moves it on by the number of elements drawn; `at` gives a generator
    at another position.

    Parameters
    ----------
    seed, stream : int
        From 0 to 2**64 - 1. Streams of one seed never share a key.
    position : int
        Index of the next draw, 0 to 2**64.

    Raises
    ------
    ValueError
        A number is out of its range.
    TypeError
        It is not an integer.

    Notes
    -----
    Arguments that all methods share:

    size : int or tuple of int, optional
        Shape of the result. Default: one number, not an array.
    out : ndarray, optional
        Where to write: C-contiguous, writeable, of a type that the method offers, and of shape `size` if
        that is given too. It is returned.
    threads : int, optional
        Default: ``SKMFAST_THREADS``, else every core the process may run on. Never changes the result.

    A wrong `out` is a TypeError (no array, or another type) or a ValueError (shape, order, read-only); a
    range that runs past index 2**64 is an OverflowError.

    Examples
    --------
    >>> generator = Generator(seed=1, stream=2)
    >>> numbers = generator.random(5)
    >>> generator.position
    5
    >>> bool(generator.at(3).random() == numbers[3])
    True
    """

    __slots__ = ("_key", "_position", "_seed", "_stream")

    def __init__(self, seed: int, stream: int = 0, *, position: int = 0) -> None:
        self._seed = _whole(seed, "seed", 0, _WORDS - 1)
        self._stream = _whole(stream, "stream", 0, _WORDS - 1)
        self._key = _samplers.stream_key(self._seed, self._stream)
        self.position = position

    @property
    def seed(self) -> int:
        return self._seed

    @property
    def stream(self) -> int:
        return self._stream

    @property
    def position(self) -> int:
        """Index of the next draw; may be set."""
        return self._position

    @position.setter
    def position(self, position: int) -> None:
        self._position = _whole(position, "position", 0, _WORDS)

    def __repr__(self) -> str:
        return f"Generator(seed={self._seed}, stream={self._stream}, position={self._position})"

    def __reduce__(self) -> Any:
        return _restore, (self._seed, self._stream, self._position)

    def at(self, index: int) -> Generator:
        """A generator of the same stream whose next draw is `index`."""
        return Generator(self._seed, self._stream, position=index)

    def spawn(self, stream: int) -> Generator:
        """The generator of another stream of the same seed, at its beginning."""
        return Generator(self._seed, stream)

    def numpy(self) -> np.random.Generator:
        """A generator of numpy, PCG64 seeded by (seed, stream), for distributions that are not offered here.

        The position plays no part, and what it draws is another stream than this one's.

        Examples
        --------
        >>> Generator(1).numpy().normal() == Generator(1).numpy().normal()
        True
        """
        sequence = np.random.SeedSequence(entropy=self._seed, spawn_key=(self._stream,))
        return np.random.Generator(np.random.PCG64(sequence))

    def random(
        self,
        size: Size = None,
        dtype: npt.DTypeLike = np.float64,
        *,
        out: _Array | None = None,
        threads: int | None = None,
    ) -> Any:
        """Uniform numbers on [0, 1): multiples of 2**-53, or of 2**-24 as float32.

        Returns
        -------
        ndarray of float64 or float32, or float

        Examples
        --------
        >>> Generator(0).random(2).tolist()
        [0.9721080178730626, 0.3872740307717165]
        """
        result = _target(size, dtype, out, _REALS)
        fill = _samplers.fill_doubles if result.dtype == np.float64 else _samplers.fill_floats
        fill(self._key, self._take(result.size), result, resolve_threads(threads))
        return _given(result, size, out)

    def uniform(
        self,
        low: float = 0.0,
        high: float = 1.0,
        size: Size = None,
        dtype: npt.DTypeLike = np.float64,
        *,
        out: _Array | None = None,
        threads: int | None = None,
    ) -> Any:
        """Uniform numbers between `low` and `high`: ``low + (high - low) * random()``, rounded.

        Raises
        ------
        ValueError
            low or high is not finite, nor is their difference, or low > high.
        """
        span = float(high) - float(low)
        if not (math.isfinite(span) and span >= 0.0):
            raise ValueError(f"low and high must be finite with low <= high, got {low} and {high}")
        result = _target(size, dtype, out, _REALS)
        self.random(out=result, threads=threads)
        result *= span
        result += low
        return _given(result, size, out)

    def words(self, size: Size = None, *, out: _Array | None = None, threads: int | None = None) -> Any:
        """64 random bits each, as uint64: word i of the stream, from which the others are made.

        Examples
        --------
        >>> hex(Generator(0).words())
        '0xf8dc1230f1b644d8'
        """
        result = _target(size, np.uint64, out, (np.dtype(np.uint64),))
        _samplers.fill_words(self._key, self._take(result.size), result, resolve_threads(threads))
        return _given(result, size, out)

    def integers(
        self,
        low: int,
        high: int | None = None,
        size: Size = None,
        dtype: npt.DTypeLike = np.int64,
        *,
        endpoint: bool = False,
        out: _Array | None = None,
        threads: int | None = None,
    ) -> Any:
        """Integers from low to high - 1 (from 0 to low - 1 without `high`), each exactly as likely.

        Words that fall into the remainder are drawn again (Lemire 2019).

        Parameters
        ----------
        low, high : int
        dtype : int64, uint64, int32 or uint32
            Must hold every number of the range.
        endpoint : bool
            Whether `high` is among them.

        Raises
        ------
        ValueError
            The range is empty or exceeds the type.

        Examples
        --------
        >>> Generator(0).integers(1, 6, size=8, endpoint=True).tolist()
        [6, 3, 1, 3, 6, 1, 2, 3]
        """
        first, beyond = (0, low) if high is None else (low, high)
        first = integer(first, "low")
        last = integer(beyond, "high") - (0 if endpoint else 1)
        result = _target(size, dtype, out, _INTEGERS)
        limits = np.iinfo(result.dtype)
        if first > last:
            raise ValueError(f"no integers from {first} to {last}")
        if first < limits.min or last > limits.max:
            raise ValueError(f"integers from {first} to {last} do not fit {result.dtype}")
        _samplers.fill_integers(
            self._key,
            self._take(result.size),
            first % _WORDS,
            (last - first + 1) % _WORDS,
            result,
            resolve_threads(threads),
        )
        return _given(result, size, out)

    def zipf(
        self,
        exponent: float,
        num_ranks: int | None = None,
        size: Size = None,
        dtype: npt.DTypeLike = np.int64,
        *,
        out: _Array | None = None,
        threads: int | None = None,
    ) -> Any:
        """Zipf ranks: P(k) proportional to k ** -exponent for k = 1 ... num_ranks.

        `zipf_mandelbrot` with a shift of 0; see there.

        Examples
        --------
        >>> Generator(0).zipf(1.1, 1_000_000, size=6).tolist()
        [1, 304, 17372, 186, 1, 45449]
        """
        return self.zipf_mandelbrot(exponent, 0.0, num_ranks, size, dtype, out=out, threads=threads)

    def zipf_mandelbrot(
        self,
        exponent: float,
        shift: float,
        num_ranks: int | None = None,
        size: Size = None,
        dtype: npt.DTypeLike = np.int64,
        *,
        out: _Array | None = None,
        threads: int | None = None,
    ) -> Any:
        """Zipf-Mandelbrot ranks: P(k) proportional to (k + shift) ** -exponent for k = 1 ... num_ranks.

        Parameters
        ----------
        exponent : float
            0 <= exponent <= 2**40; 1 included. Above 1 if there is no `num_ranks`.
        shift : float
            0 <= shift <= 2**40.
        num_ranks : int, optional
            From 1 to 2**63 - 1. Default: no bound but that of 63 bits; the numbers then have the
            distribution given that they are below 2**63, as those of numpy.
        dtype : int64, uint64, int32 or uint32
            Must hold `num_ranks`.

        Raises
        ------
        ValueError
            A parameter is out of its range.

        Notes
        -----
        Rejection-inversion (Hoermann and Derflinger, ACM TOMACS 6(3), 1996). No probability is off by more
        than about 2**-44 (1 + shift); ranks beyond 2**52 are multiples of powers of two.
        """
        s, q, ranks = _zipf_parameters(exponent, shift, num_ranks)
        result = _target(size, dtype, out, _INTEGERS)
        if ranks > np.iinfo(result.dtype).max:
            raise ValueError(f"ranks up to {ranks} do not fit {result.dtype}")
        key, threads = self._key, resolve_threads(threads)
        _samplers.fill_zipf(key, self._take(result.size), s, q, ranks, result, threads)
        return _given(result, size, out)

    def choice(
        self,
        table: AliasTable | npt.ArrayLike,
        size: Size = None,
        dtype: npt.DTypeLike = np.uint32,
        *,
        out: _Array | None = None,
        threads: int | None = None,
    ) -> Any:
        """Categories of a table, numbered from 0, with replacement.

        Parameters
        ----------
        table : AliasTable or array of float, shape (n,)
            Of weights a table is built first; build it once to draw often.
        dtype : uint32, uint64, int64 or int32
            Must hold n - 1.

        Examples
        --------
        >>> Generator(0).choice(AliasTable([1.0, 0.0, 3.0]), size=8).tolist()
        [2, 2, 0, 2, 2, 0, 0, 2]
        """
        if not isinstance(table, AliasTable):
            table = AliasTable(table)
        result = _target(size, dtype, out, _INTEGERS)
        if len(table) - 1 > np.iinfo(result.dtype).max:
            raise ValueError(f"{len(table)} categories do not fit {result.dtype}")
        key, threads = self._key, resolve_threads(threads)
        first = self._take(result.size)
        _samplers.fill_alias(table._slots, table._brief, key, first, result, threads)
        return _given(result, size, out)

    def _take(self, count: int) -> int:
        """Moves on by `count` draws; where they begin."""
        first = self._position
        if count > _WORDS - first:
            raise OverflowError(f"{count} draws from position {first} on run past the stream's 2**64")
        self._position = first + count
        return first % _WORDS


def _restore(seed: int, stream: int, position: int) -> Generator:
    return Generator(seed, stream, position=position)


def _whole(value: Any, name: str, least: int, most: int) -> int:
    number = integer(value, name)
    if not least <= number <= most:
        raise ValueError(f"{name} = {number} is not between {least} and {most}")
    return number


def _zipf_parameters(exponent: float, shift: float, num_ranks: int | None) -> tuple[float, float, int]:
    s, q = float(exponent), float(shift)
    if not 0.0 <= s <= _MAX_PARAMETER:
        raise ValueError(f"exponent = {exponent} is not between 0 and 2**40")
    if not 0.0 <= q <= _MAX_PARAMETER:
        raise ValueError(f"shift = {shift} is not between 0 and 2**40")
    if num_ranks is not None:
        return s, q, _whole(num_ranks, "num_ranks", 1, _UNBOUNDED)
    if s <= 1.0:
        raise ValueError(f"without num_ranks the exponent must be above 1, got {exponent}")
    return s, q, _UNBOUNDED


def _target(
    size: Size, dtype: npt.DTypeLike, out: _Array | None, allowed: tuple[np.dtype[Any], ...]
) -> _Array:
    """The array to write to: `out`, checked, or a new one."""
    names = ", ".join(kind.name for kind in allowed)
    if out is None:
        kind = np.dtype(dtype)
        if kind not in allowed:
            raise TypeError(f"dtype must be one of {names}, got {kind}")
        return np.empty(() if size is None else size, dtype=kind)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an array, got {type(out).__name__}")
    if out.dtype not in allowed:
        raise TypeError(f"out must be of {names}, got {out.dtype}")
    if not (out.flags.c_contiguous and out.flags.aligned):
        raise ValueError("out must be C-contiguous and aligned")
    if not out.flags.writeable:
        raise ValueError("out is read-only")
    if size is not None and out.shape != (size if isinstance(size, tuple) else (operator.index(size),)):
        raise ValueError(f"out has shape {out.shape}, size is {size}")
    return out


def _given(result: _Array, size: Size, out: _Array | None) -> Any:
    return result if out is not None else result[()] if size is None else result
