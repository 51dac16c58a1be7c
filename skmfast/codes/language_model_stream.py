"""Lossless streams under a language model: one token at a time, windows side by side where they stand alone.

Windows that look at no other's tokens are decoded together: at each step the model sees the last token of
every window, and the coder the next one of each. Other windows come one behind the other, each from the
tokens that it begins with. Encoder and decoder run the same steps, on the same number of threads. Logits of
llama2.c files are the same to the last bit on every processor and beside any other windows, so several
documents are done at once; those of other models may not be, and a stream names what they depend on
(`LanguageModel.stream_parameters`) and is refused elsewhere.

A model may have ``stepper(windows, length)``, whose ``logits(tokens)`` takes the next tokens (n,) of the
first n windows, or in other models than llama2.c's several of each (n, k), and gives float32 logits (n, V)
behind them, as arrays of numpy; without it, all of a window is computed anew for each of its tokens. It
may have ``windows_at_once(context)``, where the keys and values of 256 windows are too many to be held; that
number is part of the format (docs/format.md).
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from skmfast.codes.byte_escapes import Piece, join, split
from skmfast.codes.llama import Llama
from skmfast.codes.varint import varint
from skmfast.coding import LogitsDecoder, LogitsEncoder
from skmfast.errors import CorpusError, CorruptStreamError, UnsupportedStreamError

if TYPE_CHECKING:
    from skmfast.codes.language_model import LanguageModel

_MARK_BYTES = 2
# Windows whose keys and values are held at once.
_WINDOWS = 256

Ids = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]
Progress = Callable[[float], None]


def encode(code: LanguageModel, document: bytes, progress: Progress | None = None) -> bytes:
    """Payload of ``document``: a mark of model and machine, the number of tokens, one message of them.

    Raises
    ------
    CorpusError
        If a tokenizer that should give back any bytes does not, or the model gives no probabilities.
    """
    mark = _mark(code)
    if _any_bytes(code):
        pieces = [Piece(code.tokenizer.encode(document), b"")]
    else:
        pieces = split(code.tokenizer, document, code.vocabulary_size)
    tokens = np.concatenate([piece.tokens for piece in pieces])
    coder = LogitsEncoder(threads=1)

    def write(logits: Logits, places: Ids) -> None:
        try:
            coder.encode(logits, tokens[places])
        except ValueError as error:
            raise CorpusError(f"token {places[0]:,} or one beside it: {error}") from None

    with code.stream_arithmetic():
        for _ in _walk(code, tokens, write, progress):
            pass
    written = b"" if _any_bytes(code) else _written(pieces)
    return mark + varint(len(tokens)) + written + coder.finish()


def decode(code: LanguageModel, payload: bytes, num_bytes: int, progress: Progress | None = None) -> bytes:
    """The document of ``num_bytes`` bytes whose payload this is.

    Raises
    ------
    UnsupportedStreamError
        If the stream was written with another model, tokenizer or policy, or on another machine.
    CorruptStreamError
        If it is damaged.
    """
    num_tokens, breaks, offset = _read_head(code, payload, num_bytes)
    tokens = np.zeros(num_tokens, dtype=np.int64)
    coder = LogitsDecoder(payload[offset:])

    def read(logits: Logits, places: Ids) -> None:
        tokens[places] = _decoded(coder, logits, places)

    with code.stream_arithmetic():
        for _ in _walk(code, tokens, read, progress):
            pass
    return _document(code, coder, tokens, breaks, num_bytes)


def _read_head(
    code: LanguageModel, payload: bytes, num_bytes: int
) -> tuple[int, list[tuple[int, bytes]], int]:
    """Number of tokens, escapes, and where the message begins."""
    if payload[:_MARK_BYTES] != _mark(code):
        raise UnsupportedStreamError(
            "the stream was written with another model, tokenizer or window policy, or on another machine or"
            f" version; this is {dict(code.stream_parameters)}"
        )
    num_tokens, offset = _read_varint(payload, _MARK_BYTES)
    breaks: list[tuple[int, bytes]] = []
    if not _any_bytes(code):
        breaks, offset = _read_breaks(payload, offset, num_tokens, num_bytes)
    # Every token stands for a byte at least, but for the few of a space that is put in front.
    if num_tokens > num_bytes + 1 + len(breaks):
        raise CorruptStreamError(f"language-model data: {num_tokens:,} tokens for {num_bytes:,} bytes")
    return num_tokens, breaks, offset


def _decoded(coder: LogitsDecoder, logits: Logits, places: Ids) -> Ids:
    """Tokens at these places."""
    try:
        return np.asarray(coder.decode(logits), dtype=np.int64)
    except CorruptStreamError:
        raise
    except ValueError as error:  # of a model that gives no probabilities behind what was decoded
        raise CorruptStreamError(f"language-model data: token {places[0]:,}: {error}") from None


def _document(
    code: LanguageModel, coder: LogitsDecoder, tokens: Ids, breaks: list[tuple[int, bytes]], num_bytes: int
) -> bytes:
    """The document of these tokens, at the end of the message."""
    coder.finish()
    document = _joined(code, tokens, breaks)
    if len(document) != num_bytes:
        raise CorruptStreamError(f"language-model data: {len(document):,} of {num_bytes:,} bytes")
    return document


# ---- several documents -------------------------------------------------------------------------------------


def encode_documents(
    code: LanguageModel, documents: Sequence[bytes], progress: Progress | None = None
) -> list[bytes]:
    """Payloads of documents, each as `encode` writes it; errors are those of `encode`.

    Documents under a llama2.c file are coded beside each other, as their logits do not depend on company;
    others one by one.
    """
    if not side_by_side(code):
        return [code.encode(document) for document in documents]
    mark = _mark(code)
    tokens = [code.tokenizer.encode(document) for document in documents]
    coders = [LogitsEncoder(threads=1) for _ in documents]

    def write(logits: Logits, number: int, places: Ids) -> None:
        try:
            coders[number].encode(logits, tokens[number][places])
        except ValueError as error:
            raise CorpusError(f"token {places[0]:,} or one beside it: {error}") from None

    _walk_documents(code, tokens, write, progress)
    written = zip(tokens, coders, strict=True)
    return [mark + varint(len(each)) + coder.finish() for each, coder in written]


def decode_documents(
    code: LanguageModel, payloads: Sequence[bytes], sizes: Sequence[int], progress: Progress | None = None
) -> list[bytes]:
    """Documents of these sizes, in bytes, whose payloads these are; errors are those of `decode`."""
    if not side_by_side(code):
        return [code.decode(payload, size) for payload, size in zip(payloads, sizes, strict=True)]
    heads = [_read_head(code, payload, size) for payload, size in zip(payloads, sizes, strict=True)]
    tokens = [np.zeros(num_tokens, dtype=np.int64) for num_tokens, _, _ in heads]
    coders = [
        LogitsDecoder(payload[offset:]) for payload, (_, _, offset) in zip(payloads, heads, strict=True)
    ]

    def read(logits: Logits, number: int, places: Ids) -> None:
        tokens[number][places] = _decoded(coders[number], logits, places)

    _walk_documents(code, tokens, read, progress)
    return [
        _document(code, coder, each, breaks, size)
        for coder, each, (_, breaks, _), size in zip(coders, tokens, heads, sizes, strict=True)
    ]


def side_by_side(code: LanguageModel) -> bool:
    """Whether logits, and so streams, are the same whatever windows are computed beside each other."""
    return isinstance(code.trunk, Llama) and code.policy.independent


def _walk_documents(
    code: LanguageModel,
    tokens: Sequence[Ids],
    visit: Callable[[Logits, int, Ids], None],
    progress: Progress | None,
) -> None:
    """Steps over the windows of documents; ``visit`` gets logits of tokens of one of them at some places."""
    total, done = sum(map(len, tokens)), 0
    at_once = min(_WINDOWS, _windows_at_once(code))

    def report(visited: int) -> None:
        nonlocal done
        done += visited
        if progress is not None:
            progress(done / total)

    beside: list[tuple[int, int, int]] = []  # document, first token, tokens of each window
    for number, each in enumerate(tokens):
        windows = [(number, start, length) for start, length in _spans(code, len(each))]
        if len(windows) > at_once:
            # In groups as if it were alone: they decide the order of its tokens.
            for visited in _side_by_side(code, each, functools.partial(_of_document, visit, number)):
                report(visited)
            continue
        if len(beside) + len(windows) > at_once:
            _walk_beside(code, tokens, beside, visit, report)
            beside = []
        beside += windows
    _walk_beside(code, tokens, beside, visit, report)


def _of_document(visit: Callable[[Logits, int, Ids], None], number: int, logits: Logits, places: Ids) -> None:
    visit(logits, number, places)


def _walk_beside(
    code: LanguageModel,
    tokens: Sequence[Ids],
    windows: list[tuple[int, int, int]],
    visit: Callable[[Logits, int, Ids], None],
    report: Callable[[int], None],
) -> None:
    """Steps over windows of several documents, in each of which they keep their order."""
    if not windows:
        return
    windows = sorted(windows, key=lambda window: -window[2])
    owners, starts, lengths = (np.array(column) for column in zip(*windows, strict=True))
    rows_of = {int(number): np.flatnonzero(owners == number) for number in np.unique(owners)}
    stepper = _stepper(code, len(windows), int(lengths[0]))
    last = np.full(len(windows), code.bos_token, dtype=np.int64)
    for step in range(int(lengths[0])):
        active = int(np.count_nonzero(lengths > step))
        logits = stepper.logits(last[:active])
        for number, rows in list(rows_of.items()):
            going = rows[: np.searchsorted(rows, active)]
            if not len(going):
                del rows_of[number]
                continue
            places = starts[going] + step
            visit(logits[going], number, places)
            last[going] = tokens[number][places]
        report(active)


def _any_bytes(code: LanguageModel) -> bool:
    """Whether the tokenizer gives back any document; then streams have no escapes, nor their number."""
    return isinstance(code.trunk, Llama)


# ---- steps -------------------------------------------------------------------------------------------------


def _walk(
    code: LanguageModel, tokens: Ids, visit: Callable[[Logits, Ids], None], progress: Progress | None
) -> Iterator[None]:
    """Steps over all windows. ``visit`` gets logits of tokens at some places, and reads or writes those."""
    steps = _side_by_side(code, tokens, visit) if code.policy.independent else _in_order(code, tokens, visit)
    done = 0
    for visited in steps:
        done += visited
        if progress is not None:
            progress(done / len(tokens))
        yield


def _side_by_side(code: LanguageModel, tokens: Ids, visit: Callable[[Logits, Ids], None]) -> Iterator[int]:
    """Windows that stand alone, some at a time, a step of all of them at a time."""
    spans = _spans(code, len(tokens))
    starts, lengths = np.array([start for start, _ in spans]), [length for _, length in spans]
    at_once = min(_WINDOWS, _windows_at_once(code))
    for first in range(0, len(lengths), at_once):
        some, places = lengths[first : first + at_once], starts[first : first + at_once]
        stepper = _stepper(code, len(some), max(some))
        last = np.full(len(some), code.bos_token, dtype=np.int64)
        for step in range(max(some)):
            # Only the last window can be shorter than the others.
            active = len(some) if step < some[-1] else len(some) - 1
            here = places[:active] + step
            visit(stepper.logits(last[:active]), here)
            last = tokens[here]
            yield active


def _spans(code: LanguageModel, num_tokens: int) -> list[tuple[int, int]]:
    """First token and number of tokens that each window predicts."""
    return [(window.new, window.end - window.new) for window in code.policy.windows(num_tokens)]


def _in_order(code: LanguageModel, tokens: Ids, visit: Callable[[Logits, Ids], None]) -> Iterator[int]:
    """Windows one behind the other, each after the tokens of those before that it sees."""
    for window in code.policy.windows(len(tokens)):
        seen = tokens[window.first : window.new]
        if window.bos:
            seen = np.concatenate([[code.bos_token], seen])
        stepper = _stepper(code, 1, len(seen) + window.end - window.new)
        if isinstance(code.trunk, Llama):
            for token in seen[:-1]:
                stepper.logits(token[None])
            seen = seen[-1:]
        logits = stepper.logits(seen[None] if len(seen) > 1 else seen)
        for place in range(window.new, window.end):
            visit(logits, np.array([place]))
            if place + 1 < window.end:
                logits = stepper.logits(tokens[place : place + 1])
            yield 1


def _stepper(code: LanguageModel, windows: int, length: int) -> Any:
    if isinstance(code.trunk, Llama):
        return code.trunk.stepper(windows, length)
    from skmfast.codes.torch_steps import stepper_of

    return stepper_of(code.trunk, windows, length)


def _windows_at_once(code: LanguageModel) -> int:
    context = code.policy.context
    if hasattr(code.trunk, "windows_at_once"):
        return int(code.trunk.windows_at_once(context))
    from skmfast.codes.torch_steps import windows_at_once

    return windows_at_once(context, None, code.vocabulary_size)


# ---- escapes -----------------------------------------------------------------------------------------------


def _written(pieces: Sequence[Piece]) -> bytes:
    """Where bytes stand between tokens: their number, then tokens before each, its size, the bytes."""
    breaks = pieces if pieces[-1].escaped else pieces[:-1]
    out = [varint(len(breaks))]
    for piece in breaks:
        out += [varint(len(piece.tokens)), varint(len(piece.escaped)), piece.escaped]
    return b"".join(out)


def _read_breaks(
    payload: bytes, offset: int, num_tokens: int, num_bytes: int
) -> tuple[list[tuple[int, bytes]], int]:
    """What `_written` wrote, as tokens before and bytes; and where it ends."""
    count, offset = _read_varint(payload, offset)
    if count > (len(payload) - offset) // 2:
        raise CorruptStreamError(f"language-model data: {count:,} escapes in {len(payload):,} bytes")
    breaks = []
    for _ in range(count):
        before, offset = _read_varint(payload, offset)
        size, offset = _read_varint(payload, offset)
        escaped = payload[offset : offset + size]
        if len(escaped) < size:
            raise CorruptStreamError("language-model data: truncated in an escape")
        offset += size
        breaks.append((before, escaped))
    if sum(before for before, _ in breaks) > num_tokens or sum(len(each) for _, each in breaks) > num_bytes:
        raise CorruptStreamError("language-model data: escapes beyond the end of the document")
    return breaks, offset


def _joined(code: LanguageModel, tokens: Ids, breaks: list[tuple[int, bytes]]) -> bytes:
    pieces, start = [], 0
    for before, escaped in [*breaks, (len(tokens), b"")]:
        pieces.append(Piece(tokens[start : start + before], escaped))
        start += before
    try:
        return join(code.tokenizer, pieces)
    except (ValueError, LookupError, OverflowError) as error:  # tokens that no document has
        raise CorruptStreamError(f"language-model data: tokens that are no text: {error}") from None


# ---- mark and numbers --------------------------------------------------------------------------------------


def _mark(code: LanguageModel) -> bytes:
    """Two bytes of a digest of all that logits depend on; the whole of it is in the container's header."""
    where = code.where_parameters
    depends = {name: value for name, value in code.stream_parameters.items() if name not in where}
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).digest()[:_MARK_BYTES]


def _read_varint(data: bytes, offset: int) -> tuple[int, int]:
    number = 0
    for place in range(10):
        if offset + place >= len(data):
            raise CorruptStreamError("language-model data: truncated in a number")
        value = data[offset + place]
        number |= (value & 0x7F) << (7 * place)
        if value < 0x80:
            return number, offset + place + 1
    raise CorruptStreamError("language-model data: a number has no end")
