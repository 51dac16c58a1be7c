"""ChainRenderer: sentences of chain words as text, tokens and labels, many at a time on NumPy arrays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from skmfast.settings import resolve_threads
from skmfast.sources.markov_sampling import ChainSampler
from skmfast.sources.philox import random_blocks, stream_key
from skmfast.sources.plan import LITERAL, SYNTAX
from skmfast.sources.streams import ATTRIBUTES

if TYPE_CHECKING:
    from skmfast.sources.chain_plan import ChainPlan

Ints = npt.NDArray[np.int64]

# Sentences made together: their arrays stay in the cache, and are long enough to be worth NumPy's calls.
_WORDS_AT_ONCE, _LEAST_SENTENCES = 1 << 16, 512
_Columns = tuple[npt.NDArray[Any], ...]


class ChainRenderer:
    """Makes sentences of a plan; a sentence depends on its number, its element and the seed alone.

    It is called like `_render.Renderer`.

    Parameters
    ----------
    plan : ChainPlan
    seed : int
        Seed of the corpus.
    """

    def __init__(self, plan: ChainPlan, seed: int) -> None:
        self._plan = plan
        self._sampler = ChainSampler(plan.probabilities, plan.length, plan.mean_length, seed)
        self._attribute_key = stream_key(seed, ATTRIBUTES)
        self._contents = np.empty((0, len(plan.field_sizes)), dtype=np.uint16)
        self._known = 0
        self._texts = _Pieces(plan.piece_bytes, plan.piece_byte_offsets)
        self._tokens = _Pieces(plan.piece_tokens.astype(self.token_dtype), plan.piece_token_offsets)

    @property
    def token_dtype(self) -> np.dtype[Any]:
        """uint16, or uint32 for a large vocabulary."""
        return np.dtype(np.uint16 if self._plan.vocabulary_size <= 1 << 16 else np.uint32)

    @property
    def num_elements(self) -> int:
        """Elements whose contents are known."""
        return self._known

    def append_contents(self, rows: npt.NDArray[np.uint16]) -> None:
        """Add the contents of the next elements: uint16, shape (elements, fields)."""
        needed = self._known + len(rows)
        if needed > len(self._contents):
            grown = np.empty((max(needed, 2 * len(self._contents)), rows.shape[1]), dtype=np.uint16)
            grown[: self._known] = self._contents[: self._known]
            self._contents = grown
        self._contents[self._known : needed] = rows
        self._known = needed

    def render(
        self,
        elements: npt.NDArray[np.uint32],
        first: int,
        key: int,
        *,
        threads: int | None = None,
        buffers: dict[str, npt.NDArray[Any]] | None = None,
    ) -> _Columns:
        """Sentences first, first + 1, ...: text, text_offsets, tokens, offsets, labels, statements.

        ``key`` and ``buffers`` are those of `_render.Renderer.render`; the first follows from the seed, and
        arrays are made anew in every call.
        """
        del key, buffers
        at_once = max(_LEAST_SENTENCES, int(_WORDS_AT_ONCE / self._plan.mean_length))
        begins = range(0, max(len(elements), 1), at_once)

        def block(begin: int) -> _Columns:
            return self._block(elements[begin : begin + at_once], first + begin)

        workers = min(resolve_threads(threads), len(begins))
        if workers == 1:
            return _joined([block(begin) for begin in begins])
        with ThreadPoolExecutor(workers, thread_name_prefix="skmfast-chains") as pool:
            return _joined(list(pool.map(block, begins)))

    def _block(self, elements: npt.NDArray[np.uint32], first: int) -> _Columns:
        values = self._contents[elements]
        attributes = self._attributes(first, len(elements))
        words, word_offsets = self._sampler.sample(self._kinds(values), first)
        pieces, labels, ends = self._assemble(values, attributes, words, word_offsets.astype(np.int64))
        text, text_offsets = self._texts.join(pieces, ends)
        tokens, offsets = self._tokens.join(pieces, ends)
        statements = np.zeros((len(elements), 1, 2), dtype=np.uint16)
        statements[:, 0, 0] = attributes
        return text, text_offsets, tokens, offsets, np.repeat(labels, self._tokens.sizes[pieces]), statements

    def _kinds(self, values: npt.NDArray[np.uint16]) -> Ints:
        if self._plan.kind_field == LITERAL:
            return np.zeros(len(values), dtype=np.int64)
        return np.asarray(values[:, self._plan.kind_field].astype(np.int64) % self._plan.kinds)

    def _attributes(self, first: int, count: int) -> Ints:
        """Attribute of each sentence: the high half of a 64-bit number times how many there are."""
        index = np.arange(count, dtype=np.uint64) + np.uint64(first)
        bits, number = random_blocks(self._attribute_key, index)[:, 0], np.uint64(self._plan.attributes)
        half, low = np.uint64(32), bits & np.uint64(0xFFFFFFFF)
        high: npt.NDArray[np.uint64] = ((bits >> half) * number + (low * number >> half)) >> half
        return high.astype(np.int64)

    def _assemble(
        self,
        values: npt.NDArray[np.uint16],
        attributes: Ints,
        words: npt.NDArray[np.uint32],
        word_offsets: Ints,
    ) -> tuple[Ints, npt.NDArray[np.uint8], Ints]:
        """Pieces of all sentences one behind the other, their labels, and where each sentence ends."""
        plan = self._plan
        run_sizes = np.diff(plan.template_parts.astype(np.int64))
        num_words, name_parts = np.diff(word_offsets), int(run_sizes[0])
        ends: Ints = np.cumsum(name_parts + num_words + run_sizes[1 + attributes] + 1, dtype=np.int64)
        pieces = np.full(int(ends[-1]) if ends.size else 0, plan.end_piece, dtype=np.int64)
        labels = np.full(pieces.size, SYNTAX, dtype=np.uint8)
        begins = np.concatenate([[0], ends])[:-1]

        def put(run: int, rows: Ints | slice, places: Ints) -> None:
            for part in range(*plan.template_parts[run : run + 2].tolist()):
                field, piece = int(plan.part_field[part]), int(plan.part_piece[part])
                pieces[places] = piece if field == LITERAL else piece + values[rows, field].astype(np.int64)
                labels[places] = plan.part_label[part]
                places = places + 1

        put(0, slice(None), begins)
        begins = begins + name_parts
        shift = np.repeat(begins - word_offsets[:-1], num_words)
        pieces[np.arange(len(words)) + shift] = plan.word_pieces[words]
        begins += num_words
        for attribute in range(plan.attributes):
            rows = np.flatnonzero(attributes == attribute)
            put(1 + attribute, rows, begins[rows])
        return pieces, labels, ends


class _Pieces:
    """What pieces hold, bytes or tokens, laid flat."""

    def __init__(self, flat: npt.NDArray[Any], offsets: npt.NDArray[np.uint32]) -> None:
        self._flat = flat
        bounds = offsets.astype(np.int64)
        self._begins: Ints = bounds[:-1]
        self.sizes: Ints = bounds[1:] - bounds[:-1]

    def join(self, pieces: Ints, ends: Ints) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint64]]:
        """Pieces joined, and where each sentence begins; ``ends`` says how many pieces each has, added up."""
        sizes = self.sizes[pieces]
        after = np.cumsum(sizes)
        total = int(after[-1]) if after.size else 0
        # Where each entry comes from, in a narrow type: this array is the largest of all.
        dtype = np.int32 if max(total, self._flat.size) < 1 << 31 else np.int64
        source = np.arange(total, dtype=dtype)
        source += np.repeat((self._begins[pieces] - (after - sizes)).astype(dtype), sizes)
        offsets = np.zeros(len(ends) + 1, dtype=np.uint64)
        offsets[1:] = after[ends - 1]
        return self._flat[source], offsets


def _joined(blocks: list[_Columns]) -> _Columns:
    """Blocks one behind the other, offsets counted from the first."""
    if len(blocks) == 1:
        return blocks[0]
    columns = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
    for place in (1, 3):
        ends = np.cumsum([int(block[place][-1]) for block in blocks], dtype=np.uint64)
        shifted = [
            block[place][bool(i) :] + (ends[i - 1] if i else np.uint64(0)) for i, block in enumerate(blocks)
        ]
        columns[place] = np.concatenate(shifted)
    return tuple(columns)
