"""Merges by score against the plain search for the best pair, on vocabularies made to be awkward."""

import random

import merge_tokenizer_twin as twin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.codes._merge_tokenizer import MergeTokenizer
from skmfast.codes.llama2c_tokenizer import Llama2cTokenizer, _read

BYTES = [b"<0x%02X>" % value for value in range(256)]


def vocabulary(seed):
    """Pieces of a small alphabet, byte tokens and parts of them, equal texts, equal scores."""
    generator = random.Random(seed)
    letters = [b"a", b"b", b" ", b"<", b">", b"0", "é".encode(), "€".encode(), b"\xc3"]
    texts = [b"<unk>", b"<s>", b"</s>", *BYTES, *letters]
    for _ in range(60):
        texts.append(generator.choice(texts[3:]) + generator.choice(letters))
    texts += [b"", b"a", b"<0x0A>b", b"b<0x0A>", b"<0x0A><0x0A>", b"ab", b"aaaa"]
    return texts, [float(generator.randrange(-8, 8)) for _ in texts]


VOCABULARIES = [vocabulary(seed) for seed in range(4)]
TOKENIZERS = [MergeTokenizer(texts, scores, 3) for texts, scores in VOCABULARIES]
PIECES = st.sampled_from(
    [b"a", b"b", b" ", b"<", b"0", b"\n", b"\x80", b"\xc3", b"\xa9", "é€😀".encode(), b"zz"]
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 3), st.lists(PIECES, max_size=40).map(b"".join))
def test_same_tokens_as_the_plain_search(number, text):
    assert TOKENIZERS[number].encode(text).tolist() == twin.encode(*VOCABULARIES[number], 3, text)


def test_one_long_piece():
    texts = [b"<unk>", b"<s>", b"</s>", *BYTES, *(b"a" * size for size in range(1, 40))]
    scores = [float(size * 7 % 13) for size in range(len(texts))]
    text = b"a" * 700
    assert MergeTokenizer(texts, scores, 3).encode(text).tolist() == twin.encode(texts, scores, 3, text)


def test_real_text(models, corpora_dir):
    tokenizer = Llama2cTokenizer(models / "tok512.bin")
    text = (corpora_dir / "tinyshakespeare.txt").read_bytes()
    assert tokenizer.decode(tokenizer.encode(text)) == text
    texts, scores = _read(models / "tok512.bin")
    for start in range(0, 100_000, 10_000):
        piece = b" " + text[start : start + 300]
        assert tokenizer.encode(piece[1:]).tolist() == twin.encode(texts, scores, 3, piece)


@pytest.mark.parametrize(
    ("texts", "scores"), [([b"a"], [0.0]), (BYTES * 2, [0.0] * 511), (BYTES * 2, [float("nan")] * 512)]
)
def test_vocabularies_that_do_not_fit(texts, scores):
    with pytest.raises(ValueError, match="every token needs a score"):
        MergeTokenizer(texts, scores, 3)


def test_nothing_to_tokenise():
    assert TOKENIZERS[0].encode(b"").dtype == np.int64
