"""Tokenizer of llama2.c: byte-pair merges by score, exactly as its C program, for any bytes."""

from __future__ import annotations

import heapq
import itertools
import os
import re
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from skmfast.errors import CorpusError, ModelFileError

BOS = 1

_FIRST_BYTE = 3  # token of byte 0, "<0x00>"
_ENTRY = struct.Struct("<fi")
_BYTE_TOKEN = re.compile(rb"<0x([0-9A-F]{2})>")
# What the C program looks up at first: a character of UTF-8, or what is in the place of one.
_UNIT = re.compile(rb"[^\x80-\xbf][\x80-\xbf]{0,3}|[\x80-\xbf]{1,4}")
_CACHED_PIECES = 1 << 16
_CACHED_BYTES = 64


class Llama2cTokenizer:
    """Bytes to tokens and back.

    Text gets a space in front, falls into characters (those without a token into bytes), and of all
    neighbours that join to a token the pair with the best score is joined, the leftmost of equals, until
    none is left. Neighbours that no token has side by side are never joined: there the text is cut, and
    pieces seen before are looked up, which gives the same tokens in linear time.

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
        self._texts, self._scores = _read(path)
        self._ids: dict[bytes, int] = {}
        for token, text in enumerate(self._texts):
            self._ids.setdefault(text, token)
        for value in range(256):
            if self._texts[_FIRST_BYTE + value : _FIRST_BYTE + value + 1] != [b"<0x%02X>" % value]:
                raise ModelFileError(
                    f"{path}: no tokenizer of llama2.c: token {_FIRST_BYTE + value} is no byte"
                )
        if b" " not in self._ids:
            raise ModelFileError(f"{path}: there is no token for a space, which every text begins with")
        self._bytes = [_bytes_of(text) for text in self._texts]
        self._joins = _neighbours(self._texts, self._ids)
        self._pieces: dict[bytes, list[int]] = {}

    def __len__(self) -> int:
        return len(self._texts)

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
        values = np.frombuffer(text, dtype=np.uint8)
        apart = ~self._joins[values[:-1], values[1:]] & ((values[1:] & 0xC0) != 0x80)
        cuts = [0, *(np.flatnonzero(apart) + 1).tolist(), len(text)]
        tokens: list[int] = []
        for start, end in itertools.pairwise(cuts):
            tokens += self._piece(text[start:end])
        if self.decode(tokens) != text[1:]:
            raise CorpusError(f"{self.path}: this tokenizer does not give the bytes of a document back")
        return np.array(tokens, dtype=np.int64)

    def decode(self, tokens: Sequence[int] | npt.NDArray[np.int64]) -> bytes:
        """Bytes of the tokens of a whole document."""
        text = b"".join([self._bytes[token] for token in tokens])
        return text[1:] if text[:1] == b" " else text

    def _piece(self, text: bytes) -> list[int]:
        found = self._pieces.get(text)
        if found is None:
            found = self._merged(text)
            if len(text) <= _CACHED_BYTES and len(self._pieces) < _CACHED_PIECES:
                self._pieces[text] = found
        return found

    def _units(self, text: bytes) -> list[int]:
        tokens: list[int] = []
        for unit in _UNIT.findall(text):
            token = self._ids.get(unit)
            tokens += [_FIRST_BYTE + value for value in unit] if token is None else [token]
        return tokens

    def _merged(self, text: bytes) -> list[int]:
        """Tokens of a piece: a list of neighbours, and a heap of the pairs that could be joined."""
        tokens = self._units(text)
        end = len(tokens)
        before, after = list(range(-1, end - 1)), list(range(1, end + 1))
        alive = [True] * end
        heap: list[tuple[float, int, int, int, int]] = []

        def offer(left: int) -> None:
            right = after[left]
            if left >= 0 and right < end:
                joined = self._ids.get(self._texts[tokens[left]] + self._texts[tokens[right]])
                if joined is not None:
                    item = (-self._scores[joined], left, tokens[left], tokens[right], joined)
                    heapq.heappush(heap, item)

        for position in range(end - 1):
            offer(position)
        while heap:
            _, left, first, second, joined = heapq.heappop(heap)
            right = after[left]
            if not alive[left] or right >= end or tokens[left] != first or tokens[right] != second:
                continue
            tokens[left], alive[right] = joined, False
            after[left] = after[right]
            if after[right] < end:
                before[after[right]] = left
            if before[left] >= 0:
                offer(before[left])
            offer(left)
        return [token for token, kept in zip(tokens, alive, strict=True) if kept]


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


def _neighbours(texts: Sequence[bytes], ids: dict[bytes, int]) -> npt.NDArray[np.bool_]:
    """Whether a token has byte b behind byte a, (256, 256): elsewhere nothing is ever joined.

    A byte without a token of its own stands as a text such as <0x0A>, and joins as that would.
    """
    joins = np.zeros((256, 256), dtype=np.bool_)
    for text in texts:
        values = np.frombuffer(text, dtype=np.uint8)
        joins[values[:-1], values[1:]] = True
    spelled = np.array([value >= 0x80 or bytes([value]) not in ids for value in range(256)])
    wide: npt.NDArray[np.bool_] = joins.copy()
    wide[spelled] |= joins[ord(">")]
    wide[:, spelled] |= joins[:, [ord("<")]]
    wide[np.ix_(spelled, spelled)] |= joins[ord(">"), ord("<")]
    return wide
