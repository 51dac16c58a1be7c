"""From paths to documents: which files, how each is opened, and what goes wrong in it."""

from __future__ import annotations

import glob
import mmap
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from skmfast.corpora import formats, layout, remote
from skmfast.corpora.decompression import COMPRESSIONS, decompressed
from skmfast.corpora.documents import Document, Failure
from skmfast.errors import CorpusError

FORMATS = ("raw", "jsonl", "parquet")
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}

# Below this size a file is read at once: a mapping costs more, and dies with SIGBUS if the file shrinks.
_MAP_FROM_BYTES = 1 << 24

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class Source:
    """One file (or standard input) that holds documents.

    Attributes
    ----------
    name : str
        What rows and messages call it.
    path : str or None
        Where it is; None is standard input.
    num_bytes : int
        Size on disk, 0 where it is not known.
    error : str or None
        Why it cannot be read, known before it is opened.
    """

    name: str
    path: str | None
    num_bytes: int = 0
    error: str | None = None

    def documents(
        self,
        *,
        field: str = "text",
        column: str = "text",
        format: str | None = None,
        max_document_bytes: int | None = None,
    ) -> Iterator[Document | Failure]:
        """Documents of this source; see `read` for the parameters. Never raises on bad data."""
        check_format(format)
        if self.error is not None:
            yield Failure(self.name, None, self.error)
            return
        path, far = self.path, self.path is not None and _is_remote(self.path)
        suffix, compression = _suffixes(path or "")
        kind = format or _SUFFIXES.get(suffix, "raw")
        try:
            if kind == "raw" and compression is None and path is not None and not far:
                yield self._only(_contents(path, max_document_bytes))
                return
            with _open(path) as file, decompressed(file, compression) as stream:
                if kind == "jsonl":
                    yield from formats.json_lines(stream, self.name, field, max_document_bytes)
                elif kind == "parquet":
                    yield from formats.parquet_rows(stream, self.name, column, max_document_bytes)
                else:
                    yield self._only(formats.whole(stream, max_document_bytes))
        except CorpusError as error:
            yield Failure(self.name, None, str(error))
        except OSError as error:
            yield Failure(self.name, None, f"cannot be read: {error.strerror or error}")
        except Exception as error:
            if not far:
                raise
            # Each remote file system has exceptions of its own.
            yield Failure(self.name, None, f"cannot be read: {error}")

    def _only(self, data: bytes | memoryview) -> Document | Failure:
        return Document(self.name, 0, data) if len(data) else Failure(self.name, None, "empty: 0 bytes")


def read(
    paths: Paths,
    *,
    field: str = "text",
    column: str = "text",
    format: str | None = None,
    max_document_bytes: int | None = None,
) -> Iterator[Document | Failure]:
    """Documents of files, folders, globs and standard input, in order.

    Parameters
    ----------
    paths : path or iterable of paths
        A file; a folder, read recursively in sorted order without hidden files, where a folder that holds
        a labelled corpus counts as its text alone; a glob pattern (``**`` crosses folders); a URL of any of
        these, as fsspec reads it; or ``"-"`` for standard input.
    field : str
        Field of each JSON Lines record that holds the text.
    column : str
        Column of each Parquet file that holds the text or the bytes.
    format : {"raw", "jsonl", "parquet"}, optional
        How to read every source. By default the name decides: .jsonl (or .ndjson), .parquet, and anything
        else is one document of raw bytes; each also compressed, with .gz or .zst behind.
    max_document_bytes : int, optional
        Documents larger than this after decompression fail instead of filling the memory. Files that are
        one uncompressed document are mapped, not read, when they are large.

    Yields
    ------
    Document or Failure
        A `Failure` stands where a document or the rest of a source cannot be read; reading goes on with
        what follows. Text is given as UTF-8.

    Raises
    ------
    ValueError
        If ``format`` is unknown.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "two.jsonl").write_text('{"text": "one"}\\n{"txt": "two"}\\n')
    >>> [item.data if isinstance(item, Document) else item.reason for item in read(folder)]
    [b'one', "line 2: no field 'text'; fields: txt"]
    """
    check_format(format)
    for source in expand(paths):
        yield from source.documents(
            field=field, column=column, format=format, max_document_bytes=max_document_bytes
        )


def expand(paths: Paths) -> Iterator[Source]:
    """Sources that ``paths`` stand for; what does not exist is a `Source` with an error."""
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    for path in paths:
        text = os.fspath(path)
        if text == "-":
            yield Source("-", None)
        elif _is_remote(text):
            yield from _remote(text)
        elif os.path.isdir(text):
            yield from _folder(text)
        elif not os.path.lexists(text) and glob.has_magic(text):
            matches = sorted(glob.glob(text, recursive=True))
            if not matches:
                yield Source(_printable(text), text, error="matches no file")
            for match in matches:
                if not os.path.isdir(match):
                    yield _file(match)
                elif "**" not in text:  # which has matched the folder's files already
                    yield from _folder(match)
        else:
            yield _file(text)


def _folder(folder: str) -> Iterator[Source]:
    found = False
    errors: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=errors.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if layout.DESCRIPTION in files and layout.is_labelled_corpus(parent):
            # Its other files say the same once more, as numbers.
            files[:] = [name for name in files if name == layout.TEXT]
            folders.clear()
        for name in sorted(name for name in files if not name.startswith(".")):
            found = True
            yield _file(os.path.join(parent, name))
    for error in errors:
        name = _printable(os.fsdecode(error.filename or folder))
        yield Source(name, folder, error=f"cannot be read: {error.strerror}")
    if not found and not errors:
        yield Source(_printable(folder), folder, error="holds no files")


def _remote(url: str) -> Iterator[Source]:
    try:
        for name, num_bytes in remote.expand_url(url):
            yield Source(name, name, num_bytes)
    except CorpusError as error:
        yield Source(url, url, error=str(error))


def _file(path: str) -> Source:
    try:
        return Source(_printable(path), path, num_bytes=os.stat(path).st_size)
    except FileNotFoundError:
        return Source(_printable(path), path, error="does not exist")
    except (OSError, ValueError) as error:
        return Source(_printable(path), path, error=f"cannot be read: {getattr(error, 'strerror', error)}")


def _open(path: str | None) -> BinaryIO:
    if path is None:
        return open(0, "rb", closefd=False)
    if _is_remote(path):
        return remote.open_url(path)
    return open(path, "rb")


def _is_remote(path: str) -> bool:
    return remote.is_url(path) and not os.path.lexists(path)


def _contents(path: str, max_document_bytes: int | None) -> bytes | memoryview:
    """Bytes of an uncompressed file, mapped where it is large and regular."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_size >= _MAP_FROM_BYTES:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return formats.whole(file, max_document_bytes)


def _suffixes(path: str) -> tuple[str, str | None]:
    """Suffix that says the format, and compression, of a path such as ``a.jsonl.gz``."""
    name = Path(path)
    compression = COMPRESSIONS.get(name.suffix.lower())
    if compression is not None:
        name = name.with_suffix("")
    return name.suffix.lower(), compression


def check_format(format: str | None) -> None:
    """Raise ValueError unless ``format`` is None or one of `FORMATS`."""
    if format is not None and format not in FORMATS:
        raise ValueError(f"format: {format!r} is unknown; it is one of {', '.join(FORMATS)}")


def _printable(path: str) -> str:
    """The path as text that can be written anywhere: file names need not be valid UTF-8."""
    try:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return path.encode("utf-8", "backslashreplace").decode()
