"""Code lengths given a reference: against two full computations, on threads, on real texts, and bad input."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skmfast.codes.context_tree import ContextTree
from skmfast.codes.krichevsky_trofimov import KrichevskyTrofimov
from skmfast.codes.reference import ConditionalCode
from skmfast.codes.registry import make_code
from skmfast.settings import ISAS


def two_computations(code, reference, documents):
    """The readable twin: the lengths of reference and document, and of the reference, subtracted."""
    known = code.lengths(reference).bits if reference else 0.0
    return [code.lengths([*reference, document]).bits - known for document in documents]


@st.composite
def texts(draw, max_size=80):
    """Strings over few or many symbols, sometimes repeated: contexts of every depth recur."""
    alphabet = draw(
        st.lists(st.integers(0, 255), min_size=1, max_size=draw(st.sampled_from([2, 4, 64])), unique=True)
    )
    text = bytes(draw(st.lists(st.sampled_from(alphabet), max_size=max_size)))
    return text * draw(st.integers(1, 4))


@settings(max_examples=100, deadline=None)
@given(
    reference=st.lists(texts(), max_size=3),
    documents=st.lists(texts(), max_size=4),
    depth=st.one_of(st.none(), st.integers(0, 9)),
    weighting=st.sampled_from(["hidden-markov", "ctw"]),
)
@example(reference=[], documents=[b"", b"a", b"abab"], depth=None, weighting="hidden-markov")
@example(reference=[b"a"], documents=[b"", b"a", b"b"], depth=0, weighting="hidden-markov")
@example(reference=[b"\0" * 200], documents=[b"\0" * 100, b"\0" * 99 + b"\1"], depth=None, weighting="ctw")
@example(reference=[bytes(range(256)) * 3], documents=[bytes(range(256))], depth=2, weighting="hidden-markov")
def test_equals_two_full_computations_to_the_last_bit(reference, documents, depth, weighting):
    code = ContextTree(depth, weighting=weighting)
    told = code.given(reference)
    # Whatever the reference: it again, half of it, its documents joined, and nothing.
    documents = [
        *documents,
        b"",
        b"".join(reference),
        *(text[: len(text) // 2] for text in reference),
        *reference,
    ]
    result = told.lengths(documents, per_document=True)
    assert result.per_document.tolist() == two_computations(code, reference, documents)
    assert result.document_bytes.tolist() == [len(document) for document in documents]
    together = told.lengths(documents)
    assert together.bits == code.lengths([*reference, *documents]).bits - told.reference_bits
    assert told.reference_bits == code.lengths(reference).bits


@st.composite
def batches(draw):
    """A reference, some documents, and a batch: any of them in any order, some more than once, some empty.

    Documents are unrelated to the reference or pieces of it, and shorter or longer. Large ones fill more
    than one walk of the tree.
    """
    reference = draw(st.lists(texts(), max_size=3))
    known = b"".join(reference)
    cut = draw(st.integers(0, len(known)))
    sizes = st.sampled_from([1, 1, 1, 100])
    own = [text * draw(sizes) for text in draw(st.lists(texts(), max_size=4))]
    documents = [b"", known, known[cut:], known[cut:] + b"\xff" + known[:cut], *own]
    return reference, documents, draw(st.lists(st.integers(0, len(documents) - 1), max_size=12))


@settings(max_examples=100, deadline=None)
@given(
    batch=batches(),
    threads=st.integers(1, 3),
    code=st.sampled_from(
        [
            ContextTree(),
            ContextTree(0),
            ContextTree(3),
            ContextTree(weighting="ctw"),
            ContextTree(2, weighting="ctw"),
            KrichevskyTrofimov(0),
            KrichevskyTrofimov(2),
        ]
    ),
)
@example(batch=([b"ab" * 40], [b"", b"a" * 20_000, b"b"], [1, 0, 1, 2, 2, 1]), threads=2, code=ContextTree())
@example(batch=([], [b"", b"abab"], [0, 1, 0, 1, 1]), threads=1, code=ContextTree())
@example(batch=([b"xy" * 9], [b"abcabdabe", b"abdabbabe"], [0, 1, 0]), threads=1, code=ContextTree())
@example(batch=([b"a", b"", b"b"], [b"ab"], []), threads=1, code=ContextTree())
def test_documents_of_a_batch_cost_what_each_costs_alone(batch, threads, code):
    """To the last bit: which others there are, how many and in what order makes no difference."""
    reference, documents, order = batch
    told = code.given(reference)
    alone = [told.lengths([document]).bits for document in documents]
    together = told.lengths([documents[i] for i in order], per_document=True, threads=threads)
    assert together.per_document.tolist() == [alone[i] for i in order]
    assert together.document_bytes.tolist() == [len(documents[i]) for i in order]
    assert together.bits == pytest.approx(sum(alone[i] for i in order), rel=1e-12)


@pytest.fixture(scope="module")
def halves(corpora_dir):
    """For three corpora: documents of 2 kB, those that are known and held-out ones."""

    def cut(name):
        text = (corpora_dir / name).read_bytes()
        documents = [text[i : i + 2000] for i in range(0, len(text), 2000)]
        return documents[: len(documents) // 2], documents[len(documents) // 2 :]

    return {name: cut(name) for name in ("enwik-4M.txt", "dickens", "xml")}


@pytest.mark.parametrize("weighting", ["hidden-markov", "ctw"])
def test_fifty_real_documents_and_any_number_of_threads(halves, weighting):
    known, held_out = halves["dickens"]
    code = ContextTree(weighting=weighting)
    reference, documents = known[:60], held_out[::40][:50]
    told = code.given(reference, threads=1)
    alone = told.lengths(documents, per_document=True, threads=1).per_document.tolist()
    assert alone == two_computations(code, reference, documents)
    many = code.given(reference, threads=3)
    assert many.lengths(documents, per_document=True, threads=4).per_document.tolist() == alone
    assert many.lengths(documents[::-1], per_document=True, threads=2).per_document.tolist() == alone[::-1]
    assert many.memory_bytes == told.memory_bytes > 0


def test_own_corpus_helps_most(halves):
    """Held-out documents cost less given their own corpus than given nothing, or another corpus."""
    code = ContextTree()
    told = {name: code.given(known[:: len(known) // 60]) for name, (known, _) in halves.items()}
    for name, (_, held_out) in halves.items():
        documents = held_out[::100][:10]
        given_own = told[name].lengths(documents, per_document=True).bits
        assert given_own < code.lengths(documents, per_document=True).bits
        for other in set(halves) - {name}:
            assert given_own < told[other].lengths(documents, per_document=True).bits


def test_a_copy_costs_next_to_nothing(halves):
    known, held_out = halves["enwik-4M.txt"]
    told = ContextTree().given(known[:100])
    copy, new = told.lengths([known[50], held_out[50]], per_document=True).per_document
    assert copy < 100 < 3000 < new


def test_next_bytes_given_a_reference_are_a_probability():
    """Kraft's equality: what the 256 bytes cost given a reference adds up to one."""
    told = ContextTree().given([b"abracadabra " * 20])
    bits = told.lengths([bytes([symbol]) for symbol in range(256)], per_document=True).per_document
    assert np.exp2(-bits).sum() == pytest.approx(1, rel=1e-4)


ON_ISA = """
from skmfast.codes.context_tree import ContextTree
import numpy as np
random = np.random.default_rng(3)
for symbols in (2, 20, 256):
    texts = [random.integers(0, symbols, n, dtype=np.uint8).tobytes() for n in (5000, 700, 30)]
    print(ContextTree().given(texts[:1] * 2).lengths(texts, per_document=True).per_document.tolist())
"""


def test_same_bits_on_every_instruction_set(on_isa):
    assert len({on_isa(isa, "-c", ON_ISA) for isa in ISAS}) == 1


def test_long_runs_of_one_byte():
    """A context of full length is seen a hundred thousand times, with more than one successor."""
    code = ContextTree()
    reference = [b"\0" * 100_000 + b"\1" + b"\0" * 5000]
    documents = [b"\0" * 1000, b"\0" * 100 + b"\2\2" + b"\0" * 100]
    result = code.given(reference).lengths(documents, per_document=True)
    assert result.per_document.tolist() == two_computations(code, reference, documents)


def test_metadata_says_what_was_given():
    reference = [b"one", b"three"]
    result = ContextTree(5).given(reference).lengths([b"two"])
    parameters = result.metadata["parameters"]
    assert result.metadata["code"] == "context-tree"
    assert (parameters["depth"], parameters["given_documents"], parameters["given_bytes"]) == (5, 2, 8)
    other = ContextTree(5).given([b"onet", b"hree"]).lengths([b"two"]).metadata["parameters"]
    assert other["given_sha256"] != parameters["given_sha256"]


@settings(max_examples=100, deadline=None)
@given(
    reference=st.lists(texts(), max_size=3), documents=st.lists(texts(), max_size=4), order=st.integers(0, 4)
)
def test_krichevsky_trofimov(reference, documents, order):
    code = KrichevskyTrofimov(order)
    told = code.given(reference)
    documents = [*documents, *reference, b""]
    expected = two_computations(code, reference, documents)
    result = told.lengths(documents, per_document=True)
    assert result.per_document == pytest.approx(expected, rel=1e-9, abs=1e-8)
    whole = code.lengths([*reference, *documents]).bits
    assert told.lengths(documents).bits == pytest.approx(whole - code.lengths(reference).bits, abs=1e-8)


def test_bad_arguments():
    code = ContextTree()
    with pytest.raises(TypeError, match="reference: a sequence of documents"):
        code.given(b"text")
    with pytest.raises(TypeError, match="documents: a sequence of documents"):
        code.given([b"text"]).lengths(b"text")
    with pytest.raises(ValueError, match="memory: the tree of a reference of 20,000 bytes takes more than"):
        code.given([bytes(np.random.default_rng(0).integers(0, 256, 20_000, dtype=np.uint8))], memory=100_000)
    with pytest.raises(ValueError, match="memory: 10 bytes are too few"):
        code.given([b"text" * 10], memory=10)
    with pytest.raises(ValueError, match="threads: 0"):
        code.given([b"text"], threads=0)


def test_which_codes_can():
    assert isinstance(ContextTree(), ConditionalCode)
    assert isinstance(make_code("kt:order=2"), ConditionalCode)
    assert not isinstance(make_code("zstd:3"), ConditionalCode)
    assert not isinstance(ContextTree().given([b"x"]), ConditionalCode)
