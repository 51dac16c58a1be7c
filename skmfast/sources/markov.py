"""MarkovSyntax: sentences whose syntax is a Markov chain of words, with exact entropies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.sources import dirichlet
from skmfast.sources.dirichlet_syntax import DirichletSyntax
from skmfast.sources.markov_sampling import ChainSampler
from skmfast.sources.patterns import check_text

LENGTHS = ("fixed", "geometric")
MAX_MEAN_LENGTH = 10_000


class MarkovSyntax(DirichletSyntax):
    """Kinds of Markov chains over syntax words.

    A sentence about an element of kind r is its name, a run of words from chain r, the value of one
    attribute, and the line end. The first word is drawn from φ[r, 0], the word after word i from
    φ[r, 1 + i]; each of these rows is drawn from a Dirichlet prior. The number of words is fixed, or
    geometric with a given mean (at least one word); its distribution is known and not learnt.

    Parameters
    ----------
    words : sequence of str
        The S syntax words, distinct; at least one.
    kinds : int
        Number of kinds, n_syn.
    kind_field : str or None
        The field of the name that decides the kind: its value's number modulo ``kinds``. None: the name's
        last field.
    prior : float or array_like of float, shape (S,), (S + 1, S) or (kinds, S + 1, S)
        Parameters of the Dirichlet priors of the rows.
    length : "fixed" or "geometric"
        Distribution of the number of words.
    mean_length : float
        Its mean, 1 to 10,000; a whole number when it is fixed.
    probabilities : array_like of float, shape (kinds, S + 1, S), or None
        φ itself, if it is not to be drawn. Zeros are allowed here.

    Raises
    ------
    ValueError
        If a word appears twice or a number is out of range.

    Examples
    --------
    A fair coin tossed three times:

    >>> coin = MarkovSyntax(["heads", "tails"], mean_length=3, probabilities=np.full((1, 3, 2), 0.5))
    >>> fair = coin.probabilities(0)
    >>> coin.entropy_rate_bits(fair).tolist(), coin.entropy_bits(fair).tolist()
    ([1.0], [3.0])
    >>> coin.parameters_per_kind
    3
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        kinds: int = 1,
        kind_field: str | None = None,
        prior: npt.ArrayLike = 1.0,
        length: str = "fixed",
        mean_length: float = 8,
        probabilities: npt.ArrayLike | None = None,
    ) -> None:
        self._words = _checked_words(words)
        super().__init__(kinds, kind_field)
        if length not in LENGTHS:
            raise ValueError(f"length={length!r}: neither 'fixed' nor 'geometric'")
        if not 1 <= mean_length <= MAX_MEAN_LENGTH:
            raise ValueError(f"mean_length={mean_length}: outside 1 to {MAX_MEAN_LENGTH:,}")
        if length == "fixed" and mean_length != int(mean_length):
            raise ValueError(f"mean_length={mean_length}: a fixed length is a whole number")
        self._length = length
        self._mean_length = float(mean_length)
        self._prior = self._prior_array(prior)
        self._known = None if probabilities is None else self._known_array(probabilities)

    # ---- what it is made of ----------------------------------------------------------------------

    @property
    def words(self) -> tuple[str, ...]:
        """The syntax words."""
        return self._words

    @property
    def statements(self) -> int:
        """Statements in a sentence: 1."""
        return 1

    @property
    def length(self) -> str:
        """``"fixed"`` or ``"geometric"``."""
        return self._length

    @property
    def mean_length(self) -> float:
        """Mean number of words in a sentence."""
        return self._mean_length

    @property
    def shape(self) -> tuple[int, int, int]:
        """(kinds, S + 1, S): the shape of counts and probabilities. Row 0 is the first word's."""
        return self._kinds, len(self._words) + 1, len(self._words)

    def __repr__(self) -> str:
        return (
            f"<MarkovSyntax: {len(self._words)} words, {self._kinds} kinds, {self._length} length of"
            f" {self._mean_length:g}>"
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        description: dict[str, Any] = {
            "syntax": "markov",
            "words": list(self._words),
            "kinds": self._kinds,
            "kind_field": self._kind_field,
            "prior": float(self._prior.flat[0]) if np.ptp(self._prior) == 0 else self._prior.tolist(),
            "length": self._length,
            "mean_length": self._mean_length,
        }
        if self._known is not None:
            description["probabilities"] = self._known.tolist()
        return description

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> MarkovSyntax:
        """The syntax that `to_dict` described."""
        return cls(
            description["words"],
            kinds=description["kinds"],
            kind_field=description.get("kind_field"),
            prior=description["prior"],
            length=description["length"],
            mean_length=description["mean_length"],
            probabilities=description.get("probabilities"),
        )

    # ---- entropies -------------------------------------------------------------------------------

    def stationary(self, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The stationary distribution of each kind's chain, shape (kinds, S).

        Of the limit distributions of the words' long-run shares, the one that is reached from the first
        word's distribution: exact also for chains that are periodic or come to rest in parts of the words.
        """
        first, moves = self._split(probabilities)
        return np.stack([_long_run(f, p) for f, p in zip(first, moves, strict=True)])

    def entropy_rate_bits(self, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Entropy rate of each kind's chain in bits a word: Σ_i π_i H(φ_i), shape (kinds,)."""
        rows = dirichlet.entropy_bits(probabilities)[:, 1:]
        return np.asarray((self.stationary(probabilities) * rows).sum(axis=-1))

    @property
    def length_bits(self) -> float:
        """Entropy of the number of words."""
        if self._length == "fixed" or self._mean_length == 1:
            return 0.0
        stop = 1 / self._mean_length
        return -(math.log2(stop) + (1 - stop) / stop * math.log2(1 - stop))

    def entropy_bits(self, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Entropy of a sentence's syntax given φ, for each kind: the number of words and the words.

        Returns
        -------
        ndarray of float64, shape (kinds,)
        """
        visits = self.expected_visits(probabilities)
        rows = dirichlet.entropy_bits(probabilities)
        return np.asarray(self.length_bits + (visits * rows).sum(axis=-1))

    def expected_visits(self, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """How often a sentence draws from each row in the mean, shape (kinds, S + 1); row 0 once."""
        first, moves = self._split(probabilities)
        visits = np.ones(self.shape[:2])
        for kind in range(self._kinds):
            visits[kind, 1:] = self._visits(first[kind], moves[kind])
        return visits

    # ---- code lengths ----------------------------------------------------------------------------

    def count(
        self, kinds: npt.ArrayLike, words: npt.ArrayLike, offsets: npt.ArrayLike
    ) -> npt.NDArray[np.int64]:
        """Counts of transitions, of `shape`.

        Parameters
        ----------
        kinds : array_like of integers, shape (n,)
            Kind of each sentence.
        words : array_like of integers, shape (words of all sentences,)
        offsets : array_like of integers, shape (n + 1,)
            Where each sentence's words begin.
        """
        rows, columns = self._events(kinds, words, offsets)
        flat = np.bincount(rows * self.shape[2] + columns, minlength=math.prod(self.shape))
        return flat.reshape(self.shape)

    def lengths_bits(self, lengths: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Bits of numbers of words under their distribution, which is known; infinite where it is zero."""
        words = np.asarray(lengths, dtype=np.float64)
        if self._length == "fixed" or self._mean_length == 1:
            return np.where(words == self._mean_length, 0.0, np.inf)
        stop = 1 / self._mean_length
        bits = -math.log2(stop) - (words - 1) * math.log2(1 - stop)
        return np.where(words >= 1, bits, np.inf)

    def total_lengths_bits(self, counts: npt.ArrayLike) -> float:
        """`lengths_bits` of all sentences with these counts: their number and that of their words decide."""
        array = dirichlet.check_counts(counts, self._prior)
        sentences, words = float(array[:, 0].sum()), float(array.sum())
        if self._length == "fixed" or self._mean_length == 1:
            return 0.0 if words == sentences * self._mean_length else math.inf
        stop = 1 / self._mean_length
        return -sentences * math.log2(stop) - (words - sentences) * math.log2(1 - stop)

    def sequential_bits(
        self, kinds: npt.ArrayLike, words: npt.ArrayLike, offsets: npt.ArrayLike
    ) -> npt.NDArray[np.float64]:
        """Bits of each word given all words before it; they add up to `code_length_bits`.

        The arguments are those of `count`.
        """
        prior = self._prior.reshape(-1, self.shape[2])
        return dirichlet.sequential_bits(*self._events(kinds, words, offsets), prior)

    # ---- sentences -------------------------------------------------------------------------------

    def sample(
        self,
        kinds: npt.ArrayLike,
        seed: int,
        *,
        first: int = 0,
        probabilities: npt.NDArray[np.float64] | None = None,
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
        """Words of sentences ``first``, ``first + 1``, ...

        Sentence i takes its numbers from stream `streams.SYNTAX` at index i: the first decides the length
        if that is random, each further one a word. A sentence depends on (φ, seed, kind, i) alone.

        Parameters
        ----------
        kinds : array_like of integers, shape (n,)
            Kind of each sentence.
        seed : int
            Seed of the source.
        first : int
            Number of the first sentence.
        probabilities : ndarray of float64, shape `shape`, or None
            φ; None for ``probabilities(seed)``.

        Returns
        -------
        words : ndarray of uint32, shape (words of all sentences,)
        offsets : ndarray of uint64, shape (n + 1,)
            Where each sentence's words begin.
        """
        phi = self.probabilities(seed) if probabilities is None else probabilities
        return ChainSampler(phi, self._length, self._mean_length, seed).sample(kinds, first)

    def _visits(
        self, first: npt.NDArray[np.float64], moves: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """How often each word is followed by another one in a sentence, in the mean."""
        if self._length == "geometric":
            go_on = 1 - 1 / self._mean_length
            system = np.eye(len(first)) - go_on * moves.T
            return np.asarray(np.linalg.solve(system, go_on * first))
        return _power_sum(first, moves, int(self._mean_length) - 1)

    def _events(
        self, kinds: npt.ArrayLike, words: npt.ArrayLike, offsets: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The row and the column of `shape`, flat over kinds, of each word."""
        k, w, o = (np.asarray(array).astype(np.int64) for array in (kinds, words, offsets))
        if o.shape != (k.size + 1,) or o[0] != 0 or o[-1] != w.size or np.any(np.diff(o) < 0):
            raise ValueError("offsets do not cut the words into one run for each kind")
        for name, array, size in (("kind", k, self._kinds), ("word", w, len(self._words))):
            if array.size and not (array.min() >= 0 and array.max() < size):
                raise ValueError(f"{name} outside 0 to {size - 1}")
        lengths = np.diff(o)
        before = np.concatenate([[-1], w[:-1]])[: w.size]
        before[o[:-1][lengths > 0]] = -1
        return np.repeat(k, lengths) * self.shape[1] + 1 + before, w

    def _split(
        self, probabilities: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        phi = self._known_array(probabilities)
        return phi[:, 0], phi[:, 1:]

    def _prior_array(self, prior: npt.ArrayLike) -> npt.NDArray[np.float64]:
        given = np.asarray(prior, dtype=np.float64)
        allowed = ((), self.shape[2:], self.shape[1:], self.shape)
        if given.shape not in allowed:
            raise ValueError(f"prior of shape {given.shape} for {self.shape}")
        if not (np.all(np.isfinite(given)) and np.all(given > 0)):
            raise ValueError("prior: parameters of a Dirichlet distribution are positive and finite")
        return np.array(np.broadcast_to(given, self.shape))

    def _known_array(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
        given = np.array(probabilities, dtype=np.float64)
        if given.shape != self.shape:
            raise ValueError(f"probabilities of shape {given.shape} for {self.shape}")
        if not (np.all(given >= 0) and np.all(np.abs(given.sum(axis=-1) - 1) < 1e-9)):
            raise ValueError("probabilities: rows are not probabilities that add up to 1")
        return given


def _checked_words(words: Sequence[str]) -> tuple[str, ...]:
    if isinstance(words, str):
        raise TypeError("words is a sequence of texts, not one text")
    if not words:
        raise ValueError("no words")
    seen: set[str] = set()
    for place, word in enumerate(words):
        check_text(word, f"word {place}")
        if word in seen:
            raise ValueError(f"word {place}, {word!r}, appears twice")
        seen.add(word)
    return tuple(words)


def _long_run(first: npt.NDArray[np.float64], moves: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Long-run shares of the words of a chain that begins with ``first``.

    Each closed class of words has one stationary distribution; their weights are the probabilities that the
    chain ends up in them.
    """
    from scipy.sparse.csgraph import connected_components

    number, label = connected_components(moves > 0, directed=True, connection="strong")
    leaves = np.zeros(number, dtype=bool)
    source, target = np.nonzero(moves)
    leaves[label[source[label[source] != label[target]]]] = True
    shares = np.zeros(len(first))
    passing = leaves[label]
    # Mean visits to the words that are left for good, and from there into the closed classes.
    inner = np.eye(int(passing.sum())) - moves[np.ix_(passing, passing)].T
    reach = first[~passing] + moves[np.ix_(passing, ~passing)].T @ np.linalg.solve(inner, first[passing])
    closed = np.flatnonzero(~passing)
    for class_ in np.flatnonzero(~leaves):
        members = closed[label[closed] == class_]
        weight = reach[label[closed] == class_].sum()
        shares[members] = weight * _stationary(moves[np.ix_(members, members)])
    return shares


def _stationary(moves: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The stationary distribution of an irreducible chain.

    By state reduction (Grassmann, Taksar and Heyman 1985): no subtractions, so every entry is accurate to
    nearly all digits, however small.
    """
    reduced = moves.copy()
    size = len(reduced)
    for last in range(size - 1, 0, -1):
        leaving = reduced[last, :last].sum()
        reduced[:last, last] /= leaving
        reduced[:last, :last] += np.outer(reduced[:last, last], reduced[last, :last])
    shares = np.zeros(size)
    shares[0] = 1.0
    for state in range(1, size):
        shares[state] = shares[:state] @ reduced[:state, state]
    return np.asarray(shares / shares.sum())


def _power_sum(
    first: npt.NDArray[np.float64], moves: npt.NDArray[np.float64], terms: int
) -> npt.NDArray[np.float64]:
    """first · (1 + P + ... + P^(terms-1)), by doubling."""
    total = np.zeros_like(first)
    row = first
    block, power = np.eye(len(first)), moves  # sum of 2^j powers, and P^(2^j)
    while terms:
        if terms & 1:
            total = total + row @ block
            row = row @ power
        block, power, terms = block + block @ power, power @ power, terms >> 1
    return total
