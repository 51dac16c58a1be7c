"""First pass: per token and tile of the vocabulary, the maximum of the logits and the sum of exponentials.

No two programs write one element and every sum has a fixed order, so results do not change between runs. The
second pass, in ``row_sums``, merges the tiles of a token.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl
from torch import Tensor

from .logit_tiles import converted, products, tile_place, transformed
from .schedules import TileSchedule, launch_options, operand, program_count, tile_constants

if TYPE_CHECKING:
    from .objective import Objective


@triton.jit
def tile_sums_kernel(
    x,  # (N, D)
    weight,  # (V, D)
    bias,  # (V,)
    reference,  # (N,) float32: exponentials are taken relative to it; without it, to the maximum of the tile
    again,  # (1,) int32: if given, nothing is done where it holds 0
    maxima,  # (T, N) float32, units of log 2
    sums,  # (T, N) float32, of exponentials
    logit_sums,  # (T, N) float32
    moments,  # (T, N) float32: exponentials times distance from the maximum
    argmaxima,  # (T, N) int32
    exponentials,  # (N, stride_exponentials), of the weight's type
    rows,
    vocabulary,
    depth,
    stride_x,
    stride_weight,
    stride_exponentials,
    log2_scale,
    log2_softcap,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_VOCABULARY: tl.constexpr,
    BLOCK_DEPTH: tl.constexpr,
    GROUP_ROWS: tl.constexpr,
    DESCRIPTORS: tl.constexpr,
    EVEN_DEPTH: tl.constexpr,
    FLATTEN: tl.constexpr,
    INTERPRETED: tl.constexpr,
    EVEN_VOCABULARY: tl.constexpr,
    POSITIVE_SCALE: tl.constexpr,
    BIAS: tl.constexpr,
    SOFTCAP: tl.constexpr,
    REFERENCE: tl.constexpr,
    AGAIN: tl.constexpr,
    LOGIT_SUMS: tl.constexpr,
    MOMENTS: tl.constexpr,
    ARGMAX: tl.constexpr,
):
    if AGAIN:  # noqa: SIM102 - the first is known to the compiler
        if tl.load(again) == 0:
            return
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
        at = block_entry.to(tl.int64) * rows + row

        if BIAS:
            product += tl.load(bias + entry, mask=entry < vocabulary, other=0.0).to(tl.float32)[None, :]
        if LOGIT_SUMS:
            logit, _ = transformed(product, log2_scale, log2_softcap, SOFTCAP)
            inside = (entry < vocabulary)[None, :]
            tl.store(logit_sums + at, tl.sum(tl.where(inside, logit, 0.0), 1), mask=stored)

        # exp2(product * scale - maximum * scale) is one multiplication-addition and one exponential.
        folded: tl.constexpr = POSITIVE_SCALE and not SOFTCAP
        if folded:
            logit = product
        else:
            logit, slope = transformed(product, log2_scale, log2_softcap, SOFTCAP)
        if not EVEN_VOCABULARY:
            if FLATTEN:
                # A branch on the last tile would make the compiler wait for every product of the loop.
                logit = tl.where((entry < vocabulary)[None, :], logit, float("-inf"))
            elif first_entry + BLOCK_VOCABULARY > vocabulary:
                logit = tl.where((entry < vocabulary)[None, :], logit, float("-inf"))
        if ARGMAX:
            maximum, best = tl.max(logit, 1, return_indices=True)
            tl.store(argmaxima + at, best + first_entry, mask=stored)
        else:
            maximum = tl.max(logit, 1)
        if folded:
            maximum = maximum * log2_scale
        tl.store(maxima + at, maximum, mask=stored)

        if REFERENCE:
            origin = tl.load(reference + row, mask=stored, other=0.0)
        else:
            # Entries ruled out by a bias of minus infinity may fill a tile.
            origin = tl.where(maximum == float("-inf"), 0.0, maximum)
        if folded:
            exponential = tl.exp2(logit * log2_scale - origin[:, None])
        else:
            exponential = tl.exp2(logit - origin[:, None])
        tl.store(sums + at, tl.sum(exponential, 1), mask=stored)
        if MOMENTS:
            distance = logit * log2_scale - origin[:, None] if folded else logit - origin[:, None]
            moment = tl.where(exponential > 0, exponential * distance, 0.0)
            tl.store(moments + at, tl.sum(moment, 1), mask=stored)
        if REFERENCE:
            if SOFTCAP:
                exponential = exponential * slope
            # Columns go on to a whole number of tiles; those beyond the vocabulary get exp2(-inf) = 0.
            place = exponentials + row.to(tl.int64)[:, None] * stride_exponentials + entry[None, :]
            exponential = converted(exponential, exponentials.dtype.element_ty, INTERPRETED)
            tl.store(place, exponential, mask=stored[:, None])


@dataclasses.dataclass
class TileSums:
    """What the tiles of a token gave, each of shape (T, N) for T tiles of the vocabulary.

    Attributes
    ----------
    maxima, sums : Tensor
        float32; the largest logit in units of log 2, and the sum of exponentials relative to it, or to the
        reference that was given.
    logit_sums, moments : Tensor or None
        float32; the sum of logits, and of exponentials times (logit - maximum), in units of log 2.
    argmaxima : Tensor or None
        int32; the most probable entry of the tile.
    """

    maxima: Tensor
    sums: Tensor
    logit_sums: Tensor | None = None
    moments: Tensor | None = None
    argmaxima: Tensor | None = None


def tile_sums(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    objective: Objective,
    schedule: TileSchedule,
    *,
    logit_sums: bool = False,
    moments: bool = False,
    argmax: bool = False,
    reference: Tensor | None = None,
    exponentials: Tensor | None = None,
    again: Tensor | None = None,
    into: TileSums | None = None,
) -> TileSums:
    """Launch the first pass over all tiles.

    Parameters
    ----------
    x : Tensor
        Hidden states (N, D), last dimension contiguous, N >= 1.
    weight : Tensor
        Head (V, D), last dimension contiguous, V >= 1.
    bias : Tensor or None
        (V,).
    objective : Objective
        Only its transform of the logits counts here.
    schedule : TileSchedule
        Tiles.
    logit_sums, moments, argmax : bool
        Whether to compute these as well.
    reference : Tensor or None
        (N,) float32 in units of log 2. With it, exponentials are relative to it instead of to each tile's
        maximum, and are written to ``exponentials``, with the slope of the softcap in them if there is one.
    exponentials : Tensor or None
        (N, T block_vocabulary); columns beyond the vocabulary become 0.
    again : Tensor or None
        (1,) int32: nothing is done if it holds 0, which only the device knows.
    into : TileSums or None
        Where to write instead of into new tensors.

    Returns
    -------
    TileSums
    """
    (rows, depth), vocabulary = x.shape, weight.shape[0]
    tiles = triton.cdiv(vocabulary, schedule.block_vocabulary)
    if into is None:

        def plane(wanted: bool, dtype: torch.dtype = torch.float32) -> Tensor | None:
            return torch.empty((tiles, rows), dtype=dtype, device=x.device) if wanted else None

        maxima, sums = plane(True), plane(True)
        assert maxima is not None
        assert sums is not None
        into = TileSums(maxima, sums, plane(logit_sums), plane(moments), plane(argmax, torch.int32))
    programs = program_count(triton.cdiv(rows, schedule.block_rows) * tiles, schedule, x.device)
    tile_sums_kernel[(programs,)](
        operand(x, schedule, schedule.block_rows),
        operand(weight, schedule, schedule.block_vocabulary),
        bias,
        reference,
        again,
        into.maxima,
        into.sums,
        into.logit_sums,
        into.moments,
        into.argmaxima,
        exponentials,
        rows,
        vocabulary,
        depth,
        x.stride(0),
        weight.stride(0),
        0 if exponentials is None else exponentials.stride(0),
        objective.logit_scale / math.log(2),
        objective.softcap / math.log(2),
        **tile_constants(schedule, x),
        EVEN_VOCABULARY=vocabulary % schedule.block_vocabulary == 0,
        POSITIVE_SCALE=objective.logit_scale > 0,
        BIAS=bias is not None,
        SOFTCAP=objective.softcap > 0,
        REFERENCE=reference is not None,
        AGAIN=again is not None,
        LOGIT_SUMS=into.logit_sums is not None,
        MOMENTS=into.moments is not None,
        ARGMAX=into.argmaxima is not None,
        **launch_options(schedule.warps, schedule.stages),
    )
    return into
