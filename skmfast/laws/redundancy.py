"""Data scaling law: what a Bayes code pays above the oracle, expected exactly and for one sampled corpus.

Redundancy of N sentences, with an element from a Pitman-Yor process in each and a template from one of
n_syn known groups, T templates to a group with unknown probabilities:

- content: K_N H0, each new element's content once;
- partition: bits of the partition less N H(p); negative, about log K bits for each element, because which new
  element it is counts as content. This is the logarithmic correction to the power law;
- syntax: n_syn (T - 1) / 2 log N in leading order.

`skmfast.codes.redundancy` has the same for a whole `SyntaxKnowledge` source, whose sentences state a few
attributes each; here a sentence states its element's content in full, which is what the law is about.

Content and partition are the knowledge; per sentence it falls as N^-(1-d), the syntax as log N / N.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.sources.element_counts import ElementCountLaw

    Floats = npt.NDArray[np.float64]

# Standard deviations of a binomial that hold all but 2e-9 of it.
_DEVIATIONS = 6.0


@dataclass(frozen=True)
class TemplateChoice:
    """The syntax: which of T templates a sentence takes, in each of n_syn groups of sentences.

    Parameters
    ----------
    groups : int
        n_syn. Which group a sentence belongs to is known, uniform and independent.
    templates : int
        T; d_syn = T - 1 free parameters to a group.
    prior : float
        Parameter of the symmetric Dirichlet prior.

    Raises
    ------
    ValueError
        If a number is outside its domain.
    """

    groups: int = 6
    templates: int = 40
    prior: float = 1.0

    def __post_init__(self) -> None:
        if self.groups < 1 or self.templates < 2:
            raise ValueError(f"groups, templates: {self.groups}, {self.templates} are not at least 1, 2")
        if not (self.prior > 0 and math.isfinite(self.prior)):
            raise ValueError(f"prior: {self.prior!r} is not a positive finite number")

    @property
    def num_parameters(self) -> int:
        """n_syn d_syn."""
        return self.groups * (self.templates - 1)

    def expected_redundancy_bits(self, num_sentences: int) -> float:
        """Mutual information of the templates of N sentences and their probabilities, in bits."""
        from scipy.special import gammaln, xlog1py, xlogy

        from skmfast.codes.redundancy import dirichlet_redundancy_bits

        share = 1 / self.groups
        mean, deviation = num_sentences * share, math.sqrt(num_sentences * share * (1 - share))
        low = max(math.ceil(mean - _DEVIATIONS * deviation) - 2, 0)
        high = min(math.floor(mean + _DEVIATIONS * deviation) + 2, num_sentences)
        # Information and binomial are smooth: numbers half a deviation apart give the same mean.
        sizes = np.arange(low, high + 1, max((high - low) // 24, 1))
        if self.groups == 1:
            sizes = np.array([num_sentences])
        others = num_sentences - sizes
        logs = xlogy(sizes, share) + xlog1py(others, -share) - gammaln(sizes + 1) - gammaln(others + 1)
        parts = np.exp(logs - logs.max())
        prior = (self.prior,) * self.templates
        values = [dirichlet_redundancy_bits(prior, int(m)) for m in sizes]
        return self.groups * float(np.dot(parts, values) / parts.sum())


@dataclass(frozen=True, eq=False)
class Redundancy:
    """Redundancy at several corpus sizes, in bits (not per sentence); arrays of shape (n,).

    Attributes
    ----------
    num_sentences : numpy.ndarray
        N.
    elements : numpy.ndarray
        K_N, expected or counted.
    content_bits, partition_bits, syntax_bits : numpy.ndarray
        Parts of the redundancy, as the module says.
    elements_low, elements_high : numpy.ndarray
        Central 95 % of the law of K_N; of a sampled corpus, K_N itself.
    """

    num_sentences: Floats
    elements: Floats
    content_bits: Floats
    partition_bits: Floats
    syntax_bits: Floats
    elements_low: Floats
    elements_high: Floats

    @property
    def knowledge_bits(self) -> Floats:
        """Content and partition."""
        return self.content_bits + self.partition_bits

    @property
    def total_bits(self) -> Floats:
        """Everything."""
        return self.knowledge_bits + self.syntax_bits


def expected_redundancy(
    num_sentences: npt.ArrayLike,
    discount: float,
    concentration: float,
    content_bits: float,
    syntax: TemplateChoice | None = None,
) -> Redundancy:
    """Expected redundancy, from formulas.

    Parameters
    ----------
    num_sentences : array_like of whole numbers, shape (n,)
        N, at least 1.
    discount, concentration : float
        Of the Pitman-Yor process.
    content_bits : float
        H0.
    syntax : TemplateChoice, optional
        The syntax; by default six groups of 40 templates.

    Raises
    ------
    ValueError
        If a parameter is outside its domain.

    Examples
    --------
    >>> result = expected_redundancy([1000], 0.5, 1, 50)
    >>> round(float(result.elements[0]), 4), round(float(result.content_bits[0]), 1)
    (69.3917, 3469.6)
    """
    from skmfast.sources.element_counts import element_count_law
    from skmfast.sources.partition import expected_elements, weight_entropy_bits
    from skmfast.sources.partition_entropy import partition_entropy_bits

    chosen = _checked_syntax(content_bits, syntax)
    sizes = np.atleast_1d(np.asarray(num_sentences, np.float64))
    elements = expected_elements(sizes, discount, concentration)
    partition = partition_entropy_bits(sizes, discount, concentration)
    bands = np.array([_central(element_count_law(int(n), discount, concentration)) for n in sizes])
    return Redundancy(
        num_sentences=sizes,
        elements=elements,
        content_bits=elements * content_bits,
        partition_bits=partition - sizes * weight_entropy_bits(discount, concentration),
        syntax_bits=np.array([chosen.expected_redundancy_bits(int(n)) for n in sizes]),
        elements_low=bands[:, 0],
        elements_high=bands[:, 1],
    )


def _checked_syntax(content_bits: float, syntax: TemplateChoice | None) -> TemplateChoice:
    if not (content_bits >= 0 and math.isfinite(content_bits)):
        raise ValueError(f"content_bits: {content_bits!r} is not finite and at least 0")
    return TemplateChoice() if syntax is None else syntax


def _central(law: ElementCountLaw, level: float = 0.95) -> tuple[float, float]:
    """Ends of the central interval of a law given as points with weights."""
    order = np.argsort(law.num_elements)
    below = np.cumsum(law.weights[order])
    tail = (1 - level) / 2
    ends = np.searchsorted(below, [tail, 1 - tail])
    low, high = law.num_elements[order][np.minimum(ends, len(order) - 1)]
    return float(low), float(high)


def sampled_redundancy(
    num_sentences: npt.ArrayLike,
    discount: float,
    concentration: float,
    content_bits: float,
    syntax: TemplateChoice | None = None,
    *,
    seed: int = 0,
    threads: int | None = None,
) -> Redundancy:
    """Redundancy of the beginnings of one sampled corpus: Bayes code less oracle code, from its counts.

    Parameters
    ----------
    num_sentences : array_like of whole numbers, shape (n,)
        Sizes of the beginnings, ascending, at least 1.
    discount, concentration, content_bits, syntax
        As in `expected_redundancy`.
    seed : int
        Of the corpus.
    threads : int, optional
        For the restaurant.

    Notes
    -----
    The true weights are drawn after the labels, from their exact posterior given the counts of the whole:
    labels and weights have the same joint law as if the weights had come first.
    """
    from skmfast.samplers import Restaurant, weights_given
    from skmfast.sources.partition import partition_bits

    chosen = _checked_syntax(content_bits, syntax)
    sizes = np.atleast_1d(np.asarray(num_sentences, np.int64))
    if not len(sizes) or sizes[0] < 1 or not (np.diff(sizes) > 0).all():
        raise ValueError("num_sentences: are not ascending from at least 1")
    restaurant = Restaurant(discount, concentration, seed)
    histories, seated = [], 0
    for n in sizes:
        restaurant.seat(int(n) - seated, threads=threads)
        seated = int(n)
        histories.append(np.array(restaurant.counts, np.int64))
    weights, _ = weights_given(histories[-1], discount, concentration, seed)
    log2_weights = np.log2(weights)
    oracle = np.array([-(counts * log2_weights[: len(counts)]).sum() for counts in histories])
    partition = np.array([partition_bits(counts, discount, concentration) for counts in histories])
    elements = np.array([float(len(counts)) for counts in histories])
    return Redundancy(
        num_sentences=sizes.astype(np.float64),
        elements=elements,
        content_bits=elements * content_bits,
        partition_bits=partition - oracle,
        syntax_bits=_sampled_syntax(sizes, chosen, seed),
        elements_low=elements,
        elements_high=elements,
    )


def _sampled_syntax(sizes: npt.NDArray[np.int64], syntax: TemplateChoice, seed: int) -> Floats:
    """Dirichlet-multinomial bits less bits under the true probabilities, at each size."""
    from scipy.special import gammaln

    generator = np.random.Generator(np.random.Philox(key=seed))
    true = generator.dirichlet(np.full(syntax.templates, syntax.prior), size=syntax.groups)
    counts = np.zeros((syntax.groups, syntax.templates))
    total, bits = syntax.templates * syntax.prior, []
    for more in np.diff(sizes, prepend=0):
        groups = generator.multinomial(more, np.full(syntax.groups, 1 / syntax.groups))
        counts += np.array([generator.multinomial(n, p) for n, p in zip(groups, true, strict=True)])
        numbers = counts.sum(axis=1)
        marginal = (gammaln(syntax.prior + counts) - gammaln(syntax.prior)).sum()
        marginal -= (gammaln(total + numbers) - gammaln(total)).sum()
        known = (counts[counts > 0] * np.log(true[counts > 0])).sum()
        bits.append((known - marginal) / math.log(2))
    return np.array(bits)
