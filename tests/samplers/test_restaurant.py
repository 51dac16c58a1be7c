"""The Chinese restaurant: label by label its twin's, its exact laws, continued from any state."""

import itertools
import json
import math

import numpy as np
import pytest
import restaurant_twin as twin
from goodness import LEAST, chi_square
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skmfast.samplers import Restaurant, table_sizes

# Zero discount, negative and large concentration, heavy tails.
PARAMETERS = [
    (0.0, 1.0),
    (0.0, 30.0),
    (0.5, 1.0),
    (0.5, -0.25),
    (0.3, 5.0),
    (0.7, 0.5),
    (0.8, 1.0),
    (0.9, -0.85),
]


@given(
    st.floats(0, 0.99),
    st.floats(1e-3, 100) | st.floats(1e-3, 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 6000),
)
@example(discount=0.99, above=1e5, seed=1, n=4000)
@example(discount=0.0, above=1e-3, seed=2, n=5000)
@settings(max_examples=15, deadline=None)
def test_labels_are_the_twins(discount, above, seed, n):
    concentration = above - discount
    expected = twin.seat(n, discount, concentration, seed, 3, [])
    assert Restaurant(discount, concentration, seed, 3).seat(n).tolist() == expected


@given(st.lists(st.integers(1, 30) | st.integers(1, 3000), min_size=1, max_size=50), st.integers(0, 9))
@example(counts=[200_000, 5, 1, 40_000, 1], seed=0)  # blocks, runs and single customers
@settings(max_examples=8, deadline=None)
def test_labels_after_given_customers_are_the_twins(counts, seed):
    restaurant = Restaurant.given(counts, 0.6, 0.5, seed)
    assert restaurant.counts.tolist() == counts
    labels = restaurant.seat(2500)
    assert labels.tolist() == twin.seat(2500, 0.6, 0.5, seed, 1, counts)
    seen = np.bincount(labels, minlength=len(counts))
    seen[: len(counts)] += np.array(counts)
    np.testing.assert_array_equal(restaurant.counts, seen)


@pytest.mark.parametrize(("discount", "concentration"), PARAMETERS)
def test_calls_and_threads_change_nothing(discount, concentration):
    n = 400_001
    whole = Restaurant(discount, concentration, seed=11)
    labels = whole.seat(n, threads=1)
    np.testing.assert_array_equal(np.bincount(labels), whole.counts)
    first = np.unique(labels, return_index=True)[1]
    assert (np.diff(first) > 0).all()  # numbered in order of appearance
    parts = Restaurant(discount, concentration, seed=11)
    sizes = itertools.cycle([1, 2, 1, 15, 70_003, 16, 0, 200_000, 4097])
    cut = []
    while parts.num_customers < n:
        cut.append(parts.seat(min(next(sizes), n - parts.num_customers), threads=1))
    np.testing.assert_array_equal(np.concatenate(cut), labels)
    for threads in (2, 7):
        restaurant = Restaurant(discount, concentration, seed=11)
        some = [restaurant.seat(150_000, threads=threads), restaurant.seat(n - 150_000, threads=threads)]
        np.testing.assert_array_equal(np.concatenate(some), labels)
        np.testing.assert_array_equal(restaurant.counts, whole.counts)


def test_steps_of_a_team_within_an_epoch():
    """Epochs of a million customers, taken by two threads in steps that are large enough to share."""
    whole, parts = Restaurant(0.5, 1.0, seed=3), Restaurant(0.5, 1.0, seed=3)
    labels = np.concatenate([parts.seat(131_072, threads=2) for _ in range(160)])
    np.testing.assert_array_equal(labels, whole.seat(len(labels), threads=1))


@pytest.mark.parametrize("stop", [0, 1, 2, 1024, 1025, 5000, 250_000])
@pytest.mark.parametrize(("discount", "concentration"), [(0.5, 1.0), (0.8, -0.3), (0.0, 2.0)])
def test_a_state_continues_as_if_it_had_never_stopped(tmp_path, stop, discount, concentration):
    restaurant = Restaurant(discount, concentration, seed=5, stream=8)
    restaurant.seat(stop)
    np.savez(tmp_path / "state.npz", **restaurant.state())
    with np.load(tmp_path / "state.npz") as archive:
        from_arrays = Restaurant.from_state(archive)
    state = {key: getattr(value, "tolist", lambda v=value: v)() for key, value in restaurant.state().items()}
    from_text = Restaurant.from_state(json.loads(json.dumps(state)))
    expected = restaurant.seat(30_000)
    for again in (from_arrays, from_text):
        assert again.num_customers == stop
        np.testing.assert_array_equal(again.seat(30_000), expected)
        np.testing.assert_array_equal(again.counts, restaurant.counts)


def test_state_after_given_customers():
    restaurant = Restaurant.given([3, 1], 0.5, 1.0, seed=1)
    restaurant.seat(5000)
    again = Restaurant.from_state(restaurant.state())
    np.testing.assert_array_equal(again.seat(5000), restaurant.seat(5000))


# ---- laws ----------------------------------------------------------------------------------------


def partition_counts(labels: np.ndarray) -> dict[tuple[int, ...], int]:
    """How often each partition stands in the rows."""
    rows, counts = np.unique(labels, axis=0, return_counts=True)
    return {tuple(row): int(count) for row, count in zip(rows.tolist(), counts, strict=True)}


def partition_p_value(labels: np.ndarray, discount: float, concentration: float) -> float:
    """Chi-square of rows of labels against the probability of every partition."""
    found = partition_counts(labels)
    every = list(twin.restricted_growth(labels.shape[1]))
    logs = [
        twin.log_partition_probability(twin.sizes_of(list(row)), discount, concentration) for row in every
    ]
    return chi_square(np.array([found.get(row, 0) for row in every]), np.exp(logs))


@pytest.mark.parametrize(("discount", "concentration"), PARAMETERS)
def test_every_partition_of_six(discount, concentration):
    labels = np.array([Restaurant(discount, concentration, seed).seat(6) for seed in range(20_000)])
    assert partition_p_value(labels, discount, concentration) > LEAST


def test_a_slightly_biased_restaurant_fails():
    # The same test, asked about another discount and another concentration.
    labels = np.array([Restaurant(0.5, 1.0, seed).seat(6) for seed in range(20_000)])
    assert partition_p_value(labels, 0.53, 1.0) < LEAST
    assert partition_p_value(labels, 0.5, 1.25) < LEAST
    # Founders' coins forgotten: what discount 0 would do with the concentration that has the same mean.
    assert partition_p_value(labels, 0.0, 2.0) < LEAST


@pytest.mark.parametrize(("discount", "concentration"), PARAMETERS)
def test_next_customer_across_an_epoch(discount, concentration):
    """Where the customers after given ones sit: blocks, runs, single customers, founders, new tables."""
    counts = np.array([9000, 1, 700, 33, 2, 1, 5])
    rounds = 20_000
    labels = np.array(
        [Restaurant.given(counts, discount, concentration, seed).seat(1)[0] for seed in range(rounds)]
    )
    total = counts.sum() + concentration
    law = np.append(counts - discount, concentration + discount * counts.size) / total
    assert chi_square(np.bincount(labels, minlength=8), law) > LEAST
    # All of an epoch: the mean share of each group of tables is what the first of its customers sees.
    group = np.array([0, 1, 2, 3, 1, 1, 1, 4])
    shares = []
    for seed in range(300):
        seated = np.minimum(Restaurant.given(counts, discount, concentration, seed).seat(1024), 7)
        shares.append(np.bincount(group[seated], minlength=5) / 1024)
    error = np.std(shares, axis=0, ddof=1) / math.sqrt(300)
    np.testing.assert_array_less(np.abs(np.mean(shares, axis=0) - np.bincount(group, law)), 4 * error)


def statistics(sizes: np.ndarray, discount: float, concentration: float) -> list[float]:
    """Tables, tables of 1, 2 and 5 customers, unseen mass, partition bits."""
    n, tables = int(sizes.sum()), sizes.size
    seen = [float((sizes == m).sum()) for m in (1, 2, 5)]
    unseen = (concentration + discount * tables) / (n + concentration)
    return [tables, *seen, unseen, -twin.log_partition_probability(sizes.tolist(), discount, concentration)]


def expected_statistics(n: int, discount: float, concentration: float) -> list[float]:
    """The same, in expectation; the bits from E of the sum over tables and of ln of the new-table factors."""
    tables = twin.expected_tables(n, discount, concentration)
    of = [twin.expected_tables_of(m, n, discount, concentration) for m in range(1, n + 1)]
    unseen = (concentration + discount * tables) / (n + concentration)
    distribution = tables_distribution(n, discount, concentration)
    factors = np.cumsum([0.0, 0.0] + [math.log(concentration + k * discount) for k in range(1, n)])
    bits = sum(math.log(concentration + i) for i in range(1, n)) - float(distribution @ factors)
    bits -= sum(e * twin.log_rising(1 - discount, m) for m, e in enumerate(of))
    return [tables, of[0], of[1], of[4], unseen, bits]


def tables_distribution(n: int, discount: float, concentration: float) -> np.ndarray:
    """P(K_n = k), k = 0 ... n."""
    law = np.zeros(n + 1)
    law[1] = 1.0
    k = np.arange(n + 1)
    for t in range(1, n):
        new = (concentration + discount * k) / (t + concentration)
        law[1:] = law[1:] * (1 - new[1:]) + law[:-1] * new[:-1]
    return law


@pytest.mark.parametrize("counts_only", [False, True], ids=["labels", "counts only"])
@pytest.mark.parametrize(("discount", "concentration"), PARAMETERS)
def test_means_are_those_of_the_theory(discount, concentration, counts_only):
    n, rounds = 1500, 700  # beyond the first epoch
    rows = []
    for seed in range(rounds):
        if counts_only:
            sizes = table_sizes(n, discount, concentration, seed)
        else:
            sizes = np.bincount(Restaurant(discount, concentration, seed).seat(n))
        rows.append(statistics(sizes, discount, concentration))
    found = np.array(rows)
    error = found.std(axis=0, ddof=1) / math.sqrt(rounds)
    gap = np.abs(found.mean(axis=0) - expected_statistics(n, discount, concentration))
    np.testing.assert_array_less(gap, 4 * error + 1e-12)


def test_means_of_the_published_table():
    """E[K_n] for n = 10, 100, 1000 and the partition bits, exact to the digits shown (docs/theory.md)."""
    for (discount, concentration), tables, bits in [
        ((0.5, 1.0), [5.4003, 20.6521, 69.3917], [14.3473, 250.2555, 3040.7608]),
        ((0.3, 5.0), [6.8383, 25.7277, 66.8918], [13.8122, 315.5792, 3930.5721]),
        ((0.7, 0.5), [6.3659, 34.0063, 172.9181], [12.5178, 243.5943, 3375.1312]),
    ]:
        for n, expected, expected_bits in zip((10, 100, 1000), tables, bits, strict=True):
            row = expected_statistics(n, discount, concentration)
            assert row[0] == pytest.approx(expected, abs=6e-5)
            assert row[-1] / math.log(2) == pytest.approx(expected_bits, abs=6e-5)


# ---- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("discount", "concentration"),
    [
        (1.0, 1.0),
        (-0.1, 1.0),
        (0.5, -0.5),
        (0.5, -0.6),
        (0.0, 0.0),
        (0.5, math.inf),
        (math.nan, 1.0),
        (0.5, math.nan),
        (0.5, 1e13),
    ],
)
def test_parameters_outside_their_domain(discount, concentration):
    for call in (
        lambda: Restaurant(discount, concentration, 1),
        lambda: Restaurant.given([1], discount, concentration, 1),
        lambda: table_sizes(5, discount, concentration, 1),
    ):
        with pytest.raises(ValueError, match=r"discount|concentration"):
            call()


def test_no_customers():
    restaurant = Restaurant(0.5, 1.0, 1)
    assert restaurant.seat(0).shape == (0,)
    assert restaurant.num_customers == restaurant.num_tables == restaurant.counts.size == 0
    assert table_sizes(0, 0.5, 1.0, 1).shape == (0,)


def test_arguments_that_do_not_fit():
    restaurant = Restaurant(0.5, 1.0, 1)
    with pytest.raises(ValueError, match="negative"):
        restaurant.seat(-1)
    with pytest.raises(TypeError, match="not an integer"):
        restaurant.seat(1.5)
    with pytest.raises(TypeError, match="uint32"):
        restaurant.seat(3, out=np.empty(3, np.int64))
    with pytest.raises(ValueError, match=r"\(3,\) is needed"):
        restaurant.seat(3, out=np.empty(4, np.uint32))
    with pytest.raises(OverflowError, match="customers"):
        restaurant.seat(2**40 + 1)
    with pytest.raises(OverflowError, match="is the most"):
        table_sizes(2**53, 0.5, 1.0, 1)
    with pytest.raises(ValueError, match="seed"):
        Restaurant(0.5, 1.0, -1)
    with pytest.raises(ValueError, match=r"counts\[1\] = 0"):
        Restaurant.given([2, 0], 0.5, 1.0, 1)
    with pytest.raises(TypeError, match="integers"):
        Restaurant.given([2.5], 0.5, 1.0, 1)
    with pytest.raises(OverflowError, match="customers"):
        Restaurant.given([2**40, 1], 0.5, 1.0, 1)
    state = restaurant.state()
    with pytest.raises(ValueError, match="version"):
        Restaurant.from_state({**state, "version": 2})
    with pytest.raises(ValueError, match="less than the sum"):
        Restaurant.from_state({**state, "counts": [5]})


def test_out_is_filled():
    out = np.zeros(5000, np.uint32)
    assert Restaurant(0.5, 1.0, 1).seat(5000, out=out) is out
    np.testing.assert_array_equal(out, Restaurant(0.5, 1.0, 1).seat(5000))
