"""Llama's trunk and head on the CPU (Touvron and others 2023): bits of whole windows, or logits step by step.

Computed in float32 by the C++ core, without torch. Hidden states, logits and, for vocabularies of up to
4,096 entries, bits are the same on every processor and for any number of windows and threads, to the last
bit. The sums over a larger vocabulary use whatever matrix instructions the processor has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from skmfast.codes._llama import Decoder, Steps

if TYPE_CHECKING:
    from skmfast.codes.llama2c import LlamaSizes, Weights

_EPSILON = 1e-5
_ROTATION_BASE = 10000.0
_STEP_CACHE_BYTES = 1 << 28
# Up to here the head is a small part of the work, and is done where states are made.
_FOLDED_VOCABULARY = 4096

Ids = npt.NDArray[np.int64]


class Llama:
    """Packed weights of a Llama model.

    Parameters
    ----------
    sizes : LlamaSizes
    weights : dict
        As `skmfast.codes.llama2c.read_llama2c` gives them.

    Attributes
    ----------
    sizes : LlamaSizes
    batch_tokens : int
        Tokens that are worth a call of `window_bits`.
    """

    runs_on = "llama float32, fused multiply-add, order of summation 1"
    """What logits depend on; not the processor."""

    batch_tokens = 1 << 15

    def __init__(self, sizes: LlamaSizes, weights: Weights) -> None:
        self.sizes = sizes
        self._head = np.ascontiguousarray(weights["head"], dtype=np.float32)
        in_order = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in weights.items()}
        in_order["query"] = _halves_apart(in_order["query"], sizes.num_heads)
        in_order["key"] = _halves_apart(in_order["key"], sizes.num_kv_heads)
        self._decoder = Decoder(
            width=sizes.width,
            hidden_width=sizes.hidden_width,
            num_layers=sizes.num_layers,
            num_heads=sizes.num_heads,
            num_kv_heads=sizes.num_kv_heads,
            head_width=sizes.head_width,
            vocabulary=sizes.vocabulary_size,
            epsilon=_EPSILON,
            rotation_base=_ROTATION_BASE,
            weights=in_order,
        )

    @property
    def vocabulary_size(self) -> int:
        """Entries of the head."""
        return self.sizes.vocabulary_size

    def hidden(self, windows: Sequence[Ids], *, threads: int = 1) -> npt.NDArray[np.float32]:
        """Hidden states (N, D) behind each token of the windows, one window behind the other."""
        tokens, offsets = _joined(windows)
        return self._decoder.hidden(tokens, offsets, threads=threads)

    def window_bits(
        self, windows: Sequence[Ids], targets: Sequence[Ids], *, threads: int = 1
    ) -> list[npt.NDArray[np.float64]]:
        """Bits of the targets of each window, which are predicted from behind its last tokens.

        Parameters
        ----------
        windows, targets : sequence of ndarray of int64
            No window has more targets than tokens.
        threads : int
        """
        counts = [len(each) for each in targets]
        # Where the tokens are that targets are predicted from.
        places = np.repeat(np.cumsum([len(window) for window in windows]) - np.cumsum(counts), counts)
        places += np.arange(len(places))
        wanted = np.concatenate(targets) if counts else np.zeros(0, dtype=np.int64)
        if self.vocabulary_size <= _FOLDED_VOCABULARY:
            tokens, offsets = _joined(windows)
            behind = np.full(len(tokens), -1)
            behind[places] = wanted
            bits = self._decoder.bits(tokens, offsets, behind, threads=threads)[places]
        else:
            from skmfast.head import _linear_cross_entropy as head

            hidden = self.hidden(windows, threads=threads)
            nats, *_ = head.forward(hidden[places], self._head, wanted, threads=threads)
            bits = nats.astype(np.float64) / math.log(2)
        return np.split(bits, np.cumsum(counts)[:-1])

    def stepper(self, windows: int, length: int) -> Steps:
        """Token-by-token computation over ``windows`` windows of at most ``length`` tokens."""
        return Steps(self._decoder, windows, length)

    def windows_at_once(self, length: int) -> int:
        """Windows of ``length`` tokens whose keys and values may be held at once."""
        sizes = self.sizes
        each = 8 * length * sizes.num_layers * sizes.num_kv_heads * sizes.head_width
        return max(1, _STEP_CACHE_BYTES // each)


def _joined(windows: Sequence[Ids]) -> tuple[Ids, Ids]:
    """Tokens of all windows, and where each begins and ends."""
    tokens = np.concatenate(windows) if windows else np.zeros(0, dtype=np.int64)
    return tokens, np.cumsum([0, *(len(window) for window in windows)])


def _halves_apart(rows: Any, num_heads: int) -> Any:
    """Rows of each head reordered from pairs (0, 1), (2, 3), ... to first and second halves of pairs.

    Files have the two members of a rotated pair side by side; a half of each lets them be rotated at once.
    Queries and keys reordered alike have the same products.
    """
    pairs = rows.reshape(rows.shape[0], num_heads, -1, 2, rows.shape[-1])
    return np.ascontiguousarray(pairs.swapaxes(2, 3).reshape(rows.shape))
