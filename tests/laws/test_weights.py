"""Heads and tails of weights beside sums and mpmath."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.laws.weights import FiniteWeights, ZipfMandelbrot, mean_over_draws

mpmath = pytest.importorskip("mpmath")


@pytest.mark.parametrize("exponent", [1.01, 1 / 0.9, 2.0, 1 / 0.3])
@pytest.mark.parametrize("shift", [0.0, -0.5, 7.25])
def test_tail_is_a_hurwitz_zeta_at_any_rank(exponent, shift):
    weights = ZipfMandelbrot(exponent, shift)
    for rank in (0, 1, 10, 1e6, 1e12):
        exact = mpmath.zeta(exponent, rank + 1 + shift) / mpmath.zeta(exponent, 1 + shift)
        assert float(weights.tail(rank)) == pytest.approx(float(exact), rel=1e-12)
    ranks = np.arange(1, 1001)
    assert float(weights.weight(ranks).sum() + weights.tail(1000)) == pytest.approx(1, abs=1e-12)
    heads = np.cumsum(np.log2(weights.weight(ranks)))
    np.testing.assert_allclose(weights.log2_head(ranks), heads, rtol=1e-12)


@given(st.floats(1.05, 4), st.floats(-0.9, 50), st.floats(1e-12, 0.9))
def test_heavier_counts_the_elements_above_a_weight(exponent, shift, weight):
    zipf = ZipfMandelbrot(exponent, shift)
    rank = float(zipf.heavier(weight))
    if rank > 2**40:
        return
    assert rank == 0 or float(zipf.weight(rank)) > weight * (1 - 1e-12)
    assert float(zipf.weight(rank + 1)) <= weight * (1 + 1e-12)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30), st.integers(0, 35))
def test_finite_weights_are_sums(values, rank):
    weights = FiniteWeights(values)
    p = np.sort(np.array(values) / sum(values))[::-1]
    np.testing.assert_allclose(weights.values, p, rtol=1e-12)
    assert weights.num_elements == len(values)
    assert float(weights.tail(rank)) == pytest.approx(p[rank:].sum(), rel=1e-9, abs=1e-15)
    assert float(weights.log2_head(rank)) == pytest.approx(np.log2(p[:rank]).sum(), rel=1e-9, abs=1e-9)
    assert float(weights.weight(len(values) + 1)) == 0
    cut = math.sqrt(float(p[0]) * float(p[-1]))
    assert float(weights.heavier(cut)) == (weights.values > cut).sum()


@pytest.mark.parametrize("exponent", [1 / 0.9, 2.0, 1 / 0.3])
@pytest.mark.parametrize("n", [1, 7, 20])
def test_mean_over_draws_of_infinitely_many(exponent, n):
    """Σ p (1 - p)^n by the binomial theorem is an alternating sum of zeta values."""
    with mpmath.workdps(40):
        total = mpmath.zeta(exponent)
        exact = mpmath.fsum(
            mpmath.binomial(n, j) * (-1) ** j * mpmath.zeta(exponent * (1 + j)) / total ** (1 + j)
            for j in range(n + 1)
        )
    value = mean_over_draws(ZipfMandelbrot(exponent), lambda p: (1 - p) ** n, n)
    assert value == pytest.approx(float(exact), rel=1e-11)


@pytest.mark.parametrize("n", [1e6, 1e12])
def test_mean_over_draws_far_out(n):
    """With n at 1e12 the elements in question lie far beyond those that are added one by one."""
    zipf = ZipfMandelbrot(2.0)
    value = mean_over_draws(zipf, lambda p: np.exp(-n * p), n)
    with mpmath.workdps(30):
        constant = 1 / mpmath.zeta(2)
        # All ranks by the integral (1/k² e^(-n c/k²) is flat near 0), as Euler and Maclaurin allow here.
        exact = constant * mpmath.sqrt(mpmath.pi / (n * constant)) / 2
    assert value == pytest.approx(float(exact), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200_000), st.integers(0, 300_000), st.floats(1.1, 3))
def test_mean_over_a_range_of_ranks(first, more, exponent):
    zipf = ZipfMandelbrot(exponent)
    p = zipf.weight(np.arange(first, first + more + 1))
    value = mean_over_draws(zipf, lambda p: np.exp(-1e5 * p), 1e5, first, first + more)
    assert value == pytest.approx((p * np.exp(-1e5 * p)).sum(), rel=1e-9)


def test_empty_and_finite_ranges():
    finite = FiniteWeights([0.5, 0.25, 0.25])
    assert mean_over_draws(finite, np.ones_like, 1) == 1.0
    assert mean_over_draws(finite, np.ones_like, 1, first=2) == 0.5
    assert mean_over_draws(finite, np.ones_like, 1, first=4) == 0.0
    assert mean_over_draws(ZipfMandelbrot(2), np.ones_like, 1) == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ZipfMandelbrot(1.0), "exponent: 1.0 is not above 1"),
        (lambda: ZipfMandelbrot(math.nan), "exponent: nan"),
        (lambda: ZipfMandelbrot(2, -1), "shift: -1 is not above -1"),
        (lambda: ZipfMandelbrot.of_discount(0), "discount: 0 is not between 0 and 1"),
        (lambda: ZipfMandelbrot.of_discount(1), "discount: 1 is not between 0 and 1"),
        (lambda: FiniteWeights([]), r"weights: of shape \(0,\)"),
        (lambda: FiniteWeights([1, 0]), "weights: not all of them are positive"),
        (lambda: FiniteWeights([1, math.inf]), "weights: not all of them are positive and finite"),
    ],
)
def test_domains(make, message):
    with pytest.raises(ValueError, match=message):
        make()
