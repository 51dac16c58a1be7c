"""Threads of torch and of the core's losses while something is computed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """Compute on ``number`` threads within the block, or, if it is None, on as many as before.

    What torch was set to before is set again afterwards.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(before if number is None else number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
