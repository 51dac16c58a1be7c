"""Whole runs beside the Bayes mixture: honest ones pass, one whose network has read the test does not."""

from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import pyarrow as pa
import small_experiment

from skmfast.experiments import runs
from skmfast.experiments.bayes import (
    BelowBayesError,
    below_bayes,
    check_not_below,
    gap_of_run,
    predictive_bits,
)
from skmfast.experiments.corpora import CorpusConfiguration

CORPUS = CorpusConfiguration(
    sentences=600, first=16, last=16, values=8, attributes=1, templates=1, seed=1, discount=0.7
)
GRID = small_experiment.runs(small_experiment.Configuration())


def configuration(corpus=CORPUS):
    base = GRID[0]
    return replace(
        base,
        corpora=(replace(base.corpora[0], corpus=corpus),),
        model=replace(base.model, vocabulary=len(corpus.vocabulary())),
        training=replace(base.training, steps=2),
        evaluation=replace(base.evaluation, test_sentences=300, at=()),
    )


def with_network(result, bits):
    """The result of a run whose network pays what a code does."""
    table = result.sentences
    for part in ("knowledge", "name", "value", "syntax"):
        name = f"network_{part}_bits"
        column = pa.array(getattr(bits, part))
        table = table.set_column(table.column_names.index(name), name, column)
    other = replace(result)
    other.__dict__["sentences"] = table
    return other


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return runs.run(configuration(), tmp_path_factory.mktemp("runs"))


def test_a_network_that_read_the_test_sentences_fails(result):
    training, test = result.corpora()[0]
    found = gap_of_run(result)
    assert (found.part, found.sentences) == ("knowledge", 300)
    assert found.mean_bits > 5  # of two steps
    check_not_below(found)

    honest = gap_of_run(with_network(result, predictive_bits(training, test)))
    assert honest.mean_bits == pytest.approx(0.0, abs=1e-12)
    check_not_below(honest)

    leaked = predictive_bits(CORPUS.corpus(CORPUS.sentences + 300), test)
    for part in ("knowledge", "total"):
        with pytest.raises(BelowBayesError, match=f"{part}: -"):
            check_not_below(gap_of_run(with_network(result, leaked), part))
    assert below_bayes(gap_of_run(result)) is None
    assert "knowledge: -" in below_bayes(gap_of_run(with_network(result, leaked)))


def test_runs_that_there_is_no_bound_for(result):
    for other in (
        replace(result, status="diverged"),
        replace(result, configuration=GRID[-1]),  # goes on from another run
        replace(result, configuration=configuration(replace(CORPUS, frequencies="zipf", elements=99))),
    ):
        assert gap_of_run(other) is None
        assert below_bayes(gap_of_run(other)) is None
    kinds = replace(result, configuration=configuration(replace(CORPUS, kinds=2, templates=2)))
    kinds.__dict__["sentences"] = result.sentences
    assert gap_of_run(kinds).part == "total"
    assert gap_of_run(kinds, "knowledge") is None
