"""Llama in plain torch, as one would write it: the peer of the C++ core's trunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from skmfast.codes.llama2c import LlamaSizes, Weights

_EPSILON = 1e-5
_ROTATION_BASE = 10000.0


class Llama:
    """Weights of a Llama model in one type, and its forward pass; no gradients.

    Parameters
    ----------
    sizes : LlamaSizes
    weights : dict
        As `read_llama2c` gives them.
    dtype : torch.dtype
        Of weights and computation.

    Attributes
    ----------
    head : Tensor
        (V, D): logits are hidden states times its transpose.
    """

    def __init__(self, sizes: LlamaSizes, weights: Weights, dtype: torch.dtype) -> None:
        self.sizes = sizes

        def tensor(array: Any) -> Tensor:
            return torch.from_numpy(np.array(array)).to(dtype).contiguous()

        self.embedding = tensor(weights["embedding"])
        self.head = tensor(weights["head"])
        self.final_norm = tensor(weights["final_norm"])
        self.layers = []
        for layer in range(sizes.num_layers):
            queries = _halves_apart(weights["query"][layer], sizes.num_heads) / np.sqrt(sizes.head_width)
            keys = _halves_apart(weights["key"][layer], sizes.num_kv_heads)
            projections = np.concatenate([queries, keys, weights["value"][layer]])
            # Norm weights are folded into the matrices behind them, in float64.
            attention_norm = weights["attention_norm"][layer].astype(np.float64)
            feed_norm = weights["feed_norm"][layer].astype(np.float64)
            self.layers.append(
                (
                    tensor(projections * attention_norm),
                    tensor(weights["output"][layer]),
                    tensor(np.concatenate([weights["gate"][layer], weights["up"][layer]]) * feed_norm),
                    tensor(weights["down"][layer]),
                )
            )
        self._dtype = dtype
        self._cosines, self._sines = self._rotations(sizes.context)

    def hidden(self, tokens: Tensor) -> Tensor:
        """Hidden states (B, T, D) behind each of the tokens (B, T); a state sees those up to its own."""
        length = tokens.shape[1]
        if length > len(self._cosines):
            self._cosines, self._sines = self._rotations(length)
        shared = self.sizes.num_heads // self.sizes.num_kv_heads
        x = self.embedding[tokens]
        for projections, output, gate_up, down in self.layers:
            query, key, value = self._attention_inputs(x, projections, length)
            if shared > 1:
                key, value = key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1)
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=1.0)
            x = x + mixed.transpose(1, 2).flatten(2) @ output.T
            x = x + _feed(x, gate_up, down)
        return _normed(x) * self.final_norm

    def _attention_inputs(self, x: Tensor, projections: Tensor, length: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (B, heads, T, head width), rotated; several queries may share a key."""
        sizes = self.sizes
        mapped = F.linear(_normed(x), projections)
        heads = mapped.reshape(*mapped.shape[:2], -1, sizes.head_width).transpose(1, 2)
        rotated = sizes.num_heads + sizes.num_kv_heads
        first, second = heads[:, :rotated].chunk(2, dim=-1)
        cosines, sines = self._cosines[:length], self._sines[:length]
        turned = torch.cat([first * cosines - second * sines, first * sines + second * cosines], -1)
        return turned[:, : sizes.num_heads], turned[:, sizes.num_heads :], heads[:, rotated:]

    def _rotations(self, length: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines of each position's angles, (length, head width / 2)."""
        half = self.sizes.head_width // 2
        angles = np.outer(np.arange(length), _ROTATION_BASE ** -(np.arange(half) / half))
        return torch.from_numpy(np.cos(angles)).to(self._dtype), torch.from_numpy(np.sin(angles)).to(
            self._dtype
        )


def _normed(x: Tensor) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], eps=_EPSILON)


def _feed(x: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    gate, up = F.linear(_normed(x), gate_up).chunk(2, dim=-1)
    return F.linear(F.silu(gate) * up, down)


def _halves_apart(rows: Any, num_heads: int) -> Any:
    """Rows of each head reordered from pairs (0, 1), (2, 3), ... to first and second halves of pairs.

    Files have the two members of a rotated pair side by side; a half of each lets them be rotated at once.
    Queries and keys reordered alike have the same products.
    """
    pairs = rows.reshape(num_heads, -1, 2, rows.shape[-1])
    return pairs.swapaxes(1, 2).reshape(rows.shape)
