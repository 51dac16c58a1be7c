"""Sources behind URLs, on fsspec's file system in memory."""

import gzip

import fsspec
import pytest

from skmfast.corpora import Failure, expand, read


@pytest.fixture
def folder():
    system = fsspec.filesystem("memory")
    for name, data in {
        "/c/b.jsonl.gz": gzip.compress(b'{"text": "one"}\n{"text": "two"}\n'),
        "/c/a.txt": b"raw",
        "/c/.hidden/x.txt": b"no",
        "/c/deep/z.txt": b"",
    }.items():
        system.pipe_file(name, data)
    yield "memory://c"
    system.rm("/c", recursive=True)


def test_folder(folder):
    assert [(source.name, source.num_bytes) for source in expand(folder)][::2] == [
        ("memory:///c/a.txt", 3),
        ("memory:///c/deep/z.txt", 0),
    ]
    *documents, failure = read(folder)
    assert [item.data for item in documents] == [b"raw", b"one", b"two"]
    assert failure == Failure("memory:///c/deep/z.txt", None, "empty: 0 bytes")


def test_file_and_glob(folder):
    assert [item.data for item in read(f"{folder}/a.txt")] == [b"raw"]
    assert [source.name for source in expand(f"{folder}/*.txt")] == ["memory:///c/a.txt"]


def test_a_connection_that_breaks(folder, monkeypatch):
    def fail(self, size=-1):
        raise RuntimeError("connection reset")

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFile.read", fail)
    assert list(read(f"{folder}/a.txt")) == [
        Failure("memory:///c/a.txt", None, "cannot be read: connection reset")
    ]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("memory://nothing", "does not exist"),
        ("memory://nothing/*", "matches no file"),
        ("nonsense://x", "cannot be read: Protocol not known: nonsense"),
    ],
)
def test_failures(url, reason):
    assert list(read(url)) == [Failure(url, None, reason)]
