"""The context-tree code: contexts of every length, weighted by a hidden Markov tree or classically."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from skmfast.codes._context_tree import MAX_DEPTH, PADDING, CtwModel, TreeModel, least_memory
from skmfast.codes._job import Job
from skmfast.codes.base import CodeLengths, describe
from skmfast.codes.context_counts import ContextTreeCounts
from skmfast.codes.watching import watched
from skmfast.settings import free_memory, resolve_threads

if TYPE_CHECKING:
    from skmfast.codes.conditional_context_tree import ConditionalContextTree


# Memory, in bytes, that Python and its libraries take.
_INTERPRETER = 1 << 27

# Context-tree weighting's parameters unless given.
_CTW_ESTIMATOR = 0.15
_CTW_STOP = 0.5


@lru_cache(maxsize=8)
def _model(depth: int) -> TreeModel:
    return TreeModel(depth)


class ContextTree:
    """Code length under a mixture over all context trees, computed from counts alone.

    A byte is eight binary decisions; each depends on the bytes before it, its context. At every context
    the probability of a one is hidden and moves, from a context to its extensions by one more byte, along
    a Markov chain: it stays, moves about its value, or is forgotten (docs/theory.md). The hidden values
    are summed out exactly, from the longest contexts up, so this is a proper Bayes mixture: it costs at
    most a few bits per context more than the best context tree, and it is a function of counts, whatever
    the order of the documents or the number of threads.

    Parameters
    ----------
    depth : int or None
        Longest context in bytes, 0 to 64. None means no bound: the chain stands still beyond 64 bytes, so
        longer contexts say nothing new.
    weighting : {"hidden-markov", "ctw"}
        How contexts are weighted. "ctw" is context-tree weighting as Willems, Shtarkov and Tjalkens have
        it: a context tree either stops at a context, whose bits then have one unknown probability, or its
        extensions each have their own. Longer than the hidden Markov tree on real text, and lengths only:
        no `encode`, no bits of each byte. Here None for `depth` means 64 bytes.
    estimator : float or None
        For "ctw": c of the Beta(c, c) prior of a context's probability, 1e-6 to 1000; 1/2 is the estimator
        of Krichevsky and Trofimov. None means 0.15.
    stop : float or None
        For "ctw": probability that a tree stops at a context, given that it reaches it; 0 to 1. None
        means 0.5.

    Raises
    ------
    ValueError
        If a parameter is out of range, the weighting is unknown, or `estimator` or `stop` is given with
        another weighting than "ctw".

    Notes
    -----
    Before a document's first byte the context is all zero bytes. The model's tables are built by basic
    arithmetic in fixed order and messages are float32 with integer exponents, so a length has the same
    bits on every instruction set.

    References
    ----------
    Willems, Shtarkov, Tjalkens 1995, "The context-tree weighting method: basic properties", for the tree;
    Crouse, Nowak, Baraniuk 1998, "Wavelet-based statistical signal processing using hidden Markov
    models", for the hidden Markov tree.

    Examples
    --------
    >>> code = ContextTree()
    >>> round(code.lengths([b"abracadabra " * 20]).bits)
    65
    """

    name = "context-tree"

    block_bytes = 1 << 22
    """Longest run that `skmfast.compression.compress` codes at once: the adaptive tree is then below 2 GB."""

    def __init__(
        self,
        depth: int | None = None,
        weighting: str = "hidden-markov",
        estimator: float | None = None,
        stop: float | None = None,
    ) -> None:
        if depth is not None and not 0 <= depth <= MAX_DEPTH:
            raise ValueError(f"depth: {depth} is neither between 0 and {MAX_DEPTH} nor None")
        self._parameters: dict[str, object] = {"depth": depth}
        self._model: TreeModel | CtwModel
        depth = MAX_DEPTH if depth is None else depth
        if weighting == "ctw":
            estimator = _CTW_ESTIMATOR if estimator is None else float(estimator)
            stop = _CTW_STOP if stop is None else float(stop)
            self._model = CtwModel(depth, estimator, stop)
            self._parameters |= {"weighting": weighting, "estimator": estimator, "stop": stop}
        elif weighting == "hidden-markov":
            for name, value in (("estimator", estimator), ("stop", stop)):
                if value is not None:
                    raise ValueError(f"{name}: {value} is for weighting='ctw' only, not {weighting!r}")
            self._model = _model(depth)
        else:
            raise ValueError(f"weighting: {weighting!r} is neither 'hidden-markov' nor 'ctw'")

    @property
    def parameters(self) -> Mapping[str, object]:
        """Depth, and for classical weighting also `weighting`, `estimator` and `stop`."""
        return dict(self._parameters)

    def __repr__(self) -> str:
        return f"ContextTree({', '.join(f'{name}={value!r}' for name, value in self._parameters.items())})"

    def lengths(
        self,
        documents: Sequence[bytes | memoryview],
        *,
        per_document: bool = False,
        threads: int | None = None,
        memory: int | None = None,
        per_byte: bool = False,
        progress: Callable[[float], None] | None = None,
    ) -> CodeLengths:
        """Code lengths of ``documents``; see `Code.lengths`.

        With ``per_byte`` also the bits of every byte given those before it, by the adaptive coder, on one
        thread and far slower; each document is then coded alone.

        Under a ``memory`` limit (default: half of what is free) the contexts are taken by ranges of their
        last bytes, one range a pass; the result is the same.

        Raises
        ------
        ValueError
            If the limit is below what the text itself needs, or the corpus is 4 GiB or larger.
        """
        counts = self.count(documents)
        sizes = np.array([len(data) for _, data in counts.parts], dtype=np.int64)
        if per_byte and not per_document and len(documents) > 1:
            raise ValueError(
                "per_byte: several documents can only be predicted in sequence with per_document"
            )
        if per_byte:
            self._sequential()  # refuses before the work, not after
        each = self._run(counts, per_document, threads, memory, progress)
        return CodeLengths(
            bits=float(each.sum()),
            num_bytes=counts.num_bytes,
            document_bytes=sizes,
            per_document=each if per_document else None,
            per_byte=self._byte_bits(documents) if per_byte else None,
            metadata=describe(self, per_document=per_document),
        )

    def count(
        self, documents: Sequence[bytes | memoryview], *, context: bytes | memoryview = b""
    ) -> ContextTreeCounts:
        """Counts of ``documents``; of a part of a document when ``context`` holds the bytes before it.

        Parameters
        ----------
        documents : sequence of bytes-like
        context : bytes-like
            What precedes each of ``documents`` in its document; empty where they begin.
        """
        before = bytes(context[-PADDING:])
        return ContextTreeCounts(tuple((before, document) for document in documents))

    def lengths_from(
        self,
        counts: ContextTreeCounts,
        *,
        threads: int | None = None,
        memory: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> CodeLengths:
        """Code length of all that was counted, as one corpus."""
        each = self._run(counts, False, threads, memory, progress)
        return CodeLengths(
            bits=float(each.sum()),
            num_bytes=counts.num_bytes,
            document_bytes=np.array([counts.num_bytes], dtype=np.int64),
            metadata=describe(self, per_document=False),
        )

    def given(
        self,
        reference: Sequence[bytes | memoryview],
        *,
        threads: int | None = None,
        memory: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> ConditionalContextTree:
        """The code of documents given a reference corpus, which is read once and kept as a tree.

        ``code.given(reference).lengths(documents, per_document=True)`` are the bits that each document adds
        to the reference: -log P(reference + document) + log P(reference), to the last bit what two full
        computations of `lengths` give. A document costs work in proportion to its own size.

        Parameters
        ----------
        reference : sequence of bytes-like
            Documents of the corpus that is known.
        threads : int, optional
            Threads that build the tree.
        memory : int, optional
            Bound of the tree in bytes; by default half of what is free. English takes about 180 bytes for
            each byte of text.
        progress : callable, optional
            Told the fraction of the reference that is done.

        Raises
        ------
        ValueError
            If the tree would be larger than the bound, or the reference is 4 GiB or larger.
        TypeError
            If the reference is a single document instead of a sequence of them.

        Examples
        --------
        >>> code = ContextTree()
        >>> alone = code.lengths([b"abracadabra"]).bits
        >>> told = code.given([b"abracadabra " * 3]).lengths([b"abracadabra"]).bits
        >>> round(alone), round(told, 2)
        (43, 0.05)
        """
        from skmfast.codes.conditional_context_tree import ConditionalContextTree

        return ConditionalContextTree(
            self, self._model, reference, threads=threads, memory=memory, progress=progress
        )

    def encode(self, document: bytes, *, progress: Callable[[float], None] | None = None) -> bytes:
        """Payload of ``document``: its code length, rounded up to bytes.

        Bit by bit and on one thread, some twenty times slower than counting; the tree takes about 450 bytes
        of memory for each byte of text. ``progress`` is told the fraction done.

        Raises
        ------
        ValueError
            If the document is 2 GiB or larger, or the weighting is not the hidden Markov tree.
        """
        _check_size(len(document))
        model = self._sequential()
        text, job = np.frombuffer(document, dtype=np.uint8), Job()
        return watched(lambda: model.encode(text, job), job, len(document), progress)

    def decode(
        self, payload: bytes, num_bytes: int, *, progress: Callable[[float], None] | None = None
    ) -> bytes:
        """The ``num_bytes`` bytes whose payload this is, on any processor.

        Raises
        ------
        CorruptStreamError
            If the payload is not one that `encode` writes for so many bytes.
        """
        _check_size(num_bytes)
        model = self._sequential()
        stream, job = np.frombuffer(payload, dtype=np.uint8), Job()
        return watched(lambda: model.decode(stream, num_bytes, job), job, num_bytes, progress)

    def _sequential(self) -> TreeModel:
        """The model, if it can predict in sequence."""
        if isinstance(self._model, TreeModel):
            return self._model
        raise ValueError("context-tree: weighting='ctw' gives lengths only; 'hidden-markov' also streams")

    def _byte_bits(self, documents: Sequence[bytes | memoryview]) -> npt.NDArray[np.float64]:
        """Bits of each byte of each document, joined."""
        bits = [np.zeros(len(document)) for document in documents]
        for document, out in zip(documents, bits, strict=True):
            _check_size(len(document))
            text, job = np.frombuffer(document, dtype=np.uint8), Job()
            watched(partial(self._sequential().byte_bits, text, out, job), job, len(document), None)
        return np.concatenate(bits) if bits else np.zeros(0)

    def _run(
        self,
        counts: ContextTreeCounts,
        per_document: bool,
        threads: int | None,
        memory: int | None,
        progress: Callable[[float], None] | None,
    ) -> npt.NDArray[np.float64]:
        """Bits of each part, or one figure for all of them."""
        if not counts.parts:
            return np.zeros(0)
        threads = resolve_threads(threads)
        room = _working_memory(counts, threads, memory)
        text, segments = counts.laid_out()
        job = Job()

        def compute() -> npt.NDArray[np.float64]:
            if not per_document:
                return np.array([self._model.bits(text, segments, threads, room, job)])
            out = np.zeros(len(segments))
            self._model.bits_each(text, segments, threads, room, job, out)
            return out

        return watched(compute, job, counts.num_bytes, progress)


def _check_size(num_bytes: int) -> None:
    """Refuses what the adaptive coder cannot number."""
    if not 0 <= num_bytes < 1 << 31:
        raise ValueError(f"context-tree: a stream of {num_bytes:,} bytes; at most 2^31 - 1 are possible")


def _working_memory(counts: ContextTreeCounts, threads: int, memory: int | None) -> int:
    """What is left of the limit beside the documents, their copy in one buffer, and the interpreter."""
    counts.check_size()
    text = counts.num_padded_bytes
    least = least_memory(threads)
    if memory is None:
        memory = free_memory() // 2
    elif memory < text + least:
        raise ValueError(
            f"memory: {memory:,} bytes are too few for {counts.num_bytes:,} bytes of text"
            f" on {threads} threads; at least {text + least:,}"
        )
    return max(memory - text - counts.num_bytes - _INTERPRETER, least)
