"""Model files of llama2.c (Karpathy 2023): seven sizes, then float32 weights, read and checked."""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skmfast.errors import ModelFileError

_HEADER = struct.Struct("<7i")
_VERSIONED = b"24ka"  # how files of the later, versioned formats begin
_LARGEST_SIZE = 1 << 24


@dataclass(frozen=True)
class LlamaSizes:
    """Sizes of a Llama model.

    Attributes
    ----------
    width, hidden_width : int
        Of the residual stream, and of the feed-forward layers.
    num_layers, num_heads, num_kv_heads : int
    vocabulary_size, context : int
        Entries; tokens that the model was trained to look at.
    tied : bool
        Whether the head is the embedding.
    """

    width: int
    hidden_width: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    vocabulary_size: int
    context: int
    tied: bool

    @property
    def head_width(self) -> int:
        """Entries of a query."""
        return self.width // self.num_heads


Weights = dict[str, npt.NDArray[np.float32]]


def read_llama2c(path: str | os.PathLike[str]) -> tuple[LlamaSizes, Weights]:
    """Sizes and weights of a llama2.c file of float32 weights (the format without a version).

    Returns
    -------
    sizes : LlamaSizes
    weights : dict of str to ndarray of float32
        ``embedding`` (V, D), ``head`` (V, D), ``final_norm`` (D,), and per layer, stacked along the first
        axis, ``attention_norm``, ``query``, ``key``, ``value``, ``output``, ``feed_norm``, ``gate``,
        ``down``, ``up``.

    Raises
    ------
    ModelFileError
        If the file is shorter or longer than its sizes say, or they are no sizes of a model.
    OSError
        If the file cannot be read.
    """
    # The header first, and what it asks for held against the file's size: nothing is read or made in vain.
    with open(path, "rb") as file:
        sizes = _sizes(path, file.read(_HEADER.size))
        shapes = _shapes(sizes)
        expected = _HEADER.size + 4 * sum(math.prod(shape) for shape in shapes.values())
        found = os.fstat(file.fileno()).st_size
        if found != expected:
            how = "truncated" if found < expected else "too long"
            raise ModelFileError(f"{path}: {how}: {found:,} bytes, where its header asks for {expected:,}")
        file.seek(0)
        data = file.read(expected)
    if len(data) != expected:
        raise ModelFileError(f"{path}: truncated while it was read")
    weights: Weights = {}
    offset = _HEADER.size
    for name, shape in shapes.items():
        count = math.prod(shape)
        weights[name] = np.frombuffer(data, "<f4", count, offset).reshape(shape)
        offset += 4 * count
    # Cosines and sines of positions: computed where they are needed, at the precision of the computation.
    del weights["cosines"], weights["sines"]
    if sizes.tied:
        weights["head"] = weights["embedding"]
    return sizes, weights


def _sizes(path: str | os.PathLike[str], data: bytes) -> LlamaSizes:
    if data[:4] == _VERSIONED:
        raise ModelFileError(f"{path}: a llama2.c file of a versioned format; only the first format is read")
    if len(data) < _HEADER.size:
        raise ModelFileError(f"{path}: {len(data)} bytes: no llama2.c file, whose header alone has 28")
    header: tuple[int, int, int, int, int, int, int] = _HEADER.unpack_from(data)
    numbers, (vocabulary_size, context) = header[:5], header[5:]
    # A negative vocabulary says that the head is not the embedding.
    sizes = LlamaSizes(*numbers, abs(vocabulary_size), context, vocabulary_size > 0)
    least = min(*numbers, abs(vocabulary_size), context)
    largest = max(*numbers, abs(vocabulary_size), context)
    fits = (
        least >= 1
        and largest <= _LARGEST_SIZE
        and sizes.width % sizes.num_heads == 0
        and sizes.num_heads % sizes.num_kv_heads == 0
        and sizes.head_width % 2 == 0
    )
    if not fits:
        raise ModelFileError(f"{path}: no llama2.c file: its header {[*numbers, vocabulary_size, context]}")
    return sizes


def _shapes(sizes: LlamaSizes) -> dict[str, tuple[int, ...]]:
    """What the file holds, in its order."""
    layers, width, hidden = sizes.num_layers, sizes.width, sizes.hidden_width
    kv_width = sizes.num_kv_heads * sizes.head_width
    shapes: dict[str, tuple[int, ...]] = {
        "embedding": (sizes.vocabulary_size, width),
        "attention_norm": (layers, width),
        "query": (layers, width, width),
        "key": (layers, kv_width, width),
        "value": (layers, kv_width, width),
        "output": (layers, width, width),
        "feed_norm": (layers, width),
        "gate": (layers, hidden, width),
        "down": (layers, width, hidden),
        "up": (layers, hidden, width),
        "final_norm": (width,),
        "cosines": (sizes.context, sizes.head_width // 2),
        "sines": (sizes.context, sizes.head_width // 2),
    }
    if not sizes.tied:
        shapes["head"] = (sizes.vocabulary_size, width)
    return shapes
