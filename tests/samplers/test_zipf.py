"""Zipf and Zipf-Mandelbrot: the paper's method draw by draw, and the distribution."""

import math

import numpy as np
import philox_twin
import pytest
import zipf_twin
from goodness import LEAST, chi_square, kolmogorov_smirnov, kolmogorov_smirnov_discrete
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skmfast.samplers import Generator

GUIDED = 1 << 17  # draws from which on words are looked up first

exponents = st.one_of(
    st.floats(0, 5),
    st.floats(0.8, 1.2),
    st.sampled_from([0.0, 1.0, 0.875, 1.125, math.nextafter(1, 0), math.nextafter(1, 2), 30.0, 1000.0]),
)


@given(
    st.integers(0, 2**64 - 1), exponents, st.one_of(st.just(0.0), st.floats(0, 100)), st.integers(1, 10**6)
)
@example(seed=1, exponent=1e12, shift=1e12, num_ranks=1000)
@settings(max_examples=150)
def test_draws_are_the_twins(seed, exponent, shift, num_ranks):
    key = philox_twin.stream_key(seed, 3)
    expected = [zipf_twin.draw(key, 1001 + j, exponent, shift, num_ranks) for j in range(21)]
    drawn = Generator(seed, 3, position=1001).zipf_mandelbrot(exponent, shift, num_ranks, size=21)
    if shift > 1000:  # the twin's own arithmetic loses the digits
        assert np.abs(drawn - expected).max() <= 1
    else:
        assert drawn.tolist() == expected


@pytest.mark.parametrize("exponent", [0.0, 0.5, 0.95, 1.0, 1.05, 1.5, 3.0, 40.0])
@pytest.mark.parametrize("shift", [0.0, 2.7])
@pytest.mark.parametrize("num_ranks", [1, 2, 50, 10**6])
def test_looking_up_changes_nothing(exponent, shift, num_ranks):
    long = Generator(9, position=5).zipf_mandelbrot(exponent, shift, num_ranks, size=GUIDED + 3)
    assert long.min() >= 1
    assert long.max() <= num_ranks
    for begin in range(0, GUIDED, GUIDED // 4):
        short = Generator(9, position=5 + begin).zipf_mandelbrot(exponent, shift, num_ranks, size=GUIDED // 4)
        np.testing.assert_array_equal(long[begin : begin + GUIDED // 4], short)


@pytest.mark.parametrize(
    ("exponent", "shift", "num_ranks"),
    [
        (0.0, 0.0, 1000),
        (0.3, 0.0, 2),
        (0.9, 0.0, 10**5),
        (1.0, 0.0, 10**6),
        (1.0 + 2**-40, 5.5, 300),
        (1.5, 0.0, 10**6),
        (2.0, 30.0, 5000),
        (8.0, 0.0, 10),
        (60.0, 100.0, 400),
    ],
)
def test_distribution(exponent, shift, num_ranks):
    draws = Generator(21).zipf_mandelbrot(exponent, shift, num_ranks, size=400_000) - 1
    probabilities = zipf_twin.probabilities(exponent, shift, num_ranks)
    assert chi_square(np.bincount(draws, minlength=num_ranks), probabilities) > LEAST
    assert kolmogorov_smirnov_discrete(draws, probabilities) > LEAST


def test_without_a_bound():
    # P(k > K) / P(k <= K) from the zeta function; beyond 2**63 nothing of weight at this exponent.
    draws = Generator(22).zipf(2.5, size=400_000)
    zeta = 1.3414872572509171  # zeta(5/2)
    head = np.arange(1, 60) ** -2.5 / zeta
    counts = np.bincount(np.minimum(draws, 60), minlength=61)[1:]
    assert chi_square(counts, np.append(head, 1 - head.sum())) > LEAST


def test_heavy_tail_up_to_63_bits():
    # So near to 1, ranks are about log-uniform over all 63 bits: of continuous size, but for the small ones.
    exponent = 1.0 + 1e-9
    draws = Generator(23).zipf(exponent, size=100_000)
    assert draws.min() >= 1
    assert draws.max() > 2**62
    large = np.log(draws[draws > 10**6])
    low, high = math.log(10**6), math.log(2) * 63
    assert kolmogorov_smirnov(large, lambda x: (x - low) / (high - low)) > LEAST


def test_steep_distributions_are_constant():
    assert (Generator(1).zipf(1e12, size=1000) == 1).all()
    assert (Generator(1).zipf(0.0, 1, size=1000) == 1).all()


def test_types():
    for dtype in (np.int64, np.uint64, np.int32, np.uint32):
        draws = Generator(2).zipf(1.2, 10**9, size=1000, dtype=dtype)
        assert draws.dtype == dtype
        np.testing.assert_array_equal(draws, Generator(2).zipf(1.2, 10**9, size=1000))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((math.nan, 5), {}, "exponent = nan"),
        ((-0.1, 5), {}, "exponent = -0.1"),
        ((math.inf, 5), {}, "exponent = inf"),
        ((1.0,), {}, "must be above 1, got 1.0"),
        ((0.5, None), {}, "must be above 1, got 0.5"),
        ((1.5, 0), {}, "num_ranks = 0"),
        ((1.5, 2**63), {}, "num_ranks = 9223372036854775808"),
        ((1.5, 2**31), {"dtype": np.int32}, "do not fit int32"),
        ((1.5,), {"dtype": np.uint32}, "do not fit uint32"),
    ],
)
def test_bad_parameters(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        Generator(1).zipf(*arguments, **options)


@pytest.mark.parametrize("shift", [math.nan, -0.5, math.inf, 2.0**41])
def test_bad_shift(shift):
    with pytest.raises(ValueError, match="shift = "):
        Generator(1).zipf_mandelbrot(1.5, shift, 100)


def test_ranks_must_be_whole():
    with pytest.raises(TypeError, match="num_ranks"):
        Generator(1).zipf(1.5, 10.5)
