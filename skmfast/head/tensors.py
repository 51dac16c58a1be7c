"""Cross-entropy of a language-model head on the CPU, for torch tensors: the C++ core.

The functions are those of ``skmfast.kernels``; tensors share memory with what the core reads and writes.
Needs the extra ``skmfast[torch]``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from skmfast.head import _linear_cross_entropy as core
from skmfast.kernels.objective import Losses, Objective


class Gradients(NamedTuple):
    """Gradients by hidden states (N, D), weight (V, D) and bias (V,); None if not asked for."""

    x: Tensor | None
    weight: Tensor | None
    bias: Tensor | None


def linear_cross_entropy(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    *,
    objective: Objective,
    entropy: bool = False,
    argmax: bool = False,
) -> Losses:
    """Losses per token in nats, with log-sum-exp, and entropy and argmax on demand.

    Parameters
    ----------
    x : Tensor
        Hidden states (N, D): float32, bfloat16, float64; float16 is computed as float32.
    weight, bias : Tensor
        (V, D) and (V,) or None.
    target : Tensor
        (N,) int64 or int32.
    objective : Objective
        Logit transform and loss.
    entropy, argmax : bool
        Whether to return these as well.

    Returns
    -------
    Losses
        float32, or float64 if x is.

    Raises
    ------
    ValueError
        If a target is neither in the vocabulary nor ignored.
    """
    found = core.forward(
        _array(x),
        _array(weight),
        target.numpy(),
        _column(bias),
        entropy=entropy,
        argmax=argmax,
        **_options(x, objective),
    )
    return _losses(found)


def linear_cross_entropy_backward(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    losses: Losses,
    upstream_loss: Tensor,
    upstream_log_sum_exp: Tensor | None = None,
    upstream_entropy: Tensor | None = None,
    *,
    objective: Objective,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> Gradients:
    """Gradients from those of losses, log-sum-exps and entropies, each (N,)."""
    by_x, by_weight, by_bias = core.backward(
        _array(x),
        _array(weight),
        target.numpy(),
        _column(bias),
        *_upstream(losses, upstream_loss, upstream_log_sum_exp, upstream_entropy),
        needs=(needs[0], needs[1], needs[2] and bias is not None),
        **_options(x, objective),
    )
    return Gradients(
        _tensor(by_x, x),
        _tensor(by_weight, weight),
        None if by_bias is None or bias is None else torch.from_numpy(by_bias).to(bias.dtype),
    )


def linear_cross_entropy_with_gradients(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    upstream: Tensor,
    *,
    objective: Objective,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[Tensor, Gradients]:
    """Losses per token in nats, and the gradients of ``upstream``, one number, times their sum."""
    losses = linear_cross_entropy(x, weight, target, bias, objective=objective)
    gradients = linear_cross_entropy_backward(
        x, weight, target, bias, losses, upstream.expand(len(x)), objective=objective, needs=needs
    )
    return losses.loss, gradients


def cross_entropy(
    logits: Tensor, target: Tensor, *, objective: Objective, entropy: bool = False, argmax: bool = False
) -> Losses:
    """Losses per token in nats from logits (N, V)."""
    found = core.logits_forward(
        _array(logits), target.numpy(), entropy=entropy, argmax=argmax, **_options(logits, objective)
    )
    return _losses(found)


def cross_entropy_backward(
    logits: Tensor,
    target: Tensor,
    losses: Losses,
    upstream_loss: Tensor,
    upstream_log_sum_exp: Tensor | None = None,
    upstream_entropy: Tensor | None = None,
    *,
    objective: Objective,
) -> Tensor:
    """Gradient by the logits (N, V), in their type."""
    gradient = _tensor(
        core.logits_backward(
            _array(logits),
            target.numpy(),
            *_upstream(losses, upstream_loss, upstream_log_sum_exp, upstream_entropy),
            **_options(logits, objective),
        ),
        logits,
    )
    assert gradient is not None
    return gradient


def _options(x: Tensor, objective: Objective) -> dict[str, Any]:
    return {
        "ignore_index": objective.ignore_index,
        "logit_scale": objective.logit_scale,
        "softcap": objective.softcap,
        "label_smoothing": objective.label_smoothing,
        "z_loss": objective.z_loss,
        "bfloat16": x.dtype == torch.bfloat16,
        "threads": torch.get_num_threads(),
    }


def _array(values: Tensor) -> Any:
    """The tensor's memory, for bfloat16 (which numpy lacks) as uint16; float16 as float32."""
    values = values.detach().contiguous()
    if values.dtype == torch.bfloat16:
        return values.view(torch.uint16).numpy()
    return (values.float() if values.dtype == torch.float16 else values).numpy()


def _column(values: Tensor | None) -> Any:
    """One number a token or entry; the core makes the type fit."""
    if values is None:
        return None
    return (values.float() if values.dtype in (torch.bfloat16, torch.float16) else values).detach().numpy()


def _upstream(losses: Losses, *upstream: Tensor | None) -> list[Any]:
    entropy = None if upstream[-1] is None else losses.entropy
    return [_column(column) for column in (losses.log_sum_exp, entropy, *upstream)]


def _losses(found: tuple[Any, ...]) -> Losses:
    return Losses(*(None if column is None else torch.from_numpy(column) for column in found))


def _tensor(array: Any, like: Tensor) -> Tensor | None:
    if array is None:
        return None
    made = torch.from_numpy(array)
    return made.view(torch.bfloat16) if like.dtype == torch.bfloat16 else made.to(like.dtype)
