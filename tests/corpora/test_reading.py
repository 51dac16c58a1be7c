"""Which sources paths stand for, and what each kind of file yields."""

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.corpora import Document, Failure, expand, read
from skmfast.corpora.decompression import decompressed
from skmfast.errors import CorpusError


def contents(items):
    """Data of the documents, which must be all there is."""
    items = list(items)
    assert all(isinstance(item, Document) for item in items), items
    return [bytes(item.data) for item in items]


def reasons(items):
    return [item.reason for item in items if isinstance(item, Failure)]


def compress(data: bytes, suffix: str) -> bytes:
    return {"": lambda x: x, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[suffix](data)


# Every format with every compression.
@pytest.fixture(params=["", ".gz", ".zst"])
def suffix(request):
    return request.param


def test_raw_file_is_one_document(tmp_path, suffix):
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(compress(b"\xff\x00 not UTF-8\n\n", suffix))
    [item] = read(path)
    assert (item.source, item.document, bytes(item.data)) == (str(path), 0, b"\xff\x00 not UTF-8\n\n")


def test_unknown_suffix_is_raw(tmp_path, suffix):
    path = tmp_path / f"noname{suffix}"
    path.write_bytes(compress(b"{}", suffix))
    assert contents(read(str(path))) == [b"{}"]


def test_json_lines(tmp_path, suffix):
    path = tmp_path / f"a.jsonl{suffix}"
    text = "\ufeff" + '{"text": "one", "body": "b"}\n\n  \n{"text": "zwölf \\u20ac", "body": ""}'
    path.write_bytes(compress(text.encode(), suffix))
    items = list(read(path))
    assert [(item.document, item.data) for item in items] == [(1, b"one"), (4, "zwölf €".encode())]
    assert contents(read(path, field="body")) == [b"b", b""]


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.binary(),
        pa.large_binary(),
        pa.string_view(),
        pa.dictionary(pa.int32(), pa.string()),
    ],
    ids=str,
)
def test_parquet(tmp_path, suffix, kind):
    values = ["one", "", "zwölf"] * 1000
    plain = pa.array([value.encode() for value in values] if "binary" in str(kind) else values)
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": plain.cast(kind), "other": plain}), buffer, row_group_size=700)
    path = tmp_path / f"a.parquet{suffix}"
    path.write_bytes(compress(buffer.getvalue(), suffix))
    items = list(read(path))
    assert [item.document for item in items] == list(range(3000))
    assert contents(items) == [value.encode() for value in values]


def test_format_overrides_the_name(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "one"}\n')
    assert contents(read(path, format="raw")) == [b'{"text": "one"}\n']
    path.rename(tmp_path / "a.json")
    assert contents(read(tmp_path / "a.json", format="jsonl")) == [b"one"]
    with pytest.raises(ValueError, match="'csv' is unknown; it is one of raw, jsonl, parquet"):
        list(read(path, format="csv"))


def test_large_file_is_mapped(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.seek((1 << 24) - 1)
        file.write(b"x")
    [item] = read(path, max_document_bytes=100)
    assert isinstance(item.data, memoryview)
    assert item.data.readonly
    assert (len(item.data), item.data[-1]) == (1 << 24, ord("x"))


def test_named_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = subprocess.Popen([sys.executable, "-c", f"open({str(path)!r}, 'wb').write(b'x' * 100000)"])
    assert contents(read(path)) == [b"x" * 100000]
    assert writer.wait() == 0


# ---- which sources -------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    for name in ("b/2.txt", "b/1.txt", "a/x.txt", ".hidden/y.txt", "a/.z.txt", "c.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def names(folder: Path, paths):
    return [os.path.relpath(source.name, folder) for source in expand(paths)]


def test_folder_is_recursive_sorted_and_without_hidden_files(tree):
    assert names(tree, tree) == ["c.md", "a/x.txt", "b/1.txt", "b/2.txt"]


def test_globs(tree):
    assert names(tree, f"{tree}/b/*.txt") == ["b/1.txt", "b/2.txt"]
    assert names(tree, f"{tree}/*") == ["a/x.txt", "b/1.txt", "b/2.txt", "c.md"]
    assert names(tree, f"{tree}/**") == ["a/x.txt", "b/1.txt", "b/2.txt", "c.md"]
    assert names(tree, f"{tree}/**/*.txt") == ["a/x.txt", "b/1.txt", "b/2.txt"]


def test_a_file_whose_name_looks_like_a_glob(tmp_path):
    (tmp_path / "a[1].txt").write_bytes(b"yes")
    (tmp_path / "a1.txt").write_bytes(b"no")
    assert contents(read(tmp_path / "a[1].txt")) == [b"yes"]


def test_order_and_repetition_are_kept(tree):
    given_paths = [tree / "c.md", tree / "a", tree / "c.md"]
    assert names(tree, given_paths) == ["c.md", "a/x.txt", "c.md"]


def test_name_that_is_not_utf8(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.txt"
    with open(path, "wb") as file:
        file.write(b"x")
    [item] = read(os.fsdecode(path))
    assert item.source.endswith("\\xff.txt")
    assert item.data == b"x"


# ---- bad input: one failure, with the place, and the others go on ---------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.txt", b"", "empty: 0 bytes"),
        ("empty.jsonl", b"\n \n", "empty: no documents"),
        ("empty.txt.gz", gzip.compress(b""), "empty: 0 bytes"),
        ("x.gz", b"no gzip at all", "broken gzip data (Not a gzipped file (b'no')), near byte"),
        ("x.gz", gzip.compress(b"x" * 1000)[:-1], "truncated gzip data, near byte"),
        ("x.gz", gzip.compress(b"x" * 1000)[:12], "truncated gzip data, near byte"),
        ("x.gz", gzip.compress(b"x" * 1000)[:-8] + bytes(8), "broken gzip data (CRC check failed"),
        ("x.zst", b"no zstd at all", "broken zstd data (Unknown frame descriptor), near byte 14"),
        ("x.zst", b"", "truncated zstd data (the file is empty)"),
        ("x.parquet", b"PAR1", "broken Parquet data ("),
        ("x.parquet", b"no parquet at all", "broken Parquet data ("),
        ("x.parquet.gz", gzip.compress(b"no"), "broken Parquet data ("),
    ],
)
def test_bad_file(tmp_path, name, data, reason):
    path = tmp_path / name
    path.write_bytes(data)
    (tmp_path / "zz.txt").write_bytes(b"fine")
    failure, document = read(tmp_path)
    assert isinstance(failure, Failure)
    assert (failure.source, failure.document) == (str(path), None)
    assert failure.reason.startswith(reason)
    assert document.data == b"fine"


@pytest.mark.parametrize("end", [1, 4, 5, 20, 60])
def test_truncated_zstd(tmp_path, end):
    data = zstandard.ZstdCompressor(write_checksum=True).compress(os.urandom(100))
    path = tmp_path / "x.zst"
    path.write_bytes(data[:-end])
    assert reasons(read(path)) == [
        f"truncated zstd data, near byte {len(data) - end:,} of the compressed file"
    ]


def test_what_comes_before_the_damage_is_kept(tmp_path):
    path = tmp_path / "x.jsonl.zst"
    lines = b"".join(b'{"text": "%s"}\n' % os.urandom(500).hex().encode() for _ in range(2000))
    path.write_bytes(zstandard.ZstdCompressor().compress(lines)[:-100])
    *documents, failure = read(path)
    assert len(documents) > 100
    assert all(isinstance(item, Document) for item in documents)
    assert failure.document is None
    assert failure.reason.startswith("truncated zstd data")


def test_truncated_parquet(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["x" * 100] * 1000}), path)
    path.write_bytes(path.read_bytes()[:-10])
    [reason] = reasons(read(path))
    assert reason.startswith("broken Parquet data (")


def test_damaged_parquet_page(tmp_path):
    path = tmp_path / "x.parquet"
    table = pa.table({"text": [os.urandom(20).hex() for _ in range(5000)]})
    pq.write_table(table, path, compression="zstd", row_group_size=1000, use_dictionary=False)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    *documents, failure = read(path)
    assert len(documents) >= 1000
    assert failure.document is None
    assert failure.reason.startswith("broken Parquet data (")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"txt": "x", "id": 3}', "line 2: no field 'text'; fields: txt, id"),
        (b"{}", "line 2: no field 'text'; fields: none"),
        (b'{"text": 3}', "line 2: field 'text' is a JSON number, not a string"),
        (b'{"text": null}', "line 2: field 'text' is a JSON null, not a string"),
        (b'{"text": true}', "line 2: field 'text' is a JSON boolean, not a string"),
        (b'{"text": ["x"]}', "line 2: field 'text' is a JSON array, not a string"),
        (b'{"text": "x"', "line 2: not JSON: Expecting ',' delimiter at column 13"),
        (b"[1]", "line 2: a JSON array, not an object with fields"),
        (b'"x"', "line 2: a JSON string, not an object with fields"),
        (b"[" * 100_000, "line 2: not JSON that can be read: nested too deeply"),
        (b'{"text": ' + b"9" * 5000 + b"}", "line 2: not JSON that can be read: Exceeds the limit"),
        (b'{"text": "\xff"}', "line 2: not UTF-8 at byte 10 of the line"),
        (
            b'{"text": "ab\\ud800"}',
            "line 2: field 'text' has a lone surrogate (U+D800) at character 2, which has no UTF-8",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_json_line(tmp_path, line, reason):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"text": "one"}\n' + line + b'\n{"text": "three"}\n')
    one, bad, three = read(path)
    assert (one.data, three.data, three.document) == (b"one", b"three", 3)
    assert isinstance(bad, Failure)
    assert bad.document == 2
    assert bad.reason.startswith(reason)


def test_parquet_columns(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"body": ["x", None, "z"], "number": [1, 2, 3]}), path)
    assert reasons(read(path)) == ["no column 'text'; columns: body, number"]
    assert reasons(read(path, column="number")) == ["column 'number' holds int64, not strings or binary"]
    assert [getattr(item, "data", None) for item in read(path, column="body")] == [b"x", None, b"z"]
    assert reasons(read(path, column="body")) == ["row 1: null"]


def test_parquet_without_rows(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    assert reasons(read(path)) == ["empty: no documents"]


def test_what_is_not_there(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    asked = [tmp_path / "x", f"{tmp_path}/*.txt", tmp_path / "folder", tmp_path / "link", "a\0b"]
    assert reasons(read(asked)) == [
        "does not exist",
        "matches no file",
        "holds no files",
        "does not exist",
        "cannot be read: embedded null byte",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_no_permission(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"x")
    path.chmod(0)
    assert reasons(read(path)) == ["cannot be read: Permission denied"]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
def test_error_while_reading():
    assert reasons(read("/proc/self/mem")) == ["cannot be read: Input/output error"]


def test_limit(tmp_path, suffix):
    (tmp_path / f"a.txt{suffix}").write_bytes(compress(bytes(101), suffix))
    (tmp_path / f"b.txt{suffix}").write_bytes(compress(bytes(100), suffix))
    (tmp_path / f"c.jsonl{suffix}").write_bytes(
        compress(b"".join(b'{"text": "%s"}\n' % (b"x" * size) for size in (101, 100)), suffix)
    )
    items = list(read(tmp_path, max_document_bytes=100))
    assert reasons(items) == [
        "larger than the limit of 100 bytes",
        "line 1: larger than the limit of 100 bytes",
    ]
    assert [len(item.data) for item in items if isinstance(item, Document)] == [100, 100]


def test_a_line_without_end_is_not_held_in_memory(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b"x" * (4 << 20)))
    assert reasons(read(path, max_document_bytes=100)) == ["line 1: longer than 1,049,176 bytes"]


# ---- compressed streams --------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    pieces=st.lists(st.binary(max_size=3000), min_size=1, max_size=5), kind=st.sampled_from(["gzip", "zstd"])
)
def test_members_and_frames_follow_one_another(pieces, kind):
    one = gzip.compress if kind == "gzip" else zstandard.ZstdCompressor().compress
    stream = decompressed(io.BytesIO(b"".join(map(one, pieces))), kind)
    assert stream.read() == b"".join(pieces)


@settings(deadline=None)
@given(
    data=st.binary(min_size=1, max_size=3000),
    kind=st.sampled_from(["gzip", "zstd"]),
    cut=st.integers(1, 2**20),
)
def test_any_truncation_is_found(data, kind, cut):
    whole = gzip.compress(data) if kind == "gzip" else zstandard.ZstdCompressor().compress(data)
    # Two bytes are enough to know gzip by.
    cut = 2 + cut % (len(whole) - 2)
    with pytest.raises(CorpusError, match="truncated"):
        decompressed(io.BytesIO(whole[:cut]), kind).read()


def test_wide_zstd_window():
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=31, enable_ldm=True)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame = stream.compress(b"x" * 1000) + stream.flush()
    assert decompressed(io.BytesIO(frame), "zstd").read() == b"x" * 1000


@settings(deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(lambda text: {"text": text}),
        min_size=1,
        max_size=20,
    )
)
def test_any_text_comes_back(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("records") / "x.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert contents(read(path)) == [record["text"].encode() for record in records]
