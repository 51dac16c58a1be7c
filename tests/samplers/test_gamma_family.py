"""Gamma, beta, Dirichlet and binomial draws: their laws, the far corners of their parameters, bad arguments."""

import math

import numpy as np
import pytest
from goodness import LEAST, chi_square, kolmogorov_smirnov
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from skmfast.samplers import beta, binomial, dirichlet, gamma

DRAWS = 200_000


@pytest.mark.parametrize("shape", [0.05, 0.5, 0.999, 1.0, 1.3, 4.0, 60.0, 1e4, 1e9])
def test_gamma_law(shape):
    draws = gamma(shape, DRAWS, seed=1)
    assert kolmogorov_smirnov(draws, stats.gamma(shape).cdf) > LEAST
    assert kolmogorov_smirnov(np.exp(gamma(shape, DRAWS, seed=2, log=True)), stats.gamma(shape).cdf) > LEAST


@pytest.mark.parametrize("shape", [1e-300, 1e-12, 1e-3])
def test_gamma_of_tiny_shapes(shape):
    # X^shape is uniform in the limit: P(X < x) = x^shape / Gamma(1 + shape) (1 + O(x)).
    logs = gamma(shape, DRAWS, seed=3, log=True)
    assert np.isfinite(logs).all()
    small = logs < -40
    uniform = np.exp(shape * logs[small] - special.gammaln(1 + shape))
    below = math.exp(-40 * shape - special.gammaln(1 + shape))
    assert kolmogorov_smirnov(uniform / below, lambda u: u) > LEAST
    assert small.mean() == pytest.approx(below, abs=5 * math.sqrt(below * (1 - below) / DRAWS) + 1e-12)


def test_a_gamma_of_slightly_another_shape_fails():
    assert kolmogorov_smirnov(gamma(2.05, DRAWS, seed=4), stats.gamma(2.0).cdf) < LEAST


@pytest.mark.parametrize("shape", [0.3, 1.0, 7.5, 1e6])
def test_logarithms_are_of_the_draws(shape):
    draws = gamma(shape, 5000, seed=5, first=77)
    logs = gamma(shape, 5000, seed=5, first=77, log=True)
    np.testing.assert_allclose(np.log(draws), logs, rtol=1e-13, atol=1e-13)


@given(st.integers(0, 2**63), st.integers(0, 600), st.integers(0, 600))
@settings(max_examples=30, deadline=None)
def test_a_draw_is_a_function_of_its_index(first, begin, count):
    shapes = np.geomspace(0.01, 1e5, 1200)
    whole = gamma(shapes, seed=6, first=first)
    part = gamma(shapes[begin : begin + count], seed=6, first=first + begin)
    np.testing.assert_array_equal(part, whole[begin : begin + count])
    whole = beta(shapes, 2.0, seed=6, first=first)
    part = beta(shapes[begin : begin + count], 2.0, seed=6, first=first + begin)
    np.testing.assert_array_equal(part, whole[begin : begin + count])


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (0.1, 3.0), (2.0, 5.0), (1.0, 1.0), (0.5, 1e6), (1e5, 1e5)])
def test_beta_law(a, b):
    assert kolmogorov_smirnov(beta(a, b, DRAWS, seed=7), stats.beta(a, b).cdf) > LEAST


def test_beta_of_tiny_parameters_is_a_coin():
    draws = beta(1e-6, 3e-6, DRAWS, seed=8)
    assert ((draws < 1e-9) | (draws > 1 - 1e-9)).mean() > 0.999
    assert draws.mean() == pytest.approx(0.25, abs=5 * math.sqrt(0.1875 / DRAWS))
    assert (beta(1e-300, 1e-300, 100, seed=8) >= 0).all()


def test_dirichlet_law():
    parameters = np.array([0.2, 3.0, 1.0, 0.01])
    rows = dirichlet(parameters, 50_000, seed=9)
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-12)
    for k in (0, 1, 2):
        law = stats.beta(parameters[k], parameters.sum() - parameters[k])
        assert kolmogorov_smirnov(rows[:, k], law.cdf) > LEAST
    mean = parameters / parameters.sum()
    covariance = (np.diag(mean) - np.outer(mean, mean)) / (parameters.sum() + 1)
    np.testing.assert_allclose(np.cov(rows.T), covariance, atol=4e-3)


def test_dirichlet_of_tiny_parameters():
    rows = dirichlet([1e-12] * 3, 9000, seed=10)
    assert np.isfinite(rows).all()
    counts = np.bincount(rows.argmax(axis=1), minlength=3)
    assert chi_square(counts, np.full(3, 1 / 3)) > LEAST
    assert dirichlet([4.0], seed=1).tolist() == [1.0]
    assert dirichlet([1.0, 2.0], (2, 3), seed=1).shape == (2, 3, 2)


CHANCES = [
    (1, 0.3),
    (20, 0.3),
    (20, 0.97),
    (50, 0.21),
    (1000, 0.5),
    (1000, 0.9),
    (10**6, 1e-6),
    (10**6, 3e-5),
    (10**6, 0.4),
    (2**53 - 1, 1e-15),
    (2**53 - 1, 1e-14),
]


@pytest.mark.parametrize(("trials", "probability"), CHANCES)
def test_binomial_law(trials, probability):
    draws = binomial(trials, probability, DRAWS, seed=11)
    # The law of 2^53 trials is Poisson's to sixteen digits, which scipy can compute.
    law = stats.binom(trials, probability) if trials < 2**50 else stats.poisson(trials * probability)
    low, high = int(law.ppf(1e-5)), int(law.ppf(1 - 1e-5))
    cells = np.append(law.cdf(np.arange(low, high)), 1.0)
    counts = np.bincount(
        (np.clip(draws, low, high) - np.uint64(low)).astype(np.int64), minlength=high - low + 1
    )
    assert chi_square(counts, np.diff(cells, prepend=0.0)) > LEAST


@pytest.mark.parametrize("probability", [0.25, 0.9, 1e-3, 1e-9])
def test_binomial_of_many_trials(probability):
    trials = 10**12
    draws = binomial(trials, probability, DRAWS, seed=12)
    deviation = math.sqrt(trials * probability * (1 - probability))
    # Edgeworth's correction for the lattice and the skew is below the test's reach except at the least mean.
    uniform = np.random.default_rng(1).random(DRAWS) - 0.5
    z = (draws.astype(np.float64) - trials * probability + uniform) / deviation
    skew = (1 - 2 * probability) / deviation
    cdf = lambda x: stats.norm.cdf(x) - skew / 6 * (x * x - 1) * stats.norm.pdf(x)  # noqa: E731
    assert kolmogorov_smirnov(z, cdf) > LEAST


def test_a_slightly_biased_binomial_fails():
    draws = binomial(1000, 0.502, DRAWS, seed=13)
    law = stats.binom(1000, 0.5)
    assert chi_square(np.bincount(draws.astype(np.int64), minlength=1001), law.pmf(np.arange(1001))) < LEAST


def test_binomial_at_its_ends():
    assert binomial(10, 0.0, 5, seed=1).tolist() == [0] * 5
    assert binomial(10, 1.0, 5, seed=1).tolist() == [10] * 5
    assert binomial(0, 0.5, 5, seed=1).tolist() == [0] * 5
    assert binomial([], 0.5, seed=1).shape == (0,)


def test_threads_change_nothing():
    shapes = np.geomspace(0.01, 1e5, 150_001)
    for threads in (2, 7):
        for draw in (
            lambda t: gamma(shapes, seed=1, threads=t),
            lambda t: beta(shapes, 0.5, seed=1, threads=t),
            lambda t: dirichlet(shapes, seed=1, threads=t),
            lambda t: binomial(1000, 0.5, 50_001, seed=1, threads=t),
        ):
            np.testing.assert_array_equal(draw(threads), draw(1))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gamma(0.0, seed=1), ValueError, "shape = 0.0"),
        (lambda: gamma([1.0, math.nan], seed=1), ValueError, r"shape\[1\] = nan"),
        (lambda: gamma(math.inf, seed=1), ValueError, "shape = inf"),
        (lambda: gamma([1.0, 2.0], 3, seed=1), ValueError, "shape"),
        (lambda: gamma(1.0, -3, seed=1), ValueError, "negative"),
        (lambda: gamma(1.0, 3, seed=-1), ValueError, "seed"),
        (lambda: gamma(1.0, 3, seed=1, stream=2**64), ValueError, "stream"),
        (lambda: gamma(1.0, 3, seed="a"), TypeError, "not an integer"),
        (lambda: gamma(1.0, 3, seed=1, out=np.empty(4)), ValueError, "out"),
        (lambda: gamma(1.0, 3, seed=1, out=np.empty(3, np.float32)), TypeError, "float64"),
        (lambda: gamma(1.0, 3, seed=1, threads=0), ValueError, "threads"),
        (lambda: beta(-1.0, 1.0, seed=1), ValueError, "a = -1"),
        (lambda: beta(1.0, 0.0, seed=1), ValueError, "b = 0"),
        (lambda: dirichlet([], seed=1), ValueError, "K >= 1"),
        (lambda: dirichlet([1.0, -1.0], seed=1), ValueError, r"concentration\[1\]"),
        (lambda: binomial(-1, 0.5, seed=1), ValueError, "trials"),
        (lambda: binomial(2**53, 0.5, seed=1), ValueError, "trials"),
        (lambda: binomial(1.5, 0.5, seed=1), TypeError, "integers"),
        (lambda: binomial(3, 1.5, seed=1), ValueError, "probability"),
    ],
)
def test_arguments_outside_their_domain(call, error, message):
    with pytest.raises(error, match=message):
        call()
