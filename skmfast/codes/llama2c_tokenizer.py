"""Tokenizer of llama2.c: byte-pair merges by score, exactly as its C program, for any bytes."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from skmfast.codes._merge_tokenizer import MergeTokenizer
from skmfast.errors import CorpusError, ModelFileError

BOS = 1

_FIRST_BYTE = 3  # token of byte 0, "<0x00>"
_ENTRY = struct.Struct("<fi")
_BYTE_TOKEN = re.compile(rb"<0x([0-9A-F]{2})>")


class Llama2cTokenizer:
    """Bytes to tokens and back.

    Text gets a space in front, falls into characters (those without a token into bytes), and of all
    neighbours that join to a token the pair with the best score is joined, the leftmost of equals, until
    none is left.

    Parameters
    ----------
    path : path
        A ``tokenizer.bin`` of llama2.c.

    Raises
    ------
    ModelFileError
        If the file is truncated or no such file.

    References
    ----------
    Sennrich, Haddow, Birch 2016, "Neural machine translation of rare words with subword units".
    """

    bos = BOS

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        texts, scores = _read(path)
        for value in range(256):
            if texts[_FIRST_BYTE + value : _FIRST_BYTE + value + 1] != [b"<0x%02X>" % value]:
                raise ModelFileError(
                    f"{path}: no tokenizer of llama2.c: token {_FIRST_BYTE + value} is no byte"
                )
        if b" " not in texts:
            raise ModelFileError(f"{path}: there is no token for a space, which every text begins with")
        self._bytes = [_bytes_of(text) for text in texts]
        self._merges = MergeTokenizer(texts, scores, _FIRST_BYTE)

    def __len__(self) -> int:
        return len(self._bytes)

    def encode(self, data: bytes | memoryview) -> npt.NDArray[np.int64]:
        """Tokens of ``data``, without BOS.

        Raises
        ------
        CorpusError
            If decoding them would not give the bytes back.
        """
        if not len(data):
            return np.zeros(0, dtype=np.int64)
        text = b" " + bytes(data)
        tokens = self._merges.encode(text)
        if self.decode(tokens) != text[1:]:
            raise CorpusError(f"{self.path}: this tokenizer does not give the bytes of a document back")
        return tokens

    def decode(self, tokens: Sequence[int] | npt.NDArray[np.int64]) -> bytes:
        """Bytes of the tokens of a whole document."""
        numbers = tokens.tolist() if isinstance(tokens, np.ndarray) else tokens
        text = b"".join(map(self._bytes.__getitem__, numbers))
        return text[1:] if text[:1] == b" " else text


def _read(path: str | os.PathLike[str]) -> tuple[list[bytes], list[float]]:
    data = Path(path).read_bytes()
    texts: list[bytes] = []
    scores: list[float] = []
    offset = 4  # the length of the longest token, which nothing here needs
    while offset < len(data):
        if offset + _ENTRY.size > len(data):
            raise ModelFileError(f"{path}: truncated in token {len(texts)}, at byte {offset}")
        score, size = _ENTRY.unpack_from(data, offset)
        offset += _ENTRY.size
        if not 0 <= size <= len(data) - offset or score != score:
            raise ModelFileError(
                f"{path}: truncated or no tokenizer of llama2.c: token {len(texts)}, at byte {offset},"
                f" has {size} bytes and score {score}"
            )
        texts.append(data[offset : offset + size])
        scores.append(score)
        offset += size
    return texts, scores


def _bytes_of(text: bytes) -> bytes:
    """What a token stands for."""
    match = _BYTE_TOKEN.fullmatch(text)
    return bytes([int(match[1], 16)]) if match else text
