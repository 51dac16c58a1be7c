"""Losses of a head in plain torch, differentiated by torch itself: the twin of what the core computes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from skmfast.kernels.objective import Losses, Objective


def losses_from(products: torch.Tensor, target: torch.Tensor, objective: Objective) -> Losses:
    """Loss, log-sum-exp, entropy and argmax per row of the products that the transform takes."""
    logits = objective.logit_scale * products
    if objective.softcap:
        logits = objective.softcap * torch.tanh(logits / objective.softcap)
    log_sum_exp = logits.logsumexp(1)
    loss = F.cross_entropy(
        logits,
        target.long(),
        ignore_index=objective.ignore_index,
        label_smoothing=objective.label_smoothing,
        reduction="none",
    )
    loss = loss + objective.z_loss * log_sum_exp.square() * (target != objective.ignore_index)
    entropy = torch.distributions.Categorical(logits=logits).entropy()
    return Losses(loss, log_sum_exp, entropy, logits.argmax(1))


def wide(values: torch.Tensor | None) -> torch.Tensor | None:
    """The values taken as exact, in float64, as a leaf."""
    return None if values is None else values.detach().double().requires_grad_()


def losses_and_gradients(
    x: torch.Tensor,
    weight: torch.Tensor,
    target: torch.Tensor,
    bias: torch.Tensor | None,
    upstream: list[torch.Tensor],
    objective: Objective,
) -> tuple[Losses, list[torch.Tensor]]:
    """All of it in float64; gradients by x, weight and, if there is one, bias."""
    leaves = [wide(x), wide(weight), *([] if bias is None else [wide(bias)])]
    losses = losses_from(F.linear(*leaves), target, objective)
    gradients = torch.autograd.grad(losses[:3], leaves, [column.double() for column in upstream])
    return losses, list(gradients)
