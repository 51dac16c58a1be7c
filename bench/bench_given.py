"""Bits given a reference corpus: held-out halves of four corpora, and ten thousand documents on the clock.

Run as ``python bench/bench_given.py [halves] [documents] [--out record.json]``, or through pytest
(pytest-benchmark, one short case).

Halves: the second half of each corpus, whole, given nothing, given its own first half, and given those of
the others; what is told of the reference is held against the difference of two full computations. Documents:
the command ``skmfast codelength --given`` on 10,000 documents of 2,000 bytes, spread over what follows the
first 10 MB of gcide, given these 10 MB; seconds of the whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from provenance import provenance
from records import write_record

from skmfast.codes.context_tree import ContextTree

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("SKMFAST_DATA", HERE.parents[1] / "shared" / "data"))
# Halves of the last one are strangers: its archive has plays and statistics in the first, compiled programs
# and W3C's texts in the second.
CORPORA = ("enwik-4M.txt", "dickens", "tinyshakespeare.txt", "xml")
GCIDE = HERE / "data" / "gcide"
REFERENCE_BYTES = 10_000_000
NUM_DOCUMENTS = 10_000
DOCUMENT_BYTES = 2_000


def halves(texts: dict[str, bytes], threads: int) -> list[dict[str, Any]]:
    """A row for each corpus and each reference: bits of its second half, in one part."""
    code = ContextTree()
    first = {name: text[: len(text) // 2] for name, text in texts.items()}
    second = {name: text[len(text) // 2 :] for name, text in texts.items()}
    rows = []
    for given in (None, *texts):
        told = None if given is None else code.given([first[given]], threads=threads)
        known = 0.0 if told is None else told.reference_bits
        for name, held_out in second.items():
            reference = [] if given is None else [first[given]]
            full = code.lengths([*reference, held_out], threads=threads).bits - known
            begin = time.perf_counter()
            bits = full if told is None else told.lengths([held_out]).bits
            row = {
                "corpus": name,
                "given": given,
                "bytes": len(held_out),
                "given_bytes": sum(map(len, reference)),
                "bits": bits,
                "bits_per_byte": bits / len(held_out),
                "full_computations_bits": full,
                "wall_s": None if told is None else time.perf_counter() - begin,
            }
            rows.append(row)
            print(
                f"{name:14} given {given or 'nothing':14} {row['bits_per_byte']:.4f} bits a byte", flush=True
            )
    return rows


def write_documents(text: bytes, folder: Path, num: int, known: int) -> tuple[Path, Path]:
    """The reference, and documents at equal distances in what follows it."""
    reference, documents = folder / "reference.txt", folder / "documents.jsonl"
    reference.write_bytes(text[:known])
    step = (len(text) - known) // num
    with documents.open("w", encoding="utf-8") as lines:
        for begin in range(known, known + num * step, step):
            piece = text[begin : begin + DOCUMENT_BYTES].decode("latin-1")
            # JSON Lines hold UTF-8: one byte a character, so that sizes stay.
            lines.write(json.dumps({"text": piece.encode("ascii", "replace").decode()}) + "\n")
    return reference, documents


def command(reference: Path, documents: Path, threads: int) -> dict[str, Any]:
    """``skmfast codelength --given`` in a process of its own: total bits, and what the process took."""
    arguments = ["--given", reference, "--per-document", documents, "--threads", threads, "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "skmfast", "codelength", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = json.loads(done.stdout)["total"]
    return {
        "documents": total["rows"],
        "bytes": total["bytes"],
        "given_bytes": reference.stat().st_size,
        "threads": threads,
        "bits": total["bits"],
        "wall_s": wall,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_bytes": 1024 * after.ru_maxrss,
    }


def clocked(text: bytes, num: int, known: int, threads: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        row = command(*write_documents(text, Path(folder), num, known), threads)
    print(
        f"{row['documents']:,} documents: {row['wall_s']:.1f} s, {row['cpu_s']:.1f} s of processors",
        flush=True,
    )
    return row


def test_documents_given_a_reference(benchmark: Any) -> None:
    path = DATA / "corpora" / "dickens"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    text = path.read_bytes()[:1_500_000]
    documents = [text[i : i + DOCUMENT_BYTES] for i in range(1_000_000, len(text), 10_000)]
    told = ContextTree().given([text[:1_000_000]])
    lengths = benchmark(lambda: told.lengths(documents, per_document=True))
    assert lengths.bits < ContextTree().lengths(documents, per_document=True).bits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], "halves", "documents"], help="default: both")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--gcide", type=Path, default=GCIDE, help="gcide, unpacked (bench/setup.sh)")
    parser.add_argument("--out", type=Path, help="record; parts that are not run stay as they are in it")
    options = parser.parse_args()
    parts = options.parts or ["halves", "documents"]
    record = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    if "halves" in parts:
        texts = {name: (DATA / "corpora" / name).read_bytes() for name in CORPORA}
        record["halves"] = {**provenance(), "rows": halves(texts, options.threads)}
    if "documents" in parts:
        row = clocked(options.gcide.read_bytes(), NUM_DOCUMENTS, REFERENCE_BYTES, options.threads)
        record["documents"] = {**provenance(), "rows": [row]}
    if options.out:
        write_record(options.out, record)


if __name__ == "__main__":
    main()
