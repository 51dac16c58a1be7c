"""``skmfast generate``: what it writes and says, and what it refuses."""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from skmfast import cli
from skmfast.cli.app import app
from skmfast.corpora.labelled import LabelledCorpus
from skmfast.sources.biographies import Biographies
from skmfast.sources.frequencies import PitmanYor, Uniform, Zipf

for module in cli.MODULES:
    importlib.import_module(f"skmfast.cli.{module}")


def invoke(*arguments):
    return CliRunner().invoke(app, ["generate", "biographies", *(str(argument) for argument in arguments)])


def test_writes_the_corpus_and_says_what_it_is(tmp_path):
    out = tmp_path / "corpus"
    result = invoke(
        "--sentences", "2_000", "--discount", 0.6, "--concentration", 3, "--seed", 9, "--out", out
    )
    assert result.exit_code == 0, result.output
    corpus = LabelledCorpus.open(out)
    corpus.verify()
    assert corpus.source == Biographies(PitmanYor(0.6, 3)).to_dict()
    lines = result.output.splitlines()
    assert lines[0] == f"2,000 sentences, {len(corpus.text):,} bytes, {len(corpus.tokens):,} tokens"
    assert lines[1] == f"{len(corpus.counts):,} people of 160,000,000 possible ones"
    assert lines[2].startswith(f"entropy: {PitmanYor(0.6, 3).entropy_bits:.4f} bits a sentence")
    assert lines[3] == str(out)


@pytest.mark.parametrize(
    ("options", "source"),
    [
        (["--frequencies", "zipf", "--people", "1e3"], Biographies(Zipf(1.0, 1000))),
        (["--frequencies", "zipf", "--people", "70", "--exponent", "0.7"], Biographies(Zipf(0.7, 70))),
        (["--frequencies", "uniform", "--people", "1,000"], Biographies(Uniform(1000))),
        (
            ["--statements", "6", "--order", "fixed", "--kinds", "4"],
            Biographies(statements=6, order="fixed", kinds=4),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_make_the_source(tmp_path, options, source):
    result = invoke("--sentences", 30, "--out", tmp_path / "corpus", "--seed", 5, *options)
    assert result.exit_code == 0, result.output
    corpus = LabelledCorpus.open(tmp_path / "corpus")
    assert (corpus.source, corpus.seed, corpus.num_sentences) == (source.to_dict(), 5, 30)


def test_bytes_as_tokens(tmp_path):
    assert invoke("--sentences", 50, "--out", tmp_path / "corpus", "--tokens", "bytes").exit_code == 0
    corpus = LabelledCorpus.open(tmp_path / "corpus")
    assert corpus.tokens.tolist() == corpus.text.tolist()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--sentences", "many"], "'many' is not a whole number"),
        (["--sentences", "1e999"], "not a whole number"),
        (["--sentences", "2.5"], "not a whole number"),
        (["--sentences", "0"], "num_sentences=0"),
        (["--discount", "1"], "discount=1.0"),
        (["--concentration", "-0.5"], "concentration=-0.5"),
        (["--frequencies", "normal"], "not one of pitman-yor, zipf, uniform"),
        (["--frequencies", "uniform"], "needs --people"),
        (["--frequencies", "uniform", "--people", "0"], "--people: 0 is less than 1"),
        (["--frequencies", "uniform", "--people", "1e9"], "names for 160,000,000"),
        (["--frequencies", "zipf", "--people", "9", "--discount", "0.5"], "--discount does not belong"),
        (["--people", "9"], "--people does not belong to --frequencies pitman-yor"),
        (["--statements", "7"], "statements=7"),
        (["--order", "sorted"], "order='sorted'"),
        (["--kinds", "0"], "kinds=0"),
        (["--seed", "-1"], "seed=-1"),
        (["--tokens", "letters"], "tokens='letters'"),
        (["--threads", "0"], "threads: 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_options(tmp_path, options, told):
    result = invoke("--sentences", 10, "--out", tmp_path / "corpus", *options)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
    assert not (tmp_path / "corpus").exists()


def test_what_exists_is_not_overwritten(tmp_path):
    (tmp_path / "corpus").mkdir()
    result = invoke("--sentences", 10, "--out", tmp_path / "corpus")
    assert result.exit_code == 2
    assert "corpus: exists, and is not overwritten" in result.output


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    result = invoke("--sentences", 10, "--out", tmp_path / "file" / "corpus")
    assert result.exit_code == 1
    assert "Not a directory" in result.output


def test_another_corpus_is_not_gone_on_with(tmp_path, monkeypatch):
    from skmfast.corpora.growing import GrowingCorpus

    with monkeypatch.context() as patch:
        patch.setattr(GrowingCorpus, "finish", lambda *_: 1 / 0)
        assert isinstance(
            invoke("--sentences", 10, "--out", tmp_path / "corpus").exception, ZeroDivisionError
        )
    result = invoke("--sentences", 10, "--out", tmp_path / "corpus", "--seed", 2)
    assert result.exit_code == 2
    assert "another corpus: seed was 0 and is 2" in result.output
    assert invoke("--sentences", 10, "--out", tmp_path / "corpus").exit_code == 0


def test_interrupted_by_ctrl_c(tmp_path):
    """The message says that the same command goes on; and it does."""
    out, journal = tmp_path / "corpus", tmp_path / "corpus.partial" / "progress.json"
    command = [sys.executable, "-m", "skmfast", "generate", "biographies", "--seed", "4", "--out", out]
    running = subprocess.Popen(
        [*command, "--sentences", "1e9"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    )
    try:
        deadline = time.monotonic() + 60
        while not journal.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(running.pid, signal.SIGINT)
        stdout, stderr = running.communicate(timeout=60)
    finally:
        running.kill()  # or it would fill the disk
    assert (running.returncode, stdout) == (130, "")
    assert re.fullmatch(r"skmfast: interrupted; .*corpus\.partial: the same command goes on\n", stderr)
    assert json.loads(journal.read_text())["configuration"]["num_sentences"] == 10**9
    result = subprocess.run([*command, "--sentences", "5"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "num_sentences was 1000000000 and is 5" in result.stderr


def test_code_lengths_of_a_corpus_are_those_of_its_text(tmp_path):
    invoke("--sentences", 500, "--out", tmp_path / "corpus")
    runner = CliRunner()
    of_folder, of_file = (
        json.loads(runner.invoke(app, ["codelength", str(path), "--code", "kt:order=2", "--json"]).output)
        for path in (tmp_path / "corpus", tmp_path / "corpus" / "text.txt")
    )
    assert of_folder["total"]["rows"] == 1
    assert of_folder["total"] == of_file["total"]


def test_progress_counts_sentences(tmp_path, monkeypatch):
    from skmfast.cli import progress

    bars = []
    monkeypatch.setattr(progress.Progress, "done", lambda self, number: bars.append((self._unit, number)))
    assert invoke("--sentences", 300_000, "--out", tmp_path / "corpus").exit_code == 0
    assert bars[0] == ("sentences", 0)
    assert bars[-1] == ("sentences", 300_000)
    assert len(bars) > 3
