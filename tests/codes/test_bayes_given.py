"""What sentences cost after a training corpus: differences of full code lengths, part by part."""

import numpy as np
import pytest

from skmfast.codes.bayes_mixture import BayesMixture
from skmfast.errors import CorpusError
from skmfast.experiments.corpora import split
from skmfast.sources.example import small_chain_example, small_example
from skmfast.sources.frequencies import PitmanYor, Uniform, Zipf
from skmfast.sources.generate import sample
from skmfast.sources.hyperparameters import integrated_partition_bits, next_draw_bits

SOURCES = {
    "pitman-yor": (small_example(PitmanYor(0.3, 2.0)), "known"),
    "kinds and statements": (small_example(PitmanYor(0.5, 1.0), kinds=3, statements=2), "known"),
    "all statements": (small_example(PitmanYor(0.0, 12.0), statements=3), "known"),
    "uniform": (small_example(Uniform(36)), "known"),
    "integrated": (small_example(PitmanYor(0.5, 1.0)), "integrated"),
    "zipf": (small_example(Zipf(1.5, 36)), "known"),
    "chains": (small_chain_example(PitmanYor(0.4, 1.0), kinds=2), "known"),
    "chains of any length": (small_chain_example(Uniform(36), length="geometric"), "known"),
}


@pytest.fixture(scope="module", params=SOURCES)
def case(request):
    source, hyperparameters = SOURCES[request.param]
    training, test = split(sample(source, 70, seed=7), 50)
    return BayesMixture(source, hyperparameters), training, test


def test_differences_of_full_lengths(case):
    code, training, test = case
    bits = code.given(training).of_corpus(test)
    counts = code.count(training)
    before = code.lengths_from(counts)
    known = set(training.elements.tolist())
    fresh = 0
    for number in range(len(test)):
        after = code.lengths_from(counts + code.count(test, number, number + 1))
        new = int(test.elements[number]) not in known
        fresh += new
        assert bits.partition[number] == pytest.approx(after.partition_bits - before.partition_bits, abs=1e-9)
        assert bits.syntax[number] == pytest.approx(after.syntax_bits - before.syntax_bits, abs=1e-9)
        content = after.content_bits - before.content_bits
        assert bits.new_name[number] + bits.value[number] == pytest.approx(content, abs=1e-9)
        assert bits.new_name[number] == pytest.approx(np.log2(36 - len(known)) if new else 0.0, abs=1e-12)
        assert bits.total[number] == pytest.approx(after.bits - before.bits, abs=1e-9)
    assert 0 < fresh < len(test)
    np.testing.assert_allclose(bits.knowledge + bits.syntax, bits.total, rtol=1e-14)
    np.testing.assert_allclose(bits.name + bits.value, bits.knowledge, rtol=1e-14)


def test_each_sentence_by_itself(case):
    """Bits do not depend on which other sentences are asked about."""
    code, training, test = case
    given = code.given(training)
    alone = given.of_corpus(split(test, 3)[0])
    np.testing.assert_array_equal(alone.total, given.of_corpus(test).total[:3])


def test_together_they_are_the_full_length(case):
    code, training, test = case
    together = code.given(training).together(test)
    both = code.lengths_from(code.count(training) + code.count(test))
    assert together.bits == pytest.approx(both.bits - code.lengths_from(code.count(training)).bits, abs=1e-9)
    whole = sample(code.source_of(training), 70, seed=7)
    sequential = code.of_corpus(whole, per_sentence=True).per_sentence
    assert together.bits == pytest.approx(sequential.total[50:].sum(), rel=1e-9)


@pytest.mark.parametrize(("frequencies", "new"), [(PitmanYor(0.6, 0.5), 2.9 / 19.5), (Uniform(36), 32 / 36)])
def test_chances_of_elements_add_up_to_one(frequencies, new):
    counts = np.array([5, 1, 1, 12])
    partition = BayesMixture().partition_of(small_example(frequencies), counts)
    chances = np.exp2(-partition.next(np.r_[counts, 0]))
    assert chances.sum() == pytest.approx(1.0)
    assert chances[-1] == pytest.approx(new)


@pytest.mark.parametrize("counts", [[1], [7], [2, 1], [40, 9, 3, 1, 1, 1]])
def test_next_draw_is_a_difference(counts):
    seen = np.array([0, *counts])
    bits = next_draw_bits(counts, seen)
    before = integrated_partition_bits(counts)
    for place, times in enumerate(seen.tolist()):
        more = [*counts, 1] if times == 0 else [*counts[: place - 1], times + 1, *counts[place:]]
        assert bits[place] == pytest.approx(integrated_partition_bits(more) - before, abs=1e-9)


def test_what_is_refused():
    source = small_example()
    training, test = split(sample(source, 60, seed=1), 40)
    with pytest.raises(ValueError, match="hyperparameters=estimated"):
        BayesMixture(source, "estimated").given(training)
    given = BayesMixture().given(training)
    with pytest.raises(ValueError, match="seed 2, the training 1"):
        given.of_corpus(sample(source, 10, seed=2))
    with pytest.raises(ValueError, match="another source"):
        given.of_corpus(sample(small_example(Uniform(36)), 10, seed=1))
    test.elements[3] = 10_000
    with pytest.raises(CorpusError, match="sentence 3 is about element 10,000"):
        given.of_corpus(test)
