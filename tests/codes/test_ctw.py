"""Context-tree weighting: the core against twins in plain Python."""

from itertools import pairwise

import numpy as np
import pytest
from ctw_twin import batch_bits, sequential_bits
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.codes.context_tree import ContextTree, least_memory
from skmfast.settings import ISAS

# One letter, two that part at the first bit or at the last, zero bytes like those before a document, several.
ALPHABETS = [b"a", b"\x01\x81", b"ab", b"\x00\x01\xff", b"abcdef\xe0"]


@st.composite
def corpora(draw, max_size):
    letters = st.sampled_from(list(draw(st.sampled_from(ALPHABETS))))
    return draw(st.lists(st.lists(letters, max_size=max_size).map(bytes), max_size=3))


# Both ends of each range belong to the code: a tree that never stops, or always does; priors of every shape.
ESTIMATORS = st.sampled_from([1e-6, 0.5, 1000.0]) | st.floats(0.01, 4)
STOPS = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1)


def ctw(depth, estimator=0.5, stop=0.5):
    return ContextTree(depth, weighting="ctw", estimator=estimator, stop=stop)


def bits(code, documents, threads=1):
    return code.lengths(documents, threads=threads).bits


@settings(max_examples=200, deadline=None)
@given(corpora(80), st.integers(0, 8), ESTIMATORS, STOPS, st.sampled_from([1, 2]))
def test_counts_give_what_the_definition_says(documents, depth, estimator, stop, threads):
    code = ctw(depth, estimator, stop)
    expected = batch_bits(documents, depth, estimator, stop)
    assert bits(code, documents, threads) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    alone = code.lengths(documents, per_document=True, threads=threads)
    expected_alone = [batch_bits([document], depth, estimator, stop) for document in documents]
    np.testing.assert_allclose(alone.per_document, expected_alone, rtol=1e-9, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(corpora(25), st.integers(0, 5), ESTIMATORS, STOPS)
def test_counts_give_the_sum_of_sequential_predictions(documents, depth, estimator, stop):
    expected = sequential_bits(documents, depth, estimator, stop)
    assert bits(ctw(depth, estimator, stop), documents) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_contexts_longer_than_the_document():
    document = b"to be or not to be, to be or not to be"
    assert bits(ctw(64), [document] * 2) == pytest.approx(batch_bits([document] * 2, 64, 0.5, 0.5), rel=1e-9)
    assert bits(ContextTree(weighting="ctw", estimator=0.5), [document]) == bits(ctw(64), [document])


def test_real_text(corpora_dir):
    text = (corpora_dir / "alice29.txt").read_bytes()[:20_000]
    assert bits(ctw(3, 0.1, 0.4), [text]) == pytest.approx(batch_bits([text], 3, 0.1, 0.4), rel=1e-9)


def test_a_figure_from_elsewhere(corpora_dir):
    """A prototype on sorted 16-byte keys, of which nothing is left here, gave 2.005 bits a byte."""
    text = (corpora_dir / "enwik-4M.txt").read_bytes()
    assert round(ctw(7, 0.1).lengths([text]).bits_per_byte, 3) == 2.005


def test_parts_threads_and_memory_leave_every_bit(corpora_dir):
    """Large enough for the smallest limit to need several passes, some of them below the first byte."""
    text = (corpora_dir / "lcet10.txt").read_bytes() + bytes(300_000)
    code = ctw(8, 0.2, 0.3)
    whole = code.lengths([text], threads=1).bits
    cuts = [len(text) * k // 7 for k in range(8)]
    counts = [code.count([text[start:end]], context=text[:start]) for start, end in pairwise(cuts)]
    for threads in (1, 2):
        tight = len(text) + 1024 + least_memory(threads)
        assert code.lengths([text], threads=threads, memory=tight).bits == whole
        assert code.lengths_from(sum(counts[1:], counts[0]), threads=threads, memory=tight).bits == whole


@pytest.mark.parametrize("isa", ISAS)
def test_every_instruction_set_gives_the_same_bits(isa, on_isa):
    program = (
        "from skmfast.codes.context_tree import ContextTree\n"
        "text = b''.join(b'%d squared is %d; ' % (i, i * i) for i in range(5000))\n"
        "print(ContextTree(weighting='ctw').lengths([text]).bits.hex())\n"
    )
    text = b"".join(b"%d squared is %d; " % (i, i * i) for i in range(5000))
    assert float.fromhex(on_isa(isa, "-c", program)) == ContextTree(weighting="ctw").lengths([text]).bits


def test_order_of_documents_does_not_matter():
    documents = [b"abracadabra", b"", b"alakazam" * 9, b"abracadabra", b"\x00"]
    assert bits(ctw(4), documents) == bits(ctw(4), documents[::-1])


def test_parameters_say_what_the_length_depends_on():
    assert ContextTree(3, weighting="ctw").parameters == {
        "depth": 3,
        "weighting": "ctw",
        "estimator": 0.15,
        "stop": 0.5,
    }
    assert ctw(2).lengths([b"ab"]).metadata["parameters"]["weighting"] == "ctw"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weighting": "ctw", "estimator": 0.0}, r"estimator: 0\.0 is not between"),
        ({"weighting": "ctw", "estimator": float("nan")}, "estimator: nan is not between"),
        ({"weighting": "ctw", "estimator": 1e9}, "estimator"),
        ({"weighting": "ctw", "stop": 1.5}, r"stop: 1\.5 is not between"),
        ({"weighting": "ctw", "stop": float("nan")}, "stop: nan is not between"),
        ({"weighting": "ctw", "depth": 65}, "depth: 65"),
        ({"weighting": "switch"}, "weighting: 'switch'"),
        ({"stop": 0.5}, "stop: 0.5 is for weighting='ctw'"),
        ({"weighting": "hidden-markov", "estimator": 0.5}, "estimator: 0.5 is for"),
    ],
)
def test_bad_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        ContextTree(**arguments)


def test_lengths_only():
    code = ctw(3)
    with pytest.raises(ValueError, match="gives lengths only"):
        code.encode(b"abc")
    with pytest.raises(ValueError, match="gives lengths only"):
        code.decode(b"abc", 3)
    with pytest.raises(ValueError, match="gives lengths only"):
        code.lengths([b"abc"], per_byte=True)
