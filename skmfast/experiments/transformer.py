"""A compact decoder-only transformer: rotary positions, RMS norm, SwiGLU or GELU.

It returns hidden states; `Transformer.head` is the matrix that makes logits of them, which the losses of
`skmfast.operators` do without holding them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skmfast.experiments.elementwise import chosen, gate, rms_norm, rotate

_ACTIVATIONS = ("swiglu", "gelu")
_SHORT = 64  # tokens


@dataclass(frozen=True)
class ModelConfiguration:
    """Sizes of a transformer.

    Attributes
    ----------
    vocabulary : int
        Tokens V.
    width : int
        Of the hidden states.
    layers, heads : int
        ``heads`` divides ``width`` into an even number each.
    hidden : int or None
        Width within the feed-forward part. By default 4 times the width for GELU, and for SwiGLU, which has
        three matrices instead of two, 8/3 of it, rounded up to a multiple of 16.
    activation : {"swiglu", "gelu"}
    tied : bool
        Whether the head is the matrix of embeddings.
    context : int
        Most tokens that a row may have.
    dropout : float
        Probability, during training, that a number of what a layer adds is left out.

    Raises
    ------
    ValueError
        If a size is out of range or sizes do not go together.
    """

    vocabulary: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    hidden: int | None = None
    activation: Literal["swiglu", "gelu"] = "swiglu"
    tied: bool = True
    context: int = 256
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("vocabulary", "width", "layers", "heads", "context"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: at least 1 is needed")
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width={self.width} is not an even number for each of heads={self.heads}: rotary positions"
                " turn pairs"
            )
        if self.hidden is not None and self.hidden < 1:
            raise ValueError(f"hidden={self.hidden}: at least 1 is needed")
        if self.activation not in _ACTIVATIONS:
            raise ValueError(f"activation={self.activation!r} is none of {', '.join(_ACTIVATIONS)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout}: outside [0, 1)")

    @property
    def feed_forward_width(self) -> int:
        """``hidden``, or what it is by default."""
        if self.hidden is not None:
            return self.hidden
        return 4 * self.width if self.activation == "gelu" else 16 * math.ceil(8 * self.width / 48)


class Tree(NamedTuple):
    """How n states lie in rows that share their beginnings; see `skmfast.experiments.beginnings`.

    Attributes
    ----------
    positions : Tensor
        (n,) int64: place of each state's token in its row.
    rows : Tensor
        (R, T) int64: the state at each place of the rows.
    places : Tensor
        (n,) int64: a place among the R T where each state is.
    """

    positions: Tensor
    rows: Tensor
    places: Tensor


class Transformer(nn.Module):
    """A decoder-only transformer of tokens.

    Parameters
    ----------
    configuration : ModelConfiguration
    seed : int
        Decides the initial weights, and nothing else does.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, for the scale of embeddings: numbers of variance 1
    enter the first layer, and a tied head has rows of length 1. Su et al., "RoFormer: enhanced transformer
    with rotary position embedding", 2021. Zhang, Sennrich, "Root mean square layer normalization", 2019.
    Shazeer, "GLU variants improve transformer", 2020.
    """

    def __init__(self, configuration: ModelConfiguration, *, seed: int = 0) -> None:
        super().__init__()
        self.configuration = configuration
        self.embedding = nn.Parameter(torch.empty(configuration.vocabulary, configuration.width))
        self.output = None if configuration.tied else nn.Parameter(torch.empty_like(self.embedding))
        with torch.random.fork_rng(devices=[]):  # modules draw weights of their own, which are not kept
            self.layers = Layers(configuration)
        self._initialise(seed)

    @property
    def head(self) -> nn.Parameter:
        """(V, width): logits are ``hidden @ head.T``."""
        return self.embedding if self.output is None else self.output

    def forward(self, tokens: Tensor) -> Tensor:
        """Hidden states (B, T, width) after each of the tokens (B, T), which are int64.

        Raises
        ------
        ValueError
            If there are more than ``context`` in a row.
        """
        self._check_length(tokens.shape[1])
        length = torch.arange(tokens.shape[1], device=tokens.device)
        x = F.embedding(tokens.flatten(), self.embedding) * math.sqrt(self.configuration.width)
        found = self.layers(x, length.repeat(len(tokens)), tokens.shape[1])
        hidden: Tensor = found.view(*tokens.shape, -1)
        return hidden

    def tree_states(self, embedded: Tensor, tree: Tree) -> Tensor:
        """Hidden states (n, width) after the distinct beginnings of some rows.

        They are those that `forward` finds for the rows written out, each computed once. ``embedded`` (n,
        width) are the rows of `embedding` of the beginnings' last tokens.

        Raises
        ------
        ValueError
            If the rows have more than ``context`` places.
        """
        self._check_length(tree.rows.shape[1])
        x = embedded * math.sqrt(self.configuration.width)
        found: Tensor = self.layers(x, tree.positions, tree.rows.shape[1], tree.rows, tree.places)
        return found

    def _check_length(self, length: int) -> None:
        if length > self.configuration.context:
            raise ValueError(
                f"rows of {length:,} tokens: the model's context is {self.configuration.context:,}"
            )

    def num_parameters(self, *, embeddings: bool = True) -> int:
        """Number of weights, those of embeddings and head included or not."""
        of = self if embeddings else self.layers
        return sum(weight.numel() for weight in of.parameters())

    def _initialise(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        adding = 1 / math.sqrt(2 * self.configuration.layers)  # what residual sums grow by is kept at 1
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.dim() == 1:
                    weight.fill_(1.0)
                    continue
                deviation = 0.02 if weight is self.output else weight.shape[1] ** -0.5
                scale = adding if name.endswith(("attended.weight", "down.weight")) else 1.0
                weight.normal_(0.0, deviation * scale, generator=generator)


class Layers(nn.Module):
    """All between embeddings and head, on flat states (n, width): every place, or those of a `Tree`."""

    def __init__(self, configuration: ModelConfiguration) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(configuration) for _ in range(configuration.layers))
        self.norm = Norm(configuration.width)
        self.dropout = nn.Dropout(configuration.dropout)
        cosine, sine = rotary_angles(configuration.context, configuration.width // configuration.heads)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self.cosine: Tensor
        self.sine: Tensor

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        length: int,
        rows: Tensor | None = None,
        places: Tensor | None = None,
    ) -> Tensor:
        """Hidden states after the last block, normed.

        ``positions`` (n,) are those of the states (n, width) in rows of ``length``, which lie one after the
        other, or, given ``rows`` and ``places``, as in a `Tree`.
        """
        cosine, sine = self.cosine[positions, None], self.sine[positions, None]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, cosine, sine, length, rows, places)
        normed: Tensor = self.norm(x)
        return normed


class Block(nn.Module):
    """Attention and feed-forward part, each of normed states and added to them."""

    def __init__(self, configuration: ModelConfiguration) -> None:
        super().__init__()
        width, hidden = configuration.width, configuration.feed_forward_width
        self.heads = configuration.heads
        self.attention_norm = Norm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.attended = nn.Linear(width, width, bias=False)
        self.gated = configuration.activation == "swiglu"
        self.feed_forward_norm = Norm(width)
        self.up = nn.Linear(width, 2 * hidden if self.gated else hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        self.dropout = nn.Dropout(configuration.dropout)

    def forward(
        self,
        x: Tensor,
        cosine: Tensor,
        sine: Tensor,
        length: int,
        rows: Tensor | None,
        places: Tensor | None,
    ) -> Tensor:
        """States (n, width) after this block."""
        made = self.queries_keys_values(self.attention_norm(x))
        found = self.attention(made, cosine, sine, length, rows, places)
        x = x + self.dropout(self.attended(found))
        fed: Tensor = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return fed

    def attention(
        self,
        made: Tensor,
        cosine: Tensor,
        sine: Tensor,
        length: int,
        rows: Tensor | None,
        places: Tensor | None,
    ) -> Tensor:
        """Causal attention; padding is on the right, where no token that counts sees it."""
        size = made.shape[1] // (3 * self.heads)
        turned = rotate(made.view(-1, 3 * self.heads, size), 2 * self.heads, cosine, sine)
        if rows is not None:
            turned = chosen(turned.flatten(1), rows.flatten())
        # rows, length, 3, heads, width of a head; then 3, rows, heads, length, width of a head
        query, key, value = turned.view(-1, length, 3, self.heads, size).permute(2, 0, 3, 1, 4).unbind(0)
        found = causal_attention(query, key, value).transpose(1, 2).reshape(-1, self.heads * size)
        return found if places is None else chosen(found, places)

    def feed_forward(self, x: Tensor) -> Tensor:
        """SwiGLU or GELU."""
        raised: Tensor = self.up(x)
        if self.gated:
            lowered: Tensor = self.down(gate(raised))
        else:
            lowered = self.down(F.gelu(raised))
        return lowered


class Norm(nn.Module):
    """RMS norm with a weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """States (..., width) of mean square 1, times the weight."""
        return rms_norm(x, self.weight, torch.finfo(torch.float32).eps)


def causal_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of (B, heads, T, head_width), each place to itself and those before it.

    Short rows on the CPU, which sentences are, go through plain products: torch's fused kernels are made for
    long ones, and their backward pass in bfloat16 takes ten times as long there.
    """
    length = query.shape[2]
    if query.device.type != "cpu" or length > _SHORT:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)
    future = torch.full((length, length), -math.inf, dtype=query.dtype).triu(1)
    rows = (query.shape[0] * query.shape[1], length, query.shape[3])
    scores = torch.baddbmm(
        future, query.reshape(rows), key.reshape(rows).transpose(1, 2), alpha=query.shape[3] ** -0.5
    )
    return torch.bmm(torch.softmax(scores, dim=-1), value.reshape(rows)).view(query.shape)


def rotary_angles(context: int, head_width: int, base: float = 10_000.0) -> tuple[Tensor, Tensor]:
    """Cosines and sines (context, head_width / 2) of position times base^(-2 i / head_width)."""
    frequency = base ** (-torch.arange(0, head_width, 2, dtype=torch.float64) / head_width)
    angle = torch.arange(context, dtype=torch.float64)[:, None] * frequency
    return angle.cos().float(), angle.sin().float()
