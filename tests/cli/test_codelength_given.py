"""``skmfast codelength --given`` as a user runs it."""

import json
import subprocess
import sys

import pyarrow.parquet as pq

from skmfast.codes.context_tree import ContextTree
from skmfast.codes.krichevsky_trofimov import KrichevskyTrofimov

TEXT = b"It was the best of times, it was the worst of times. " * 50


def run(*arguments):
    """Run the command; output and errors as text."""
    return subprocess.run(
        [sys.executable, "-m", "skmfast", "codelength", *map(str, arguments)], capture_output=True, text=True
    )


def test_documents_given_a_reference(tmp_path):
    (tmp_path / "known.txt").write_bytes(TEXT)
    (tmp_path / "more.jsonl").write_text('{"text": "one"}\n{"text": "it was the age of wisdom"}\n')
    out = tmp_path / "rows.parquet"
    done = run("--given", tmp_path / "known.txt", "--per-document", tmp_path / "more.jsonl", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    told = ContextTree().given([TEXT])
    expected = told.lengths([b"one", b"it was the age of wisdom"], per_document=True)
    table = pq.read_table(out)
    assert table["bits"].to_pylist() == expected.per_document.tolist()
    parameters = json.loads(table.schema.metadata[b"skmfast"])["parameters"]
    assert parameters == expected.metadata["parameters"]
    assert parameters["given_bytes"] == len(TEXT)


def test_a_file_as_one_given_several_references(tmp_path):
    names = [tmp_path / name for name in ("a.txt", "b.txt", "c.txt")]
    for name, text in zip(names, (TEXT, TEXT[::-1], TEXT[:200]), strict=True):
        name.write_bytes(text)
    done = run("--given", names[0], "--given", names[1], names[2], "--code", "kt:2", "--json")
    assert done.returncode == 0
    expected = KrichevskyTrofimov(2).given([TEXT, TEXT[::-1]]).lengths([TEXT[:200]]).bits
    assert json.loads(done.stdout)["rows"][0]["bits"] == expected


def test_bad_references(tmp_path):
    (tmp_path / "text.txt").write_bytes(TEXT)
    (tmp_path / "empty.txt").write_bytes(b"")
    text = tmp_path / "text.txt"
    done = run("--given", text, text, "--code", "zlib")
    assert done.returncode == 2
    assert "--given: zlib has no lengths given a reference; context-tree and kt do" in done.stderr
    done = run("--given", tmp_path / "empty.txt", text)
    assert done.returncode == 2
    assert "empty.txt: empty: 0 bytes" in done.stderr
    done = run("--given", tmp_path / "missing.txt", text)
    assert done.returncode == 2
    assert "missing.txt" in done.stderr
