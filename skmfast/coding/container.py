"""The container: what stands around the payloads of a compressed file. docs/format.md gives the bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skmfast.coding import _container
from skmfast.errors import CorruptStreamError, UnsupportedStreamError

Scalar = bool | int | float | str | None
Value = Scalar | tuple[Scalar, ...]

_FAULTS = {
    "not_a_container": "not a skmfast file (wrong first bytes)",
    "truncated": "truncated: the file ends",
    "header_checksum": "damaged header: its checksum does not match",
    "header_field": "invalid header field",
    "padding": "damaged block: padding that is not zero",
    "trailing_bytes": "bytes after the last block",
}


@dataclass(frozen=True)
class Block:
    """A run of the original bytes and the payload it was coded into.

    Attributes
    ----------
    original_bytes : int
        Size of the run in bytes.
    original_crc : int
        CRC-32 of the run, as `zlib.crc32` computes it.
    payload : memoryview or bytes
        What the code wrote for the run.
    offset : int
        Where the payload begins in the file it was read from; 0 for a block not read from a file.
    """

    original_bytes: int
    original_crc: int
    payload: memoryview | bytes
    offset: int = 0


@dataclass(frozen=True)
class Container:
    """A compressed file, taken apart.

    Attributes
    ----------
    code : str
        Name of the code.
    parameters : mapping of str to None, bool, int, float, str, or a tuple of these
        Every parameter that decoding depends on.
    documents : sequence of int
        Sizes in bytes of the documents that the blocks, joined, fall into.
    blocks : sequence of Block
    """

    code: str
    parameters: Mapping[str, Value]
    documents: Sequence[int]
    blocks: Sequence[Block]


def pack(container: Container) -> bytes:
    """The file of ``container``.

    Raises
    ------
    ValueError
        A name, a size or a value is outside what the format can hold.
    TypeError
        A parameter's value is of a type that the format does not have.
    OverflowError
        An integer parameter needs more than 64 bits.
    """
    blocks = [(b.original_bytes, len(b.payload), b.original_crc) for b in container.blocks]
    pieces: list[bytes | memoryview] = [
        _container.write(container.code, dict(container.parameters), list(container.documents), blocks)
    ]
    for block in container.blocks:
        stored = _container.stored_bytes(block.original_bytes, len(block.payload))
        pieces += [block.payload, bytes(stored - len(block.payload))]
    return b"".join(pieces)


def unpack(file: bytes | memoryview) -> Container:
    """Takes a file apart; payloads are views into ``file``, not copies.

    Raises
    ------
    CorruptStreamError
        The file is foreign, truncated or damaged outside the payloads; the message says where.
    UnsupportedStreamError
        The file is sound but of a later version.
    """
    view = memoryview(file)
    try:
        fault, offset, header = _container.parse(view)
    except UnicodeDecodeError as error:
        raise CorruptStreamError("invalid header field: a text value is not UTF-8") from error
    if fault == "unsupported_version":
        raise UnsupportedStreamError(
            f"format version {view[offset]} is not supported by this build (it reads 1)"
        )
    if header is None:
        raise CorruptStreamError(f"{_FAULTS[fault]} at byte {offset}")
    code, parameters, documents, sizes = header
    blocks = []
    for original_bytes, payload_bytes, stored_bytes, crc in sizes:
        blocks.append(Block(original_bytes, crc, view[offset : offset + payload_bytes], offset))
        offset += stored_bytes
    return Container(code, parameters, documents, blocks)
