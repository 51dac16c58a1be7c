"""Order-k Krichevsky-Trofimov code: a Dirichlet estimator in every context of k bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from skmfast.arguments import integer
from skmfast.codes import _krichevsky_trofimov as _kt
from skmfast.codes.base import CodeLengths, describe
from skmfast.errors import CorruptStreamError
from skmfast.settings import free_memory, resolve_threads

if TYPE_CHECKING:
    from skmfast.codes.conditional_krichevsky_trofimov import ConditionalKrichevskyTrofimov

MAX_ORDER: int = _kt.MAX_ORDER
_MAX_DENOMINATOR: int = _kt.MAX_DENOMINATOR
_MAX_ALPHA = _kt.MAX_NUMERATOR // _MAX_DENOMINATOR


@dataclass(frozen=True, eq=False)
class ContextCounts:
    """How often each byte followed each context of ``order`` bytes.

    Counts of parts of a corpus add up to the counts of the corpus (``+``), exactly.

    Attributes
    ----------
    order : int
        Bytes of context.
    contexts : ndarray of uint64, shape (pairs,)
        The context, its most recent byte most significant; bytes before a document's first are zero.
    symbols : ndarray of uint8, shape (pairs,)
        The byte that followed.
    counts : ndarray of uint64, shape (pairs,)
        How often; at least 1. Rows are sorted by context, then symbol.
    document_bytes : ndarray of int64, shape (documents,)
        Sizes of the documents that were counted.
    """

    order: int
    contexts: npt.NDArray[np.uint64]
    symbols: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.uint64]
    document_bytes: npt.NDArray[np.int64]

    @property
    def num_bytes(self) -> int:
        """Bytes that were counted."""
        return int(self.document_bytes.sum())

    def __add__(self, other: ContextCounts) -> ContextCounts:
        if not isinstance(other, ContextCounts):
            return NotImplemented
        if other.order != self.order:
            raise ValueError(f"counts of order {self.order} and of order {other.order} do not add up")
        sizes = np.concatenate([self.document_bytes, other.document_bytes])
        return ContextCounts(self.order, *_kt.add(self._arrays(), other._arrays()), sizes)

    def _arrays(self) -> _kt.CountArrays:
        return self.contexts, self.symbols, self.counts


class KrichevskyTrofimov:
    """In every context of the last ``order`` bytes, byte s has probability (c_s + alpha) / (n + 256 alpha).

    c_s is how often s followed that context before, n the sum of the c. Before a document's first byte
    the context is all zero bytes. The code length depends on counts alone.

    Parameters
    ----------
    order : int
        Bytes of context, 0 to 8.
    alpha : float
        Parameter of the symmetric Dirichlet prior, 1/4096 to 256; taken as the nearest fraction whose
        denominator is at most 4096, so that streams are coded with integers. 1/2 is the estimator of
        Krichevsky and Trofimov.

    Raises
    ------
    ValueError
        If a parameter is outside its range.
    TypeError
        If ``order`` is not an integer.

    References
    ----------
    Krichevsky, Trofimov, "The performance of universal encoding", IEEE Trans. Inform. Theory 27 (1981).

    Examples
    --------
    >>> code = KrichevskyTrofimov(order=0)
    >>> round(code.lengths([b"aba"]).bits, 6)
    22.448633

    The same from the definition: the first a and b are new, the second a was seen once.

    >>> from math import log2
    >>> round(-log2(0.5 / 128) - log2(0.5 / 129) - log2(1.5 / 130), 6)
    22.448633
    """

    name = "kt"

    def __init__(self, order: int = 2, alpha: float = 0.5) -> None:
        self._order = integer(order, "order")
        if not 0 <= self._order <= MAX_ORDER:
            raise ValueError(f"order={order}: outside 0 to {MAX_ORDER}")
        if not (math.isfinite(alpha) and 1 / _MAX_DENOMINATOR <= alpha <= _MAX_ALPHA):
            raise ValueError(f"alpha={alpha}: outside 1/{_MAX_DENOMINATOR} to {_MAX_ALPHA}")
        self._alpha = Fraction(alpha).limit_denominator(_MAX_DENOMINATOR)

    @property
    def order(self) -> int:
        """Bytes of context."""
        return self._order

    @property
    def alpha(self) -> float:
        """Parameter of the Dirichlet prior."""
        return float(self._alpha)

    @property
    def parameters(self) -> Mapping[str, object]:
        """``order`` and ``alpha``."""
        return {"order": self.order, "alpha": self.alpha}

    def __repr__(self) -> str:
        return f"KrichevskyTrofimov(order={self.order}, alpha={self.alpha:g})"

    def lengths(
        self,
        documents: Sequence[bytes | memoryview],
        *,
        per_document: bool = False,
        per_byte: bool = False,
        threads: int | None = None,
        memory: int | None = None,
    ) -> CodeLengths:
        """Code lengths of ``documents``; see `Code.lengths`.

        With ``per_byte`` also the bits of every byte given those before it, by one sequential pass on one
        thread; they sum to the length from counts.
        """
        views = _views(documents)
        settings = self._settings
        workers, limit = resolve_threads(threads), _resolve_memory(memory)
        each = _kt.bits_each(views, *settings, workers, limit) if per_document else None
        bits = math.fsum(each) if each is not None else _kt.bits(views, *settings, workers, limit)
        byte_bits = None
        if per_byte and per_document:
            pieces = [_kt.sequential_bits([view], *settings) for view in views]
            byte_bits = np.concatenate([np.empty(0), *pieces])
        elif per_byte:
            byte_bits = _kt.sequential_bits(views, *settings)
        sizes = _sizes(views)
        return CodeLengths(
            bits=bits,
            num_bytes=int(sizes.sum()),
            document_bytes=sizes,
            per_document=each,
            per_byte=byte_bits,
            metadata=describe(self, per_document=per_document),
        )

    def count(
        self,
        documents: Sequence[bytes | memoryview],
        *,
        preceding: bytes | memoryview = b"",
        threads: int | None = None,
        memory: int | None = None,
    ) -> ContextCounts:
        """Counts of ``documents`` together.

        ``preceding`` is what stands before the first one when that is a later part of a document; its last
        ``order`` bytes matter.
        """
        views = _views(documents)
        before = memoryview(preceding).cast("B")
        arrays = _kt.count(
            views,
            before[len(before) - min(len(before), self.order) :],
            self.order,
            resolve_threads(threads),
            _resolve_memory(memory),
        )
        return ContextCounts(self.order, *arrays, _sizes(views))

    def lengths_from(self, counts: ContextCounts) -> CodeLengths:
        """Code length of any documents with these counts, coded as one.

        Raises
        ------
        ValueError
            If the counts are of another order.
        """
        if counts.order != self.order:
            raise ValueError(f"counts of order {counts.order} under a code of order {self.order}")
        return CodeLengths(
            bits=_kt.bits_of_counts(counts._arrays(), *self._settings),
            num_bytes=counts.num_bytes,
            document_bytes=counts.document_bytes,
            metadata=describe(self, per_document=False),
        )

    def given(
        self,
        reference: Sequence[bytes | memoryview],
        *,
        threads: int | None = None,
        memory: int | None = None,
    ) -> ConditionalKrichevskyTrofimov:
        """The code of documents given a reference corpus, whose counts are kept.

        ``code.given(reference).lengths(documents, per_document=True)`` are the bits that each document adds
        to the reference, -log P(reference + document) + log P(reference).

        Examples
        --------
        >>> code = KrichevskyTrofimov(order=1)
        >>> alone = code.lengths([b"abracadabra"]).bits
        >>> told = code.given([b"abracadabra" * 9]).lengths([b"abracadabra"]).bits
        >>> round(alone), round(told)
        (83, 41)
        """
        from skmfast.codes.conditional_krichevsky_trofimov import ConditionalKrichevskyTrofimov

        return ConditionalKrichevskyTrofimov(self, reference, threads=threads, memory=memory)

    def encode(self, document: bytes) -> bytes:
        """Payload of ``document``.

        Raises
        ------
        ValueError
            If the document is longer than 2^31 - 1 bytes.
        """
        if len(document) > _kt.MAX_STREAM_BYTES:
            raise ValueError(
                f"a document of {len(document):,} bytes; one payload codes {_kt.MAX_STREAM_BYTES:,}"
            )
        return _kt.encode(document, *self._settings)

    def decode(self, payload: bytes, num_bytes: int) -> bytes:
        """The ``num_bytes`` bytes whose payload this is.

        Raises
        ------
        CorruptStreamError
            If no document of that size has this payload.
        """
        if not 0 <= num_bytes <= _kt.MAX_STREAM_BYTES:
            raise CorruptStreamError(
                f"{num_bytes:,} bytes are declared; one payload codes 0 to {_kt.MAX_STREAM_BYTES:,}"
            )
        sound, document, place = _kt.decode(payload, *self._settings, num_bytes)
        if not sound:
            raise CorruptStreamError(
                f"not a {self!r} payload of {num_bytes:,} bytes: damage shows at byte {place:,}"
            )
        return document

    @property
    def _settings(self) -> tuple[int, int, int]:
        return self._order, self._alpha.numerator, self._alpha.denominator


def _views(documents: Sequence[bytes | memoryview]) -> list[memoryview]:
    if isinstance(documents, (bytes, bytearray, memoryview, str)):
        raise TypeError("documents is a sequence of documents: write [document] for a single one")
    views = []
    for index, document in enumerate(documents):
        try:
            views.append(memoryview(document).cast("B"))
        except TypeError:
            raise TypeError(
                f"documents[{index}]: {type(document).__name__} is not contiguous bytes"
            ) from None
    return views


def _sizes(views: list[memoryview]) -> npt.NDArray[np.int64]:
    return np.array([len(view) for view in views], dtype=np.int64)


def _resolve_memory(memory: int | None) -> int:
    """``memory``, or half of what is free."""
    if memory is not None:
        if memory < 1:
            raise ValueError(f"memory: {memory} is less than one byte")
        return memory
    return free_memory() // 2
