"""Frequencies: entropies against sums, elements against their probabilities."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from skmfast.samplers import Generator, Restaurant
from skmfast.sources.frequencies import PitmanYor, Uniform, Zipf, frequencies_from_dict


def exact_zipf(exponent, num_elements):
    """(normaliser, entropy in bits) to 30 digits; of many elements by Hurwitz zeta functions."""
    mpmath.mp.dps = 30
    s = mpmath.mpf(exponent)
    if num_elements <= 5000:
        powers = [mpmath.mpf(k) ** -s for k in range(1, num_elements + 1)]
        z, logs = mpmath.fsum(powers), mpmath.fsum(p * mpmath.log(k) for k, p in enumerate(powers, 1))
    else:
        z = mpmath.zeta(s) - mpmath.zeta(s, num_elements + 1)
        logs = mpmath.zeta(s, num_elements + 1, 1) - mpmath.zeta(s, 1, 1)
    return float(z), float((mpmath.log(z) + s * logs / z) / mpmath.log(2))


@pytest.mark.parametrize("exponent", [0.0, 0.3, 1.0, 1 + 1e-9, 1.5, 2.0, 7.5, 60.0])
@pytest.mark.parametrize("num_elements", [1, 2, 999, 1000, 1001, 5000])
def test_zipf_entropy_of_sums(exponent, num_elements):
    law = Zipf(exponent, num_elements)
    normaliser, entropy = exact_zipf(exponent, num_elements)
    assert law.normaliser == pytest.approx(normaliser, rel=1e-13)
    assert law.entropy_bits == pytest.approx(entropy, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("exponent", [1.2, 1.5, 2.0, 3.7])
@pytest.mark.parametrize("num_elements", [10**5, 10**9, 10**15])
def test_zipf_entropy_of_many(exponent, num_elements):
    law = Zipf(exponent, num_elements)
    normaliser, entropy = exact_zipf(exponent, num_elements)
    assert law.normaliser == pytest.approx(normaliser, rel=1e-13)
    assert law.entropy_bits == pytest.approx(entropy, rel=1e-12)


def test_zipf_entropy_grows_to_uniform():
    assert Zipf(0.0, 10**15).entropy_bits == pytest.approx(math.log2(10**15), rel=1e-14)
    assert Zipf(0.0, 8).entropy_bits == Uniform(8).entropy_bits == 3
    # No jump where sums go over into integrals, and slope nearly zero.
    for number in (10**4, 10**12):
        middle = Zipf(1.0, number).entropy_bits
        sides = [Zipf(1.0 + step, number).entropy_bits for step in (-1e-6, 1e-6)]
        assert middle == pytest.approx(np.mean(sides), rel=1e-9)


@pytest.mark.parametrize(
    ("discount", "concentration", "entropy"), [(0.5, 1, 3.44270), (0.3, 5, 4.22153), (0.7, 0.5, 5.10572)]
)
def test_pitman_yor_entropy(discount, concentration, entropy):
    assert round(PitmanYor(discount, concentration).entropy_bits, 5) == entropy


# ---- elements and weights --------------------------------------------------------------------------------


@pytest.mark.parametrize("law", [Zipf(1.1, 50), Zipf(0.0, 7), Uniform(50), Uniform(1)])
def test_elements_follow_the_weights(law):
    drawn = law.elements(20_000, 3)
    assert drawn.dtype == np.uint32
    counts = np.bincount(drawn, minlength=law.num_elements)
    weights, rest = law.weights(counts, 3)
    assert rest == 0
    assert weights.sum() == pytest.approx(1, rel=1e-13)
    statistic = ((counts - 20_000 * weights) ** 2 / (20_000 * weights)).sum()
    assert chi2.sf(statistic, max(len(counts) - 1, 1)) > 1e-4
    entropy = -(weights * np.log2(weights)).sum()
    assert law.entropy_bits == pytest.approx(entropy, rel=1e-13, abs=1e-13)


@given(
    law=st.sampled_from([PitmanYor(0.5, 1.0), PitmanYor(0.0, 3.0), Zipf(1.5, 10**6), Uniform(10**9)]),
    seed=st.integers(0, 2**64 - 1),
    n=st.integers(0, 300),
    more=st.integers(0, 300),
)
@settings(max_examples=40, deadline=None)
def test_elements_are_a_prefix_of_more_elements(law, seed, n, more):
    longer = law.elements(n + more, seed, threads=2)
    assert law.elements(n, seed, threads=1).tolist() == longer[:n].tolist()


def test_elements_are_those_of_the_samplers():
    # Whoever draws elements in blocks relies on it.
    seats = Restaurant(0.5, 1.0, seed=9, stream=1)
    assert PitmanYor(0.5, 1.0).elements(500, 9).tolist() == [*seats.seat(200), *seats.seat(300)]
    ranks = Generator(9, 1).zipf(1.5, 1000, 500)
    assert Zipf(1.5, 1000).elements(500, 9).tolist() == (ranks - 1).tolist()
    numbers = Generator(9, 1).integers(1000, size=500, dtype=np.uint32)
    assert Uniform(1000).elements(500, 9).tolist() == numbers.tolist()


def test_zipf_weights_of_the_first_elements():
    for exponent in (0.5, 1.0, 2.0):
        law = Zipf(exponent, 10**7)
        for number in (0, 1, 5000):
            weights, rest = law.weights(np.zeros(number, dtype=int), 0)
            assert len(weights) == number
            assert weights.sum() + rest == pytest.approx(1, rel=1e-12)
    weights, rest = Uniform(10).weights([3, 4], 0)
    assert (weights.tolist(), rest) == ([0.1, 0.1], 0.8)


def test_pitman_yor_weights():
    law = PitmanYor(0.5, 1.0)
    counts = np.bincount(law.elements(10_000, 4))
    weights, rest = law.weights(counts, 4)
    assert weights.sum() + rest == pytest.approx(1, rel=1e-12)
    # The posterior: Dirichlet(n_k - d, ..., theta + d K); the first element's share within 5 deviations.
    mean = (counts[0] - 0.5) / 10_001
    assert abs(weights[0] - mean) < 5 * math.sqrt(mean * (1 - mean) / 10_002)
    assert abs(rest - (1 + 0.5 * len(counts)) / 10_001) < 5 * math.sqrt(rest / 10_002)


# ---- descriptions and bad input --------------------------------------------------------------------------


@pytest.mark.parametrize("law", [PitmanYor(0.1, -0.05), Zipf(1.1, 12), Uniform(3)])
def test_description(law):
    assert frequencies_from_dict(law.to_dict()) == law


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PitmanYor(1.0, 1), "discount=1.0"),
        (lambda: PitmanYor(-0.1, 1), "discount=-0.1"),
        (lambda: PitmanYor(math.nan, 1), "discount=nan"),
        (lambda: PitmanYor(0.5, -0.5), "concentration=-0.5"),
        (lambda: PitmanYor(0.0, 0.0), "concentration=0.0"),
        (lambda: PitmanYor(0.5, math.inf), "concentration=inf"),
        (lambda: Zipf(-1, 5), "exponent=-1"),
        (lambda: Zipf(math.nan, 5), "exponent=nan"),
        (lambda: Zipf(1, 0), "num_elements=0"),
        (lambda: Uniform(0), "num_elements=0"),
        (lambda: Uniform(2**32 + 1).elements(1, 0), "32 bits"),
        (lambda: Zipf(1.0, 2**32 + 1).elements(1, 0), "32 bits"),
        (lambda: Uniform(3).weights([1, 1, 1, 1], 0), "3 elements"),
        (lambda: frequencies_from_dict({"kind": "normal"}), "'normal'"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_bad_types():
    with pytest.raises(TypeError, match="num_elements"):
        Uniform(2.5)
