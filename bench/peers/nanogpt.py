"""nanoGPT's model and training loop with its defaults, written anew from its description, as a peer to time.

GPT-2's layers: LayerNorm, learned positions, GELU, biases off, the head tied to the embeddings; logits in
full and torch's cross-entropy; AdamW in torch's default form for the device; gradients clipped at 1; random
windows of a flat uint16 file. See https://github.com/karpathy/nanoGPT (MIT licence), README and options.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Sizes:
    """Of a model."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    window: int


class Norm(nn.Module):
    """LayerNorm with a weight and no bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, None, 1e-5)


class Block(nn.Module):
    """Attention and a GELU layer of four times the width, each before a norm and added."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width
        self.heads = sizes.heads
        self.first_norm, self.second_norm = Norm(width), Norm(width)
        self.attention_in = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.raised = nn.Linear(width, 4 * width, bias=False)
        self.lowered = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        parts = self.attention_in(self.first_norm(x)).split(width, dim=2)
        query, key, value = (
            part.view(rows, length, self.heads, width // self.heads).transpose(1, 2) for part in parts
        )
        found = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.attention_out(found.transpose(1, 2).contiguous().view(rows, length, width))
        return x + self.lowered(F.gelu(self.raised(self.second_norm(x))))


class Gpt(nn.Module):
    """The model; called with windows and what follows each token, it returns the mean loss in nats."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.tokens = nn.Embedding(sizes.vocabulary, sizes.width)
        self.positions = nn.Embedding(sizes.window, sizes.width)
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(sizes.layers))
        self.norm = Norm(sizes.width)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                adding = name.endswith(("attention_out.weight", "lowered.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * sizes.layers) if adding else 0.02)

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        x = self.tokens(inputs) + self.positions(torch.arange(inputs.shape[1], device=inputs.device))
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.tokens.weight)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1), ignore_index=-1)


class Loop:
    """Its training loop, a step at a time.

    On the CPU its own script computes in float32 whatever its ``dtype`` says; ``bfloat16`` is what a user
    gets who changes that by hand.
    """

    def __init__(
        self,
        sizes: Sizes,
        file: Path,
        rows: int,
        *,
        compiled: bool,
        precision: str = "float32",
        device: str = "cpu",
    ) -> None:
        self.sizes, self.file, self.rows, self.device = sizes, file, rows, device
        self.autocast = torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")
        self.model = Gpt(sizes).to(device)
        matrices = [weight for weight in self.model.parameters() if weight.dim() >= 2]
        vectors = [weight for weight in self.model.parameters() if weight.dim() < 2]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
            lr=6e-4,
            betas=(0.9, 0.95),
            **({"fused": True} if device == "cuda" else {}),
        )
        self.forward = torch.compile(self.model) if compiled else self.model
        self.done = 0
        self.next = self.windows()

    def windows(self) -> tuple[Tensor, Tensor]:
        """Rows of tokens from random places, and the same one place further; the file is mapped anew."""
        data = np.memmap(self.file, dtype=np.uint16, mode="r")
        length = self.sizes.window
        places = torch.randint(len(data) - length, (self.rows,)).tolist()
        made = [
            torch.stack(
                [torch.from_numpy(data[p + shift : p + shift + length].astype(np.int64)) for p in places]
            )
            for shift in (0, 1)
        ]
        if self.device == "cuda":
            made = [each.pin_memory().to(self.device, non_blocking=True) for each in made]
        return made[0], made[1]

    def step(self) -> int:
        """One step; returns the tokens predicted."""
        for group in self.optimiser.param_groups:
            group["lr"] = 6e-4 * min(1.0, (self.done + 1) / 2000)
        with self.autocast:
            loss = self.forward(*self.next)
        self.next = self.windows()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        if self.done % 10 == 0:
            self.loss = loss.item()
        self.done += 1
        return self.rows * self.sizes.window

    def steps(self, number: int) -> int:
        """So many steps, of which every tenth loss is read; returns the tokens predicted."""
        return sum(self.step() for _ in range(number))

    def operations(self, tokens: float) -> float:
        """Floating-point operations of the products for so many tokens."""
        return 6 * sum(weight.numel() for weight in self.model.parameters()) * tokens
