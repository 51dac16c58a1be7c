"""Norm, rotation, gate and choice of rows of a transformer, with gradients by hand.

Between products a training step is bound by how often it walks through memory: gradients that torch puts
together of single operations walk about twice as often. Nothing here can be differentiated a second time.
Where torch compiles, the plain formulas stand, which it fuses by itself.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """``weight * x / sqrt(mean(x^2) + epsilon)`` over the last dimension of (..., width)."""
    if torch.compiler.is_compiling():
        return weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon))
    found: Tensor = _RmsNorm.apply(x, weight, epsilon)  # type: ignore[no-untyped-call]
    return found


def rotate(x: Tensor, turning: int, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn the pairs (x[i], x[i + half]) of the first ``turning`` heads of (n, heads, head_width).

    The angles' cosines and sines are (n, 1, head_width / 2). Other heads are as they were.
    """
    cosine, sine = cosine.to(x.dtype), sine.to(x.dtype)
    if torch.compiler.is_compiling():
        first, second = x[:, :turning].chunk(2, dim=-1)
        turned = torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)
        return torch.cat((turned, x[:, turning:]), dim=1)
    found: Tensor = _Rotation.apply(x, turning, cosine, sine)  # type: ignore[no-untyped-call]
    return found


def gate(x: Tensor) -> Tensor:
    """``silu(first) * second`` of the two halves of (..., 2 hidden)."""
    if torch.compiler.is_compiling():
        first, second = x.chunk(2, dim=-1)
        return F.silu(first) * second
    found: Tensor = _Gate.apply(x)  # type: ignore[no-untyped-call]
    return found


def chosen(x: Tensor, rows: Tensor) -> Tensor:
    """``x[rows]`` of (n, width); where a row is chosen often, its gradient is summed up in float32."""
    if torch.compiler.is_compiling():
        return F.embedding(rows, x.float() if x.dtype != torch.float64 else x).to(x.dtype)
    found: Tensor = _Chosen.apply(x, rows)  # type: ignore[no-untyped-call]
    return found


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        norm = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
        scale = norm.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        unit = rows * scale
        ctx.save_for_backward(unit, scale, weight)
        normed: Tensor = (unit * weight).view(x.shape)
        return normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        unit, scale, weight = ctx.saved_tensors
        rows = upstream.reshape(unit.shape)
        products = rows * unit
        along = (products @ weight).div_(unit.shape[1]).unsqueeze(1)  # what would only change x's length
        by_x = torch.addcmul(rows * weight, unit, along, value=-1).mul_(scale)
        return by_x.view(upstream.shape), products.sum(0), None


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, turning: int, cosine: Tensor, sine: Tensor) -> Tensor:
        ctx.save_for_backward(cosine, sine)
        ctx.turning = turning
        return _turned(x, turning, cosine, sine, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        cosine, sine = ctx.saved_tensors
        return _turned(upstream, ctx.turning, cosine, sine, -1), None, None, None


def _turned(x: Tensor, turning: int, cosine: Tensor, sine: Tensor, sign: int) -> Tensor:
    turned = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    first, second = x[:, :turning].chunk(2, dim=-1)
    left, right = turned[:, :turning].chunk(2, dim=-1)
    torch.mul(first, cosine, out=left).addcmul_(second, sine, value=-sign)
    torch.mul(second, cosine, out=right).addcmul_(first, sine, value=sign)
    turned[:, turning:] = x[:, turning:]
    return turned


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        first, second = x.chunk(2, dim=-1)
        return F.silu(first).mul_(second)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        first, second = x.chunk(2, dim=-1)
        by_x = torch.empty_like(x)
        by_first, by_second = by_x.chunk(2, dim=-1)
        torch.mul(upstream, F.silu(first), out=by_second)
        by_first.copy_(torch.ops.aten.silu_backward(upstream * second, first))
        return by_x


class _Chosen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.number = len(x)
        return x.index_select(0, rows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        wide = upstream if upstream.dtype == torch.float64 else upstream.float()
        summed = torch.ops.aten.embedding_dense_backward(wide, rows, ctx.number, -1, False)
        return summed.to(upstream.dtype), None
