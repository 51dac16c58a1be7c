"""Code lengths of data and of files: `code_length` for Python, `measure` row by row for the command line."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from skmfast.codes.base import Code, CodeLengths, FileCode, describe
from skmfast.codes.registry import make_code
from skmfast.codes.rows import Row
from skmfast.corpora import Document, Failure, Source, expand
from skmfast.errors import CorpusError, SkmfastError
from skmfast.settings import parse_memory, resolve_threads

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.codes.part_results import PartResults

Bytes: TypeAlias = "bytes | bytearray | memoryview | npt.NDArray[np.uint8]"
Path: TypeAlias = "str | os.PathLike[str]"

# Documents that are coded alone go to the code in batches, so that memory does not grow with the corpus.
_BATCH_BYTES = 1 << 26
_BATCH_DOCUMENTS = 4096

# What a code raises when it cannot do this input; anything else is a defect and goes up.
_EXPECTED = (SkmfastError, ValueError, MemoryError, OverflowError)


def code_length(
    data_or_paths: Bytes | Path | Iterable[Bytes | Path],
    code: str | Code = "context-tree",
    *,
    per_document: bool = False,
    threads: int | None = None,
    memory: int | str | None = None,
    field: str = "text",
    column: str = "text",
) -> CodeLengths:
    """Code length, in bits, of data in memory or in files.

    Parameters
    ----------
    data_or_paths : bytes-like, uint8 array, path, or an iterable of them
        One document of bytes (a one-dimensional uint8 array is bytes), or several. A ``str`` or
        ``os.PathLike`` is a **path**, never text: a file, a folder, a glob or ``"-"``, read as
        `skmfast.corpora.read` says; ``text.encode()`` measures a string.
    code : str or Code
        A spec such as ``"context-tree"``, ``"kt:order=3"``, ``"zstd:19"`` (``skmfast codes`` lists them),
        or a code.
    per_document : bool
        Code each document alone. By default all of them are coded as one corpus: statistics are shared
        and contexts start anew at each document.
    threads : int, optional
        At least 1; by default ``SKMFAST_THREADS``, else every core that the process may run on.
    memory : int or str, optional
        Bound of the working memory in bytes, or such as ``"4G"``; by default the code chooses.
    field, column : str
        Where the text is in JSON Lines and Parquet files.

    Returns
    -------
    CodeLengths
        ``bits``, ``bits_per_byte``, ``per_document`` (bits of each, when coded alone), ``per_byte`` (for
        codes that give it), ``to_parquet(path)``.

    Raises
    ------
    ValueError
        If the code, ``threads`` or ``memory`` is not valid, an array is not one-dimensional, or there is
        nothing to code.
    TypeError
        If a document is none of the types above.
    CorpusError
        If a file or a record cannot be read; the message says which, where and why.

    Examples
    --------
    >>> import skmfast as skm
    >>> skm.code_length(b"abracadabra" * 100, code="bz2").bits
    432.0
    >>> skm.code_length([b"one", b"three"], code="uniform", per_document=True).per_document
    array([24., 40.])
    """
    chosen = make_code(code)
    num_threads = resolve_threads(threads)
    limit = parse_memory(memory)
    if isinstance(chosen, FileCode):
        if per_document or not isinstance(data_or_paths, (str, os.PathLike)):
            raise ValueError(f"{chosen.name} codes one file as one corpus: give its path")
        return chosen.lengths_of_file(data_or_paths)
    documents, names = _gather(data_or_paths, field=field, column=column, max_document_bytes=limit)
    if not any(len(document) for document in documents):
        raise ValueError(f"empty corpus: {len(documents):,} documents with 0 bytes")
    lengths = chosen.lengths(documents, per_document=per_document, threads=num_threads, memory=limit)
    metadata = {**lengths.metadata, **describe(chosen, per_document=per_document)}
    return dataclasses.replace(lengths, metadata=metadata, document_names=names)


def _gather(data_or_paths: Any, **reading: Any) -> tuple[list[bytes | memoryview], tuple[str, ...] | None]:
    """Documents of everything given, and their sources if any came from files."""
    if isinstance(data_or_paths, (str, os.PathLike)) or _is_bytes(data_or_paths):
        items = [data_or_paths]
    else:
        try:
            items = list(data_or_paths)
        except TypeError:
            raise TypeError(f"data_or_paths: {_kind(data_or_paths)} is neither bytes nor a path") from None
    documents: list[bytes | memoryview] = []
    names: list[str] = []
    from_files = False
    for index, item in enumerate(items):
        if isinstance(item, (str, os.PathLike)):
            from_files = True
            for document in _read(item, **reading):
                documents.append(document.data)
                names.append(document.source)
        else:
            documents.append(_as_bytes(item, index))
            names.append(f"[{index}]")
    return documents, tuple(names) if from_files else None


def _is_bytes(item: object) -> bool:
    return isinstance(item, (bytes, bytearray, memoryview, np.ndarray))


def _as_bytes(item: Any, index: int) -> bytes | memoryview:
    """A document given in memory, without a copy where its bytes lie together."""
    if isinstance(item, bytes):
        return item
    if not _is_bytes(item):
        raise TypeError(f"document {index}: {_kind(item)} is neither bytes nor a path")
    if isinstance(item, np.ndarray):
        if item.dtype != np.uint8:
            raise TypeError(f"document {index}: an array of {item.dtype}, not uint8")
        item = item.data
    view = memoryview(item)
    if view.ndim != 1:
        raise ValueError(f"document {index}: {view.ndim} dimensions, not one")
    return view.cast("B").toreadonly() if view.contiguous else view.tobytes()


def _kind(item: object) -> str:
    return f"a {type(item).__name__}"


def _read(path: Path, **reading: Any) -> Iterator[Document]:
    for source in expand(path):
        for item in source.documents(**reading):
            if isinstance(item, Failure):
                raise CorpusError(f"{item.source}: {item.reason}")
            yield item


def measure(
    source: Source,
    code: Code,
    *,
    per_document: bool = False,
    threads: int | None = None,
    memory: int | None = None,
    progress: Callable[[float], None] | None = None,
    parts: Path | PartResults | None = None,
    **reading: Any,
) -> Iterator[Row]:
    """Rows of one source, as they are known.

    Parameters
    ----------
    source : Source
        The file.
    code : Code
        What codes it.
    per_document : bool
        A row for each document coded alone; otherwise one row for the source as one corpus.
    threads, memory
        As in `Code.lengths`.
    progress : callable, optional
        Told the fraction of the source that is done, in codes that report it.
    parts : path or PartResults, optional
        Folder where part results are kept, in codes that keep them (see `keeps_parts`).
    **reading
        ``field``, ``column``, ``format`` and ``max_document_bytes`` of `skmfast.corpora.read`.

    Yields
    ------
    Row
        Documents that cannot be read give a row that says why, in place. Where the source itself breaks
        off, the documents before that keep their rows; but a corpus as one has no length then.
    """
    if isinstance(code, FileCode):
        yield _of_file(source, code, per_document=per_document)
        return
    settings: dict[str, Any] = {"threads": threads, "memory": memory}
    if parts is not None and keeps_parts(code):
        settings["parts"] = parts
    reported = progress if _takes(code, "progress") else None
    items = source.documents(**reading)
    if per_document:
        yield from _each_alone(source, items, code, settings, reported)
    else:
        if reported is not None:
            settings["progress"] = reported
        yield from _as_one(source, items, code, settings)


def keeps_parts(code: Code) -> bool:
    """Whether ``code.lengths`` can keep results of parts in a folder, for a run that takes long."""
    return _takes(code, "parts")


def _takes(code: Code, name: str) -> bool:
    return not isinstance(code, FileCode) and name in inspect.signature(code.lengths).parameters


def _of_file(source: Source, code: FileCode, *, per_document: bool) -> Row:
    """The row of a file that the code itself reads."""
    if per_document:
        return Row.failed(source.name, None, f"{code.name} codes a corpus as one, not documents alone")
    if source.path is None:
        return Row.failed(source.name, None, f"{code.name} codes files in their folders, not a stream")
    try:
        lengths = code.lengths_of_file(source.path)
    except _EXPECTED as error:
        return Row.failed(source.name, None, _reason(error).removeprefix(f"{source.path}: "))
    return Row(source.name, None, lengths.num_bytes, float(lengths.bits))


def _as_one(
    source: Source, items: Iterable[Document | Failure], code: Code, settings: dict[str, Any]
) -> Iterator[Row]:
    documents = []
    for item in items:
        if isinstance(item, Document):
            documents.append(item.data)
            continue
        yield Row.failed(item.source, item.document, item.reason)
        if item.document is None:
            return
    size = sum(len(document) for document in documents)
    if size == 0:
        yield Row.failed(source.name, None, "empty: the documents have 0 bytes", 0)
        return
    try:
        lengths = code.lengths(documents, per_document=False, **settings)
    except _EXPECTED as error:
        yield Row.failed(source.name, None, _reason(error), size)
    else:
        yield Row(source.name, None, size, float(lengths.bits))


def _each_alone(
    source: Source,
    items: Iterable[Document | Failure],
    code: Code,
    settings: dict[str, Any],
    progress: Callable[[float], None] | None,
) -> Iterator[Row]:
    batch: list[Document] = []
    size = done = 0

    def with_progress() -> dict[str, Any]:
        """Settings that report what is done of the batch behind what was before it."""
        if progress is None:
            return settings
        # Decompressed bytes run ahead of those on disk.
        whole = max(source.num_bytes, done + size)
        return {**settings, "progress": lambda fraction: progress((done + fraction * size) / whole)}

    for item in items:
        if isinstance(item, Document):
            batch.append(item)
            size += len(item.data)
            if size < _BATCH_BYTES and len(batch) < _BATCH_DOCUMENTS:
                continue
        yield from _rows_of_batch(batch, code, with_progress())
        done += size
        batch, size = [], 0
        if isinstance(item, Failure):
            yield Row.failed(item.source, item.document, item.reason)
    yield from _rows_of_batch(batch, code, with_progress())


def _rows_of_batch(batch: Sequence[Document], code: Code, settings: dict[str, Any]) -> Iterator[Row]:
    lengths = _lengths_alone(batch, code, settings)
    for item, length in zip(batch, lengths, strict=True):
        if isinstance(length, str):
            yield Row.failed(item.source, item.document, length, len(item.data))
        else:
            yield Row(item.source, item.document, len(item.data), length)


def _lengths_alone(batch: Sequence[Document], code: Code, settings: dict[str, Any]) -> Sequence[float | str]:
    """Bits of each document, or why there are none."""
    if not batch:
        return []
    try:
        lengths = code.lengths([item.data for item in batch], per_document=True, **settings)
    except _EXPECTED as error:
        if len(batch) == 1:
            return [_reason(error)]
        # One document can be the culprit: the others have a length. Halves, as codes do many at once.
        quietly = {name: value for name, value in settings.items() if name != "progress"}
        half = len(batch) // 2
        return [
            *_lengths_alone(batch[:half], code, quietly),
            *_lengths_alone(batch[half:], code, quietly),
        ]
    if lengths.per_document is None:
        raise TypeError(f"{code.name} gave no lengths per document")
    return [float(bits) for bits in lengths.per_document]


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return f"not enough memory ({text})" if text else "not enough memory"
    return text or type(error).__name__
