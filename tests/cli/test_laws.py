"""``skmfast laws``: theory, measurements on files, fits, tables and figures."""

import importlib.util
import json
import re
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.main import get_command
from typer.testing import CliRunner

import skmfast.cli.laws
from skmfast.cli.app import app
from skmfast.errors import CorpusError
from skmfast.laws import ScalingLaw
from skmfast.laws.tables import Table

COMMANDS = sorted(
    command.name or command.callback.__name__ for command in skmfast.cli.laws.laws.registered_commands
)
needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed"
)
PNG = b"\x89PNG\r\n\x1a\n"


def invoke(*arguments):
    return CliRunner().invoke(app, ["laws", *map(str, arguments)])


def printed(*arguments):
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Words with Zipf's frequencies, k for the k-th."""
    path = tmp_path_factory.mktemp("laws") / "words.txt"
    words = np.random.default_rng(0).zipf(1.7, 20_000)
    path.write_text(" ".join(map(str, words)))
    return path


@pytest.fixture(scope="module")
def losses(tmp_path_factory):
    """Losses of 36 runs that follow a law, with an outlier."""
    path = tmp_path_factory.mktemp("laws") / "losses.csv"
    rng = np.random.default_rng(1)
    rows = ["params,tokens,final loss,run"]
    for n in np.geomspace(1e7, 1e10, 6):
        for d in np.geomspace(1e9, 1e12, 6):
            loss = (1.7 + 400 / n**0.34 + 2000 / d**0.37) * np.exp(rng.normal(0, 1e-4))
            rows.append(f"{n:.0f},{d:.0f},{loss:.8f},r{len(rows) % 12}")
    path.write_text("\n".join([*rows, "1000000,1000000000,99,r0"]) + "\n")
    return path


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_help_loads_nothing_heavy(name):
    arguments = ["laws", *([name] if name else []), "--help"]
    program = (
        "import sys, skmfast.cli\n"
        f"sys.argv = ['skmfast', *{arguments!r}]\n"
        "try: skmfast.cli.main()\n"
        "except SystemExit as end: code = end.code or 0\n"
        "heavy = {'numpy', 'scipy', 'pyarrow', 'rich', 'matplotlib'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)), 'exit code:', code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded: [] exit code: 0", done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name):
    command = get_command(skmfast.cli.laws.laws).commands[name]
    assert command.help
    assert [each.name for each in command.params if not each.help] == []


@needs_matplotlib
def test_redundancy_writes_a_table_and_draws_it(tmp_path):
    out, plot = tmp_path / "t.parquet", tmp_path / "p.png"
    result = invoke(
        "redundancy", "--discount", "0.4,0.6", "--concentration", 2, "--from", 1e2, "--to", 1e5,
        "--per-decade", 2, "--sample", 3e3, "--threads", 1, "--groups", 1, "--out", out, "--plot", plot,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert plot.read_bytes().startswith(PNG)
    table = pq.read_table(out).to_pydict()
    rows = list(zip(table["discount"], table["source"], table["num_sentences"], strict=True))
    assert [row for row in rows if row[0] == 0.4] == [
        *((0.4, "theory", n) for n in (100, 316, 1000, 3162, 10000, 31623, 100000)),
        *((0.4, "sample", n) for n in (100, 316, 1000, 3000)),
    ]
    content = np.array(table["content_bits"]) / 75
    np.testing.assert_allclose(content, table["elements"])
    assert Table.load(out).metadata["concentration"] == 2.0
    again = tmp_path / "again.png"
    assert invoke("draw", out, "--plot", again).exit_code == 0
    assert again.read_bytes() == plot.read_bytes()


@needs_matplotlib
def test_capacity(tmp_path):
    result = printed("capacity", "--discount", "0.5", "--to", 1e6, "--per-decade", 3)
    columns = result["columns"]
    assert result["law"] == "capacity"
    assert columns["capacity_bits"][0] == 1.0
    assert columns["capacity_bits"][-1] == pytest.approx(1e6)
    assert columns["total_bits"] == columns["knowledge_bits"]
    expected = ScalingLaw.of_zipf(0.5, 75).model_coefficient / 1e6
    assert columns["knowledge_bits"][-1] == pytest.approx(expected, rel=1e-3)
    shared = printed(
        "capacity", "--discount", "0.5,0.7", "--rate-law", "exponential", "--syntax-parameters", 100,
        "--plot", tmp_path / "c.png",
    )  # fmt: skip
    assert min(shared["columns"]["syntax_bits"]) < 1e-3 < max(shared["columns"]["syntax_bits"])
    assert (tmp_path / "c.png").read_bytes().startswith(PNG)


@needs_matplotlib
def test_acquisition(tmp_path):
    result = printed("acquisition", "--classes", 3, "--to", 1e8, "--plot", tmp_path / "a.svg")
    assert sorted(set(result["columns"]["first_rank"])) == [1, 10, 100]
    assert "<svg" in (tmp_path / "a.svg").read_text()


@needs_matplotlib
def test_heaps_and_zipf_of_files(text, tmp_path):
    result = printed("heaps", text, "--plot", tmp_path / "h.png")
    measured = result["sources"][str(text)]
    assert measured["tokens"] == 20_000
    assert measured["low"] < 1 / 1.7 < measured["high"]
    assert result["columns"]["elements"][-1] == measured["different"]
    result = printed("zipf", text, "--plot", tmp_path / "z.png")
    measured = result["sources"][str(text)]
    assert measured["low"] < 1.7 < measured["high"]
    assert 0 < measured["unseen_low"] < measured["unseen"] < measured["unseen_high"] < 1
    assert measured["discount"] == pytest.approx(1 / 1.7, abs=0.05)
    for name in ("h.png", "z.png"):
        assert (tmp_path / name).read_bytes().startswith(PNG)


def test_tokens_may_be_strings_of_bytes(text):
    words, letters = (
        printed("heaps", text, "--tokens", tokens)["sources"][str(text)] for tokens in ("words", "bytes:3")
    )
    assert letters["tokens"] == text.stat().st_size - 2
    assert letters["different"] < words["different"] or letters["different"] < 2000


def test_records_are_one_stream(tmp_path):
    path = tmp_path / "two.jsonl"
    path.write_text("".join(json.dumps({"text": f"w{i} w{i + 1} the"}) + "\n" for i in range(200)))
    measured = printed("heaps", path)["sources"][str(path)]
    assert (measured["tokens"], measured["different"]) == (600, 202)


def test_real_text(corpora_dir):
    files = [corpora_dir / name for name in ("alice29.txt", "lcet10.txt")]
    words = [re.findall(r"\w+(?:'\w+)*", file.read_text("latin-1")) for file in files]
    result = invoke("zipf", *files)
    assert result.exit_code == 0
    shown = [line.split()[1] for line in result.output.splitlines() if "corpora" in line]
    assert shown == [f"{len(each):,}" for each in words]


@needs_matplotlib
def test_fit(losses, tmp_path):
    plot, out = tmp_path / "f.png", tmp_path / "f.parquet"
    fitted = printed(
        "fit",
        losses,
        "--loss",
        "final loss",
        "--drop-highest",
        1,
        "--resamples",
        50,
        "--plot",
        plot,
        "--out",
        out,
    )["fit"]
    assert fitted["law"] == "L = E + A/N^a + B/D^b"
    assert fitted["parameters"]["a"] == pytest.approx(0.34, abs=0.01)
    assert (fitted["points"], fitted["runs"], fitted["resamples"]) == (36, 36, 50)
    assert plot.read_bytes().startswith(PNG)
    whole = printed("fit", out, "--variables", "N=N,D=D", "--resamples", 0, "--delta", 1e-3)["fit"]
    assert whole["parameters"] == pytest.approx(fitted["parameters"], rel=1e-6)
    runs = printed(
        "fit", losses, "--loss", "final loss", "--drop-highest", 1, "--runs", "run", "--resamples", 20
    )
    assert runs["fit"]["runs"] == 12
    shown = invoke("fit", losses, "--loss", "final loss", "--drop-highest", 1, "--resamples", 0).output
    assert "L = E + A/N^a + B/D^b" in shown


def test_golden_fit_of_chinchilla(corpora_dir):
    fitted = printed("fit", corpora_dir.parent / "chinchilla.csv", "--drop-highest", 5, "--resamples", 50)[
        "fit"
    ]
    golden = {"E": 1.81724, "A": 477.84, "B": 2143.86, "a": 0.34731, "b": 0.36718}
    assert fitted["parameters"] == pytest.approx(golden, rel=5e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["redundancy", "--discount", "1"], "--discount: 1 is not between 0 and 1"),
        (["redundancy", "--discount", "a,b"], "--discount: 'a,b' is not numbers"),
        (["redundancy", "--discount", "0.5,0.5"], "names a value twice"),
        (["redundancy", "--concentration", "-1"], "concentration=-1.0: not a finite number above"),
        (["redundancy", "--from", "1e5", "--to", "1e3"], "are not ascending from at least 1"),
        (["redundancy", "--sample", "1.5"], "--sample: 1.5 is not a whole number"),
        (["redundancy", "--templates", "1"], "groups, templates"),
        (["redundancy", "--out", "/nowhere/t.parquet"], "the folder does not exist"),
        (["redundancy", "--plot", "figure.txt"], "ends in none of .png, .svg, .pdf"),
        (["redundancy", "--threads", "0"], "threads: 0 is less than 1"),
        (["capacity", "--rate-law", "cubic"], "'cubic' is neither linear nor exponential"),
        (["capacity", "--from", "0"], "are not ascending positive numbers"),
        (["capacity", "--content-bits", "-1"], "content_bits: -1.0 is not a positive"),
        (["capacity", "--syntax-parameters", "-1"], "--syntax-parameters: -1 is not a finite number"),
        (["capacity", "--per-decade", "0"], "--per-decade: 0 is less than 1"),
        (["acquisition", "--discount", "0"], "discount: 0.0 is not between"),
        (["acquisition", "--classes", "0"], "--classes: 0 is not 1 to 300"),
        (["acquisition", "--classes", "301"], "--classes: 301 is not 1 to 300"),
        (["heaps", "x", "--level", "2"], "--level: 2 is not between 0 and 1"),
        (["zipf", "x", "--level", "nan"], "--level: nan is not between 0 and 1"),
        (["zipf", "x", "--minimum", "0"], "--minimum: 0 is less than 1"),
        (["heaps", "x", "--tokens", "letters"], "'letters' is neither words nor bytes:N"),
        (["heaps", "x", "--tokens", "bytes:9"], "size: 9 is not 1 to 8"),
        (["heaps", "x", "--tokens", "bytes:x"], "'x' is no number of bytes"),
        (["fit", "nowhere.csv"], "nowhere.csv: cannot be read: No such file or directory\n"),
        (["fit", "."], ".: cannot be read: Is a directory\n"),
        (
            ["draw", "nowhere.parquet", "--plot", "p.png"],
            "skmfast: nowhere.parquet: No such file or directory\n",
        ),
    ],
)
def test_bad_usage(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a,b\n1,2\n", [], "no column is called N, params or model size"),
        ("N,loss\n1,2\n2,1.5\n3,1.4\n", [], "too little data: 3 parameters need at least 4 points, not 3"),
        ("N,loss\n1,2\n", ["--loss", "L"], "no column 'L'; columns: N, loss"),
        ("N,loss\n1,2\n", ["--variables", "N"], "'N' is not NAME=COLUMN"),
        ("N,loss\n1,x\n", [], "column 'loss' holds values that are no numbers"),
        ("N,loss\n1,2\n", ["--drop-highest", "1"], "--drop-highest: 1 is not 0 to 0"),
        ("N,loss\n", [], "holds no rows"),
        ("N,loss\n1,2,3\n", [], "CSV"),
        ("N,loss\n1,2\n2,1.5\n3,1.4\n4,-1\n", [], "loss: value 3 is -1.0, not a positive"),
    ],
)
def test_bad_measurements(content, options, message, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(content)
    result = invoke("fit", path, *options)
    assert result.exit_code == 2, result.output
    assert message in result.stderr


def test_files_that_fail_are_named_and_others_are_done(text, tmp_path):
    (tmp_path / "short.txt").write_text("three small words")
    for command in ("heaps", "zipf"):
        result = invoke(command, text, tmp_path / "short.txt", tmp_path / "none.txt")
        assert result.exit_code == 1
        assert "words.txt" in result.stdout
        assert "short.txt: too little data for an exponent" in result.stderr
        assert "none.txt: does not exist" in result.stderr


def test_a_learning_curve_of_what_cannot_be_read(tmp_path):
    result = invoke("learning-curve", tmp_path / "none.txt")
    assert result.exit_code == 1
    assert result.stderr == f"skmfast: {tmp_path / 'none.txt'}: does not exist\n"


@needs_matplotlib
def test_tables_of_something_else(tmp_path):
    (tmp_path / "no.parquet").write_bytes(b"no table")
    with pytest.raises(CorpusError, match=r"no\.parquet: no Parquet file of results"):
        Table.load(tmp_path / "no.parquet")
    other = Table({"x": np.arange(3)}, {"law": "other"})
    other.save(tmp_path / "other.parquet")
    result = invoke("draw", tmp_path / "other.parquet", "--plot", tmp_path / "o.png")
    assert result.exit_code == 2
    assert "there is no figure of 'other'" in result.stderr
    import pyarrow as pa

    pq.write_table(pa.table({"x": [1]}), tmp_path / "bare.parquet")
    with pytest.raises(CorpusError, match="not of a law's results"):
        Table.load(tmp_path / "bare.parquet")
