"""Quantised networks: each weight as a whole number of a few bits times the scale of its row.

What the weights cost then can be counted, so that network and data make one two-part code.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)

# Scales of rows, and what is no matrix, are kept as 16-bit floats.
SCALE_BITS = 16
LEAST_BITS, MOST_BITS = 2, 16


def quantised(model: Network, bits: int) -> tuple[Network, float]:
    """A copy of a network at a stated precision, and what its parameters cost.

    Matrices are rounded to whole numbers from -(2^(bits-1) - 1) to 2^(bits-1) - 1 times a scale for each row,
    the row's largest magnitude over the largest number; at 16 bits every parameter is a 16-bit float.

    Parameters
    ----------
    model : nn.Module
        Left as it is. Tied parameters count once.
    bits : int
        Of each weight of a matrix, 2 to 16.

    Returns
    -------
    model : nn.Module
        Its parameters are float32, with the values that the code has.
    model_bits : float
        Bits of all parameters, scales included.

    Raises
    ------
    ValueError
        If ``bits`` is out of range.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(3, 2, bias=False)
    >>> _ = torch.nn.init.constant_(layer.weight, 0.4375)
    >>> copied, cost = quantised(layer, 4)
    >>> copied.weight.tolist(), cost  # 6 weights of 4 bits, 2 scales of 16
    ([[0.4375, 0.4375, 0.4375], [0.4375, 0.4375, 0.4375]], 56.0)
    """
    if not LEAST_BITS <= bits <= MOST_BITS:
        raise ValueError(f"bits={bits}: outside {LEAST_BITS} to {MOST_BITS}")
    copied, total = copy.deepcopy(model), 0.0
    with torch.no_grad():
        for parameter in copied.parameters():
            values, cost = _quantised(parameter.detach().float(), bits)
            parameter.copy_(values)
            total += cost
    return copied, total


def _quantised(values: Tensor, bits: int) -> tuple[Tensor, float]:
    if values.dim() < 2 or bits == MOST_BITS:
        return _as_half(values), float(SCALE_BITS * values.numel())
    rows = values.reshape(values.shape[0], -1)
    most = 2 ** (bits - 1) - 1
    scales = _as_half(rows.abs().amax(dim=1, keepdim=True) / most)
    # A row of zeros, or one too small for a 16-bit scale, is zeros.
    safe = torch.where(scales > 0, scales, torch.ones_like(scales))
    whole = torch.where(scales > 0, (rows / safe).round().clamp(-most, most), torch.zeros_like(rows))
    cost = bits * values.numel() + SCALE_BITS * rows.shape[0]
    return (whole * scales).reshape(values.shape), float(cost)


def _as_half(values: Tensor) -> Tensor:
    return values.half().float()
