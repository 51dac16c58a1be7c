"""Gradients of the logits, which are computed again, written for the two matrix products."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import triton
import triton.language as tl

from .logit_tiles import converted, products, tile_place, transformed
from .schedules import TileSchedule, launch_options, operand, program_count, tile_constants

if TYPE_CHECKING:
    from torch import Tensor

    from .objective import Objective


@triton.jit
def logit_gradients_kernel(
    x,  # (N, D)
    weight,  # (V, D): part of the vocabulary
    bias,  # (V,)
    target,  # (N,) int
    log_sum_exp,  # (N,) nats
    on_probability,  # (N,)
    on_surprise,  # (N,)
    on_target,  # (N,)
    on_every,  # (N,)
    gradients,  # (N, stride_gradients)
    rows,
    vocabulary,
    depth,
    stride_x,
    stride_weight,
    stride_gradients,
    log2_scale,
    log2_softcap,
    first_of_part,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_VOCABULARY: tl.constexpr,
    BLOCK_DEPTH: tl.constexpr,
    GROUP_ROWS: tl.constexpr,
    DESCRIPTORS: tl.constexpr,
    EVEN_DEPTH: tl.constexpr,
    FLATTEN: tl.constexpr,
    INTERPRETED: tl.constexpr,
    BIAS: tl.constexpr,
    SOFTCAP: tl.constexpr,
    SURPRISE: tl.constexpr,
    EVERY: tl.constexpr,
):
    LOG2E: tl.constexpr = 1.4426950408889634
    row_blocks = tl.cdiv(rows, BLOCK_ROWS)
    vocabulary_blocks = tl.cdiv(vocabulary, BLOCK_VOCABULARY)
    for tile in tl.range(
        tl.program_id(0), row_blocks * vocabulary_blocks, tl.num_programs(0), flatten=FLATTEN
    ):
        block_row, block_entry = tile_place(tile, row_blocks, vocabulary_blocks, GROUP_ROWS)
        first_row = block_row * BLOCK_ROWS
        first_entry = block_entry * BLOCK_VOCABULARY
        product = products(
            x, weight, first_row, first_entry, rows, vocabulary, depth, stride_x, stride_weight,
            BLOCK_ROWS, BLOCK_VOCABULARY, BLOCK_DEPTH, DESCRIPTORS, EVEN_DEPTH, INTERPRETED,
        )  # fmt: skip
        row = first_row + tl.arange(0, BLOCK_ROWS)
        entry = first_entry + tl.arange(0, BLOCK_VOCABULARY)
        stored = row < rows
        if BIAS:
            product += tl.load(bias + entry, mask=entry < vocabulary, other=0.0).to(tl.float32)[None, :]
        logit, slope = transformed(product, log2_scale, log2_softcap, SOFTCAP)

        lse = tl.load(log_sum_exp + row, mask=stored, other=0.0)
        surprise = (lse * LOG2E)[:, None] - logit
        probability = tl.exp2(-surprise)
        gradient = tl.load(on_probability + row, mask=stored, other=0.0)[:, None] * probability
        if SURPRISE:
            by_surprise = tl.where(probability > 0, probability * surprise, 0.0)
            gradient += tl.load(on_surprise + row, mask=stored, other=0.0)[:, None] * by_surprise
        if EVERY:
            gradient -= tl.load(on_every + row, mask=stored, other=0.0)[:, None]
        wanted = tl.load(target + row, mask=stored, other=-1).to(tl.int64) - first_of_part
        teaching = tl.load(on_target + row, mask=stored, other=0.0)
        gradient = tl.where(wanted[:, None] == entry[None, :], gradient - teaching[:, None], gradient)
        if SOFTCAP:
            gradient *= slope
        gradient = tl.where((entry < vocabulary)[None, :], gradient, 0.0)
        place = gradients + row.to(tl.int64)[:, None] * stride_gradients + entry[None, :]
        gradient = converted(gradient, gradients.dtype.element_ty, INTERPRETED)
        tl.store(place, gradient, mask=stored[:, None])


class LogitCoefficients(NamedTuple):
    """What the gradient of a token's logits is made of, each (N,) float32.

    The gradient of logit v, whose probability is p, is ``on_probability p + on_surprise p (-log2 p) -
    on_every``, less ``on_target`` where v is the target. ``on_surprise`` and ``on_every`` may be None for 0.
    """

    on_probability: Tensor
    on_surprise: Tensor | None
    on_target: Tensor
    on_every: Tensor | None


def logit_coefficients(
    known: Tensor,
    ignored: Tensor,
    log_sum_exp: Tensor,
    entropy: Tensor | None,
    upstream_loss: Tensor,
    upstream_log_sum_exp: Tensor | None,
    upstream_entropy: Tensor | None,
    vocabulary: int,
    objective: Objective,
) -> LogitCoefficients:
    """Coefficients from the gradients that arrive at loss, log-sum-exp and entropy, each (N,) float32.

    Tokens that are ignored pass on nothing of the loss; those neither known nor ignored pass on NaN.
    """
    up = upstream_loss.masked_fill(ignored, 0.0).masked_fill(~(known | ignored), math.nan)
    on_probability = up * (1 + 2 * objective.z_loss * log_sum_exp)
    on_surprise = None
    if upstream_log_sum_exp is not None:
        on_probability = on_probability + upstream_log_sum_exp
    if upstream_entropy is not None:
        assert entropy is not None
        # dH/dz_v = p_v (-log p_v - H)
        on_probability = on_probability - upstream_entropy * entropy
        on_surprise = upstream_entropy * (math.log(2) * objective.logit_scale)
    on_target = up * ((1 - objective.label_smoothing) * objective.logit_scale)
    on_every = None
    if objective.label_smoothing > 0:
        on_every = up * (objective.label_smoothing * objective.logit_scale / vocabulary)
    return LogitCoefficients(on_probability * objective.logit_scale, on_surprise, on_target, on_every)


def logit_gradients(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    log_sum_exp: Tensor,
    coefficients: LogitCoefficients,
    gradients: Tensor,
    first_of_part: int,
    objective: Objective,
    schedule: TileSchedule,
) -> None:
    """Write the gradient of the products x @ weight.T for a part of the vocabulary.

    Parameters
    ----------
    x, weight, bias : Tensor
        (N, D), (V, D) and (V,) or None: the rows of the head that belong to the part.
    target, log_sum_exp : Tensor
        (N,).
    coefficients : LogitCoefficients
        Of all tokens.
    gradients : Tensor
        (N, a whole number of tiles >= V), written; 0 beyond V.
    first_of_part : int
        Number of the part's first entry within the vocabulary.
    objective : Objective
        Only its transform of the logits counts here.
    schedule : TileSchedule
        Tiles.
    """
    (rows, depth), vocabulary = x.shape, weight.shape[0]
    tiles = triton.cdiv(vocabulary, schedule.block_vocabulary)
    programs = program_count(triton.cdiv(rows, schedule.block_rows) * tiles, schedule, x.device)
    logit_gradients_kernel[(programs,)](
        operand(x, schedule, schedule.block_rows),
        operand(weight, schedule, schedule.block_vocabulary),
        bias,
        target,
        log_sum_exp,
        coefficients.on_probability,
        coefficients.on_surprise,
        coefficients.on_target,
        coefficients.on_every,
        gradients,
        rows,
        vocabulary,
        depth,
        x.stride(0),
        weight.stride(0),
        gradients.stride(0),
        objective.logit_scale / math.log(2),
        objective.softcap / math.log(2),
        first_of_part,
        **tile_constants(schedule, x),
        BIAS=bias is not None,
        SOFTCAP=objective.softcap > 0,
        SURPRISE=coefficients.on_surprise is not None,
        EVERY=coefficients.on_every is not None,
        **launch_options(schedule.warps, schedule.stages),
    )
