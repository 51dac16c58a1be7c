"""Slow, readable twins of the head's losses and gradients, in float64, and bfloat16 for numpy."""

from __future__ import annotations

import numpy as np


def to_bfloat16(values: np.ndarray) -> np.ndarray:
    """Round to nearest even; upper halves of float32."""
    bits = np.asarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def from_bfloat16(halves: np.ndarray) -> np.ndarray:
    return (halves.astype(np.uint32) << 16).view(np.float32)


def transformed(products, logit_scale=1.0, softcap=0.0):
    """Logits, and their derivative by the products."""
    z = logit_scale * products
    if not softcap:
        return z, np.full_like(z, logit_scale)
    t = np.tanh(z / softcap)
    return softcap * t, logit_scale * (1 - t * t)


def losses(z, target, ignore_index=-100, label_smoothing=0.0, z_loss=0.0):
    """Loss, log-sum-exp, entropy of the rows of logits z."""
    top = z.max(1)
    log_sum = np.log(np.exp(z - top[:, None]).sum(1))
    ignored = target == ignore_index
    wanted = z[np.arange(len(z)), np.where(ignored, 0, target)]
    loss = log_sum + (top - wanted)
    if label_smoothing:
        loss = loss + label_smoothing * (wanted - z.mean(1))
    if z_loss:
        loss = loss + z_loss * (top + log_sum) ** 2
    p = np.exp(z - top[:, None] - log_sum[:, None])
    with np.errstate(invalid="ignore"):
        surprise = np.where(p > 0, -(z - top[:, None] - log_sum[:, None]), 0)
    return np.where(ignored, 0, loss), top + log_sum, (p * surprise).sum(1)


def logit_gradient(
    z,
    slope,
    target,
    up_loss,
    up_log_sum_exp,
    up_entropy,
    ignore_index=-100,
    label_smoothing=0.0,
    z_loss=0.0,
):
    """Gradient by the products behind z."""
    _, log_sum_exp, entropy = losses(z, target, ignore_index)
    ignored = target == ignore_index
    up = np.where(ignored, 0, up_loss)
    p = np.exp(z - log_sum_exp[:, None])
    g = (up * (1 + 2 * z_loss * log_sum_exp) + up_log_sum_exp)[:, None] * p
    g += up_entropy[:, None] * p * (log_sum_exp[:, None] - z - entropy[:, None])
    g -= (up * label_smoothing / z.shape[1])[:, None]
    g[np.arange(len(z)), np.where(ignored, 0, target)] -= (1 - label_smoothing) * up
    return g * slope
