"""Cross-entropy from logits that are already in memory: bound by reading them once, and writing them once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl
from torch import Tensor

from .checks import check_logits
from .head_losses import DEFAULT
from .logit_gradients import LogitCoefficients, logit_coefficients
from .logit_tiles import converted, transformed
from .row_sums import merge_tiles
from .schedules import interpreting, launch_options
from .tile_sums import TileSums

if TYPE_CHECKING:
    from .objective import Losses, Objective


@triton.jit
def logit_sums_kernel(
    logits,  # (N, V)
    target,  # (N,) int
    target_logit,  # (N,) units of log 2
    maxima,  # (N,) units of log 2
    sums,  # (N,)
    logit_sums,  # (N,) units of log 2
    moments,  # (N,)
    argmaxima,  # (N,) int32
    vocabulary,
    stride_logits,
    log2_scale,
    log2_softcap,
    BLOCK: tl.constexpr,
    SOFTCAP: tl.constexpr,
    LOGIT_SUMS: tl.constexpr,
    MOMENTS: tl.constexpr,
    ARGMAX: tl.constexpr,
):
    row = tl.program_id(0)
    logits += row.to(tl.int64) * stride_logits
    maximum = tl.full((), float("-inf"), tl.float32)
    total = tl.zeros((), tl.float32)
    logit_total = tl.zeros((), tl.float32)
    moment_total = tl.zeros((), tl.float32)
    best = tl.zeros((), tl.int32)
    for first in range(0, vocabulary, BLOCK):
        entry = first + tl.arange(0, BLOCK)
        inside = entry < vocabulary
        raw = tl.load(logits + entry, mask=inside, other=0.0).to(tl.float32)
        logit, _ = transformed(raw, log2_scale, log2_softcap, SOFTCAP)
        if LOGIT_SUMS:
            logit_total += tl.sum(tl.where(inside, logit, 0.0), 0)
        logit = tl.where(inside, logit, float("-inf"))
        highest = tl.max(logit, 0)
        if ARGMAX:
            candidate = tl.min(tl.where(logit == highest, entry, 0x7FFFFFFF), 0)
            best = tl.where(highest > maximum, candidate, best)
        next_maximum = tl.maximum(maximum, highest)
        origin = tl.where(next_maximum == float("-inf"), 0.0, next_maximum)
        exponential = tl.exp2(logit - origin)
        weighing = tl.exp2(maximum - origin)
        if MOMENTS:
            moved = tl.where(weighing > 0, weighing * (moment_total + total * (maximum - origin)), 0.0)
            moment = tl.where(exponential > 0, exponential * (logit - origin), 0.0)
            moment_total = moved + tl.sum(moment, 0)
        total = total * weighing + tl.sum(exponential, 0)
        maximum = next_maximum
    tl.store(maxima + row, maximum)
    tl.store(sums + row, total)
    if LOGIT_SUMS:
        tl.store(logit_sums + row, logit_total)
    if MOMENTS:
        tl.store(moments + row, moment_total)
    if ARGMAX:
        tl.store(argmaxima + row, best)
    wanted = tl.load(target + row).to(tl.int64)
    wanted = tl.where((wanted >= 0) & (wanted < vocabulary), wanted, 0)  # never read out of bounds
    logit, _ = transformed(tl.load(logits + wanted).to(tl.float32), log2_scale, log2_softcap, SOFTCAP)
    tl.store(target_logit + row, logit)


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    objective: Objective = DEFAULT,
    entropy: bool = False,
    argmax: bool = False,
    bits: bool = False,
) -> Losses:
    """Losses per token from logits, summed in float32 whatever their type.

    Parameters
    ----------
    logits : Tensor
        (N, V); float32, bfloat16 or float16.
    target : Tensor
        (N,) int64 or int32.
    objective : Objective
        Logit transform and loss.
    entropy, argmax : bool
        Whether to return these as well.
    bits : bool
        Return code lengths in bits instead, without smoothing and z-loss.

    Returns
    -------
    Losses

    Raises
    ------
    TypeError, ValueError
        If types, shapes or devices do not fit each other. A target out of range gives NaN.
    """
    logits, target = check_logits(logits, target)
    rows, vocabulary = logits.shape
    smoothed = objective.label_smoothing > 0 and not bits
    columns = torch.empty((5, 1, rows), dtype=torch.float32, device=logits.device)
    wanted = columns[2, 0]
    best = torch.empty((1, rows), dtype=torch.int32, device=logits.device) if argmax else None
    parts = TileSums(
        columns[0], columns[1], columns[3] if smoothed else None, columns[4] if entropy else None, best
    )
    if rows:
        logit_sums_kernel[(rows,)](
            logits,
            target,
            wanted,
            parts.maxima,
            parts.sums,
            parts.logit_sums,
            parts.moments,
            parts.argmaxima,
            vocabulary,
            logits.stride(0),
            objective.logit_scale / math.log(2),
            objective.softcap / math.log(2),
            BLOCK=_block(vocabulary),
            SOFTCAP=objective.softcap > 0,
            LOGIT_SUMS=smoothed,
            MOMENTS=entropy,
            ARGMAX=argmax,
            **launch_options(8),
        )
    return merge_tiles(parts, target, wanted, vocabulary, objective, bits=bits)


@triton.jit
def logit_gradients_of_logits_kernel(
    logits,  # (N, V)
    target,  # (N,) int
    log_sum_exp,  # (N,) nats
    on_probability,  # (N,)
    on_surprise,  # (N,)
    on_target,  # (N,)
    on_every,  # (N,)
    gradients,  # (N, V); may be the logits themselves
    vocabulary,
    stride_logits,
    stride_gradients,
    log2_scale,
    log2_softcap,
    BLOCK: tl.constexpr,
    SOFTCAP: tl.constexpr,
    SURPRISE: tl.constexpr,
    EVERY: tl.constexpr,
    INTERPRETED: tl.constexpr,
):
    LOG2E: tl.constexpr = 1.4426950408889634
    row = tl.program_id(0).to(tl.int64)
    entry = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = entry < vocabulary
    raw = tl.load(logits + row * stride_logits + entry, mask=inside, other=0.0).to(tl.float32)
    logit, slope = transformed(raw, log2_scale, log2_softcap, SOFTCAP)
    surprise = tl.load(log_sum_exp + row) * LOG2E - logit
    probability = tl.exp2(-surprise)
    gradient = tl.load(on_probability + row) * probability
    if SURPRISE:
        gradient += tl.load(on_surprise + row) * tl.where(probability > 0, probability * surprise, 0.0)
    if EVERY:
        gradient -= tl.load(on_every + row)
    is_target = entry == tl.load(target + row).to(tl.int64)
    gradient = tl.where(is_target, gradient - tl.load(on_target + row), gradient)
    if SOFTCAP:
        gradient *= slope
    gradient = converted(gradient, gradients.dtype.element_ty, INTERPRETED)
    tl.store(gradients + row * stride_gradients + entry, gradient, mask=inside)


def cross_entropy_backward(
    logits: Tensor,
    target: Tensor,
    losses: Losses,
    upstream_loss: Tensor,
    upstream_log_sum_exp: Tensor | None = None,
    upstream_entropy: Tensor | None = None,
    *,
    objective: Objective = DEFAULT,
    in_place: bool = False,
) -> Tensor:
    """Gradient by the logits (N, V), in their type, from those of losses, log-sum-exps and entropies.

    Parameters
    ----------
    logits, target, objective
        As they were in the forward pass.
    losses : Losses
        What it returned, in nats; with the entropy if ``upstream_entropy`` is given.
    upstream_loss, upstream_log_sum_exp, upstream_entropy : Tensor or None
        (N,) float32.
    in_place : bool
        Write over the logits, which must have contiguous rows.

    Returns
    -------
    Tensor
        (N, V).
    """
    given = logits
    logits, target = check_logits(logits, target)
    if in_place and logits is not given:
        raise ValueError(
            f"to be written in place, logits must have contiguous rows, not strides {given.stride()}"
        )
    rows, vocabulary = logits.shape
    gradients = logits if in_place else torch.empty_like(logits, memory_format=torch.contiguous_format)
    if rows == 0:
        return gradients
    coefficients: LogitCoefficients = logit_coefficients(
        (target >= 0) & (target < vocabulary),
        target == objective.ignore_index,
        losses.log_sum_exp,
        losses.entropy,
        upstream_loss.float(),
        upstream_log_sum_exp,
        upstream_entropy,
        vocabulary,
        objective,
    )
    block = _block(vocabulary)
    logit_gradients_of_logits_kernel[(rows, triton.cdiv(vocabulary, block))](
        logits,
        target,
        losses.log_sum_exp,
        *coefficients,
        gradients,
        vocabulary,
        logits.stride(0),
        gradients.stride(0),
        objective.logit_scale / math.log(2),
        objective.softcap / math.log(2),
        BLOCK=block,
        SOFTCAP=objective.softcap > 0,
        SURPRISE=coefficients.on_surprise is not None,
        EVERY=coefficients.on_every is not None,
        INTERPRETED=interpreting(),
        **launch_options(8),
    )
    return gradients


def _block(vocabulary: int) -> int:
    """Entries that a program takes at a time: 16 for each of 256 threads, or what a short row needs."""
    return min(64 if interpreting() else 4096, triton.next_power_of_2(vocabulary))
