"""Bits of tokens under a network: against a plain loop, by parts, statements and classes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_network import Recurrent  # noqa: E402

from skmfast.experiments.corpora import CorpusConfiguration, training_and_test  # noqa: E402
from skmfast.experiments.evaluation import (  # noqa: E402
    answers_by_class,
    evaluate,
    losses_by_class,
    sentence_batches,
)
from skmfast.experiments.frequency_classes import classes_by_count, classes_by_rank  # noqa: E402

SMALL = CorpusConfiguration(sentences=300, seed=2, first=20, last=20, values=5, statements=2)


@pytest.fixture(scope="module")
def corpora():
    return training_and_test(SMALL, 83)


@pytest.fixture(scope="module")
def model():
    return Recurrent(len(SMALL.vocabulary()))


@pytest.fixture(scope="module")
def evaluation(model, corpora):
    return evaluate(model, corpora[1], batch_sentences=7)


def twin(model, corpus):
    """Bits and greedy answers of each token, a sentence at a time, without padding."""
    bits, correct = [], []
    model.eval()
    for number in range(len(corpus)):
        sentence = corpus.tokens[int(corpus.offsets[number]) : int(corpus.offsets[number + 1])].astype(
            np.int64
        )
        read = torch.from_numpy(np.r_[0, sentence[:-1]])[None]
        with torch.no_grad():
            logits = (model(read)[0] @ model.head.T).double()
        chances = torch.log_softmax(logits, -1).numpy() / np.log(2)
        bits.extend(-chances[np.arange(sentence.size), sentence])
        correct.extend(chances.argmax(axis=1) == sentence)
    return np.array(bits), np.array(correct)


def test_bits_are_those_of_sentences_alone(evaluation, model, corpora):
    bits, correct = twin(model, corpora[1])
    np.testing.assert_allclose(evaluation.bits, bits, rtol=2e-5)
    assert np.array_equal(evaluation.correct, correct)
    assert evaluation.bits.dtype == np.float32


def test_batches_do_not_matter(evaluation, model, corpora):
    other = evaluate(model, corpora[1], batch_sentences=1000)
    np.testing.assert_allclose(other.bits, evaluation.bits, rtol=2e-5)


def test_the_mode_of_the_model_stays(model, corpora):
    model.train()
    first = evaluate(model, corpora[1])
    assert model.training
    model.eval()
    assert np.array_equal(evaluate(model, corpora[1]).bits, first.bits)
    assert not model.training


def test_bfloat16_is_near(evaluation, model, corpora):
    lower = evaluate(model, corpora[1], precision="bfloat16")
    assert 0 < np.abs(lower.bits - evaluation.bits).max() < 0.2


def test_parts_of_sentences(evaluation, corpora):
    test = corpora[1]
    for number in range(len(test)):
        tokens = slice(int(test.offsets[number]), int(test.offsets[number + 1]))
        bits, labels = evaluation.bits[tokens].astype(np.float64), test.labels[tokens]
        assert evaluation.syntax_bits[number] == pytest.approx(bits[labels == 0].sum())
        assert evaluation.name_bits[number] == pytest.approx(bits[labels == 1].sum())
        assert evaluation.value_bits[number] == pytest.approx(bits[labels > 1].sum())
        assert evaluation.knowledge_bits[number] == pytest.approx(bits[labels > 0].sum())
        assert evaluation.total_bits[number] == pytest.approx(bits.sum())
        for statement, attribute in enumerate(test.statements[number, :, 0]):
            of = labels == 2 + attribute
            assert evaluation.statement_bits[number, statement] == pytest.approx(bits[of].sum())
            assert evaluation.statement_correct[number, statement] == evaluation.correct[tokens][of].all()


def test_values_of_several_tokens():
    """A value is right when all of its tokens are; its probability is their product."""
    test = CorpusConfiguration(source="biographies", sentences=40, seed=1).corpus()
    vocabulary = int(test.tokens.max()) + 1
    found = evaluate(Recurrent(vocabulary), test)
    long = 0
    for number in range(len(test)):
        tokens = slice(int(test.offsets[number]), int(test.offsets[number + 1]))
        of = test.labels[tokens] > 1
        long += of.sum() > 1
        assert found.statement_correct[number, 0] == found.correct[tokens][of].all()
        assert found.statement_probability[number, 0] == pytest.approx(2.0 ** -found.bits[tokens][of].sum())
    assert long > 5


def test_losses_by_class(evaluation, corpora):
    training, test = corpora
    classes = classes_by_count(training.counts)
    table = losses_by_class(evaluation, classes).to_pydict()
    assert sum(table["sentences"]) == len(test)
    assert table["low"][:4] == [0, 1, 2, 4]
    counts = training.counts[test.elements]
    checked = 0
    for place, number in enumerate(table["sentences"]):
        rows = (counts >= table["low"][place]) & (counts <= table["high"][place])
        assert number == rows.sum()
        if number > 1:
            checked += 1
            for part in ("syntax", "knowledge", "name", "value"):
                bits = getattr(evaluation, f"{part}_bits")[rows]
                assert table[f"{part}_bits"][place] == pytest.approx(bits.mean())
                error = bits.std(ddof=1) / np.sqrt(number)
                assert table[f"{part}_bits_error"][place] == pytest.approx(error)
            right = evaluation.statement_correct[rows]
            assert table["accuracy"][place] == pytest.approx(right.mean())
            assert table["probability"][place] == pytest.approx(evaluation.statement_probability[rows].mean())
        elif number == 0:
            assert np.isnan(table["knowledge_bits"][place])
    assert checked > 4


def test_answers_by_class_and_attribute(evaluation, corpora):
    _, test = corpora
    table = answers_by_class(evaluation, classes_by_rank(test.frequencies)).to_pydict()
    ranks = np.argsort(np.argsort(-test.frequencies, kind="stable")) + 1
    assert sum(table["statements"]) == 2 * len(test)
    for place in range(9):
        about = ranks[test.elements]
        rows = (about >= table["low"][place]) & (about <= table["high"][place])
        of = test.statements[..., 0] == test.attributes[1:].index(table["attribute"][place])
        of &= rows[:, None]
        assert table["statements"][place] == of.sum()
        if of.any():
            assert table["value_bits"][place] == pytest.approx(evaluation.statement_bits[of].mean())


def test_batches_hold_each_token_once(corpora):
    test = corpora[1]
    places = np.concatenate([p for _, p, _ in sentence_batches(test.tokens, test.offsets, 10)])
    assert np.array_equal(np.sort(places), np.arange(len(test.tokens)))


def test_bad_arguments(model, corpora):
    with pytest.raises(ValueError, match="batch_sentences=0"):
        evaluate(model, corpora[1], batch_sentences=0)
    with pytest.raises(ValueError, match="precision='float8'"):
        evaluate(model, corpora[1], precision="float8")
    with pytest.raises(ValueError, match="the model's head has 10"):
        evaluate(Recurrent(10), corpora[1])
