"""What reading yields: a document, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a corpus.

    Attributes
    ----------
    source : str
        The file that it comes from; ``"-"`` is standard input.
    document : int
        Its place in the source: the line, from 1, in JSON Lines; the row, from 0, in Parquet; 0 for a
        file that is one document.
    data : bytes or memoryview
        Its bytes. A memoryview may lie on a mapped file, which must not shrink while it is in use.
    """

    source: str
    document: int
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Failure:
    """A document, or the rest of a source, that cannot be read.

    Attributes
    ----------
    source : str
        The file, as in `Document`.
    document : int or None
        The place of the one document that failed; None when reading the source ended here.
    reason : str
        What is wrong, and where.
    """

    source: str
    document: int | None
    reason: str
