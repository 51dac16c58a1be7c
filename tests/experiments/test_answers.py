"""Answers of a network, and how often they must be wrong."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_network import Recurrent  # noqa: E402

from skmfast.experiments.answers import (  # noqa: E402
    Answers,
    answers,
    calibration,
    predicted_rates,
    predicted_wrong,
    questions,
)
from skmfast.experiments.corpora import CorpusConfiguration, training_and_test  # noqa: E402

SMALL = CorpusConfiguration(sentences=900, seed=3, first=24, last=24, values=8, discount=0.6)


@pytest.fixture(scope="module")
def training():
    return training_and_test(SMALL, 200)[0]


@pytest.fixture(scope="module")
def asked(training):
    return questions(SMALL, training.counts, 30, seed=1)


def test_questions_are_about_every_class(training, asked):
    asked.verify()
    about = asked.elements.astype(int)
    known = about < len(training.counts)
    counts = np.where(known, training.counts[np.where(known, about, 0)].astype(int), -1)
    assert (counts == -1).sum() == 30 == len(set(about[~known]))
    classes = np.frexp(counts[known].astype(float))[1]
    every = np.unique(np.frexp(training.counts[training.counts > 0].astype(float))[1])
    assert np.array_equal(np.unique(classes), every)
    assert (np.bincount(classes)[every] == 30).all()


def test_questions_in_another_form(training):
    other = questions(dataclasses.replace(SMALL, form="questions"), training.counts, 5)
    assert b"?" in bytes(other.text)
    assert other.vocabulary == training.vocabulary


@pytest.mark.parametrize("source", ["people", "biographies"])
def test_answers_are_those_of_each_sentence_alone(source):
    corpus = CorpusConfiguration(source=source, sentences=20, seed=1).corpus()
    model = Recurrent(int(corpus.tokens.max()) + 1)
    model.head.data *= 10  # sure of much
    found = answers(model, corpus, batch_sentences=7)
    model.eval()
    for number in range(len(corpus)):
        place = slice(int(corpus.offsets[number]), int(corpus.offsets[number + 1]))
        sentence, labels = corpus.tokens[place].astype(np.int64), corpus.labels[place]
        with torch.no_grad():
            states = model(torch.from_numpy(np.r_[0, sentence[:-1]])[None])[0]
            shares = torch.softmax((states @ model.head.T).double(), -1).numpy()
        at = np.flatnonzero(labels > 1)
        true = shares[at, sentence[at]]
        assert found.probability[number] == pytest.approx(true.prod(), rel=1e-4)
        assert found.confidence[number] == pytest.approx(shares[at].max(axis=1).prod(), rel=1e-4)
        assert found.correct[number] == (shares[at].argmax(axis=1) == sentence[at]).all()
        truth = np.eye(shares.shape[1])[sentence[at[0]]]
        assert found.brier[number] == pytest.approx(((shares[at[0]] - truth) ** 2).sum(), rel=1e-4)


def test_predictions_are_about_what_was_stated(training, asked):
    wrong = predicted_wrong(training, asked)
    stated = set(zip(training.elements.tolist(), training.statements[:, 0, 0].tolist(), strict=True))
    pairs = zip(asked.elements.tolist(), asked.statements[:, 0, 0].tolist(), strict=True)
    assert wrong.tolist() == pytest.approx([0.0 if pair in stated else 7 / 8 for pair in pairs])
    assert 0.1 < wrong.mean() < 0.8


def test_predictions_for_another_form(training):
    wrong = predicted_wrong(
        training, questions(dataclasses.replace(SMALL, form="questions"), training.counts, 5)
    )
    assert set(np.round(wrong, 9)) == {0.0, 0.875}
    with pytest.raises(ValueError, match="other contents"):
        predicted_wrong(training, dataclasses.replace(SMALL, seed=4).corpus(50))
    with pytest.raises(ValueError, match="other contents"):
        predicted_wrong(training, dataclasses.replace(SMALL, values=16).corpus(50))


def test_what_follows_is_known():
    """The work city of a stated employer is no guess."""
    configuration = CorpusConfiguration(source="biographies", sentences=400, seed=1)
    training, test = training_and_test(configuration, 400)
    wrong = predicted_wrong(training, test)
    named = {name: place for place, name in enumerate(test.attributes[1:])}
    employers = training.elements[training.statements[:, 0, 0] == named["employer"]]
    cities = training.elements[training.statements[:, 0, 0] == named["work_city"]]
    follows = (test.statements[:, 0, 0] == named["work_city"]) & np.isin(test.elements, employers)
    follows &= ~np.isin(test.elements, cities)
    assert follows.any()
    assert (wrong[follows] == 0).all()


def test_rates_of_fresh_sentences():
    """The exact mass, and Good-Turing's estimate of it, are what fresh sentences show."""
    exact, estimated, shown = [], [], []
    for seed in range(20):
        training, test = training_and_test(dataclasses.replace(SMALL, seed=seed), 900)
        rates = predicted_rates(training)
        exact.append(rates["unseen mass"][0])
        estimated.append(rates["Good-Turing"])
        shown.append(predicted_wrong(training, test).mean())
        lower, upper = (rates[f"Kalai et al., {end}"][0] for end in ("lower", "upper"))
        assert lower <= exact[-1] <= upper
    differences = np.array(shown) - exact
    assert abs(differences.mean()) < 3 * differences.std() / np.sqrt(20)
    covered = [low <= value <= high for value, (_, low, high) in zip(exact, estimated, strict=True)]
    assert np.mean(covered) > 0.8
    assert np.std(exact) > 0.005


def made_up(corpus, generator):
    confidence = generator.uniform(0.01, 1, len(corpus))
    correct = generator.uniform(size=len(corpus)) < confidence
    return Answers(corpus, correct, confidence, confidence / 2, 1 - confidence)


def test_calibration(asked):
    found = made_up(asked, np.random.default_rng(0))
    bins = calibration(found, 5)
    assert sum(bins["questions"].to_pylist()) == len(asked)
    rows = (found.confidence >= 0.4) & (found.confidence < 0.6)
    assert bins["correct"][2].as_py() == pytest.approx(found.correct[rows].mean())
    assert bins["confidence"][2].as_py() == pytest.approx(found.confidence[rows].mean())


def test_confident_and_wrong(asked):
    found = made_up(asked, np.random.default_rng(0))
    assert np.array_equal(found.confident_and_wrong, (found.confidence > 0.5) & ~found.correct)
    assert 0 < found.confident_and_wrong.sum() < (~found.correct).sum()


def test_bad_arguments(training, asked):
    two = dataclasses.replace(SMALL, statements=2).corpus(20)
    with pytest.raises(ValueError, match="2 statements a sentence"):
        answers(Recurrent(200), two)
    with pytest.raises(ValueError, match="number=0"):
        questions(SMALL, training.counts, 0)
    with pytest.raises(ValueError, match="bins=0"):
        calibration(made_up(asked, np.random.default_rng(0)), 0)
