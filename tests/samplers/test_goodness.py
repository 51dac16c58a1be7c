"""The tests of goodness find the wrong samplers that they are there to find, and pass the right ones."""

import math

import numpy as np
import pytest
import zipf_twin
from goodness import LEAST, chi_square, kolmogorov_smirnov, kolmogorov_smirnov_discrete, serial_chi_square

from skmfast.samplers import AliasTable, Generator

DRAWS = 800_000
RANKS = 1000


def both_tests(samples: np.ndarray, probabilities: np.ndarray) -> tuple[float, float]:
    counts = np.bincount(samples, minlength=probabilities.size)
    return chi_square(counts, probabilities), kolmogorov_smirnov_discrete(samples, probabilities)


def test_zipf_passes_where_a_wrong_exponent_fails():
    right = zipf_twin.probabilities(1.2, 0.0, RANKS)
    good = Generator(1).zipf(1.2, RANKS, size=DRAWS) - 1
    assert min(both_tests(good, right)) > LEAST
    for wrong in (1.19, 1.21):
        biased = Generator(1).zipf(wrong, RANKS, size=DRAWS) - 1
        assert max(both_tests(biased, right)) < LEAST


def test_inversion_without_rejection_fails():
    # What is left when the second half of the method is forgotten.
    exponent = 2.0
    integral = lambda k: (k ** (1 - exponent) - 1) / (1 - exponent)  # noqa: E731
    first, last = integral(1.5) - 1, integral(RANKS + 0.5)
    u = last + Generator(2).random(DRAWS) * (first - last)
    samples = np.floor((1 + (1 - exponent) * u) ** (1 / (1 - exponent)) + 0.5).astype(int) - 1
    right = zipf_twin.probabilities(exponent, 0.0, RANKS)
    assert max(both_tests(samples, right)) < LEAST
    assert min(both_tests(Generator(2).zipf(exponent, RANKS, size=DRAWS) - 1, right)) > LEAST


def test_alias_table_of_slightly_other_weights_fails():
    weights = np.ones(100)
    right = weights / weights.sum()
    assert min(both_tests(Generator(3).choice(AliasTable(weights), size=DRAWS), right)) > LEAST
    weights[:50] *= 1.03
    assert max(both_tests(Generator(3).choice(AliasTable(weights), size=DRAWS), right)) < LEAST


def test_remainders_of_small_words_fail():
    right = np.full(48, 1 / 48)
    bytes_of_words = Generator(4).words(DRAWS) >> np.uint64(56)
    assert both_tests((bytes_of_words % 48).astype(int), right)[0] < LEAST
    assert min(both_tests(Generator(4).integers(48, size=DRAWS), right)) > LEAST


def test_uniform_passes_where_a_bent_one_fails():
    good = Generator(5).random(DRAWS)
    assert kolmogorov_smirnov(good, lambda x: x) > LEAST
    assert kolmogorov_smirnov(good**1.02, lambda x: x) < LEAST


def test_dependence_of_neighbours_is_found():
    good = Generator(6).random(DRAWS)
    assert serial_chi_square(good) > LEAST
    dependent = good.copy()
    dependent[1::2] = (good[0::2] + 0.5 * good[1::2]) % 1  # each alone is uniform still
    assert kolmogorov_smirnov(dependent, lambda x: x) > LEAST
    assert serial_chi_square(dependent) < LEAST


def test_chi_square_against_a_known_value():
    # Statistic (5^2 + 5^2) / 50 = 1 on one degree of freedom.
    assert math.isclose(chi_square([55, 45], [0.5, 0.5]), 0.31731050786291415)
    assert chi_square([50, 50, 1], [0.5, 0.5, 0.0]) == 0.0
    with pytest.raises(ValueError, match="too few"):
        chi_square([3, 3], [0.5, 0.5])
