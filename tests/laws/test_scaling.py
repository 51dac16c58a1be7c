"""Acquisition, hallucination and the combined law beside sums, simulations and each other."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.laws import (
    Compute,
    FiniteWeights,
    ScalingLaw,
    Spectrum,
    ZipfMandelbrot,
    estimated_rate,
    excess_bits,
    frontier_rank,
    kalai_bounds,
    local_exponent,
    loss_by_class,
    optimal_split,
    optimal_split_of,
    predicted_rate,
    predicted_rate_on,
    probability_known,
)
from skmfast.laws.acquisition import mean_known, unseen_mass
from skmfast.laws.hallucination import error_rate
from skmfast.laws.weights import mean_over_draws

WEIGHTS = st.lists(st.floats(1e-3, 1), min_size=1, max_size=8)


# ---- acquisition ------------------------------------------------------------------------------------------


@given(WEIGHTS, st.integers(0, 50), st.floats(0.05, 1))
def test_mass_known_and_unknown_are_sums(values, n, rate):
    weights = FiniteWeights(values)
    p = weights.values
    known, unknown = mean_known(weights, n, rate)
    assert float(unknown) == pytest.approx((p * (1 - rate * p) ** n).sum(), abs=1e-12)
    assert float(known + unknown) == pytest.approx(1)
    np.testing.assert_allclose(probability_known(p * rate, n), 1 - (1 - rate * p) ** n, atol=1e-12)


def test_unseen_mass_beside_simulated_corpora():
    weights = FiniteWeights(np.arange(1, 201.0) ** -1.5)
    rng = np.random.default_rng(1)
    unseen = [weights.values[rng.multinomial(300, weights.values) == 0].sum() for _ in range(400)]
    error = np.std(unseen) / 20
    assert abs(float(unseen_mass(weights, 300)) - np.mean(unseen)) < 4 * error


@pytest.mark.parametrize("discount", [0.3, 0.5, 0.7, 0.9])
def test_frontier_grows_as_a_power(discount):
    zipf = ZipfMandelbrot.of_discount(discount)
    ranks = frontier_rank(zipf, np.array([1e6, 1e9, 1e12]) ** (0.5 / discount))
    assert -local_exponent([1, 1e3, 1e6], 1 / ranks) == pytest.approx([0.5, 0.5], abs=0.01)
    n = 1e7
    rank = float(frontier_rank(zipf, n))
    assert float(probability_known(zipf.weight(rank), n)) >= 0.5
    assert float(probability_known(zipf.weight(rank + 1), n)) < 0.5


def test_frontier_holds_the_boundary():
    assert float(frontier_rank(FiniteWeights([0.5, 0.5]), 1)) == 2
    assert float(frontier_rank(FiniteWeights([0.5, 0.5]), 1, probability=0.51)) == 0


def test_classes_are_learnt_one_after_the_other():
    zipf = ZipfMandelbrot.of_discount(0.5)
    n = np.geomspace(1, 1e14, 113)
    losses = loss_by_class(zipf, n, [1, 10, 100, 1000, 10000], 40.0)
    assert (losses <= 40).all()
    assert (np.diff(losses, axis=1) <= 1e-9).all()
    assert (np.diff(losses, axis=0) >= -1e-9).all()
    half = [n[np.argmax(row < 20)] for row in losses[1:]]
    # At d = 1/2 a decade of ranks takes two decades of sentences.
    assert np.diff(np.log10(half)) == pytest.approx([2, 2], abs=0.15)


# ---- hallucination ----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(WEIGHTS, st.integers(0, 30), st.floats(0.5, 20), st.floats(0, 100))
def test_predicted_rate_is_a_sum_over_elements(values, n, content, capacity):
    weights = FiniteWeights(values)
    p = weights.values
    unseen = (1 - p) ** n
    unfit = np.arange(1, len(p) + 1) > math.floor(capacity / content)
    wrong = 1 - 2**-content
    rate = predicted_rate(weights, n, content, capacity)
    assert rate.unseen == pytest.approx(wrong * (p * unseen).sum(), abs=1e-12)
    assert rate.unfitted == pytest.approx(wrong * (p * (1 - unseen))[unfit].sum(), abs=1e-12)
    same = predicted_rate_on(p, weights, n, content, capacity)
    assert (same.unseen, same.unfitted) == pytest.approx((rate.unseen, rate.unfitted), abs=1e-12)
    assert 0 <= rate.total <= 1


def test_rare_questions_are_answered_worse():
    weights = FiniteWeights(np.arange(1, 101.0) ** -2)
    uniform = predicted_rate_on(np.full(100, 0.01), weights, 500, 30)
    assert uniform.total > 3 * predicted_rate(weights, 500, 30).total


def test_good_turing_estimates_the_predicted_rate():
    weights = FiniteWeights(np.arange(1, 5001.0) ** -1.4)
    counts = np.random.default_rng(5).multinomial(20_000, weights.values)
    estimate = estimated_rate(Spectrum.of_counts(counts), 20)
    assert estimate.low < predicted_rate(weights, 20_000, 20).total < estimate.high


def test_kalai_bounds_hold_the_rate_of_a_model_that_memorises():
    """Beyond 1e6 prompts the bound says something, and the model that guesses when it must is above it."""
    weights = FiniteWeights(np.full(2_000_000, 1.0))
    n = 1_000_000
    counts = np.bincount(np.random.default_rng(0).integers(0, 2_000_000, n))
    spectrum = Spectrum.of_counts(counts)
    lower, upper = kalai_bounds(spectrum, least_errors=365)
    rate = predicted_rate(weights, n, math.log2(366)).total
    assert 0.4 < lower < rate
    assert rate < upper
    assert kalai_bounds(spectrum, 365, miscalibration=0.1)[0] == pytest.approx(lower - 0.1)
    assert kalai_bounds(Spectrum.of_counts([1] * 100), 365) == (0.0, 1.0)
    # The theorem's own numbers.
    singletons = spectrum.seen(1) / n
    assert lower == pytest.approx(singletons - 2 / 365 - (35 + 6 * math.log(n)) / 1000)
    assert upper == pytest.approx(singletons * (1 - 1 / 366) + 13 / 1000)


def test_error_rate():
    assert error_rate(0) == 0
    assert error_rate(3) == pytest.approx(7 / 8)
    assert error_rate(1000) == 1


# ---- both together ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("discount", [0.3, 0.5, 0.7, 0.9])
def test_coefficients_are_the_limits_of_the_sum(discount):
    law, zipf = ScalingLaw.of_zipf(discount, 50), ZipfMandelbrot.of_discount(discount)
    assert excess_bits(zipf, 1e9, math.inf, 50) == pytest.approx(float(law.loss_bits(1e9)), rel=1e-4)
    room = 50 * 1e6
    assert 50 * float(zipf.tail(1e6)) == pytest.approx(
        law.model_coefficient * room**-law.model_exponent, rel=1e-5
    )
    average = ScalingLaw.of_zipf(discount, 50, average=True)
    assert law.data_coefficient == pytest.approx(discount * average.data_coefficient)
    # What N sentences lose together is H0 for each element that they state.
    n = 1e9

    def stated(p):
        return np.where(p > 1e-25, -np.expm1(n * np.log1p(-p)) / np.maximum(p, 1e-25), n)

    stated_elements = mean_over_draws(zipf, stated, n)
    assert 50 * stated_elements / n == pytest.approx(float(average.loss_bits(n)), rel=5e-3)


@pytest.mark.parametrize("discount", [0.3, 0.5, 0.7, 0.9])
def test_sum_lies_between_the_larger_term_and_both(discount):
    zipf = ZipfMandelbrot.of_discount(discount)
    for n in (1e3, 1e6, 1e9):
        for capacity in (1e3, 1e6, 1e9):
            unseen = excess_bits(zipf, n, math.inf, 50)
            unfitted = excess_bits(zipf, 1e300, capacity, 50)
            both = excess_bits(zipf, n, capacity, 50)
            assert max(unseen, unfitted) * (1 - 1e-9) <= both <= (unseen + unfitted) * (1 + 1e-9)


@given(WEIGHTS, st.integers(0, 40), st.floats(0, 60))
@settings(deadline=None)
def test_excess_of_finitely_many_elements_is_a_sum(values, n, capacity):
    weights = FiniteWeights(values)
    p = weights.values
    kept = np.clip(capacity / 7 - np.arange(len(p)), 0, 1)
    missed = (1 - p) ** n
    expected = 7 * (p * (missed + (1 - missed) * (1 - kept))).sum()
    assert excess_bits(weights, n, capacity, 7) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("discount", [0.3, 0.5, 0.7, 0.9])
def test_best_split_in_closed_form_is_the_one_that_is_found(discount):
    law = ScalingLaw.of_zipf(discount, 50)
    for flop in (1e14, 1e20):
        closed = optimal_split(law, flop)
        found = optimal_split_of(lambda n, c: float(law.loss_bits(n, c)), flop)
        assert found.loss_bits == pytest.approx(closed.loss_bits, rel=1e-9)
        assert found.capacity_bits == pytest.approx(closed.capacity_bits, rel=1e-3)
        assert 6 * closed.parameters * closed.tokens == pytest.approx(flop)
        for factor in (0.5, 0.9, 1.1, 2.0):
            other = law.loss_bits(closed.sentences / factor, closed.capacity_bits * factor)
            assert float(other) > closed.loss_bits


@pytest.mark.parametrize("discount", [0.3, 0.7])
def test_exact_split_grows_as_the_closed_form_says(discount):
    """C ~ F^(d/(1+d)), N ~ F^(1/(1+d)), for the sum over elements too."""
    zipf = ZipfMandelbrot.of_discount(discount)
    small, large = (optimal_split_of(lambda n, c: excess_bits(zipf, n, c, 50), flop) for flop in (1e15, 1e18))
    assert math.log10(large.capacity_bits / small.capacity_bits) == pytest.approx(
        3 * discount / (1 + discount), abs=0.06
    )
    assert small.loss_bits < optimal_split(ScalingLaw.of_zipf(discount, 50), 1e15).loss_bits


def test_units_of_a_budget():
    compute = Compute(tokens_per_sentence=30, bits_per_parameter=4)
    split = optimal_split(ScalingLaw.of_zipf(0.5, 10), 1e16, compute)
    assert split.parameters == split.capacity_bits / 4
    assert split.tokens == 30 * split.sentences
    assert 6 * split.parameters * split.tokens == pytest.approx(1e16)


def test_law_adds_its_terms():
    law = ScalingLaw(3.0, 10.0, 0.5, 100.0, 1.0, 20.0)
    assert float(law.loss_bits(100, 50)) == pytest.approx(3 + 1 + 2 + 20 * math.log2(100) / 100)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: probability_known(1.5, 1), "statement_rates: not all"),
        (lambda: probability_known(0.5, -1), "sentences: not all"),
        (lambda: unseen_mass(ZipfMandelbrot(2), -1), "sentences: not all"),
        (lambda: unseen_mass(ZipfMandelbrot(2), 1, 0), "statement_rate: 0 is not above 0"),
        (lambda: frontier_rank(ZipfMandelbrot(2), 0), "sentences: not all"),
        (lambda: frontier_rank(ZipfMandelbrot(2), 1, 1.0), "probability: 1.0"),
        (lambda: loss_by_class(ZipfMandelbrot(2), [1], [3, 2], 1), "edges: are not"),
        (lambda: predicted_rate(ZipfMandelbrot(2), -1, 5), "sentences: -1"),
        (lambda: predicted_rate(ZipfMandelbrot(2), 1, -5), "content_bits: -5"),
        (lambda: predicted_rate(ZipfMandelbrot(2), 1, 5, -1), "capacity_bits: -1 is negative"),
        (lambda: predicted_rate_on([1.0], FiniteWeights([1, 1]), 1, 1), r"queries: have shape \(1,\)"),
        (lambda: predicted_rate_on([1, 1], FiniteWeights([1, 1]), 1, 1), "queries: are not probabilities"),
        (lambda: kalai_bounds(Spectrum.of_counts([1]), 0), "least_errors"),
        (lambda: kalai_bounds(Spectrum.of_counts([1]), 5, 4), "ascending"),
        (lambda: kalai_bounds(Spectrum.of_counts([1]), 5, miscalibration=-1), "miscalibration: -1"),
        (lambda: excess_bits(ZipfMandelbrot(2), 1, -1, 5), "capacity_bits"),
        (lambda: optimal_split(ScalingLaw.of_zipf(0.5, 1), 0), "flop: 0 is not a positive"),
        (lambda: optimal_split(ScalingLaw(0, 1, 0, 1, 1), 1), "law: a budget can be split only"),
        (lambda: optimal_split_of(lambda n, c: 1.0, 10.0), "does not pay"),
    ],
)
def test_domains(call, message):
    with pytest.raises(ValueError, match=message):
        call()
