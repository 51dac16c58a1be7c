"""A seeded one-to-one map of {0, ..., size - 1}, computed point by point: element k has its name at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skmfast.arguments import word
from skmfast.sources import _contents
from skmfast.sources.streams import NAMES

MAX_SIZE = 1 << 62


def permute(points: npt.ArrayLike, size: int, seed: int) -> npt.NDArray[np.uint64]:
    """The points' images under the map of ``seed``.

    A Feistel network permutes the smallest power of two that holds ``size``; a point that leaves the range is
    mapped again until it is back (csrc/include/skm/contents.hpp).

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

    References
    ----------
    Black, Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002.

    Examples
    --------
    >>> sorted(int(point) for point in permute(range(5), 5, seed=1))
    [0, 1, 2, 3, 4]
    """
    images = np.array(points, dtype=np.uint64)
    if images.ndim != 1:
        raise ValueError(f"points of shape {images.shape}; one dimension is expected")
    if not 1 <= size <= MAX_SIZE:
        raise ValueError(f"size={size}: outside 1 to 2^62")
    if images.size and int(images.max()) >= size:
        raise ValueError(f"point {int(images.max())} is not below the size {size}")
    _contents.permute(images, size, word(seed, "seed"), NAMES)
    return images
