"""The context-tree code: against its twin, from counts in parts, in sequence, on every instruction set."""

import contextlib
import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from context_tree_twin import twin_bits
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skmfast.codes._context_tree import PADDING, TreeModel, least_memory
from skmfast.codes.context_tree import ContextTree
from skmfast.errors import CorruptStreamError
from skmfast.settings import ISAS

GOLDEN = Path(__file__).parents[1] / "golden"


@st.composite
def texts(draw, max_size=60, symbols=4):
    """Strings over few symbols, where contexts recur; any bytes now and then."""
    alphabet = draw(st.lists(st.integers(0, 255), min_size=1, max_size=symbols, unique=True))
    return bytes(draw(st.lists(st.sampled_from(alphabet), max_size=max_size)))


# float32 messages against float64: each rounds to 6e-8, and errors of many messages average out.
FLOAT32 = 1e-6


@settings(max_examples=200, deadline=None)
@given(documents=st.lists(texts(), min_size=1, max_size=3), depth=st.integers(0, 8))
@example(documents=[b"\0" * 50], depth=8)
@example(documents=[bytes(range(60))], depth=3)
def test_equals_the_twin(documents, depth):
    code = ContextTree(depth)
    expected = twin_bits(documents, TreeModel(depth))
    assert code.lengths(documents).bits == pytest.approx(expected, rel=FLOAT32, abs=1e-9)


def test_equals_the_twin_on_real_text(corpora_dir):
    text = (corpora_dir / "alice29.txt").read_bytes()[:3000]
    assert ContextTree(6).lengths([text]).bits == pytest.approx(twin_bits([text], TreeModel(6)), rel=FLOAT32)


def test_transitions_are_probabilities_that_keep_the_mean():
    model = TreeModel(64)
    grid = model.leaf[64].astype(np.float64)
    assert np.all(np.diff(grid) > 0)
    assert grid + grid[::-1] == pytest.approx(np.ones(16), abs=1e-7)
    for depth in range(1, 65):
        step = model.chain[depth - 1, depth].astype(np.float64)
        assert np.all(step > 0)
        assert step.sum(axis=0) == pytest.approx(np.ones(16), abs=1e-6)
        assert np.array_equal(step, step[::-1, ::-1])
        if depth >= 8:  # where almost nothing is forgotten, the mean stays
            assert grid @ step == pytest.approx(grid, abs=1e-4)
    longer = model.chain[3, 5].astype(np.float64)
    assert longer == pytest.approx(
        model.chain[4, 5].astype(np.float64) @ model.chain[3, 4].astype(np.float64), abs=1e-6
    )


def test_a_code_is_a_probability():
    """Kraft's inequality with equality: the probabilities of all strings of one length add up to one."""
    code = ContextTree(2)
    singles = [code.lengths([bytes([s])]).bits for s in range(256)]
    assert singles == pytest.approx([8.0] * 256)
    given_first = [code.lengths([bytes([7, s])]).bits for s in range(256)]
    assert np.exp2(-np.array(given_first)).sum() == pytest.approx(2.0**-8, rel=1e-5)


def in_parts(code, text, parts):
    counts = code.count([])
    cuts = [len(text) * i // parts for i in range(parts + 1)]
    for begin, end in itertools.pairwise(cuts):
        counts = counts + code.count([text[begin:end]], context=text[:begin])
    return counts


@pytest.mark.parametrize("parts", [1, 2, 7, 100])
@pytest.mark.parametrize("depth", [None, 3])
def test_counts_of_parts_add_up(corpora_dir, parts, depth):
    code = ContextTree(depth)
    text = (corpora_dir / "alice29.txt").read_bytes()
    whole = code.lengths([text]).bits
    assert code.lengths_from(in_parts(code, text, parts)).bits == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("parts", [1, 2, 7, 100])
def test_counts_of_documents_add_up_in_any_order(corpora_dir, parts):
    code = ContextTree()
    documents = (corpora_dir / "alice29.txt").read_bytes().split(b"\n\n")
    whole = code.lengths(documents).bits
    shards = [code.count(documents[i::parts]) for i in range(parts)]
    total = code.count([])
    for shard in reversed(shards):
        total = total + shard
    assert total.num_bytes == sum(map(len, documents))
    assert code.lengths_from(total).bits == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("depth", [None, 0, 1, 2, 5])
def test_memory_limit_and_threads_do_not_matter(corpora_dir, depth):
    code = ContextTree(depth)
    text = (corpora_dir / "lcet10.txt").read_bytes()
    free = code.lengths([text], threads=1).bits
    assert code.lengths([text], threads=3).bits == free
    least = len(text) + 2 * PADDING + least_memory(2)
    assert code.lengths([text], threads=2, memory=least).bits == free


def test_one_context_larger_than_the_limit():
    """A run of one byte lies in one range at every depth; it must be split down to the counts."""
    code = ContextTree()
    text = b"a" * 3_000_000 + b"b"
    least = len(text) + 2 * PADDING + least_memory(1)
    assert code.lengths([text], threads=1, memory=least).bits == code.lengths([text], threads=1).bits


@settings(max_examples=50, deadline=None)
@given(documents=st.lists(texts(symbols=256, max_size=300), min_size=1, max_size=5))
def test_documents_alone(documents):
    code = ContextTree()
    result = code.lengths(documents, per_document=True)
    alone = [code.lengths([document]).bits for document in documents]
    assert result.per_document.tolist() == alone
    assert result.bits == pytest.approx(sum(alone))
    assert result.document_bytes.tolist() == [len(document) for document in documents]


def test_large_documents_alone(corpora_dir):
    code = ContextTree()
    documents = [(corpora_dir / name).read_bytes() for name in ("tinyshakespeare.txt", "alice29.txt")]
    result = code.lengths(documents, per_document=True)
    assert result.per_document.tolist() == [code.lengths([document]).bits for document in documents]


def check_stream(code, text):
    """The adaptive coder spends the batch length, and gives the text back."""
    payload = code.encode(text)
    batch = code.lengths([text]).bits
    assert 0 <= 8 * len(payload) - batch <= 64 + 1e-4 * batch
    assert code.decode(payload, len(text)) == text
    return payload


@settings(max_examples=200, deadline=None)
@given(
    text=st.one_of(texts(max_size=1500), texts(max_size=1500, symbols=256), st.binary(max_size=1500)),
    depth=st.one_of(st.none(), st.integers(0, 8)),
)
@example(text=b"", depth=None)
@example(text=b"\0" * 1000 + b"\1" * 1000, depth=None)
@example(text=b"\0" * 1000 + b"\xff" * 1000, depth=2)
@example(text=bytes(range(256)) * 8, depth=None)
def test_sequence_equals_batch(text, depth):
    check_stream(ContextTree(depth), text)


def test_bits_of_each_byte_add_up(corpora_dir):
    code = ContextTree()
    text = (corpora_dir / "alice29.txt").read_bytes()[:20_000]
    result = code.lengths([text], per_byte=True)
    assert result.per_byte.shape == (len(text),)
    assert result.per_byte.min() > 0
    assert result.per_byte.sum() == pytest.approx(result.bits, rel=1e-6)
    two = code.lengths([text[:500], text[500:900]], per_byte=True, per_document=True)
    assert two.per_byte[:500].tolist() == result.per_byte[:500].tolist()
    assert two.per_byte[500:].sum() == pytest.approx(two.per_document[1], rel=1e-6)


ON_ISA = """
import hashlib, json, sys
from pathlib import Path
from skmfast.codes.context_tree import ContextTree
code = ContextTree()
text = Path(sys.argv[1]).read_bytes()
payload = code.encode(text)
print(json.dumps({"bits": code.lengths([text]).bits, "payload": hashlib.sha256(payload).hexdigest(),
                  "bytes": len(payload), "same": code.decode(payload, len(text)) == text}))
"""


@pytest.mark.parametrize("name", ["alice29.txt", "lcet10.txt"])
def test_every_instruction_set_writes_the_same_stream(corpora_dir, name, on_isa):
    """Every corpus under 1 MB, encoded, decoded and measured on each instruction set."""
    path = corpora_dir / name
    results = [json.loads(on_isa(isa, "-c", ON_ISA, str(path))) for isa in ISAS]
    assert results[1] == results[0]
    assert results[2] == results[0]
    assert results[0]["same"]
    assert 0 <= 8 * results[0]["bytes"] - results[0]["bits"] <= 64 + 1e-4 * results[0]["bits"]


def test_frozen_lengths_and_streams():
    """Figures and streams of this version, never regenerated: old files must stay readable."""
    frozen = json.loads((GOLDEN / "context_tree.json").read_text())
    for case in frozen:
        text = bytes.fromhex(case["text"])
        code = ContextTree(case["depth"])
        assert code.lengths([text]).bits == case["bits"]
        assert code.encode(text).hex() == case["payload"]
        assert code.decode(bytes.fromhex(case["payload"]), len(text)) == text


@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=60), num_bytes=st.integers(0, 300))
def test_foreign_payloads(payload, num_bytes):
    """Either our error, or a text of the declared size."""
    code = ContextTree(3)
    with contextlib.suppress(CorruptStreamError):
        text = code.decode(payload, num_bytes)
        assert len(text) == num_bytes
        assert code.decode(code.encode(text), num_bytes) == text


def test_damaged_payloads_are_noticed():
    code = ContextTree()
    text = b"the quick brown fox jumps over the lazy dog. " * 20
    payload = code.encode(text)
    for end in range(0, len(payload), 7):
        with pytest.raises(CorruptStreamError):
            code.decode(payload[:end], len(text))
    with pytest.raises(CorruptStreamError):
        code.decode(payload + b"x", len(text))
    with pytest.raises(CorruptStreamError):
        code.decode(payload, len(text) * 1000)


def test_bad_arguments():
    with pytest.raises(ValueError, match="depth: 65"):
        ContextTree(65)
    with pytest.raises(ValueError, match="depth: -1"):
        ContextTree(-1)
    with pytest.raises(ValueError, match=r"memory: 1,000 bytes are too few"):
        ContextTree().lengths([b"text"], memory=1000)
    with pytest.raises(ValueError, match="threads: 0"):
        ContextTree().lengths([b"text"], threads=0)
    with pytest.raises(ValueError, match="per_byte"):
        ContextTree().lengths([b"a", b"b"], per_byte=True)
    with pytest.raises(ValueError, match="at most"):
        ContextTree().decode(b"", 1 << 31)


def test_no_documents():
    result = ContextTree().lengths([])
    assert result.bits == 0
    assert result.num_bytes == 0


def test_hash_of_a_real_stream(corpora_dir):
    text = (corpora_dir / "alice29.txt").read_bytes()[:30_000]
    payload = check_stream(ContextTree(), text)
    frozen = (GOLDEN / "context_tree_alice29_30000.sha256").read_text().strip()
    assert hashlib.sha256(payload).hexdigest() == frozen


MANY_ON_ISA = """
import hashlib
import numpy as np
from skmfast.codes.context_tree import ContextTree
random = np.random.default_rng(5)
digest = hashlib.sha256()
for i in range(200):
    symbols = 2 ** random.integers(0, 9)
    text = random.integers(0, symbols, random.integers(0, 600), dtype=np.uint8).tobytes()
    text = text * (1 + i % 4)  # repeats: deep contexts
    code = ContextTree([None, 0, 1, 2, 5, 9][i % 6])
    payload = code.encode(text)
    bits = code.lengths([text]).bits
    assert 0 <= 8 * len(payload) - bits <= 64 + 1e-4 * bits, (i, bits, len(payload))
    assert code.decode(payload, len(text)) == text, i
    digest.update(payload + repr(bits).encode())
print(digest.hexdigest())
"""


def test_random_files_on_every_instruction_set(on_isa):
    assert len({on_isa(isa, "-c", MANY_ON_ISA) for isa in ISAS}) == 1
