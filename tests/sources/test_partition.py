"""The Pitman-Yor partition's mathematics, against enumeration, mpmath, the restaurant, and samples."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from skmfast.codes.knowledge import seen_before
from skmfast.samplers.pitman_yor import table_sizes
from skmfast.sources import element_counts
from skmfast.sources.element_counts import element_count_law, element_count_probability
from skmfast.sources.gamma_ratios import log_gamma_ratio, mean_log_ratio, sum_log_steps
from skmfast.sources.partition import (
    count_of_counts,
    expected_elements,
    expected_elements_seen,
    partition_bits,
    prequential_partition_bits,
    unseen_mass,
    weight_entropy_bits,
)
from skmfast.sources.partition_entropy import mean_over_sizes, partition_entropy_bits
from skmfast.sources.smooth_sums import beta_binomial_mean, sum_over_splits

LAWS = [(0.5, 1.0), (0.3, 5.0), (0.7, 0.5), (0.0, 2.5), (0.6, -0.4), (0.9, 0.0), (0.02, 30.0)]


def set_partitions(n):
    """Block sizes, in order of appearance, of every partition of n things."""
    if n == 0:
        yield []
        return
    for sizes in set_partitions(n - 1):
        for block in range(len(sizes)):
            yield [*sizes[:block], sizes[block] + 1, *sizes[block + 1 :]]
        yield [*sizes, 1]


def restaurant_probability(counts, d, theta):
    """Product of the restaurant's predictions, block after block."""
    probability, n = 1.0, 0
    for k, size in enumerate(counts):
        for seated in range(size):
            if n > 0:
                probability *= ((theta + d * k) if seated == 0 else (seated - d)) / (n + theta)
            n += 1
    return probability


# ---- the table of THEORY.md, and enumeration ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("d", "theta", "entropy", "elements", "bits"),
    [
        (0.5, 1, 3.44270, [5.4003, 20.6521, 69.3917], [14.3473, 250.2555, 3040.7608]),
        (0.3, 5, 4.22153, [6.8383, 25.7277, 66.8918], [13.8122, 315.5792, 3930.5721]),
        (0.7, 0.5, 5.10572, [6.3659, 34.0063, 172.9181], [12.5178, 243.5943, 3375.1312]),
    ],
)
def test_known_values(d, theta, entropy, elements, bits):
    n = [10, 100, 1000]
    assert round(weight_entropy_bits(d, theta), 5) == entropy
    assert expected_elements(n, d, theta).round(4).tolist() == elements
    assert partition_entropy_bits(n, d, theta).round(4).tolist() == bits


@pytest.mark.parametrize(("d", "theta"), LAWS)
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_all_partitions(n, d, theta):
    partitions = [np.array(sizes) for sizes in set_partitions(n)]
    probability = np.array([restaurant_probability(counts, d, theta) for counts in partitions])
    assert probability.sum() == pytest.approx(1, abs=1e-12)
    bits = np.array([partition_bits(counts, d, theta) for counts in partitions])
    np.testing.assert_allclose(bits, -np.log2(probability), rtol=1e-12, atol=1e-12)
    elements = np.array([counts.size for counts in partitions])
    assert float(expected_elements(n, d, theta)) == pytest.approx(probability @ elements, rel=1e-13)
    assert float(partition_entropy_bits(n, d, theta)) == pytest.approx(
        probability @ bits, rel=1e-12, abs=1e-12
    )
    opening = (theta + d * elements) / (n + theta)
    assert float(unseen_mass(n, d, theta)) == pytest.approx(probability @ opening, rel=1e-13)
    for m in range(1, n + 2):
        expected = probability @ np.array([np.count_nonzero(counts == m) for counts in partitions])
        assert float(expected_elements_seen(n, m, d, theta)) == pytest.approx(expected, rel=1e-12)
        law = probability @ (elements == m)
        assert float(element_count_probability(m, n, d, theta)) == pytest.approx(law, rel=1e-12)


# ---- large numbers: mpmath and identities ------------------------------------------------------------------


@pytest.mark.parametrize(("d", "theta"), [*LAWS, (0.3, -0.2999), (1e-9, 2.0), (0.5, 1e6), (0.99, -0.5)])
@pytest.mark.parametrize("n", [1, 2, 17, 10**5, 10**9, 10**18])
def test_expected_counts_have_every_digit(n, d, theta):
    with mp.workdps(60):
        dd, tt = mp.mpf(d), mp.mpf(theta)
        if d == 0:
            elements = tt * (mp.digamma(tt + n) - mp.digamma(tt))
        else:
            elements = (mp.gammaprod([tt + 1, n + tt + dd], [tt + dd, n + tt]) - tt) / dd
        unseen = mp.gammaprod([tt + dd + n, tt + 1], [tt + dd, tt + 1 + n])
        assert abs(float(expected_elements(n, d, theta)) / elements - 1) < 1e-14
        assert abs(float(unseen_mass(n, d, theta)) / unseen - 1) < 5e-15
        for m in {1, min(n, 2), min(n, 300), n}:
            log = mp.loggamma(n + 1) - mp.loggamma(m + 1) - mp.loggamma(n - m + 1)
            log += mp.loggamma(m - dd) - mp.loggamma(1 - dd) + mp.loggamma(tt + dd + n - m)
            log += mp.loggamma(tt + 1) - mp.loggamma(tt + dd) - mp.loggamma(tt + n)
            if log > -600:
                seen = float(expected_elements_seen(n, m, d, theta))
                assert abs(seen / mp.exp(log) - 1) < 1e-9 * (m + 1e-4)


@pytest.mark.parametrize(("d", "theta"), LAWS)
@pytest.mark.parametrize("n", [3000, 10**8, 10**15])
def test_law_of_the_number_of_elements(n, d, theta):
    law = element_count_law(n, d, theta)
    assert law.mean(lambda k: k) == pytest.approx(float(expected_elements(n, d, theta)), rel=1e-7)
    if d > 0:
        # E[psi(K + theta/d)], from the derivative of E[Gamma(K + theta/d + r) / Gamma(K + theta/d)] at r = 0
        x = theta / d
        closed = special.digamma(x + 1) + d * (special.digamma(theta + n) - special.digamma(theta + 1))
        found = law.mean(lambda k: special.digamma(k + x))
        assert found == pytest.approx(closed, rel=1e-7 if n > 1e9 else 1e-10)


@pytest.mark.parametrize(("d", "theta"), LAWS)
def test_law_beyond_the_recursion_is_the_recursion(d, theta):
    n = 1500
    expected = element_counts._draw_by_draw(n, d, theta)
    found = element_count_probability(np.arange(1, n + 1), n, d, theta)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
    likely = expected > 1e-25
    np.testing.assert_allclose(found[likely], expected[likely], rtol=1e-10)


@pytest.mark.parametrize(("d", "theta"), LAWS)
@pytest.mark.parametrize("n", [20_000, 10**8, 10**18])
def test_sizes_add_up(n, d, theta):
    assert mean_over_sizes(lambda m: m, float(n), d, theta) == pytest.approx(n, rel=1e-11)
    elements = float(expected_elements(n, d, theta))
    assert mean_over_sizes(np.ones_like, float(n), d, theta) == pytest.approx(elements, rel=1e-11)


@pytest.mark.parametrize(("d", "theta"), LAWS)
def test_entropy_in_the_large_is_the_entropy_term_by_term(d, theta):
    law = element_counts._draw_by_draw(3000, d, theta)
    k = np.arange(1.0, 3001)
    opened = law @ np.concatenate([[0.0], np.cumsum(np.log(theta + d * k[:-1]))])
    m = np.arange(1, 3001)
    joined = expected_elements_seen(3000, m, d, theta) @ (special.gammaln(m - d) - special.gammaln(1 - d))
    seated = special.gammaln(theta + 3000) - special.gammaln(theta + 1)
    expected = (seated - opened - joined) / math.log(2)
    assert float(partition_entropy_bits(3000, d, theta)) == pytest.approx(expected, rel=1e-11)


def test_smooth_sums():
    assert sum_over_splits(lambda m, rest: m * rest, 50_000.0) == pytest.approx(
        sum(m * (50_000 - m) for m in range(50_001)), rel=1e-13
    )
    n, a, b = 10**10, 0.3, 4.0
    second = beta_binomial_mean(lambda m: m * m, n, a, b)
    mean = n * a / (a + b)
    variance = mean * b / (a + b) * (a + b + n) / (a + b + 1)
    assert second == pytest.approx(variance + mean * mean, rel=1e-11)


@settings(deadline=None, max_examples=60)
@given(st.floats(1e-3, 1e12), st.floats(-0.9, 50), st.floats(0, 1), st.integers(0, 40))
def test_gamma_ratios(start, shift, step, count):
    with mp.workdps(50):
        x, a = mp.mpf(start), mp.mpf(max(shift, -0.9 * start))
        exact = mp.loggamma(x + a) - mp.loggamma(x)
        assert abs(float(log_gamma_ratio(start, float(a))) - exact) < 1e-14 * (
            1 + abs(a) * (1 + abs(mp.log(x)))
        )
        steps = mp.fsum(mp.log(x + k * mp.mpf(step)) for k in range(count))
        scale = mp.fsum(abs(mp.log(x + k * mp.mpf(step))) + 1 for k in range(count))
        assert abs(float(sum_log_steps(start, step, count)) - steps) <= 1e-13 * scale * (
            1 + abs(mp.log(step + 1e-300))
        )
        ratio = mp.fsum(
            mp.log1p(mp.mpf(step) / (x + k)) / mp.mpf(step) if step > 0 else 1 / (x + k) for k in range(count)
        )
        assert abs(float(mean_log_ratio(start, step, count)) - ratio) <= 2e-14 * ratio


# ---- samples -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "theta"), LAWS[:5])
def test_means_of_samples(d, theta):
    n, repetitions = 2000, 300
    rows = []
    for seed in range(repetitions):
        sizes = table_sizes(n, d, theta, seed=seed)
        rows.append(
            [
                len(sizes),
                np.count_nonzero(sizes == 1),
                np.count_nonzero(sizes == 3),
                partition_bits(sizes, d, theta),
            ]
        )
    rows = np.array(rows, dtype=float)
    expected = [
        float(expected_elements(n, d, theta)),
        *expected_elements_seen(n, [1, 3], d, theta),
        float(partition_entropy_bits(n, d, theta)),
    ]
    errors = rows.std(axis=0, ddof=1) / math.sqrt(repetitions)
    assert np.all(np.abs(rows.mean(axis=0) - expected) < 4 * errors)


# ---- code lengths of given partitions ----------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=200),
    st.floats(0, 0.99),
    st.floats(1e-3, 1e3),
    st.integers(0, 200),
)
def test_draw_by_draw_is_the_whole(labels, d, opening, cut):
    theta = opening - d
    seen = seen_before(np.array(labels))
    each = prequential_partition_bits(seen, d, theta)
    total = partition_bits(np.bincount(labels), d, theta)
    assert each.sum() == pytest.approx(total, rel=1e-9, abs=1e-9)
    cut = min(cut, len(labels))
    later = prequential_partition_bits(
        seen[cut:], d, theta, draws_before=cut, elements_before=len(set(labels[:cut]))
    )
    np.testing.assert_allclose(later, each[cut:], rtol=1e-12)


@given(st.lists(st.integers(0, 9000), min_size=1, max_size=50).filter(any))
def test_count_of_counts(counts):
    sizes, number = count_of_counts(counts)
    kept = [count for count in counts if count]
    assert np.repeat(sizes, number).tolist() == sorted(kept)
    assert partition_bits(kept, 0.5, 1) == partition_bits(sizes, 0.5, 1, multiplicities=number)
    doubled = count_of_counts(np.concatenate([sizes, sizes]), np.concatenate([number, number]))
    assert doubled[1].tolist() == (2 * number).tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: expected_elements(10, 1.0, 1), "discount=1.0: outside"),
        (lambda: expected_elements(10, math.nan, 1), "discount=nan: outside"),
        (lambda: expected_elements(10, 0.5, -0.5), "concentration=-0.5: not a finite number above"),
        (lambda: expected_elements(10, 0.0, 0), "concentration=0"),
        (lambda: expected_elements(-1, 0.5, 1), "num_draws=-1"),
        (lambda: expected_elements(2.5, 0.5, 1), "num_draws=2.5"),
        (lambda: expected_elements(2e18, 0.5, 1), "num_draws=2e"),
        (lambda: partition_entropy_bits(0, 0.5, 1), "num_draws=0"),
        (lambda: element_count_law(0, 0.5, 1), "num_draws=0"),
        (lambda: expected_elements_seen(10, 0, 0.5, 1), "times=0: not positive"),
        (lambda: partition_bits([], 0.5, 1), "nothing was drawn"),
        (lambda: partition_bits([0, 0], 0.5, 1), "nothing was drawn"),
        (lambda: partition_bits([1, -2], 0.5, 1), "outside 0 to 1e18"),
        (lambda: partition_bits([1.5], 0.5, 1), "not whole numbers"),
        (lambda: partition_bits([[1]], 0.5, 1), "2 dimensions"),
        (lambda: partition_bits([10**18, 10**18], 0.5, 1), "draws are above 1e18"),
        (lambda: partition_bits([1, 2], 0.5, 1, multiplicities=[1]), "1 multiplicities for 2 sizes"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
