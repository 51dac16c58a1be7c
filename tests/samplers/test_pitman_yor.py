"""Sizes of tables, sticks, and weights given counts: their laws and their limits."""

import math

import numpy as np
import pytest
import restaurant_twin as twin
from goodness import LEAST, chi_square, kolmogorov_smirnov
from scipy import special, stats

from skmfast.samplers import Restaurant, StickBreaking, table_sizes, weights_given

PARAMETERS = [(0.0, 1.0), (0.5, 1.0), (0.5, -0.25), (0.8, 1.0), (0.9, -0.85)]


def compositions(n: int) -> list[tuple[int, ...]]:
    if n == 0:
        return [()]
    return [(first, *rest) for first in range(1, n + 1) for rest in compositions(n - first)]


@pytest.mark.parametrize(("discount", "concentration"), PARAMETERS)
def test_sizes_in_order_of_appearance(discount, concentration):
    """Every composition of 7: partitions with those sizes in order of appearance, each of the same probability."""
    draws = [tuple(table_sizes(7, discount, concentration, seed).tolist()) for seed in range(8_000)]
    every = compositions(7)
    law = []
    for sizes in every:
        left, ways = 7, 1
        for size in sizes:
            ways *= math.comb(left - 1, size - 1)
            left -= size
        law.append(ways * math.exp(twin.log_partition_probability(list(sizes), discount, concentration)))
    index = {sizes: i for i, sizes in enumerate(every)}
    counts = np.bincount([index[sizes] for sizes in draws], minlength=len(every))
    assert chi_square(counts, np.array(law)) > LEAST
    wrong = np.roll(np.array(law), 1)
    assert chi_square(counts, wrong) < LEAST


def test_many_customers():
    sizes = table_sizes(10**12, 0.5, 1.0, seed=3)
    assert int(sizes.sum()) == 10**12
    assert sizes.min() >= 1
    # K / n^discount has mean Gamma(2) / (0.5 Gamma(1.5)) and a heavy-tailed law: a wide interval.
    assert 0.3e6 < sizes.size < 8e6
    # Of the tables, discount (1 - discount)_{m - 1} / m! have m customers.
    shares = [0.5 * math.exp(twin.log_rising(0.5, m - 1) - math.lgamma(m + 1)) for m in range(1, 8)]
    counts = np.bincount(np.minimum(sizes, 8).astype(np.int64), minlength=9)[1:]
    assert chi_square(counts, np.append(shares, 1 - sum(shares))) > LEAST


def test_posterior_weights_have_beta_marginals():
    counts = np.array([40, 1, 3])
    draws = np.array([np.append(*weights_given(counts, 0.5, 1.0, seed)) for seed in range(5000)])
    np.testing.assert_allclose(draws.sum(axis=1), 1, rtol=1e-12)
    shapes = np.append(counts - 0.5, 1.0 + 3 * 0.5)
    for k in range(4):
        assert kolmogorov_smirnov(draws[:, k], stats.beta(shapes[k], shapes.sum() - shapes[k]).cdf) > LEAST


def test_weights_after_labels_are_weights_before_labels():
    """Weights drawn after labels: the first element's is that of the first stick, whatever the labels were."""
    first = []
    for seed in range(4000):
        restaurant = Restaurant(0.5, 1.0, seed)
        restaurant.seat(20)
        weights, rest = weights_given(restaurant.counts, 0.5, 1.0, seed)
        first.append(weights[0])
        assert 0 < rest < 1
    assert kolmogorov_smirnov(np.array(first), stats.beta(0.5, 1.5).cdf) > LEAST


def test_weights_of_nothing_and_of_many():
    weights, rest = weights_given([], 0.5, 1.0, seed=1)
    assert weights.size == 0
    assert rest == 1.0
    counts = np.ones(300_000, np.int64)
    one, rest = weights_given(counts, 0.5, 1.0, seed=1, threads=1)
    many, _ = weights_given(counts, 0.5, 1.0, seed=1, threads=7)
    np.testing.assert_array_equal(one, many)
    assert one.sum() + rest == pytest.approx(1, rel=1e-12)
    assert one.min() > 0


@pytest.mark.parametrize(("discount", "concentration"), PARAMETERS[:-1])
def test_sticks(discount, concentration):
    rows = np.array([StickBreaking(discount, concentration, seed).weights(3) for seed in range(3000)])
    left = np.ones(3000)
    for j in range(3):
        law = stats.beta(1 - discount, concentration + (j + 1) * discount)
        kept = left > 1e-6  # less has lost its digits; a stick does not depend on what is left
        assert kolmogorov_smirnov(rows[kept, j] / left[kept], law.cdf) > LEAST
        left = left - rows[:, j]


def test_entropy_of_the_weights():
    # E[H(p)] = (psi(concentration + 1) - psi(1 - discount)) / ln 2; the tail beyond 20,000 sticks is lost.
    entropies = []
    for seed in range(400):
        p = StickBreaking(0.3, 1.0, seed).weights(20_000)
        entropies.append(-np.sum(p * np.log2(p, where=p > 0, out=np.zeros_like(p))))
    expected = (special.digamma(2.0) - special.digamma(0.7)) / math.log(2)
    assert np.mean(entropies) == pytest.approx(expected, abs=4 * np.std(entropies) / 20)


def test_sticks_grow_as_needed():
    sticks = StickBreaking(0.5, 1.0, seed=2)
    few = sticks.weights(5)
    assert sticks.num_sticks == 1024
    np.testing.assert_array_equal(sticks.weights(5000)[:5], few)
    whole = StickBreaking(0.5, 1.0, seed=2).weights(5000)
    np.testing.assert_array_equal(sticks.weights(5000), whole)
    assert sticks.rest == pytest.approx(1 - sticks.weights(sticks.num_sticks).sum(), abs=1e-12)


def test_draws_of_sticks():
    sticks = StickBreaking(0.3, 2.0, seed=4)
    uniforms = (np.arange(200_000) + 0.5) / 200_000  # evenly spread: counts are the weights
    elements = sticks.draw(uniforms)
    weights = sticks.weights(20)
    np.testing.assert_allclose(np.bincount(elements.astype(np.int64))[:20] / 200_000, weights, atol=1.1e-5)
    assert sticks.draw(0.0) == 0
    assert sticks.draw([]).shape == (0,)
    assert sticks.draw([[0.5, 0.1]]).shape == (1, 2)


def test_a_tail_too_heavy_to_reach():
    sticks = StickBreaking(0.9, 1.0, seed=5, most=4096)
    with pytest.raises(OverflowError, match="too heavy"):
        sticks.draw(1 - 1e-9)
    with pytest.raises(OverflowError, match="4096 is the most"):
        sticks.weights(4097)
    with pytest.raises(ValueError, match="uniforms"):
        sticks.draw(1.0)
    with pytest.raises(ValueError, match="uniforms"):
        sticks.draw([0.5, math.nan])
    with pytest.raises(ValueError, match="discount"):
        StickBreaking(1.0, 1.0, seed=1)
    with pytest.raises(ValueError, match=r"counts\[0\] = 0"):
        weights_given([0], 0.5, 1.0, seed=1)
