"""The scripts in examples/ run, and print what they say they do."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def output(capsys, monkeypatch, tmp_path):
    """A function that runs a script with arguments and returns what it prints."""

    def run(name, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def numbers(text, name):
    """Numbers of the line that begins with ``name``."""
    (line,) = [line for line in text.splitlines() if line.startswith(name)]
    return [float(each.replace(",", "")) for each in re.findall(r"[-+]?\d[\d,]*\.?\d*", line[len(name) :])]


def test_every_example_is_tested_and_short():
    tested = {"generate_and_score.py", "fit_laws.py", "train_and_compare.py", "score_documents.py"}
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested
    for path in EXAMPLES.glob("*.py"):
        assert 5 <= len([line for line in path.read_text().splitlines() if line.strip()]) <= 30


def test_generate_and_score(output):
    text = output("generate_and_score.py")
    oracle, bayes = numbers(text, "oracle")[0], numbers(text, "Bayes mixture")[0]
    tree, zstd = numbers(text, "context-tree")[0], numbers(text, "zstd:19")[0]
    assert oracle < bayes < tree < zstd


def test_fit_laws(output):
    text = output("fit_laws.py")
    exponent, low, high = numbers(text, "one corpus")
    assert low <= exponent <= high
    assert exponent == pytest.approx(-0.5, abs=0.03)


def test_train_and_compare(output):
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a network gains nothing from more
    try:
        text = output("train_and_compare.py")
    finally:
        torch.set_num_threads(threads)
    knowledge = numbers(text, "above the Bayes code, knowledge:")
    # No network knows more than the Bayes code; this one learns for seconds.
    assert knowledge[0] > 0
    known = [float(line.split()[-4]) for line in text.splitlines() if "of values known" in line]
    assert known[-1] > known[0]


def test_score_documents(output, tmp_path):
    model = Path(__file__).resolve().parents[2] / "shared" / "data" / "models" / "stories260K.bin"
    if not model.exists():
        pytest.skip(f"no {model}")
    story, noise = tmp_path / "story.txt", tmp_path / "noise.txt"
    story.write_text("Once upon a time, there was a little girl. She liked to play in the park.")
    noise.write_text("Qx zzv jjk, prw qqt xx vvbn mmm kjh. Wqq rt zzz xcv bnm lkj hgf dsa qwe.")
    text = output("score_documents.py", model, story, noise)
    assert numbers(text, f"{story}:")[0] < 0.4 * numbers(text, f"{noise}:")[0]
    assert numbers(text, "all:")
