"""Fits: planted laws are found, intervals cover them, and what cannot be fitted says so."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.experiments.fits import (
    Fit,
    Points,
    crossing,
    exponent_fit,
    find_fit,
    fits_of,
    fits_table,
    interval,
    mean_fit,
    order_fit,
    points_of,
    rank_correlation,
    scale_fit,
)


def blocks(x, mean, relative=0.1, blocks=20, runs=1, seed=0):
    """Rows of blocks around ``mean`` at each x, for each of several runs."""
    generator = np.random.default_rng(seed)
    rows = [
        (place, value * (1 + relative * generator.standard_normal()), 50, f"{place}-{run}")
        for place, value in zip(x, mean, strict=True)
        for run in range(runs)
        for _ in range(blocks)
    ]
    return points_of(*zip(*rows, strict=True))


@settings(max_examples=25, deadline=None)
@given(st.floats(-1.0, 2.0), st.floats(1e-3, 1e3))
def test_planted_exponents_are_found(exponent, coefficient):
    x = np.geomspace(10, 1e5, 5)
    fit = exponent_fit("exponent", "g", blocks(x, coefficient * x**-exponent, relative=0.0))
    assert fit.value == pytest.approx(exponent, abs=1e-9)
    assert fit.low == pytest.approx(exponent, abs=1e-9)
    assert fit.points == 5


def test_the_interval_covers_the_planted_exponent():
    x, covered, widths = np.geomspace(100, 1e4, 4), 0, []
    for seed in range(40):
        fit = exponent_fit("exponent", "g", blocks(x, x**-0.5, relative=0.5, runs=2, seed=seed))
        covered += fit.low <= 0.5 <= fit.high
        widths.append(fit.high - fit.low)
    # 95 % nominal; the bootstrap of a mean of 40 blocks is a little short.
    assert covered >= 34
    assert 0.02 < np.mean(widths) < 0.2


def test_noisy_points_count_less():
    x = np.array([10.0, 100.0, 1000.0])
    good = [(place, place**-1.0, 10, "a") for place in x for _ in range(10)]
    generator = np.random.default_rng(1)
    # At 10,000 the mean is far too high, and its blocks do not agree.
    bad = [(10_000.0, 1e-3 * (1 + 2 * generator.standard_normal()), 10, "b") for _ in range(10)]
    fit = exponent_fit("exponent", "g", points_of(*zip(*good, *bad, strict=True)))
    even = -np.polyfit(np.log([10, 100, 1000, 10_000]), np.log([0.1, 0.01, 0.001, 1e-3]), 1)[0]
    assert abs(fit.value - 1) < abs(even - 1) / 2


@pytest.mark.parametrize("mean", [[1.0, 0.5], [1.0, -0.1, 0.2], []])
def test_too_few_points_are_no_exponent(mean):
    x = 10.0 ** np.arange(len(mean))
    fit = exponent_fit("exponent", "g", blocks(x, mean, relative=0.0) if mean else points_of([], [], [], []))
    assert math.isnan(fit.value)
    assert math.isnan(fit.low)
    assert "a power law takes 3" in fit.note
    assert str(fit) == fit.note


def test_points_below_zero_are_left_out_and_named():
    fit = exponent_fit("exponent", "g", blocks([1, 10, 100, 1000], [1, 0.1, 0.01, -1.0], relative=0.0))
    assert fit.value == pytest.approx(1)
    assert "1 points not above zero left out" in fit.note


def test_points_are_means_over_sentences():
    points = points_of([1, 1, 1, 2], [1.0, 3.0, math.nan, 5.0], [1, 3, 5, 1], ["a", "a", "a", "b"])
    assert points.mean.tolist() == [2.5, 5.0]
    assert points_of([1, 2], [1.0, 2.0], [1, 0], ["a", "a"]).x.tolist() == [1.0]


def test_resamples_draw_runs_and_blocks():
    # Two runs that disagree by 1; within each run the blocks agree.
    runs = points_of([1] * 20, [0.0] * 10 + [1.0] * 10, [1] * 20, ["a"] * 10 + ["b"] * 10)
    means = runs.resampled(2000)[:, 0]
    assert set(means.round(6)) == {0.0, 0.5, 1.0}
    assert means.std() == pytest.approx(math.sqrt(1 / 8), rel=0.1)
    # One run whose blocks vary by 1: the error of the mean.
    one = points_of([1] * 100, np.random.default_rng(0).standard_normal(100), [1] * 100, ["a"] * 100)
    assert one.resampled(2000)[:, 0].std() == pytest.approx(0.1, rel=0.15)
    assert one.one_run
    assert not runs.one_run


def test_a_mean_has_an_interval():
    fit = mean_fit("gap", "g", points_of([1] * 4, [1.0, 2.0, 3.0, 4.0], [1] * 4, ["a"] * 4), theory=0.0)
    assert fit.value == 2.5
    assert 1 <= fit.low < 2.5 < fit.high <= 4
    assert math.isnan(mean_fit("gap", "g", points_of([], [], [], [])).value)


def test_intervals_of_samples_without_a_fit():
    assert interval([1.0, 1.0]) == (1.0, 1.0)
    assert all(map(math.isnan, interval([1.0] * 8 + [math.nan] * 2)))
    assert all(map(math.isnan, interval([])))


@pytest.mark.parametrize(
    ("y", "first", "wanted"),
    [
        ([1.0, 0.0, 0.0], False, 10.0),
        ([1.0, 0.0, 1.0], False, math.inf),
        ([1.0, 0.0, 1.0], True, 10.0),
        ([0.2, 0.1, 0.0], False, 1.0),
        ([1.0, 1.0, 0.9], True, math.inf),
        ([0.2, 0.9, 0.1], True, 1.0),
        ([1.0, 0.8, 0.2], False, 10.0**3),
    ],
)
def test_crossings(y, first, wanted):
    assert crossing([1, 100, 10_000], y, 0.5, first=first) == pytest.approx(wanted)


def test_orders():
    fit = order_fit("rank correlation", "g", [0, 1, 2, 3], [10, 30, 20, math.inf])
    assert fit.value == pytest.approx(0.8)
    assert "1 classes have no place yet" in fit.note
    assert math.isnan(order_fit("rank correlation", "g", [0, 1], [1, 2]).value)
    assert math.isnan(order_fit("rank correlation", "g", [0, 1, 2], [1, math.inf, math.inf]).value)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == -1
    assert math.isnan(rank_correlation([1, 2], [5, 5]))
    samples = np.array([[1.0, 2.0, 3.0]] * 30 + [[1.0, 3.0, 2.0]] * 10)
    ranged = order_fit("rank correlation", "g", [0, 1, 2], [1, 2, 3], samples)
    assert (ranged.low, ranged.high) == (0.5, 1.0)


def test_a_planted_factor_is_found():
    x = np.geomspace(1e3, 1e5, 5)
    fit = scale_fit("bits", "g", blocks(x, (1.7 * x) ** -0.8, relative=0.02), lambda c: c**-0.8)
    assert fit.value == pytest.approx(1.7, rel=0.05)
    assert fit.low < 1.7 < fit.high
    far = scale_fit("bits", "g", blocks(x, (1e6 * x) ** -0.8, relative=0.02), lambda c: c**-0.8)
    assert math.isnan(far.value)
    assert "no factor" in far.note


def test_fits_survive_their_table():
    rows = [Fit("exponent", "a", 0.5, 0.4, 0.6, 0.55, 4, "note"), Fit("exponent", "b", note="too few")]
    found = fits_of(fits_table(rows))
    assert found[0] == rows[0]
    assert str(found[1]) == "too few"
    assert find_fit(found, "exponent", "a").value == 0.5
    assert math.isnan(find_fit(found, "exponent", "c").value)
    assert fits_table([]).num_rows == 0


def test_points_keep_their_places():
    assert len(Points(np.empty(0), ())) == 0
    assert Points(np.empty(0), ()).resampled().shape == (400, 0)
