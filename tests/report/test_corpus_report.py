"""The corpus report: a page from tables, whatever the corpus is."""

import importlib
import json
import os
import random
import re

import numpy as np
import pytest
from page_checks import Page
from typer.testing import CliRunner

from skmfast import code_length
from skmfast.cli.app import app
from skmfast.codes.registry import comparison
from skmfast.errors import CorpusError
from skmfast.laws import Spectrum, word_labels
from skmfast.laws.tables import Table
from skmfast.report import Settings, corpus_report, draw_page, gather, tables_folder
from skmfast.report.build import SECTIONS

importlib.import_module("skmfast.cli.report")

SMALL = Settings(sample_bytes=30_000, passage_bytes=1000, threads=2)
HOSTILE = "<script>alert(1)</script></pre><img src=x onerror=alert(2)> \u202egnp.exe \x1b[31m &amp; 'q' \"q\""


def words(number, seed):
    """Text with Zipf's frequencies."""
    ranks = np.random.default_rng(seed).zipf(1.4, number)
    return " ".join(f"w{rank % 100_000}" for rank in ranks)


def report(paths, out, settings=SMALL, **options):
    corpus_report(gather(paths, settings), out, settings, **options)
    page = Page(out.read_text())
    assert page.problems == []
    for name in page.tables:
        assert (tables_folder(out) / f"{name}.parquet").is_file(), name
    assert len(out.read_bytes()) < 1_000_000
    return page


def table(out, name):
    return Table.load(tables_folder(out) / f"{name}.parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Forty documents: two the same, one nearly, one hostile, one of no text."""
    root = tmp_path_factory.mktemp("corpus")
    for number in range(35):
        (root / f"{number:02}.txt").write_text(
            "\n".join(words(30, 1000 * number + line) for line in range(10))
        )
    text = (root / "07.txt").read_text()
    (root / "copy.txt").write_text(text)
    (root / "near.txt").write_text(text.replace("w2 ", "w3 "))
    (root / "hostile <b>&.txt").write_text(HOSTILE * 4)
    (root / "noise.bin").write_bytes(np.random.default_rng(5).bytes(2000))
    (root / "empty.txt").write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "page.html"
    return report(folder, out, title=f"A corpus {HOSTILE}"), out


# ---- what is on the page ----------------------------------------------------------------------------------


def test_every_section_and_figure_is_there(made):
    page, _ = made
    for section in SECTIONS:
        assert section.title in page.text
    assert page.figures >= 9
    assert {
        "bytes",
        "codes",
        "learning",
        "heaps",
        "zipf",
        "exponents",
        "documents",
        "duplicates",
    } <= page.tables


def test_codes_are_what_code_length_says(made, folder):
    """Bits of the table, and the figure on the page, for a code of each kind."""
    page, out = made
    codes = table(out, "codes")
    assert sorted(codes.columns["code"]) == sorted(comparison())
    documents = [path.read_bytes() for path in sorted(folder.iterdir())]
    data = [each for each in documents if each]
    for spec in ("context-tree", "kt:order=2"):
        at = list(codes.columns["code"]).index(spec)
        whole = code_length(data, spec)
        assert codes.columns["whole_bits"][at] == pytest.approx(whole.bits, rel=1e-12)
        assert f"{whole.bits_per_byte:.3f}" in page.text


def test_counts_are_right(made, folder):
    _, out = made
    text = b"\n".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.stat().st_size)
    spectrum = Spectrum.of_labels(word_labels(text))
    heaps = table(out, "heaps").where(of="words")
    assert (heaps["tokens"][-1], heaps["elements"][-1]) == (spectrum.num_tokens, spectrum.num_elements)
    data = b"".join(path.read_bytes() for path in folder.iterdir())
    expected = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
    assert table(out, "bytes").columns["count"].tolist() == expected.tolist()


def test_documents_are_the_codes_own(made, folder):
    _, out = made
    documents = table(out, "documents").columns
    alone = {
        path.name: code_length(path.read_bytes()).bits for path in folder.iterdir() if path.stat().st_size
    }
    for name, bits in zip(documents["name"], documents["alone_bits"], strict=True):
        assert bits == pytest.approx(alone[name], rel=1e-12)


def test_documents_given_the_others_are_two_computations(made, folder):
    """The third document in four: bits of all the others with it, less those without it and its fellows."""
    _, out = made
    documents = table(out, "documents").columns
    texts = [(folder / name).read_bytes() for name in documents["name"]]
    others = [text for at, text in enumerate(texts) if at % 4 != 2]
    without = code_length(others).bits
    for at in (2, 6, 34):
        assert documents["given_bits"][at] == pytest.approx(code_length([*others, texts[at]]).bits - without)


def test_copies_are_found(made, folder):
    """A copy costs next to nothing given the original, and the pair is on the page."""
    page, out = made
    pairs = table(out, "duplicates").columns
    rows = zip(pairs["earlier"], pairs["alone_bits"], pairs["given_bits"], strict=True)
    found = dict(zip(pairs["name"], rows, strict=True))
    assert set(found) == {"copy.txt", "near.txt"}
    earlier, alone, given = found["copy.txt"]
    assert earlier == "07.txt"
    assert given < 0.03 * alone
    both = [(folder / name).read_bytes() for name in ("07.txt", "copy.txt")]
    assert given == pytest.approx(code_length(both).bits - code_length(both[:1]).bits, rel=1e-9)
    assert "copy.txt" in page.text


def test_hostile_text_is_shown_and_does_nothing(made):
    page, out = made
    raw = out.read_text()
    assert "<script" not in raw.lower()
    assert "\u202e" not in raw
    assert "\x1b" not in raw
    assert "<script>alert(1)</script>" in "".join(page.quotes)
    assert "⟨202e⟩" in "".join(page.quotes)
    assert "hostile <b>&.txt" in page.text
    assert raw.count("default-src 'none'") == 1


def test_what_is_no_text_is_shown_as_numbers(made, folder):
    page, _ = made
    assert (folder / "noise.bin").read_bytes()[:16].hex(" ") in "".join(page.quotes)


def test_what_could_not_be_read_is_named(made):
    page, _ = made
    assert "empty.txt empty: 0 bytes 1" in page.text


def test_page_comes_from_the_tables(made):
    """Drawn again it is the same; with a table changed, the page changes; without one, it is refused."""
    _, out = made
    before = out.read_bytes()
    out.write_bytes(b"")
    draw_page(out)
    assert out.read_bytes() == before
    path = tables_folder(out) / "codes.parquet"
    kept = path.read_bytes()
    codes = Table.from_bytes(kept)
    codes.columns["sample_bits"] = np.full(len(codes.columns["code"]), 8.0 * 12_345)
    codes.save(path)
    draw_page(out)
    assert "12,345" in Page(out.read_text()).text
    path.unlink()
    with pytest.raises(CorpusError, match=r"codes\.parquet: does not exist"):
        draw_page(out)
    path.write_bytes(kept)
    draw_page(out)
    assert out.read_bytes() == before


def test_same_corpus_same_page(made, folder, tmp_path):
    _, out = made
    report(
        folder,
        tmp_path / "page.html",
        Settings(**{**_values(SMALL), "threads": 1}),
        title=f"A corpus {HOSTILE}",
    )
    for name in ("codes", "learning", "heaps", "zipf", "exponents", "documents", "repeats", "bytes"):
        one, other = (
            Table.load(each / f"{name}.parquet") for each in (tables_folder(out), tmp_path / "page_tables")
        )
        for column, values in one.columns.items():
            if values.dtype.kind == "f":
                np.testing.assert_allclose(values, other.columns[column], rtol=1e-9)
            else:
                assert values.tolist() == other.columns[column].tolist()


def _values(settings):
    return {name: getattr(settings, name) for name in Settings.__slots__}


def test_real_text(corpora_dir, tmp_path):
    settings = Settings(sample_bytes=50_000, threads=2)
    page = report(corpora_dir / "alice29.txt", tmp_path / "alice.html", settings)
    assert "the first 32.9 % of each document" in page.text
    assert "passages" in page.text
    discounts = table(tmp_path / "alice.html", "exponents").where(of="words")
    assert all(0.3 < each < 0.9 for each in discounts["discount"])


# ---- corpora that do not bear much ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"abc", ["No learning curve: too little data", "No fit. Words: too little data", "No distribution"]),
        (b"a" * 50_000, ["too little variety for a fit", "No prediction."]),
        (b"\n" * 3000, ["too little variety for a fit"]),
        (b"\x00", ["1 byte", "No learning curve"]),
        (random.Random(1).randbytes(60_000), ["It is no text", "this is no text, so there are no words"]),
        (b"one line of text\n" * 2000, ["too little variety for a fit: 4 different ones"]),
        ("\u00e9".encode() * 9000, ["It reads as UTF-8 text."]),
    ],
    ids=["tiny", "constant", "line breaks", "one byte", "random", "repeated line", "no ASCII"],
)
def test_page_says_why_there_is_no_number(tmp_path, data, said):
    (tmp_path / "x.txt").write_bytes(data)
    page = report(tmp_path / "x.txt", tmp_path / "x.html")
    for words_ in said:
        assert words_ in page.text
    assert not re.search(r"\bnan\b|\binf\b", page.text)


def test_random_bytes_cost_eight_bits(tmp_path):
    (tmp_path / "x.bin").write_bytes(random.Random(2).randbytes(40_000))
    report(tmp_path / "x.bin", tmp_path / "x.html")
    codes = table(tmp_path / "x.html", "codes")
    assert (codes.columns["sample_bits"] / codes.metadata["sample_bytes"]).min() > 7.99


def test_json_lines(tmp_path):
    rows = [json.dumps({"text": words(200, seed)}) for seed in range(25)]
    rows.insert(3, "{broken")
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    page = report(tmp_path / "rows.jsonl", tmp_path / "rows.html")
    assert "25 documents in 1 file" in page.text
    assert "line 4" in page.text


def test_large_corpus_is_sampled_and_says_so(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(words(3000, number))
    total = sum(path.stat().st_size for path in tmp_path.iterdir())
    page = report(
        tmp_path, tmp_path / "x.html", Settings(sample_bytes=5000, limit_bytes=total // 2, threads=2)
    )
    assert "the first 50.0 % of each file" in page.text
    sizes = table(tmp_path / "x.html", "sources").columns["bytes"]
    assert abs(sizes.sum() - total / 2) < 3
    assert sizes.min() > 0.4 * total / 3
    codes = table(tmp_path / "x.html", "codes")
    assert codes.metadata["sample_bytes"] <= 5000 < codes.metadata["whole_bytes"] == sizes.sum()
    assert codes.metadata["sample"] in page.text
    external = codes.columns["peer"].astype(bool)
    assert np.isnan(codes.columns["whole_bits"][external]).all()
    at = list(codes.columns["code"]).index("kt:order=1")
    assert 0 < codes.columns["sample_bits"][at] < codes.columns["whole_bits"][at]


# ---- command line -----------------------------------------------------------------------------------------


def invoke(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_command(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text(words(800, 1))
    (tmp_path / "in" / "b.txt").write_text(words(800, 2))
    out = tmp_path / "r.html"
    result = invoke(tmp_path / "in", "-o", out, "--sample", "2k", "--passage", "500")
    assert result.exit_code == 0, result.output
    assert f"tables in {tmp_path / 'r_tables'}" in result.stdout.replace("\n", "")
    assert Page(out.read_text()).problems == []
    before = out.read_bytes()
    out.unlink()
    assert invoke("--redraw", "-o", out).exit_code == 0
    assert out.read_bytes() == before
    result = invoke(tmp_path / "in", tmp_path / "missing.txt", "-o", out, "--sample", "2k")
    assert result.exit_code == 1
    assert "missing.txt: does not exist" in result.stderr
    assert "missing.txt" in Page(out.read_text()).text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "what is to be reported on"),
        (["{tmp}/none.txt"], 1, "nothing to report on: "),
        (["{tmp}/empty.txt"], 1, "empty: 0 bytes"),
        (["{tmp}/a.txt", "-o", "{tmp}/no/such/r.html"], 2, "the folder does not exist"),
        (["{tmp}/a.txt", "--sample", "lots"], 2, "'lots' is not an amount of memory"),
        (["{tmp}/a.txt", "--passage", "0"], 2, "passage_bytes: 0 is less than 1"),
        (["{tmp}/a.txt", "--threads", "0"], 2, "threads: 0 is less than 1"),
        (["{tmp}/a.txt", "--redraw"], 2, "--redraw takes no paths"),
        (["--redraw", "-o", "{tmp}/never.html"], 2, "never_tables: does not exist"),
    ],
)
def test_bad_use(tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("some text")
    (tmp_path / "empty.txt").write_bytes(b"")
    result = invoke(*(each.format(tmp=tmp_path) for each in arguments))
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert not (tmp_path / "report.html").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(tmp_path):
    (tmp_path / "a.txt").write_text("some text")
    os.chmod(tmp_path / "a.txt", 0)
    assert invoke(tmp_path / "a.txt", "-o", tmp_path / "r.html").exit_code == 1
