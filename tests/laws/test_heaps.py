"""Spectra, Heaps curves and rarefaction beside their definitions; exponents of known laws and of text."""

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.laws import Spectrum, byte_labels, fit_heaps, heaps_curve, rarefaction, unseen_mass, word_labels
from skmfast.laws.heaps import log_spaced
from skmfast.laws.spectrum import labels_of, normal_quantile
from skmfast.samplers import Restaurant
from skmfast.sources.partition import expected_elements

TOKENS = st.lists(st.integers(0, 12), min_size=1, max_size=60)


@given(TOKENS)
def test_spectrum_counts_counts(tokens):
    expected = naive.count_of_counts(tokens)
    for spectrum in (Spectrum.of_labels(tokens), Spectrum.of_labels(np.array(tokens) * 10**12)):
        assert dict(zip(spectrum.sizes.tolist(), spectrum.multiplicities.tolist(), strict=True)) == expected
        assert spectrum.num_tokens == len(tokens)
        assert spectrum.num_elements == len(set(tokens))
        assert [spectrum.seen(m) for m in range(1, 9)] == [expected.get(m, 0) for m in range(1, 9)]
        assert spectrum.counts().tolist() == sorted((tokens.count(t) for t in set(tokens)), reverse=True)


@pytest.mark.parametrize("values", [(-5, 5), (0, 5), (2**32 - 3, 2**32 - 1), (2**32 - 3, 2**32 + 3)])
@settings(max_examples=40)
@given(data=st.data())
def test_labels_are_numbered_in_order_of_appearance(values, data):
    tokens = data.draw(st.lists(st.integers(*values), min_size=1, max_size=40))
    numbers: dict = {}
    expected = [numbers.setdefault(token, len(numbers)) for token in tokens]
    assert labels_of(tokens).tolist() == expected


def test_words_and_bytes():
    assert word_labels("Don't stop, don't!\nStop_it 3 3").tolist() == [0, 1, 0, 2, 3, 3]
    assert word_labels("\u00c9t\u00e9 \u00e9t\u00e9".encode()).tolist() == [0, 0]
    assert word_labels(b"a\xffb a").tolist() == [0, 1, 0]
    assert word_labels("").tolist() == []
    text = b"abracadabra"
    for size in (1, 2, 5, 8):
        strings = [text[i : i + size] for i in range(len(text) - size + 1)]
        numbers: dict = {}
        expected = [numbers.setdefault(each, len(numbers)) for each in strings]
        assert byte_labels(text, size).tolist() == expected
    assert byte_labels(b"ab", 3).tolist() == []


@given(TOKENS)
def test_heaps_curve_is_what_a_growing_set_counts(tokens):
    at = np.arange(len(tokens) + 1)
    for labels in (tokens, np.array(tokens) * 10**9, np.array(tokens) - 6):
        assert heaps_curve(labels, at)[1].tolist() == naive.different_in_prefixes(tokens)


def test_log_spaced_sizes_hold_both_ends():
    assert log_spaced(1000, 1).tolist() == [1, 10, 100, 1000]
    assert log_spaced(7, 1, smallest=7).tolist() == [7]
    assert log_spaced(0).tolist() == []
    assert heaps_curve([3] * 5)[0].tolist() == [1, 2, 3, 4, 5]


@settings(max_examples=25)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=9))
def test_rarefaction_is_the_mean_over_all_subsamples(tokens):
    sizes = np.arange(len(tokens) + 1)
    expected = [naive.mean_different(tokens, size) for size in sizes]
    np.testing.assert_allclose(rarefaction(Spectrum.of_labels(tokens), sizes), expected, rtol=1e-12)


@pytest.mark.parametrize("counts", [[1] * 50, [5000, 3000, 1025, 1024, 7, 1, 1], [2000] * 4 + [1] * 30])
def test_rarefaction_of_large_counts_beside_whole_numbers(counts):
    total = sum(counts)
    sizes = [0, 1, 2, total // 1000, 1024, 1025, total // 3, total - 1500, total - 11, total - 1, total]
    sizes = sorted({size for size in sizes if 0 <= size <= total})
    expected = [naive.hypergeometric_different(counts, size) for size in sizes]
    np.testing.assert_allclose(rarefaction(Spectrum.of_counts(counts), sizes), expected, rtol=1e-10)


def test_rarefaction_rises_to_all_that_was_seen_at_a_billion_tokens():
    spectrum = Spectrum.of_counts((1e9 / 20 * np.arange(1, 10**5) ** -1.5).astype(int) + 1)
    sizes = np.linspace(0, spectrum.num_tokens, 30).astype(np.int64)
    curve = rarefaction(spectrum, sizes)
    assert (np.diff(curve) > 0).all()
    assert curve[-1] == spectrum.num_elements
    # The slope at the end is Good-Turing's estimate of the unseen mass.
    end = rarefaction(spectrum, [spectrum.num_tokens - 1])[0]
    assert curve[-1] - end == pytest.approx(unseen_mass(spectrum).value, rel=1e-3)


@pytest.mark.parametrize("discount", [0.3, 0.6, 0.85])
def test_exponent_of_a_pitman_yor_stream_is_its_discount(discount):
    labels = Restaurant(discount, 1.0, seed=11).seat(300_000)
    law = fit_heaps(labels)
    assert law.exponent.low < discount < law.exponent.high
    assert law.exponent.high - law.exponent.low < 0.4
    assert law.num_tokens == 300_000
    counts = fit_heaps(Spectrum.of_labels(labels))
    assert counts.exponent.value == law.exponent.value
    assert law.coefficient * 300_000**law.exponent.value == pytest.approx(law.num_elements)


def test_rarefied_restaurant_is_on_average_the_expected_curve():
    """The mean of E[K_n] over subsamples, over restaurants: exchangeable draws have one law."""
    sizes = np.array([10, 100, 1000])
    curves = [rarefaction(Spectrum.of_counts(_table_counts(0.5, seed)), sizes) for seed in range(400)]
    mean, error = np.mean(curves, axis=0), np.std(curves, axis=0) / 20
    assert (np.abs(mean - expected_elements(sizes, 0.5, 1.0)) < 4 * error).all()


def _table_counts(discount: float, seed: int) -> np.ndarray:
    restaurant = Restaurant(discount, 1.0, seed=seed)
    restaurant.seat(2000)
    return restaurant.counts.astype(np.int64)


def test_interval_of_good_turing_covers_the_unseen_mass():
    rng = np.random.default_rng(2)
    p = 1 / np.arange(1, 3001) ** 1.3
    p /= p.sum()
    inside = 0
    for _ in range(300):
        counts = rng.multinomial(5000, p)
        estimate = unseen_mass(Spectrum.of_counts(counts), level=0.9)
        inside += estimate.low <= p[counts == 0].sum() <= estimate.high
    assert 0.85 * 300 < inside < 0.95 * 300


def test_good_turing_with_nothing_rare():
    estimate = unseen_mass(Spectrum.of_counts([50, 50]))
    assert (estimate.value, estimate.low) == (0.0, 0.0)
    assert (1 - estimate.high) ** 100 == pytest.approx(0.05)


def test_real_text(corpora_dir):
    """Shakespeare's vocabulary grows a little slower than the square root, and new words come in bursts."""
    labels = word_labels((corpora_dir / "tinyshakespeare.txt").read_bytes())
    law = fit_heaps(labels)
    assert (law.num_tokens, law.num_elements) == (203_863, 12_374)
    assert 0.4 < law.exponent.low < law.exponent.value < law.exponent.high < 0.5
    shuffled = fit_heaps(np.random.default_rng(0).permutation(labels))
    assert shuffled.exponent.value == law.exponent.value
    widths = [each.exponent.high - each.exponent.low for each in (law, shuffled)]
    assert widths[0] > widths[1]
    sizes, elements = heaps_curve(labels)
    rarefied = rarefaction(Spectrum.of_labels(labels), sizes)
    middle = (sizes > 1000) & (sizes < 100_000)
    assert (elements[middle] < rarefied[middle]).all()


def test_normal_quantile():
    assert normal_quantile(0.95) == pytest.approx(1.959964, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Spectrum.of_counts([]), "counts: no element was seen"),
        (lambda: Spectrum.of_counts([0, 0]), "counts: no element was seen"),
        (lambda: Spectrum.of_counts([1, -2]), "counts: -2 is negative"),
        (lambda: Spectrum.of_counts([1.5]), "counts: not all of them are whole"),
        (lambda: Spectrum.of_counts([[1]]), "counts: have 2 dimensions"),
        (lambda: Spectrum.of_labels([]), "labels: there are none"),
        (lambda: Spectrum.of_labels([-1]), "labels: -1 is negative"),
        (lambda: Spectrum.of_labels([0.5]), "labels: are of type float64"),
        (lambda: byte_labels(b"abc", 9), "size: 9 is not 1 to 8"),
        (lambda: heaps_curve([1, 2], [3]), "sizes: not all of them are 0 to 2"),
        (lambda: rarefaction(Spectrum.of_counts([2]), [3]), "sizes: not all of them are 0 to 2"),
        (lambda: fit_heaps([1, 2, 3]), "too little data for an exponent: 3 different elements"),
        (lambda: fit_heaps(np.arange(20)), "too little data for an interval: 20 tokens"),
        (lambda: unseen_mass(Spectrum.of_counts([2]), level=0), "level: 0 is not between"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
