"""Codes given a reference corpus: which codes can be, and how the reference is described in results."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from skmfast.codes.base import Code


@runtime_checkable
class ConditionalCode(Code, Protocol):
    """A code that also has lengths given a reference: -log P(reference + document) + log P(reference)."""

    def given(
        self,
        reference: Sequence[bytes | memoryview],
        *,
        threads: int | None = None,
        memory: int | None = None,
    ) -> Code:
        """The code of documents given the documents of ``reference``."""


def describe_reference(reference: Sequence[bytes | memoryview]) -> dict[str, object]:
    """Parameters of a code that say what was given: number of documents, bytes, and a SHA-256.

    The digest is of the documents' sizes (eight bytes each, least significant first) and bytes, in order.

    Examples
    --------
    >>> describe_reference([b"one", b"two"])["given_bytes"]
    6
    """
    digest = hashlib.sha256()
    for document in reference:
        digest.update(len(document).to_bytes(8, "little"))
        digest.update(document)
    return {
        "given_documents": len(reference),
        "given_bytes": sum(map(len, reference)),
        "given_sha256": digest.hexdigest(),
    }
