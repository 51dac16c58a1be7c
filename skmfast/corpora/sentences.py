"""Sentences: a run of rendered sentences as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Sentences:
    """n sentences in a row, offsets counted from the first.

    Attributes
    ----------
    text : ndarray of uint8, shape (bytes,)
        UTF-8.
    text_offsets : ndarray of uint64, shape (n + 1,)
        First byte of each sentence.
    tokens : ndarray of uint16 or uint32, shape (tokens,)
    labels : ndarray of uint8, shape (tokens,)
        0 for syntax, 1 + a for knowledge of attribute a.
    offsets : ndarray of uint64, shape (n + 1,)
        First token of each sentence.
    elements : ndarray of uint32, shape (n,)
        Which element each sentence is about.
    statements : ndarray of uint16, shape (n, s, 2)
        What each of its s statements says: an attribute, counted without the name, and the number of the
        template within the kind and attribute.
    """

    text: npt.NDArray[np.uint8]
    text_offsets: npt.NDArray[np.uint64]
    tokens: npt.NDArray[Any]
    labels: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.uint64]
    elements: npt.NDArray[np.uint32]
    statements: npt.NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.elements)

    def part(self, begin: int, end: int) -> Sentences:
        """Sentences begin, ..., end - 1, as views where nothing has to be shifted."""
        text, tokens = (slice(int(each[begin]), int(each[end])) for each in (self.text_offsets, self.offsets))
        return Sentences(
            self.text[text],
            self.text_offsets[begin : end + 1] - self.text_offsets[begin],
            self.tokens[tokens],
            self.labels[tokens],
            self.offsets[begin : end + 1] - self.offsets[begin],
            self.elements[begin:end],
            self.statements[begin:end],
        )

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Names of the arrays."""
        return tuple(cls.__dataclass_fields__)
