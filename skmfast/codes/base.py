"""What a code is: a predictive model whose length on given data is a number of bits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False, repr=False)
class CodeLengths:
    """Code lengths of a sequence of documents under one code.

    Attributes
    ----------
    bits : float
        Total, in bits. When the documents were coded as one corpus this can be less than what each
        costs alone.
    num_bytes : int
        Total size of the documents in bytes.
    per_document : ndarray of float64, shape (documents,), or None
        Bits of each document coded alone; None when the corpus was coded as one.
    document_bytes : ndarray of int64, shape (documents,)
        Size of each document in bytes.
    per_byte : ndarray of float64, shape (num_bytes,), or None
        Bits of each byte given those before it, for codes that predict in sequence and on request.
    metadata : mapping
        Code, parameters and settings that the figures depend on.
    document_names : tuple of str or None
        Where each document comes from, when it comes from files.
    """

    bits: float
    num_bytes: int
    document_bytes: npt.NDArray[np.int64]
    per_document: npt.NDArray[np.float64] | None = None
    per_byte: npt.NDArray[np.float64] | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    document_names: tuple[str, ...] | None = None

    @property
    def bits_per_byte(self) -> float:
        """Total bits over total bytes; nan for an empty corpus."""
        return self.bits / self.num_bytes if self.num_bytes else math.nan

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write one row per document, or one row for a corpus coded as one, with the metadata.

        Columns are those of ``skmfast codelength --out``: source, document, bytes, bits, bits_per_byte,
        status; and ``byte_bits``, a list per row, where ``per_byte`` is known. The file appears whole or
        not at all.
        """
        from skmfast.codes.rows import rows_of, write_parquet

        write_parquet(path, rows_of(self), self.metadata, byte_bits=self._byte_bits())

    def _byte_bits(self) -> list[npt.NDArray[np.float64]] | None:
        """``per_byte`` cut into the rows of `to_parquet`."""
        if self.per_byte is None:
            return None
        if self.per_document is None:
            return [self.per_byte]
        return np.split(self.per_byte, np.cumsum(self.document_bytes)[:-1])

    def __repr__(self) -> str:
        count = len(self.document_bytes)
        documents = "1 document" if count == 1 else f"{count:,} documents"
        how = "" if count == 1 else ", each alone" if self.per_document is not None else ", as one corpus"
        return (
            f"<CodeLengths {self.metadata.get('code', '?')}: {self.bits_per_byte:.4f} bits per byte,"
            f" {self.bits:,.1f} bits for {self.num_bytes:,} bytes in {documents}{how}>"
        )


@runtime_checkable
class Code(Protocol):
    """A predictive model used as a code."""

    @property
    def name(self) -> str:
        """What the command line calls it, e.g. ``"context-tree"``."""

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every parameter that the lengths depend on."""

    def lengths(
        self,
        documents: Sequence[bytes | memoryview],
        *,
        per_document: bool = False,
        threads: int | None = None,
        memory: int | None = None,
    ) -> CodeLengths:
        """Code lengths of ``documents``.

        With ``per_document`` each document is coded alone; without, the corpus is coded as one:
        statistics are shared and contexts start anew at each document. ``memory`` bounds the working
        memory in bytes; ``threads=None`` uses every core the process may run on.

        A code that takes long may also take ``progress``, a function told the fraction done (from any
        thread, a few times a second at most): the command line passes it where the signature has it.
        """


@runtime_checkable
class FileCode(Code, Protocol):
    """A code that needs more than the bytes of a file, and finds it beside the file."""

    def lengths_of_file(self, path: str | PathLike[str]) -> CodeLengths:
        """Code length of a file as one corpus. Raises CorpusError where what it needs is missing or wrong."""


@runtime_checkable
class DecodableCode(Code, Protocol):
    """A code that also writes and reads the bits it counts."""

    def encode(self, document: bytes) -> bytes:
        """Payload of ``document``: no header, no length; `decode` needs the number of bytes."""

    def decode(self, payload: bytes, num_bytes: int) -> bytes:
        """The ``num_bytes`` bytes whose payload this is. Raises CorruptStreamError."""


def _plain(value: object) -> object:
    """Numbers and arrays of numpy as Python's, which JSON can write."""
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def describe(code: Code, *, per_document: bool) -> dict[str, object]:
    """Metadata of a result: the code, its parameters, how the corpus was coded, and the version."""
    from skmfast import __version__

    return {
        "code": code.name,
        "parameters": {name: _plain(value) for name, value in code.parameters.items()},
        "per_document": per_document,
        "version": __version__,
    }
