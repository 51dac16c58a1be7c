"""Discount and concentration from counts: maximum likelihood, intervals, and both integrated out."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from skmfast.codes.knowledge import seen_before
from skmfast.samplers.pitman_yor import Restaurant, table_sizes
from skmfast.sources.hyperparameters import (
    integrated_partition_bits,
    posterior,
    prequential_integrated_bits,
)
from skmfast.sources.partition import count_of_counts, partition_bits
from skmfast.sources.partition_fit import PartitionLikelihood, fit_pitman_yor

PARTITIONS = [
    [40, 12, 5, 3, 2, 2, 1, 1, 1, 1],
    [200, 90, 70, 3, 1],
    [1, 1, 1, 1, 1, 1, 2],
    [500, 400, 300, 1] * 3,
]


@pytest.mark.parametrize("counts", PARTITIONS)
def test_likelihood_and_derivatives(counts):
    likelihood = PartitionLikelihood(*count_of_counts(counts))
    for d, v in itertools.product([0.0, 0.01, 0.4, 0.95], [-3.0, 0.5, 6.0]):
        here = likelihood.at(d, v)
        exact = -partition_bits(counts, d, math.exp(v) - d) * math.log(2)
        assert here.value == pytest.approx(exact, rel=1e-12)
        if d > 0:
            assert likelihood.values(np.array([[d]]), np.array([[v]]))[0, 0] == pytest.approx(
                exact, rel=1e-12
            )
            step = 1e-4
            ahead = [likelihood.at(d + step, v), likelihood.at(d, v + step)]
            behind = [likelihood.at(d - step, v), likelihood.at(d, v - step)]
            slope = [(a.value - b.value) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
            bend = [(a.gradient - b.gradient) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
            np.testing.assert_allclose(here.gradient, slope, rtol=2e-4, atol=1e-3)
            np.testing.assert_allclose(here.hessian, bend, rtol=2e-4, atol=1e-3)


@pytest.mark.parametrize("counts", PARTITIONS)
def test_maximum_and_intervals(counts):
    fit = fit_pitman_yor(counts)

    def loss(at):
        return partition_bits(counts, at[0], math.exp(at[1]) - at[0])

    found = min(
        (
            optimize.minimize(loss, start, method="L-BFGS-B", bounds=[(0, 0.999), (-20, 20)])
            for start in ([0.3, 0.0], [0.01, 2.0])
        ),
        key=lambda each: each.fun,
    )
    assert -fit.log_likelihood_bits <= found.fun + 1e-6
    assert -fit.log_likelihood_bits == pytest.approx(
        loss([fit.discount, math.log(fit.concentration + fit.discount)])
    )
    # At each end the likelihood, maximised over the other parameter, is 1.92 nats below its maximum.
    allowed = -fit.log_likelihood_bits + 3.8414588 / 2 / math.log(2)
    for end in fit.discount_interval:
        profile = optimize.minimize_scalar(lambda v, d=end: loss([d, v]), bounds=(-20, 12), method="bounded")
        assert profile.fun == pytest.approx(allowed, abs=1e-4) or (end == 0 and profile.fun < allowed)
    for end in fit.concentration_interval:
        profile = optimize.minimize_scalar(
            lambda d, theta=end: partition_bits(counts, d, theta),
            bounds=(max(0, -end) + 1e-12, 0.9999),
            method="bounded",
            options={"xatol": 1e-10},
        )
        assert profile.fun == pytest.approx(allowed, abs=1e-4)
    assert fit.num_draws == sum(counts)
    assert fit.num_elements == len(counts)


def test_zero_discount():
    fit = fit_pitman_yor([300, 310, 320, 330, 3])
    assert fit.discount == 0
    assert fit.discount_interval[0] == 0 < fit.discount_interval[1]
    assert fit.concentration_interval[0] < fit.concentration < fit.concentration_interval[1]
    assert math.isnan(fit.standard_errors[0])


@pytest.mark.parametrize(
    ("d", "theta"), [(0.7, -0.2), (0.5, 10.0), (0.8, 100.0)], ids=["small", "middle", "large"]
)
def test_true_values_lie_in_the_intervals(d, theta):
    repetitions, inside = 60, np.zeros(2)
    for seed in range(repetitions):
        fit = fit_pitman_yor(table_sizes(10_000, d, theta, seed=seed))
        inside += [
            fit.discount_interval[0] <= d <= fit.discount_interval[1],
            fit.concentration_interval[0] <= theta <= fit.concentration_interval[1],
        ]
    assert np.all(inside >= 0.85 * repetitions)
    assert np.all(inside < repetitions)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([7], "one element only"),
        ([1, 1, 1], "every element was drawn once"),
        ([], "nothing was drawn"),
        ([-1, 2], "outside 0"),
    ],
)
def test_no_maximum(counts, message):
    with pytest.raises(ValueError, match=message):
        fit_pitman_yor(counts)


# ---- integrated out ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 4, 7])
def test_probabilities_of_all_partitions_add_up(n):
    def sizes_of(n):
        if n == 0:
            yield []
            return
        for sizes in sizes_of(n - 1):
            for block in range(len(sizes)):
                yield [*sizes[:block], sizes[block] + 1, *sizes[block + 1 :]]
            yield [*sizes, 1]

    number = Counter(tuple(sorted(sizes)) for sizes in sizes_of(n))
    total = sum(many * 2 ** -integrated_partition_bits(sizes) for sizes, many in number.items())
    assert total == pytest.approx(1, abs=1e-11)


def test_integral():
    counts = [30, 10, 4, 1, 1, 1]

    nodes, weights = np.polynomial.legendre.leggauss(40)
    total = 0.0
    for d, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        for v in np.arange(-24, 40, 0.4):
            prior = 1 / (8 * math.cosh(v / 4) ** 2)
            total += weight * 0.4 * prior * 2 ** (90 - partition_bits(counts, d, math.exp(v) - d))
    assert integrated_partition_bits(counts) == pytest.approx(90 - math.log2(total), abs=1e-9)


def test_posterior_is_around_the_truth():
    d, theta = 0.6, 5.0
    found = posterior(*count_of_counts(table_sizes(10**6, d, theta, seed=5)))
    mean = found.weights @ found.discount
    deviation = math.sqrt(found.weights @ (found.discount - mean) ** 2)
    assert found.weights.sum() == pytest.approx(1)
    assert abs(mean - d) < 4 * deviation < 0.02


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_draw_by_draw_is_the_whole(labels):
    each = prequential_integrated_bits(seen_before(np.array(labels)))
    assert each.sum() == pytest.approx(integrated_partition_bits(np.bincount(labels)), rel=1e-9, abs=1e-8)


@pytest.mark.parametrize(("d", "theta"), [(0.5, 1.0), (0.0, 5.0), (0.8, -0.5)])
def test_draw_by_draw_is_the_whole_of_many(d, theta):
    labels = Restaurant(d, theta, seed=3).seat(20_000)
    each = prequential_integrated_bits(seen_before(labels))
    total = integrated_partition_bits(np.bincount(labels))
    assert each.sum() == pytest.approx(total, rel=1e-9)
    assert 0 < total - partition_bits(np.bincount(labels), d, theta) < 20
