"""The context-tree code given a reference corpus: the bits that a document adds to what is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from skmfast.codes._context_tree import PADDING, CtwModel, ReferenceTree, TreeModel
from skmfast.codes._job import Job
from skmfast.codes.base import Code, CodeLengths, describe
from skmfast.codes.context_counts import ContextTreeCounts
from skmfast.codes.reference import describe_reference
from skmfast.codes.watching import watched
from skmfast.settings import free_memory, resolve_threads

# Documents are measured in batches of about this size: each is laid out behind its padding.
_BATCH_BYTES = 1 << 28


class ConditionalContextTree:
    """Bits of documents given a reference corpus; made by `ContextTree.given`.

    Lengths are -log P(reference + document) + log P(reference) under the context-tree code, to the last bit
    what two computations of `ContextTree.lengths` give, whatever the number of threads. Only the contexts on
    a document's paths are computed again. What the two lengths are subtracted from is some 1e-7 of a bit for
    each byte of the document (docs/theory.md).

    Attributes
    ----------
    name : str
        That of the code without a reference.
    """

    def __init__(
        self,
        code: Code,
        model: TreeModel | CtwModel,
        reference: Sequence[bytes | memoryview],
        *,
        threads: int | None = None,
        memory: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        _check_documents(reference, "reference")
        self.name = code.name
        self._parameters = {**code.parameters, **describe_reference(reference)}
        counts = _counts(reference)
        limit = _tree_limit(counts, memory)
        text, segments = counts.laid_out()
        job, workers = Job(), resolve_threads(threads)
        try:
            self._tree: ReferenceTree = watched(
                lambda: ReferenceTree(model, text, segments, workers, limit, job),
                job,
                counts.num_bytes,
                progress,
            )
        except MemoryError:
            raise ValueError(
                f"memory: the tree of a reference of {counts.num_bytes:,} bytes takes more than {limit:,};"
                " for English it is about 180 for each"
            ) from None

    @property
    def parameters(self) -> Mapping[str, object]:
        """Those of the code without a reference, and what was given: documents, bytes, SHA-256."""
        return dict(self._parameters)

    @property
    def reference_bits(self) -> float:
        """Code length of the reference alone, as one corpus."""
        return self._tree.bits

    @property
    def memory_bytes(self) -> int:
        """Memory that the tree of the reference takes, beside its text."""
        return self._tree.memory

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self._parameters.items())
        return f"ConditionalContextTree({settings})"

    def lengths(
        self,
        documents: Sequence[bytes | memoryview],
        *,
        per_document: bool = False,
        threads: int | None = None,
        memory: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> CodeLengths:
        """Bits of ``documents`` given the reference; see `Code.lengths`.

        With ``per_document`` each document is coded alone given the reference, on all threads; without, all
        of them as one corpus given it, on one. ``memory`` is not used: documents walk the tree together, up
        to half a megabyte of them a thread, and take less than 100 bytes for each of theirs meanwhile.

        Raises
        ------
        ValueError
            If a document, or the documents as one corpus, are 4 GiB or larger.
        """
        _check_documents(documents, "documents")
        workers = resolve_threads(threads)
        sizes = np.array([len(document) for document in documents], dtype=np.int64)
        if per_document:
            each = self._each(documents, workers, progress)
            bits = float(each.sum())
        else:
            each = None
            bits = self._together(documents, progress)
        return CodeLengths(
            bits=bits,
            num_bytes=int(sizes.sum()),
            document_bytes=sizes,
            per_document=each,
            metadata=describe(self, per_document=per_document),
        )

    def _together(
        self, documents: Sequence[bytes | memoryview], progress: Callable[[float], None] | None
    ) -> float:
        counts = _counts(documents)
        counts.check_size()
        text, segments = counts.laid_out()
        job = Job()
        joint = watched(lambda: self._tree.joint_bits(text, segments, job), job, counts.num_bytes, progress)
        return joint - self._tree.bits

    def _each(
        self,
        documents: Sequence[bytes | memoryview],
        threads: int,
        progress: Callable[[float], None] | None,
    ) -> npt.NDArray[np.float64]:
        joint = np.zeros(len(documents))
        total, done = sum(map(len, documents)), 0
        for first, last in _batches(documents):
            counts = _counts(documents[first:last])
            counts.check_size()
            text, segments = counts.laid_out()
            job, out, before = Job(), joint[first:last], done

            def measure(
                text: npt.NDArray[np.uint8] = text,
                segments: npt.NDArray[np.uint64] = segments,
                job: Job = job,
                out: npt.NDArray[np.float64] = out,
            ) -> None:
                self._tree.joint_bits_each(text, segments, threads, job, out)

            def report(fraction: float, before: int = before, size: int = counts.num_bytes) -> None:
                if progress is not None:
                    progress((before + fraction * size) / total)

            watched(measure, job, counts.num_bytes, report)
            done += counts.num_bytes
        return joint - self._tree.bits


def _check_documents(documents: object, name: str) -> None:
    """Refuses a single document, whose bytes would be taken for documents."""
    if isinstance(documents, (bytes, bytearray, memoryview, str)):
        raise TypeError(f"{name}: a sequence of documents; write [document] for a single one")


def _counts(documents: Sequence[bytes | memoryview]) -> ContextTreeCounts:
    """The documents as parts; a corpus of none is an empty document."""
    return ContextTreeCounts(tuple((b"", document) for document in documents) or ((b"", b""),))


def _tree_limit(counts: ContextTreeCounts, memory: int | None) -> int:
    """What the tree may take: the limit less the documents and their copy."""
    counts.check_size()
    limit = (free_memory() // 2 if memory is None else memory) - 2 * counts.num_bytes
    if limit < 0:
        raise ValueError(f"memory: {memory:,} bytes are too few for a reference of {counts.num_bytes:,}")
    return limit


def _batches(documents: Sequence[bytes | memoryview]) -> list[tuple[int, int]]:
    """Consecutive ranges of documents of about `_BATCH_BYTES` each."""
    ranges, first, size = [], 0, 0
    for index, document in enumerate(documents):
        size += len(document) + PADDING
        if size >= _BATCH_BYTES:
            ranges.append((first, index + 1))
            first, size = index + 1, 0
    if first < len(documents):
        ranges.append((first, len(documents)))
    return ranges
