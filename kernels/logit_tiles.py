"""One tile of logits: which tile a program takes next, the product, and the transform of the logits.

Logits stand in units of log 2 from here on, so that exponentials are exp2 and code lengths come out in bits.
"""

import triton
import triton.language as tl


@triton.jit
def tile_place(tile, row_blocks, vocabulary_blocks, GROUP_ROWS: tl.constexpr):
    """Row block and vocabulary block of a tile: row blocks of a group fastest, then the vocabulary."""
    group_tiles = GROUP_ROWS * vocabulary_blocks
    first = (tile // group_tiles) * GROUP_ROWS
    rows_in_group = tl.minimum(row_blocks - first, GROUP_ROWS)
    within = tile % group_tiles
    return first + within % rows_in_group, within // rows_in_group


@triton.jit
def products(
    x,  # (N, D): tensor descriptor or pointer
    weight,  # (V, D): tensor descriptor or pointer
    first_row,
    first_entry,
    rows,
    vocabulary,
    depth,
    stride_x,
    stride_weight,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_VOCABULARY: tl.constexpr,
    BLOCK_DEPTH: tl.constexpr,
    DESCRIPTORS: tl.constexpr,
    EVEN_DEPTH: tl.constexpr,
    INTERPRETED: tl.constexpr,
):
    """x @ weight.T for one tile, summed in float32; (BLOCK_ROWS, BLOCK_VOCABULARY)."""
    total = tl.zeros((BLOCK_ROWS, BLOCK_VOCABULARY), tl.float32)
    if DESCRIPTORS:
        for step in range(tl.cdiv(depth, BLOCK_DEPTH)):
            a = x.load([first_row, step * BLOCK_DEPTH])
            b = weight.load([first_entry, step * BLOCK_DEPTH])
            if INTERPRETED:
                a, b = a.to(tl.float32), b.to(tl.float32)
            total = tl.dot(a, b.T, total, input_precision="ieee")
    else:
        # Rows beyond the end read the last row: what they give is never stored.
        row = tl.minimum(first_row + tl.arange(0, BLOCK_ROWS), rows - 1)
        entry = tl.minimum(first_entry + tl.arange(0, BLOCK_VOCABULARY), vocabulary - 1)
        unit = tl.arange(0, BLOCK_DEPTH)
        # Tokens times hidden size passes 2^31 in ordinary use.
        a_pointer = x + row.to(tl.int64)[:, None] * stride_x + unit[None, :]
        b_pointer = weight + entry.to(tl.int64)[:, None] * stride_weight + unit[None, :]
        for step in range(tl.cdiv(depth, BLOCK_DEPTH)):
            if EVEN_DEPTH:
                a = tl.load(a_pointer)
                b = tl.load(b_pointer)
            else:
                inside = (unit < depth - step * BLOCK_DEPTH)[None, :]
                a = tl.load(a_pointer, mask=inside, other=0.0)
                b = tl.load(b_pointer, mask=inside, other=0.0)
            if INTERPRETED:
                a, b = a.to(tl.float32), b.to(tl.float32)
            total = tl.dot(a, b.T, total, input_precision="ieee")
            a_pointer += BLOCK_DEPTH
            b_pointer += BLOCK_DEPTH
    return total


@triton.jit
def converted(value, to: tl.constexpr, INTERPRETED: tl.constexpr):
    """Float32 values as another type, rounded to the nearest."""
    if INTERPRETED and to == tl.bfloat16:
        bits = value.to(tl.int32, bitcast=True)
        value = (bits + 0x7FFF + ((bits >> 16) & 1)).to(tl.float32, bitcast=True)
    return value.to(to)


@triton.jit
def tanh(y):
    """Hyperbolic tangent, to a few units of the last place; no call into a device library."""
    small = tl.abs(y) < 0.3
    # An odd polynomial where 1 - 2 / (exp(2 y) + 1) would cancel: the Taylor series to y^11.
    s = y * y
    series = -0.0088632355 * s + 0.0218694885
    series = series * s - 0.0539682540
    series = series * s + 0.1333333333
    series = series * s - 0.3333333333
    near = y + y * s * series
    # 2 log2(e); beyond 20 it is 1 in float32, and the exponential stays finite.
    far = 1.0 - 2.0 / (tl.exp2(tl.minimum(tl.abs(y), 20.0) * 2.8853900818) + 1.0)
    far = tl.where(y == y, far, y)  # the minimum above is 20 where y is not a number
    return tl.where(small, near, tl.where(y < 0, -far, far))


@triton.jit
def transformed(product, log2_scale, log2_softcap, SOFTCAP: tl.constexpr):
    """Scaled and capped logits in units of log 2, and their derivative by the scaled (1 without cap)."""
    logit = product * log2_scale
    slope = tl.full(logit.shape, 1.0, tl.float32)
    if SOFTCAP:
        t = tanh(logit / log2_softcap)
        logit = log2_softcap * t
        slope = 1.0 - t * t
    return logit, slope
