"""The two-part code of a context tree: first the model, then the data given the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from skmfast.codes import _two_part
from skmfast.codes._job import Job
from skmfast.codes._two_part import PADDING
from skmfast.codes.base import CodeLengths, describe
from skmfast.codes.tree_hull import tree_hull
from skmfast.codes.varint import varint
from skmfast.codes.watching import watched
from skmfast.errors import CorruptStreamError

MAX_DEPTH: int = _two_part.MAX_DEPTH_BYTES
_MOST_BYTES = (1 << 31) - 1 - PADDING


class TwoPart:
    """A pruned context tree and its leaves' counts, then the text as one of those with these counts.

    The tree is the best one with at most ``model_bits``, among those on the lower hull of the structure
    function (`skmfast.structure_function`), so the sizes of the two parts are a point of that curve.

    Parameters
    ----------
    model_bits : float or None
        Most bits that the model may have. None means those of the smallest total, the MDL model.
    depth : int or None
        Longest context in bytes, 0 to 64; None means 64.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Notes
    -----
    Before a document's first byte the context is all zero bytes. docs/theory.md gives the bits of every
    part, docs/format.md the streams.

    Examples
    --------
    >>> code = TwoPart()
    >>> model, data = code.encode_parts(b"abracadabra " * 100)
    >>> len(model), len(data)
    (30, 0)
    """

    name = "two-part"

    block_bytes = 1 << 26
    """Longest run that `skmfast.compression.compress` codes at once."""

    def __init__(self, model_bits: float | None = None, depth: int | None = None) -> None:
        if model_bits is not None and not (math.isfinite(model_bits) and model_bits >= 0):
            raise ValueError(f"model_bits: {model_bits!r} is not a finite number of at least 0")
        if depth is not None and not 0 <= depth <= MAX_DEPTH:
            raise ValueError(f"depth: {depth} is neither between 0 and {MAX_DEPTH} nor None")
        self._model_bits = None if model_bits is None else float(model_bits)
        self._depth = depth

    @property
    def parameters(self) -> Mapping[str, object]:
        """``model_bits`` and ``depth``."""
        return {"model_bits": self._model_bits, "depth": self._depth}

    def __repr__(self) -> str:
        return f"TwoPart(model_bits={self._model_bits!r}, depth={self._depth!r})"

    def lengths(
        self,
        documents: Sequence[bytes | memoryview],
        *,
        per_document: bool = False,
        threads: int | None = None,
        memory: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> CodeLengths:
        """Code lengths of ``documents``; see `Code.lengths`.

        The metadata has the parts, model_bits and data_bits, of all documents.

        Raises
        ------
        ValueError
            If ``model_bits`` are too few for the empty tree, or the memory is too little.
        """
        groups = [[document] for document in documents] if per_document else [documents] if documents else []
        parts = np.array([self._parts(group, threads, memory, progress) for group in groups]).reshape(-1, 2)
        model_bits, data_bits = parts.sum(axis=0).tolist()
        sizes = np.array([len(document) for document in documents], np.int64)
        return CodeLengths(
            bits=model_bits + data_bits,
            num_bytes=int(sizes.sum()),
            document_bytes=sizes,
            per_document=parts.sum(axis=1) if per_document else None,
            metadata={
                **describe(self, per_document=per_document),
                "parts": {"model_bits": model_bits, "data_bits": data_bits},
            },
        )

    def _parts(
        self,
        documents: Sequence[bytes | memoryview],
        threads: int | None,
        memory: int | None,
        progress: Callable[[float], None] | None,
    ) -> tuple[float, float]:
        hull = tree_hull(
            documents,
            depth=self._depth,
            least_slope=self._least_slope,
            threads=threads,
            memory=memory,
            progress=progress,
        )
        if hull.num_symbols == 0:
            return 0.0, 0.0
        point = hull.point(self._model_bits)
        return float(hull.model_bits[point]), float(hull.data_bits[point])

    @property
    def _least_slope(self) -> float:
        """The MDL model needs no split that saves less than it costs."""
        return 1.0 if self._model_bits is None else 0.0

    def encode_parts(
        self, document: bytes, *, progress: Callable[[float], None] | None = None
    ) -> tuple[bytes, bytes]:
        """The two messages of ``document``: model and data given the model.

        Raises
        ------
        ValueError
            If ``model_bits`` are too few for the empty tree, or the document is 2 GiB or larger.
        """
        if len(document) > _MOST_BYTES:
            raise ValueError(f"two-part: {len(document):,} bytes; at most {_MOST_BYTES:,} are possible")
        if len(document) == 0:
            return b"", b""
        hull = tree_hull([document], depth=self._depth, least_slope=self._least_slope)
        splits = hull.splits_of(hull.point(self._model_bits))
        text, job = hull.text[: PADDING + len(document)].view(np.uint8), Job()
        return watched(lambda: _two_part.encode(text, splits, hull.depth, job), job, len(document), progress)

    def encode(self, document: bytes, *, progress: Callable[[float], None] | None = None) -> bytes:
        """Payload of ``document``: size of the model message, model message, data message.

        Raises as `encode_parts`.
        """
        model, data = self.encode_parts(document, progress=progress)
        return varint(len(model)) + model + data if document else b""

    def decode(
        self, payload: bytes, num_bytes: int, *, progress: Callable[[float], None] | None = None
    ) -> bytes:
        """The ``num_bytes`` bytes whose payload this is.

        Raises
        ------
        CorruptStreamError
            If the payload is not one that `encode` writes for so many bytes.
        """
        if not 0 <= num_bytes <= _MOST_BYTES:
            raise ValueError(
                f"two-part: a stream of {num_bytes:,} bytes; at most {_MOST_BYTES:,} are possible"
            )
        if num_bytes == 0:
            if payload:
                raise CorruptStreamError(f"two-part payload: {len(payload):,} bytes for no document")
            return b""
        size, start = _read_varint(payload)
        if size > len(payload) - start:
            raise CorruptStreamError(
                f"two-part payload: a model of {size:,} bytes does not fit into {len(payload) - start:,}"
            )
        stream = np.frombuffer(payload, np.uint8)
        model, data = stream[start : start + size], stream[start + size :]
        depth = MAX_DEPTH if self._depth is None else self._depth
        job = Job()
        return watched(lambda: _two_part.decode(model, data, depth, num_bytes, job), job, num_bytes, progress)


def _read_varint(payload: bytes) -> tuple[int, int]:
    """A number of at most 35 bits in its shortest form, and where it ends."""
    number = 0
    for place, byte in enumerate(payload[:5]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            if byte == 0 and place > 0:
                break
            return number, place + 1
    raise CorruptStreamError("two-part payload: it does not begin with the size of its model")
