"""Oracle and BayesMixture on labelled corpora: proper codes, prequential and from counts alike."""

import functools
import itertools
import json
import math
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
from typer.testing import CliRunner

import skmfast as skm
from skmfast.cli import codelength as _  # noqa: F401  (registers the command)
from skmfast.cli.app import app
from skmfast.codes.bayes_mixture import BayesMixture
from skmfast.codes.knowledge import first_places, seen_before
from skmfast.codes.oracle import Oracle
from skmfast.codes.redundancy import dirichlet_redundancy_bits, expected_redundancy
from skmfast.errors import CorpusError
from skmfast.sources.contents import Attribute, Contents, Field
from skmfast.sources.dirichlet import code_length_bits, expected_entropy_bits
from skmfast.sources.example import small_example
from skmfast.sources.frequencies import PitmanYor, Uniform, Zipf
from skmfast.sources.generate import generate, sample
from skmfast.sources.hyperparameters import integrated_partition_bits
from skmfast.sources.partition import weight_entropy_bits
from skmfast.sources.syntax_knowledge import SyntaxKnowledge
from skmfast.sources.templates import TemplateSyntax

FREQUENCIES = [PitmanYor(0.2, 1.0), PitmanYor(0.0, 2.0), Uniform(30), Zipf(1.0, 30)]


def tiny_source(frequencies, statements=1, kinds=1):
    """Three names; an employer of three and the city that follows from it; two templates for each."""
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
    syntax = TemplateSyntax(
        {
            "employer": ["{name} serves {employer}.", "{employer} has {name}."],
            "work_city": ["{name} goes to {work_city}.", "{work_city} sees {name}."],
        },
        kinds=kinds,
        statements=statements,
        prior={"employer": [1.0, 1.0], "work_city": [0.5, 2.0]},
    )
    return SyntaxKnowledge(frequencies, contents, syntax)


def all_corpora(source, n):
    """Every corpus of n sentences, elements in order of appearance, as (corpus, values of the elements)."""
    attributes = range(len(source.contents.stated))
    said = [
        [(a, t) for a, t in zip(chosen, templates, strict=True)]
        for chosen in itertools.permutations(attributes, source.syntax.statements)
        for templates in itertools.product(range(2), repeat=source.syntax.statements)
    ]
    for elements in itertools.product(range(n), repeat=n):
        if any(e > max(elements[:i], default=-1) + 1 for i, e in enumerate(elements)):
            continue
        number = max(elements) + 1
        for employers in itertools.product(range(3), repeat=number):
            for statements in itertools.product(said, repeat=n):
                corpus = SimpleNamespace(
                    elements=np.array(elements, np.uint32),
                    statements=np.array(statements, np.uint16).reshape(n, -1, 2),
                    counts=np.bincount(elements).astype(np.uint64),
                    frequencies=np.full(number, 1 / 3),
                    text=np.zeros(1, np.uint8),
                    source=source.to_dict(),
                    seed=0,
                    path=None,
                    where=lambda column: column,
                )
                values = np.array([[e, w, (0, 1, 0)[w]] for e, w in enumerate(employers)], np.uint16)
                yield corpus, values


def told(corpus, values):
    """What a corpus says: two with the same differ in nothing that sentences state."""
    return tuple(
        (int(e), tuple((int(a), int(t), int(values[e, 1 + a])) for a, t in sentence))
        for e, sentence in zip(corpus.elements, corpus.statements, strict=True)
    )


@pytest.mark.parametrize("statements", [1, 2])
@pytest.mark.parametrize("hyperparameters", ["known", "integrated"])
@pytest.mark.parametrize("frequencies", [PitmanYor(0.4, 0.7), Uniform(3)], ids=["pitman-yor", "uniform"])
def test_probabilities_of_all_corpora_add_up(monkeypatch, frequencies, hyperparameters, statements):
    source, total, seen = tiny_source(frequencies, statements), 0.0, set()
    code = BayesMixture(source, hyperparameters)
    once = functools.cache(integrated_partition_bits)
    monkeypatch.setattr(
        "skmfast.sources.hyperparameters.integrated_partition_bits", lambda counts: once(tuple(counts))
    )
    for corpus, values in all_corpora(source, 2):
        if (key := told(corpus, values)) in seen:
            continue
        seen.add(key)
        monkeypatch.setattr(
            source.contents, "values", lambda elements, seed, v=values: v[np.asarray(elements, int)]
        )
        # Names are interchangeable: 3 for one element, 3 * 2 for two.
        total += math.perm(3, len(values)) * 2 ** -code.of_corpus(corpus).bits
    assert total == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("statements", [1, 2])
def test_redundancy_is_the_expectation(monkeypatch, statements):
    law = PitmanYor(0.4, 0.7)
    source, entropy, seen = tiny_source(law, statements), 0.0, set()
    code = BayesMixture(source)
    for corpus, values in all_corpora(source, 2):
        if (key := told(corpus, values)) in seen:
            continue
        seen.add(key)
        monkeypatch.setattr(
            source.contents, "values", lambda elements, seed, v=values: v[np.asarray(elements, int)]
        )
        bits = code.of_corpus(corpus).bits
        entropy += math.perm(3, len(values)) * 2**-bits * bits
    oracle = 2 * (weight_entropy_bits(0.4, 0.7) + source.syntax.expected_entropy_bits)
    parts = code.redundancy([2])
    assert float(parts.bits[0]) == pytest.approx(entropy - oracle, abs=1e-9)
    assert float(parts.content_bits[0] + parts.partition_bits[0]) == float(parts.knowledge_bits[0])
    assert float(parts.content_bits[0]) <= float(parts.whole_content_bits[0]) + 1e-12


@pytest.mark.parametrize("hyperparameters", ["known", "estimated", "integrated"])
@pytest.mark.parametrize("frequencies", FREQUENCIES, ids=lambda each: each.kind)
@pytest.mark.parametrize(("kinds", "statements"), [(1, 1), (3, 2)])
def test_prequential_is_counts_is_shards(frequencies, hyperparameters, kinds, statements):
    source = small_example(frequencies, kinds=kinds, statements=statements)
    corpus = sample(source, 400, seed=7)
    for code in (BayesMixture(source, hyperparameters), Oracle(source)):
        lengths = code.of_corpus(corpus, per_sentence=True)
        each = lengths.per_sentence
        assert lengths.partition_bits == pytest.approx(each.partition.sum(), rel=1e-9)
        assert lengths.content_bits == pytest.approx(each.content.sum(), rel=1e-9)
        assert lengths.syntax_bits == pytest.approx(each.syntax.sum(), rel=1e-9)
        assert lengths.bits == pytest.approx(each.total.sum() + lengths.parameter_bits, rel=1e-9)
        assert each.total.min() >= -1e-12
        parts = [code.count(corpus, a, b) for a, b in itertools.pairwise([0, 1, 150, 150, 400])]
        merged = parts[2] + (parts[3] + parts[1]) + parts[0]
        whole = code.count(corpus)
        for name in ("elements", "counts", "stated", "frequencies", "syntax"):
            assert np.array_equal(getattr(merged, name), getattr(whole, name))
        assert code.lengths_from(merged).bits == pytest.approx(lengths.bits, rel=1e-12)
        assert lengths.bits_per_sentence == pytest.approx(lengths.bits / 400)


def test_the_first_sentence_in_full():
    source = small_example(PitmanYor(0.2, 1.0))
    corpus = sample(source, 50, seed=3)
    each = BayesMixture(source).of_corpus(corpus, per_sentence=True).per_sentence
    attribute = int(corpus.statements[0, 0, 0])
    told = [math.log2(24), math.log2(3), None][attribute]  # birth date; employer; city: 1 of 3 or 2 of 3
    assert each.partition[0] == 0
    assert each.syntax[0] == pytest.approx(math.log2(3) + math.log2([3, 2, 2][attribute]))
    if told is not None:
        assert each.content[0] == pytest.approx(math.log2(36) + told)
    repeated = seen_before(corpus.elements) > 5
    assert each.content[repeated].sum() < 0.2 * each.content.sum()


@pytest.mark.parametrize("frequencies", FREQUENCIES, ids=lambda each: each.kind)
def test_oracle_knows_more(frequencies):
    """Over many corpora; the mean difference is the redundancy where that is known."""
    source = small_example(frequencies)
    difference = []
    for seed in range(40):
        corpus = sample(source, 60, seed=seed)
        difference.append(BayesMixture(source).of_corpus(corpus).bits - Oracle(source).of_corpus(corpus).bits)
    error = np.std(difference, ddof=1) / math.sqrt(40)
    assert np.mean(difference) > 20 * error > 0
    if isinstance(frequencies, PitmanYor):
        expected = float(BayesMixture(source).redundancy([60]).bits[0])
        assert abs(np.mean(difference) - expected) < 4 * error


@pytest.mark.parametrize("prior", [(1.0, 1.0), (0.5, 2.0, 3.0), (1.0,)])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_dirichlet_redundancy(prior, n):
    expected = -n * float(expected_entropy_bits(np.array(prior)))
    for events in itertools.product(range(len(prior)), repeat=n):
        bits = float(code_length_bits(np.bincount(events, minlength=len(prior)).astype(int), prior))
        expected += 2**-bits * bits
    assert dirichlet_redundancy_bits(prior, n) == pytest.approx(expected, abs=1e-10)


def test_dirichlet_redundancy_in_the_large():
    """(A - 1)/2 log2(n / 2 pi e) + E[log2(sqrt(det I) / prior)], for a uniform prior of two."""
    n = 10**9
    asymptotic = 0.5 * math.log2(n / (2 * math.pi * math.e)) + 1 / math.log(2)
    assert dirichlet_redundancy_bits((1.0, 1.0), n) == pytest.approx(asymptotic, abs=1e-5)


def uniform_redundancy_bits(n):
    """Of a uniform prior of two: the ln m! in the code's mean length add up to Barnes's ln G(n + 2)."""
    with mpmath.workdps(60):
        z = mpmath.mpf(n + 1)
        barnes = z * z / 2 * mpmath.log(z) - 3 * z * z / 4 + z / 2 * mpmath.log(2 * mpmath.pi)
        barnes += mpmath.zeta(-1, derivative=1) - mpmath.log(z) / 12
        barnes += sum(mpmath.bernoulli(2 * k + 2) / (4 * k * (k + 1) * z ** (2 * k)) for k in range(1, 8))
        nats = mpmath.loggamma(n + 2) - 2 * barnes / z - mpmath.mpf(n) / 2
        return float(nats / mpmath.log(2))


@pytest.mark.parametrize("n", [100, 10**6, 10**10, 10**15])
def test_dirichlet_redundancy_keeps_its_digits(n):
    assert dirichlet_redundancy_bits((1.0, 1.0), n) == pytest.approx(uniform_redundancy_bits(n), abs=1e-11)


@pytest.mark.parametrize(("prior", "n"), [((0.5, 2.0, 3.0), 150), ((20.0, 0.01, 40.0), 60)])
def test_dirichlet_redundancy_of_unequal_priors(prior, n):
    with mpmath.workdps(40):
        total = mpmath.fsum(prior)
        means = [a / total * mpmath.digamma(a + 1) for a in prior]
        nats = mpmath.loggamma(total + n) - mpmath.loggamma(total)
        nats -= n * (mpmath.digamma(total + 1) - mpmath.fsum(means))
        for a in prior:
            b = total - a
            for m in range(n + 1):
                p = mpmath.binomial(n, m) * mpmath.beta(a + m, b + n - m) / mpmath.beta(a, b)
                nats -= p * (mpmath.loggamma(a + m) - mpmath.loggamma(a))
        expected = float(nats / mpmath.log(2))
    assert dirichlet_redundancy_bits(prior, n) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("discount", [0.3, 0.5, 0.7])
def test_exponents_at_the_right_end(discount):
    """Elements a sentence fall as n^-(1-d), and so does knowledge, up to a logarithm."""
    source = skm_biographies(discount)
    n = np.array([0.98e8, 1.02e8])
    parts = expected_redundancy(source, n)
    whole = parts.whole_content_bits + parts.partition_bits

    def exponent(bits):
        return -np.diff(np.log(bits / n))[0] / np.diff(np.log(n))[0]

    assert exponent(parts.num_elements) == pytest.approx(1 - discount, abs=0.005)
    assert exponent(whole) == pytest.approx(1 - discount, abs=0.03)
    assert exponent(whole) > 1 - discount


def skm_biographies(discount):
    from skmfast.sources.biographies import Biographies

    return Biographies(PitmanYor(discount, 1.0))


def test_first_places():
    assert first_places(np.array([3, 1, 3, 0, 1]), 5).tolist() == [0, 1, 3]
    assert first_places(np.array([], dtype=int), 2).tolist() == []


# ---- files and bad input -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpora") / "small"
    generate(small_example(PitmanYor(0.2, 1.0), statements=2), 3000, path, seed=5)
    return path


def test_on_the_command_line(folder):
    bits = {}
    for code in ("oracle", "bayes-mixture", "bayes-mixture:integrated", "context-tree:depth=12"):
        done = CliRunner().invoke(app, ["codelength", "--json", "--code", code, str(folder / "text.txt")])
        assert done.exit_code == 0, done.output
        result = json.loads(done.stdout)
        assert result["total"]["bytes"] == (folder / "text.txt").stat().st_size
        bits[code] = result["total"]["bits"]
    assert bits["oracle"] < bits["bayes-mixture"] < bits["bayes-mixture:integrated"]
    assert bits["bayes-mixture:integrated"] < bits["context-tree:depth=12"]
    lengths = skm.code_length(folder / "text.txt", "oracle")
    assert lengths.bits == bits["oracle"]
    assert lengths.metadata["code"] == "oracle"


def copied(folder, target):
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def test_not_the_text_of_a_corpus(folder, tmp_path):
    alone = tmp_path / "text.txt"
    alone.write_bytes((folder / "text.txt").read_bytes())
    for path in (alone, folder / "tokens.bin"):
        with pytest.raises(CorpusError, match=r"not the text\.txt of a labelled corpus"):
            skm.code_length(path, "oracle")
    done = CliRunner().invoke(app, ["codelength", "--code", "oracle", str(alone)])
    assert done.exit_code == 1
    assert done.stderr.count("text.txt: not the") == 1


@pytest.mark.parametrize(
    ("file", "place", "message"),
    [
        ("text.txt", 100, "text.txt|tokens.bin"),
        ("labels.bin", 40, "labels.bin"),
        ("elements.bin", 400, "elements"),
        ("statements.bin", 800, "statements|labels"),
        ("tokens.bin", 80, "tokens.bin"),
    ],
)
def test_labels_that_contradict_the_text(folder, tmp_path, file, place, message):
    path = copied(folder, tmp_path / "copy")
    content = bytearray((path / file).read_bytes())
    content[place] ^= 3
    (path / file).write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        skm.code_length(path / "text.txt", "bayes-mixture")


def test_shortened_text(folder, tmp_path):
    path = copied(folder, tmp_path / "copy")
    (path / "text.txt").write_bytes((path / "text.txt").read_bytes()[:-1])
    with pytest.raises(CorpusError, match=r"text\.txt"):
        skm.code_length(path / "text.txt", "oracle")


@pytest.mark.parametrize(
    ("column", "message"), [("elements", "is about element"), ("statements", "states what")]
)
def test_impossible_labels(column, message):
    source = small_example(PitmanYor(0.2, 1.0))
    corpus = sample(source, 100, seed=3)
    getattr(corpus, column)[17] = 60_000
    for code in (Oracle(source), BayesMixture(source)):
        with pytest.raises(CorpusError, match=f"sentence 17 {message}"):
            code.of_corpus(corpus, per_sentence=True)


def test_bad_arguments():
    source = small_example(PitmanYor(0.2, 1.0))
    corpus = sample(source, 100, seed=3)
    with pytest.raises(ValueError, match="hyperparameters=guessed: not one of known, estimated, integrated"):
        BayesMixture(source, "guessed")
    with pytest.raises(TypeError, match="a dict is no Syntax-Knowledge source"):
        Oracle(source.to_dict())
    with pytest.raises(ValueError, match="of another source than the code"):
        Oracle(small_example(PitmanYor(0.3, 1.0))).of_corpus(corpus)
    for code in (Oracle(), BayesMixture()):
        assert code.of_corpus(corpus).bits > 0
        with pytest.raises(ValueError, match="counts do not say their source"):
            code.lengths_from(code.count(corpus))
        with pytest.raises(ValueError, match="codes labelled corpora"):
            code.lengths([b"text"])
        with pytest.raises(ValueError, match="codes one file as one corpus"):
            skm.code_length(b"text", code)
    corpus.source["version"] = 9
    with pytest.raises(CorpusError, match="its source: a source of version 9"):
        Oracle().of_corpus(corpus)
    other = sample(source, 100, seed=4)
    with pytest.raises(ValueError, match="seeds 3 and 4 do not add up"):
        Oracle(source).count(sample(source, 9, seed=3)) + Oracle(source).count(other)
    with pytest.raises(TypeError, match="known for Pitman-Yor frequencies"):
        BayesMixture(small_example(Uniform(30))).redundancy([10])
    with pytest.raises(ValueError, match="elements are to be expected; there are names for 36"):
        BayesMixture(source).redundancy([10**9 * 10**9])
    with pytest.raises(ValueError, match="with known hyperparameters"):
        BayesMixture(source, "integrated").redundancy([10])
