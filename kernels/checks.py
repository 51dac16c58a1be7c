"""What a caller may get wrong: shapes, types, devices. Never values: that would be to wait for them."""

from __future__ import annotations

import torch
from torch import Tensor

FLOATS = (torch.float32, torch.bfloat16, torch.float16)
INTEGERS = (torch.int64, torch.int32)


def check_head(
    x: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Hidden states (N, D), weight (V, D), targets (N,) and bias (V,), with contiguous last dimensions.

    Raises
    ------
    TypeError
        If types are not supported or differ.
    ValueError
        If shapes or devices do not fit; the message gives them.
    """
    shapes = f"x {tuple(x.shape)}, weight {tuple(weight.shape)}, target {tuple(target.shape)}"
    if x.dim() != 2 or weight.dim() != 2 or x.shape[1] != weight.shape[1]:
        raise ValueError(f"x and weight must be (N, D) and (V, D): {shapes}")
    if target.shape != x.shape[:1]:
        raise ValueError(f"target must be (N,), one for each row of x: {shapes}")
    if weight.shape[0] == 0:
        raise ValueError(f"the vocabulary is empty: {shapes}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias must be (V,), not {tuple(bias.shape)}: {shapes}")
    if x.dtype not in FLOATS:
        raise TypeError(f"x must be float32, bfloat16 or float16, not {x.dtype}")
    if weight.dtype != x.dtype:
        raise TypeError(f"x is {x.dtype} but weight is {weight.dtype}")
    if bias is not None and bias.dtype not in FLOATS:
        raise TypeError(f"bias must be float32, bfloat16 or float16, not {bias.dtype}")
    _check_target(target)
    check_devices(x, weight=weight, target=target, bias=bias)
    return (
        _rows_contiguous(x),
        _rows_contiguous(weight),
        target.contiguous(),
        None if bias is None else bias.contiguous(),
    )


def check_logits(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (N, V) and targets (N,), with a contiguous last dimension.

    Raises
    ------
    TypeError, ValueError
        As ``check_head``.
    """
    shapes = f"logits {tuple(logits.shape)}, target {tuple(target.shape)}"
    if logits.dim() != 2 or target.shape != logits.shape[:1]:
        raise ValueError(f"logits and target must be (N, V) and (N,): {shapes}")
    if logits.shape[1] == 0:
        raise ValueError(f"the vocabulary is empty: {shapes}")
    if logits.dtype not in FLOATS:
        raise TypeError(f"logits must be float32, bfloat16 or float16, not {logits.dtype}")
    _check_target(target)
    check_devices(logits, target=target)
    return _rows_contiguous(logits), target.contiguous()


def _check_target(target: Tensor) -> None:
    if target.dtype not in INTEGERS:
        raise TypeError(f"target must be int64 or int32, not {target.dtype}")


def check_devices(first: Tensor, **others: Tensor | None) -> None:
    """Raise ValueError unless all are on the device of the first."""
    for name, other in others.items():
        if other is not None and other.device != first.device:
            raise ValueError(f"{name} is on {other.device}, not on {first.device}")


def _rows_contiguous(matrix: Tensor) -> Tensor:
    """The matrix, copied if elements of a row are not side by side or rows overlap."""
    rows, columns = matrix.shape
    fine = (matrix.stride(1) == 1 or columns <= 1) and (matrix.stride(0) >= columns or rows <= 1)
    return matrix if fine else matrix.contiguous()
