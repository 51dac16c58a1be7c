"""A seeded one-to-one map of {0, ..., size - 1}, computed point by point.

A Feistel network permutes the smallest power of two that holds `size`; a point that leaves the range is
mapped again until it is back (cycle walking: Black and Rogaway, "Ciphers with arbitrary finite domains",
CT-RSA 2002). Less than two steps on average, and no table: element k has its name at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skmfast.sources.philox import random_blocks, stream_key
from skmfast.sources.streams import NAMES

_ROUNDS = 8  # four on each half
MAX_SIZE = 1 << 62


def permute(points: npt.ArrayLike, size: int, seed: int) -> npt.NDArray[np.uint64]:
    """The points' images under the map of ``seed``.

    Parameters
    ----------
    points : array_like of uint64, shape (n,)
        Each less than ``size``.
    size : int
        1 to 2^62.
    seed : int
        Seed of the source; the network's keys come from its stream `streams.NAMES`.

    Returns
    -------
    ndarray of uint64, shape (n,)

    Raises
    ------
    ValueError
        If ``size`` is out of range or a point is.

    Examples
    --------
    >>> sorted(int(point) for point in permute(range(5), 5, seed=1))
    [0, 1, 2, 3, 4]
    """
    points = np.array(points, dtype=np.uint64)
    if not 1 <= size <= MAX_SIZE:
        raise ValueError(f"size={size}: outside 1 to 2^62")
    if points.size and int(points.max()) >= size:
        raise ValueError(f"point {int(points.max())} is not below the size {size}")
    keys = random_blocks(stream_key(seed, NAMES), np.arange(_ROUNDS, dtype=np.uint64))[:, 0]
    num_bits = (size - 1).bit_length()
    outside = np.arange(points.size)
    while outside.size:
        moved = _network(points[outside], num_bits, keys)
        points[outside] = moved
        outside = outside[moved >= np.uint64(size)]
    return points


def _network(
    x: npt.NDArray[np.uint64], num_bits: int, keys: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """One pass: each half is changed in turn by a function of the other."""
    low_bits = np.uint64(num_bits // 2)
    low_mask = np.uint64((1 << (num_bits // 2)) - 1)
    high_mask = np.uint64((1 << (num_bits - num_bits // 2)) - 1)
    low, high = x & low_mask, x >> low_bits
    for step, key in enumerate(keys):
        if step % 2 == 0:
            high = high ^ (_mix(low ^ key) & high_mask)
        else:
            low = low ^ (_mix(high ^ key) & low_mask)
    joined: npt.NDArray[np.uint64] = high << low_bits | low
    return joined


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """`philox.mix64` on an array."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
