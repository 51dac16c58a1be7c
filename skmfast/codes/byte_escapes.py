"""Escapes: documents as tokens, and the bytes that a tokenizer cannot give back, as they are.

Tokenizers may need UTF-8, put characters into another form, drop spaces beside special tokens. What does not
come back is left out of the text and kept as bytes between its tokens, so that any document is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from skmfast.errors import CorpusError

if TYPE_CHECKING:
    from skmfast.codes.language_model import Tokenizer

Ids = npt.NDArray[np.int64]

# Text that is shorter, between bytes that are none, is cheaper as bytes.
_SHORTEST_TEXT = 8
# Text of which no half is tried any more.
_SMALLEST_TRIED = 16

_NO_TEXT = re.compile("[\udc80-\udcff]+")


class Piece(NamedTuple):
    """Tokens, decoded together, and bytes behind what they give."""

    tokens: Ids
    escaped: bytes


def split(tokenizer: Tokenizer, document: bytes, vocabulary: int) -> list[Piece]:
    """Pieces that give ``document``: a single one, without escaped bytes, where the tokenizer can.

    Parameters
    ----------
    tokenizer : Tokenizer
    document : bytes
    vocabulary : int
        Entries of the model, of which every token is one.
    """
    whole = _tokens(tokenizer, document, vocabulary)
    if whole is not None:
        return [Piece(whole, b"")]
    spans: list[tuple[bytes, Ids | None]] = []
    for run, is_text in _runs(document):
        spans += _halved(tokenizer, run, vocabulary) if is_text else [(run, None)]
    pieces: list[Piece] = []
    nothing = np.zeros(0, dtype=np.int64)
    text, tokens, escaped = b"", nothing, bytearray()
    for span, found in spans:
        if found is None:
            escaped += span
            continue
        joined = None if escaped else _tokens(tokenizer, text + span, vocabulary)
        if joined is not None:
            text, tokens = text + span, joined
            continue
        pieces.append(Piece(tokens, bytes(escaped)))
        text, tokens, escaped = span, found, bytearray()
    return [*pieces, Piece(tokens, bytes(escaped))]


def join(tokenizer: Tokenizer, pieces: Sequence[Piece]) -> bytes:
    """The document of these pieces."""
    return b"".join(
        (tokenizer.decode(piece.tokens) if len(piece.tokens) else b"") + piece.escaped for piece in pieces
    )


def _tokens(tokenizer: Tokenizer, text: bytes, vocabulary: int) -> Ids | None:
    """Tokens that give ``text`` back, or None."""
    try:
        found = tokenizer.encode(text)
    except CorpusError:
        return None
    # No more than there are bytes, and one for a space in front: decoders rely on it.
    if found.max(initial=0) >= vocabulary or len(found) > len(text) + 1 or tokenizer.decode(found) != text:
        return None
    return found


def _runs(document: bytes) -> list[tuple[bytes, bool]]:
    """UTF-8 text and bytes that are none, one behind the other; very short text counts as bytes."""
    text = document.decode("utf-8", "surrogateescape")
    runs: list[tuple[bytes, bool]] = []
    start = 0
    for match in [*_NO_TEXT.finditer(text), None]:
        between = text[start : match.start() if match else len(text)].encode()
        if between:
            runs.append((between, len(between) >= _SHORTEST_TEXT))
        if match:
            runs.append((match[0].encode("utf-8", "surrogateescape"), False))
            start = match.end()
    return runs


def _halved(tokenizer: Tokenizer, text: bytes, vocabulary: int) -> list[tuple[bytes, Ids | None]]:
    """Spans of ``text`` with their tokens, or with None where they do not come back."""
    found = _tokens(tokenizer, text, vocabulary)
    if found is not None or len(text) < _SMALLEST_TRIED:
        return [(text, found)]
    middle = len(text) // 2
    # Words begin with their space; a character is not cut.
    space = text.rfind(b" ", middle // 2, middle)
    cut = space if space > 0 else middle
    while text[cut] & 0xC0 == 0x80:
        cut -= 1
    return [
        *_halved(tokenizer, text[:cut], vocabulary),
        *_halved(tokenizer, text[cut:], vocabulary),
    ]
