"""Corpora of experiments: training and test sentences of one stream, forms, shifts, folders."""

import numpy as np
import pytest

from skmfast.experiments.corpora import CorpusConfiguration, split, training_and_test
from skmfast.sources.generate import sample

SMALL = {"sentences": 600, "seed": 4, "first": 40, "last": 30, "values": 8}


def test_training_and_test_are_the_stream():
    configuration = CorpusConfiguration(**SMALL)
    training, test = training_and_test(configuration, 150)
    whole = sample(configuration.syntax_knowledge(), 750, seed=4)
    for column in ("tokens", "labels", "elements", "statements", "text"):
        joined = np.concatenate([getattr(training, column), getattr(test, column)])
        assert np.array_equal(joined, getattr(whole, column))
    assert np.array_equal(training.counts + test.counts, whole.counts)
    assert np.array_equal(training.frequencies, whole.frequencies)
    assert np.array_equal(test.frequencies, whole.frequencies)
    training.verify()
    test.verify()
    for number in (0, 77, 149):
        assert test.sentence(number) == whole.sentence(600 + number)


def test_a_smaller_training_corpus_is_a_beginning():
    training, _ = training_and_test(CorpusConfiguration(**SMALL), 100)
    smaller, _ = training_and_test(CorpusConfiguration(**SMALL | {"sentences": 300}), 100)
    assert np.array_equal(smaller.tokens, training.tokens[: len(smaller.tokens)])


@pytest.mark.parametrize("frequencies", ["zipf", "uniform"])
def test_other_frequencies(frequencies):
    training, test = training_and_test(
        CorpusConfiguration(**SMALL, frequencies=frequencies, elements=200), 5000
    )
    found = np.bincount(test.elements, minlength=len(test.counts)) / 5000
    assert np.abs(found - test.frequencies).max() < 0.03
    assert len(training.counts) == len(test.counts) <= 200


def test_questions_share_tokens_elements_and_contents():
    statements = CorpusConfiguration(**SMALL, frequencies="uniform", elements=50)
    questions = CorpusConfiguration(**SMALL, frequencies="uniform", elements=50, form="questions")
    said, asked = statements.corpus(), questions.corpus()
    asked.verify()
    assert asked.vocabulary == said.vocabulary
    assert np.array_equal(said.elements, asked.elements)

    def facts(corpus):
        known = {}
        for number in range(len(corpus)):
            tokens = slice(int(corpus.offsets[number]), int(corpus.offsets[number + 1]))
            value = corpus.tokens[tokens][corpus.labels[tokens] > 1]
            key = (int(corpus.elements[number]), int(corpus.statements[number, 0, 0]))
            assert known.setdefault(key, value.tolist()) == value.tolist()
        return known

    said_facts, asked_facts = facts(said), facts(asked)
    common = said_facts.keys() & asked_facts.keys()
    assert len(common) > 80
    assert all(said_facts[key] == asked_facts[key] for key in common)


def test_new_elements_are_others_of_the_same_people():
    old = CorpusConfiguration(**SMALL, frequencies="uniform", elements=100)
    new = CorpusConfiguration(**SMALL, frequencies="uniform", elements=100, first_element=100)
    mentioned, others = old.corpus(), new.corpus()
    others.verify()
    assert others.elements.min() >= 100
    assert others.counts[:100].sum() == 0
    assert np.array_equal(others.elements - 100, mentioned.elements)
    assert set(mentioned.element_table.texts(0, 100)["name"]).isdisjoint(
        others.element_table.texts(100, 200)["name"]
    )


def test_corpus_about_given_elements():
    configuration = CorpusConfiguration(**SMALL)
    corpus = configuration.corpus_about([7, 1100, 3])
    corpus.verify()
    assert corpus.elements.tolist() == [7, 1100, 3]
    whole = configuration.corpus()
    assert corpus.element_table.texts(0, 5) == whole.element_table.texts(0, 5)


def test_a_corpus_in_a_folder_is_the_same(tmp_path):
    configuration = CorpusConfiguration(**SMALL)
    folder = tmp_path / "corpus"
    for _ in range(2):  # made, then found
        mapped = training_and_test(configuration, 150, folder)
        for one, other in zip(mapped, training_and_test(configuration, 150), strict=True):
            assert np.array_equal(one.tokens, other.tokens)
            assert np.array_equal(one.counts, other.counts)
            assert np.array_equal(one.frequencies, other.frequencies)
    with pytest.raises(ValueError, match="another corpus"):
        training_and_test(configuration, 151, folder)


def test_biographies():
    training, test = training_and_test(CorpusConfiguration(source="biographies", sentences=50), 10)
    training.verify()
    assert test.source["name"] == "biographies"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "places"}, "source='places'"),
        ({"frequencies": "flat"}, "frequencies='flat'"),
        ({"form": "poems"}, "form='poems'"),
        ({"sentences": 0}, "sentences=0"),
        ({"first_element": -1}, "first_element=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"discount": 1.0}, "discount=1.0"),
        ({"first": 10, "last": 10, "frequencies": "uniform", "elements": 101}, "101 elements"),
        ({"form": "questions", "statements": 2}, "statements=2"),
    ],
)
def test_bad_configurations(options, message):
    with pytest.raises(ValueError, match=message):
        CorpusConfiguration(**options)


def test_bad_cuts():
    configuration = CorpusConfiguration(**SMALL)
    with pytest.raises(ValueError, match="test_sentences=0"):
        training_and_test(configuration, 0)
    with pytest.raises(ValueError, match="at=600"):
        split(configuration.corpus(), 600)
    with pytest.raises(ValueError, match="folder"):
        training_and_test(CorpusConfiguration(**SMALL, form="questions"), 10, "folder")
