"""Quantisation: exact, optimal, the same everywhere, and clear about bad input."""

import math
import pickle

import numpy as np
import pytest
from coder_twins import code_length_bits
from coder_twins import quantise as quantise_twin
from hypothesis import given
from hypothesis import strategies as st

from skmfast.coding import Frequencies, quantise

weights = st.lists(st.one_of(st.just(0.0), st.floats(1e-12, 1.0)), min_size=1, max_size=40).filter(
    lambda w: sum(w) > 1e-9
)


@given(weights, st.integers(6, 14))
def test_as_short_as_the_twin(weights, bits):
    p = np.array(weights) / math.fsum(weights)
    frequencies = quantise(p, bits)
    assert frequencies.total == 2**bits
    assert frequencies.bits == bits
    assert ((frequencies.counts > 0) == (p > 0)).all()
    ours = code_length_bits(p, frequencies.counts)
    twins = code_length_bits(p, quantise_twin(p, 2**bits))
    assert ours == pytest.approx(twins, rel=1e-13, abs=1e-13)
    entropy = -math.fsum(x * math.log2(x) for x in p if x > 0)
    assert frequencies.excess_bits == pytest.approx(ours - entropy, abs=1e-12)


def test_known_allocations():
    assert quantise([0.5, 0.25, 0.25], 2).counts.tolist() == [2, 1, 1]
    assert quantise([1.0, 0.0], 31).counts.tolist() == [2**31, 0]
    # Equal symbols, two units to spare: the lower indices have them.
    assert quantise(np.full(6, 1 / 6), 3).counts.tolist() == [2, 2, 1, 1, 1, 1]
    # Near-certain: the others still get their unit.
    assert quantise([1e-300, 1 - 1e-15, 1e-300], 12).counts.tolist() == [1, 4094, 1]


@pytest.mark.parametrize(("bits", "least", "most"), [(16, 0.8, 0.82), (20, 6e-4, 7e-4), (24, 0.0, 5e-6)])
def test_excess_of_a_large_vocabulary(bits, least, most):
    # Zipf over 50,257 symbols: at 16 bits nearly all units go to symbols that must have one.
    p = 1 / np.arange(1, 50258)
    frequencies = quantise(p / p.sum(), bits)
    assert int(frequencies.counts.sum(dtype=np.uint64)) == 2**bits
    assert least <= frequencies.excess_bits <= most


def test_float32_softmax_is_taken():
    logits = np.random.default_rng(1).normal(0, 4, 50257).astype(np.float32)
    p = np.exp(logits - logits.max())
    assert quantise(p / p.sum(), 24).total == 2**24


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1e-9])
def test_not_a_probability(wrong):
    with pytest.raises(ValueError, match=r"probabilities\[2\] = .* is not a probability"):
        quantise([0.5, 0.5, wrong], 12)


@pytest.mark.parametrize(
    ("probabilities", "bits", "message"),
    [
        ([0.5, 0.4], 12, "add up to 0.9"),
        ([0.0, 0.0], 12, "add up to 0"),
        ([], 12, "shape"),
        ([[1.0]], 12, "shape"),
        ([0.25] * 4, 1, "4 possible symbols do not fit"),
        ([1.0], 32, "bits = 32"),
        ([1.0], -1, "bits = -1"),
    ],
)
def test_bad_arguments(probabilities, bits, message):
    with pytest.raises(ValueError, match=message):
        quantise(probabilities, bits)


def test_bits_must_be_whole():
    with pytest.raises(TypeError):
        quantise([1.0], 12.5)


def test_frequencies_keep_their_own_copy():
    counts = np.array([1, 2, 3])
    frequencies = Frequencies(counts)
    counts[0] = 100
    assert frequencies.counts.tolist() == [1, 2, 3]
    assert frequencies.total == 6
    assert frequencies.bits is None
    assert math.isnan(frequencies.excess_bits)
    with pytest.raises(ValueError, match="read-only"):
        frequencies.counts[0] = 5


def test_frequencies_pickle():
    frequencies = quantise([0.1, 0.9], 10)
    copy = pickle.loads(pickle.dumps(frequencies))
    assert copy.counts.tolist() == frequencies.counts.tolist()
    assert copy.excess_bits == frequencies.excess_bits


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1, -1], r"frequencies\[1\] = -1"),
        ([1, 2**31 + 1], r"frequencies\[1\] = 2147483649"),
        ([2**31, 1], "add up to 2147483649"),
        ([0, 0], "add up to 0"),
        ([], "shape"),
        ([[1]], "shape"),
        (np.ones(2**20 + 1, dtype=np.uint8), "shape"),
    ],
)
def test_bad_frequencies(counts, message):
    with pytest.raises(ValueError, match=message):
        Frequencies(np.array(counts, dtype=np.int64))


def test_frequencies_must_be_integers():
    with pytest.raises(TypeError, match="float64"):
        Frequencies([0.5, 0.5])
