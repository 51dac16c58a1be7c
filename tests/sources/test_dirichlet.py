"""Dirichlet code lengths against products of fractions and many-digit arithmetic; draws against theory."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from skmfast.sources import dirichlet

priors = st.lists(st.sampled_from([0.5, 1.0, 0.125, 3.0, 1e-3, 40.0]), min_size=1, max_size=6)


def exact_bits(events, prior):
    """-log2 of a product of fractions."""
    prior = [Fraction(a) for a in prior]
    counts, p = [0] * len(prior), Fraction(1)
    for event in events:
        p *= (counts[event] + prior[event]) / (sum(counts) + sum(prior))
        counts[event] += 1
    mpmath.mp.dps = 50
    return float(-mpmath.log(mpmath.mpf(p.numerator) / p.denominator, 2)), counts


@given(prior=priors, data=st.data())
@settings(max_examples=60, deadline=None)
def test_code_length_is_a_product_of_fractions(prior, data):
    events = data.draw(st.lists(st.integers(0, len(prior) - 1), max_size=30))
    bits, counts = exact_bits(events, prior)
    assert float(dirichlet.code_length_bits(counts, prior)) == pytest.approx(bits, rel=1e-12, abs=1e-12)
    each = dirichlet.sequential_bits(np.zeros(len(events), int), events, [prior])
    assert math.fsum(each) == pytest.approx(bits, rel=1e-12, abs=1e-12)
    for place, event in enumerate(events):
        before = exact_bits(events[:place], prior)[0]
        assert each[place] == pytest.approx(
            exact_bits([*events[:place], event], prior)[0] - before, abs=1e-11
        )


@given(
    counts=st.lists(
        st.one_of(st.integers(0, 50), st.integers(0, 10**9), st.sampled_from([0, 10**12])),
        min_size=2,
        max_size=5,
    ),
    prior=st.sampled_from([1e-3, 0.5, 1.0, 2.5, 300.0]),
)
@settings(max_examples=80, deadline=None)
def test_code_length_keeps_nine_digits(counts, prior):
    """Where nearly all of a great count is one category, a difference of log-gammas would lose them."""
    mpmath.mp.dps = 60
    a, total = mpmath.mpf(prior), mpmath.mpf(prior) * len(counts)
    nats = mpmath.loggamma(total + sum(counts)) - mpmath.loggamma(total)
    nats -= sum(mpmath.loggamma(a + n) - mpmath.loggamma(a) for n in counts)
    expected = float(nats / mpmath.log(2))
    got = float(dirichlet.code_length_bits(counts, [prior] * len(counts)))
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-10)


def test_missing_categories_do_not_matter():
    padded = dirichlet.code_length_bits([[3, 0, 5, 0], [1, 0, 0, 0]], [[0.5, 0, 2.0, 0], [1.0, 0, 0, 0]])
    np.testing.assert_allclose(padded, [dirichlet.code_length_bits([3, 5], [0.5, 2.0]), 0], rtol=1e-15)
    assert dirichlet.num_parameters([[0.5, 0, 2.0, 0], [1.0, 0, 0, 0]]) == 1
    mixed = dirichlet.expected_entropy_bits([[0.5, 0, 2.0]])
    np.testing.assert_allclose(mixed, [dirichlet.expected_entropy_bits([0.5, 2.0])], rtol=1e-14)


def test_sequential_bits_of_many_groups():
    rng = np.random.default_rng(1)
    prior = rng.random((7, 5)) + 0.1
    prior[3, 2:] = 0
    groups = rng.integers(7, size=3000)
    categories = np.where(groups == 3, rng.integers(2, size=3000), rng.integers(5, size=3000))
    each = dirichlet.sequential_bits(groups, categories, prior)
    counts = np.zeros((7, 5), dtype=np.int64)
    for event in range(3000):
        g, c = groups[event], categories[event]
        p = (counts[g, c] + prior[g, c]) / (counts[g].sum() + prior[g].sum())
        assert each[event] == pytest.approx(-math.log2(p), rel=1e-12)
        counts[g, c] += 1
    assert math.fsum(each) == pytest.approx(dirichlet.code_length_bits(counts, prior).sum(), rel=1e-12)


def test_oracle_and_entropy():
    assert dirichlet.oracle_bits([[2, 1, 0]], [[0.25, 0.5, 0.25]]).tolist() == [5.0]
    assert dirichlet.oracle_bits([1, 0], [0.0, 1.0]) == math.inf
    assert dirichlet.oracle_bits([0, 3], [0.0, 1.0]) == 0
    assert dirichlet.entropy_bits([[0.5, 0.5, 0], [1, 0, 0]]).tolist() == [1.0, 0.0]


# ---- draws -----------------------------------------------------------------------------------------------


def test_draws_have_beta_marginals():
    prior = np.tile([0.3, 1.0, 2.5, 0.0], (4000, 1))
    drawn = dirichlet.draw(prior, 3, 4)
    np.testing.assert_allclose(drawn.sum(axis=1), 1, rtol=1e-15)
    assert np.all(drawn[:, 3] == 0)
    for place, a in enumerate([0.3, 1.0, 2.5]):
        assert stats.kstest(drawn[:, place], stats.beta(a, 3.8 - a).cdf).pvalue > 1e-3
        # The test sees a shape that is a tenth off.
        assert stats.kstest(drawn[:, place], stats.beta(1.1 * a, 3.8 - a).cdf).pvalue < 1e-3
    entropies = dirichlet.entropy_bits(drawn)
    error = entropies.std() / math.sqrt(4000)
    assert abs(entropies.mean() - dirichlet.expected_entropy_bits(prior[0])) < 4 * error


def test_golden_draw():
    drawn = dirichlet.draw([[0.5, 1.0, 2.0], [1e-4, 1e-4, 0.0]], 1, 4)
    assert [float(p).hex() for p in drawn.ravel()] == GOLDEN


def test_draw_of_tiny_parameters():
    drawn = dirichlet.draw([1e-6] * 5, 0, 0)
    assert np.isfinite(drawn).all()
    assert drawn.max() == 1


# ---- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "prior", "message"),
    [
        ([1, 2], [1.0], "shape"),
        ([1], [], "no categories"),
        ([1, 1], [1.0, -1.0], "positive"),
        ([1, 1], [1.0, math.nan], "positive"),
        ([0, 0], [0.0, 0.0], "without categories"),
        ([-1, 1], [1.0, 1.0], "whole numbers"),
        ([0.5, 1], [1.0, 1.0], "whole numbers"),
        ([2**53, 1], [1.0, 1.0], "whole numbers"),
        ([1, 1], [1.0, 0.0], r"counts\[1\] is positive"),
    ],
)
def test_bad_counts(counts, prior, message):
    with pytest.raises(ValueError, match=message):
        dirichlet.code_length_bits(counts, prior)


def test_bad_events():
    for groups, categories in [([1], [0]), ([0], [2]), ([0, 0], [0])]:
        with pytest.raises(ValueError, match=r"outside|length"):
            dirichlet.sequential_bits(groups, categories, [[1.0, 1.0]])
    with pytest.raises(ValueError, match="event 1: group 0 has no category 1"):
        dirichlet.sequential_bits([0, 0], [0, 1], [[1.0, 0.0]])


GOLDEN = [
    "0x1.a461731815a6fp-2",
    "0x1.846eddeaa1cf5p-3",
    "0x1.99671df299716p-2",
    "0x0.0p+0",
    "0x1.0000000000000p+0",
    "0x0.0p+0",
]
