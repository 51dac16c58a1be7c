"""The data scaling law: expected redundancy beside sums over all corpora, simulation, and its exponents."""

import itertools
import math

import numpy as np
import pytest
from scipy.special import digamma, gammaln

from skmfast.codes.redundancy import dirichlet_redundancy_bits
from skmfast.laws import TemplateChoice, expected_redundancy, local_exponent, sampled_redundancy
from skmfast.sources.partition import expected_elements


def information_by_enumeration(draws: int, categories: int, prior: float) -> float:
    """H(X) - H(X | p), over every sequence."""
    total, entropy = categories * prior, 0.0
    for sequence in itertools.product(range(categories), repeat=draws):
        counts = np.bincount(sequence, minlength=categories)
        log_p = (gammaln(prior + counts) - gammaln(prior)).sum() + gammaln(total) - gammaln(total + draws)
        entropy -= math.exp(log_p) * log_p
    # E[H(p)] of a Dirichlet distribution
    given = draws * (digamma(total + 1) - digamma(prior + 1))
    return float(entropy - given) / math.log(2)


@pytest.mark.parametrize(("draws", "categories"), [(1, 2), (5, 2), (9, 3), (4, 5)])
@pytest.mark.parametrize("prior", [0.5, 1.0, 3.0])
def test_information_of_templates_is_a_sum_over_sequences(draws, categories, prior):
    exact = information_by_enumeration(draws, categories, prior)
    ours = TemplateChoice(1, categories, prior).expected_redundancy_bits(draws)
    assert ours == pytest.approx(exact, abs=1e-10)


def test_information_grows_as_half_a_logarithm_to_each_parameter():
    """The limit of Clarke and Barron (1990), with its constant."""
    categories = 40
    for draws in (10**6, 10**8):
        limit = (categories - 1) / 2 * math.log(draws / (2 * math.pi * math.e)) - gammaln(categories)
        # Prior entropy of a uniform Dirichlet is -ln Γ(T); Fisher's determinant is the inverse product of p.
        limit -= 0.5 * categories * (digamma(1) - digamma(categories))
        ours = TemplateChoice(1, categories).expected_redundancy_bits(draws)
        assert ours == pytest.approx(limit / math.log(2), abs=5e3 / draws + 1e-12 * draws)


def test_syntax_of_several_groups_beside_all_splits():
    syntax = TemplateChoice(groups=3, templates=4, prior=0.5)
    assert syntax.num_parameters == 9
    for draws in (2, 30, 400):
        expected = sum(
            math.exp(
                gammaln(draws + 1) - gammaln(m + 1) - gammaln(draws - m + 1)
                + m * math.log(1 / 3) + (draws - m) * math.log(2 / 3)
            )
            * dirichlet_redundancy_bits((0.5,) * 4, m)
            for m in range(draws + 1)
        )  # fmt: skip
        assert syntax.expected_redundancy_bits(draws) == pytest.approx(3 * expected, rel=1e-6)


@pytest.mark.parametrize("discount", [0.3, 0.5, 0.7])
def test_exponents_at_the_right_end(discount):
    """At 1e8 sentences: content within 0.005 of 1 - d, the whole knowledge within 0.03."""
    n = np.array([1e3, 0.8e8, 1e8])
    result = expected_redundancy(n, discount, 1.0, 75.0)
    content = -local_exponent(n, result.content_bits / n)[-1]
    knowledge = -local_exponent(n, result.knowledge_bits / n)[-1]
    assert content == pytest.approx(1 - discount, abs=0.005)
    assert knowledge == pytest.approx(1 - discount, abs=0.03)
    # The logarithm takes the knowledge's exponent above that of the content.
    assert knowledge > content
    assert (result.partition_bits < 0).all()
    assert (result.elements_low < result.elements).all()
    assert (result.elements < result.elements_high).all()
    # In the syntax, n_syn d_syn / 2 more bits to each doubling.
    per_doubling = (result.syntax_bits[2] - result.syntax_bits[1]) / math.log2(1 / 0.8)
    assert per_doubling == pytest.approx(6 * 39 / 2, rel=1e-3)


def test_sampled_corpora_are_on_average_what_is_expected():
    sizes = [1, 10, 100, 1000]
    theory = expected_redundancy(sizes, 0.4, 2.0, 20.0, TemplateChoice(2, 5))
    corpora = [
        sampled_redundancy(sizes, 0.4, 2.0, 20.0, TemplateChoice(2, 5), seed=seed, threads=1)
        for seed in range(250)
    ]
    for name in ("elements", "content_bits", "partition_bits", "syntax_bits", "total_bits"):
        values = np.array([getattr(corpus, name) for corpus in corpora])
        error = values.std(axis=0) / math.sqrt(len(corpora))
        gap = np.abs(values.mean(axis=0) - getattr(theory, name))
        assert (gap <= 4.5 * error + 1e-9).all(), (name, gap, error)


def test_one_sampled_corpus_follows_the_law():
    sizes = np.array([10**3, 10**4, 10**5, 10**6])
    corpus = sampled_redundancy(sizes, 0.5, 1.0, 75.0, seed=3, threads=1)
    slopes = -local_exponent(sizes, corpus.knowledge_bits / sizes)
    assert slopes == pytest.approx([0.5] * 3, abs=0.1)
    assert (corpus.elements == corpus.elements_low).all()
    assert (np.diff(corpus.elements) > 0).all()
    prefix = sampled_redundancy(sizes[:2], 0.5, 1.0, 75.0, seed=3, threads=1)
    assert prefix.elements.tolist() == corpus.elements[:2].tolist()


def test_band_holds_most_corpora():
    theory = expected_redundancy([5000], 0.6, 1.0, 75.0)
    elements = [
        sampled_redundancy([5000], 0.6, 1.0, 75.0, seed=seed, threads=1).elements[0] for seed in range(200)
    ]
    inside = np.mean((elements >= theory.elements_low[0]) & (elements <= theory.elements_high[0]))
    assert 0.9 < inside < 0.99


def test_parts_add_up():
    result = expected_redundancy([50, 500], 0.5, 1.0, 30.0)
    np.testing.assert_allclose(result.knowledge_bits, result.content_bits + result.partition_bits)
    np.testing.assert_allclose(result.total_bits, result.knowledge_bits + result.syntax_bits)
    np.testing.assert_allclose(result.elements, expected_elements([50, 500], 0.5, 1.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TemplateChoice(0), "groups, templates: 0, 40"),
        (lambda: TemplateChoice(1, 1), "groups, templates: 1, 1"),
        (lambda: TemplateChoice(prior=0), "prior: 0"),
        (lambda: expected_redundancy([10], 1.0, 1, 10), "discount"),
        (lambda: expected_redundancy([10], 0.5, -0.5, 10), "concentration"),
        (lambda: expected_redundancy([0], 0.5, 1, 10), "num_draws"),
        (lambda: expected_redundancy([10], 0.5, 1, -1), "content_bits: -1"),
        (lambda: sampled_redundancy([10, 10], 0.5, 1, 1), "num_sentences: are not ascending"),
        (lambda: sampled_redundancy([0, 10], 0.5, 1, 1), "num_sentences: are not ascending"),
    ],
)
def test_domains(call, message):
    with pytest.raises(ValueError, match=message):
        call()
