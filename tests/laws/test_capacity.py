"""Reverse water-filling beside convex solvers, and the exponent of distortion against capacity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from skmfast.laws import (
    ExponentialRate,
    FiniteWeights,
    LinearRate,
    SyntaxMemory,
    ZipfMandelbrot,
    distortion,
    local_exponent,
)


def small_case(seed: int):
    """Weights, H0, b, capacity and syntax of a random problem of at most eight elements."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(int(rng.integers(1, 9)), 0.7)) + 1e-3
    content = float(rng.uniform(1, 12))
    capacity = float(rng.uniform(0, 1.2 * content * len(p)))
    syntax = SyntaxMemory(float(rng.uniform(1, 9)), float(rng.uniform(0.5, 8)))
    return FiniteWeights(p), content, float(rng.uniform(0.2, 2)), capacity, syntax


@pytest.mark.parametrize("seed", range(50))
def test_linear_rate_agrees_with_a_linear_program(seed):
    weights, content, _, capacity, _ = small_case(seed)
    p = weights.values
    best = linprog(-p, A_ub=np.ones((1, len(p))), b_ub=[capacity], bounds=[(0, content)] * len(p))
    rate = LinearRate(content)
    ours = distortion(capacity, weights, rate)
    assert float(ours.knowledge_bits) == pytest.approx(content + best.fun, rel=1e-9, abs=1e-9)
    spent = rate.allocation(capacity, weights)
    assert spent.sum() <= capacity + 1e-9
    assert (p * (content - spent)).sum() == pytest.approx(float(ours.knowledge_bits), abs=1e-9)


def convex_optimum(value, gradient, size: int, capacity: float) -> float:
    """Least ``value`` of non-negative allocations of ``capacity``."""
    done = minimize(
        value,
        np.full(size, capacity / size),
        jac=gradient,
        method="SLSQP",
        bounds=[(0, None)] * size,
        constraints=[{"type": "eq", "fun": lambda r: r.sum() - capacity, "jac": np.ones_like}],
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    return float(done.fun)


@pytest.mark.parametrize("seed", range(50))
def test_exponential_rate_agrees_with_a_convex_solver(seed):
    weights, content, b, capacity, _ = small_case(seed)
    p = weights.values

    def value(r):
        return float((p * content * 2 ** (-b * r)).sum())

    def gradient(r):
        return -b * np.log(2) * p * content * 2 ** (-b * r)

    ours = distortion(capacity, weights, ExponentialRate(content, b))
    theirs = convex_optimum(value, gradient, len(p), capacity)
    # The solver stops at an absolute tolerance, above the minimum.
    assert theirs - 1e-9 * content < float(ours.knowledge_bits) < theirs + 1e-11 * content
    spent = ExponentialRate(content, b).allocation(capacity, weights)
    assert spent.sum() == pytest.approx(capacity, abs=1e-9)
    assert value(spent) == pytest.approx(float(ours.knowledge_bits), rel=1e-12)
    # Every lowered element ends at the same level, and no other lies above it.
    levels = p * 2 ** (-b * spent)
    assert levels.max() == pytest.approx(levels[0], rel=1e-9)


@pytest.mark.parametrize("seed", range(50))
def test_syntax_and_knowledge_share_as_a_convex_solver_would(seed):
    weights, content, b, capacity, syntax = small_case(seed)
    p, half = weights.values, 2 / syntax.num_parameters

    def value(r):
        return float((p * content * 2 ** (-b * r[1:])).sum() + syntax.distortion_bits * 2 ** (-half * r[0]))

    def gradient(r):
        knowledge = -b * np.log(2) * p * content * 2 ** (-b * r[1:])
        return np.append(-half * np.log(2) * syntax.distortion_bits * 2 ** (-half * r[0]), knowledge)

    ours = distortion(capacity, weights, ExponentialRate(content, b), syntax)
    theirs = convex_optimum(value, gradient, len(p) + 1, capacity)
    scale = content + syntax.distortion_bits
    assert theirs - 1e-8 * scale < float(ours.total_bits) < theirs + 1e-11 * scale


@pytest.mark.parametrize("seed", range(20))
def test_syntax_and_linear_knowledge_share_as_the_best_of_a_grid(seed):
    weights, content, _, capacity, syntax = small_case(seed)
    ours = distortion(capacity, weights, LinearRate(content), syntax)
    shares = np.linspace(0, capacity, 20001)
    grid = syntax.distortion(shares) + LinearRate(content).distortion(capacity - shares, weights)
    assert float(ours.total_bits) <= grid.min() * (1 + 1e-12)
    assert float(ours.total_bits) == pytest.approx(grid.min(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("discount", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("rate", [LinearRate(75), ExponentialRate(75), ExponentialRate(75, 0.1)])
def test_exponent_over_six_decades(discount, rate):
    """Distortion falls as C^-(1/d-1): everywhere from 1e6 to 1e12 bits, and beyond."""
    capacity = np.geomspace(1e6, 1e14, 161)
    lost = distortion(capacity, ZipfMandelbrot.of_discount(discount), rate).knowledge_bits
    slopes = -local_exponent(capacity, lost)
    assert np.abs(slopes - (1 / discount - 1)).max() < 0.01
    six = capacity <= 1e12 * (1 + 1e-9)
    fitted = -np.polyfit(np.log(capacity[six]), np.log(lost[six]), 1)[0]
    assert fitted == pytest.approx(1 / discount - 1, abs=1e-4)


def test_truncated_tails_would_bias_the_exponent():
    """With a million elements instead of infinitely many, d = 0.9 would show another slope."""
    capacity = np.geomspace(1e4, 1e7, 31)
    cut = FiniteWeights(ZipfMandelbrot(1 / 0.9).weight(np.arange(1, 10**6 + 1)))
    slopes = -local_exponent(capacity, distortion(capacity, cut, LinearRate(75)).knowledge_bits)
    assert slopes.min() > 1 / 0.9 - 1 + 0.05


@pytest.mark.parametrize("rate", [LinearRate(10), ExponentialRate(10, 0.5)])
def test_infinite_weights_continue_finite_ones(rate):
    """The first 200,000 elements of Zipf's law alone are the infinite law less the mass of the others."""
    zipf = ZipfMandelbrot(3.0, 2.0)
    finite = FiniteWeights(zipf.weight(np.arange(1, 200_001)))
    capacity = np.array([0.0, 1.0, 9.5, 10.0, 123.4, 2e3])
    others = float(zipf.tail(200_000))
    expected = (distortion(capacity, zipf, rate).knowledge_bits - 10 * others) / (1 - others)
    np.testing.assert_allclose(distortion(capacity, finite, rate).knowledge_bits, expected, rtol=1e-11)


def test_syntax_is_bought_before_all_but_the_most_frequent_elements():
    capacity = np.geomspace(1, 1e13, 120)
    zipf, syntax = ZipfMandelbrot.of_discount(0.7), SyntaxMemory(1000, 20)
    result = distortion(capacity, zipf, LinearRate(50), syntax)
    assert (np.diff(result.syntax_capacity_bits) >= -1e-6).all()
    assert result.syntax_capacity_bits[-1] < 1e5
    assert result.syntax_bits[capacity > 1e6].max() < 1e-2
    np.testing.assert_allclose(result.total_bits, result.knowledge_bits + result.syntax_bits)
    alone = distortion(capacity, zipf, LinearRate(50))
    assert (result.knowledge_bits >= alone.knowledge_bits).all()
    assert result.knowledge_bits[-1] == pytest.approx(alone.knowledge_bits[-1], rel=1e-6)


def test_everything_fits_when_there_is_room():
    weights = FiniteWeights([0.5, 0.3, 0.2])
    result = distortion([30, 1000, 1e6], weights, LinearRate(10), SyntaxMemory(2, 1))
    assert result.knowledge_bits[1:].tolist() == [0.0, 0.0]
    assert result.syntax_bits[1:] == pytest.approx([0.0, 0.0], abs=1e-200)
    assert result.elements[1:].tolist() == [3.0, 3.0]


@settings(deadline=None)
@given(st.lists(st.floats(1e-4, 1), min_size=1, max_size=12), st.floats(0.1, 20), st.floats(0.1, 3))
def test_more_memory_never_hurts_and_helps_ever_less(values, content, b):
    weights = FiniteWeights(values)
    capacity = np.linspace(0, content * len(values) * 1.5, 60)
    for rate in (LinearRate(content), ExponentialRate(content, b)):
        lost = distortion(capacity, weights, rate).knowledge_bits
        assert lost[0] == pytest.approx(content)
        assert (np.diff(lost) <= 1e-9 * content).all()
        assert (np.diff(lost, 2) >= -1e-9 * content).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearRate(0), "content_bits: 0 is not a positive"),
        (lambda: ExponentialRate(1, -1), "rate: -1 is not"),
        (lambda: SyntaxMemory(0, 1), "num_parameters: 0"),
        (lambda: SyntaxMemory(1, np.inf), "distortion_bits: inf"),
        (lambda: distortion([1, -1], ZipfMandelbrot(2), LinearRate(1)), "capacity_bits: not all"),
        (lambda: distortion(np.nan, ZipfMandelbrot(2), LinearRate(1)), "capacity_bits: not all"),
    ],
)
def test_domains(make, message):
    with pytest.raises(ValueError, match=message):
        make()
