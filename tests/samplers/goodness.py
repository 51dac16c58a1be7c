"""Whether draws fit a distribution: chi-square and Kolmogorov-Smirnov tests for every sampler's tests.

Each returns a p-value: uniform on [0, 1] where the distribution is right, next to 0 where it is not. Tests
use fixed seeds and ask for more than `LEAST`; `test_goodness.py` shows that wrong samplers stay below it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

LEAST = 1e-4
_LEAST_EXPECTED = 10.0  # counts expected in a cell, for the chi-square approximation to hold


def chi_square(counts: Any, probabilities: Any) -> float:
    """p-value of counts (K,) under probabilities (K,), which must sum to one.

    Neighbouring cells are pooled until each expects ten; a count where the probability is 0 gives 0.
    """
    counts = np.asarray(counts, dtype=np.float64)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if abs(probabilities.sum() - 1) > 1e-9 or counts.shape != probabilities.shape:
        raise ValueError("probabilities must match the counts and sum to one")
    if counts[probabilities == 0].any():
        return 0.0
    expected = counts.sum() * probabilities
    cell = np.minimum(np.floor(np.cumsum(expected) / _LEAST_EXPECTED), expected.sum() // _LEAST_EXPECTED - 1)
    _, cell = np.unique(cell, return_inverse=True)
    pooled_counts = np.bincount(cell, counts)
    pooled = np.bincount(cell, expected)
    # The first cells of a pool may fall just short of ten; two pools and more are needed.
    if pooled.size < 2:
        raise ValueError("too few draws for a test")
    return float(stats.chi2.sf(((pooled_counts - pooled) ** 2 / pooled).sum(), pooled.size - 1))


def kolmogorov_smirnov(samples: Any, cdf: Callable[[np.ndarray], np.ndarray]) -> float:
    """p-value of samples under a continuous distribution function."""
    u = cdf(np.sort(samples, axis=None))
    steps = np.arange(u.size + 1) / u.size
    distance = max((steps[1:] - u).max(), (u - steps[:-1]).max())
    return float(stats.kstwo.sf(distance, u.size))


def kolmogorov_smirnov_discrete(samples: Any, probabilities: Any, seed: int = 0) -> float:
    """p-value of samples in 0 ... K - 1 under probabilities (K,).

    Each sample is spread evenly over its step of the distribution function, which makes it uniform on
    [0, 1]. Looks at the whole order of the categories, where `chi_square` looks at each alone.
    """
    samples = np.ravel(samples)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    below = np.concatenate([[0.0], np.cumsum(probabilities)])
    spread = np.random.default_rng(seed).random(samples.size)
    return kolmogorov_smirnov(below[samples] + spread * probabilities[samples], lambda u: u)


def serial_chi_square(uniforms: Any, cells: int = 32) -> float:
    """p-value of neighbouring pairs of uniform numbers over a square of cells: dependence shows here."""
    pairs = (np.ravel(uniforms)[: np.size(uniforms) // 2 * 2].reshape(-1, 2) * cells).astype(int)
    counts = np.bincount(pairs[:, 0] * cells + pairs[:, 1], minlength=cells * cells)
    return chi_square(counts, np.full(cells * cells, 1 / cells**2))
