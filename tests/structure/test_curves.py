"""Structure functions of the three families: curves, names of what is bought, tables, figures, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest

from skmfast.errors import CorpusError
from skmfast.laws.tables import Table
from skmfast.sources import Biographies
from skmfast.sources.frequencies import Uniform
from skmfast.structure import NeuralModel, knowledge_curve, structure_function
from skmfast.structure.curve import lower_hull
from skmfast.structure.neural import neural_curve, read_models
from skmfast.structure.tokens import token_purchases


@pytest.fixture(scope="module")
def corpus():
    return Biographies().sample(4000, seed=3)


@pytest.fixture(scope="module")
def curve(corpus):
    return structure_function(corpus, depth=12)


def check_hull(curve):
    assert (np.diff(curve.model_bits) > 0).all()
    assert (np.diff(curve.data_bits) <= 0).all()
    assert (np.diff(curve.savings) <= 1e-9 * curve.savings[:-1]).all()
    best = curve.minimum
    assert (curve.savings[:best] >= 1 - 1e-9).all()
    assert (curve.savings[best:] <= 1 + 1e-9).all()


def test_context_trees_of_files_and_documents(tmp_path):
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_bytes(b"to be or not to be " * 30)
    second.write_bytes(b"that is the question " * 30)
    of_files = structure_function([first, second], depth=5)
    of_bytes = structure_function([first.read_bytes(), second.read_bytes()], depth=5)
    of_folder = structure_function(str(tmp_path), depth=5)
    assert (of_files.model_bits == of_bytes.model_bits).all()
    assert (of_files.data_bits == of_folder.data_bits).all()
    check_hull(of_files)
    assert of_files.unit == "byte"
    assert of_files.breakpoint(1).bought[0] == "b''"
    middle = (of_files.model_bits[0] + of_files.model_bits[1]) / 2
    between = of_files.data_bits_at([0.0, middle, 1e9])
    assert math.isnan(between[0])
    assert between[1] == pytest.approx(of_files.data_bits[:2].mean())
    assert between[2] == of_files.data_bits[-1]


def test_tokens_have_readable_contexts(corpus, curve):
    check_hull(curve)
    assert curve.unit == "token"
    pieces = {piece.decode() for piece in corpus.pieces()}
    names = [name for place in range(1, len(curve)) for name in curve.breakpoint(place).bought]
    assert any(name.strip("'") in pieces for name in names)
    plain = structure_function([np.array([300, 301] * 50)], depth=2)
    assert plain.breakpoint(1).bought == ("[]",)


def test_knowledge_is_bought_by_frequency(corpus):
    known = knowledge_curve(corpus)
    check_hull(known)
    steps = [known.breakpoint(place, 10_000) for place in range(1, len(known))]
    named = [name for step in steps for name in step.bought]
    assert named.count("syntax") == 1
    counts = [int(name.rpartition("(")[2].rstrip(")").replace(",", "")) for name in named if name != "syntax"]
    assert counts == sorted(counts, reverse=True)
    assert sum(step.num_bought for step in steps) == len(named)
    assert counts[0] == corpus.counts.max()


def test_knowledge_bits_from_the_definition():
    # Every sentence once: keeping k elements saves their contents, and costs a choice of sentences.
    source = Biographies(Uniform(3), statements=6, order="fixed")
    corpus = source.sample(30, seed=1)
    known = knowledge_curve(corpus)
    counts = np.sort(np.bincount(corpus.elements))[::-1].tolist()
    h0 = source.contents.total_bits
    expected_model = known.model_bits[0]
    saved, left, before = 0.0, 30, 30
    for rank, n in enumerate(counts):
        expected_model += h0 + math.log2(160_000_000 - rank) - math.log2(160_000_000)
        expected_model += math.log2(min(before, left)) + math.log2((rank + 3) / (rank + 1))
        saved += n * h0 - math.log2(math.comb(left, n))
        left, before = left - n, n
    names = [name for place in range(1, len(known)) for name in known.breakpoint(place, 99).bought]
    syntax = names.count("syntax")
    assert syntax == 0 or known.model_bits[-1] > expected_model
    if syntax == 0:
        assert known.model_bits[-1] == pytest.approx(expected_model, rel=1e-12)
        assert known.data_bits[0] - known.data_bits[-1] == pytest.approx(saved, rel=1e-12)
    assert len(names) - syntax == len(counts)


def test_neural_models():
    models = [
        NeuralModel(1e3, 16, 9e5, "tiny"),
        (1e4, 16, 5e5),
        (1e4, 32, 5e5),
        (5e4, 16, 4.99e5),
        (1e5, 16, 3e5),
    ]
    curve = neural_curve(models, prequential=7e5, num_symbols=1000)
    assert curve.model_bits.tolist() == [16e3, 16e4, 16e5]
    assert curve.references == {"prequential": 7e5}
    assert curve.breakpoint(1).bought == ("10,000 parameters, 16 bits each",)
    assert structure_function(models, "neural").minimum == curve.minimum == 1


def test_models_from_a_file(tmp_path):
    path = tmp_path / "models.csv"
    path.write_text("name,parameters,bits_per_parameter,data_bits\nsmall,10,8,1000\nlarge,100,8,500\n")
    models = read_models(path)
    assert [model.name for model in models] == ["small", "large"]
    assert models[1].model_bits == 800
    path.write_text("parameters,data_bits\n10,1000\n")
    with pytest.raises(CorpusError, match="bits_per_parameter"):
        read_models(path)


def test_purchases_of_tokens(corpus, curve):
    bought = token_purchases(curve, corpus, num_points=20)
    assert bought.kinds[:2] == ("syntax", "names")
    assert bought.num_tokens.sum() == len(corpus.tokens)
    assert bought.num_tokens[0] == (corpus.labels == 0).sum()
    # The empty tree's leaf is one: bits are those of the tokens' shares.
    shares = np.bincount(corpus.tokens) / len(corpus.tokens)
    tokens = np.asarray(corpus.tokens)[np.asarray(corpus.labels) == 0]
    assert bought.bits[0, 0] == pytest.approx(-np.log2(shares[tokens]).mean(), rel=1e-9)
    # Syntax comes before all knowledge but that of the most frequent elements.
    assert bought.bought_at[0] < bought.bought_at[3:].min()
    assert bought.rank_correlation > 0.6
    other = structure_function(b"some text")
    with pytest.raises(ValueError, match="not of context trees over this"):
        token_purchases(other, corpus)


def test_tables_and_figures(tmp_path, corpus, curve):
    known = knowledge_curve(corpus)
    neural = neural_curve([(10, 8, 100), (100, 8, 10)], prequential={"run": 50})
    bytes_curve = structure_function(b"to be or not to be " * 30)
    for name, each in (("k", known), ("n", neural), ("b", bytes_curve)):
        path = tmp_path / f"{name}.parquet"
        assert each.to_parquet(path) == path.read_bytes()
        table = Table.load(path)
        hull = table.where(curve="hull")
        assert np.array_equal(hull["model_bits"], each.model_bits)
        assert table.metadata["minimum"]["point"] == each.minimum
        each.plot(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert set(Table.load(tmp_path / "k.parquet").columns["curve"]) == {"hull", "capacity law"}
    bought = token_purchases(curve, corpus, num_points=5)
    bought.to_parquet(tmp_path / "t.parquet")
    bought.plot(tmp_path / "t.svg")
    assert b"<svg" in (tmp_path / "t.svg").read_bytes()[:2000]


def test_thinned_table_keeps_the_ends_and_the_minimum(curve):
    table = curve.table(max_points=20)
    points = table.columns["point"].tolist()
    assert len(points) <= 24
    assert {0, curve.minimum, len(curve) - 1} <= set(points)


def test_constant_and_single_symbol():
    for text in (b"a", b"a" * 5000):
        curve = structure_function(text)
        assert len(curve) == 1
        assert curve.minimum == 0
        assert curve.data_bits.tolist() == [0.0]
        assert curve.table().columns["bought"].tolist() == [""]
    with pytest.raises(IndexError, match="breakpoint 1"):
        structure_function(b"a").breakpoint(1)


def test_lower_hull():
    rng = np.random.default_rng(1)
    for _ in range(50):
        x, y = rng.integers(0, 12, (2, 8))
        kept = lower_hull(x.tolist(), y.tolist())
        at = np.interp(x, x[kept], y[kept])
        assert (at <= y + 1e-12)[x >= x[kept[0]]].all()


@pytest.mark.parametrize(
    ("corpus", "settings", "error", "message"),
    [
        (b"", {}, ValueError, "it is empty"),
        ([], {}, ValueError, "it is empty"),
        ([b"", b""], {}, ValueError, "it is empty"),
        (b"a", {"family": "forest"}, ValueError, "'forest' is none of"),
        (3, {}, TypeError, "int is no corpus"),
        (b"a", {"family": "syntax-knowledge"}, TypeError, "bytes is no LabelledCorpus"),
        ([], {"family": "neural"}, ValueError, "there are none"),
        ([(1, -1, 1)], {"family": "neural"}, ValueError, "bits_per_parameter"),
        ([(1, 1, math.nan)], {"family": "neural"}, ValueError, "data_bits"),
        ([(1, 1, 1)], {"family": "neural", "prequential": -1.0}, ValueError, "prequential"),
        ("/no/such/file", {}, CorpusError, "does not exist"),
    ],
)
def test_bad_input(corpus, settings, error, message):
    with pytest.raises(error, match=message):
        structure_function(corpus, **settings)
