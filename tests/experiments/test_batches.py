"""Batches: every sentence where it belongs, and the same ones for the same step whenever it is asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import skmfast.sources
from skmfast.corpora.labelled import LabelledCorpus
from skmfast.experiments.batches import BEGIN, IGNORED, Batches, SentenceTokens, assemble


def sentences(number, seed=0, longest=9):
    """A corpus of random tokens; each sentence ends with 0."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, longest + 1, number)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint64)
    tokens = random.integers(1, 500, int(offsets[-1])).astype(np.uint16)
    tokens[offsets[1:].astype(int) - 1] = 0
    return SentenceTokens(tokens, offsets)


def of_batch(batch):
    return list(zip(batch.corpus.tolist(), batch.sentence.tolist(), strict=True))


def check_rows(batch, corpora):
    """Inputs and targets, row by row and token by token."""
    width = 0
    for row, (corpus, sentence) in enumerate(of_batch(batch)):
        begin, end = (int(offset) for offset in corpora[corpus].offsets[sentence : sentence + 2])
        tokens = [int(token) for token in corpora[corpus].tokens[begin:end]]
        width = max(width, len(tokens))
        for column in range(batch.inputs.shape[1]):
            inside = column < len(tokens)
            assert batch.targets[row, column] == (tokens[column] if inside else IGNORED)
            assert batch.inputs[row, column] == (tokens[column - 1] if inside and column else BEGIN)
    assert batch.inputs.shape == batch.targets.shape == (len(batch), width)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 20), st.integers(1, 5), st.integers(0, 2**64 - 1))
def test_an_epoch_has_each_sentence_once(number, size, window, seed):
    corpus = sentences(number)
    batches = Batches([corpus], batch_sentences=size, seed=seed, window=window)
    assert batches.steps_per_epoch == -(-number // size)
    for epoch in (0, 1, 5):
        steps = range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)
        found = [batches.batch(step) for step in steps]
        assert sorted(s for batch in found for _, s in of_batch(batch)) == list(range(number))
        sizes = [len(batch) for batch in found]
        assert max(sizes) <= size
        assert max(sizes) - min(sizes) <= 1
        for batch in found:
            check_rows(batch, [corpus])


def test_a_batch_is_a_function_of_the_step():
    corpora = [sentences(61, 1), sentences(23, 2)]
    for arguments in ((corpora[:1], None), (corpora, (0.75, 0.25))):
        first = Batches(*arguments, batch_sentences=8, seed=3, window=4)
        taken = [first.batch(step) for step in range(20)]
        for step in (19, 0, 7, 8, 3):
            again = Batches(*arguments, batch_sentences=8, seed=3, window=4).batch(step)
            assert np.array_equal(again.inputs, taken[step].inputs)
            assert np.array_equal(again.targets, taken[step].targets)
            assert of_batch(again) == of_batch(taken[step]) == of_batch(first.batch(step))
        other = Batches(*arguments, batch_sentences=8, seed=4, window=4)
        assert of_batch(other.batch(0)) != of_batch(taken[0])


def test_epochs_and_corpora_differ_in_their_order():
    batches = Batches([sentences(32)], batch_sentences=32, seed=1, window=1)
    assert of_batch(batches.batch(0)) != of_batch(batches.batch(1))
    two = Batches([sentences(32), sentences(32)], (0.5, 0.5), batch_sentences=64, seed=1, window=1).batch(0)
    assert two.sentence[two.corpus == 0].tolist() != two.sentence[two.corpus == 1].tolist()


def test_shares_are_kept_and_each_corpus_is_read_in_epochs():
    corpora = [sentences(40, 1), sentences(7, 2), sentences(300, 3)]
    shares, size, window = (0.5, 0.1, 0.4), 20, 5
    batches = Batches(corpora, shares, batch_sentences=size, seed=9, window=window)
    rows = []
    for step in range(8 * window):
        batch = batches.batch(step)
        check_rows(batch, corpora)
        for corpus, share in enumerate(shares):
            assert abs(np.count_nonzero(batch.corpus == corpus) - share * size) < 1
        rows += of_batch(batch)
    for corpus, share in enumerate(shares):
        read = np.bincount([s for c, s in rows if c == corpus], minlength=batches.sizes[corpus])
        assert read.sum() == share * len(rows)
        assert read.max() - read.min() <= 1  # whole epochs, and part of one


def test_a_small_share_comes_once_in_a_while():
    batches = Batches([sentences(50), sentences(50)], (0.99, 0.01), batch_sentences=10, seed=1, window=20)
    found = [np.count_nonzero(batches.batch(step).corpus == 1) for step in range(100)]
    assert sum(found) == 10
    assert max(found) == 1


def test_sentences_of_like_length_come_together():
    corpus = sentences(4000, longest=20)
    padded = {}
    for window in (1, 16):
        batches = Batches([corpus], batch_sentences=50, seed=2, window=window)
        found = [batches.batch(step) for step in range(batches.steps_per_epoch)]
        padded[window] = 1 - len(corpus.tokens) / sum(batch.inputs.size for batch in found)
        widths = [batch.inputs.shape[1] for batch in found]
        assert widths != sorted(widths)
    assert padded[1] > 0.4
    assert padded[16] < 0.1


def test_mapped_corpora_give_the_same_batches(tmp_path):
    corpus = skmfast.sources.Biographies().sample(300, seed=5)
    corpus.save(tmp_path / "corpus")
    mapped = LabelledCorpus.open(tmp_path / "corpus")
    assert isinstance(mapped.tokens, np.memmap) or isinstance(mapped.tokens.base, np.memmap)
    one, two = (Batches([each], batch_sentences=32, seed=1).batch(4) for each in (corpus, mapped))
    assert np.array_equal(one.inputs, two.inputs)
    check_rows(two, [corpus])


def test_part_of_a_corpus():
    corpus = sentences(30)
    part = SentenceTokens(corpus.tokens, corpus.offsets[10:21])
    batch = Batches([part], batch_sentences=10, seed=1).batch(0)
    check_rows(batch, [part])
    assert sorted(batch.sentence.tolist()) == list(range(10))


def test_parts_of_a_batch():
    corpus = sentences(30)
    batch = Batches([corpus], batch_sentences=30, seed=1).batch(0)
    for number in (1, 4, 30, 31):
        parts = batch.parts(number)
        assert [pair for part in parts for pair in of_batch(part)] == of_batch(batch)
        assert sum(part.num_tokens for part in parts) == batch.num_tokens == len(corpus.tokens)
        for part in parts:
            check_rows(part, [corpus])


def test_assembled_sentences_may_repeat():
    corpora = [sentences(5, 1), sentences(6, 2)]
    batch = assemble(corpora, np.array([1, 0, 1, 0]), np.array([5, 4, 5, 0]))
    check_rows(batch, corpora)


def test_the_order_is_frozen():
    """Runs must find the sentences they would have found with an older version."""
    corpus = SentenceTokens(np.zeros(30, np.uint16), np.arange(31))
    one = Batches([corpus], batch_sentences=10, seed=7, window=2)
    assert [one.batch(step).sentence.tolist() for step in (0, 4)] == [
        [21, 18, 20, 27, 28, 26, 9, 3, 4, 2],
        [24, 22, 2, 3, 21, 29, 26, 11, 13, 23],
    ]
    two = Batches([corpus, corpus], (0.7, 0.3), batch_sentences=10, seed=7, window=2)
    assert [two.batch(3).corpus.tolist(), two.batch(3).sentence.tolist()] == [
        [0, 0, 0, 0, 0, 0, 0, 1, 1, 1],
        [11, 17, 16, 6, 7, 19, 8, 28, 17, 11],
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"corpora": []}, "at least one"),
        ({"corpora": [SentenceTokens(np.zeros(0, np.uint16), np.zeros(1, np.uint64))]}, "at least one"),
        ({"batch_sentences": 0}, "batch_sentences=0"),
        ({"window": 0}, "window=0"),
        ({"seed": -1}, "seed"),
        ({"shares": (0.5, 0.5)}, "1 corpora"),
        ({"corpora": [sentences(3)] * 2}, "2 corpora"),
        ({"corpora": [sentences(3)] * 2, "shares": (0.5, 0.4)}, "1 in all"),
        ({"corpora": [sentences(3)] * 2, "shares": (1.5, -0.5)}, "positive"),
        ({"corpora": [sentences(3)] * 2, "shares": (0.999, 0.001)}, "none for one"),
    ],
)
def test_what_makes_no_batches(arguments, message):
    with pytest.raises(ValueError, match=message):
        Batches(**{"corpora": [sentences(3)], "batch_sentences": 2, **arguments})


def test_steps_begin_with_0():
    with pytest.raises(ValueError, match="step=-1"):
        Batches([sentences(3)], batch_sentences=2).batch(-1)
