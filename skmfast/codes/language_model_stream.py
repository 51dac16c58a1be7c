"""Lossless streams under a language model: its windows side by side, one token of each at a time.

Windows that look at no other's tokens are decoded together: at each step the model sees the last token of
every window, and the coder the next one of each. Encoder and decoder run the same steps. Logits of llama2.c
files are the same to the last bit on every processor; those of other models may not be, and a stream names
what they depend on (``runs_on``) and is refused elsewhere.

A model that streams are written with has ``stepper(windows, length)``, whose ``logits(tokens)`` takes the
next tokens (n,) of the first n windows and gives float32 logits (n, V) behind them, as arrays of numpy. It
may have ``windows_at_once(context)``, where the keys and values of 256 windows are too many to be held; that
number is part of the format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from skmfast.coding import LogitsDecoder, LogitsEncoder
from skmfast.errors import CorruptStreamError, UnsupportedStreamError

if TYPE_CHECKING:
    from skmfast.codes.language_model import LanguageModel

_MARK_BYTES = 2
# Windows whose keys and values are held at once.
_WINDOWS = 256

Progress = Callable[[float], None]


def encode(code: LanguageModel, document: bytes, progress: Progress | None = None) -> bytes:
    """Payload of ``document``: a mark of model and machine, the number of tokens, one message of them.

    Raises
    ------
    ValueError
        If windows see each other's tokens, or the model cannot go step by step.
    CorpusError
        If the tokenizer cannot give the bytes back.
    """
    _check(code)
    tokens = code.tokenizer.encode(document)
    coder = LogitsEncoder(threads=1)
    lengths = _window_lengths(code, len(tokens))
    starts = np.cumsum([0, *lengths])

    def write(logits: npt.NDArray[np.float32], step: int, first: int) -> npt.NDArray[np.int64]:
        chosen: npt.NDArray[np.int64] = tokens[starts[first : first + len(logits)] + step]
        coder.encode(logits, chosen)
        return chosen

    for _ in _walk(code, lengths, write, progress):
        pass
    return _mark(code) + _varint(len(tokens)) + coder.finish()


def decode(code: LanguageModel, payload: bytes, num_bytes: int, progress: Progress | None = None) -> bytes:
    """The document of ``num_bytes`` bytes whose payload this is.

    Raises
    ------
    UnsupportedStreamError
        If the stream was written with another model, tokenizer or policy, or on another machine.
    CorruptStreamError
        If it is damaged.
    """
    _check(code)
    if payload[:_MARK_BYTES] != _mark(code):
        raise UnsupportedStreamError(
            "the stream was written with another model, tokenizer or window policy, or on another machine or"
            f" version; this is {dict(code.parameters)}"
        )
    num_tokens, offset = _read_varint(payload, _MARK_BYTES)
    # Every token stands for a byte at least, but for the few of a space that is put in front.
    if num_tokens > num_bytes + 1:
        raise CorruptStreamError(f"language-model data: {num_tokens:,} tokens for {num_bytes:,} bytes")
    lengths = _window_lengths(code, num_tokens)
    pieces: list[list[npt.NDArray[np.int64]]] = [[] for _ in lengths]
    coder = LogitsDecoder(payload[offset:])

    def read(logits: npt.NDArray[np.float32], step: int, first: int) -> npt.NDArray[np.int64]:
        found: npt.NDArray[np.int64] = np.asarray(coder.decode(logits), dtype=np.int64)
        for window, token in enumerate(found, first):
            pieces[window].append(token)
        return found

    for _ in _walk(code, lengths, read, progress):
        pass
    coder.finish()
    document = code.tokenizer.decode([int(token) for window in pieces for token in window])
    if len(document) != num_bytes:
        raise CorruptStreamError(f"language-model data: {len(document):,} of {num_bytes:,} bytes")
    return document


def _check(code: LanguageModel) -> None:
    if not code.policy.independent:
        raise ValueError(
            "streams need windows that stand alone: bos='window', stride = context - 1, last='short'"
        )
    if not hasattr(code.trunk, "stepper"):
        raise ValueError("streams need a model that goes step by step; this one gives lengths only")


def _walk(
    code: LanguageModel,
    lengths: list[int],
    visit: Callable[[npt.NDArray[np.float32], int, int], npt.NDArray[np.int64]],
    progress: Progress | None,
) -> Iterator[None]:
    """Steps over all windows, some at a time; ``visit`` turns logits of the next tokens into these tokens."""
    total, done = sum(lengths), 0
    at_once = _WINDOWS
    if hasattr(code.trunk, "windows_at_once") and lengths:
        at_once = min(at_once, code.trunk.windows_at_once(code.policy.context))
    for first in range(0, len(lengths), at_once):
        some = lengths[first : first + at_once]
        stepper = code.trunk.stepper(len(some), max(some))  # type: ignore[union-attr]
        last = np.full(len(some), code.bos_token, dtype=np.int64)
        for step in range(max(some)):
            # Only the last window can be shorter than the others.
            active = len(some) if step < some[-1] else len(some) - 1
            last = visit(stepper.logits(last[:active]), step, first)
            done += active
            if progress is not None:
                progress(done / total)
            yield


def _window_lengths(code: LanguageModel, num_tokens: int) -> list[int]:
    return [window.end - window.new for window in code.policy.windows(num_tokens)]


def _mark(code: LanguageModel) -> bytes:
    """Two bytes of a digest of all that logits depend on; the whole of it is in the container's header."""
    depends = {name: value for name, value in code.parameters.items() if name not in ("path", "tokenizer")}
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).digest()[:_MARK_BYTES]


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _read_varint(data: bytes, offset: int) -> tuple[int, int]:
    number = 0
    for place in range(10):
        if offset + place >= len(data):
            raise CorruptStreamError("language-model data: truncated in the number of tokens")
        value = data[offset + place]
        number |= (value & 0x7F) << (7 * place)
        if value < 0x80:
            return number, offset + place + 1
    raise CorruptStreamError("language-model data: the number of tokens has no end")
