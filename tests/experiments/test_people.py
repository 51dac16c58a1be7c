"""The people of small experiments: sizes, bits, and templates that never leave a slot in doubt."""

import itertools

import pytest

from skmfast.experiments.people import ATTRIBUTES, MAX_WORDS, people, words
from skmfast.sources.frequencies import Uniform
from skmfast.sources.vocabulary import split


def test_words_are_distinct_and_one_piece():
    made = words(MAX_WORDS)
    assert len(set(made)) == MAX_WORDS
    assert all(split(word) == [word] for word in made)


def test_sizes_decide_bits():
    source = people(first=32, last=16, values=(4, 8), attributes=2)
    assert source.contents.bits == {"name": 9.0, "city": 2.0, "employer": 3.0}


def test_names_and_values_are_two_tokens_and_one():
    corpus = people(Uniform(500), attributes=6, templates=4).sample(2000, seed=3)
    corpus.verify()
    for number in range(0, 2000, 40):
        labels = corpus.labels[int(corpus.offsets[number]) : int(corpus.offsets[number + 1])]
        assert labels[:2].tolist() == [1, 1]
        assert (labels > 0).sum() == 3
        assert len(labels) <= 9


@pytest.mark.parametrize("form", [1, 2])
def test_no_literal_competes_with_a_slot(form):
    """After the same beginning either a slot follows in every template, or in none."""
    texts = [text for parts in ATTRIBUTES.values() for text in parts[form]]
    pieces = []
    for text in texts:
        cut = text.replace("{name}", "NAME")
        for name in ATTRIBUTES:
            cut = cut.replace(f"{{{name}}}", "VALUE")
        pieces.append([piece.strip() for piece in split(cut)])
    for one, other in itertools.combinations(pieces, 2):
        common = next(place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
        assert "VALUE" not in (one[common], other[common]), (one, other)


def test_no_word_means_two_things():
    source = people(attributes=6, templates=4, first=200, last=200, values=200, statements=2)
    pieces = [piece.decode().strip() for piece in source.words.pieces]
    knowledge = [
        value for field in source.contents.fields if field.name != "pronoun" for value in field.values
    ]
    assert len(set(knowledge)) == len(knowledge)
    assert all(pieces.count(word) == 1 for word in knowledge)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first": 0}, "first=0"),
        ({"last": 4901}, "last=4901"),
        ({"values": (3, 4)}, "2 numbers for 3 attributes"),
        ({"values": 0}, "values=0"),
        ({"attributes": 7}, "attributes=7"),
        ({"templates": 5}, "templates=5"),
        ({"statements": 4}, "statements=4"),
    ],
)
def test_numbers_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        people(**options)
