"""The corpus in memory, as a report needs it: all of it or an even share, samples, and passages."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from skmfast.corpora import Document, expand
from skmfast.errors import CorpusError
from skmfast.report.numerals import counted, fixed, whole

if TYPE_CHECKING:
    from skmfast.corpora import Source
    from skmfast.corpora.reading import Paths
    from skmfast.report.settings import Settings

# From here on documents are sampled whole, and looked at one by one instead of passages.
MANY_DOCUMENTS = 20
_CONTINUATION = 0b10


@dataclass(slots=True)
class SourceSummary:
    """What was read of one file.

    Attributes
    ----------
    name : str
    documents, num_bytes : int
        That are in the report.
    failures : int
        Documents, or rests of the file, that cannot be read.
    reason : str
        Of the first failure; "" where there is none.
    """

    name: str
    documents: int = 0
    num_bytes: int = 0
    failures: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Passages:
    """Documents, or passages of them, to be looked at one by one.

    Attributes
    ----------
    data : list of bytes-like
    names : list of str
    cut : bool
        Whether they are passages, because there are few documents.
    """

    data: list[bytes | memoryview]
    names: list[str]
    cut: bool

    @property
    def noun(self) -> str:
        """What they are called."""
        return "passage" if self.cut else "document"


@dataclass(frozen=True, eq=False)
class Gathered:
    """Documents of a corpus and where they come from.

    Attributes
    ----------
    documents : list of bytes-like
    names : list of str
        A name for each.
    sources : list of SourceSummary
        A row for each file.
    share : float
        How much of each file was taken; 1 unless the corpus is above the limit.
    """

    documents: list[bytes | memoryview]
    names: list[str]
    sources: list[SourceSummary]
    share: float = 1.0
    _passages: dict[int, Passages] = field(default_factory=dict)

    @property
    def num_bytes(self) -> int:
        """Size of all documents."""
        return sum(map(len, self.documents))

    def sample(self, size: int) -> tuple[list[bytes | memoryview], str]:
        """Documents of about ``size`` bytes in all, and which they are, in words.

        Every k-th document where there are many; else the beginning of each, in proportion.

        Examples
        --------
        >>> Gathered([b"abcdef", b"ghi"], ["a", "b"], []).sample(3)
        ([b'ab', b'g'], 'the first 33.3 % of each document')
        """
        total = self.num_bytes
        if total <= 2 * size:  # too little to be gained
            return self.documents, "the whole corpus"
        if len(self.documents) >= MANY_DOCUMENTS:
            step = -(-total // size)
            chosen = list(_within(size, self.documents[::step]))
            return chosen, f"one document in {whole(step)}"
        heads = [document[: len(document) * size // total] for document in self.documents]
        return [head for head in heads if len(head)], f"the first {_percent(size / total)} of each document"

    def passages(self, settings: Settings) -> Passages:
        """Documents, or passages cut at line breaks where documents are few."""
        size = settings.passage_bytes
        if size not in self._passages:
            self._passages[size] = self._cut(size)
        return self._passages[size]

    def _cut(self, size: int) -> Passages:
        if len(self.documents) >= MANY_DOCUMENTS or self.num_bytes < 2 * size:
            return Passages(self.documents, self.names, False)
        data: list[bytes | memoryview] = []
        names = []
        for document, name in zip(self.documents, self.names, strict=True):
            for start, end in itertools.pairwise(_edges(bytes(document), size)):
                data.append(document[start:end])
                names.append(f"{name}, byte {start:,}")
        return Passages(data, names, True)


def gather(
    paths: Paths, settings: Settings, *, complain: Callable[[str], None] | None = None, **reading: Any
) -> Gathered:
    """Read a corpus.

    Parameters
    ----------
    paths : path or iterable of paths
        As `skmfast.corpora.read` takes them.
    settings : Settings
        ``limit_bytes`` bounds what is held.
    complain : callable, optional
        Told of each document that cannot be read.
    **reading
        ``field``, ``column`` and ``format`` of `skmfast.corpora.read`.

    Raises
    ------
    CorpusError
        If nothing can be read, or nothing is there.
    """
    sources = list(expand(paths))
    on_disk = sum(source.num_bytes for source in sources)
    share = min(1.0, settings.limit_bytes / on_disk) if on_disk else 1.0
    corpus = Gathered([], [], [], share)
    left = settings.limit_bytes
    for source, name in zip(sources, _short_names([each.name for each in sources]), strict=True):
        room = left if share == 1.0 or not source.num_bytes else min(left, int(share * source.num_bytes))
        left -= _read(source, name, corpus, room, complain, reading)
    if not corpus.num_bytes:
        reasons = [each for each in corpus.sources if each.reason]
        first = f"{reasons[0].name}: {reasons[0].reason}" if reasons else "there are no documents"
        raise CorpusError(f"nothing to report on: {first}")
    return corpus


def _short_names(names: list[str]) -> list[str]:
    """Names without the folders that all of them share.

    Examples
    --------
    >>> _short_names(["/data/a/x.txt", "/data/b/x.txt"]), _short_names(["/data/a/x.txt"]), _short_names(["-"])
    (['a/x.txt', 'b/x.txt'], ['x.txt'], ['-'])
    """
    folders = [name.rpartition("/")[0] for name in names]
    try:
        common = os.path.commonpath(folders) if all(folders) else ""
    except ValueError:  # absolute and relative ones
        common = ""
    return [name.removeprefix(common).lstrip("/") if common else name for name in names]


def _read(
    source: Source,
    name: str,
    corpus: Gathered,
    room: int,
    complain: Callable[[str], None] | None,
    reading: dict[str, Any],
) -> int:
    """Add the documents of one file, up to ``room`` bytes; says how many bytes that were."""
    summary = SourceSummary(name)
    corpus.sources.append(summary)
    for item in source.documents(**reading):
        if not isinstance(item, Document):
            summary.failures += 1
            summary.reason = summary.reason or item.reason
            if complain is not None:
                complain(f"{item.source}: {item.reason}")
            continue
        data = item.data[: room - summary.num_bytes]
        if len(data):
            corpus.documents.append(data)
            corpus.names.append(name if item.document == 0 else f"{name}, {item.document:,}")
            summary.documents += 1
            summary.num_bytes += len(data)
        if summary.num_bytes >= room:
            break
    return summary.num_bytes


def describe(corpus: Gathered) -> str:
    """Files, documents and share in words, for the page's first lines."""
    read = [each for each in corpus.sources if each.documents]
    text = f"{counted(len(corpus.documents), 'document')} in {counted(len(read), 'file')}"
    return text if corpus.share == 1.0 else f"{text}, the first {_percent(corpus.share)} of each file"


def _percent(share: float) -> str:
    return f"{fixed(100 * share, 1 if share >= 0.01 else 3)} %"


def _within(size: int, documents: list[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    for document in documents:
        if size <= 0:
            return
        yield document[:size]
        size -= len(document)


def _edges(document: bytes, size: int) -> list[int]:
    """Where passages begin and end: at line breaks near multiples of ``size``, never inside a character."""
    edges = [0]
    while len(document) - edges[-1] >= size + size // 2:
        target = edges[-1] + size
        found = document.rfind(b"\n", target - size // 2, target)
        if found < 0:
            found = target - 1
            while found > target - 4 and document[found + 1] >> 6 == _CONTINUATION:
                found -= 1
        edges.append(found + 1)
    return [*edges, len(document)] if len(document) else [0]
