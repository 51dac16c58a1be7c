"""Expected redundancy of the Bayes mixture over Syntax-Knowledge sources: what learning costs, exactly.

Redundancy is the expected length of `BayesMixture` less that of `Oracle`, for n sentences of a source whose
weights, contents and template probabilities are drawn from their priors. It is I(sentences; parameters),
and falls into parts, each a function of n:

- partition: the entropy of the partition less n E[H(p)]; negative, because a partition does not say which
  element is meant, which the contents do;
- names: K_n names of M, each given once;
- attributes, when first stated: an element drawn m times has all its attributes outside T unstated with
  probability q_T^m, q_T = C(free + |T|, s) / C(A, s) for s statements a sentence, so sums over elements of
  powers of q, E[sum over k of q^(n_k)], are all that is needed;
- templates: Dirichlet mixtures, whose expected lengths are sums over Beta-binomial laws;
- words of Markov chains: the same for first words, and for the others an expansion for many sentences; see
  `skmfast.codes.chain_redundancy`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.interpolate import BarycentricInterpolator

from skmfast.codes.chain_redundancy import row_redundancy
from skmfast.sources.element_counts import element_count_law
from skmfast.sources.frequencies import PitmanYor
from skmfast.sources.gamma_ratios import Array, log_gamma_ratio, log_gamma_ratio_shortfall
from skmfast.sources.partition import check_draws, expected_elements, weight_entropy_bits
from skmfast.sources.partition_entropy import mean_over_sizes, partition_entropy_bits
from skmfast.sources.smooth_sums import beta_binomial_mean
from skmfast.sources.templates import TemplateSyntax

if TYPE_CHECKING:
    from skmfast.sources.markov import MarkovSyntax
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge

_LN2 = math.log(2)
_POINTS = 13
_DEVIATIONS = 8.0


@dataclass(frozen=True, eq=False)
class Redundancy:
    """Expected redundancy in bits, by part.

    Attributes
    ----------
    num_sentences : ndarray of float64
        n; the other arrays have its shape.
    num_elements : ndarray of float64
        E[K_n].
    partition_bits, name_bits, attribute_bits, syntax_bits : ndarray of float64
        Of n sentences together. Attributes count as far as they were stated.
    total_content_bits : float
        H0, all contents of an element.
    """

    num_sentences: Array
    num_elements: Array
    partition_bits: Array
    name_bits: Array
    attribute_bits: Array
    syntax_bits: Array
    total_content_bits: float

    @property
    def whole_content_bits(self) -> Array:
        """K H0: every element's contents in full, as where each sentence states all attributes."""
        return self.num_elements * self.total_content_bits

    @property
    def content_bits(self) -> Array:
        """Names and attributes: K H0, as far as it was stated."""
        return self.name_bits + self.attribute_bits

    @property
    def knowledge_bits(self) -> Array:
        """Partition and contents."""
        return self.partition_bits + self.content_bits

    @property
    def bits(self) -> Array:
        """All parts."""
        return self.knowledge_bits + self.syntax_bits


def expected_redundancy(source: SyntaxKnowledge, num_sentences: npt.ArrayLike) -> Redundancy:
    """Expected redundancy of the mixture with known hyperparameters.

    Parameters
    ----------
    source : SyntaxKnowledge
        With `PitmanYor` frequencies.
    num_sentences : array_like of whole numbers, 1 to 1e18

    Raises
    ------
    TypeError
        If frequencies are of another kind.
    ValueError
        If n is out of range, or more elements than names are to be expected.

    Notes
    -----
    With several kinds the syntax part takes the number of statements of each kind at its mean. That is an
    upper bound, as the redundancy of a template's distribution is concave in it.

    All of it is exact for `TemplateSyntax` with one kind. For `MarkovSyntax` partition, names, attributes and
    the first words are; the other words are asymptotic: within o(1) bits for each row of the chains as n
    grows, and a mean over some draws of φ (8 to 256, always the same ones), so with a standard error.

    Examples
    --------
    >>> from skmfast.sources.example import small_example
    >>> parts = expected_redundancy(small_example(), [1])
    >>> round(float(parts.name_bits[0] - np.log2(36)), 12)
    0.0
    """
    frequencies, syntax = source.frequencies, source.syntax
    if not isinstance(frequencies, PitmanYor):
        raise TypeError(f"redundancy is known for Pitman-Yor frequencies, not for {frequencies!r}")
    law = frequencies.discount, frequencies.concentration
    n = check_draws(num_sentences, 1)
    if np.any(expected_elements(n, *law) > source.contents.num_names):
        raise ValueError(
            f"{float(expected_elements(n.max(), *law)):,.0f} elements are to be expected;"
            f" there are names for {source.contents.num_names:,}"
        )

    def each(part: Callable[[float], float]) -> Array:
        return np.asarray(np.vectorize(part, otypes=[float])(n))

    return Redundancy(
        num_sentences=n,
        num_elements=expected_elements(n, *law),
        partition_bits=partition_entropy_bits(n, *law) - n * weight_entropy_bits(*law),
        name_bits=each(lambda m: _name_bits(int(m), law, source.contents.num_names)),
        attribute_bits=each(lambda m: _attribute_bits(float(m), law, source)),
        syntax_bits=each(_syntax_part(syntax)),
        total_content_bits=source.contents.total_bits,
    )


def _name_bits(n: int, law: tuple[float, float], num_names: int) -> float:
    def taken(k: Array) -> Array:
        return -log_gamma_ratio(num_names + 1.0, -np.minimum(k, num_names))

    return element_count_law(n, *law).mean(taken) / _LN2


def _attribute_bits(n: float, law: tuple[float, float], source: SyntaxKnowledge) -> float:
    """E[bits of all that was stated of the elements, their names apart]."""
    number, statements = len(source.contents.stated), source.syntax.statements
    weights: dict[float, float] = {}
    for root in source.contents.roots:
        attributes = root.attributes
        free = number - len(attributes)
        for size in range(len(attributes) + 1):
            share = math.comb(free + size, statements) / math.comb(number, statements)
            weights[share] = weights.get(share, 0.0) + math.fsum(
                _alone(subset, attributes, root.entropy_bits) for subset in combinations(attributes, size)
            )
    return math.fsum(
        weight * mean_over_sizes(lambda m, q=share: q**m, n, *law)  # type: ignore[misc]
        for share, weight in weights.items()
        if weight != 0
    )


def _alone(subset: tuple[int, ...], attributes: list[int], entropy: Callable[[int], float]) -> float:
    """Alternating sum of the entropies of all sets between ``subset`` and ``attributes``.

    It is the weight of the probability that only attributes of ``subset`` were stated in the mean of the
    entropy of what was stated (inclusion and exclusion).
    """
    others = [place for place in attributes if place not in subset]
    known = sum(1 << place for place in subset)
    return math.fsum(
        (-1) ** size * entropy(known + sum(1 << place for place in more))
        for size in range(len(others) + 1)
        for more in combinations(others, size)
    )


# ---- templates and words ----------------------------------------------------------------------------------


def _syntax_part(syntax: TemplateSyntax | MarkovSyntax) -> Callable[[float], float]:
    """Redundancy of all that is learnt of the syntax, as a function of n."""
    if isinstance(syntax, TemplateSyntax):
        share = syntax.statements / len(syntax.attributes) / syntax.kinds
        priors = syntax.prior.reshape(-1, syntax.prior.shape[-1])
        return lambda n: _independent_bits(int(n), priors, share)
    after_a_word = row_redundancy(syntax, dirichlet_redundancy_bits)
    first = syntax.prior[:, 0]
    return lambda n: _independent_bits(int(n), first, 1 / syntax.kinds) + after_a_word(int(n))


def _independent_bits(n: int, priors: Array, share: float) -> float:
    """Redundancy of distributions that are drawn from independently; their numbers of uses are binomial."""
    return math.fsum(_mean_dirichlet_redundancy(tuple(row[row > 0].tolist()), n, share) for row in priors)


@functools.lru_cache(maxsize=1024)
def _mean_dirichlet_redundancy(prior: tuple[float, ...], n: int, share: float) -> float:
    """E[dirichlet_redundancy_bits(prior, N)] for binomial N of mean n times share.

    Where the mean is large, by interpolation in ln N through points around it.
    """
    if len(prior) == 1:
        return 0.0
    mean, deviation = n * share, math.sqrt(n * share * (1 - share))
    if deviation < 1e-3:
        return dirichlet_redundancy_bits(prior, round(mean))
    low = max(0, math.floor(mean - _DEVIATIONS * deviation - 10))
    high = min(n, math.ceil(mean + _DEVIATIONS * deviation + 10))
    if high - low < 4 * _POINTS or low < 10 * _POINTS:
        uses = np.arange(low, high + 1)
        log_p = stats.binom.logpmf(uses, n, share)
        values = [dirichlet_redundancy_bits(prior, int(m)) for m in uses]
        return float(np.exp(log_p) @ values)
    angles = np.cos(np.pi * (np.arange(_POINTS) + 0.5) / _POINTS)
    points = np.unique(np.round((low + high) / 2 + (high - low) / 2 * angles))
    values = [dirichlet_redundancy_bits(prior, int(m)) for m in points]
    interpolated = BarycentricInterpolator(np.log(points / mean), values)
    # Gauss's rule for the standard normal law, and the binomial's skew by its third moment.
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    skew = (1 - 2 * share) / deviation * (nodes**3 - 3 * nodes) / 6
    at = mean + deviation * nodes
    return float((weights * (1 + skew)) @ interpolated(np.log(at / mean)) / math.sqrt(2 * math.pi))


@functools.lru_cache(maxsize=4096)
def dirichlet_redundancy_bits(prior: tuple[float, ...], num_events: int) -> float:
    """Expected redundancy of the Dirichlet mixture after ``num_events`` draws, its parameters from the prior.

    Parameters
    ----------
    prior : tuple of float
        Parameters a_i of the Dirichlet distribution.
    num_events : int

    Notes
    -----
    The code's length is ln Γ(A + n) / Γ(A) less the sum of the ln Γ(a_i + n_i) / Γ(a_i), that of the oracle
    the mean of -Σ n_i ln φ_i, which given the counts is n ψ(A + n) - Σ n_i ψ(a_i + n_i). Their difference is
    taken category by category, so that nothing of the size of n cancels.

    Examples
    --------
    >>> round(dirichlet_redundancy_bits((1.0, 1.0), 1), 6)
    0.278652
    """
    if num_events == 0 or len(prior) == 1:
        return 0.0
    n, total = float(num_events), math.fsum(prior)
    parts = [-float(log_gamma_ratio_shortfall(total, n))]
    for a in set(prior):
        shortfall = functools.partial(log_gamma_ratio_shortfall, a)
        parts.append(prior.count(a) * beta_binomial_mean(shortfall, n, a, total - a))
    return math.fsum(parts) / _LN2
