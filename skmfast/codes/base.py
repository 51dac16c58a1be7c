"""What a code is: a predictive model whose length on given data is a number of bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
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
    """

    bits: float
    num_bytes: int
    document_bytes: npt.NDArray[np.int64]
    per_document: npt.NDArray[np.float64] | None = None
    per_byte: npt.NDArray[np.float64] | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)

    @property
    def bits_per_byte(self) -> float:
        """Total bits over total bytes; nan for an empty corpus."""
        return self.bits / self.num_bytes if self.num_bytes else float("nan")


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
        """


@runtime_checkable
class DecodableCode(Code, Protocol):
    """A code that also writes and reads the bits it counts."""

    def encode(self, document: bytes) -> bytes:
        """Payload of ``document``: no header, no length; `decode` needs the number of bytes."""

    def decode(self, payload: bytes, num_bytes: int) -> bytes:
        """The ``num_bytes`` bytes whose payload this is. Raises CorruptStreamError."""
