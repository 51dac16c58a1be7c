"""How often the MDL tree of the two-part code is the true one, for texts of context trees of depth 3.

Two families of sources. Both draw the tree at random: a context with fewer than 3 symbols is split with
probability 0.7, and trees without a leaf at depth 3 are drawn again.

    identifiable   leaves' distributions uniform among those in which every symbol has a probability of at
                   least 0.1 and no two leaves below the same context are nearer than 0.1 in total variation
    all            leaves' distributions Dirichlet(1/2): contexts that hardly occur, and splits between
                   leaves that are nearly equal, too

In the second family many splits save fewer bits than their parameters cost, so no code finds them in so many
symbols. The record has beside the two-part code the tree with the least -log2 likelihood + log2(n)/2 for
each parameter (BIC), the cheapest that a split can be without favouring some trees over others.

    python bench/recover_trees.py --out FILE
"""

from __future__ import annotations

import argparse
import bisect
from pathlib import Path

import numpy as np
from provenance import provenance
from records import write_record

from skmfast.codes.tree_hull import TreeHull, tree_hull

DEPTH = 3
SEARCHED_DEPTH = 5  # of the trees that BIC chooses from; the two-part code may go to 64
LETTERS = (2, 3, 4)
SIZES = (100_000, 400_000)

Context = tuple[int, ...]  # nearest letter first


class TreeSource:
    """A context tree of depth 3 with a distribution in each leaf: symbol 1 + k with probability p[k]."""

    def __init__(self, rng: np.random.Generator, letters: int, *, identifiable: bool) -> None:
        self.letters = letters
        while True:
            self.leaves: list[Context] = list(self._grow(rng, ()))
            if max(map(len, self.leaves)) == DEPTH:
                break
        self.p = np.empty((len(self.leaves), letters))
        for parent in self.contexts():
            siblings = [i for i, leaf in enumerate(self.leaves) if leaf and leaf[:-1] == parent]
            self.p[siblings] = _distributions(rng, len(siblings), letters, identifiable)
        self.leaf_of = {
            before: next(i for i, leaf in enumerate(self.leaves) if before[: len(leaf)] == leaf)
            for before in np.ndindex(*[letters] * DEPTH)
        }

    def _grow(self, rng: np.random.Generator, context: Context):
        if len(context) == DEPTH or rng.random() >= 0.7:
            yield context
        else:
            for letter in range(self.letters):
                yield from self._grow(rng, (*context, letter))

    def contexts(self) -> list[Context]:
        """Those that are split, in order."""
        return sorted({leaf[:depth] for leaf in self.leaves for depth in range(len(leaf))})

    def sample(self, rng: np.random.Generator, n: int) -> bytes:
        """A text of ``n`` symbols."""
        cumulative = np.cumsum(self.p, axis=1)[:, :-1].tolist()
        thresholds = {before: cumulative[leaf] for before, leaf in self.leaf_of.items()}
        before, text = (0,) * DEPTH, bytearray()
        for u in rng.random(n).tolist():
            letter = bisect.bisect_right(thresholds[before], u)
            text.append(1 + letter)
            before = (letter, *before[: DEPTH - 1])
        return bytes(text)


def _distributions(rng: np.random.Generator, count: int, letters: int, identifiable: bool) -> np.ndarray:
    """Those of the leaves below one context, shape (count, letters)."""
    if not identifiable:
        return rng.dirichlet([0.5] * letters, count)
    while True:
        p = 0.1 + (1 - 0.1 * letters) * rng.dirichlet([1.0] * letters, count)
        variation = np.abs(p[:, None] - p[None]).sum(axis=2) / 2 + np.eye(count)
        if (variation >= 0.1).all():
            return p


def two_part_contexts(text: bytes) -> set[Context]:
    """Contexts that the MDL tree of the two-part code splits."""
    hull: TreeHull = tree_hull([text], least_slope=1.0)
    splits = hull.splits_of(hull.minimum)[["position", "first_depth", "depth"]].tolist()
    return {
        tuple((hull.text[end - depth : end][::-1].astype(int) - 1).tolist())
        for end, first, last in splits
        for depth in range(first, last + 1)
    }


def bic_contexts(text: bytes, letters: int) -> set[Context]:
    """Contexts that the tree with the least -log2 likelihood + log2(n)/2 for each parameter splits."""
    symbols = np.frombuffer(text, np.uint8).astype(np.int64) - 1
    before = np.append(np.zeros(SEARCHED_DEPTH, np.int64), symbols)
    place = np.zeros(len(symbols), np.int64)  # of a context among those of its length
    least, split = np.zeros(0), []
    costs = []
    for depth in range(SEARCHED_DEPTH + 1):
        if depth > 0:
            place += before[SEARCHED_DEPTH - depth :][: len(symbols)] * letters ** (depth - 1)
        counts = np.bincount(place * letters + symbols, minlength=letters ** (depth + 1)).reshape(-1, letters)
        totals = counts.sum(axis=1)
        bits = _n_log_n(totals) - _n_log_n(counts).sum(axis=1)
        costs.append(bits + (totals > 0) * (letters - 1) / 2 * np.log2(len(symbols)))
    least = costs[-1]
    for depth in reversed(range(SEARCHED_DEPTH)):
        below = least.reshape(letters, letters**depth).sum(axis=0)
        split.insert(0, below < costs[depth])
        least = np.minimum(below, costs[depth])
    found: set[Context] = set()
    open_contexts: list[Context] = [()]
    while open_contexts:
        context = open_contexts.pop()
        place_of = sum(letter * letters**k for k, letter in enumerate(context))
        if len(context) < SEARCHED_DEPTH and split[len(context)][place_of]:
            found.add(context)
            open_contexts += [(*context, letter) for letter in range(letters)]
    return found


def _n_log_n(counts: np.ndarray) -> np.ndarray:
    return counts * np.log2(np.maximum(counts, 1))


def recover(letters: int, n: int, draws: int, seed: int, *, identifiable: bool) -> dict[str, int]:
    """Of ``draws`` sources: how often each of the two trees is the true one, lacks a split, has one more."""
    rng = np.random.default_rng([seed, letters, n, identifiable])
    tally = dict.fromkeys(
        [f"{name}_{what}" for name in ("two_part", "bic") for what in ("right", "missing", "extra")], 0
    )
    for _ in range(draws):
        source = TreeSource(rng, letters, identifiable=identifiable)
        text, true = source.sample(rng, n), set(source.contexts())
        for name, found in (("two_part", two_part_contexts(text)), ("bic", bic_contexts(text, letters))):
            tally[f"{name}_right"] += found == true
            tally[f"{name}_missing"] += not true <= found
            tally[f"{name}_extra"] += not found <= true
    return tally


def main() -> None:
    """Parse the arguments, run, print the table and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = []
    print("family        letters  symbols   two-part: right  missing  extra   BIC: right  missing  extra")
    for identifiable in (True, False):
        for letters in LETTERS:
            for n in SIZES:
                tally = recover(letters, n, arguments.draws, arguments.seed, identifiable=identifiable)
                family = "identifiable" if identifiable else "all"
                rows.append({"family": family, "letters": letters, "symbols": n, **tally})
                print(
                    f"{family:12} {letters:8} {n:8} {tally['two_part_right']:17}"
                    f" {tally['two_part_missing']:8} {tally['two_part_extra']:6}"
                    f" {tally['bic_right']:12} {tally['bic_missing']:8} {tally['bic_extra']:6}",
                    flush=True,
                )
    if arguments.out:
        write_record(
            arguments.out, {**provenance(), "draws": arguments.draws, "seed": arguments.seed, "rows": rows}
        )


if __name__ == "__main__":
    main()
