"""Exponents of discrete power laws: coverage, the choice of x_min, the bias of regression on ranks, text."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from skmfast.laws import Spectrum, byte_labels, fit_zipf, rank_size_regression, word_labels
from skmfast.samplers import Restaurant

mpmath = pytest.importorskip("mpmath")


@pytest.mark.parametrize("minimum", [1, 5])
def test_estimate_is_the_maximum_of_the_likelihood(minimum):
    counts = np.random.default_rng(3).zipf(1.7, 500)
    law = fit_zipf(Spectrum.of_counts(counts), minimum=minimum)
    tail = counts[counts >= minimum]

    def loss(alpha):
        return float(alpha * np.log(tail).sum() + len(tail) * mpmath.log(mpmath.zeta(alpha, minimum)))

    best = minimize_scalar(loss, bounds=(1.01, 6), method="bounded", options={"xatol": 1e-9})
    assert law.alpha.value == pytest.approx(best.x, abs=1e-6)
    assert law.num_tail == len(tail)
    # The width is that of the curvature of the likelihood.
    step = 1e-3
    bend = (loss(best.x + step) - 2 * loss(best.x) + loss(best.x - step)) / step**2
    assert law.alpha.high - law.alpha.value == pytest.approx(1.959964 / bend**0.5, rel=1e-3)
    assert law.discount.value == pytest.approx(law.alpha.value - 1)
    assert law.exponent.value == pytest.approx(1 / law.discount.value)
    assert law.exponent.low < law.exponent.value < law.exponent.high


def test_distance_is_the_largest_between_the_two_distributions():
    counts = np.array([1] * 8 + [2] * 5 + [3] * 2 + [9])
    law = fit_zipf(Spectrum.of_counts(counts), minimum=1)
    total = mpmath.zeta(law.alpha.value, 1)
    gaps = []
    for x in range(1, 10):
        share = 1 - mpmath.zeta(law.alpha.value, x + 1) / total
        gaps.append(abs(float(share) - (counts <= x).mean()))
    assert law.distance == pytest.approx(max(gaps), abs=1e-12)


@pytest.mark.parametrize("alpha", [1.4, 1.8, 2.5])
def test_intervals_cover(alpha):
    inside = 0
    for seed in range(100):
        counts = np.random.default_rng(seed).zipf(alpha, 1000)
        law = fit_zipf(Spectrum.of_counts(counts), minimum=1, level=0.9)
        inside += law.alpha.low < alpha < law.alpha.high
    assert 80 <= inside <= 98


def test_minimum_is_found_where_the_power_law_begins():
    rng = np.random.default_rng(8)
    tail = rng.zipf(2.0, 2_000_000)
    counts = np.concatenate([rng.integers(1, 40, 30_000), tail[tail >= 40]])
    law = fit_zipf(Spectrum.of_counts(counts))
    assert 38 <= law.minimum <= 60
    assert law.alpha.low < 2.0 < law.alpha.high
    assert fit_zipf(Spectrum.of_counts(counts), minimum=1).distance > 5 * law.distance


# With a concentration of 100, two million customers do not reach the tail yet: 0.7515 in the mean of
# 10 seeds of labels, 0.7472 in that of 10 seeds of table sizes.
@pytest.mark.parametrize(("discount", "concentration", "expected"), [(0.5, 1.0, 0.5), (0.7, 100.0, 0.749)])
def test_tail_of_a_restaurant_has_exponent_one_plus_discount(discount, concentration, expected):
    restaurant = Restaurant(discount, concentration, seed=4)
    restaurant.seat(2_000_000)
    spectrum = Spectrum.of_counts(restaurant.counts.astype(np.int64))
    assert fit_zipf(spectrum).discount.value == pytest.approx(expected, abs=0.05)


def test_regression_on_ranks_is_badly_biased():
    """With a concentration of 100 it takes d = 0.5 for 0.88 give or take 0.03, and does not know."""
    restaurant = Restaurant(0.5, 100.0, seed=1)
    restaurant.seat(1_000_000)
    spectrum = Spectrum.of_counts(restaurant.counts.astype(np.int64))
    head = rank_size_regression(spectrum, ranks=1000)
    assert 1 / head.value == pytest.approx(0.884, abs=0.06)
    for slope in (head, rank_size_regression(spectrum)):
        assert 1 / slope.high > 0.6
    assert abs(fit_zipf(spectrum).discount.value - 0.5) < 0.1


def test_rank_size_regression_of_an_exact_power():
    counts = np.rint(1e12 / np.arange(1, 101) ** 1.5)
    assert rank_size_regression(Spectrum.of_counts(counts)).value == pytest.approx(1.5, abs=1e-6)


def test_real_text(corpora_dir):
    text = (corpora_dir / "alice29.txt").read_bytes()
    words = fit_zipf(Spectrum.of_labels(word_labels(text)))
    assert 1.0 < words.exponent.low < words.exponent.high < 1.25
    strings = fit_zipf(Spectrum.of_labels(byte_labels(text, 4)))
    assert 0.5 < strings.exponent.low < strings.exponent.high < words.exponent.low


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fit_zipf(Spectrum.of_counts([1, 2, 3])),
            "too little data for an exponent: it needs at least 10",
        ),
        (lambda: fit_zipf(Spectrum.of_counts([4] * 100)), "with at least two different counts"),
        (lambda: fit_zipf(Spectrum.of_counts(range(1, 30)), minimum=25), "at or above 25"),
        (lambda: fit_zipf(Spectrum.of_counts(range(1, 30)), minimum=0), "minimum: 0 is not at least 1"),
        (lambda: rank_size_regression(Spectrum.of_counts([1, 2])), "2 different elements, not at least 10"),
    ],
)
def test_too_little_data(call, message):
    with pytest.raises(ValueError, match=message):
        call()
