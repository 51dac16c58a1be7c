"""Codes of sentences of chain words: against a learner that reads the text alone, and proper."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest

from skmfast.codes.bayes_mixture import BayesMixture
from skmfast.codes.oracle import Oracle
from skmfast.codes.redundancy import expected_redundancy
from skmfast.corpora.sentences import Sentences
from skmfast.errors import CorpusError
from skmfast.sources.biographies import Biographies
from skmfast.sources.contents import Attribute, Contents, Field
from skmfast.sources.example import small_chain_example
from skmfast.sources.frequencies import PitmanYor, Uniform
from skmfast.sources.generate import generate, sample
from skmfast.sources.markov import MarkovSyntax
from skmfast.sources.syntax_knowledge import SyntaxKnowledge
from skmfast.sources.templates import TemplateSyntax

LENGTHS = [("fixed", 4), ("geometric", 2.5), ("fixed", 1)]


# ---- code lengths ----------------------------------------------------------------------------------------


def twin_syntax_bits(source, corpus):
    """Bits of each sentence's syntax, learnt from the text by counting in dictionaries, and under φ."""
    syntax, seen = source.syntax, {}
    phi, prior = syntax.probabilities(corpus.seed), syntax.prior
    values = source.contents.values(range(len(corpus.counts)), corpus.seed)
    learnt, known = [], []
    for i in range(corpus.num_sentences):
        kind = int(source.kinds(values[corpus.elements[i]][None])[0])
        words = [syntax.words.index(word) for word in corpus.sentence(i).split() if word in syntax.words]
        bits = math.log2(len(source.contents.stated))
        if syntax.length == "geometric":
            stop = 1 / syntax.mean_length
            bits -= math.log2(stop * (1 - stop) ** (len(words) - 1))
        learnt.append(bits)
        known.append(bits)
        row = 0
        for word in words:
            counts = seen.setdefault((kind, row), np.array(prior[kind, row]))
            learnt[-1] -= math.log2(counts[word] / counts.sum())
            known[-1] -= math.log2(phi[kind, row, word])
            counts[word] += 1
            row = 1 + word
    return learnt, known


@pytest.mark.parametrize("tokens", ["words", "bytes"])
@pytest.mark.parametrize(("length", "mean_length"), LENGTHS)
@pytest.mark.parametrize("kinds", [1, 3])
def test_against_a_learner_that_reads_text(kinds, length, mean_length, tokens):
    source = small_chain_example(Uniform(36), kinds=kinds, length=length, mean_length=mean_length)
    corpus = sample(source, 400, 5, tokens=tokens)
    learnt, known = twin_syntax_bits(source, corpus)
    for code, expected in ((BayesMixture(source), learnt), (Oracle(source), known)):
        lengths = code.of_corpus(corpus, per_sentence=True)
        each = lengths.per_sentence
        np.testing.assert_allclose(each.syntax, expected, rtol=1e-11)
        assert lengths.syntax_bits == pytest.approx(math.fsum(expected), rel=1e-11)
        assert lengths.bits == pytest.approx(each.total.sum(), rel=1e-11)
        parts = [code.count(corpus, a, b) for a, b in itertools.pairwise([0, 1, 150, 150, 400])]
        merged = parts[2] + (parts[3] + parts[1]) + parts[0]
        assert np.array_equal(merged.syntax, code.count(corpus).syntax)
        assert code.lengths_from(merged).bits == lengths.bits


def test_file_of_a_corpus(tmp_path):
    source = small_chain_example(Uniform(36), length="geometric", mean_length=3)
    corpus = generate(source, 300, tmp_path / "corpus", 5)
    lengths = BayesMixture().lengths_of_file(tmp_path / "corpus" / "text.txt")
    assert lengths.bits == BayesMixture(source).of_corpus(corpus).bits


def test_oracle_is_below_the_mixture():
    source = small_chain_example(Uniform(36), kinds=2)
    corpus = sample(source, 5000, 3)
    mixture, oracle = BayesMixture(source).of_corpus(corpus), Oracle(source).of_corpus(corpus)
    cost = mixture.syntax_bits - oracle.syntax_bits
    parameters = source.syntax.num_parameters
    assert 0 < cost < parameters / 2 * math.log2(20_000)


# ---- proper codes ----------------------------------------------------------------------------------------


def tiny_source(syntax):
    contents = Contents(
        [
            Field("first", ("Al", "Bo", "Cy")),
            Field("employer", ("Acme", "Apex", "Zeta")),
            Field("work_city", ("Oslo", "Rome"), of="employer", mapping=(0, 1, 0)),
        ],
        [
            Attribute("name", "{first}"),
            Attribute("employer", "{employer}"),
            Attribute("work_city", "{work_city}"),
        ],
    )
    return SyntaxKnowledge(PitmanYor(0.4, 0.7), contents, syntax)


def corpus_of(source, elements, values, attributes, words):
    """A corpus that says this; words is a list of numbers for each sentence."""
    names = [source.contents.text(name, values) for name in source.contents.attribute_names]
    texts, labels = [], []
    for element, attribute, run in zip(elements, attributes, words, strict=True):
        said = [source.syntax.words[word] for word in run]
        texts.append(" ".join([names[0][element], *said, names[1 + attribute][element]]) + "\n")
        labels.append([1, *[0] * len(run), 2 + attribute, 0])
    tokens = [source.words.encode(text) for text in texts]
    assert [len(each) for each in tokens] == [len(each) for each in labels]
    statements = np.array([[[attribute, 0]] for attribute in attributes], np.uint16)
    text = "".join(texts).encode()
    sentences = Sentences(
        np.frombuffer(text, np.uint8),
        np.cumsum([0, *map(len, texts)]).astype(np.uint64),
        np.concatenate(tokens),
        np.concatenate(labels).astype(np.uint8),
        np.cumsum([0, *map(len, tokens)]).astype(np.uint64),
        np.array(elements, np.uint32),
        statements,
    )
    return SimpleNamespace(
        sentences=sentences,
        **{name: getattr(sentences, name) for name in Sentences.columns()},
        counts=np.bincount(elements).astype(np.uint64),
        frequencies=np.full(max(elements) + 1, 1 / 3),
        num_sentences=len(elements),
        vocabulary=source.words.to_dict(),
        pieces=lambda: source.words.pieces,
        source=source.to_dict(),
        seed=0,
        path=None,
        where=lambda column: column,
    ), text


def total_probability(source, monkeypatch, num_sentences, runs):
    """Sum over all texts of that many sentences with words from ``runs``, each text once."""
    total, seen, code = 0.0, set(), BayesMixture(source)
    for elements in [(0,), (0, 0), (0, 1)]:
        if len(elements) != num_sentences:
            continue
        number = max(elements) + 1
        every = itertools.product(
            itertools.product(range(3), repeat=number),
            itertools.product(range(2), repeat=num_sentences),
            itertools.product(runs, repeat=num_sentences),
        )
        for employers, attributes, words in every:
            values = np.array([[e, w, (0, 1, 0)[w]] for e, w in enumerate(employers)], np.uint16)
            corpus, text = corpus_of(source, elements, values, attributes, words)
            if text in seen:
                continue
            seen.add(text)
            monkeypatch.setattr(
                source.contents, "values", lambda elements, seed, v=values: v[np.asarray(elements, int)]
            )
            # Names are interchangeable: 3 for one element, 3 * 2 for two.
            total += math.perm(3, number) * 2 ** -code.of_corpus(corpus).bits
    return total


def test_probabilities_of_all_texts_add_up(monkeypatch):
    syntax = MarkovSyntax(["of", "the"], kinds=2, mean_length=2, prior=[0.5, 2.0])
    runs = list(itertools.product(range(2), repeat=2))
    assert total_probability(tiny_source(syntax), monkeypatch, 2, runs) == pytest.approx(1, abs=1e-9)


def test_probabilities_of_all_short_texts_add_up(monkeypatch):
    """Of random lengths, those up to three have probability 1 - (1 - 1/mean)^3."""
    syntax = MarkovSyntax(["of", "the"], length="geometric", mean_length=2.5)
    runs = [run for size in (1, 2, 3) for run in itertools.product(range(2), repeat=size)]
    total = total_probability(tiny_source(syntax), monkeypatch, 1, runs)
    assert total == pytest.approx(1 - 0.6**3, abs=1e-9)


# ---- redundancy ------------------------------------------------------------------------------------------


def test_redundancy_of_first_words_is_that_of_templates():
    """Chains of one word are templates of one attribute."""
    contents = Contents(
        [Field("first", tuple(map(str, range(1000)))), Field("town", ("Rome", "Oslo"))],
        [Attribute("name", "{first}"), Attribute("town", "{town}")],
    )
    words = ["of", "the", "in"]
    for kinds in (1, 2):
        chains = MarkovSyntax(words, kinds=kinds, mean_length=1, prior=0.5)
        templates = TemplateSyntax(
            {"town": [f"{{name}} {word} {{town}}" for word in words]}, kinds=kinds, prior=0.5
        )
        one, two = (
            expected_redundancy(SyntaxKnowledge(PitmanYor(0.2, 1.0), contents, syntax), [1, 30, 10_000])
            for syntax in (chains, templates)
        )
        for part in ("partition_bits", "name_bits", "attribute_bits"):
            np.testing.assert_array_equal(getattr(one, part), getattr(two, part))
        np.testing.assert_allclose(one.syntax_bits, two.syntax_bits, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("length", "mean_length"), [("fixed", 4), ("geometric", 3.5)])
def test_redundancy_is_the_mean_over_corpora(length, mean_length):
    """Four standard errors of 150 corpora, of φ drawn with them."""
    syntax = MarkovSyntax(["qa", "qe", "qi"], kinds=2, length=length, mean_length=mean_length)
    source = SyntaxKnowledge(PitmanYor(0.5, 1.0), Biographies().contents, syntax)
    expected = BayesMixture(source).redundancy([1000]).syntax_bits[0]
    found = []
    for seed in range(1000, 1150):
        phi, kinds = syntax.probabilities(seed), np.arange(1000) % 2
        counts = syntax.count(kinds, *syntax.sample(kinds, seed, probabilities=phi))
        found.append(syntax.code_length_bits(counts) - syntax.oracle_bits(counts, phi))
    assert abs(np.mean(found) - expected) < 4 * np.std(found) / math.sqrt(len(found))


# ---- labels that contradict the tokens -------------------------------------------------------------------


def changed(tokens, column, place, value):
    """A corpus of 20 sentences in which one entry of a column is another one."""
    source = small_chain_example(Uniform(36))
    corpus = sample(source, 20, 4, tokens=tokens)
    array = getattr(corpus.sentences, column).copy()
    array[place(corpus) if callable(place) else place] = value(corpus) if callable(value) else value
    fields = {name: getattr(corpus.sentences, name) for name in Sentences.columns()} | {column: array}
    sentences = Sentences(**fields)
    return type(corpus)(sentences, corpus.element_table, corpus.vocabulary, corpus.source, corpus.seed)


def token(sentence, place):
    """The place-th token of a sentence, from its end where negative."""
    return lambda corpus: int(corpus.offsets[sentence + (place < 0)]) + place


def other_attribute(corpus):
    return (int(corpus.statements[5, 0, 0]) + 1) % 3


CHANGES = {
    "name as syntax": ("words", "labels", token(3, 0), 0, "sentence 3: is not a name, words"),
    "word as name": ("words", "labels", token(7, 2), 1, "sentence 7: 3 words are no length"),
    "word as value": ("words", "labels", token(7, 5), 4, "sentence 7"),
    "other value": ("words", "statements", (5, 0, 0), other_attribute, "sentence 5: is not a name, words"),
    "line end as value": ("words", "labels", token(2, -1), 2, "sentence 2: is not a name, words"),
    "value as line end": ("words", "tokens", token(2, -1), 5, "sentence 2: does not end with a line end"),
    "name among words": ("words", "tokens", token(9, 3), 1, "sentence 9: what is labelled syntax"),
    "no such token": ("words", "tokens", token(9, 3), 60_000, "sentence 9: a token is not in the vocab"),
    "no such template": ("words", "statements", (6, 0, 1), 1, "sentence 6 states what the source cannot"),
    "no such word": ("bytes", "tokens", lambda c: bytes(c.text).index(b" ", 15), 33, "labelled syntax"),
    "word's bytes as name": ("bytes", "labels", lambda c: bytes(c.labels).index(0), 1, "sentence 0: what"),
}


@pytest.mark.parametrize("case", CHANGES)
@pytest.mark.parametrize("code", [Oracle, BayesMixture])
def test_contradictions_are_refused(case, code):
    *change, message = CHANGES[case]
    with pytest.raises(CorpusError, match=message):
        code().of_corpus(changed(*change))


def test_short_sentence_is_refused():
    corpus = changed("words", "offsets", 4, lambda c: c.offsets[3] + np.uint64(2))
    with pytest.raises(CorpusError, match="offsets: sentence 3: has fewer than four tokens"):
        Oracle().of_corpus(corpus)
