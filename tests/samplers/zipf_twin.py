"""Zipf-Mandelbrot numbers by rejection-inversion as in the paper, and their probabilities."""

from __future__ import annotations

import math

import numpy as np
from philox_twin import open_unit_double, words


def draw(key: int, index: int, exponent: float, shift: float, num_ranks: int) -> int:
    """Draw `index` of P(k) proportional to (k + shift) ** -exponent, 1 <= k <= num_ranks.

    With the library's exp and log, so a number in 2**40 may differ; nothing is kept without being judged.
    """
    t, scale = 1 - exponent, 1 + shift

    def integral(k: float) -> float:
        log = math.log((k + shift) / scale)
        return math.expm1(t * log) / t if t else log

    def inverse(u: float) -> float:
        return math.exp(math.log1p(t * u) / t if t else u) * scale - shift

    def height(k: int) -> float:
        return ((k + shift) / scale) ** -exponent / scale

    first, last = integral(1.5) - height(1), integral(num_ranks + 0.5)
    for bits in words(key, index):
        u = last + open_unit_double(bits) * (first - last)
        k = max(1, min(num_ranks, math.floor(inverse(u) + 0.5)))
        if k == 1 or u >= integral(k + 0.5) - height(k):
            return k
    raise AssertionError


def probabilities(exponent: float, shift: float, num_ranks: int) -> np.ndarray:
    """P(1) ... P(num_ranks)."""
    logs = -exponent * np.log1p(np.arange(num_ranks) / (1 + shift))
    weights = np.exp(logs)
    return weights / weights.sum()
