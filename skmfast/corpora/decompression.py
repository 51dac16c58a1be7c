"""Reading .gz and .zst streams piece by piece, with damage and truncation told apart from the end."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import TYPE_CHECKING, BinaryIO

from skmfast.errors import CorpusError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}

# A zstd block of 4 bytes can stand for 128 KiB: a small piece of input keeps what one call returns below
# 16 MiB, however hostile the file.
ZSTD_PIECE = 512
# `zstd --long=31` is the widest window of the format.
_ZSTD_MAX_WINDOW = 1 << 31


def decompressed(file: BinaryIO, compression: str | None) -> BinaryIO:
    """Stream of what ``file`` holds under ``compression`` (``"gzip"``, ``"zstd"`` or None).

    Reading from it raises CorpusError with the place in the compressed file.
    """
    if compression is None:
        return file
    raw: io.RawIOBase = _Gzip(file) if compression == "gzip" else _Zstd(file)
    return io.BufferedReader(raw, buffer_size=1 << 17)


class _Decompressing(io.RawIOBase):
    """Base of the two readers: fills a buffer, and says where in the compressed file it failed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._consumed = 0

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def _take(self, size: int) -> bytes:
        piece = self._file.read(size)
        self._consumed += len(piece)
        return piece

    def _error(self, what: str) -> CorpusError:
        return CorpusError(f"{what}, near byte {self._consumed:,} of the compressed file")


class _Gzip(_Decompressing):
    """Any number of gzip members, one after another."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._stream = gzip.GzipFile(fileobj=_Counted(self), mode="rb")

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        try:
            # Not readinto: what comes before damage is given before the damage is met.
            piece = self._stream.read1(len(target))
        except EOFError:
            raise self._error("truncated gzip data") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise self._error(f"broken gzip data ({error})") from None
        target[: len(piece)] = piece
        return len(piece)


class _Counted(io.RawIOBase):
    """The compressed file as GzipFile reads it."""

    def __init__(self, owner: _Decompressing) -> None:
        self._owner = owner

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._owner._take(size)


class _Zstd(_Decompressing):
    """Any number of zstd frames, one after another.

    The library's own stream reader takes a truncated frame for the end of the data, so frames are driven
    by hand.
    """

    def __init__(self, file: BinaryIO) -> None:
        import zstandard

        super().__init__(file)
        self._library = zstandard
        self._context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW)
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._input = b""
        self._output = memoryview(b"")
        self._frames = 0

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._output:
            if not self._advance():
                return 0
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._output))
        target[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def _advance(self) -> bool:
        """Decompress one more piece; False at the proper end of the file."""
        piece = self._input or self._take(ZSTD_PIECE)
        self._input = b""
        if not piece:
            if self._frame is not None:
                raise self._error("truncated zstd data")
            if self._frames == 0:
                raise self._error("truncated zstd data (the file is empty)")
            return False
        if self._frame is None:
            self._frame = self._context.decompressobj()
            self._frames += 1
        try:
            self._output = memoryview(self._frame.decompress(piece))
        except self._library.ZstdError as error:
            what = str(error).removeprefix("zstd decompressor error: ")
            raise self._error(f"broken zstd data ({what})") from None
        if self._frame.eof:
            self._input = self._frame.unused_data
            self._frame = None
        return True
