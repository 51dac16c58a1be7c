"""Compression libraries as codes, because a code length means little without its peers beside it."""

from __future__ import annotations

import bz2
import lzma
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from skmfast.codes.base import CodeLengths, describe
from skmfast.corpora.decompression import ZSTD_PIECE
from skmfast.errors import CorruptStreamError
from skmfast.settings import resolve_threads

_PIECE = 1 << 20
_ZSTD_WINDOW_LOG = 27  # the widest window of levels up to 22, and the widest that zstd reads unasked
_XZ_MEMORY_LIMIT = 1 << 28  # reading preset 9 takes 65 MiB; a forged header can ask for 4 GiB


class Compressor(Protocol):
    """One stream being written."""

    def compress(self, data: memoryview, /) -> bytes:
        """Take ``data``; give what is ready."""

    def flush(self) -> bytes:
        """End the stream; give the rest."""


@runtime_checkable
class Library(Protocol):
    """A compression library with its settings."""

    name: ClassVar[str]

    def compressor(self, num_bytes: int) -> Compressor:
        """A stream that will hold ``num_bytes`` bytes."""

    def decompress(self, payload: bytes, num_bytes: int) -> bytes:
        """At most ``num_bytes + 1`` bytes of a whole stream. Raises CorruptStreamError."""


class External:
    """The code of a compression library: eight bits for every byte that it writes.

    The bytes counted are those of the library's own file format, headers and checksums included, as the
    command-line tool of that name writes them. A corpus coded as one is the concatenation of its documents
    in a single stream: matches may reach into earlier documents, which can only help the library, and the
    boundaries are not in the stream, as in every code here (`Code.lengths` counts documents of known
    sizes).

    Parameters
    ----------
    library : str or Library
        A spec such as ``"zstd:19"``, ``"xz:9e"``, ``"bz2"``, ``"brotli:11"``, ``"gzip:9"``, or the library.

    Raises
    ------
    ValueError
        If the spec is unknown, or names a code that is no compression library.

    Examples
    --------
    >>> External("bz2").lengths([b"abracadabra" * 100]).bits
    432.0
    """

    def __init__(self, library: str | Library) -> None:
        if isinstance(library, str):
            from skmfast.codes.registry import make_code

            code = make_code(library)
            if not isinstance(code, External):
                raise ValueError(f"code {library!r} is no compression library")
            self._library: Library = code._library
        else:
            self._library = library

    @property
    def name(self) -> str:
        """Name of the library."""
        return self._library.name

    @property
    def parameters(self) -> Mapping[str, object]:
        """Settings of the library."""
        return asdict(self._library)  # type: ignore[call-overload,no-any-return]

    def lengths(
        self,
        documents: Sequence[bytes | memoryview],
        *,
        per_document: bool = False,
        threads: int | None = None,
        memory: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> CodeLengths:
        """Eight times the compressed size in bytes; see `Code.lengths`.

        Threads share the documents where each is coded alone; one stream is one thread's work. ``memory``
        does not bind: what the libraries hold depends on their settings (xz:9e about 700 MB a thread), and
        not on the size of the corpus.
        """
        sizes = np.array([len(document) for document in documents], dtype=np.int64)
        report = _reporter(int(sizes.sum()), progress)
        alone = None
        if per_document:
            with ThreadPoolExecutor(resolve_threads(threads)) as pool:
                alone = 8.0 * np.array(
                    list(pool.map(lambda document: self._size([document], report), documents)),
                    dtype=np.float64,
                )
        bits = math.fsum(alone) if alone is not None else 8.0 * self._size(documents, report)
        return CodeLengths(
            bits=bits,
            num_bytes=int(sizes.sum()),
            document_bytes=sizes,
            per_document=alone,
            metadata=describe(self, per_document=per_document),
        )

    def _size(self, documents: Sequence[bytes | memoryview], report: Callable[[int], None]) -> int:
        """Compressed size in bytes of the concatenation of ``documents``."""
        stream = self._library.compressor(sum(len(document) for document in documents))
        size = 0
        for document in documents:
            for piece in _pieces(memoryview(document), _PIECE):
                size += len(stream.compress(piece))
                report(len(piece))
        return size + len(stream.flush())

    def encode(self, document: bytes) -> bytes:
        """The compressed file."""
        stream = self._library.compressor(len(document))
        return stream.compress(memoryview(document)) + stream.flush()

    def decode(self, payload: bytes, num_bytes: int) -> bytes:
        """The bytes of a compressed file.

        Raises
        ------
        CorruptStreamError
            If the file is damaged or truncated, has bytes behind its end, or holds more or fewer than
            ``num_bytes``.
        """
        document = self._library.decompress(payload, num_bytes)
        if len(document) > num_bytes:
            raise CorruptStreamError(f"{self.name} data: more than the declared {num_bytes:,} bytes")
        if len(document) < num_bytes:
            raise CorruptStreamError(f"{self.name} data: {len(document):,} of {num_bytes:,} bytes")
        return document


def _pieces(data: memoryview, size: int) -> Iterator[memoryview]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def _reporter(total: int, progress: Callable[[float], None] | None) -> Callable[[int], None]:
    """Function that is told of bytes done, and reports the fraction."""
    done = 0

    def report(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None and total:
            progress(done / total)

    return report


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}={value}: not between {low} and {high}")


class _Decompressor(Protocol):
    """What zlib, bz2 and lzma share."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _decompressed(
    name: str, stream: _Decompressor, payload: bytes, num_bytes: int, errors: type[Exception]
) -> bytes:
    try:
        document = stream.decompress(payload, num_bytes + 1)
    except (errors, EOFError) as error:
        raise CorruptStreamError(f"{name} data: {error}") from None
    if len(document) <= num_bytes:
        _check_end(name, stream.eof, len(stream.unused_data), len(document))
    return document


def _check_end(name: str, ended: bool, num_unused: int, num_bytes: int) -> None:
    if not ended:
        raise CorruptStreamError(f"{name} data: truncated after {num_bytes:,} bytes of output")
    if num_unused:
        raise CorruptStreamError(f"{name} data: {num_unused:,} bytes behind the end")


@dataclass(frozen=True)
class _Deflate:
    """zlib's deflate in one of its two formats."""

    name: ClassVar[str]
    _window_bits: ClassVar[int]
    level: int = 9

    def __post_init__(self) -> None:
        _check_range("level", self.level, 0, 9)

    def compressor(self, num_bytes: int) -> Compressor:
        return zlib.compressobj(self.level, zlib.DEFLATED, self._window_bits)

    def decompress(self, payload: bytes, num_bytes: int) -> bytes:
        return _decompressed(self.name, zlib.decompressobj(self._window_bits), payload, num_bytes, zlib.error)


@dataclass(frozen=True)
class Zlib(_Deflate):
    """Deflate behind zlib's 2-byte header, with an Adler-32 checksum."""

    name = "zlib"
    _window_bits = 15
    level: int = 9


@dataclass(frozen=True)
class Gzip(_Deflate):
    """Deflate behind gzip's header (no file name), with a CRC-32."""

    name = "gzip"
    _window_bits = 31
    level: int = 9


@dataclass(frozen=True)
class Bz2:
    """Burrows-Wheeler blocks of ``level`` times 900,000 / 9 bytes."""

    name = "bz2"
    level: int = 9

    def __post_init__(self) -> None:
        _check_range("level", self.level, 1, 9)

    def compressor(self, num_bytes: int) -> Compressor:
        return bz2.BZ2Compressor(self.level)

    def decompress(self, payload: bytes, num_bytes: int) -> bytes:
        return _decompressed(self.name, bz2.BZ2Decompressor(), payload, num_bytes, OSError)


@dataclass(frozen=True)
class Xz:
    """LZMA2 in the xz format with a CRC-64; ``preset`` as on xz's command line, ``"0"`` to ``"9e"``."""

    name = "xz"
    preset: str = "9e"

    def __post_init__(self) -> None:
        if self.preset.removesuffix("e") not in list("0123456789"):
            raise ValueError(f"preset={self.preset}: not a digit, with or without an e behind")

    def compressor(self, num_bytes: int) -> Compressor:
        preset = int(self.preset[0]) | (lzma.PRESET_EXTREME if self.preset.endswith("e") else 0)
        return lzma.LZMACompressor(lzma.FORMAT_XZ, preset=preset)

    def decompress(self, payload: bytes, num_bytes: int) -> bytes:
        stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_LIMIT)
        return _decompressed(self.name, stream, payload, num_bytes, lzma.LZMAError)


@dataclass(frozen=True)
class Zstd:
    """zstd as its tool calls it: the size known ahead, one thread, with content size and checksum.

    ``long`` is the tool's ``--long``: long-distance matching in a window of 2^long bytes; 0 is off. Levels
    20 to 22 are the tool's ``--ultra``.
    """

    name = "zstd"
    level: int = 19
    long: int = 0

    def __post_init__(self) -> None:
        _check_range("level", self.level, 1, 22)
        if self.long:
            _check_range("long", self.long, 10, 31)

    def compressor(self, num_bytes: int) -> Compressor:
        import zstandard

        wide = {"window_log": self.long, "enable_ldm": True} if self.long else {}
        parameters = zstandard.ZstdCompressionParameters.from_level(
            self.level, source_size=num_bytes, write_content_size=True, write_checksum=True, **wide
        )
        return zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=num_bytes)

    def decompress(self, payload: bytes, num_bytes: int) -> bytes:
        import zstandard

        window = 1 << max(_ZSTD_WINDOW_LOG, self.long)
        stream = zstandard.ZstdDecompressor(max_window_size=window).decompressobj()
        document = bytearray()
        num_unused = 0
        for piece in _pieces(memoryview(payload), ZSTD_PIECE):
            if stream.eof:
                num_unused += len(piece)
                continue
            try:
                document += stream.decompress(piece)
            except zstandard.ZstdError as error:
                raise CorruptStreamError(f"{self.name} data: {error}") from None
            if len(document) > num_bytes:
                return bytes(document)
            num_unused += len(stream.unused_data)
        _check_end(self.name, stream.eof, num_unused, len(document))
        return bytes(document)


@dataclass(frozen=True)
class Brotli:
    """Brotli with a window of 2^window_log bytes, by default the widest of the standard, as in its tool."""

    name = "brotli"
    level: int = 11
    window_log: int = 24

    def __post_init__(self) -> None:
        _check_range("level", self.level, 0, 11)
        _check_range("window_log", self.window_log, 10, 24)

    def compressor(self, num_bytes: int) -> Compressor:
        return _BrotliStream(self.level, self.window_log)

    def decompress(self, payload: bytes, num_bytes: int) -> bytes:
        import brotli

        stream = brotli.Decompressor()
        document = bytearray()
        piece = payload
        try:
            while not stream.is_finished() and len(document) <= num_bytes:
                output = stream.process(piece, output_buffer_limit=num_bytes + 1)
                document += output
                piece = b""
                if not output and not stream.is_finished() and stream.can_accept_more_data():
                    break
        except brotli.error:
            raise CorruptStreamError(
                f"{self.name} data: damaged after {len(document):,} bytes of output, or bytes behind the end"
            ) from None
        if len(document) <= num_bytes:
            _check_end(self.name, stream.is_finished(), 0, len(document))
        return bytes(document)


class _BrotliStream:
    """brotli's compressor under the method names of the others."""

    def __init__(self, level: int, window_log: int) -> None:
        import brotli

        self._stream = brotli.Compressor(quality=level, lgwin=window_log)

    def compress(self, data: memoryview, /) -> bytes:
        return bytes(self._stream.process(data))

    def flush(self) -> bytes:
        return bytes(self._stream.finish())
