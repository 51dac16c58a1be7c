"""Philox4x32-10 on NumPy arrays: the random blocks of csrc/include/skm/philox.hpp, number for number.

For draws that Python code makes itself: few at a time, or many in step.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skmfast.arguments import word

_MASK64 = (1 << 64) - 1
_MASK32 = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10


def mix64(x: int) -> int:
    """The finaliser of splitmix64: a one-to-one map of 64-bit words."""
    x = (x + 0x9E3779B97F4A7C15) & _MASK64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK64
    return x ^ (x >> 31)


def stream_key(seed: int, stream: int) -> int:
    """Key of stream ``stream`` of ``seed``; both 64-bit.

    Raises
    ------
    ValueError
        If one of them is not between 0 and 2^64 - 1.
    """
    return mix64(word(seed, "seed") ^ mix64(word(stream, "stream")))


def random_blocks(key: int, index: npt.ArrayLike, attempt: int = 0) -> npt.NDArray[np.uint64]:
    """The blocks of ``key`` at counters (index, attempt).

    Parameters
    ----------
    key : int
        From `stream_key`.
    index : array_like of uint64, shape (n,)
        First half of the counter.
    attempt : int
        Second half of the counter.

    Returns
    -------
    ndarray of uint64, shape (n, 2)
        Two 64-bit numbers for each index.

    Examples
    --------
    >>> random_blocks(stream_key(0, 0), [0]).shape
    (1, 2)
    """
    index = np.asarray(index, dtype=np.uint64)
    c0, c1 = index & _MASK32, index >> _HALF
    c2, c3 = (np.full_like(c0, word) for word in (attempt & 0xFFFFFFFF, attempt >> 32))
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(_ROUNDS):
        product0, product1 = np.uint64(_MULTIPLIERS[0]) * c0, np.uint64(_MULTIPLIERS[1]) * c2
        c0 = (product1 >> _HALF) ^ c1 ^ np.uint64(k0)
        c1 = product1 & _MASK32
        c2 = (product0 >> _HALF) ^ c3 ^ np.uint64(k1)
        c3 = product0 & _MASK32
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0 | c1 << _HALF, c2 | c3 << _HALF], axis=-1)
