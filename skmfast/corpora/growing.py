"""A labelled corpus while it is being written: files that only grow, and a journal that says how far.

Everything is written into OUT.partial. The journal (progress.json, replaced in one step) holds the size and
checksum of every file at some moment between two blocks; whatever is behind that size is cut off when work
is taken up again, so it may be interrupted at any moment. At the end OUT.partial becomes OUT.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from skmfast.corpora import layout
from skmfast.errors import CorpusError

if TYPE_CHECKING:
    from skmfast.corpora.sentences import Sentences

JOURNAL = "progress.json"
_FORMAT = "skmfast corpus in progress"
_CHECKPOINT_SECONDS = 2.0


class GrowingCorpus:
    """Context manager around OUT.partial: appends blocks of sentences and takes up where it was left.

    Parameters
    ----------
    out : path
        The folder that the corpus will be; it must not exist.
    configuration : mapping
        All that decides the corpus, as JSON has it. Work is taken up only where it is the same.
    token_dtype : dtype
        uint16 or uint32.

    Raises
    ------
    FileExistsError
        If ``out`` exists, or another process is writing it.
    ValueError
        If OUT.partial holds the beginning of another corpus; the message says what differs.
    CorpusError
        If OUT.partial is damaged, or something that is no corpus.
    """

    def __init__(
        self, out: str | os.PathLike[str], configuration: Mapping[str, Any], token_dtype: npt.DTypeLike
    ) -> None:
        self.out = Path(out)
        self.folder = self.out.with_name(self.out.name + ".partial")
        self._configuration = dict(configuration)
        self._token_dtype = np.dtype(token_dtype).name
        self._files: dict[str, BinaryIO] = {}
        self._sizes: dict[str, int] = {}
        self._checksums: dict[str, int] = {}
        self._lock = -1
        self._saved = time.monotonic()
        self.num_sentences = 0

    def __enter__(self) -> GrowingCorpus:
        if os.path.lexists(self.out):
            raise FileExistsError(errno.EEXIST, "exists, and is not overwritten", str(self.out))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        try:
            self._resume() if (self.folder / JOURNAL).exists() else self._begin()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # What is done stays done; after a failed write the last journal holds.
            if self._files and not isinstance(error, OSError):
                self.checkpoint()
        finally:
            self._close()

    @property
    def num_tokens(self) -> int:
        """Tokens written."""
        return self._sizes["tokens"] // int(np.dtype(self._token_dtype).itemsize)

    @property
    def num_text_bytes(self) -> int:
        """Bytes of text written."""
        return self._sizes["text"]

    def append(self, block: Sentences) -> None:
        """Write a block of sentences behind those that are there.

        Raises
        ------
        OSError
            If the disk does not take it. What the journal holds is not lost.
        """
        shifted = {
            "text_offsets": block.text_offsets[1:] + np.uint64(self.num_text_bytes),
            "offsets": block.offsets[1:] + np.uint64(self.num_tokens),
        }
        for column in layout.COLUMNS:
            self._append(column, shifted.get(column, getattr(block, column)))
        self.num_sentences += len(block)
        if time.monotonic() - self._saved > _CHECKPOINT_SECONDS:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Bring what is written to disk, then the journal that tells of it."""
        for file in self._files.values():
            os.fdatasync(file.fileno())
        files = {
            column: {"bytes": self._sizes[column], "checksum": self._checksums[column]}
            for column in self._files
        }
        layout.write_json(
            self.folder / JOURNAL,
            {
                "format": _FORMAT,
                "version": layout.VERSION,
                "num_sentences": self.num_sentences,
                "token_dtype": self._token_dtype,
                "columns": files,
                "configuration": self._configuration,
            },
        )
        self._saved = time.monotonic()

    def map_column(self, column: str) -> npt.NDArray[Any]:
        """What is written of a column, for reading."""
        dtype = layout.column_dtype(column, self._token_dtype)
        count = self._sizes[column] // dtype.itemsize
        if count == 0:
            return np.empty(0, dtype=dtype)
        return np.memmap(self.folder / layout.COLUMNS[column], dtype=dtype, mode="r", shape=(count,))

    def finish(self, description: Mapping[str, Any]) -> None:
        """Describe the corpus, and give it its name. The other files have been written to `folder`.

        Parameters
        ----------
        description : mapping
            Entries of corpus.json that are not about files and sizes.
        """
        self.checkpoint()
        checksums = {layout.COLUMNS[column]: value for column, value in self._checksums.items()}
        for name in layout.FILES:
            if name not in checksums:
                checksums[name] = layout.file_checksum(self.folder / name)
        sizes = {
            "num_sentences": self.num_sentences,
            "num_tokens": self.num_tokens,
            "num_text_bytes": self.num_text_bytes,
            "token_dtype": self._token_dtype,
        }
        files = {
            name: {"bytes": layout.file_size(self.folder / name), "crc32": f"{checksums[name]:08x}"}
            for name in layout.FILES
        }
        layout.write_json(
            self.folder / layout.DESCRIPTION,
            {"format": layout.FORMAT, "version": layout.VERSION, **sizes, **description, "files": files},
        )
        for file in self._files.values():
            file.close()
        self._files.clear()
        os.rename(self.folder, self.out)
        (self.out / JOURNAL).unlink()
        _sync_folder(self.out.parent)

    def _append(self, column: str, values: npt.NDArray[Any]) -> None:
        dtype = layout.column_dtype(column, self._token_dtype)
        data = np.ascontiguousarray(values, dtype=dtype).reshape(-1).view(np.uint8).data
        file = self._files[column]
        written = 0
        while written < len(data):
            written += file.write(data[written:])
        self._checksums[column] = layout.checksum(data, self._checksums[column])
        self._sizes[column] += len(data)

    def _begin(self) -> None:
        """Start with empty files; what an earlier start left before its first journal is not kept."""
        known = {*layout.FILES, layout.DESCRIPTION}
        for path in self.folder.iterdir():
            if path.name not in known and not path.name.endswith(".tmp"):
                raise CorpusError(f"{path}: does not belong to a corpus in progress; remove or rename it")
        for column, name in layout.COLUMNS.items():
            self._files[column] = open(self.folder / name, "wb", buffering=0)  # noqa: SIM115
            self._sizes[column] = self._checksums[column] = 0
        first = np.zeros(1, dtype=np.uint64)
        self._append("offsets", first)
        self._append("text_offsets", first)
        self.checkpoint()

    def _resume(self) -> None:
        journal = layout.read_json(self.folder / JOURNAL)
        if journal.get("format") != _FORMAT or journal.get("version") != layout.VERSION:
            raise CorpusError(f"{self.folder / JOURNAL}: not the journal of a corpus in progress")
        self._check_same(journal.get("configuration"))
        try:
            self.num_sentences = int(journal["num_sentences"])
            for column, name in layout.COLUMNS.items():
                self._sizes[column] = int(journal["columns"][column]["bytes"])
                self._checksums[column] = int(journal["columns"][column]["checksum"])
                self._reopen(column, self.folder / name)
        except (KeyError, TypeError, ValueError) as error:
            raise CorpusError(f"{self.folder / JOURNAL}: damaged: {error!r}") from None

    def _reopen(self, column: str, path: Path) -> None:
        size = self._sizes[column]
        found = layout.file_size(path)
        if found < size:
            raise CorpusError(
                f"{path}: {found:,} bytes, and the journal tells of {size:,}: remove {self.folder} and start"
                " again"
            )
        self._files[column] = file = open(path, "r+b", buffering=0)  # noqa: SIM115
        file.truncate(size)
        file.seek(size)

    def _check_same(self, before: object) -> None:
        if before == self._configuration:
            return
        told = before if isinstance(before, dict) else {}
        differences = [
            f"{name} was {told.get(name)!r} and is {self._configuration.get(name)!r}"
            for name in {**told, **self._configuration}
            if told.get(name) != self._configuration.get(name)
        ]
        raise ValueError(
            f"{self.folder} holds the beginning of another corpus: {'; '.join(differences)}. Ask for the same"
            " corpus to go on with it, or remove the folder"
        )

    def _take_lock(self) -> None:
        self._lock = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._close()
            raise FileExistsError(
                errno.EEXIST, "is being written by another process", str(self.folder)
            ) from None

    def _close(self) -> None:
        for file in self._files.values():
            with contextlib.suppress(OSError):
                file.close()
        self._files.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
