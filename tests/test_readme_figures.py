"""What README and the figure show of code lengths is what the committed record says."""

import hashlib
import runpy
import struct
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "bench" / "results" / "codelength.json"
FIGURE = ROOT / "docs" / "figures" / "pareto.png"


def run(script: str) -> dict:
    """What a script of bench/ defines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "bench"))
        return runpy.run_path(str(ROOT / "bench" / f"{script}.py"))


@pytest.fixture(scope="module")
def blocks() -> dict:
    return run("readme_blocks")


def row(file: str, code: str, bits_per_byte: float, seconds: float, **changes) -> dict:
    """A row of a record, of a file of a million bytes."""
    return {
        "file": file,
        "bytes": 1_000_000,
        "code": code,
        "ours": code.startswith("context-tree"),
        "threads": 1,
        "family": "7z PPMd" if "PPMd" in code else "",
        "best_of_family": False,
        "error": None,
        "bits_per_byte": bits_per_byte,
        "time_s": seconds,
        "wall_s": seconds,
        "cpu_s": seconds,
        "ns_per_byte": seconds * 1e3,
        "mb_per_s": 1 / seconds,
        "peak_bytes": 50_000_000,
        "peak_is_bound": False,
    } | changes


@pytest.fixture
def record() -> dict:
    rows = [
        row("gcide", "context-tree", 1.5, 0.125),
        row("gcide", "context-tree, 2 threads", 1.5, 0.0625, threads=2),
        row("gcide", "xz -9e", 1.75, 1.0),
        row("gcide", "7z PPMd order 4", 1.625, 0.2),
        row("gcide", "7z PPMd order 16", 1.5625, 0.25, best_of_family=True),
        row("gcide", "bzip3, one block", 1.53125, 0.0875, peak_is_bound=True),
        row("gcide", "brotli -q 11", 0.0, 1.0, error="exit code 1"),
    ]
    return {
        "date": "2026-01-02T03:04:05Z",
        "commit": "0123456789abcdef",
        "machine": {"processor": "a processor"},
        "versions": {"xz": "5.4", "zstd": None, "brotli": None, "bzip2": None, "bzip3": "1.2", "7z": "26.0"},
        "rounds": 3,
        "files": [{"file": "gcide", "bytes": 1_000_000}],
        "rows": rows,
    }


def test_block_of_a_record(record):
    lines = run("codelength_table")["readme_block"](record).splitlines()
    assert lines[2:6] == [
        "| **`context-tree`** | 1.500 |",
        "| bzip3, one block | 1.531 |",
        "| 7z PPMd, best order | 1.562 (16) |",
        "| xz -9e | 1.750 |",
    ]
    assert lines[9:14] == [
        "| **`context-tree`**, 2 threads | 62 | 16.0 | 50 |",
        "| bzip3, one block | 88 | 11.4 | ≤ 50 |",
        "| **`context-tree`** | 125 | 8.0 | 50 |",
        "| 7z PPMd, best order | 250 | 4.0 | 50 |",
        "| xz -9e | 1000 | 1.0 | 50 |",
    ]
    assert lines[15] == (
        "- gcide: `context-tree` is 8.00 times as fast as xz -9e, 2.00 times as fast as 7z PPMd "
        "(best order), 0.70 times as fast as bzip3, 2.00 times as fast on 2 threads as on one."
    )
    assert "2026-01-02" in lines[-1]
    assert "xz 5.4, bzip3 1.2, 7z 26.0." in lines[-1]


def test_block_goes_between_the_marks(blocks):
    begin, end = "<!-- it: from records -->", "<!-- it: end -->"
    page = f"before\n{begin}\nold\n{end}\nafter\n"
    written = blocks["with_block"](page, "new", begin, end)
    assert blocks["block_in"](written, begin, end) == "new"
    assert written == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"
    assert blocks["block_in"]("no marks", begin, end) is None
    with pytest.raises(ValueError, match="there is no line"):
        blocks["with_block"](f"only {begin}", "new", begin, end)


@pytest.mark.parametrize(
    "script", ["codelength_table", "sampling_table", "language_model_table", "experiments_table"]
)
def test_readme_shows_the_records(script, blocks):
    made = run(script)
    shown = blocks["block_in"]((ROOT / "README.md").read_text(), made["BEGIN"], made["END"])
    assert shown == made["from_results"]()


@pytest.mark.parametrize("name", ["data_scaling", "model_scaling"])
def test_readme_says_how_its_figures_were_made(name):
    """One command each; the picture is drawn from the table beside it."""
    text = (ROOT / "README.md").read_text()
    assert f"](docs/figures/{name}.png)" in text
    assert f"--out docs/figures/{name}.parquet --plot docs/figures/{name}.png" in text
    table = (ROOT / "docs" / "figures" / f"{name}.parquet").read_bytes()
    figure = (ROOT / "docs" / "figures" / f"{name}.png").read_bytes()
    assert text_chunks(figure)["Table-SHA256"] == hashlib.sha256(table).hexdigest()


def test_figure_is_drawn_from_the_record():
    if not FIGURE.is_file() or not RECORD.is_file():
        pytest.skip("there is no figure yet, or no record")
    assert (
        text_chunks(FIGURE.read_bytes())["Record-SHA256"] == hashlib.sha256(RECORD.read_bytes()).hexdigest()
    )


def text_chunks(image: bytes) -> dict[str, str]:
    """Keywords and texts of a PNG file."""
    found, place = {}, 8
    while place < len(image):
        (length,) = struct.unpack_from(">I", image, place)
        if image[place + 4 : place + 8] == b"tEXt":
            keyword, _, text = image[place + 8 : place + 8 + length].partition(b"\0")
            found[keyword.decode("latin-1")] = text.decode("latin-1")
        place += length + 12
    return found
