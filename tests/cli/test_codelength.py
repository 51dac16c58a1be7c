"""``skmfast codelength`` as a user runs it: in a process of its own."""

import contextlib
import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

import skmfast
from skmfast.codes.external import External

COMMAND = [sys.executable, "-m", "skmfast"]
TEXT = b"It was the best of times, it was the worst of times. " * 50


def run(*arguments, stdin=b"", **environment):
    """Run the command; output and errors as text."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], input=stdin, capture_output=True, env={**os.environ, **environment}
    )
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


@pytest.fixture
def corpus(tmp_path):
    """Two texts, records, and two things that fail."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_bytes(TEXT)
    (folder / "b.jsonl").write_text('{"text": "one"}\n{"body": "two"}\n{"text": "three"}\n')
    (folder / "c.txt").write_bytes(TEXT[:100])
    (folder / "d.gz").write_bytes(b"no gzip")
    return folder


def test_table(corpus):
    done = run("codelength", corpus / "a.txt", corpus / "c.txt", "--code", "zlib")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    bits = [int(External("zlib").lengths([text]).bits) for text in (TEXT, TEXT[:100])]
    size = len(TEXT)
    assert lines[0] == ["zlib", "(level=9)"]
    assert lines[1] == ["source", "bytes", "bits", "bits/byte", "status"]
    assert lines[3] == [str(corpus / "a.txt"), f"{size:,}", f"{bits[0]:,}", f"{bits[0] / size:.4f}", "ok"]
    assert lines[4][1:] == ["100", f"{bits[1]:,}", f"{bits[1] / 100:.4f}", "ok"]
    total = f"{sum(bits) / (size + 100):.4f}"
    assert lines[5] == ["total", f"{size + 100:,}", f"{sum(bits):,}", total, "ok"]


def test_a_failure_does_not_take_the_others_along(corpus):
    done = run("codelength", corpus, corpus / "missing", "--code", "bz2")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"skmfast: {corpus}/b.jsonl: line 2: no field 'text'; fields: body",
        f"skmfast: {corpus}/d.gz: broken gzip data (Not a gzipped file (b'no')), near byte 2 of the"
        " compressed file",
        f"skmfast: {corpus}/missing: does not exist",
    ]
    status = {
        line.split()[0].rpartition("/")[2]: line.split()[-1]
        for line in done.stdout.splitlines()
        if "/" in line
    }
    assert status["a.txt"] == status["b.jsonl"] == status["c.txt"] == "ok"
    assert status["d.gz"] == status["missing"] == "failed"


def test_json(corpus):
    done = run("codelength", corpus, "--code", "zstd:3", "--json", "--per-document")
    assert done.returncode == 1
    result = json.loads(done.stdout)
    rows = result.pop("rows")
    assert [(os.path.basename(row["source"]), row["document"], row["bytes"]) for row in rows] == [
        ("a.txt", 0, len(TEXT)),
        ("b.jsonl", 1, 3),
        ("b.jsonl", 2, None),
        ("b.jsonl", 3, 5),
        ("c.txt", 0, 100),
        ("d.gz", None, None),
    ]
    assert rows[2]["status"] == "failed: line 2: no field 'text'; fields: body"
    assert rows[2]["bits"] is rows[2]["bits_per_byte"] is None
    assert rows[1]["bits"] == External("zstd:3").lengths([b"one"]).bits
    total = result.pop("total")
    assert (total["rows"], total["failed"], total["bytes"]) == (4, 2, len(TEXT) + 108)
    assert total["bits"] == sum(row["bits"] for row in rows if row["status"] == "ok")
    assert result == {
        "code": "zstd",
        "parameters": {"level": 3, "long": 0},
        "per_document": True,
        "version": skmfast.__version__,
        "complete": True,
    }


def test_out_holds_the_rows_of_json(corpus, tmp_path):
    out = tmp_path / "lengths.parquet"
    done = run("codelength", corpus, "--code", "uniform", "--json", "--out", out)
    table = pq.read_table(out)
    result = json.loads(done.stdout)
    assert table.to_pylist() == result["rows"]
    metadata = json.loads(table.schema.metadata[b"skmfast"])
    assert metadata == {key: result[key] for key in result if key not in ("rows", "total")}
    assert sorted(os.listdir(tmp_path)) == ["corpus", "lengths.parquet"]


def test_standard_input():
    done = run("codelength", "-", "--code", "uniform", "--json", stdin=TEXT)
    assert [(row["source"], row["bits"]) for row in json.loads(done.stdout)["rows"]] == [
        ("-", 8.0 * len(TEXT))
    ]
    records = b'{"t": "x"}\n{"t": "yy"}\n'
    done = run(
        "codelength",
        "-",
        "--code=uniform",
        "--json",
        "--format=jsonl",
        "--field=t",
        "--per-document",
        stdin=records,
    )
    assert [row["bits"] for row in json.loads(done.stdout)["rows"]] == [8.0, 16.0]
    done = run("codelength", "-", "--code", "uniform")
    assert (done.returncode, done.stderr) == (1, "skmfast: -: empty: 0 bytes\n")


def test_nothing_could_be_read(tmp_path):
    out = tmp_path / "out.parquet"
    done = run("codelength", tmp_path / "x", "--code", "uniform", "--out", out)
    assert done.returncode == 1
    assert pq.read_table(out).to_pylist()[0]["status"] == "failed: does not exist"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument"),
        (["x", "--code", "zpaq"], "skmfast: code 'zpaq': there is no 'zpaq'; codes: context-tree, "),
        (["x", "--code", "zstd:99"], "skmfast: code 'zstd:99': level=99: not between 1 and 22"),
        (["x", "--code", "uniform", "--threads", "0"], "skmfast: threads: 0 is less than 1"),
        (["x", "--code", "uniform", "--threads", "two"], "--threads"),
        (
            ["x", "--code", "uniform", "--memory", "lots"],
            "skmfast: memory: 'lots' is not an amount of memory",
        ),
        (["x", "--code", "uniform", "--format", "csv"], "skmfast: format: 'csv' is unknown"),
        (
            ["x", "--code", "uniform", "--out", "/no/such/folder/x"],
            "skmfast: --out /no/such/folder/x: the folder",
        ),
        (["x", "--nonsense"], "No such option"),
    ],
)
def test_usage(arguments, message):
    done = run("codelength", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_input_is_not_overwritten(corpus):
    done = run("codelength", corpus, "--code", "uniform", "--out", corpus / "c.txt")
    assert done.returncode == 2
    assert done.stderr == f"skmfast: --out {corpus}/c.txt: is one of the inputs\n"
    assert (corpus / "c.txt").read_bytes() == TEXT[:100]


def test_wrong_instruction_set_is_usage():
    done = run("codes", SKMFAST_ISA="sse9")
    assert done.returncode == 2
    assert done.stderr == "skmfast: SKMFAST_ISA='sse9' is unknown; it is one of baseline, avx2, avx512\n"


def test_a_reader_that_goes_away(corpus):
    """As in ``skmfast codelength ... | head -1``: no traceback."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [*COMMAND, "codelength", str(corpus / "a.txt"), "--code", "uniform"],
        stdout=write_end,
        stderr=subprocess.PIPE,
    )
    os.close(write_end)
    assert done.returncode == 1
    assert done.stderr == b""


# ---- terminal --------------------------------------------------------------------------------------------


def on_terminal(*arguments, columns=80):
    """What the command writes to a terminal, standard error included."""
    terminal, other_end = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        env={**os.environ, "COLUMNS": str(columns), "LINES": "24", "TERM": "xterm"},
    )
    os.close(other_end)
    written = b""
    # Linux reports the other end's closing as an error.
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 1 << 16):
            written += piece
    os.close(terminal)
    return process.wait(), written.decode()


def test_on_a_terminal_there_is_a_bar_and_no_line_is_too_long(corpus):
    long = corpus / ("a-rather-long-folder-name-" * 3) / "text.txt"
    long.parent.mkdir()
    long.write_bytes(TEXT)
    code, written = on_terminal("codelength", corpus, "--code", "uniform")
    assert code == 1
    assert "coding" in written
    assert "left" in written
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    table = plain[plain.index("source") :].splitlines()
    assert max(len(line.rstrip()) for line in table) <= 80
    assert any(line.lstrip().startswith("…") and "text.txt" in line for line in table)


def test_without_a_terminal_there_is_no_bar(corpus):
    assert run("codelength", corpus / "a.txt", "--code", "uniform").stderr == ""


# ---- interruption ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_rows_that_are_done_are_kept_when_interrupted(tmp_path, number):
    """The first source is done at once; the second is a pipe that nobody writes to."""
    (tmp_path / "a.txt").write_bytes(TEXT)
    os.mkfifo(tmp_path / "b.pipe")
    (tmp_path / "c.txt").write_bytes(TEXT)
    out = tmp_path / "out.parquet"
    arguments = [
        "codelength",
        tmp_path / "a.txt",
        tmp_path / "b.pipe",
        tmp_path / "c.txt",
        "--code",
        "uniform",
    ]
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments), "--json", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with open(tmp_path / "b.pipe", "wb"):  # opens once the command reads it, so the first source is done
        time.sleep(0.3)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert [row["source"] for row in json.loads(output)["rows"]] == [str(tmp_path / "a.txt")]
    table = pq.read_table(out)
    assert table.column("bits").to_pylist() == [8.0 * len(TEXT)]
    assert json.loads(table.schema.metadata[b"skmfast"])["complete"] is False
    assert f"interrupted by {number.name}; 1 row that was done: {out}" in errors.decode()
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def test_killed_half_way_leaves_no_output(tmp_path):
    os.mkfifo(tmp_path / "b.pipe")
    out = tmp_path / "out.parquet"
    process = subprocess.Popen(
        [*COMMAND, "codelength", str(tmp_path / "b.pipe"), "--code", "uniform", "--out", str(out)],
        stderr=subprocess.PIPE,
    )
    with open(tmp_path / "b.pipe", "wb"):
        process.kill()
        process.communicate(timeout=60)
    assert not out.exists()


def test_a_killed_run_goes_on(tmp_path, corpora_dir):
    """Part results of an earlier run, here of a document that cost nothing, are not computed again."""
    pytest.importorskip("torch")
    from skmfast.codes import part_results
    from skmfast.codes.language_model import LanguageModel

    model = corpora_dir.parent / "models" / "stories260K.bin"
    if not model.is_file():
        pytest.skip(f"no {model}")

    class Free(LanguageModel):
        def _bits(self, group, threads):
            return [0 * each for each in super()._bits(group, threads)]

    texts = ["Once upon a time", "there was a dog.", ""]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (tmp_path / "b.jsonl").write_text("no record\n")
    out, parts = tmp_path / "out.parquet", tmp_path / "out.parquet.partial"
    Free(str(model)).lengths([texts[0].encode()], per_document=True, parts=parts)
    command = ["codelength", "--code", f"lm:{model}", "--per-document", "--out", out, tmp_path / "a.jsonl"]
    assert run(*command, tmp_path / "b.jsonl").returncode == 1
    bits = pq.read_table(out).column("bits").to_pylist()
    assert bits == [0, pytest.approx(LanguageModel(str(model)).lengths([texts[1].encode()]).bits), 0, None]
    assert str(model.parent) not in str(pq.read_table(out).schema.metadata)
    assert len(part_results.PartResults(parts)) == 2
    # All is well without the file that fails: nothing is kept any longer.
    done = run(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert pq.read_table(out).column("bits").to_pylist() == bits[:3]
    assert not parts.exists()


# The command, slowed down, with a file of part results for each window; says how many it computes.
WATCHED = """
import sys, time
from skmfast.cli import main
from skmfast.codes import part_results
from skmfast.codes.language_model import LanguageModel

seconds, computed = float(sys.argv.pop(1)), LanguageModel._bits
part_results._SECONDS_BETWEEN_FILES = -1.0

def slowly(self, group, threads):
    time.sleep(seconds)
    print("computed", len(group), file=sys.stderr, flush=True)
    return computed(self, group, threads)

LanguageModel._bits = slowly
main()
"""


def test_a_run_that_was_killed_computes_only_the_rest(tmp_path, corpora_dir):
    from skmfast.codes.language_model import LanguageModel

    model = corpora_dir.parent / "models" / "stories260K.bin"
    if not model.is_file():
        pytest.skip(f"no {model}")
    text = (corpora_dir / "tinyshakespeare.txt").read_text()
    documents = [text[start : start + 60] for start in range(0, 2400, 60)]
    inputs = []
    for number in range(2):
        inputs.append(tmp_path / f"{number}.jsonl")
        half = documents[20 * number : 20 * (number + 1)]
        inputs[-1].write_text("".join(json.dumps({"text": each}) + "\n" for each in half))
    out, parts = tmp_path / "out.parquet", tmp_path / "out.parquet.partial"
    arguments = ["codelength", "--code", f"lm:{model},context=128,batch=4", "--per-document", "--out", out]

    def command(seconds):
        return [sys.executable, "-c", WATCHED, *map(str, [seconds, *arguments, *inputs])]

    killed = subprocess.Popen(command(0.4), stderr=subprocess.PIPE)
    while len(list(parts.glob("*.npz"))) < 10:
        assert killed.poll() is None, killed.stderr.read()
        time.sleep(0.02)
    killed.kill()
    killed.communicate(timeout=60)
    assert not out.exists()
    kept = len(list(parts.glob("*.npz")))
    (parts / f".{'0f' * 16}.parts.n_x7.tmp").write_bytes(b"half a file")
    done = subprocess.run(command(0), capture_output=True, check=True)
    computed = sum(int(count) for count in re.findall(r"computed (\d+)", done.stderr.decode()))
    assert 0 < computed == len(documents) - kept
    table = pq.read_table(out)
    code = LanguageModel(str(model), context=128)
    whole = code.lengths([each.encode() for each in documents], per_document=True)
    assert table.column("bits").to_pylist() == whole.per_document.tolist()
    assert not parts.exists()
    # What the figures depend on stands beside them.
    named = json.loads(table.schema.metadata[b"skmfast"])["parameters"]
    assert named["model_sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert named["tokenizer_sha256"] == hashlib.sha256(model.with_name("tok512.bin").read_bytes()).hexdigest()
    policy = [named[name] for name in ("context", "stride", "bos", "last", "bos_token", "dtype")]
    assert policy == [128, None, "window", "short", 1, "float32"]
