"""Rendering a source's sentences: contents of the elements that come up, and a renderer of its syntax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from skmfast.corpora.sentences import Sentences
from skmfast.sources._render import Renderer
from skmfast.sources.chain_plan import ChainPlan
from skmfast.sources.chain_rendering import ChainRenderer
from skmfast.sources.philox import stream_key
from skmfast.sources.streams import SYNTAX

if TYPE_CHECKING:
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge

_CONTENTS_AT_ONCE = 1 << 20  # elements whose contents are made together


class SentenceRenderer:
    """Makes sentences of a source, in any order; a sentence depends on its number and element alone.

    Parameters
    ----------
    source : SyntaxKnowledge
        What the sentences are from.
    seed : int
        Seed of the corpus.
    tokens : {"words", "bytes"}
        What tokens are.

    Examples
    --------
    >>> from skmfast.sources.example import small_example
    >>> renderer = SentenceRenderer(small_example(), seed=1)
    >>> sentences = renderer.render(0, [0, 1, 0])
    >>> len(sentences), bytes(sentences.text).count(b"\\n"), len(sentences.tokens) == len(sentences.labels)
    (3, 3, True)
    """

    def __init__(self, source: SyntaxKnowledge, seed: int, tokens: str = "words") -> None:
        self._contents = source.contents
        self._seed = seed
        self._key = stream_key(seed, SYNTAX)
        plan = source.plan(seed, tokens)
        self._renderer: Renderer | ChainRenderer
        self._renderer = ChainRenderer(plan, seed) if isinstance(plan, ChainPlan) else Renderer(plan)

    @property
    def token_dtype(self) -> np.dtype[Any]:
        """uint16, or uint32 for a large vocabulary."""
        return self._renderer.token_dtype

    @property
    def num_elements(self) -> int:
        """Elements whose contents have been made: one more than the largest rendered."""
        return self._renderer.num_elements

    def render(
        self,
        first: int,
        elements: npt.ArrayLike,
        *,
        threads: int | None = None,
        buffers: dict[str, npt.NDArray[Any]] | None = None,
    ) -> Sentences:
        """Sentences first, first + 1, ... about ``elements``.

        Parameters
        ----------
        first : int
            Number of the first sentence.
        elements : array_like of uint32, shape (n,)
            Element of each sentence.
        threads : int, optional
            The result does not depend on it.
        buffers : dict, optional
            Where the arrays are kept: the next call with the same dict overwrites them.

        Raises
        ------
        ValueError
            If there are not so many names.
        """
        chosen = np.ascontiguousarray(elements, dtype=np.uint32)
        if chosen.size:
            self._know(int(chosen.max()) + 1)
        text, text_offsets, tokens, offsets, labels, statements = self._renderer.render(
            chosen, first, self._key, threads=threads, buffers=buffers
        )
        return Sentences(text, text_offsets, tokens, labels, offsets, chosen, statements)

    def _know(self, num_elements: int) -> None:
        """Make contents up to a number of elements."""
        for begin in range(self._renderer.num_elements, num_elements, _CONTENTS_AT_ONCE):
            new = np.arange(begin, min(begin + _CONTENTS_AT_ONCE, num_elements), dtype=np.uint64)
            self._renderer.append_contents(self._contents.values(new, self._seed))
