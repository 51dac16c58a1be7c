"""Slow and plain twins: one line of the definition each."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations


def different_in_prefixes(tokens: list) -> list[int]:
    """K_n for n = 0, 1, ..., by a set that grows."""
    seen: set = set()
    sizes = [0]
    for token in tokens:
        seen.add(token)
        sizes.append(len(seen))
    return sizes


def mean_different(tokens: list, size: int) -> float:
    """Mean number of different tokens over every subsample of ``size``."""
    draws = list(combinations(tokens, size))
    return sum(len(set(draw)) for draw in draws) / len(draws)


def hypergeometric_different(counts: list[int], size: int) -> float:
    """The same from counts, with whole numbers as large as they come."""
    total = sum(counts)
    ways = math.comb(total, size)
    return sum(1 - math.comb(total - count, size) / ways for count in counts)


def count_of_counts(tokens: list) -> dict[int, int]:
    """How many tokens appear once, twice, ...."""
    return dict(Counter(Counter(tokens).values()))
