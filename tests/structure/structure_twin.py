"""The structure function from its definition: every pruned context tree, one by one. For short texts."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import comb, factorial, log2

SPLIT_SCALE = 24


def multinomial_bits(counts: Counter) -> float:
    """log2 of the number of orders of these symbols."""
    ways = factorial(sum(counts.values()))
    for count in counts.values():
        ways //= factorial(count)
    return log2(ways)


def size_bits(size: int, most: int) -> float:
    """An integer of 1 ... most, probability proportional to 1 / (size (size + 1))."""
    weights = [Fraction(1, j * (j + 1)) for j in range(1, most + 1)]
    return -log2(weights[size - 1] / sum(weights))


def in_order(weights: Counter) -> list[int]:
    """The heaviest first."""
    return sorted(weights, key=lambda symbol: (-weights[symbol], symbol))


def choice_bits(weights: Counter, order: list[int], members: set[int]) -> float:
    """Which of the symbols in ``order`` are members; how many are is known."""
    bits = 0.0
    for i, symbol in enumerate(order):
        left = sum(each in members for each in order[i:])
        if left in (0, len(order) - i):
            break
        rest = sum(weights[each] for each in order[i + 1 :])
        p = Fraction(left * weights[symbol], left * weights[symbol] + rest)
        bits -= log2(p if symbol in members else 1 - p)
    return bits


class Twin:
    """Costs of a corpus: documents are sequences of integers below ``alphabet``."""

    def __init__(self, documents, depth: int, alphabet: int = 256) -> None:
        self.depth, self.alphabet = depth, alphabet
        self.pairs = []  # (context, nearest symbol first; symbol)
        self.candidates: dict[int, Counter] = {0: Counter({0: 1})}  # what comes before each symbol
        for document in documents:
            padded = [0] * depth + list(document)
            for i in range(depth, len(padded)):
                self.pairs.append((tuple(padded[i - depth : i][::-1]), padded[i]))
                before = padded[i - 1] if i > depth else 0
                self.candidates.setdefault(padded[i], Counter())[before] += 1

    def counts(self, context: tuple) -> Counter:
        return Counter(symbol for before, symbol in self.pairs if before[: len(context)] == context)

    def extensions(self, context: tuple) -> list[tuple]:
        return sorted({c[: len(context) + 1] for c, _ in self.pairs if c[: len(context)] == context})

    def flag_bits(self, context: tuple, split: bool) -> float:
        """A context with several symbols, below the depth, is a leaf or not."""
        counts = self.counts(context)
        if len(counts) == 1 or len(context) == self.depth:
            return 0.0
        n = sum(counts.values())
        p = Fraction(n, 2 * (n + SPLIT_SCALE))
        return -log2(p if split else 1 - p)

    def root_bits(self) -> float:
        counts = self.counts(())
        n = sum(counts.values())
        most = min(self.alphabet, n)
        return log2(most) + log2(comb(self.alphabet, len(counts))) + log2(comb(n - 1, len(counts) - 1))

    def table_bits(self, context: tuple) -> float:
        """Which extensions, how often each, and the counts of each."""
        candidates = self.candidates[context[-1]] if context else self.counts(()) + Counter({0: 1})
        rows = [(self.counts(each), each[-1]) for each in self.extensions(context)]
        rows.sort(key=lambda row: (sum(row[0].values()), row[1]))
        left = self.counts(context)
        order = in_order(left)
        n = sum(left.values())
        bits = size_bits(len(rows), min(len(candidates), n)) + log2(comb(n - 1, len(rows) - 1))
        bits += choice_bits(candidates, in_order(candidates), {symbol for _, symbol in rows})
        for row, _ in rows[:-1]:
            size, possible = sum(row.values()), len(+left)
            bits += size_bits(len(row), min(possible, size)) + log2(comb(size - 1, len(row) - 1))
            bits += choice_bits(left, [symbol for symbol in order if left[symbol]], set(row))
            left -= row
        return bits

    def trees(self, context: tuple = ()):
        """(model bits, data bits) of every pruned tree below a context, without its counts."""
        counts = self.counts(context)
        yield self.flag_bits(context, False), multinomial_bits(counts)
        if len(counts) == 1 or len(context) == self.depth:
            return
        own = self.flag_bits(context, True) + self.table_bits(context)
        sums = {(own, 0.0)}
        for extension in self.extensions(context):
            below = set(self.trees(extension))
            sums = {(m + bm, d + bd) for m, d in sums for bm, bd in below}
        yield from sums

    def hull(self) -> list[tuple[float, float]]:
        """Vertices of the lower convex hull over all pruned trees, from the empty one on."""
        if not self.pairs:
            return [(0.0, 0.0)]
        root = self.root_bits()
        return lower_hull({(root + m, d) for m, d in self.trees()})


def lower_hull(points) -> list[tuple[float, float]]:
    """Vertices of the falling part of the lower hull, by increasing model bits."""
    hull: list[tuple[float, float]] = []
    for x, y in sorted(points):
        if hull and y >= hull[-1][1]:
            continue
        while len(hull) > 1 and (hull[-1][0] - hull[-2][0]) * (y - hull[-2][1]) <= (x - hull[-2][0]) * (
            hull[-1][1] - hull[-2][1]
        ):
            hull.pop()
        hull.append((x, y))
    return hull
