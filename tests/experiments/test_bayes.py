"""A network beside the Bayes mixture: gaps, their errors, and a check that fails where it must."""

import copy
import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_network import Recurrent, train  # noqa: E402

from skmfast.experiments.bayes import (  # noqa: E402
    BelowBayesError,
    Gap,
    check_not_below,
    gap,
    is_bound,
    oracle_bits,
    predictive_bits,
    together_bits,
)
from skmfast.experiments.corpora import CorpusConfiguration, training_and_test  # noqa: E402
from skmfast.experiments.evaluation import Evaluation, evaluate  # noqa: E402

SMALL = CorpusConfiguration(sentences=1500, seed=5, first=32, last=32, values=8, discount=0.6)


@pytest.fixture(scope="module")
def corpora():
    return training_and_test(SMALL, 500)


@pytest.fixture(scope="module")
def honest(corpora):
    """A network trained on the training sentences."""
    return train(Recurrent(len(SMALL.vocabulary()), 48), corpora[0], epochs=8)


def as_evaluation(test, bits):
    """An evaluation whose sentences cost given bits: on the first token of each part."""
    tokens = np.zeros(len(test.tokens), np.float32)
    begins = test.offsets[:-1].astype(np.int64)
    labels = np.asarray(test.labels)
    for part, at in (("name", labels == 1), ("value", labels > 1), ("syntax", labels == 0)):
        places = np.flatnonzero(at)
        tokens[places[np.searchsorted(places, begins)]] = getattr(bits, part)
    return Evaluation(test, tokens, np.ones(len(tokens), bool))


def test_an_honest_network_passes(honest, corpora):
    training, test = corpora
    found, bits = evaluate(honest, test), predictive_bits(training, test)
    together = together_bits(training, test)
    for part in ("knowledge", "syntax", "name", "value", "total"):
        check_not_below(gap(found, bits, part, together))
    knowledge = gap(found, bits, together=together)
    assert 0 < knowledge.mean_bits < 6  # it has learnt much, and not all
    # The mixture that goes on learning pays less than the one that does not.
    assert knowledge.joint_bits > knowledge.mean_bits * len(test)


def test_a_network_that_read_the_test_sentences_fails(honest, corpora):
    training, test = corpora
    leaked = train(copy.deepcopy(honest), test, epochs=30)
    with pytest.raises(BelowBayesError, match="standard errors below the Bayes mixture"):
        check_not_below(gap(evaluate(leaked, test), predictive_bits(training, test)))


def test_contents_of_test_elements_leak(corpora):
    """The mixture itself, told of the test's elements, lies far below the one that is not."""
    training, test = corpora
    whole = SMALL.corpus(2000)
    told = predictive_bits(whole, test)
    bits = predictive_bits(training, test)
    with pytest.raises(BelowBayesError, match="standard errors"):
        check_not_below(gap(as_evaluation(test, told), bits))
    with pytest.raises(BelowBayesError, match=r"sentences cost \d+ bits less"):
        check_not_below(gap(as_evaluation(test, told), bits, together=together_bits(training, test)), 1e9)


def test_the_mixture_itself_passes(corpora):
    training, test = corpora
    bits = predictive_bits(training, test)
    found = gap(as_evaluation(test, bits), bits, together=together_bits(training, test))
    assert found.mean_bits == pytest.approx(0.0, abs=1e-6)
    assert found.joint_bits > 1  # it does not learn on the way
    check_not_below(found, standard_errors=1e3)


@pytest.fixture(scope="module")
def many_corpora():
    """Training, test and what the mixture pays for the test, 50 times."""
    found = []
    for seed in range(50):
        training, test = training_and_test(dataclasses.replace(SMALL, sentences=300, seed=seed), 300)
        found.append((training, test, predictive_bits(training, test)))
    return found


@pytest.mark.parametrize("part", ["name", "value"])
def test_errors_of_gaps_over_many_corpora(many_corpora, part):
    """Gaps of another learner: above 0 in the mean, and as far apart as their errors say."""
    errors, means = [], []
    for seed, (training, test, bits) in enumerate(many_corpora):
        if part == "name":  # another discount and concentration
            seen, known = training.counts[test.elements].astype(float), np.count_nonzero(training.counts)
            chance = np.where(seen > 0, seen - 0.2, 3.0 + 0.2 * known) / 303.0
            other = dataclasses.replace(bits, partition=-np.log2(chance))
        else:  # a guess at what is not known: half of the chance for half of the names
            guess = np.where(test.elements % 2 == seed % 2, 1.0, -np.log2(1.5))
            other = dataclasses.replace(bits, value=bits.value + (bits.value > 0) * guess)
        found = gap(as_evaluation(test, other), bits, part)
        means.append(found.mean_bits)
        errors.append(found.error_bits)
    assert np.mean(means) > 3 * np.std(means) / np.sqrt(50)
    assert np.std(means) == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=0.3)


def test_oracle_is_below_the_mixture(corpora):
    training, test = corpora
    oracle, bits = oracle_bits(test), predictive_bits(training, test)
    assert oracle.knowledge.mean() < bits.knowledge.mean()
    np.testing.assert_allclose(oracle.name, -np.log2(test.frequencies[test.elements]))
    assert not oracle.value.any()


@pytest.mark.parametrize(
    ("options", "bounds"),
    [
        ({}, {"knowledge", "syntax", "name", "value", "total"}),
        ({"frequencies": "uniform"}, {"knowledge", "syntax", "name", "value", "total"}),
        ({"frequencies": "zipf"}, {"syntax"}),
        ({"kinds": 4}, {"total"}),
        ({"statements": 2}, {"knowledge", "syntax", "name", "value", "total"}),
        ({"source": "biographies"}, {"knowledge", "syntax", "total"}),
    ],
)
def test_for_what_the_mixture_is_a_bound(options, bounds):
    corpus = CorpusConfiguration(sentences=60, seed=1, elements=500, **options).corpus()
    parts = ("knowledge", "syntax", "name", "value", "total")
    assert {part for part in parts if is_bound(corpus, part)} == bounds


def test_bad_arguments(honest, corpora):
    training, test = corpora
    found, bits = evaluate(honest, test), predictive_bits(training, test)
    with pytest.raises(ValueError, match="part='verbs'"):
        gap(found, bits, "verbs")
    with pytest.raises(ValueError, match="500 sentences of the network, 1,500 of the code"):
        gap(found, predictive_bits(training, training))
    with pytest.raises(ValueError, match="no lower bound"):
        check_not_below(Gap("name", 1.0, 1.0, 10, bound=False))
