"""Vocabulary: text into token ids and back, by words or by bytes.

The word tokenizer cuts a text into runs of letters, runs of digits and single other characters, each with
the one space before it if there is one. So decoding is joining the pieces, and how a text is cut at a
place depends on the two characters there alone.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.errors import CorpusError
from skmfast.files import whole_file

LINE_END = "\n"
_PIECE = re.compile(r" ?[^\W\d_]+| ?\d+| ?[^\w\s]| ?_|\s|.", re.DOTALL)
_FORMAT = "skmfast vocabulary"
_VERSION = 1


def split(text: str) -> list[str]:
    """The pieces of ``text``; joined they are the text.

    Examples
    --------
    >>> split("Ann was born on May 3, 1990.")
    ['Ann', ' was', ' born', ' on', ' May', ' 3', ',', ' 1990', '.']
    """
    return _PIECE.findall(text)


def joins(left: str, right: str) -> bool:
    """Whether a piece of ``left + right`` reaches over the boundary of two texts, neither of them empty."""
    before, after = left[-1], right[0]
    if before == " ":
        return after != " " and not after.isspace()
    return _class(before) == _class(after) != "other"


@functools.cache
def _class(character: str) -> str:
    if re.fullmatch(r"\d", character):
        return "digit"
    return "letter" if re.fullmatch(r"[^\W\d_]", character) else "other"


class Vocabulary:
    """Pieces of text numbered from 0.

    Parameters
    ----------
    pieces : iterable of str
        Distinct pieces, each one that `split` would leave whole. By convention the line end, which ends
        every sentence, comes first.

    Raises
    ------
    ValueError
        If a piece is empty, appears twice, or would be cut.

    Examples
    --------
    >>> vocabulary = Vocabulary.of_texts(["Ann met Bob.", "Bob met Eve."])
    >>> ids = vocabulary.encode("Ann met Eve.")
    >>> ids.tolist(), vocabulary.decode(ids)
    ([1, 2, 6, 4], b'Ann met Eve.')
    """

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces: tuple[bytes, ...] = ()
        self._ids: dict[str, int] = {}
        for piece in pieces:
            if piece in self._ids:
                raise ValueError(f"piece {len(self._ids)}, {piece!r}, appears twice")
            if split(piece) != [piece]:
                raise ValueError(f"piece {len(self._ids)}, {piece!r}, is not one piece")
            self._ids[piece] = len(self._ids)
        self._pieces = tuple(piece.encode() for piece in self._ids)

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> Vocabulary:
        """The line end, then the pieces of ``texts`` in order of appearance."""
        pieces = {LINE_END: None}
        for text in texts:
            pieces.update(dict.fromkeys(split(text)))
        return cls(pieces)

    @classmethod
    def of_bytes(cls) -> Vocabulary:
        """Token b is byte b: 256 tokens that encode any text."""
        return _Bytes()

    @property
    def mode(self) -> str:
        """``"words"`` or ``"bytes"``."""
        return "words"

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """Text of each token, UTF-8."""
        return self._pieces

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint16 for at most 65,536 tokens, else uint32."""
        return np.dtype(np.uint16 if len(self) <= 1 << 16 else np.uint32)

    def __len__(self) -> int:
        return len(self.pieces)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self.mode, self.pieces) == (other.mode, other.pieces)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Vocabulary of {len(self):,} {self.mode}>"

    def encode(self, text: str | bytes) -> npt.NDArray[Any]:
        """Token ids of ``text``.

        Returns
        -------
        ndarray of `dtype`, shape (tokens,)

        Raises
        ------
        ValueError
            If a piece of the text is not in the vocabulary, or bytes are not UTF-8; the message says where.
        """
        text = _as_text(text)
        ids = np.empty(len(pieces := split(text)), dtype=self.dtype)
        try:
            for place, piece in enumerate(pieces):
                ids[place] = self._ids[piece]
        except KeyError:
            before = "".join(pieces[:place])
            line = before.count("\n") + 1
            raise ValueError(
                f"character {len(before):,} (line {line:,}): {piece!r} is not in the vocabulary"
            ) from None
        return ids

    def decode(self, ids: npt.ArrayLike) -> bytes:
        """The bytes that ``ids`` stand for: the pieces joined.

        Raises
        ------
        ValueError
            If an id is out of range.
        """
        array = np.asarray(ids)
        if array.size and array.dtype.kind not in "iu":
            raise TypeError(f"token ids are integers, not {array.dtype}")
        bad = np.flatnonzero((array < 0) | (array >= len(self)))
        if bad.size:
            raise ValueError(
                f"token {int(bad[0]):,} is {int(array[bad[0]])}; the vocabulary has {len(self):,}"
            )
        pieces = self.pieces
        return b"".join([pieces[id_] for id_ in array.tolist()])

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        description: dict[str, Any] = {"format": _FORMAT, "version": _VERSION, "mode": self.mode}
        if self.mode == "words":
            description["pieces"] = list(self._ids)
        return description

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Vocabulary:
        """The vocabulary that `to_dict` described.

        Raises
        ------
        ValueError
            If it is no such description.
        """
        if not isinstance(description, Mapping) or description.get("format") != _FORMAT:
            raise ValueError("not a description of a vocabulary")
        if description.get("version") != _VERSION:
            raise ValueError(f"a vocabulary of version {description.get('version')}; {_VERSION} is known")
        if description.get("mode") == "bytes":
            return cls.of_bytes()
        pieces = description.get("pieces")
        if not (isinstance(pieces, list) and all(isinstance(piece, str) for piece in pieces)):
            raise ValueError("a vocabulary without a list of pieces")
        return cls(pieces)

    def save(self, path: str | PathLike[str]) -> None:
        """Write it as JSON; the file appears whole or not at all."""
        with whole_file(path) as file:
            file.write(json.dumps(self.to_dict(), ensure_ascii=False, indent=0).encode() + b"\n")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Vocabulary:
        """Read what `save` wrote.

        Raises
        ------
        CorpusError
            If the file is not a vocabulary.
        """
        with open(path, "rb") as file:
            data = file.read()
        try:
            return cls.from_dict(json.loads(data))
        except ValueError as error:
            raise CorpusError(f"{path}: {error}") from None


class _Bytes(Vocabulary):
    """Token b is byte b."""

    def __init__(self) -> None:
        self._pieces = tuple(bytes([byte]) for byte in range(256))
        self._ids = {}

    @property
    def mode(self) -> str:
        return "bytes"

    def encode(self, text: str | bytes) -> npt.NDArray[Any]:
        data = text.encode() if isinstance(text, str) else bytes(text)
        return np.frombuffer(data, dtype=np.uint8).astype(self.dtype)

    def decode(self, ids: npt.ArrayLike) -> bytes:
        array = np.asarray(ids)
        if array.size and array.dtype.kind in "iu" and 0 <= int(array.min()) <= int(array.max()) < 256:
            return array.astype(np.uint8).tobytes()
        return super().decode(ids)


def _as_text(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return bytes(text).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start:,}: not UTF-8: {error.reason}") from None
