"""Code lengths of a run: two parts, and prequential."""

import numpy as np
import pyarrow as pa
import pytest

torch = pytest.importorskip("torch")

from small_network import Recurrent, train  # noqa: E402

from skmfast.experiments.code_lengths import prequential_bits, two_part  # noqa: E402
from skmfast.experiments.corpora import CorpusConfiguration  # noqa: E402
from skmfast.experiments.evaluation import evaluate  # noqa: E402

CORPUS = CorpusConfiguration(sentences=200, seed=2, first=20, last=20, values=5, attributes=2)


def test_two_parts():
    corpus = CORPUS.corpus()
    model = train(Recurrent(len(CORPUS.vocabulary())), corpus, epochs=4)
    found = evaluate(model, corpus)
    before = [parameter.clone() for parameter in model.parameters()]
    exact = two_part(model, corpus)
    assert exact.data_bits == pytest.approx(found.total_bits.sum(), rel=1e-6)
    assert exact.syntax_bits == pytest.approx(found.syntax_bits.sum(), rel=1e-6)
    assert exact.model_bits == 32 * sum(parameter.numel() for parameter in model.parameters())
    half = two_part(model, corpus, weights="bfloat16")
    assert half.model_bits == exact.model_bits / 2
    assert half.bits == half.model_bits + half.data_bits < exact.bits
    assert 0 < abs(half.data_bits - exact.data_bits) < 0.02 * exact.data_bits
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))


def curve(sentences):
    steps = len(sentences)
    return pa.table(
        {
            "sentences": np.array(sentences),
            "tokens": np.arange(10, 10 + steps),
            "loss_bits_per_token": np.linspace(9.0, 1.0, steps),
        }
    )


def test_prequential_bits_are_those_of_the_first_epoch():
    run = curve([5, 4, 5, 4, 5])
    bits = run["loss_bits_per_token"].to_numpy() * run["tokens"].to_numpy()
    assert prequential_bits(run, 9) == pytest.approx(bits[:2].sum())
    assert prequential_bits(run, 23) == pytest.approx(bits.sum())


def test_bad_arguments():
    with pytest.raises(ValueError, match="read 23 sentences; the corpus has 24"):
        prequential_bits(curve([5, 4, 5, 4, 5]), 24)
    with pytest.raises(ValueError, match="read 0 sentences"):
        prequential_bits(curve([]), 24)
    with pytest.raises(ValueError, match="no step ends after 10"):
        prequential_bits(curve([5, 4, 5]), 10)
    with pytest.raises(ValueError, match="weights='float8'"):
        two_part(Recurrent(10), CORPUS.corpus(5), weights="float8")
    with pytest.raises(TypeError, match="no torch module"):
        two_part("model", CORPUS.corpus(5))
