"""Slow, readable twin of the head's fixed-point products (csrc/simd/panel_product_int8_amx.cpp), bit for bit.

Levels are sums of exact integers; what becomes of them is float32, rounded once at each step.
"""

from __future__ import annotations

import math

import numpy as np

LARGEST = 0x7F7F7F
CHUNK = 1024  # of k, sums of which are added in float32
SAMPLE, ALIKE, LARGEST_EXPONENT = 256, 8.0, 20


def coordinate_factors(weight: np.ndarray) -> np.ndarray:
    """Powers of two (width,) that x is multiplied by and weight (vocabulary, width) divided."""
    vocabulary, width = weight.shape
    rows = min(SAMPLE, vocabulary)
    sizes = np.zeros(width)
    for i in range(rows):
        row = np.abs(weight[i * vocabulary // rows].astype(np.float64))
        if row.max() > 0:
            sizes += 1 / row.max() * row
    factors = np.ones(width, dtype=np.float32)
    present = np.sort(sizes[sizes > 0])
    if not len(present):
        return factors
    middle = present[len(present) // 2]
    for k, size in enumerate(sizes):
        if size > 0 and not middle / ALIKE <= size <= middle * ALIKE:
            exponent = math.floor(math.log2(size / middle))
            factors[k] = 2.0 ** min(max(exponent, -LARGEST_EXPONENT), LARGEST_EXPONENT)
    return factors


def exponent_of(row: np.ndarray) -> int:
    """Of the power of two that takes a row to integers of at most LARGEST."""
    largest = float(np.abs(row).max(initial=0))
    if largest == 0:
        return 126
    exponent = 22 - math.frexp(largest)[1] + 1
    if round(math.ldexp(largest, exponent)) > LARGEST:
        exponent -= 1
    return min(exponent, 126)


def fixed(row: np.ndarray) -> tuple[np.ndarray, int]:
    """Integers (width,) and the exponent of their unit's inverse."""
    exponent = exponent_of(row)
    return np.rint(np.ldexp(row.astype(np.float64), exponent)).astype(np.int64), exponent


def digits(q: np.ndarray) -> list[np.ndarray]:
    """The highest first, in [-128, 127]."""
    low = (q + 128) % 256 - 128
    rest = (q - low) // 256
    middle = (rest + 128) % 256 - 128
    return [(rest - middle) // 256, middle, low]


def product(x: np.ndarray, row: np.ndarray) -> np.float32:
    """Product of a token's and a weight row's float32 numbers, factors applied."""
    (a, a_exponent), (b, b_exponent) = fixed(x), fixed(row)
    a_digits, b_digits = digits(a), digits(b)
    result = None
    for k in range(0, len(x), CHUNK):
        part = slice(k, k + CHUNK)
        levels = [
            sum(int(a_digits[i][part] @ b_digits[level - i][part]) for i in range(3) if 0 <= level - i < 3)
            for level in range(4)
        ]
        total = np.float32(levels[3])
        for level in (2, 1, 0):
            total = np.float32(float(total) / 256 + float(np.float32(levels[level])))
        total = np.ldexp(total, 32 - a_exponent - b_exponent)
        result = total if result is None else result + total
    return result


def logits(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(tokens, vocabulary) float32."""
    factors = coordinate_factors(weight)
    return np.array([[product(token * factors, row / factors) for row in weight] for token in x])
