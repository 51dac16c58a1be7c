"""The definition, in float64: logits in full, and torch's own derivatives."""

import torch
import torch.nn.functional as F


def head_logits(x, weight, bias, objective):
    """Transformed logits (N, V) of a head."""
    logits = x.double() @ weight.double().t()
    if bias is not None:
        logits = logits + bias.double()
    return transform(logits, objective)


def transform(logits, objective):
    logits = logits.double() * objective.logit_scale
    if objective.softcap:
        logits = objective.softcap * torch.tanh(logits / objective.softcap)
    return logits


def losses(logits, target, objective):
    """Loss, log-sum-exp and entropy per token in nats, of transformed logits (N, V)."""
    log_sum_exp = logits.logsumexp(1)
    log_probability = logits - log_sum_exp[:, None]
    counted = target != objective.ignore_index
    loss = F.cross_entropy(
        logits,
        target.long(),
        reduction="none",
        label_smoothing=objective.label_smoothing,
        ignore_index=objective.ignore_index,
    )
    loss = loss + torch.where(counted, objective.z_loss * log_sum_exp**2, 0.0)
    probability = log_probability.exp()
    entropy = -torch.where(probability > 0, probability * log_probability, 0.0).sum(1)
    return loss, log_sum_exp, entropy


def relative_error(found, expected):
    """Norm of the difference over the norm of what is expected; NaN never passes a bound."""
    expected = expected.double()
    return ((found.double() - expected).norm() / expected.norm().clamp_min(1e-300)).item()
