"""Alias tables: probabilities as asked, draws as the layout says."""

import pickle

import numpy as np
import philox_twin
import pytest
from goodness import LEAST, chi_square, kolmogorov_smirnov_discrete
from hypothesis import given
from hypothesis import strategies as st

from skmfast.samplers import AliasTable, Generator

weights = st.lists(
    st.one_of(st.just(0.0), st.just(1.0), st.floats(1e-250, 1e250), st.floats(0.5, 2)),
    min_size=1,
    max_size=300,
).filter(lambda w: sum(w) > 0)


def draw(slots: np.ndarray, word: int) -> int:
    """The category of one word, in whole numbers."""
    n, bits = slots.size, (slots.size - 1).bit_length()
    column, place = divmod(word * n, 2**64)
    threshold, alias = divmod(int(slots[column]), 2**bits)
    return column if place / 2 < threshold * 2**bits else alias


@given(weights)
def test_probabilities_are_the_weights(weights):
    table = AliasTable(weights)
    exact = np.array(weights) / sum(weights)
    np.testing.assert_allclose(table.probabilities(), exact, rtol=1e-14, atol=1e-15)
    assert (table.probabilities()[np.array(weights) == 0] == 0).all()


@given(weights, st.integers(0, 2**64 - 1))
def test_draws_are_the_twins(weights, seed):
    table = AliasTable(weights)
    key = philox_twin.stream_key(seed, 0)
    expected = [draw(table._slots, philox_twin.word(key, 7 + j)) for j in range(70)]
    assert Generator(seed, position=7).choice(table, size=70).tolist() == expected
    assert all(weights[category] > 0 for category in expected)


@pytest.mark.parametrize("num_categories", [2, 3, 1000, 100_000])
def test_distribution(num_categories):
    p = np.random.default_rng(num_categories).pareto(0.8, num_categories)
    p /= p.sum()
    draws = Generator(31).choice(AliasTable(p), size=400_000)
    assert chi_square(np.bincount(draws, minlength=num_categories), p) > LEAST
    assert kolmogorov_smirnov_discrete(draws, p) > LEAST


def test_weights_given_instead_of_a_table():
    p = [0.5, 0.0, 0.5]
    np.testing.assert_array_equal(
        Generator(1).choice(p, size=50), Generator(1).choice(AliasTable(p), size=50, dtype=np.int64)
    )


def test_table_is_immutable_and_pickles():
    p = np.array([1.0, 2.0, 3.0])
    table = AliasTable(p)
    p[:] = 0
    copy = pickle.loads(pickle.dumps(table))
    np.testing.assert_allclose(copy.probabilities(), [1 / 6, 1 / 3, 1 / 2])
    np.testing.assert_array_equal(Generator(1).choice(copy, size=99), Generator(1).choice(table, size=99))
    assert not copy._slots.flags.writeable
    assert repr(table) == "AliasTable(<3 categories>)"
    assert len(table) == 3


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -1e-300], r"weights\[1\] = -1e-300 is not a weight"),
        ([float("nan"), 1.0], r"weights\[0\] = nan"),
        ([1.0, float("inf")], r"weights\[1\] = inf"),
        ([0.0, 0.0], "add up to 0.0"),
        ([1e-300], "add up to 1e-300"),
        ([1e308, 1e308], "add up to"),
        ([], "shape"),
        ([[1.0]], "shape"),
        (3.0, "shape"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        AliasTable(weights)


def test_categories_must_fit_the_type():
    with pytest.raises(TypeError, match="got uint8"):
        Generator(1).choice([1.0], dtype=np.uint8)
