"""Vocabularies: text into tokens and back, exactly."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.errors import CorpusError
from skmfast.sources.biographies import Biographies
from skmfast.sources.vocabulary import Vocabulary, joins, split

# Letters, digits, spaces, punctuation and line ends next to each other; and any Unicode.
alphabets = st.sampled_from("aB é7_9'.,- \n\t")
texts = st.one_of(st.text(alphabets, max_size=30), st.text(max_size=20))
nonempty = st.one_of(st.text(alphabets, min_size=1, max_size=4), st.text(min_size=1, max_size=4))


@given(text=texts)
@settings(max_examples=150)
def test_pieces_join_to_the_text_and_stay_whole(text):
    pieces = split(text)
    assert "".join(pieces) == text
    assert all(split(piece) == [piece] for piece in pieces)


@given(left=nonempty, right=nonempty)
@settings(max_examples=300)
def test_texts_that_do_not_join_are_cut_apart(left, right):
    assert joins(left, right) == (split(left + right) != split(left) + split(right))


@given(known=st.lists(texts, max_size=5))
@settings(max_examples=100)
def test_round_trip(known):
    vocabulary = Vocabulary.of_texts(known)
    text = "\n".join(known)
    ids = vocabulary.encode(text)
    assert ids.dtype == np.uint16
    assert vocabulary.decode(ids) == text.encode()
    assert vocabulary.encode(text.encode()).tolist() == ids.tolist()
    again = Vocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict())))
    assert again == vocabulary


@given(data=st.binary(max_size=200))
def test_bytes(data):
    vocabulary = Vocabulary.of_bytes()
    assert len(vocabulary) == 256
    ids = vocabulary.encode(data)
    assert ids.tolist() == list(data)
    assert ids.dtype == np.uint16
    assert vocabulary.decode(ids) == data
    assert Vocabulary.from_dict(vocabulary.to_dict()) == vocabulary


def test_words_have_their_space_and_numbers_are_whole():
    assert split("On May 3, 1990, St. John's  son\n") == [
        *("On", " May", " 3", ",", " 1990", ",", " St", ".", " John", "'", "s", " ", " son", "\n")
    ]


def test_unknown_text_says_where():
    vocabulary = Vocabulary.of_texts(["Ann met Bob."])
    with pytest.raises(ValueError, match=r"character 8 \(line 2\): ' saw' is not in the vocabulary"):
        vocabulary.encode("Ann.\nAnn saw Bob.")
    with pytest.raises(ValueError, match="byte 3: not UTF-8"):
        vocabulary.encode(b"Ann\xff")


def test_bad_ids():
    vocabulary = Vocabulary.of_texts(["Ann met Bob."])
    for ids, message in [([1, 99], "token 1 is 99; the vocabulary has 5"), ([-1], "token 0 is -1")]:
        with pytest.raises(ValueError, match=message):
            vocabulary.decode(ids)
    with pytest.raises(TypeError, match="integers"):
        vocabulary.decode([0.5])
    with pytest.raises(ValueError, match="token 0 is 256"):
        Vocabulary.of_bytes().decode([256])
    assert vocabulary.decode([]) == b""


@pytest.mark.parametrize(
    ("pieces", "message"),
    [(["a", "a"], "piece 1, 'a', appears twice"), ([""], "not one piece"), (["a b"], "not one piece")],
)
def test_bad_pieces(pieces, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(pieces)


def test_files(tmp_path):
    for vocabulary in (Vocabulary.of_texts(["Ann né\u2028", "7"]), Vocabulary.of_bytes()):
        vocabulary.save(tmp_path / "vocabulary.json")
        assert Vocabulary.load(tmp_path / "vocabulary.json") == vocabulary
    with pytest.raises(FileNotFoundError):
        Vocabulary.load(tmp_path / "absent.json")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"format": "skmfast vocabulary", "version": 2}',
        b'{"format": "skmfast vocabulary", "version": 1, "mode": "words"}',
        b'{"format": "skmfast vocabulary", "version": 1, "mode": "words", "pieces": ["a", 1]}',
        b'{"format": "skmfast vocabulary", "version": 1, "mode": "words", "pieces": ["a", "a"]}',
    ],
)
def test_damaged_files(tmp_path, data):
    (tmp_path / "v.json").write_bytes(data)
    with pytest.raises(CorpusError, match=r"v\.json"):
        Vocabulary.load(tmp_path / "v.json")


def test_width():
    assert Vocabulary.of_texts(map(str, range(65_535))).dtype == np.uint16
    assert Vocabulary.of_texts(map(str, range(65_536))).dtype == np.uint32
    # The line end comes first, and biographies fit in 16 bits.
    words = Biographies().words
    assert words.pieces[0] == b"\n"
    assert len(words) < 5000
