"""The learning curve against lengths of prefixes, its law on real text, and corpora that have none."""

import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from skmfast.codes.context_tree import ContextTree
from skmfast.codes.krichevsky_trofimov import KrichevskyTrofimov
from skmfast.laws import LearningCurve, fit_learning_curve
from skmfast.laws.learning_curve import _STRATA, _blocks, _shuffled, middle


@pytest.fixture(scope="module")
def text(corpora_dir):
    return (corpora_dir / "alice29.txt").read_bytes()


@pytest.fixture(scope="module")
def curve(text):
    return fit_learning_curve(text, resamples=50)


@pytest.mark.parametrize("code", [ContextTree(3), KrichevskyTrofimov(0)])
def test_blocks_cost_what_lengths_of_prefixes_differ_by(text, code):
    """In the corpus's order: as it stands, in two documents."""
    documents = [text[:40_000], text[40_000:70_000]]
    found = fit_learning_curve(
        documents, code, order="corpus", block_bytes=100, vocabulary=False, resamples=0
    )
    joined = b"".join(documents)
    assert found.end[-1] == len(joined)
    assert found.begin[1:].tolist() == found.end[:-1].tolist()

    def length(n):
        return code.lengths([joined[: min(n, 40_000)], joined[40_000 : max(n, 40_000)]]).bits

    for begin, end, bits in zip(found.begin, found.end, found.bits, strict=True):
        assert bits == pytest.approx(length(int(end)) - length(int(begin)), abs=1e-6)


def test_mean_of_a_power_over_a_block():
    for exponent in (0.05, 0.3, 0.5):
        for begin, end in ((1000, 1414), (1000, 2000)):
            sizes = begin + (np.arange(100_000) + 0.5) / 100_000 * (end - begin)
            mean = np.mean(sizes**-exponent)
            short = 1 - middle(begin, end) ** -exponent / mean
            assert short == pytest.approx(exponent**2 / 2 * np.var(np.log(sizes)), rel=0.05)


@pytest.mark.parametrize("size", [300, 1000, 4097])
def test_every_prefix_has_its_share_of_every_part(size):
    blocks, _ = _blocks([bytes(size)], 1)
    order = np.array([begin for _, begin, _ in _shuffled(blocks, np.random.default_rng(1))])
    assert sorted(order.tolist()) == list(range(size))
    strata = np.arange(size) * _STRATA // size
    sizes = np.bincount(strata)
    for count in (size // 7, size // 2, size - 3):
        share = np.bincount(strata[order[:count]], minlength=_STRATA)
        assert np.abs(share - sizes * count / size).max() <= 2
    other = [begin for _, begin, _ in _shuffled(blocks, np.random.default_rng(2))]
    assert other != order.tolist()


def test_law_of_a_real_text(text, curve):
    assert curve.num_bytes == len(text)
    assert curve.orders.tolist() == sorted(curve.orders.tolist(), reverse=True)
    assert set(curve.orders.tolist()) == {1, 8}
    assert np.all(np.diff(curve.rates[:5]) < 0)
    assert curve.reason == ""
    entropy, beta = curve.entropy_rate, curve.hilberg_exponent
    assert entropy.low <= entropy.value <= entropy.high < curve.rates[-1]
    assert beta.low <= beta.value <= beta.high < 1
    known = np.isfinite(curve.forecast)
    assert known.tolist() == (curve.end > len(text) * 0.501).tolist()
    assert curve.forecast[known] == pytest.approx(curve.rates[known], rel=0.05)


def test_law_fitted_to_the_first_half_predicts_the_second_within_two_percent(corpora_dir):
    text = (corpora_dir / "dickens").read_bytes()[:600_000]
    found = fit_learning_curve(text, vocabulary=False, resamples=0)
    known = np.isfinite(found.forecast)
    assert found.forecast[known] == pytest.approx(found.rates[known], rel=0.02)
    assert abs(found.forecast_error) < 0.02


def test_vocabulary_predicts_exponents(curve):
    for fitted in curve.vocabulary.values():
        value, low, high = fitted["heaps_exponent"]
        assert 0 < low <= value <= high < 1
        assert fitted["data_exponent"] == pytest.approx([1 - value, 1 - high, 1 - low])
    assert set(curve.vocabulary) == {"words", "bytes:4"}


def test_same_seed_same_curve(text):
    runs = [
        fit_learning_curve(text[:30_000], seed=seed, vocabulary=False, resamples=0, threads=threads)
        for seed, threads in ((5, 1), (5, 3), (6, 1))
    ]
    assert runs[0].bits.tolist() == runs[1].bits.tolist()
    assert runs[0].bits.tolist() != runs[2].bits.tolist()


def test_table_and_figure(curve, tmp_path):
    curve.to_parquet(tmp_path / "curve.parquet")
    table = pq.read_table(tmp_path / "curve.parquet")
    assert table["bits"].to_pylist() == curve.bits.tolist()
    metadata = json.loads(table.schema.metadata[b"skmfast"])
    assert metadata["law"] == "learning-curve"
    assert metadata["hilberg_exponent"][0] == curve.hilberg_exponent.value
    curve.plot(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_constant_and_random_data_have_no_exponent(tmp_path):
    constant = fit_learning_curve(b"a" * 50_000, vocabulary=False)
    assert (constant.law, constant.entropy_rate) == (None, None)
    assert "nothing left to learn" in constant.reason
    noise = np.random.default_rng(0).integers(0, 256, 50_000, dtype=np.uint8).tobytes()
    random = fit_learning_curve(noise, vocabulary=False)
    assert isinstance(random, LearningCurve)
    assert random.hilberg_exponent is None
    assert "too little for an exponent" in random.reason
    assert np.isnan(random.forecast_error)
    random.to_parquet(tmp_path / "random.parquet")
    random.plot(tmp_path / "random.png")


def test_bad_arguments(text):
    with pytest.raises(
        ValueError, match="too little data for a learning curve: 1,000 bytes are 63 blocks of 16"
    ):
        fit_learning_curve(text[:1000])
    with pytest.raises(ValueError, match="too little data"):
        fit_learning_curve([])
    with pytest.raises(ValueError, match="order: 'random' is not one of"):
        fit_learning_curve(text, order="random")
    with pytest.raises(ValueError, match="per_octave: 0"):
        fit_learning_curve(text, per_octave=0)
    with pytest.raises(ValueError, match="block_bytes: 0"):
        fit_learning_curve(text, block_bytes=0)
    with pytest.raises(TypeError, match="zlib: its lengths do not depend on counts alone"):
        fit_learning_curve(text, "zlib")


def run(*arguments):
    """Run the command; output and errors as text."""
    return subprocess.run(
        [sys.executable, "-m", "skmfast", "laws", "learning-curve", *map(str, arguments)],
        capture_output=True,
        text=True,
    )


def test_command(text, tmp_path):
    (tmp_path / "text.txt").write_bytes(text[:60_000])
    out, plot = tmp_path / "curve.parquet", tmp_path / "curve.png"
    done = run(tmp_path / "text.txt", "--out", out, "--plot", plot, "--resamples", 20, "--code", "kt:1")
    assert done.returncode == 0, done.stderr
    assert "Hilberg exponent" in done.stdout
    assert "words: data exponent" in done.stdout
    assert json.loads(pq.read_table(out).schema.metadata[b"skmfast"])["code"] == "kt"
    assert plot.exists()


def test_command_says_why_there_is_no_law(tmp_path):
    (tmp_path / "constant.txt").write_bytes(b"a" * 20_000)
    done = run(tmp_path / "constant.txt")
    assert done.returncode == 1
    assert "no law: the last block takes" in done.stderr
    (tmp_path / "small.txt").write_bytes(b"too small")
    done = run(tmp_path / "small.txt")
    assert done.returncode == 2
    assert "too little data for a learning curve" in done.stderr
    done = run(tmp_path / "small.txt", "--code", "xz")
    assert done.returncode == 2
    assert "context-tree and kt" in done.stderr
