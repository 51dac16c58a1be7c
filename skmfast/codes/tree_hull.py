"""Hull of the two-part codes of a corpus over context trees: the best tree for every number of model bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.codes import _two_part
from skmfast.codes._job import Job
from skmfast.codes._two_part import PADDING
from skmfast.codes.watching import watched
from skmfast.settings import free_memory, resolve_threads

Floats = npt.NDArray[np.float64]
Symbols = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
SymbolDocument = bytes | bytearray | memoryview | npt.NDArray[np.integer[Any]]

_CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class TreeHull:
    """Lower hull of (model bits, data bits) over all pruned context trees of a corpus.

    Its points are the empty tree and what it becomes by buying block after block of splits. A block saves
    more data bits per model bit than the next one.

    Attributes
    ----------
    text : ndarray of uint8, uint16 or uint32
        Symbols of all documents, each behind zeros.
    segments : ndarray of uint64, shape (documents, 2)
        Where each document begins and ends in ``text``.
    depth : int
        Longest context, in symbols.
    model_bits, data_bits : ndarray of float64, shape (blocks + 1,)
        The points, from the empty tree on.
    splits : structured ndarray, shape (splits,)
        Fields position, count, first_depth, depth and block: the contexts of first_depth, ..., depth symbols
        before ``text[position]``, which occur ``count`` times each, are split in that block.
    block_begin : ndarray of uint64, shape (blocks + 1,)
        First split of each block.
    """

    text: Symbols
    segments: npt.NDArray[np.uint64]
    depth: int
    model_bits: Floats
    data_bits: Floats
    splits: npt.NDArray[Any]
    block_begin: npt.NDArray[np.uint64]

    @property
    def num_symbols(self) -> int:
        """Symbols of the corpus."""
        return int((self.segments[:, 1] - self.segments[:, 0]).sum())

    @property
    def minimum(self) -> int:
        """Point with the fewest bits in all, the first of several: the MDL model."""
        return int(np.argmin(self.model_bits + self.data_bits))

    def point(self, model_bits: float | None) -> int:
        """Last point with at most so many model bits; None means `minimum`.

        Raises
        ------
        ValueError
            If even the empty tree has more.
        """
        if model_bits is None:
            return self.minimum
        found = int(np.searchsorted(self.model_bits, model_bits, side="right")) - 1
        if found < 0:
            raise ValueError(
                f"model_bits: {model_bits:g} are too few; the empty tree has {self.model_bits[0]:.1f}"
            )
        return found

    def splits_of(self, point: int) -> npt.NDArray[Any]:
        """Splits of the tree at a point."""
        return self.splits[: int(self.block_begin[point])]

    def leaves(self, point: int) -> tuple[npt.NDArray[np.uint32], int]:
        """Leaf that each symbol of the corpus falls into at a point, document by document; and how many."""
        out = np.zeros(self.num_symbols, np.uint32)
        return out, _two_part.leaves(self.text, self.segments, self.splits_of(point), out)

    def context(self, split: np.void) -> Symbols:
        """The longest context of a split, in the order of the text."""
        end = int(split["position"])
        return self.text[end - int(split["depth"]) : end]


def tree_hull(
    documents: Sequence[SymbolDocument],
    *,
    depth: int | None = None,
    alphabet: int | None = None,
    least_slope: float = 0.0,
    threads: int | None = None,
    memory: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> TreeHull:
    """Hull of ``documents``, coded as one corpus; contexts start anew at each document.

    Parameters
    ----------
    documents : sequence of bytes-like, or of integer arrays
        Bytes, or token ids.
    depth : int, optional
        Longest context; by default, and at most, 64 bytes, 32 tokens below 65536, 16 other tokens.
    alphabet : int, optional
        Tokens are below this; by default the largest one plus 1. Bytes: 256.
    least_slope : float
        Breakpoints that save fewer data bits than this per model bit are left out, and need no memory.
    threads, memory, progress
        As for `skmfast.codes.base.Code.lengths`. Blocks of splits come on top of ``memory``.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the memory is too little for so many symbols.
    TypeError
        If a document is neither bytes nor integers.
    """
    arrays = [_symbols(document) for document in documents]
    text, segments, alphabet = _lay_out(arrays, alphabet)
    most = _two_part.MAX_DEPTH_BYTES // text.itemsize
    if depth is None:
        depth = most
    if not 0 <= depth <= most:
        raise ValueError(f"depth: {depth} is neither between 0 and {most} nor None")
    if not 0 <= least_slope < np.inf:
        raise ValueError(f"least_slope: {least_slope!r} is not a finite number of at least 0")
    threads = resolve_threads(threads)
    _check_memory(text, len(segments), threads, memory)
    job = Job()
    num_symbols = int((segments[:, 1] - segments[:, 0]).sum())
    root_model, root_data, model, data, splits, begin = watched(
        lambda: _two_part.hull(text, segments, depth, alphabet, least_slope, threads, job),
        job, num_symbols, progress,
    )  # fmt: skip
    if len(begin) == 0:
        begin = np.zeros(1, np.uint64)
    return TreeHull(
        text,
        segments,
        depth,
        root_model + np.append(0.0, np.cumsum(model)),
        np.maximum(root_data - np.append(0.0, np.cumsum(data)), 0.0),
        splits,
        begin,
    )


def _symbols(document: SymbolDocument) -> npt.NDArray[np.integer[Any]]:
    if isinstance(document, np.ndarray):
        if document.ndim != 1 or not np.issubdtype(document.dtype, np.integer):
            raise TypeError(
                f"documents: an array of {document.dtype}, {document.ndim}-dimensional, holds no tokens"
            )
        return document
    if not isinstance(document, (bytes, bytearray, memoryview)):
        raise TypeError(f"documents: {type(document).__name__} is neither bytes nor an array of tokens")
    return np.frombuffer(document, np.uint8)


def _lay_out(
    arrays: list[npt.NDArray[np.integer[Any]]], alphabet: int | None
) -> tuple[Symbols, npt.NDArray[np.uint64], int]:
    """All documents in one buffer, each behind zeros; where each lies; and the alphabet."""
    as_bytes = all(array.dtype == np.uint8 for array in arrays)
    if as_bytes:
        largest = 255
    else:
        largest = max((int(array.max()) for array in arrays if array.size), default=0)
        if any(array.size and array.min() < 0 for array in arrays) or largest >= 1 << 31:
            raise ValueError("documents: tokens are not all from 0 to 2^31 - 1")
    dtype = np.dtype(np.uint8 if as_bytes else np.uint16 if largest < 1 << 16 else np.uint32)
    alphabet = largest + 1 if alphabet is None else alphabet
    if not largest < alphabet <= 1 << 31:
        raise ValueError(f"alphabet: {alphabet} is not from {largest + 1} to 2^31")
    padding = -(-PADDING // dtype.itemsize)
    sizes = np.array([array.size for array in arrays], np.uint64)
    ends = np.cumsum(sizes + np.uint64(padding))
    segments = np.stack([ends - sizes, ends], axis=1).reshape(-1, 2).astype(np.uint64)
    total = int(ends[-1]) if len(arrays) else 0
    if (total + padding) * dtype.itemsize >= 1 << 32:
        raise ValueError(f"documents: {total * dtype.itemsize:,} bytes are more than the 4 GiB of one corpus")
    text = np.zeros(total + padding, dtype)
    for array, (begin, end) in zip(arrays, segments.tolist(), strict=True):
        text[begin:end] = array
    return text, segments, alphabet


def _check_memory(text: Symbols, num_documents: int, threads: int, memory: int | None) -> None:
    counts = np.zeros(1, np.int64)
    for begin in range(0, len(text), _CHUNK):
        part = np.bincount(text[begin : begin + _CHUNK])
        if len(part) > len(counts):
            counts = np.pad(counts, (0, len(part) - len(counts)))
        counts[: len(part)] += part
    padding = -(-PADDING // text.itemsize)
    counts[0] -= (padding - 1) * num_documents + padding  # of a document's zeros one is a nearest symbol
    largest = max(int(counts.max()), 0)
    least = text.nbytes + _two_part.least_memory(len(text), largest, threads)
    limit = free_memory() if memory is None else memory
    if limit < least:
        raise ValueError(
            f"memory: {limit:,} bytes are too few for {len(text):,} symbols on {threads} threads;"
            f" at least {least:,}"
        )
