"""`structure_function`: one door to the three classes of models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.structure.curve import StructureFunction

if TYPE_CHECKING:
    from skmfast.codes.tree_hull import TreeHull
    from skmfast.corpora.reading import Paths

FAMILIES = ("context-tree", "syntax-knowledge", "neural")


def structure_function(corpus: Any, family: str = "context-tree", **settings: Any) -> StructureFunction:
    """Structure function of a corpus over a class of models: fewest data bits for every number of model bits.

    Parameters
    ----------
    corpus : bytes, list of documents, array of tokens, path, LabelledCorpus, or list of NeuralModel
        What is coded. Bytes are one document; a list holds documents, each bytes or an array of token ids; a
        str or path names files as `skmfast.code_length` takes them. A labelled corpus has its sentences as
        documents, in tokens. For the family "neural": the models that were measured.
    family : {"context-tree", "syntax-knowledge", "neural"}
        Class of models.
    **settings
        For "context-tree" those of `skmfast.codes.tree_hull.tree_hull`: depth, alphabet, least_slope,
        threads, memory, progress. For "syntax-knowledge" there are none; for "neural" those of
        `skmfast.structure.neural.neural_curve`.

    Returns
    -------
    StructureFunction

    Raises
    ------
    ValueError
        If the family is unknown, a setting is out of its range, or the corpus is empty.
    TypeError
        If the corpus is not of a kind that the family takes.
    CorpusError
        If a file cannot be read.

    Examples
    --------
    >>> curve = structure_function(b"abracadabra " * 100)
    >>> curve
    <StructureFunction context-tree: 4 points, MDL at 234.2 model and 0.0 data bits>
    >>> [curve.breakpoint(place).bought for place in (1, 2, 3)]
    [("b''",), ("b'a'",), ("b'abra'",)]
    """
    if family == "context-tree":
        return _context_trees(corpus, **settings)
    if family == "syntax-knowledge":
        from skmfast.structure.knowledge import knowledge_curve

        return knowledge_curve(corpus, **settings)
    if family == "neural":
        from skmfast.structure.neural import neural_curve

        return neural_curve(corpus, **settings)
    raise ValueError(f"family: {family!r} is none of {', '.join(FAMILIES)}")


def _context_trees(corpus: Any, **settings: Any) -> StructureFunction:
    from skmfast.codes.tree_hull import tree_hull

    documents, pieces = _documents(corpus)
    if not any(len(document) for document in documents):
        raise ValueError("corpus: it is empty")
    hull = tree_hull(documents, **settings)
    as_bytes = hull.text.dtype == np.uint8 and pieces is None
    return StructureFunction(
        "context-tree",
        hull.model_bits,
        hull.data_bits,
        hull.num_symbols,
        "byte" if as_bytes else "token",
        _describer(hull, None if as_bytes else pieces or []),
        hull=hull,
        metadata={"depth": hull.depth, "documents": len(hull.segments)},
    )


def _documents(corpus: Any) -> tuple[Sequence[Any], list[bytes] | None]:
    """Documents of whatever it is, and for tokens the text of each."""
    import os

    from skmfast.corpora.labelled import LabelledCorpus

    if isinstance(corpus, LabelledCorpus):
        bounds = np.asarray(corpus.offsets).astype(np.int64)
        tokens = np.asarray(corpus.tokens)
        return np.split(tokens, bounds[1:-1]), list(corpus.pieces())
    if isinstance(corpus, (bytes, bytearray, memoryview, np.ndarray)):
        return [corpus], None if not isinstance(corpus, np.ndarray) or corpus.dtype == np.uint8 else []
    if isinstance(corpus, (str, os.PathLike)):
        return _read(corpus), None
    if not isinstance(corpus, Sequence):
        raise TypeError(f"corpus: {type(corpus).__name__} is no corpus")
    if corpus and all(isinstance(each, (str, os.PathLike)) for each in corpus):
        return _read(corpus), None
    tokens_too = any(isinstance(each, np.ndarray) and each.dtype != np.uint8 for each in corpus)
    return corpus, [] if tokens_too else None


def _read(paths: Paths) -> list[Any]:
    from skmfast.corpora.documents import Failure
    from skmfast.corpora.reading import read
    from skmfast.errors import CorpusError

    documents = []
    for item in read(paths):
        if isinstance(item, Failure):
            raise CorpusError(f"{item.source}: {item.reason}")
        documents.append(item.data)
    return documents


def _describer(
    hull: TreeHull, pieces: list[bytes] | None
) -> Callable[[int, int], tuple[tuple[str, ...], int]]:
    """Names of the contexts that a step splits; with ``pieces`` symbols are tokens."""

    def name(split: np.void) -> str:
        symbols = hull.context(split)
        if pieces is None:
            return repr(symbols.tobytes())
        if not pieces:
            return str(symbols.tolist())
        return repr(b"".join(pieces[symbol] for symbol in symbols.tolist()).decode(errors="replace"))

    def describe(place: int, most: int) -> tuple[tuple[str, ...], int]:
        first, last = hull.block_begin[place - 1 : place + 1].tolist()
        return tuple(name(split) for split in hull.splits[first : min(last, first + most)]), last - first

    return describe
