"""Rows of sources: what is kept when a document or a code fails."""

import gzip

import numpy as np
import pytest

from skmfast.codes import measure as module
from skmfast.codes.measure import measure
from skmfast.codes.registry import make_code
from skmfast.codes.rows import summary
from skmfast.codes.uniform import Uniform
from skmfast.corpora import expand


class Picky(Uniform):
    """Fails on documents that hold an x, and counts how it is called."""

    def __init__(self, error=None):
        self.error = error or ValueError("an x")
        self.calls = []

    def lengths(self, documents, **settings):
        self.calls.append(len(documents))
        if any(b"x" in bytes(document) for document in documents):
            raise self.error
        return super().lengths(documents, **settings)


def rows(path, code, **settings):
    [source] = expand(path)
    return [(row.document, row.num_bytes, row.bits, row.status) for row in measure(source, code, **settings)]


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{"text": "bx"}\n{"tex": 3}\n{"text": ""}\n{"text": "ccc"}\n')
    return path


def test_as_one_leaves_out_what_cannot_be_read(records):
    assert rows(records, Uniform()) == [
        (3, None, None, "failed: line 3: no field 'text'; fields: tex"),
        (None, 6, 48.0, "ok"),
    ]


def test_each_alone(records):
    assert rows(records, Uniform(), per_document=True) == [
        (1, 1, 8.0, "ok"),
        (2, 2, 16.0, "ok"),
        (3, None, None, "failed: line 3: no field 'text'; fields: tex"),
        (4, 0, 0.0, "ok"),
        (5, 3, 24.0, "ok"),
    ]


def test_one_document_that_the_code_rejects_does_not_take_the_others_along(records):
    assert [row[3] for row in rows(records, Picky(), per_document=True)][:2] == ["ok", "failed: an x"]
    assert rows(records, Picky())[-1] == (None, 6, None, "failed: an x")


def test_out_of_memory_is_a_reason(records):
    assert rows(records, Picky(MemoryError()))[-1][3] == "failed: not enough memory"
    assert rows(records, Picky(MemoryError("4 GB")))[-1][3] == "failed: not enough memory (4 GB)"


def test_a_defect_goes_up(records):
    with pytest.raises(ZeroDivisionError):
        rows(records, Picky(ZeroDivisionError()))


def test_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BATCH_DOCUMENTS", 4)
    monkeypatch.setattr(module, "_BATCH_BYTES", 50)
    path = tmp_path / "a.jsonl"
    sizes = [1, 1, 1, 1, 1, 60, 1, 30, 30, 1]
    path.write_text("".join(f'{{"text": "{"a" * size}"}}\n' for size in sizes))
    code = Picky()
    assert [row[2] for row in rows(path, code, per_document=True)] == [8.0 * size for size in sizes]
    assert code.calls == [4, 2, 3, 1]


def test_a_source_that_breaks_off_has_no_length_as_one(records):
    path = records.with_suffix(".jsonl.gz")
    path.write_bytes(gzip.compress(records.read_bytes())[:-4])
    broken = "failed: truncated gzip data, near byte"
    [row] = [row for row in rows(path, Uniform()) if row[0] is None]
    assert row[2] is None
    assert row[3].startswith(broken)
    alone = rows(path, Uniform(), per_document=True)
    assert [row[2] for row in alone if row[3] == "ok"] == [8.0, 16.0, 0.0, 24.0]
    assert alone[-1][3].startswith(broken)


def test_only_empty_documents(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": ""}\n')
    assert rows(path, Uniform()) == [(None, 0, None, "failed: empty: the documents have 0 bytes")]


def test_progress_is_given_to_codes_that_take_it(records):
    fractions = []
    rows(records, make_code("zlib"), progress=fractions.append)
    assert fractions[-1] == 1.0
    rows(records, Uniform(), progress=fractions.append)


def test_progress_goes_on_from_batch_to_batch(records, monkeypatch):
    """Four documents of 6 bytes in a file of more, two at a time."""

    class Reporting(Uniform):
        def lengths(self, documents, *, progress=None, **settings):
            progress(0.5)
            progress(1.0)
            return super().lengths(documents, **settings)

    monkeypatch.setattr(module, "_BATCH_DOCUMENTS", 2)
    fractions = []
    rows(records, Reporting(), per_document=True, progress=fractions.append)
    size = records.stat().st_size
    assert fractions == [pytest.approx(done / size) for done in (1.5, 3, 4.5, 6)]


def test_parts_are_given_to_codes_that_keep_them(records, tmp_path):
    class Keeping(Uniform):
        def lengths(self, documents, *, parts=None, **settings):
            kept.append(parts)
            return super().lengths(documents, **settings)

    kept = []
    assert module.keeps_parts(Keeping())
    assert not module.keeps_parts(Uniform())
    rows(records, Keeping(), parts=tmp_path / "x")
    rows(records, Uniform(), parts=tmp_path / "x")
    assert kept == [tmp_path / "x"]


def test_one_bad_document_of_many_costs_few_calls(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"text": "{"x" if number == 70 else "a"}"}}\n' for number in range(256)))
    code = Picky()
    statuses = [row[3] for row in rows(path, code, per_document=True)]
    assert [place for place, status in enumerate(statuses) if status != "ok"] == [70]
    assert len(code.calls) == 17


def test_summary(records):
    [source] = expand(records)
    total = summary(measure(source, Uniform(), per_document=True))
    assert (total.num_ok, total.num_failed, total.num_bytes, total.bits) == (4, 1, 6, 48.0)
    assert total.bits_per_byte == 8.0
    assert summary([]).bits_per_byte is None


def test_rows_of_real_text(corpora_dir):
    [source] = expand(corpora_dir / "alice29.txt")
    [row] = measure(source, make_code("xz:9e"))
    assert row.num_bytes == 152_089
    np.testing.assert_allclose(row.bits_per_byte, 2.5526, atol=0.01)
