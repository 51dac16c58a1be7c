"""Triton GPU kernels, installed as ``skmfast.kernels``. Depends on torch and triton only.

Cross-entropy and code lengths of a language-model head without the (tokens, vocabulary) logits in memory.
What stands below takes and gives plain tensors and knows no autograd; ``skmfast.operators`` makes torch
operators of it. Nothing here waits for the device, and nothing depends on the order in which programs run.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .head_losses import (
        linear_cross_entropy,
        linear_cross_entropy_backward,
        linear_cross_entropy_with_gradients,
        token_code_lengths,
    )
    from .logit_losses import cross_entropy, cross_entropy_backward
    from .objective import Losses, Objective
    from .vocabulary_parallel import vocabulary_parallel_backward, vocabulary_parallel_cross_entropy

__all__ = [
    "Losses",
    "Objective",
    "cross_entropy",
    "cross_entropy_backward",
    "linear_cross_entropy",
    "linear_cross_entropy_backward",
    "linear_cross_entropy_with_gradients",
    "token_code_lengths",
    "vocabulary_parallel_backward",
    "vocabulary_parallel_cross_entropy",
]

_HOMES = {
    "Losses": "objective",
    "Objective": "objective",
    "cross_entropy": "logit_losses",
    "cross_entropy_backward": "logit_losses",
    "linear_cross_entropy": "head_losses",
    "linear_cross_entropy_backward": "head_losses",
    "linear_cross_entropy_with_gradients": "head_losses",
    "token_code_lengths": "head_losses",
    "vocabulary_parallel_backward": "vocabulary_parallel",
    "vocabulary_parallel_cross_entropy": "vocabulary_parallel",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
