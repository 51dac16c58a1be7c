"""Cross-entropy of a language-model head in plain torch, some tokens at a time: what the CPU runs for now.

The functions are those of ``skmfast.kernels``, for any device, and for float64 as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from skmfast.kernels.objective import Losses, Objective

CHUNK_LOGITS = 1 << 22  # logits that are held at once


class Gradients(NamedTuple):
    """Gradients by hidden states (N, D), weight (V, D) and bias (V,); None if not asked for."""

    x: Tensor | None
    weight: Tensor | None
    bias: Tensor | None


def linear_cross_entropy(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    *,
    objective: Objective,
    entropy: bool = False,
    argmax: bool = False,
) -> Losses:
    """Losses per token in nats, with log-sum-exp, and entropy and argmax on demand.

    Parameters
    ----------
    x : Tensor
        Hidden states (N, D), any floating type.
    weight, bias : Tensor
        (V, D) and (V,) or None.
    target : Tensor
        (N,) int64 or int32.
    objective : Objective
        Logit transform and loss.
    entropy, argmax : bool
        Whether to return these as well.

    Returns
    -------
    Losses
        float32, or float64 if x is.

    Raises
    ------
    ValueError
        If a target is neither in the vocabulary nor ignored.
    """
    check_targets(target, weight.shape[0], objective.ignore_index)
    loss, log_sum_exp, spread = (torch.empty(len(x), dtype=_wide(x), device=x.device) for _ in range(3))
    best = torch.empty(len(x), dtype=torch.int64, device=x.device)
    wide_weight, wide_bias = weight.to(_wide(x)), None if bias is None else bias.to(_wide(x))
    for some in _chunks(x, weight):
        logits, _ = _logits(x[some], wide_weight, wide_bias, objective)
        log_sum_exp[some] = torch.logsumexp(logits, 1)
        loss[some] = _loss(logits, log_sum_exp[some], target[some], objective)
        if entropy:
            surprise = log_sum_exp[some, None] - logits
            probability = torch.exp(-surprise)
            spread[some] = torch.where(probability > 0, probability * surprise, 0).sum(1)
        if argmax:
            best[some] = logits.argmax(1)
    return Losses(loss, log_sum_exp, spread if entropy else None, best if argmax else None)


def linear_cross_entropy_backward(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    losses: Losses,
    upstream_loss: Tensor,
    upstream_log_sum_exp: Tensor | None = None,
    upstream_entropy: Tensor | None = None,
    *,
    objective: Objective,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> Gradients:
    """Gradients from those of losses, log-sum-exps and entropies, each (N,)."""
    wide = _wide(x)
    wide_weight, wide_bias = weight.to(wide), None if bias is None else bias.to(wide)
    x_gradient = torch.empty(x.shape, dtype=x.dtype, device=x.device) if needs[0] else None
    weight_total = torch.zeros(weight.shape, dtype=wide, device=x.device) if needs[1] else None
    bias_total = torch.zeros(len(weight), dtype=wide, device=x.device) if needs[2] else None
    for some in _chunks(x, weight):
        logits, slope = _logits(x[some], wide_weight, wide_bias, objective)
        gradient = _logit_gradient(
            logits,
            target[some],
            losses.log_sum_exp[some],
            None if losses.entropy is None else losses.entropy[some],
            upstream_loss[some],
            None if upstream_log_sum_exp is None else upstream_log_sum_exp[some],
            None if upstream_entropy is None else upstream_entropy[some],
            objective,
        )
        gradient *= objective.logit_scale
        if slope is not None:
            gradient *= slope
        if x_gradient is not None:
            x_gradient[some] = (gradient @ wide_weight).to(x.dtype)
        if weight_total is not None:
            weight_total.addmm_(gradient.t(), x[some].to(wide))
        if bias_total is not None:
            bias_total += gradient.sum(0)
    return Gradients(
        x_gradient,
        None if weight_total is None else weight_total.to(weight.dtype),
        None if bias_total is None or bias is None else bias_total.to(bias.dtype),
    )


def linear_cross_entropy_with_gradients(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    upstream: Tensor,
    *,
    objective: Objective,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[Tensor, Gradients]:
    """Losses per token in nats, and the gradients of ``upstream``, one number, times their sum."""
    losses = linear_cross_entropy(x, weight, target, bias, objective=objective)
    gradients = linear_cross_entropy_backward(
        x, weight, target, bias, losses, upstream.expand(len(x)), objective=objective, needs=needs
    )
    return losses.loss, gradients


def cross_entropy(
    logits: Tensor, target: Tensor, *, objective: Objective, entropy: bool = False, argmax: bool = False
) -> Losses:
    """Losses per token in nats from logits (N, V)."""
    one = torch.ones((), dtype=logits.dtype, device=logits.device)
    check_targets(target, logits.shape[1], objective.ignore_index)
    capped, _ = _transformed(logits.to(_wide(one)), objective)
    log_sum_exp = torch.logsumexp(capped, 1)
    surprise = log_sum_exp[:, None] - capped
    probability = torch.exp(-surprise)
    return Losses(
        _loss(capped, log_sum_exp, target, objective),
        log_sum_exp,
        torch.where(probability > 0, probability * surprise, 0).sum(1) if entropy else None,
        capped.argmax(1) if argmax else None,
    )


def cross_entropy_backward(
    logits: Tensor,
    target: Tensor,
    losses: Losses,
    upstream_loss: Tensor,
    upstream_log_sum_exp: Tensor | None = None,
    upstream_entropy: Tensor | None = None,
    *,
    objective: Objective,
) -> Tensor:
    """Gradient by the logits (N, V), in their type."""
    capped, slope = _transformed(logits.to(_wide(logits)), objective)
    gradient = _logit_gradient(
        capped,
        target,
        losses.log_sum_exp,
        losses.entropy,
        upstream_loss,
        upstream_log_sum_exp,
        upstream_entropy,
        objective,
    )
    gradient *= objective.logit_scale
    if slope is not None:
        gradient *= slope
    return gradient.to(logits.dtype)


def check_targets(target: Tensor, vocabulary: int, ignore_index: int) -> None:
    """Raise ValueError for the first target that is neither in the vocabulary nor ignored."""
    wrong = ((target < 0) | (target >= vocabulary)) & (target != ignore_index)
    if wrong.any():
        where = int(wrong.nonzero()[0, 0])
        raise ValueError(
            f"target {int(target[where])} at {where} is neither in [0, {vocabulary})"
            f" nor ignored ({ignore_index})"
        )


def _wide(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _chunks(x: Tensor, weight: Tensor) -> Iterator[slice]:
    step = max(1, CHUNK_LOGITS // len(weight))
    for first in range(0, len(x), step):
        yield slice(first, first + step)


def _logits(
    x: Tensor, weight: Tensor, bias: Tensor | None, objective: Objective
) -> tuple[Tensor, Tensor | None]:
    return _transformed(F.linear(x.to(weight.dtype), weight, bias), objective)


def _transformed(products: Tensor, objective: Objective) -> tuple[Tensor, Tensor | None]:
    """Logits, and their derivative by the scaled products, None for 1."""
    logits = products * objective.logit_scale
    if not objective.softcap:
        return logits, None
    t = torch.tanh(logits / objective.softcap)
    return objective.softcap * t, 1 - t * t


def _loss(logits: Tensor, log_sum_exp: Tensor, target: Tensor, objective: Objective) -> Tensor:
    ignored = target == objective.ignore_index
    wanted = logits.gather(1, target.masked_fill(ignored, 0).long()[:, None])[:, 0]
    # log-sum-exp less the target's logit, without the cancellation of two large numbers
    top = logits.amax(1)
    loss = torch.log(torch.exp(logits - top[:, None]).sum(1)) + (top - wanted)
    if objective.label_smoothing:
        loss = loss + objective.label_smoothing * (wanted - logits.mean(1))
    if objective.z_loss:
        loss = loss + objective.z_loss * log_sum_exp.square()
    return loss.masked_fill(ignored, 0)


def _logit_gradient(
    logits: Tensor,
    target: Tensor,
    log_sum_exp: Tensor,
    entropy: Tensor | None,
    upstream_loss: Tensor,
    upstream_log_sum_exp: Tensor | None,
    upstream_entropy: Tensor | None,
    objective: Objective,
) -> Tensor:
    """Gradient by the transformed logits (N, V)."""
    ignored = target == objective.ignore_index
    up = upstream_loss.to(logits.dtype).masked_fill(ignored, 0)
    surprise = log_sum_exp[:, None] - logits
    probability = torch.exp(-surprise)
    on_probability = up * (1 + 2 * objective.z_loss * log_sum_exp)
    if upstream_log_sum_exp is not None:
        on_probability = on_probability + upstream_log_sum_exp
    gradient: Tensor = on_probability[:, None] * probability
    if upstream_entropy is not None:
        assert entropy is not None
        by_entropy = torch.where(probability > 0, probability * (surprise - entropy[:, None]), 0)
        gradient += upstream_entropy[:, None] * by_entropy
    smoothing = objective.label_smoothing
    if smoothing:
        gradient -= (up * (smoothing / logits.shape[1]))[:, None]
    wanted = target.masked_fill(ignored, 0).long()[:, None]
    gradient.scatter_add_(1, wanted, -((1 - smoothing) * up)[:, None])
    return gradient


# The logarithm of 2, by which nats are divided to give bits.
NATS_PER_BIT = math.log(2)
