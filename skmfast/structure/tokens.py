"""What a context tree buys of a labelled corpus along its hull: syntax, names, knowledge by frequency."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from skmfast.codes import _two_part

if TYPE_CHECKING:
    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.laws.tables import Table
    from skmfast.structure.curve import StructureFunction

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NAME = 1  # label of tokens that spell the name: attribute 0


@dataclass(frozen=True, eq=False)
class Purchases:
    """Bits of each kind of token at points along a hull, and when each element was bought.

    Attributes
    ----------
    model_bits : ndarray of float64, shape (points,)
        Of the points looked at.
    kinds : tuple of str
        "syntax", "names", and classes of knowledge by the number of sentences about the element, the most
        frequent first.
    bits : ndarray of float64, shape (points, kinds)
        Mean bits of a token of each kind: -log2 of its share of the leaf that it falls into.
    num_tokens : ndarray of int64, shape (kinds,)
    counts : ndarray of int64, shape (elements,)
        Sentences about each element whose attributes were stated.
    frequencies : ndarray of float64, shape (elements,)
        True probability of each.
    bought_at : ndarray of float64, shape (kinds,)
        Model bits at which each kind is half bought. Syntax and names: the first point at which the mean bits
        of their tokens are half way from the empty tree to the hull's end. Knowledge: where they are half way
        from the first split on, which tells what slot a token fills but not whose it is.
    elements_bought_at : ndarray of float64, shape (elements,)
        The same of each element's knowledge. A context tree buys an element for every attribute and template
        anew, and values that frequent elements have too are cheap before; so single elements come less
        regularly than classes of them.
    """

    model_bits: Floats
    kinds: tuple[str, ...]
    bits: Floats
    num_tokens: Ints
    counts: Ints
    frequencies: Floats
    bought_at: Floats
    elements_bought_at: Floats

    @property
    def rank_correlation(self) -> float:
        """Spearman's correlation of the rarity of a class of knowledge and the model bits it is bought at."""
        from scipy.stats import spearmanr

        bought = self.bought_at[2:]
        return float(spearmanr(np.arange(len(bought)), bought).statistic) if len(bought) > 1 else math.nan

    def table(self) -> Table:
        """A row for each kind at each point: kind, model_bits, bits; and one for each element.

        Elements have the kind "element", the model bits that they are bought at, count and frequency.
        """
        from skmfast.laws.tables import Table, stacked

        parts: list[dict[str, npt.ArrayLike]] = [
            {
                "kind": name,
                "model_bits": self.model_bits,
                "bits": self.bits[:, k],
                "count": 0,
                "frequency": math.nan,
            }
            for k, name in enumerate(self.kinds)
        ]
        parts.append(
            {
                "kind": "element",
                "model_bits": self.elements_bought_at,
                "bits": math.nan,
                "count": self.counts,
                "frequency": self.frequencies,
            }
        )
        columns = stacked(parts)
        columns["kind"] = np.asarray(columns["kind"], dtype=object)
        metadata = {
            "law": "structure-tokens",
            "kinds": list(self.kinds),
            "num_tokens": self.num_tokens.tolist(),
            "bought_at": self.bought_at.tolist(),
            "rank_correlation": self.rank_correlation,
        }
        return Table(columns, metadata)

    def to_parquet(self, path: str | os.PathLike[str]) -> bytes:
        """Write `table`; returns the file's content."""
        return self.table().save(path)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the figure to an image: .png, .svg or .pdf."""
        from skmfast.structure.plots import draw

        draw(self.table().to_bytes(), path)


def token_purchases(
    curve: StructureFunction, corpus: LabelledCorpus, *, num_points: int = 96, class_base: int = 2
) -> Purchases:
    """What the context trees along a hull buy of a labelled corpus.

    Parameters
    ----------
    curve : StructureFunction
        ``structure_function(corpus)``, of context trees over tokens.
    corpus : LabelledCorpus
    num_points : int
        Points to look at, evenly in the logarithm of what the model has more than the empty tree.
    class_base : int
        Knowledge is classed by the number of sentences about its element: powers of this.

    Raises
    ------
    ValueError
        If the curve is not of this corpus's tokens, or fewer than two points are asked for.
    """
    hull = curve.hull
    if hull is None or len(hull.segments) != corpus.num_sentences or hull.num_symbols != len(corpus.tokens):
        raise ValueError("curve: it is not of context trees over this corpus's tokens")
    if num_points < 2 or class_base < 2:
        raise ValueError("num_points and class_base: at least 2")
    first, times = _different_sentences(corpus)
    tokens = _TokensOf(corpus, first, times, class_base)
    points = _points(hull.model_bits, num_points)
    means = np.zeros((len(points), len(tokens.kinds)))
    of_elements = np.zeros((len(points), tokens.num_elements))
    segments = np.ascontiguousarray(hull.segments[first])
    leaves = np.zeros(len(tokens.symbols), np.uint32)
    for row, point in enumerate(points.tolist()):
        number = _two_part.leaves(hull.text, segments, hull.splits_of(point), leaves)
        bits = _share_bits(leaves, number, tokens.symbols, tokens.weights)
        means[row] = tokens.mean_by_kind(bits)
        of_elements[row] = tokens.mean_by_element(bits)
    model_bits = hull.model_bits[points]
    stated = np.isfinite(of_elements[0])
    # The second point splits the empty context: from there on a token's neighbour says which slot it fills.
    bought = np.array([_halfway(model_bits[1:], bits) for bits in of_elements[1:, stated].T])
    shared = [model_bits[np.argmax(means[:, k] <= (means[0, k] + means[-1, k]) / 2)] for k in (0, 1)]
    classes = [_halfway(model_bits[1:], means[1:, k]) for k in range(2, len(tokens.kinds))]
    halfway = np.array([*shared, *classes])
    return Purchases(
        model_bits,
        tokens.kinds,
        means,
        tokens.num_tokens,
        np.asarray(corpus.counts).astype(np.int64)[stated],
        np.asarray(corpus.frequencies)[stated],
        halfway,
        bought,
    )


def _different_sentences(corpus: LabelledCorpus) -> tuple[Ints, Floats]:
    """One of each kind of equal sentences, and how many there are of it."""
    rows = np.concatenate(
        [
            np.asarray(corpus.elements).astype(np.int64)[:, None],
            np.asarray(corpus.statements).astype(np.int64).reshape(corpus.num_sentences, -1),
        ],
        axis=1,
    )
    _, first, times = np.unique(rows, axis=0, return_index=True, return_counts=True)
    return first, times.astype(np.float64)


class _TokensOf:
    """Tokens of some sentences, each sentence with a weight: kind and element of each."""

    def __init__(self, corpus: LabelledCorpus, sentences: Ints, times: Floats, class_base: int) -> None:
        begin = np.asarray(corpus.offsets).astype(np.int64)[sentences]
        sizes = np.asarray(corpus.offsets).astype(np.int64)[sentences + 1] - begin
        starts = np.cumsum(sizes) - sizes
        place = np.arange(int(sizes.sum())) + np.repeat(begin - starts, sizes)
        labels = np.asarray(corpus.labels)[place]
        elements = np.asarray(corpus.elements).astype(np.int64)[sentences]
        counts = np.asarray(corpus.counts).astype(np.int64)
        self.symbols = np.asarray(corpus.tokens)[place].astype(np.int64)
        self.weights = np.repeat(times, sizes)
        self.elements = np.repeat(elements, sizes)
        self.num_elements = len(counts)
        self.knowledge = labels > _NAME
        classes = np.floor(np.log(np.maximum(counts, 1)) / math.log(class_base) + 1e-9).astype(np.int64)
        powers, class_of = np.unique(-classes[self.elements[self.knowledge]], return_inverse=True)
        self.kind = np.where(labels == 0, 0, 1)
        self.kind[self.knowledge] = 2 + class_of
        self.kinds = (
            "syntax",
            "names",
            *(_class_name(class_base**k, class_base ** (k + 1) - 1) for k in (-powers).tolist()),
        )
        self.num_tokens = np.bincount(self.kind, self.weights, len(self.kinds)).astype(np.int64)

    def mean_by_kind(self, bits: Floats) -> Floats:
        sums = np.bincount(self.kind, self.weights * bits, len(self.kinds))
        return np.asarray(sums / np.maximum(self.num_tokens, 1))

    def mean_by_element(self, bits: Floats) -> Floats:
        """Of the knowledge tokens; nan for elements without."""
        chosen = self.knowledge
        elements, weights = self.elements[chosen], self.weights[chosen]
        sums = np.bincount(elements, weights * bits[chosen], self.num_elements)
        with np.errstate(invalid="ignore"):
            return np.asarray(sums / np.bincount(elements, weights, self.num_elements))


def _class_name(first: int, last: int) -> str:
    return f"{first:,} to {last:,}" if last > first else f"{first:,}"


def _share_bits(leaves: npt.NDArray[np.uint32], number: int, symbols: Ints, weights: Floats) -> Floats:
    """-log2 of the share of each symbol in its leaf."""
    alphabet = int(symbols.max()) + 1
    keys, place = np.unique(leaves.astype(np.int64) * alphabet + symbols, return_inverse=True)
    counts = np.bincount(place, weights, len(keys))
    totals = np.bincount(leaves, weights, number)
    return np.asarray(np.log2(totals)[leaves] - np.log2(counts)[place])


def _points(model_bits: Floats, number: int) -> Ints:
    """The empty tree, the next point, and further ones evenly in the logarithm of what they have more."""
    more = model_bits - model_bits[0]
    if len(more) < 3:
        return np.arange(len(more))
    # Past the first split, measured from there: it alone may have most of the bits of the whole hull.
    later = np.geomspace(max(more[2] - more[1], 1.0), more[-1] - more[1], number) + more[1]
    found = np.clip(np.searchsorted(more, later), 1, len(more) - 1)
    return np.unique(np.concatenate([[0, 1], found, [len(more) - 1]]))


def _halfway(model_bits: Floats, bits: Floats) -> float:
    """Model bits at which half of the fall is done, between points linearly."""
    middle = (bits[0] + bits[-1]) / 2
    if bits[0] <= bits[-1]:
        return float(model_bits[0])
    k = int(np.argmax(bits <= middle))
    share = (bits[k - 1] - middle) / (bits[k - 1] - bits[k])
    return float(model_bits[k - 1] + share * (model_bits[k] - model_bits[k - 1]))
