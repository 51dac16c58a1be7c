"""RenderPlan: a source's templates and values as flat arrays, what the C++ renderer works from.

Text and tokens come in *pieces*: a literal of a template, or one value of a field. A *compiled template* is a
run of parts, each a piece or a field whose value picks one of consecutive pieces. Each template is compiled
twice: form 0 opens a sentence and has the full name; form 1 follows another statement, begins with a space
and has the pronoun (the full name where there is no pronoun).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

LITERAL = -1  # part_field of a part that is one piece
SYNTAX = 0  # label of syntax; 1 + a is knowledge of attribute a, the name being attribute 0


@dataclass(frozen=True, eq=False)
class RenderPlan:
    """Everything that the rendering of a sentence depends on besides the contents and the seed.

    Sentence i about element e: its kind is ``contents[e, kind_field] % kinds``; with
    ``draw = Draw(stream_key(seed, streams.SYNTAX), i)``, for each of its statements

    - the attribute: with ``order`` 0, of the r attributes left (at first 0, 1, ... in order) the one at place
      (draw.bits() * r) >> 64, whose place the last of those left takes; with ``order`` 1, the next one,
      without drawing;
    - the template: the first of those of (kind, attribute) whose cumulated probability, added up from the
      left in double precision, exceeds draw.unit(); the last one if none does.

    Then the parts of the compiled templates, form 0 for the first statement and form 1 for the others, and at
    the end `end_piece`.

    Attributes
    ----------
    piece_bytes : ndarray of uint8, shape (bytes,)
        UTF-8 text of all pieces.
    piece_byte_offsets : ndarray of uint32, shape (pieces + 1,)
        Where each piece's text begins.
    piece_tokens : ndarray of uint32, shape (tokens,)
        Token ids of all pieces.
    piece_token_offsets : ndarray of uint32, shape (pieces + 1,)
        Where each piece's tokens begin.
    part_piece : ndarray of uint32, shape (parts,)
        The piece of a literal, or the first of a field's pieces.
    part_field : ndarray of int32, shape (parts,)
        -1: a literal. Otherwise the column of contents whose value is added to `part_piece`.
    part_label : ndarray of uint8, shape (parts,)
        0 for syntax, 1 + a for knowledge of attribute a (`Contents.attributes`, the name being 0).
    template_parts : ndarray of uint32, shape (2 * templates + 1,)
        Where the parts of each compiled template begin; template t in form f is number 2 t + f.
    choice_offsets : ndarray of uint32, shape (kinds * attributes + 1,)
        The templates of kind k and attribute a (``Contents.stated``) are those from
        ``choice_offsets[k * attributes + a]`` to before the next entry.
    choice_probability : ndarray of float64, shape (templates,)
        Probability of each template among those of its kind and attribute.
    field_sizes : ndarray of uint32, shape (fields,)
        Number of values of each column of contents.
    kind_field : int
        Column of contents that decides the kind; -1 when there is one kind.
    kinds : int
        Number of kinds of elements.
    attributes : int
        Number of attributes that can be stated.
    statements : int
        Statements in a sentence.
    order : int
        0: distinct attributes in random order; 1: all of them in their fixed order.
    end_piece : int
        The piece that ends a sentence.
    vocabulary_size : int
        Token ids are below it.

    Raises
    ------
    ValueError
        If the arrays do not fit together: whoever renders need not check anything but the contents.
    TypeError
        If an array has another type.
    """

    piece_bytes: npt.NDArray[np.uint8]
    piece_byte_offsets: npt.NDArray[np.uint32]
    piece_tokens: npt.NDArray[np.uint32]
    piece_token_offsets: npt.NDArray[np.uint32]
    part_piece: npt.NDArray[np.uint32]
    part_field: npt.NDArray[np.int32]
    part_label: npt.NDArray[np.uint8]
    template_parts: npt.NDArray[np.uint32]
    choice_offsets: npt.NDArray[np.uint32]
    choice_probability: npt.NDArray[np.float64]
    field_sizes: npt.NDArray[np.uint32]
    kind_field: int
    kinds: int
    attributes: int
    statements: int
    order: int
    end_piece: int
    vocabulary_size: int

    def __post_init__(self) -> None:
        for field in fields(self):
            dtype = _DTYPES.get(field.name)
            if dtype is not None:
                _check_array(field.name, getattr(self, field.name), dtype)
        self._check_pieces()
        self._check_parts()
        self._check_choices()

    @property
    def num_pieces(self) -> int:
        """Number of pieces."""
        return len(self.piece_byte_offsets) - 1

    @property
    def num_templates(self) -> int:
        """Number of templates, counted for each kind; each is compiled in two forms."""
        return len(self.choice_probability)

    def piece_text(self, piece: int) -> bytes:
        """Text of a piece."""
        begin, end = self.piece_byte_offsets[piece : piece + 2]
        return self.piece_bytes[begin:end].tobytes()

    def piece_ids(self, piece: int) -> npt.NDArray[np.uint32]:
        """Token ids of a piece."""
        begin, end = self.piece_token_offsets[piece : piece + 2]
        return self.piece_tokens[begin:end]

    def _check_pieces(self) -> None:
        _check_offsets("piece_byte_offsets", self.piece_byte_offsets, len(self.piece_bytes))
        _check_offsets("piece_token_offsets", self.piece_token_offsets, len(self.piece_tokens))
        if len(self.piece_token_offsets) != len(self.piece_byte_offsets):
            raise ValueError("piece_token_offsets and piece_byte_offsets are not of one length")
        if self.piece_tokens.size and int(self.piece_tokens.max()) >= self.vocabulary_size:
            raise ValueError(
                f"token {int(self.piece_tokens.max())} in a vocabulary of {self.vocabulary_size}"
            )
        if not 0 <= self.end_piece < self.num_pieces:
            raise ValueError(f"end_piece={self.end_piece}: there are {self.num_pieces} pieces")

    def _check_parts(self) -> None:
        num_parts = len(self.part_piece)
        if not num_parts == len(self.part_field) == len(self.part_label):
            raise ValueError("part_piece, part_field and part_label are not of one length")
        _check_offsets("template_parts", self.template_parts, num_parts)
        if self.part_field.size and not (
            self.part_field.min() >= LITERAL and self.part_field.max() < len(self.field_sizes)
        ):
            raise ValueError("part_field leads outside the fields")
        sizes = np.append(self.field_sizes, np.uint32(1)).astype(np.int64)  # the last one serves -1
        if np.any(self.part_piece + sizes[self.part_field] > self.num_pieces):
            raise ValueError("part_piece leads outside the pieces")
        if self.part_label.size and int(self.part_label.max()) > self.attributes + 1:
            raise ValueError("part_label names an attribute that there is not")

    def _check_choices(self) -> None:
        if self.order not in (0, 1):
            raise ValueError(f"order={self.order}: neither 0 nor 1")
        if not 1 <= self.statements <= self.attributes:
            raise ValueError(f"statements={self.statements} of {self.attributes} attributes")
        if self.order == 1 and self.statements != self.attributes:
            raise ValueError("a fixed order states all attributes")
        if self.kinds < 1 or not -1 <= self.kind_field < len(self.field_sizes):
            raise ValueError(f"kinds={self.kinds}, kind_field={self.kind_field}")
        if self.kind_field == -1 and self.kinds != 1:
            raise ValueError(f"{self.kinds} kinds without a field that decides")
        if len(self.choice_offsets) != self.kinds * self.attributes + 1:
            raise ValueError("choice_offsets has not one entry for each kind and attribute")
        _check_offsets("choice_offsets", self.choice_offsets, self.num_templates)
        if np.any(np.diff(self.choice_offsets.astype(np.int64)) < 1):
            raise ValueError("a kind has an attribute without templates")
        if len(self.template_parts) != 2 * self.num_templates + 1:
            raise ValueError("template_parts has not two entries for each template")
        if np.any(~np.isfinite(self.choice_probability)) or np.any(self.choice_probability < 0):
            raise ValueError("choice_probability holds something that is no probability")
        sums = np.add.reduceat(self.choice_probability, self.choice_offsets[:-1].astype(np.int64))
        if np.any(np.abs(sums - 1) > 1e-9):
            raise ValueError("choice_probability does not add up to one for each kind and attribute")


_DTYPES: dict[str, Any] = {
    "piece_bytes": np.uint8,
    "piece_byte_offsets": np.uint32,
    "piece_tokens": np.uint32,
    "piece_token_offsets": np.uint32,
    "part_piece": np.uint32,
    "part_field": np.int32,
    "part_label": np.uint8,
    "template_parts": np.uint32,
    "choice_offsets": np.uint32,
    "choice_probability": np.float64,
    "field_sizes": np.uint32,
}


def _check_array(name: str, array: Any, dtype: Any) -> None:
    if not (isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == 1):
        raise TypeError(f"{name} is not a one-dimensional array of {np.dtype(dtype).name}")
    if not array.flags.c_contiguous:
        raise TypeError(f"{name} is not contiguous")


def _check_offsets(name: str, offsets: npt.NDArray[np.uint32], total: int) -> None:
    if len(offsets) < 1 or offsets[0] != 0 or offsets[-1] != total or np.any(offsets[1:] < offsets[:-1]):
        raise ValueError(f"{name} is not an increasing run from 0 to {total}")
