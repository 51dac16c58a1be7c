"""Around the matrix products of a backward pass: scaled rows, weighted column sums, float32 accumulation."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .logit_tiles import converted
from .schedules import interpreting, launch_options


@triton.jit
def scale_rows_kernel(
    matrix,  # (N, D)
    factor,  # (N,) float32
    scaled,  # (N, D)
    columns,
    stride_matrix,
    stride_scaled,
    BLOCK: tl.constexpr,
    INTERPRETED: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < columns
    value = tl.load(matrix + row * stride_matrix + column, mask=inside, other=0.0).to(tl.float32)
    value *= tl.load(factor + row)
    value = converted(value, scaled.dtype.element_ty, INTERPRETED)
    tl.store(scaled + row * stride_scaled + column, value, mask=inside)


def scale_rows(matrix: Tensor, factor: Tensor, scaled: Tensor) -> Tensor:
    """Rows of ``matrix`` (N, D) times ``factor`` (N,) float32, in float32, written to ``scaled`` (N, D)."""
    rows, columns = matrix.shape
    if rows and columns:
        block = 1024
        scale_rows_kernel[(rows, triton.cdiv(columns, block))](
            matrix,
            factor,
            scaled,
            columns,
            matrix.stride(0),
            scaled.stride(0),
            BLOCK=block,
            INTERPRETED=interpreting(),
            **launch_options(4),
        )
    return scaled


@triton.jit
def add_column_sums_kernel(
    matrix,  # (N, V)
    factor,  # (N,) float32
    totals,  # (V,) float32; read and written
    rows,
    columns,
    stride_matrix,
    WEIGHTED: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
):
    column = tl.program_id(0) * BLOCK_COLUMNS + tl.arange(0, BLOCK_COLUMNS)
    inside = column < columns
    total = tl.zeros((BLOCK_COLUMNS,), tl.float32)
    for first in range(0, rows, BLOCK_ROWS):
        row = first + tl.arange(0, BLOCK_ROWS)
        here = row < rows
        place = matrix + row.to(tl.int64)[:, None] * stride_matrix + column[None, :]
        value = tl.load(place, mask=here[:, None] & inside[None, :], other=0.0).to(tl.float32)
        if WEIGHTED:
            value *= tl.load(factor + row, mask=here, other=0.0)[:, None]
        total += tl.sum(value, 0)
    total += tl.load(totals + column, mask=inside, other=0.0)
    tl.store(totals + column, total, mask=inside)


def add_column_sums(matrix: Tensor, factor: Tensor | None, totals: Tensor) -> None:
    """Add the rows of ``matrix`` (N, V), each times its ``factor`` (N,), to ``totals`` (V,) float32."""
    rows, columns = matrix.shape
    add_column_sums_kernel[(triton.cdiv(columns, 64),)](
        matrix,
        factor,
        totals,
        rows,
        columns,
        matrix.stride(0),
        WEIGHTED=factor is not None,
        BLOCK_ROWS=64,
        BLOCK_COLUMNS=64,
        **launch_options(4),
    )


def product_float32(a: Tensor, b: Tensor) -> Tensor:
    """a @ b, summed and returned in float32."""
    if a.dtype == torch.float32:
        return torch.mm(a, b)
    if a.device.type != "cuda":
        return torch.mm(a.float(), b.float())
    if torch.version.hip is not None:
        return torch.mm(a, b).float()  # rounded once: products into another type are CUDA's alone
    return torch.mm(a, b, out_dtype=torch.float32)


def add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """Add a @ b to ``total``, float32, in place."""
    if a.dtype == torch.float32:
        total.addmm_(a, b)
    elif a.device.type == "cuda" and torch.version.hip is None:
        torch.addmm(total, a, b, out_dtype=torch.float32, out=total)
    else:
        total += product_float32(a, b)
