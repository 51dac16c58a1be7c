"""Counts of contexts: what context-tree code lengths depend on, as parts of texts behind their contexts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skmfast.codes._context_tree import PADDING


@dataclass(frozen=True)
class ContextTreeCounts:
    """How often each symbol followed each context: what a context-tree code length depends on.

    The multiset of (context, symbol) in its most compact form, the text itself: for each part the bytes
    counted, behind the context bytes before them. Sums are exact, so a corpus may be counted in parts.
    """

    parts: tuple[tuple[bytes, bytes | memoryview], ...] = ()

    def __add__(self, other: ContextTreeCounts) -> ContextTreeCounts:
        if not isinstance(other, ContextTreeCounts):
            return NotImplemented
        return ContextTreeCounts(self.parts + other.parts)

    @property
    def num_bytes(self) -> int:
        """Symbols counted."""
        return sum(len(data) for _, data in self.parts)

    @property
    def num_padded_bytes(self) -> int:
        """Bytes of `laid_out`'s text: before each part stands its context, and after the last one padding."""
        return self.num_bytes + PADDING * (len(self.parts) + 1)

    def check_size(self) -> None:
        """Refuse what the core cannot number: its positions are 32-bit numbers.

        Raises
        ------
        ValueError
            If there are 4 GiB or more.
        """
        if self.num_padded_bytes >= 1 << 32:
            raise ValueError(
                f"context-tree: {self.num_bytes:,} bytes are more than the 4 GiB possible at once"
            )

    def laid_out(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint64]]:
        """All parts in one buffer, each behind its context; and where each begins and ends.

        Returns
        -------
        text : ndarray of uint8
        segments : ndarray of uint64, shape (parts, 2)
        """
        sizes = np.array([len(data) for _, data in self.parts], dtype=np.uint64)
        ends = np.cumsum(sizes + np.uint64(PADDING))
        segments = np.stack([ends - sizes, ends], axis=1)
        text = np.zeros(int(ends[-1]) + PADDING, dtype=np.uint8)
        for (context, data), (begin, end) in zip(self.parts, segments.tolist(), strict=True):
            if context:
                text[begin - len(context) : begin] = np.frombuffer(context, dtype=np.uint8)
            if len(data):
                text[begin:end] = np.frombuffer(data, dtype=np.uint8)
        return text, segments
