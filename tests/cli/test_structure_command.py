"""``skmfast structure``: the table, the files it writes, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import skmfast.cli.structure  # noqa: F401  (registers the command)
from skmfast.cli.app import app
from skmfast.laws.tables import Table
from skmfast.sources import Biographies


def run(*arguments):
    return CliRunner().invoke(app, ["structure", *map(str, arguments)])


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_bytes(b"to be or not to be, that is the question; " * 60)
    return path


def test_help():
    shown = run("--help")
    assert shown.exit_code == 0
    for option in (
        "--family",
        "--depth",
        "--tokens",
        "--least-saving",
        "--points",
        "--out",
        "--plot",
        "--json",
    ):
        assert option in shown.stdout
    assert "syntax-knowledge" in shown.stdout


def test_table_and_files(text, tmp_path):
    out, plot = tmp_path / "curve.parquet", tmp_path / "curve.png"
    shown = run(text, "--out", out, "--plot", plot, "--threads", 1)
    assert shown.exit_code == 0, shown.stderr
    assert "MDL model: point" in shown.stdout
    assert "b''" in shown.stdout
    assert Table.load(out).metadata["family"] == "context-tree"
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_json_of_standard_input(text):
    command = [sys.executable, "-m", "skmfast", "structure", "-", "--json", "--depth", "3"]
    with open(text, "rb") as stream:
        shown = subprocess.run(command, stdin=stream, capture_output=True, check=True, timeout=120)
    result = json.loads(shown.stdout)
    assert result["num_symbols"] == text.stat().st_size
    assert result["columns"]["saving"][0] is None
    assert result["columns"]["model_bits"] == sorted(result["columns"]["model_bits"])


def test_labelled_corpus_and_models(tmp_path):
    folder, models = tmp_path / "corpus", tmp_path / "models.csv"
    Biographies().sample(300, seed=1).save(folder)
    models.write_text("parameters,bits_per_parameter,data_bits\n10,8,1000\n100,8,500\n")
    assert "bits per sentence" in run(folder, "--family", "syntax-knowledge").stdout
    assert "bits per token" in run(folder, "--tokens", "--depth", 4).stdout
    assert "100 parameters" in run(models, "--family", "neural").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["no-such-file"], 1, "no-such-file: does not exist"),
        (["TEXT", "--family", "forest"], 2, "'forest' is none of"),
        (["TEXT", "--depth", "99"], 2, "depth: 99"),
        (["TEXT", "--points", "-1"], 2, "--points: -1"),
        (["TEXT", "--memory", "1K"], 2, "memory: 1,024 bytes are too few"),
        (["TEXT", "--plot", "figure.txt"], 2, "ends in none of"),
        (["TEXT", "--out", "no/such/folder/x"], 2, "cannot be written to"),
        (["TEXT", "TEXT", "--family", "neural"], 2, "takes one path, not 2"),
        (["TEXT", "--family", "neural"], 1, "words.txt"),
        (["TEXT", "--family", "syntax-knowledge"], 1, "words.txt"),
    ],
)
def test_refusals(text, arguments, code, message):
    shown = run(*(str(text) if each == "TEXT" else each for each in arguments))
    assert shown.exit_code == code, shown.stderr
    assert message in shown.stderr
    assert "Traceback" not in shown.stderr
