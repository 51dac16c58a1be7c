"""The code that knows nothing: eight bits for every byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from skmfast.codes.base import CodeLengths, describe
from skmfast.errors import CorruptStreamError


class Uniform:
    """Every byte is equally likely: 8 bits a byte, whatever the data.

    Examples
    --------
    >>> Uniform().lengths([b"four"]).bits
    32.0
    """

    name = "uniform"

    @property
    def parameters(self) -> Mapping[str, object]:
        """None."""
        return {}

    def lengths(
        self,
        documents: Sequence[bytes | memoryview],
        *,
        per_document: bool = False,
        threads: int | None = None,
        memory: int | None = None,
    ) -> CodeLengths:
        """Eight bits for each byte of ``documents``; see `Code.lengths`."""
        sizes = np.array([len(document) for document in documents], dtype=np.int64)
        total = int(sizes.sum())
        return CodeLengths(
            bits=8.0 * total,
            num_bytes=total,
            document_bytes=sizes,
            per_document=sizes.astype(np.float64) * 8.0 if per_document else None,
            metadata=describe(self, per_document=per_document),
        )

    def encode(self, document: bytes) -> bytes:
        """The bytes themselves."""
        return bytes(document)

    def decode(self, payload: bytes, num_bytes: int) -> bytes:
        """The bytes themselves.

        Raises
        ------
        CorruptStreamError
            If there are fewer or more than ``num_bytes``.
        """
        if len(payload) != num_bytes:
            raise CorruptStreamError(
                f"the payload has {len(payload):,} bytes where {num_bytes:,} are declared"
            )
        return bytes(payload)
