"""`skmfast.code_length`: what it takes, what it gives, what it rejects."""

import array
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import skmfast as skm
from skmfast.codes.uniform import Uniform
from skmfast.errors import CorpusError, CorruptStreamError
from skmfast.settings import check_isa, parse_memory, resolve_threads


class Sequential(Uniform):
    """A code that gives bits per byte: 1, 2, 3, ... from each document's start."""

    name = "sequential"

    def lengths(self, documents, *, per_document=False, threads=None, memory=None):
        per_byte = np.concatenate([np.arange(1.0, len(document) + 1) for document in documents])
        sizes = np.array([len(document) for document in documents])
        alone = np.array([sum(range(1, size + 1)) for size in sizes], dtype=np.float64)
        return skm.CodeLengths(
            bits=float(per_byte.sum()),
            num_bytes=int(sizes.sum()),
            document_bytes=sizes,
            per_document=alone if per_document else None,
            per_byte=per_byte,
        )


@pytest.mark.parametrize(
    "data",
    [
        b"abcd",
        bytearray(b"abcd"),
        memoryview(b"abcd"),
        memoryview(b"a.b.c.d.")[::2],
        np.frombuffer(b"abcd", np.uint8),
        np.frombuffer(b"a.b.c.d.", np.uint8)[::2],
        array.array("B", b"abcd").tobytes(),
        [b"abcd"],
        (b"ab", bytearray(b"cd")),
        iter([b"ab", np.frombuffer(b"cd", np.uint8)]),
    ],
    ids=lambda data: type(data).__name__,
)
def test_bytes_of_every_kind(data):
    lengths = skm.code_length(data, code="bz2", threads=1, memory="1G")
    assert lengths.bits == skm.code_length(b"abcd", code="bz2").bits
    assert lengths.num_bytes == 4
    assert lengths.document_names is None


def test_a_string_is_a_path(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abcdef")
    for asked in (path, str(path), [path], str(tmp_path), f"{tmp_path}/*.txt"):
        lengths = skm.code_length(asked, code="uniform")
        assert (lengths.bits, lengths.document_names) == (48.0, (str(path),))


def test_paths_and_bytes_are_one_corpus(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"body": "one"}\n{"body": "two"}\n')
    lengths = skm.code_length([tmp_path / "a.jsonl", b"three"], code="zstd:1", field="body")
    assert lengths.bits == skm.code_length(b"onetwothree", code="zstd:1").bits
    assert lengths.per_document is None
    assert list(lengths.document_bytes) == [3, 3, 5]
    assert lengths.document_names == (str(tmp_path / "a.jsonl"),) * 2 + ("[1]",)


def test_metadata():
    lengths = skm.code_length([b"abc", b"d"], code="zstd:3", per_document=True)
    assert dict(lengths.metadata) == {
        "code": "zstd",
        "parameters": {"level": 3, "long": 0},
        "per_document": True,
        "version": skm.__version__,
    }


def test_repr():
    assert repr(skm.code_length(b"x" * 1234, code="uniform")) == (
        "<CodeLengths uniform: 8.0000 bits per byte, 9,872.0 bits for 1,234 bytes in 1 document>"
    )
    two = [b"ab", b"c"]
    assert repr(skm.code_length(two, code="uniform")).endswith("3 bytes in 2 documents, as one corpus>")
    assert repr(skm.code_length(two, code="uniform", per_document=True)).endswith("2 documents, each alone>")


@settings(deadline=None)
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=10).filter(any))
def test_uniform_is_eight_bits(documents):
    lengths = skm.code_length(documents, code="uniform", per_document=True)
    assert lengths.bits == 8 * sum(map(len, documents)) == lengths.per_document.sum()
    assert lengths.bits_per_byte == 8
    code = Uniform()
    assert code.decode(code.encode(documents[0]), len(documents[0])) == documents[0]
    with pytest.raises(CorruptStreamError, match="declared"):
        code.decode(documents[0], len(documents[0]) + 1)


# ---- to_parquet ------------------------------------------------------------------------------------------


def test_parquet_of_a_corpus_as_one(tmp_path):
    skm.code_length([b"ab", b"c"], code="uniform").to_parquet(tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.to_pylist() == [
        {"source": None, "document": None, "bytes": 3, "bits": 24.0, "bits_per_byte": 8.0, "status": "ok"}
    ]
    assert json.loads(table.schema.metadata[b"skmfast"]) == {
        "code": "uniform",
        "parameters": {},
        "per_document": False,
        "version": skm.__version__,
    }


def test_parquet_of_documents_with_bits_per_byte(tmp_path):
    lengths = skm.code_length([b"abc", b"", b"de"], code=Sequential(), per_document=True)
    lengths.to_parquet(tmp_path / "a.parquet")
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert [row["document"] for row in rows] == [0, 1, 2]
    assert [row["bits"] for row in rows] == [6.0, 0.0, 3.0]
    assert [row["bits_per_byte"] for row in rows] == [2.0, None, 1.5]
    assert [row["byte_bits"] for row in rows] == [[1.0, 2.0, 3.0], [], [1.0, 2.0]]
    skm.code_length([b"abc", b"de"], code=Sequential()).to_parquet(tmp_path / "b.parquet")
    assert pq.read_table(tmp_path / "b.parquet").to_pylist()[0]["byte_bits"] == [1.0, 2.0, 3.0, 1.0, 2.0]


def test_parquet_of_a_code_whose_parameters_are_numpy_s(tmp_path):
    class Odd(Uniform):
        parameters = {"weight": np.float32(0.5), "weights": np.array([1, 2])}  # noqa: RUF012

    skm.code_length(b"ab", code=Odd()).to_parquet(tmp_path / "a.parquet")
    metadata = pq.read_schema(tmp_path / "a.parquet").metadata[b"skmfast"]
    assert json.loads(metadata)["parameters"] == {"weight": 0.5, "weights": [1, 2]}


def test_parquet_is_whole_or_absent(tmp_path, monkeypatch):
    lengths = skm.code_length(b"ab", code="uniform")
    target = tmp_path / "a.parquet"
    lengths.to_parquet(target)
    before = target.read_bytes()

    def fail(table, file):
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OSError, match="no space left"):
        lengths.to_parquet(target)
    assert target.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.parquet"]


def test_parquet_has_the_permissions_of_a_new_file(tmp_path):
    skm.code_length(b"ab", code="uniform").to_parquet(tmp_path / "a.parquet")
    (tmp_path / "new").touch()
    assert (tmp_path / "a.parquet").stat().st_mode == (tmp_path / "new").stat().st_mode


# ---- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([], ValueError, "empty corpus: 0 documents"),
        (b"", ValueError, "empty corpus: 1 documents with 0 bytes"),
        ([b"", b""], ValueError, "empty corpus: 2 documents with 0 bytes"),
        (3, TypeError, "data_or_paths: a int is neither bytes nor a path"),
        (None, TypeError, "data_or_paths: a NoneType"),
        ([b"a", 3], TypeError, "document 1: a int is neither bytes nor a path"),
        (np.zeros(3), TypeError, "document 0: an array of float64, not uint8"),
        (np.zeros((2, 3), np.uint8), ValueError, "document 0: 2 dimensions, not one"),
        (np.uint8(3), TypeError, "data_or_paths: a uint8"),
        ("nowhere.txt", CorpusError, "nowhere.txt: does not exist"),
        ([b"a", pathlib.Path("nowhere.txt")], CorpusError, "nowhere.txt: does not exist"),
    ],
)
def test_bad_data(data, error, message):
    with pytest.raises(error, match=message):
        skm.code_length(data, code="uniform")


def test_bad_record_names_file_and_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x"}\n{"tex": "y"}\n')
    with pytest.raises(CorpusError, match=r"a\.jsonl: line 2: no field 'text'; fields: tex"):
        skm.code_length(path, code="uniform")


def test_empty_file_is_named(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(CorpusError, match=r"a\.txt: empty: 0 bytes"):
        skm.code_length(tmp_path, code="uniform")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"threads": 0}, ValueError, "threads: 0 is less than 1"),
        ({"threads": -2}, ValueError, "threads: -2 is less than 1"),
        ({"threads": 1.5}, TypeError, "threads: 1.5 is not an integer"),
        ({"threads": "2"}, TypeError, "threads: '2' is not an integer"),
        ({"memory": "4X"}, ValueError, "memory: '4X' is not an amount of memory such as 512M or 4G"),
        ({"memory": ""}, ValueError, "memory: '' is not an amount"),
        ({"memory": "-1G"}, ValueError, "memory: '-1G' is not an amount"),
        ({"memory": 0}, ValueError, "memory: 0 is less than one byte"),
        ({"memory": 1.5}, TypeError, "memory: 1.5 is neither"),
    ],
)
def test_bad_settings(settings, error, message):
    with pytest.raises(error, match=message):
        skm.code_length(b"a", code="uniform", **settings)


# ---- settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [
        (7, 7),
        ("7", 7),
        ("512K", 512 << 10),
        ("512M", 512 << 20),
        ("4g", 4 << 30),
        ("4GB", 4 << 30),
        ("4 GiB", 4 << 30),
        ("1.5T", 3 << 39),
        (None, None),
        (np.int64(9), 9),
    ],
)
def test_memory(text, num_bytes):
    assert parse_memory(text) == num_bytes


def test_threads(monkeypatch):
    monkeypatch.delenv("SKMFAST_THREADS", raising=False)
    assert resolve_threads() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("SKMFAST_THREADS", "3")
    assert resolve_threads() == 3
    assert resolve_threads(np.int64(2)) == 2
    assert resolve_threads(1 << 40) == 1024
    for bad, message in (("0", "SKMFAST_THREADS: 0 is less than 1"), ("x", "'x' is not an integer")):
        monkeypatch.setenv("SKMFAST_THREADS", bad)
        with pytest.raises(ValueError, match=message):
            skm.code_length(b"a", code="uniform")


@pytest.mark.parametrize("isa", ["", "baseline", "avx2", "avx512"])
def test_known_instruction_sets(monkeypatch, isa):
    monkeypatch.setenv("SKMFAST_ISA", isa)
    check_isa()


def python(program: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True, text=True
    )


def test_unknown_instruction_set_is_rejected_before_anything_is_computed():
    done = python("import skmfast; skmfast.code_length(b'a', code='uniform')", SKMFAST_ISA="avx3")
    assert done.returncode == 1
    assert "ValueError: SKMFAST_ISA='avx3' is unknown; it is one of baseline, avx2, avx512" in done.stderr


def test_import_is_light():
    """`import skmfast` loads nothing heavy, and measuring bytes loads numpy and the code's library."""
    heavy = "{'torch', 'pyarrow', 'rich', 'typer', 'zstandard', 'brotli', 'matplotlib', 'scipy', 'fsspec'}"
    done = python(
        f"import sys, skmfast; print({heavy} & set(sys.modules) or 'none', 'numpy' in sys.modules)\n"
        f"skmfast.code_length(b'a', code='uniform'); print({heavy} & set(sys.modules) or 'none')"
    )
    assert done.stdout.split("\n")[:2] == ["none False", "none"], done.stderr


def test_names():
    assert set(skm.__all__) <= set(dir(skm))
    for name in skm.__all__:
        assert getattr(skm, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        skm.nothing  # noqa: B018


@pytest.mark.parametrize("name", ["linear_cross_entropy", "LinearCrossEntropy"])
def test_names_that_need_torch(name):
    assert name in dir(skm)
    if importlib.util.find_spec("torch") is None:
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'skmfast\[torch\]'"):
            getattr(skm, name)
    else:
        assert callable(getattr(skm, name))
