"""From a source to a labelled corpus: in memory, or on disk block after block, larger than memory."""

from __future__ import annotations

import hashlib
import json
import operator
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from skmfast.corpora.element_table import ElementTable
from skmfast.corpora.growing import GrowingCorpus
from skmfast.corpora.labelled import LabelledCorpus, finish
from skmfast.settings import resolve_threads
from skmfast.sources.elements import element_stream
from skmfast.sources.rendering import SentenceRenderer

if TYPE_CHECKING:
    from skmfast.corpora.verification import Render
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge

BLOCK = 1 << 17  # sentences rendered and written together: some 20 MB
MAX_SENTENCES = 1 << 48
_COUNT_AT_ONCE = 1 << 20


def sample(
    source: SyntaxKnowledge,
    num_sentences: int,
    seed: int = 0,
    *,
    tokens: str = "words",
    threads: int | None = None,
) -> LabelledCorpus:
    """A corpus of a source, in memory.

    Parameters
    ----------
    source : SyntaxKnowledge
        What it is from.
    num_sentences : int
        At least 1.
    seed : int
        From 0 to 2^64 - 1; together with the source it decides everything.
    tokens : {"words", "bytes"}
        What tokens are.
    threads : int, optional
        The corpus does not depend on it.

    Raises
    ------
    ValueError
        If a number is out of range, or the source has not enough names for the elements drawn.

    Examples
    --------
    >>> from skmfast.sources.example import small_example
    >>> from skmfast.sources.frequencies import Uniform
    >>> corpus = sample(small_example(Uniform(36)), 1000, seed=1)
    >>> corpus
    <LabelledCorpus: 1,000 sentences, ... tokens, ... bytes, 36 elements>
    >>> corpus.verify()
    """
    num_sentences, seed = _checked(num_sentences, seed)
    threads = resolve_threads(threads)
    stream = element_stream(source.frequencies, seed)
    elements = stream.next(num_sentences, threads)
    renderer = SentenceRenderer(source, seed, tokens)
    sentences = renderer.render(0, elements, threads=threads)
    counts = _counts(elements, renderer.num_elements)
    table = _element_table(source, seed, counts)
    return LabelledCorpus(sentences, table, source.vocabulary(tokens).to_dict(), source.to_dict(), seed)


def generate(
    source: SyntaxKnowledge,
    num_sentences: int,
    out: str | os.PathLike[str],
    seed: int = 0,
    *,
    tokens: str = "words",
    threads: int | None = None,
    block: int = BLOCK,
    progress: Callable[[int], None] | None = None,
) -> LabelledCorpus:
    """Write a corpus of a source to a folder: the same that `sample` makes and ``save`` writes.

    Memory is bounded by the block and the number of elements. While a block is written and its checksums
    taken, the next one is rendered. An interrupted run, killed ones included, is taken up by the same call:
    the corpus does not depend on how often that happened, on ``threads`` or on ``block``.

    Parameters
    ----------
    source, num_sentences, seed, tokens, threads
        As in `sample`.
    out : path
        The folder to make. Until it is whole its files stand in OUT.partial.
    block : int
        Sentences rendered and written together.
    progress : callable, optional
        Called with the number of sentences done.

    Returns
    -------
    LabelledCorpus
        Mapped from ``out``.

    Raises
    ------
    FileExistsError
        If ``out`` exists, or another process is making it.
    ValueError
        If a number is out of range, the source has not enough names, or OUT.partial holds the beginning of
        another corpus.
    OSError
        If the disk does not take it, for instance because it is full. The same call goes on later.
    """
    num_sentences, seed = _checked(num_sentences, seed)
    if block < 1:
        raise ValueError(f"block={block}: at least one sentence")
    threads = resolve_threads(threads)
    description = source.to_dict()
    renderer = SentenceRenderer(source, seed, tokens)
    configuration = _configuration(description, num_sentences, seed, tokens)
    with GrowingCorpus(out, configuration, renderer.token_dtype) as folder:
        stream = element_stream(source.frequencies, seed)
        for begin in range(0, folder.num_sentences, block):
            stream.next(min(block, folder.num_sentences - begin), threads)
        if progress is not None:
            progress(folder.num_sentences)
        _write_blocks(folder, stream, renderer, num_sentences, block, threads, progress)
        counts = _counts(folder.map_column("elements"))
        table = _element_table(source, seed, counts)
        statements = source.syntax.statements
        finish(folder, table, source.vocabulary(tokens).to_dict(), description, seed, statements)
    return LabelledCorpus.open(Path(out))


def renderer_of(corpus: LabelledCorpus) -> Render:
    """What makes sentences of a corpus anew, from the description of its source; see `LabelledCorpus.verify`.

    Raises
    ------
    ValueError
        If its description is of no source that is known.
    """
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge

    tokens = "bytes" if corpus.vocabulary.get("mode") == "bytes" else "words"
    renderer = SentenceRenderer(SyntaxKnowledge.from_dict(corpus.source), corpus.seed, tokens)
    return renderer.render


def _write_blocks(
    folder: GrowingCorpus,
    stream: Any,
    renderer: SentenceRenderer,
    num_sentences: int,
    block: int,
    threads: int,
    progress: Callable[[int], None] | None,
) -> None:
    """Two sets of buffers: while one is being written the other is rendered into."""
    buffers: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    writing: Future[None] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="skmfast-writer") as writer:
        for turn, begin in enumerate(range(folder.num_sentences, num_sentences, block)):
            elements = stream.next(min(block, num_sentences - begin), threads)
            sentences = renderer.render(begin, elements, threads=threads, buffers=buffers[turn % 2])
            if writing is not None:
                writing.result()
                if progress is not None:
                    progress(folder.num_sentences)
            writing = writer.submit(folder.append, sentences)
        if writing is not None:
            writing.result()
            if progress is not None:
                progress(folder.num_sentences)


def _element_table(source: SyntaxKnowledge, seed: int, counts: npt.NDArray[np.uint64]) -> ElementTable:
    contents = source.contents
    frequencies, _ = source.frequencies.weights(counts, seed)

    def texts(begin: int, end: int) -> dict[str, list[str]]:
        values = contents.values(np.arange(begin, end, dtype=np.uint64), seed)
        return {name: contents.text(name, values) for name in contents.attribute_names}

    return ElementTable(contents.attribute_names, counts, frequencies, texts)


def _counts(elements: npt.NDArray[np.uint32], num_elements: int | None = None) -> npt.NDArray[np.uint64]:
    """How often each element occurs, shape (1 + largest,)."""
    if num_elements is None:
        num_elements = 1 + max(
            int(elements[at : at + _COUNT_AT_ONCE].max()) for at in range(0, len(elements), _COUNT_AT_ONCE)
        )
    counts = np.zeros(num_elements, dtype=np.int64)
    step = max(_COUNT_AT_ONCE, num_elements)
    for at in range(0, len(elements), step):
        counts += np.bincount(elements[at : at + step], minlength=num_elements)
    return counts.astype(np.uint64)


def _configuration(description: dict[str, Any], num_sentences: int, seed: int, tokens: str) -> dict[str, Any]:
    """What decides a corpus, short enough to show what differs."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
    shown = {f"source.{name}": description[name] for name in ("name", "frequencies") if name in description}
    numbers = {"num_sentences": num_sentences, "seed": seed, "tokens": tokens}
    configuration: dict[str, Any] = json.loads(json.dumps({**numbers, **shown, "source": digest}))
    return configuration


def _checked(num_sentences: int, seed: int) -> tuple[int, int]:
    num_sentences, seed = operator.index(num_sentences), operator.index(seed)
    if not 1 <= num_sentences <= MAX_SENTENCES:
        raise ValueError(f"num_sentences={num_sentences}: outside 1 to 2^48")
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"seed={seed}: outside 0 to 2^64 - 1")
    return num_sentences, seed
