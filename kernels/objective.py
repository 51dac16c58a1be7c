"""What is computed per token: the transform of the logits, the terms of the loss, and what is returned."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Objective:
    """Logit transform and loss, as in z = softcap tanh(logit_scale (x w + b) / softcap).

    The loss of a token with target t among V is, in nats, with L the log-sum-exp of its logits z::

        (1 - label_smoothing) (L - z[t]) + label_smoothing (L - mean(z)) + z_loss L^2

    Parameters
    ----------
    ignore_index : int
        Tokens with this target lose nothing and teach nothing.
    logit_scale : float
        Factor of the logits.
    softcap : float
        Bound of the logits; 0 for none.
    label_smoothing : float
        Share of the target's weight spread over the vocabulary, in [0, 1].
    z_loss : float
        Weight of the squared log-sum-exp.

    Raises
    ------
    ValueError
        If a number is not finite or outside its range.
    """

    ignore_index: int = -100
    logit_scale: float = 1.0
    softcap: float = 0.0
    label_smoothing: float = 0.0
    z_loss: float = 0.0

    def __post_init__(self) -> None:
        for name in ("logit_scale", "softcap", "label_smoothing", "z_loss"):
            value = getattr(self, name)
            if not math.isfinite(value):
                raise ValueError(f"{name} must be finite, not {value}")
        if self.softcap < 0:
            raise ValueError(f"softcap must be positive, or 0 for none, not {self.softcap}")
        if not 0 <= self.label_smoothing <= 1:
            raise ValueError(f"label_smoothing must be in [0, 1], not {self.label_smoothing}")


class Losses(NamedTuple):
    """Results per token, each of shape (N,).

    Attributes
    ----------
    loss : Tensor
        float32; the loss in the unit of the function that returns it. 0 where the target is ignored, NaN
        where it is neither ignored nor in the vocabulary.
    log_sum_exp : Tensor
        float32; of all logits, in nats. Also where the target is ignored.
    entropy : Tensor or None
        float32; of the predicted distribution, in nats.
    argmax : Tensor or None
        int64; the most probable token, the lowest of several.
    """

    loss: Tensor
    log_sum_exp: Tensor
    entropy: Tensor | None
    argmax: Tensor | None
