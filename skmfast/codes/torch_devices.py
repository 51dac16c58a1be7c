"""Devices of torch: whether the one that is asked for is there."""

from __future__ import annotations

import torch


def torch_device(name: str | None) -> torch.device:
    """The device called ``name``; the processor for None.

    Raises
    ------
    ValueError
        If there is no such device; the message says which there are.

    Examples
    --------
    >>> torch_device(None)
    device(type='cpu')
    """
    try:
        device = torch.device(name or "cpu")
    except RuntimeError:
        raise ValueError(f"device: {name!r} is no device of torch, such as cpu, cuda or cuda:1") from None
    if device.type == "cpu":
        return torch.device("cpu")
    module = getattr(torch, device.type, None)
    if module is None or not hasattr(module, "is_available"):
        raise ValueError(f"device: {name!r}: torch {torch.__version__} cannot say whether it is there")
    if not module.is_available():
        raise ValueError(f"device: {name!r} is not there: torch {torch.__version__} finds no {device.type}")
    count = module.device_count()
    if (device.index or 0) >= count:
        raise ValueError(f"device: {name!r} is not there: torch finds {count}, from {device.type}:0 on")
    return torch.device(device.type, device.index or 0)
