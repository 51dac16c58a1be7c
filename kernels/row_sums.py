"""Second pass: logits of the targets, and the merge of a token's tiles into its loss.

Reads a few bytes per token and tile; one program has some tokens, tiles follow each other in fixed order.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl
from torch import Tensor

from .logit_tiles import converted, transformed
from .objective import Losses, Objective
from .schedules import interpreting, launch_options

if TYPE_CHECKING:
    from .tile_sums import TileSums

MERGE_ROWS = 32
MERGE_TILES = 32


@triton.jit
def target_logits_kernel(
    x,  # (N, D)
    weight,  # (V, D)
    bias,  # (V,)
    target,  # (N,) int
    logits,  # (N,) float32, units of log 2
    rows,
    vocabulary,
    depth,
    stride_x,
    stride_weight,
    log2_scale,
    log2_softcap,
    first_entry,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_DEPTH: tl.constexpr,
    BIAS: tl.constexpr,
    SOFTCAP: tl.constexpr,
    OUTSIDE_IS_ZERO: tl.constexpr,
):
    row = tl.program_id(0) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    stored = row < rows
    entry = tl.load(target + row, mask=stored, other=0).to(tl.int64) - first_entry
    known = (entry >= 0) & (entry < vocabulary)
    entry = tl.where(known, entry, 0)  # never read out of bounds
    unit = tl.arange(0, BLOCK_DEPTH)
    total = tl.zeros((BLOCK_ROWS, BLOCK_DEPTH), tl.float32)
    for first in range(0, depth, BLOCK_DEPTH):
        inside = stored[:, None] & (first + unit < depth)[None, :]
        a = tl.load(x + row.to(tl.int64)[:, None] * stride_x + first + unit[None, :], mask=inside, other=0.0)
        b = tl.load(weight + entry[:, None] * stride_weight + first + unit[None, :], mask=inside, other=0.0)
        total += a.to(tl.float32) * b.to(tl.float32)
    product = tl.sum(total, 1)
    if BIAS:
        product += tl.load(bias + entry).to(tl.float32)
    logit, _ = transformed(product, log2_scale, log2_softcap, SOFTCAP)
    if OUTSIDE_IS_ZERO:
        logit = tl.where(known, logit, 0.0)
    tl.store(logits + row, logit, mask=stored)


def target_logits(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    objective: Objective,
    *,
    first_entry: int = 0,
    outside_is_zero: bool = False,
) -> Tensor:
    """Logit of each token's target in units of log 2, (N,) float32.

    Where the target is not in the vocabulary, the logit of its first entry, or 0 on demand. ``first_entry``
    is the number of the weight's first row within the whole vocabulary.
    """
    (rows, depth), vocabulary = x.shape, weight.shape[0]
    logits = torch.empty(rows, dtype=torch.float32, device=x.device)
    target_logits_kernel[(triton.cdiv(rows, 4),)](
        x,
        weight,
        bias,
        target,
        logits,
        rows,
        vocabulary,
        depth,
        x.stride(0),
        weight.stride(0),
        objective.logit_scale / math.log(2),
        objective.softcap / math.log(2),
        first_entry,
        BLOCK_ROWS=4,
        BLOCK_DEPTH=512,
        BIAS=bias is not None,
        SOFTCAP=objective.softcap > 0,
        OUTSIDE_IS_ZERO=outside_is_zero,
        **launch_options(4),
    )
    return logits


@triton.jit
def merge_tiles_kernel(
    maxima,  # (T, N)
    sums,  # (T, N)
    logit_sums,  # (T, N)
    moments,  # (T, N)
    argmaxima,  # (T, N)
    target,  # (N,) int
    target_logit,  # (N,) units of log 2
    loss,  # (N,)
    log_sum_exp,  # (N,) nats
    entropy,  # (N,) nats
    argmax,  # (N,) int64
    row_maxima,  # (N,) units of log 2
    row_sums,  # (N,)
    row_logit_sums,  # (N,) units of log 2
    row_moments,  # (N,) units of log 2
    rows,
    tiles,
    vocabulary,
    ignore_index,
    unit,  # the unit of the loss per log 2
    label_smoothing,
    z_loss,
    MERGE_ROWS: tl.constexpr,
    MERGE_TILES: tl.constexpr,
    LOGIT_SUMS: tl.constexpr,
    MOMENTS: tl.constexpr,
    ARGMAX: tl.constexpr,
    PARTIAL: tl.constexpr,
):
    row = tl.program_id(0) * MERGE_ROWS + tl.arange(0, MERGE_ROWS)
    stored = row < rows
    step = tl.arange(0, MERGE_TILES)

    maximum = tl.full((MERGE_ROWS,), float("-inf"), tl.float32)
    best = tl.zeros((MERGE_ROWS,), tl.int32)
    for first in range(0, tiles, MERGE_TILES):
        inside = (first + step < tiles)[:, None] & stored[None, :]
        at = (first + step).to(tl.int64)[:, None] * rows + row[None, :]
        tile_maxima = tl.load(maxima + at, mask=inside, other=float("-inf"))
        highest = tl.max(tile_maxima, 0)
        # Later tiles win only when they are higher; NaN wins and stays.
        if ARGMAX:
            candidates = tl.load(argmaxima + at, mask=inside, other=0x7FFFFFFF)
            candidate = tl.min(tl.where(tile_maxima == highest[None, :], candidates, 0x7FFFFFFF), 0)
            best = tl.where(highest > maximum, candidate, best)
        maximum = tl.where((highest > maximum) | (highest != highest), highest, maximum)

    origin = tl.where(maximum == float("-inf"), 0.0, maximum)
    total = tl.zeros((MERGE_ROWS,), tl.float32)
    logit_total = tl.zeros((MERGE_ROWS,), tl.float32)
    moment_total = tl.zeros((MERGE_ROWS,), tl.float32)
    for first in range(0, tiles, MERGE_TILES):
        inside = (first + step < tiles)[:, None] & stored[None, :]
        at = (first + step).to(tl.int64)[:, None] * rows + row[None, :]
        distance = tl.load(maxima + at, mask=inside, other=float("-inf")) - origin[None, :]
        weighing = tl.exp2(distance)
        tile_sums = tl.load(sums + at, mask=inside, other=0.0)
        total += tl.sum(weighing * tile_sums, 0)
        if LOGIT_SUMS:
            logit_total += tl.sum(tl.load(logit_sums + at, mask=inside, other=0.0), 0)
        if MOMENTS:
            moment = tl.load(moments + at, mask=inside, other=0.0)
            moment_total += tl.sum(tl.where(weighing > 0, weighing * (moment + tile_sums * distance), 0.0), 0)

    if PARTIAL:
        tl.store(row_maxima + row, maximum, mask=stored)
        tl.store(row_sums + row, total, mask=stored)
        if LOGIT_SUMS:
            tl.store(row_logit_sums + row, logit_total, mask=stored)
        if MOMENTS:
            tl.store(row_moments + row, moment_total, mask=stored)
    else:
        LN2: tl.constexpr = 0.6931471805599453
        wanted = tl.load(target + row, mask=stored, other=0).to(tl.int64)
        wanted_logit = tl.load(target_logit + row, mask=stored, other=0.0)
        # The difference of logits first: of two large numbers it is exact, of a number and a logarithm not.
        length = tl.log2(total) + (maximum - wanted_logit)
        if LOGIT_SUMS:
            # An impossible target's loss is infinite already, and its logit may be the mean, too.
            smoothed = length + label_smoothing * (wanted_logit - logit_total / vocabulary)
            length = tl.where(wanted_logit == -float("inf"), length, smoothed)
        nats = (maximum + tl.log2(total)) * LN2
        result = length * unit + z_loss * nats * nats
        known = (wanted >= 0) & (wanted < vocabulary)
        result = tl.where(known, result, float("nan"))
        tl.store(loss + row, tl.where(wanted == ignore_index, 0.0, result), mask=stored)
        tl.store(log_sum_exp + row, nats, mask=stored)
        if MOMENTS:
            tl.store(entropy + row, (tl.log2(total) - moment_total / total) * LN2, mask=stored)
    if ARGMAX:
        tl.store(argmax + row, best.to(tl.int64), mask=stored)


def merge_tiles(
    parts: TileSums,
    target: Tensor,
    target_logit: Tensor,
    vocabulary: int,
    objective: Objective,
    *,
    bits: bool = False,
) -> Losses:
    """Losses of all tokens from their tiles: as the objective says, or in bits without its extra terms."""
    rows = parts.maxima.shape[1]
    device = target.device

    def column(wanted: bool, dtype: torch.dtype = torch.float32) -> Tensor | None:
        return torch.empty(rows, dtype=dtype, device=device) if wanted else None

    loss, log_sum_exp = torch.empty((2, rows), dtype=torch.float32, device=device)
    entropy = column(parts.moments is not None)
    argmax = column(parts.argmaxima is not None, torch.int64)
    _launch_merge(
        parts,
        target,
        target_logit,
        (loss, log_sum_exp, entropy, argmax),
        (None,) * 4,
        vocabulary,
        objective,
        bits,
    )
    return Losses(loss, log_sum_exp, entropy, argmax)


def merge_to_partial(parts: TileSums) -> tuple[Tensor, Tensor | None]:
    """What a token's tiles sum to: maximum, sum, logit sum and moment, (4, N) float32; and argmax (N,)."""
    rows = parts.maxima.shape[1]
    partial = torch.zeros((4, rows), dtype=torch.float32, device=parts.maxima.device)
    argmax = None
    if parts.argmaxima is not None:
        argmax = torch.empty(rows, dtype=torch.int64, device=partial.device)
    _launch_merge(parts, None, None, (None, None, None, argmax), tuple(partial), 1, Objective(), False)
    return partial, argmax


def _launch_merge(
    parts: TileSums,
    target: Tensor | None,
    target_logit: Tensor | None,
    results: tuple[Tensor | None, ...],
    partial: tuple[Tensor | None, ...],
    vocabulary: int,
    objective: Objective,
    bits: bool,
) -> None:
    tiles, rows = parts.maxima.shape
    merge_tiles_kernel[(triton.cdiv(rows, MERGE_ROWS),)](
        parts.maxima,
        parts.sums,
        parts.logit_sums,
        parts.moments,
        parts.argmaxima,
        target,
        target_logit,
        *results,
        *partial,
        rows,
        tiles,
        vocabulary,
        objective.ignore_index,
        1.0 if bits else math.log(2),
        0.0 if bits else objective.label_smoothing,
        0.0 if bits else objective.z_loss,
        MERGE_ROWS=MERGE_ROWS,
        MERGE_TILES=MERGE_TILES,
        LOGIT_SUMS=parts.logit_sums is not None,
        MOMENTS=parts.moments is not None,
        ARGMAX=parts.argmaxima is not None,
        PARTIAL=target is None,
        **launch_options(4),
    )


@triton.jit
def finish_rows_kernel(
    maxima,  # (T, N)
    sums,  # (T, N), relative to the reference
    target,  # (N,) int
    target_logit,  # (N,) units of log 2
    reference,  # (N,) units of log 2; read
    upstream,  # (1,) float32: gradient of what is reduced by each token's loss
    loss,  # (N,) nats
    factor,  # (N,): exponentials of a row times it are its gradient
    next_reference,  # (N,) units of log 2; written
    again,  # (1,) int32; set where a sum left the range, or, with AGAIN, read
    exponentials,  # (N, stride_exponentials)
    rows,
    tiles,
    vocabulary,
    stride_exponentials,
    ignore_index,
    logit_scale,
    log2_softcap,
    z_loss,
    MERGE_ROWS: tl.constexpr,
    MERGE_TILES: tl.constexpr,
    SOFTCAP: tl.constexpr,
    AGAIN: tl.constexpr,
    INTERPRETED: tl.constexpr,
):
    row = tl.program_id(0) * MERGE_ROWS + tl.arange(0, MERGE_ROWS)
    end = rows
    if AGAIN:
        end = tl.where(tl.load(again) != 0, rows, 0)
        tiles = tl.where(tl.load(again) != 0, tiles, 0)
    stored = row < end
    step = tl.arange(0, MERGE_TILES)
    maximum = tl.full((MERGE_ROWS,), float("-inf"), tl.float32)
    total = tl.zeros((MERGE_ROWS,), tl.float32)
    for first in range(0, tiles, MERGE_TILES):
        inside = (first + step < tiles)[:, None] & stored[None, :]
        at = (first + step).to(tl.int64)[:, None] * rows + row[None, :]
        if not AGAIN:
            highest = tl.max(tl.load(maxima + at, mask=inside, other=float("-inf")), 0)
            maximum = tl.maximum(maximum, highest)
        total += tl.sum(tl.load(sums + at, mask=inside, other=0.0), 0)
    if not AGAIN:
        tl.store(next_reference + row, maximum, mask=stored)
        # Every program that writes here writes the same.
        outside = stored & ~(total <= 1e30)  # NaN too: a reference may be infinite
        tl.store(again, 1, mask=tl.max(outside.to(tl.int32), 0) > 0)

    LN2: tl.constexpr = 0.6931471805599453
    origin = tl.load(reference + row, mask=stored, other=0.0)
    wanted = tl.load(target + row, mask=stored, other=0).to(tl.int64)
    wanted_logit = tl.load(target_logit + row, mask=stored, other=0.0)
    known = stored & (wanted >= 0) & (wanted < vocabulary)
    ignored = wanted == ignore_index
    nats = (origin + tl.log2(total)) * LN2
    result = (tl.log2(total) + (origin - wanted_logit)) * LN2 + z_loss * nats * nats
    result = tl.where(known, result, float("nan"))
    tl.store(loss + row, tl.where(ignored, 0.0, result), mask=stored)

    # Gradient of the logits: up ((1 + 2 z_loss L) p - onehot) = factor (exponential - correction onehot).
    growth = 1.0 + 2.0 * z_loss * nats
    growth = tl.where(growth == 0.0, 1e-20, growth)
    up = tl.load(upstream) * logit_scale
    scaling = tl.where(known, up * growth / total, float("nan"))
    tl.store(factor + row, tl.where(ignored, 0.0, scaling), mask=stored)
    slope = tl.full((MERGE_ROWS,), 1.0, tl.float32)
    if SOFTCAP:
        t = wanted_logit / log2_softcap
        slope = 1.0 - t * t
    corrected = slope * (tl.exp2(wanted_logit - origin) - total / growth)
    place = exponentials + row.to(tl.int64) * stride_exponentials + tl.where(known, wanted, 0)
    corrected = converted(corrected, exponentials.dtype.element_ty, INTERPRETED)
    tl.store(place, corrected, mask=known & ~ignored)


def finish_rows(
    parts: TileSums,
    target: Tensor,
    target_logit: Tensor,
    reference: Tensor,
    upstream: Tensor,
    exponentials: Tensor,
    results: tuple[Tensor, Tensor, Tensor, Tensor],
    vocabulary: int,
    objective: Objective,
    *,
    second: bool,
) -> None:
    """Losses, and exponentials made into gradients of the logits up to one factor per row.

    ``results`` takes the loss (N,), the factor (N,), the reference for a second try (N,) and whether one is
    needed (1,), int32, which must hold 0 at first. The ``second`` time nothing happens unless it is.
    """
    tiles, rows = parts.maxima.shape
    finish_rows_kernel[(triton.cdiv(rows, MERGE_ROWS),)](
        parts.maxima,
        parts.sums,
        target,
        target_logit,
        reference,
        upstream,
        *results,
        exponentials,
        rows,
        tiles,
        vocabulary,
        exponentials.stride(0),
        objective.ignore_index,
        objective.logit_scale,
        objective.softcap / math.log(2),
        objective.z_loss,
        MERGE_ROWS=MERGE_ROWS,
        MERGE_TILES=MERGE_TILES,
        SOFTCAP=objective.softcap > 0,
        AGAIN=second,
        INTERPRETED=interpreting(),
        **launch_options(4),
    )
