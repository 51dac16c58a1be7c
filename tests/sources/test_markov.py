"""Chains of syntax words: entropies against sums over all sentences, streams against a plain loop."""

import itertools
import json
import math

import numpy as np
import pytest
import renderer_twin as twin
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.sources.markov import MarkovSyntax

WORDS = ["of", "the", "in", "was"]


def chain(phi, **options):
    size = len(phi[0])
    return MarkovSyntax(WORDS[:size], probabilities=[phi], **options), np.array([phi], dtype=float)


def random_phi(rng, size, zeros):
    """Rows of a chain with some zeros: some words are left for good, some chains are periodic."""
    weights = rng.random((size + 1, size)) + 0.01
    weights *= rng.random(weights.shape) >= zeros
    weights[np.arange(size + 1), rng.integers(size, size=size + 1)] += 0.5
    return weights / weights.sum(axis=1, keepdims=True)


cases = st.builds(
    lambda seed, size, zeros: random_phi(np.random.default_rng(seed), size, zeros),
    st.integers(0, 10**6),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.5, 0.9]),
)


@given(phi=cases, length=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_entropy_is_that_of_all_sentences(phi, length):
    syntax, known = chain(phi, mean_length=length)
    total, visits = 0.0, np.zeros(len(phi))
    for words in itertools.product(range(len(phi[0])), repeat=length):
        rows = [0, *(1 + word for word in words[:-1])]
        p = math.prod(phi[row][word] for row, word in zip(rows, words, strict=True))
        total -= p * math.log2(p) if p else 0.0
        np.add.at(visits, rows, p)
    assert syntax.entropy_bits(known)[0] == pytest.approx(total, rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(syntax.expected_visits(known)[0], visits, rtol=1e-12, atol=1e-12)


@given(phi=cases, mean=st.sampled_from([1.0, 1.5, 4.0, 30.0]))
@settings(max_examples=40, deadline=None)
def test_geometric_length_word_by_word(phi, mean):
    syntax, known = chain(phi, length="geometric", mean_length=mean)
    entropy = [-sum(p * math.log2(p) for p in row if p) for row in phi]
    stop = 1 / mean
    words, length_bits, reached, row = entropy[0], 0.0, 1.0, phi[0]
    for _ in range(1500):
        if stop * reached:
            length_bits -= stop * reached * math.log2(stop * reached)
        reached *= 1 - stop  # the probability that there is one more word
        words += reached * (row @ entropy[1:])
        row = row @ phi[1:]
    assert syntax.length_bits == pytest.approx(length_bits, rel=1e-10, abs=1e-12)
    assert syntax.entropy_bits(known)[0] == pytest.approx(words + length_bits, rel=1e-10, abs=1e-12)


@given(phi=cases)
@settings(max_examples=60, deadline=None)
def test_stationary_is_the_long_run_share(phi):
    syntax, known = chain(phi)
    shares = syntax.stationary(known)[0]
    np.testing.assert_allclose(shares @ phi[1:], shares, atol=1e-13)
    assert shares.sum() == pytest.approx(1, abs=1e-13)
    # Cesàro means of the words' distributions, by doubling; they come near like 1/n.
    steps = 1 << 22
    visits = np.array(long_visits(phi, steps))
    np.testing.assert_allclose(shares, visits / steps, atol=1e-3)


def long_visits(phi, steps):
    row, block, power = phi[0], np.eye(len(phi[0])), phi[1:]
    for _ in range(int(math.log2(steps))):
        block, power = block + block @ power, power @ power
    return row @ block


def test_entropy_rate_of_known_chains():
    # A golden-mean shift: after "of" both are equally likely, after "the" only "of" can come.
    syntax, known = chain([[1, 0], [0.5, 0.5], [1, 0]])
    assert syntax.stationary(known)[0] == pytest.approx([2 / 3, 1 / 3], abs=1e-15)
    assert syntax.entropy_rate_bits(known)[0] == pytest.approx(2 / 3, abs=1e-15)
    # A periodic chain has a rate of zero, and so has one that comes to rest.
    assert chain([[1, 0], [0, 1], [1, 0]])[0].entropy_rate_bits(np.array([[[1, 0], [0, 1], [1, 0.0]]])) == [0]
    absorbed = [[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 1, 0], [0, 0, 1]]
    syntax, known = chain(absorbed)
    assert syntax.stationary(known)[0] == pytest.approx([0, 0.75, 0.25], abs=1e-15)
    # State reduction keeps shares accurate however small: detailed balance gives them exactly.
    tiny = 1e-12
    syntax, known = chain([[1, 0], [1 - tiny, tiny], [0.5, 0.5]])
    assert syntax.stationary(known)[0][1] == pytest.approx(tiny / (tiny + 0.5), rel=1e-14)


def test_rate_is_what_a_word_costs_in_the_long_run():
    syntax = MarkovSyntax(WORDS, kinds=3, mean_length=10_000)
    phi = syntax.probabilities(4)
    longer = MarkovSyntax(WORDS, kinds=3, mean_length=9_999).entropy_bits(phi)
    np.testing.assert_allclose(syntax.entropy_bits(phi) - longer, syntax.entropy_rate_bits(phi), rtol=1e-9)


# ---- sentences and code lengths --------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**64 - 1),
    first=st.integers(0, 2**62),
    length=st.sampled_from(["fixed", "geometric"]),
    mean=st.sampled_from([1, 2, 7]),
)
@settings(max_examples=25, deadline=None)
def test_sample_is_the_plain_loop(seed, first, length, mean):
    syntax = MarkovSyntax(WORDS, kinds=2, length=length, mean_length=mean, prior=0.5)
    phi = syntax.probabilities(seed)
    kinds = np.arange(9) % 2
    words, offsets = syntax.sample(kinds, seed, first=first)
    for i, kind in enumerate(kinds):
        expected = twin.chain_words(syntax, phi, seed, first + i, kind)
        assert words[int(offsets[i]) : int(offsets[i + 1])].tolist() == expected


@pytest.mark.parametrize("length", ["fixed", "geometric"])
def test_code_lengths_of_a_sample(length):
    syntax = MarkovSyntax(WORDS, kinds=3, length=length, mean_length=5, prior=[0.5, 1, 2, 0.25])
    phi = syntax.probabilities(8)
    kinds = np.arange(4000) % 3
    words, offsets = syntax.sample(kinds, 8)
    counts = syntax.count(kinds, words, offsets)
    assert counts.sum() == len(words)
    assert counts[:, 0].sum(axis=1).tolist() == [1334, 1333, 1333]
    each = syntax.sequential_bits(kinds, words, offsets)
    bits = syntax.code_length_bits(counts)
    assert math.fsum(each) == pytest.approx(bits, rel=1e-11)
    oracle = syntax.oracle_bits(counts, phi)
    # The sample's bits a sentence estimate the entropy; 4 standard errors.
    log_phi = -np.log2(phi.reshape(-1, 4))
    rows = np.repeat(kinds, np.diff(offsets.astype(int))) * 5
    rows += np.where(np.isin(np.arange(len(words)), offsets), 0, 1 + np.r_[0, words[:-1]].astype(int))
    sentence = np.add.reduceat(log_phi[rows, words], offsets[:-1].astype(int))
    assert oracle == pytest.approx(sentence.sum(), rel=1e-12)
    expected = np.repeat(syntax.entropy_bits(phi)[None] - syntax.length_bits, 4000, axis=0)[0][kinds]
    error = (sentence - expected).std() / math.sqrt(4000)
    assert abs((sentence - expected).mean()) < 4 * error
    # The mixture pays for 3 · 15 parameters, and no more than half log n and a bit for each.
    assert 0 < bits - oracle < 45 / 2 * math.log2(counts.sum())
    np.testing.assert_allclose(syntax.posterior_mean(counts), phi, atol=0.15)
    np.testing.assert_array_equal(syntax.posterior(counts), counts + syntax.prior)


def test_description():
    for syntax in (
        MarkovSyntax(WORDS, kinds=2, length="geometric", mean_length=2.5, prior=0.1),
        MarkovSyntax(["a"], probabilities=[[[1.0], [1.0]]]),
        MarkovSyntax(["a"], kinds=2, kind_field="last"),
    ):
        assert MarkovSyntax.from_dict(json.loads(json.dumps(syntax.to_dict()))) == syntax
    assert MarkovSyntax(WORDS, kinds=2).num_parameters == 2 * 5 * 3


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        ([], {}, "no words"),
        (["a", "a"], {}, "word 1, 'a', appears twice"),
        (["a", " b"], {}, "white space"),
        (["a"], {"kinds": 0}, "kinds=0"),
        (["a"], {"length": "long"}, "length='long'"),
        (["a"], {"mean_length": 0.5}, "mean_length=0.5"),
        (["a"], {"mean_length": 1.5}, "whole number"),
        (["a"], {"mean_length": math.nan}, "mean_length=nan"),
        (["a"], {"prior": 0.0}, "positive"),
        (["a", "b"], {"prior": [1, math.inf]}, "positive and finite"),
        (["a", "b"], {"prior": [1, 1, 1]}, "prior of shape"),
        (["a", "b"], {"probabilities": [[[1, 0], [0.5, 0.4], [1, 0]]]}, "add up to 1"),
        (["a", "b"], {"probabilities": [[[1, 0], [1.5, -0.5], [1, 0]]]}, "add up to 1"),
        (["a", "b"], {"probabilities": [[1, 0]]}, "shape"),
    ],
)
def test_bad_arguments(words, options, message):
    with pytest.raises(ValueError, match=message):
        MarkovSyntax(words, **options)


def test_bad_events():
    syntax = MarkovSyntax(["a", "b"])
    for kinds, words, offsets in [([0], [0, 1], [0, 1]), ([0], [2], [0, 1]), ([1], [0], [0, 1])]:
        with pytest.raises(ValueError, match=r"offsets|outside"):
            syntax.count(kinds, words, offsets)
    with pytest.raises(ValueError, match="kind outside"):
        syntax.sample([1], 0)
    with pytest.raises(TypeError, match="not one text"):
        MarkovSyntax("ab")
