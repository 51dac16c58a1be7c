"""Whole files in and out of the container: `compress` and `decompress`, in memory."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from skmfast.codes.base import DecodableCode
from skmfast.codes.registry import ENTRIES, code_from
from skmfast.coding.container import Block, Container, Value, pack, unpack
from skmfast.errors import CorpusError, CorruptStreamError, UnsupportedStreamError

BLOCK_BYTES = 1 << 30
"""Longest run of bytes that one payload codes, unless the code's own ``block_bytes`` is less."""

_TOGETHER_BYTES = 1 << 20
"""Original bytes of blocks that are decoded at once, in codes that are faster then."""

Progress = Callable[[int], None]


def compress(
    data: bytes | bytearray | memoryview | Sequence[bytes],
    code: DecodableCode,
    *,
    block_bytes: int | None = None,
    progress: Progress | None = None,
) -> bytes:
    """A self-contained file that `decompress` turns back into ``data``.

    Parameters
    ----------
    data : bytes-like, or a sequence of bytes
        One document, or several. They are coded one behind the other as one text, and their boundaries kept;
        codes that say so (``documents_alone``) code each alone, as a block with its own checksum.
    code : DecodableCode
        The code; its name and parameters are written into the file.
    block_bytes : int, optional
        Longer data is cut into blocks of this many bytes, each coded alone. By default what the code
        recommends (its ``block_bytes``), at most 1 GiB.
    progress : callable, optional
        Told how many bytes are done.

    Raises
    ------
    TypeError
        The code cannot encode.
    ValueError
        ``block_bytes`` is less than 1.
    """
    if not isinstance(code, DecodableCode):
        raise TypeError(f"the code {getattr(code, 'name', code)!r} cannot encode: it only counts bits")
    if block_bytes is None:
        block_bytes = min(BLOCK_BYTES, getattr(code, "block_bytes", BLOCK_BYTES))
    if block_bytes < 1:
        raise ValueError(f"block_bytes must be at least 1, got {block_bytes}")
    documents = [bytes(data)] if isinstance(data, (bytes, bytearray, memoryview)) else list(data)
    alone = len(documents) == 1 or getattr(code, "documents_alone", False)
    runs = [
        text[start : start + block_bytes]
        for text in (documents if alone else [b"".join(documents)])
        for start in range(0, len(text), block_bytes)
    ]
    payloads = _payloads(code, runs, progress)
    blocks = [Block(len(run), zlib.crc32(run), payload) for run, payload in zip(runs, payloads, strict=True)]
    parameters = cast("dict[str, Value]", dict(stream_parameters(code)))
    return pack(Container(code.name, parameters, [len(d) for d in documents], blocks))


def _payloads(code: DecodableCode, runs: Sequence[bytes], progress: Progress | None) -> list[bytes]:
    """The payload of each run of bytes."""
    if len(runs) > 1 and getattr(code, "documents_together", False):
        encode: Callable[..., list[bytes]] = code.encode_documents  # type: ignore[attr-defined]
        return encode(runs, **_reporting(encode, progress, 0, sum(map(len, runs))))
    payloads, done = [], 0
    for run in runs:
        payloads.append(code.encode(run, **_reporting(code.encode, progress, done, len(run))))
        done += len(run)
    return payloads


def stream_parameters(code: DecodableCode) -> Mapping[str, object]:
    """What a stream of ``code`` depends on: its parameters, unless it says that there is more."""
    found: Mapping[str, object] = getattr(code, "stream_parameters", code.parameters)
    return found


def _reporting(
    method: Callable[..., Any], progress: Progress | None, start: int, size: int
) -> dict[str, Any]:
    """Keyword arguments that make ``method`` report on its block, where it can."""
    if progress is None:
        return {}
    progress(start)
    if "progress" not in inspect.signature(method).parameters:
        return {}
    return {"progress": lambda fraction: progress(start + int(fraction * size))}


def decompress(
    file: bytes | memoryview, *, code: DecodableCode | None = None, progress: Progress | None = None
) -> bytes:
    """The bytes that `compress` was given; several documents come back joined.

    ``progress`` is told how many bytes are done. ``code`` is needed only where the file's own code needs
    something that is not found, such as a model: a file has its name and hash, and not where it is.

    Raises
    ------
    CorruptStreamError
        The file is foreign, truncated or damaged; the message says where.
    UnsupportedStreamError
        The file is of a version, or of a code, that this build does not have.
    """
    return b"".join(_decoded_blocks(unpack(file), code, progress))


def original_size(file: bytes | memoryview) -> int:
    """Bytes that `decompress` will give back, as the header says. Raises as `decompress` does."""
    return sum(unpack(file).documents)


def decompress_documents(file: bytes | memoryview, *, code: DecodableCode | None = None) -> list[bytes]:
    """The documents that `compress` was given, each on its own; see `decompress`."""
    container = unpack(file)
    text = b"".join(_decoded_blocks(container, code))
    documents, start = [], 0
    for size in container.documents:
        documents.append(text[start : start + size])
        start += size
    return documents


def _code_of(container: Container) -> DecodableCode:
    if container.code not in ENTRIES:
        raise UnsupportedStreamError(f"coded with {container.code!r}, a code that this build does not have")
    settings = ", ".join(f"{name}={value}" for name, value in container.parameters.items())
    try:
        code = code_from(container.code, container.parameters)
    except (TypeError, ValueError, OverflowError, CorpusError) as error:
        raise UnsupportedStreamError(
            f"coded with {container.code} ({settings}), which this build does not have: {error}"
        ) from error
    if not isinstance(code, DecodableCode):
        raise UnsupportedStreamError(f"coded with {container.code!r}, which this build cannot decode")
    return code


def _check_code(container: Container, code: DecodableCode) -> None:
    """Whether the file was coded with ``code``, wherever its files were then."""
    if container.code != code.name:
        raise UnsupportedStreamError(f"coded with {container.code!r}, not with {code.name!r}")
    elsewhere = getattr(code, "where_parameters", ())
    for name, value in stream_parameters(code).items():
        written = container.parameters.get(name)
        if name not in elsewhere and written != value:
            raise UnsupportedStreamError(f"coded with {name}={written!r}, the code given has {value!r}")


def _decoded_blocks(
    container: Container, given: DecodableCode | None, progress: Progress | None = None
) -> Iterator[bytes]:
    if given is None:
        code = _code_of(container)
    else:
        _check_code(container, given)
        code = given
    done = 0
    together = _together(container.blocks) if getattr(code, "documents_together", False) else {}
    ready: dict[int, bytes] = {}
    for number, block in enumerate(container.blocks, start=1):
        if number in together:
            ready = _decoded_together(code, container.blocks, together[number], progress, done)
        place = f"block {number} of {len(container.blocks)}, at byte {block.offset}"
        try:
            run = ready.get(number)
            if run is None:
                report = _reporting(code.decode, progress, done, block.original_bytes)
                run = code.decode(bytes(block.payload), block.original_bytes, **report)
        except CorruptStreamError as error:
            raise CorruptStreamError(f"damaged payload in {place}: {error}") from error
        if len(run) != block.original_bytes or zlib.crc32(run) != block.original_crc:
            raise CorruptStreamError(
                f"damaged payload in {place}: the checksum of the decoded bytes does not match"
            )
        done += len(run)
        yield run


def _together(blocks: Sequence[Block]) -> dict[int, range]:
    """Numbers of blocks, from 1, that are decoded at once, under the first of them; none that is alone."""
    found: dict[int, range] = {}
    first, size = 1, 0
    for number, block in enumerate(blocks, start=1):
        if number > first and size + block.original_bytes > _TOGETHER_BYTES:
            found[first] = range(first, number)
            first, size = number, 0
        size += block.original_bytes
    found[first] = range(first, len(blocks) + 1)
    return {first: numbers for first, numbers in found.items() if len(numbers) > 1}


def _decoded_together(
    code: Any, blocks: Sequence[Block], numbers: range, progress: Progress | None, done: int
) -> dict[int, bytes]:
    """Original bytes of blocks under their numbers; none at all where one of them is damaged."""
    some = [blocks[number - 1] for number in numbers]
    sizes = [block.original_bytes for block in some]
    try:
        runs = code.decode_documents(
            [bytes(block.payload) for block in some],
            sizes,
            **_reporting(code.decode_documents, progress, done, sum(sizes)),
        )
    except CorruptStreamError:
        return {}  # each alone shows which
    return dict(zip(numbers, runs, strict=True))
