"""Sentences of chain words: against a plain loop, for any threads and blocks, and with exact expectations."""

import hashlib
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import renderer_twin as twin
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.codes.oracle import Oracle
from skmfast.sources.biographies import Biographies
from skmfast.sources.contents import Attribute, Contents, Field
from skmfast.sources.example import small_chain_example, small_example
from skmfast.sources.frequencies import PitmanYor, Uniform
from skmfast.sources.generate import generate, renderer_of, sample
from skmfast.sources.markov import MarkovSyntax
from skmfast.sources.rendering import SentenceRenderer
from skmfast.sources.syntax_knowledge import SyntaxKnowledge

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "chains_corpus.json"
SENTENCES = 20_000


def source(length="geometric"):
    syntax = MarkovSyntax(
        ["qua", "sed", "et", "in", "ab", "-"], kinds=3, prior=0.5, length=length, mean_length=5
    )
    return SyntaxKnowledge(PitmanYor(0.5, 2.0), Biographies().contents, syntax)


# ---- sentences -------------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**64 - 1),
    first=st.integers(0, 2**48),
    elements=st.lists(st.integers(0, 35), min_size=1, max_size=12),
    kinds=st.integers(1, 3),
    length=st.sampled_from([("fixed", 1), ("fixed", 4), ("geometric", 2.5)]),
    tokens=st.sampled_from(["words", "bytes"]),
)
@settings(max_examples=60, deadline=None)
def test_sentences_are_the_plain_loop(seed, first, elements, kinds, length, tokens):
    made = small_chain_example(Uniform(36), kinds=kinds, length=length[0], mean_length=length[1])
    vocabulary, phi = made.vocabulary(tokens), made.syntax.probabilities(seed)
    contents = made.contents.values(range(36), seed)
    found = SentenceRenderer(made, seed, tokens).render(first, elements, threads=1)
    assert found.tokens.dtype == np.uint16
    for i, element in enumerate(elements):
        text, spans, attribute = twin.render_chain(made, phi, contents[element], seed, first + i)
        one = found.part(i, i + 1)
        assert one.text.tobytes().decode() == text
        assert vocabulary.decode(one.tokens).decode() == text
        assert one.tokens.tolist() == vocabulary.encode(text).tolist()
        assert one.statements.tolist() == [[[attribute, 0]]]
        assert one.labels.tolist() == labels_of(vocabulary, one.tokens, spans)


def test_no_sentences():
    found = SentenceRenderer(small_chain_example(Uniform(36)), 1).render(5, [])
    assert (len(found), found.text.size, found.offsets.tolist()) == (0, 0, [0])
    assert found.statements.shape == (0, 1, 2)


def labels_of(vocabulary, tokens, spans):
    """Labels by the place of each token's last character: a space before a value is in its first word."""
    labels, end = [], 0
    for token in tokens:
        end += len(vocabulary.decode([token]).decode())
        labels.append(next((label for begin, last, label in spans if begin < end <= last), 0))
    return labels


def hashes(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected") / "corpus"
    generate(source(), SENTENCES, folder, 7, threads=1)
    return folder


def test_golden_corpus(expected):
    """Frozen: columns of a corpus stay the same for ever, on every processor."""
    frozen = json.loads(GOLDEN.read_text())
    found = hashes(expected)
    assert {name: found[name] for name in frozen} == frozen
    assert len(frozen) == 8


@pytest.mark.parametrize(("threads", "block"), [(1, 777), (3, 10**6)])
def test_threads_and_blocks_change_nothing(expected, tmp_path, threads, block):
    generate(source(), SENTENCES, tmp_path / "corpus", 7, threads=threads, block=block)
    assert hashes(tmp_path / "corpus") == hashes(expected)


def test_in_memory_and_saved_is_the_same(expected, tmp_path):
    corpus = source().sample(SENTENCES, 7, threads=2)
    corpus.verify(render=renderer_of(corpus), sample=2000)
    corpus.save(tmp_path / "corpus")
    assert hashes(tmp_path / "corpus") == hashes(expected)


def test_text_tells_names_words_and_values(expected):
    """Every sentence is cut into its parts by its text alone."""
    made, corpus = source(), source().sample(500, 7)
    values = made.contents.values(range(len(corpus.counts)), 7)
    texts = {name: made.contents.text(name, values) for name in made.contents.attribute_names}
    words = set(made.syntax.words)
    for i in range(500):
        parts = corpus.sentence(i).split(" ")
        places = [place for place, part in enumerate(parts) if part in words]
        assert places == list(range(places[0], places[-1] + 1))
        element, attribute = int(corpus.elements[i]), corpus.attributes[1 + int(corpus.statements[i, 0, 0])]
        assert " ".join(parts[: places[0]]) == texts["name"][element]
        assert " ".join(parts[places[-1] + 1 :]) == texts[attribute][element]


def test_large_vocabulary():
    """More than 65,536 words need 32 bits."""
    letters = ["".join(word) for word in itertools.product("abcdefghijklmnopqrst", repeat=4)][:40_000]
    contents = Contents(
        [Field("number", tuple(map(str, range(40_000)))), Field("code", tuple(letters))],
        [Attribute("name", "{number}"), Attribute("code", "{code}")],
    )
    made = SyntaxKnowledge(Uniform(40_000), contents, MarkovSyntax(["has", "was"], mean_length=2))
    corpus = made.sample(300, 1)
    assert corpus.tokens.dtype == np.uint32
    assert corpus.tokens.max() > 1 << 16
    corpus.verify()


def test_long_sentences():
    made = small_chain_example(Uniform(36), mean_length=1000)
    corpus = made.sample(700, 2, threads=2)
    assert (corpus.labels == 0).sum() == 700 * 1001
    corpus.verify(render=renderer_of(corpus), sample=256)


def test_description_and_questions():
    for made in (source(), source("fixed"), small_chain_example(kinds=1)):
        again = SyntaxKnowledge.from_dict(json.loads(json.dumps(made.to_dict())))
        assert again == made
        assert again.words == made.words
    example = small_example()
    asked = SyntaxKnowledge(
        Uniform(36),
        example.contents,
        MarkovSyntax(["of", "the"], kinds=2, kind_field="first"),
        questions={name: [f"{{name}}? {{{name}}}."] for name in example.contents.attribute_names[1:]},
    )
    assert asked.questions().syntax.kind_field == "first"
    assert asked.questions().sample(10, 1).sentence(0).count("?") == 1


# ---- expectations ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", ["words", "bytes"])
def test_expected_sentence_is_the_mean_of_all(tokens):
    """All elements, attributes and runs of words, weighted."""
    contents = Contents(
        [Field("first", ("Al", "Barbara", "Cy")), Field("town", ("Rome", "New York")), Field("day", ("3",))],
        [Attribute("name", "{first}"), Attribute("town", "{town}"), Attribute("day", "May {day}")],
    )
    syntax = MarkovSyntax(["of", "the"], kinds=2, mean_length=3)
    made = SyntaxKnowledge(Uniform(3), contents, syntax)
    phi, vocabulary = syntax.probabilities(5), made.vocabulary(tokens)
    size, entropy = np.zeros(2), math.log2(3)
    for first, town, attribute in itertools.product(range(3), range(2), range(2)):
        values = np.array([[first, town, 0]], np.uint16)
        rows = phi[made.kinds(values)[0]]
        for words in itertools.product(range(2), repeat=3):
            before = (0, 1 + words[0], 1 + words[1])
            p = math.prod(rows[row, word] for row, word in zip(before, words, strict=True))
            parts = contents.text("name", values) + [syntax.words[word] for word in words]
            text = " ".join(parts + contents.text(("town", "day")[attribute], values)) + "\n"
            size += p / 12 * np.array([len(text), len(vocabulary.encode(text))])
            entropy -= p / 12 * math.log2(p / 2)
    mean = made.expected_sentence(5, tokens)
    assert [mean.num_bytes, mean.num_tokens] == pytest.approx(size.tolist(), rel=1e-12)
    assert mean.entropy_bits == pytest.approx(entropy, rel=1e-12)


@pytest.mark.parametrize("length", ["fixed", "geometric"])
def test_entropy_of_a_sample(length):
    """The mean of -log2 of sentences' probabilities is within four standard errors of the exact entropy."""
    made = small_chain_example(Uniform(36), kinds=3, length=length, mean_length=6)
    corpus = sample(made, 30_000, 11)
    bits = Oracle(made).of_corpus(corpus, per_sentence=True).per_sentence.total
    exact = made.expected_sentence(11).entropy_bits
    assert abs(bits.mean() - exact) < 4 * bits.std() / math.sqrt(len(bits))


# ---- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["of", "York"], "chain word 1, 'York', is also in value 'New York' of field 'work_city'"),
        (["Berg"], "chain word 0, 'Berg', is also in value 'Berg' of field 'last'"),
        (["a", "&"], "chain word 1, '&', is also in value 'Zenith & Sons' of field 'employer'"),
        (["12"], "chain word 0, '12', is also in value '12' of field 'day'"),
        (["of", "no one"], "chain word 1, 'no one': 2 tokens instead of one"),
        (["don't"], "3 tokens instead of one"),
    ],
)
def test_words_that_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        SyntaxKnowledge(Uniform(36), small_example().contents, MarkovSyntax(words))


def test_patterns_and_fields_that_are_refused():
    fields = [Field("first", ("Al", "Bo")), Field("town", ("Rome",))]
    name = Attribute("name", "{first}")
    contents = Contents(fields, [name, Attribute("town", "old {town}")])
    with pytest.raises(ValueError, match="'old', is also in the pattern of attribute 'town'"):
        SyntaxKnowledge(Uniform(2), contents, MarkovSyntax(["old"]))
    with pytest.raises(ValueError, match="nothing to state"):
        SyntaxKnowledge(Uniform(2), Contents(fields[:1], [name]), MarkovSyntax(["a"]))
    with pytest.raises(ValueError, match="kind_field='town' is not a field of the name"):
        SyntaxKnowledge(Uniform(2), contents, MarkovSyntax(["a"], kinds=2, kind_field="town"))
