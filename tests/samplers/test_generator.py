"""The generator: each number is the one that its index names, and bad input is refused."""

import math
import pickle

import numpy as np
import philox_twin
import pytest
from goodness import LEAST, chi_square, kolmogorov_smirnov, serial_chi_square
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.samplers import AliasTable, Generator

words64 = st.integers(0, 2**64 - 1)


@given(words64, words64, st.integers(0, 2**64 - 70), st.integers(0, 70))
def test_words_and_doubles_are_the_twins(seed, stream, position, count):
    key = philox_twin.stream_key(seed, stream)
    expected = [philox_twin.word(key, position + j) for j in range(count)]
    generator = Generator(seed, stream, position=position)
    assert generator.words(count).tolist() == expected
    assert generator.position == position + count
    assert generator.at(position).random(count).tolist() == [philox_twin.unit_double(w) for w in expected]
    floats = generator.at(position).random(count, np.float32)
    assert floats.dtype == np.float32
    assert floats.tolist() == [(w >> 40) * 2.0**-24 for w in expected]


@given(words64, st.integers(0, 2**40), st.integers(-(2**63), 2**63 - 1), st.integers(1, 2**64))
def test_integers_are_the_twins(seed, position, low, span):
    # Half of the ranges are so wide that words are drawn again often.
    span = min(span, 2**63 - low)
    generator = Generator(seed, position=position)
    key = philox_twin.stream_key(seed, 0)
    expected = [philox_twin.integer(key, position + j, low, span) for j in range(20)]
    assert generator.integers(low, low + span, size=20).tolist() == expected
    assert generator.at(position).integers(low, low + span - 1, size=20, endpoint=True).tolist() == expected


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int32, np.uint32])
def test_integers_of_every_type_reach_both_ends(dtype):
    limits = np.iinfo(dtype)
    whole = Generator(1).integers(limits.min, limits.max, size=1000, dtype=dtype, endpoint=True)
    assert whole.dtype == dtype
    assert whole.min() < limits.min + (limits.max - limits.min) // 50
    assert whole.max() > limits.max - (limits.max - limits.min) // 50
    near = Generator(1).integers(int(limits.max) - 2, limits.max, size=100, dtype=dtype, endpoint=True)
    assert set(near.tolist()) == {limits.max - 2, limits.max - 1, limits.max}


@given(st.lists(st.integers(0, 50), max_size=8))
@settings(max_examples=30)
def test_parts_make_the_whole(sizes):
    whole, parts = Generator(3, 4), Generator(3, 4)
    assert whole.random(sum(sizes)).tolist() == [x for size in sizes for x in parts.random(size)]
    assert whole.position == parts.position


def draws(generator: Generator, threads: int) -> list[np.ndarray]:
    """One array of every kind, long enough to be split."""
    count = 140_001
    table = AliasTable(np.arange(1, 1000) ** -0.7)
    return [
        generator.random(count, threads=threads),
        generator.random(count, np.float32, threads=threads),
        generator.integers(-5, 10**18, size=count, threads=threads),
        generator.zipf(1.5, 10**6, size=count, threads=threads),
        generator.zipf(1.0, 10**6, size=count, threads=threads),
        generator.zipf_mandelbrot(1.05, 2.7, 10**5, size=count, dtype=np.uint32, threads=threads),
        generator.zipf(0.6, 10**6, size=count, threads=threads),
        generator.choice(table, size=count, threads=threads),
        generator.choice(table, size=count, dtype=np.int64, threads=threads),
    ]


def test_threads_change_nothing():
    one = draws(Generator(7, position=3), 1)
    for threads in (2, 7):
        for expected, got in zip(one, draws(Generator(7, position=3), threads), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_shapes_and_single_numbers():
    generator = Generator(1)
    assert generator.random((3, 4)).shape == (3, 4)
    assert generator.random(()).shape == ()
    assert generator.random(0).shape == (0,)
    assert generator.position == 13
    assert isinstance(generator.random(), float)
    assert isinstance(generator.zipf(2.0), np.int64)
    np.testing.assert_array_equal(generator.at(0).random((3, 4)).ravel(), generator.at(0).random(12))


def test_out_is_filled_and_returned():
    out = np.full((2, 3), np.nan)
    generator = Generator(1)
    assert generator.random(out=out) is out
    np.testing.assert_array_equal(out.ravel(), generator.at(0).random(6))
    ranks = np.zeros(5, np.uint32)
    assert generator.zipf(1.1, 100, out=ranks) is ranks
    np.testing.assert_array_equal(ranks, generator.at(6).zipf(1.1, 100, size=5))
    assert generator.uniform(2.0, 3.0, out=out) is out
    assert ((out >= 2) & (out <= 3)).all()


def test_streams_seeds_and_numpy():
    generator = Generator(5, 6)
    assert generator.spawn(7).seed == 5
    assert generator.spawn(7).stream == 7
    first = {Generator(seed, stream).words() for seed in range(30) for stream in range(30)}
    assert len(first) == 900
    assert generator.numpy().normal() == Generator(5, 6, position=9).numpy().normal()
    assert generator.numpy().normal() != Generator(5, 7).numpy().normal()
    assert repr(generator.at(2)) == "Generator(seed=5, stream=6, position=2)"
    copy = pickle.loads(pickle.dumps(generator.at(11)))
    assert (copy.seed, copy.stream, copy.position) == (5, 6, 11)


def test_uniform_numbers_fit():
    numbers = Generator(10).random(400_000)
    assert kolmogorov_smirnov(numbers, lambda x: x) > LEAST
    assert serial_chi_square(numbers) > LEAST
    assert kolmogorov_smirnov(Generator(11).uniform(-2, 5, 100_000), lambda x: (x + 2) / 7) > LEAST
    bits = np.unpackbits(Generator(12).words(50_000).view(np.uint8)).reshape(-1, 64).sum(axis=0)
    for ones in bits:
        assert chi_square([ones, 50_000 - ones], [0.5, 0.5]) > LEAST
    sums = np.bincount(Generator(13).integers(1, 7, size=(100_000, 2)).sum(axis=1), minlength=13)[2:]
    assert chi_square(sums, np.array([1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1]) / 36) > LEAST


@pytest.mark.parametrize("name", ["seed", "stream", "position"])
@pytest.mark.parametrize(
    ("value", "error"), [(-1, ValueError), (2**64 + 1, ValueError), (1.0, TypeError), ("1", TypeError)]
)
def test_bad_numbers_of_a_stream(name, value, error):
    with pytest.raises(error, match=name):
        Generator(**{"seed": 1, name: value})


def test_end_of_a_stream():
    generator = Generator(1, position=2**64 - 3)
    assert generator.random(3).tolist() == [
        philox_twin.unit_double(philox_twin.word(philox_twin.stream_key(1, 0), 2**64 - 3 + j))
        for j in range(3)
    ]
    assert generator.position == 2**64
    with pytest.raises(OverflowError, match=r"1 draws from position 18446744073709551616"):
        generator.random()
    assert generator.random(0).size == 0


READ_ONLY = np.zeros(4)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        ([0.0], TypeError, "must be an array, got list"),
        (np.zeros(4, np.int64), TypeError, "float64, float32, got int64"),
        (np.zeros(4, ">f8"), TypeError, "got >f8"),
        (np.zeros(8)[::2], ValueError, "contiguous"),
        (np.zeros((4, 4)).T[:2], ValueError, "contiguous"),
        (READ_ONLY, ValueError, "read-only"),
        (np.zeros(5), ValueError, r"shape \(5,\), size is 4"),
        (np.zeros(33, np.uint8)[1:].view(np.float64), ValueError, "aligned"),
    ],
)
def test_bad_out(out, error, message):
    generator = Generator(1)
    with pytest.raises(error, match=message):
        generator.random(4, out=out)
    assert generator.position == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: g.random(3, np.int64), TypeError, "dtype must be one of float64, float32"),
        (lambda g: g.random(-1), ValueError, "negative"),
        (lambda g: g.random(3, threads=0), ValueError, "threads"),
        (lambda g: g.uniform(1, 0), ValueError, "low <= high"),
        (lambda g: g.uniform(0, math.inf), ValueError, "finite"),
        (lambda g: g.uniform(math.nan, 1), ValueError, "finite"),
        (lambda g: g.uniform(-1e308, 1e308), ValueError, "finite"),
        (lambda g: g.integers(0), ValueError, "no integers from 0 to -1"),
        (lambda g: g.integers(5, 5), ValueError, "no integers from 5 to 4"),
        (lambda g: g.integers(0, 2**63 + 1), ValueError, "do not fit int64"),
        (lambda g: g.integers(-1, 5, dtype=np.uint32), ValueError, "do not fit uint32"),
        (lambda g: g.integers(0.5), TypeError, "0.5 is not an integer"),
        (lambda g: g.integers(5, dtype=np.int16), TypeError, "got int16"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call(Generator(1))
