"""The restaurant in epochs, slowly, from the same words (skm/restaurant.hpp), and its exact laws."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from philox_twin import random_block, stream_key
from scipy import special


def seat(
    n: int, discount: float, concentration: float, seed: int, stream: int, counts: list[int]
) -> list[int]:
    """Labels of n more customers after `counts`."""
    key = stream_key(seed, stream)
    counts = list(counts)
    labels: list[int] = []
    if n and not counts:
        counts.append(1)
        labels.append(0)
    while len(labels) < n:
        start = sum(counts)
        length = min(max(start // 16 + 2 * len(counts), 1024), 2**26)
        line = Line(counts)
        recent: list[int] = []
        founders: set[int] = set()
        for t in range(start, start + min(length, n - len(labels))):
            where, fraction = divmod(point_of(key, t, concentration), 2**64)
            new = fraction >= units_of_64_bits(1 - discount)  # if a founder sits there
            if where < start - 1:
                label, founded = line.at(where)
            elif where < t - 1:
                label, founded = recent[where - (start - 1)], where - (start - 1) in founders
            elif where == t - 1:
                label, founded = 0, True
            else:
                label, founded, new = 0, True, True
            if founded and new:
                label = len(counts)
                counts.append(0)
                founders.add(len(recent))
            counts[label] += 1
            recent.append(label)
        labels += recent
    return labels


def point_of(key: int, t: int, concentration: float) -> int:
    """A uniform point below t + concentration, in units of 2^-64."""
    whole = math.ceil(concentration)
    length = ((t + whole) << 64) - units_of_64_bits(whole - concentration)
    attempt = 0
    while True:
        high, low = (
            random_block(key, t // 4, attempt + i)[t % 4 // 2] >> t % 2 * 32 & 0xFFFFFFFF for i in (0, 1)
        )
        point = (high << 32 | low) * (t + whole)
        if point < length:
            return point
        attempt += 2


def units_of_64_bits(fraction: float) -> int:
    return min(int(fraction * 2.0**64), 2**64 - 1)


class Line:
    """Who sits when an epoch starts, without the founder of table 0."""

    def __init__(self, counts: list[int]) -> None:
        total = sum(counts)
        block = 2 ** max(0, total.bit_length() - 13)
        run = max(1, block // 32)
        self.founders_from = total - len(counts)
        pieces = [(k, (count - 1)) for k, count in enumerate(counts)]
        self.labels = [k for k, others in pieces for _ in range(others // block * block)]
        self.labels += [k for k, others in pieces for _ in range(others % block // run * run)]
        self.labels += [k for k, others in pieces for _ in range(others % run)]

    def at(self, where: int) -> tuple[int, bool]:
        if where < self.founders_from:
            return self.labels[where], False
        return where - self.founders_from + 1, True


# ---- laws ----------------------------------------------------------------------------------------


def log_rising(x: float, m: int) -> float:
    """ln of x (x + 1) ... (x + m - 1), for x > 0."""
    return math.lgamma(x + m) - math.lgamma(x)


def log_partition_probability(sizes: list[int], discount: float, concentration: float) -> float:
    """ln of the probability of a partition of n customers with tables of these sizes."""
    array = np.asarray(sizes, dtype=np.float64)
    total = np.log(concentration + discount * np.arange(1, array.size)).sum()
    total += (special.gammaln(array - discount) - special.gammaln(1 - discount)).sum()
    return float(total - special.gammaln(concentration + array.sum()) + special.gammaln(concentration + 1))


def expected_tables(n: int, discount: float, concentration: float) -> float:
    """E[K_n], by its recursion."""
    tables = 1.0
    for t in range(1, n):
        tables += (concentration + discount * tables) / (t + concentration)
    return tables


def expected_tables_of(m: int, n: int, discount: float, concentration: float) -> float:
    """E of the number of tables with exactly m customers."""
    log = math.lgamma(n + 1) - math.lgamma(m + 1) - math.lgamma(n - m + 1)
    log += log_rising(1 - discount, m - 1) + log_rising(concentration + discount, n - m)
    return math.exp(log - log_rising(concentration + 1, n - 1))


def restricted_growth(n: int) -> Iterator[tuple[int, ...]]:
    """Every partition of n customers, as labels in order of appearance."""

    def grow(labels: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(labels) == n:
            yield labels
            return
        for label in range(max(labels) + 2):
            yield from grow((*labels, label))

    yield from grow((0,))


def sizes_of(labels: np.ndarray | list[int]) -> list[int]:
    return np.bincount(labels).tolist()
