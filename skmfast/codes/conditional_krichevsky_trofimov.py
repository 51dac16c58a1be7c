"""The Krichevsky-Trofimov code given a reference corpus: the bits that a document adds to what is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from skmfast.codes.base import CodeLengths, describe
from skmfast.codes.reference import describe_reference

if TYPE_CHECKING:
    from skmfast.codes.krichevsky_trofimov import ContextCounts, KrichevskyTrofimov


class ConditionalKrichevskyTrofimov:
    """Bits of documents given a reference corpus; made by `KrichevskyTrofimov.given`.

    Contexts that a document does not have cost the same with it and without: the difference is taken over
    the document's contexts alone.

    Attributes
    ----------
    name : str
        That of the code without a reference.
    """

    def __init__(
        self,
        code: KrichevskyTrofimov,
        reference: Sequence[bytes | memoryview],
        *,
        threads: int | None = None,
        memory: int | None = None,
    ) -> None:
        self._code = code
        self._reference = code.count(reference, threads=threads, memory=memory)
        self._contexts, self._starts = np.unique(self._reference.contexts, return_index=True)
        self.name = code.name
        self._parameters = {**code.parameters, **describe_reference(reference)}

    @property
    def parameters(self) -> Mapping[str, object]:
        """Those of the code without a reference, and what was given: documents, bytes, SHA-256."""
        return dict(self._parameters)

    @property
    def reference_bits(self) -> float:
        """Code length of the reference alone, as one corpus."""
        return self._code.lengths_from(self._reference).bits

    def lengths(
        self,
        documents: Sequence[bytes | memoryview],
        *,
        per_document: bool = False,
        threads: int | None = None,
        memory: int | None = None,
    ) -> CodeLengths:
        """Bits of ``documents`` given the reference; see `Code.lengths`."""
        counts = self._code.count(documents, threads=threads, memory=memory)
        each = None
        if per_document:
            each = np.array(
                [self._added(self._code.count([document], threads=1)) for document in documents], np.float64
            )
        return CodeLengths(
            bits=self._added(counts) if each is None else math.fsum(each),
            num_bytes=counts.num_bytes,
            document_bytes=counts.document_bytes,
            per_document=each,
            metadata=describe(self, per_document=per_document),
        )

    def _added(self, counts: ContextCounts) -> float:
        """Bits that these counts add to the reference's."""
        known = self._restricted(counts)
        return self._code.lengths_from(known + counts).bits - self._code.lengths_from(known).bits

    def _restricted(self, counts: ContextCounts) -> ContextCounts:
        """The reference's counts in the contexts of ``counts``."""
        from skmfast.codes.krichevsky_trofimov import ContextCounts

        rows = np.empty(0, np.intp)
        if len(self._contexts):
            wanted = np.unique(counts.contexts)
            places = np.minimum(np.searchsorted(self._contexts, wanted), len(self._contexts) - 1)
            places = places[self._contexts[places] == wanted]
            ends = np.append(self._starts, len(self._reference.contexts))
            sizes = ends[places + 1] - ends[places]
            # Row numbers of all groups: a run from each start.
            rows = np.repeat(ends[places] - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        return ContextCounts(
            counts.order,
            self._reference.contexts[rows],
            self._reference.symbols[rows],
            self._reference.counts[rows],
            np.empty(0, np.int64),
        )
