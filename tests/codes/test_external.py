"""Compression libraries as codes: their sizes, their settings, and what their decoders reject."""

import bz2
import gzip
import lzma
import shutil
import subprocess
import tracemalloc
import zlib

import brotli
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.codes.base import DecodableCode
from skmfast.codes.external import External
from skmfast.errors import CorruptStreamError

# One light setting of each library.
SPECS = ["zlib:6", "gzip:9", "bz2:1", "xz:0", "xz:1e", "zstd:3", "zstd:1,long=20", "brotli:4"]
TEXT = b"The quick brown fox jumps over the lazy dog. " * 200 + bytes(range(256))

# What the library's own one-call function gives.
ORACLES = {
    "zlib:6": lambda data: zlib.compress(data, 6),
    "gzip:9": lambda data: gzip.compress(data, 9, mtime=0),
    "bz2:1": lambda data: bz2.compress(data, 1),
    "xz:0": lambda data: lzma.compress(data, preset=0),
    "xz:1e": lambda data: lzma.compress(data, preset=1 | lzma.PRESET_EXTREME),
    "zstd:3": lambda data: zstandard.ZstdCompressor(level=3, write_checksum=True).compress(data),
    "zstd:1,long=20": lambda data: zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(
            1,
            source_size=len(data),
            window_log=20,
            enable_ldm=True,
            write_checksum=True,
            write_content_size=True,
        )
    ).compress(data),
    "brotli:4": lambda data: brotli.compress(data, quality=4, lgwin=24),
}


@pytest.mark.parametrize("spec", SPECS)
@given(documents=st.lists(st.binary(max_size=500), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_lengths_are_the_size_of_the_library_s_file(spec, documents):
    code = External(spec)
    assert isinstance(code, DecodableCode)
    whole = b"".join(documents)
    assert code.lengths(documents).bits == 8 * len(ORACLES[spec](whole))
    alone = code.lengths(documents, per_document=True, threads=2)
    np.testing.assert_array_equal(
        alone.per_document, [8 * len(ORACLES[spec](document)) for document in documents]
    )
    assert alone.bits == alone.per_document.sum()
    np.testing.assert_array_equal(alone.document_bytes, [len(document) for document in documents])


@pytest.mark.parametrize("spec", SPECS)
@given(document=st.binary(max_size=2000))
@settings(max_examples=25, deadline=None)
def test_round_trip(spec, document):
    code = External(spec)
    payload = code.encode(document)
    assert 8 * len(payload) == code.lengths([document]).bits
    assert code.decode(payload, len(document)) == document


@pytest.mark.parametrize("spec", SPECS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_damage_is_found_or_harmless(spec, data):
    """Truncation and foreign bytes never pass; a flipped bit passes only where it changes nothing."""
    code = External(spec)
    payload = code.encode(TEXT)
    cut = data.draw(st.integers(0, len(payload) - 1))
    with pytest.raises(CorruptStreamError):
        code.decode(payload[:cut], len(TEXT))
    with pytest.raises(CorruptStreamError):
        code.decode(payload + b"x", len(TEXT))
    damaged = bytearray(payload)
    damaged[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        document = code.decode(bytes(damaged), len(TEXT))
    except CorruptStreamError:
        return
    assert len(document) == len(TEXT)
    # Brotli has no checksum: what it decodes to is its word.
    assert document == TEXT or code.name == "brotli"


@pytest.mark.parametrize("spec", SPECS)
def test_wrong_size(spec):
    code = External(spec)
    payload = code.encode(TEXT)
    for num_bytes in (0, 1, len(TEXT) - 1, len(TEXT) + 1, 10 * len(TEXT)):
        with pytest.raises(CorruptStreamError, match=r"declared|truncated| of "):
            code.decode(payload, num_bytes)


@pytest.mark.parametrize("spec", SPECS)
def test_a_bomb_is_not_unpacked(spec):
    """50 MB of zeros behind a small payload: decoding stops soon after the declared size."""
    code = External(spec)
    payload = code.encode(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(CorruptStreamError, match="more than the declared 1,000 bytes"):
            code.decode(payload, 1000)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


# The tools, where they are installed; their versions may differ from the library's by a few bytes.
@pytest.mark.parametrize(
    ("spec", "command"),
    [
        ("xz:9e", ["xz", "-9e", "-c"]),
        ("bz2:9", ["bzip2", "-9", "-c"]),
        ("zstd:22", ["zstd", "--ultra", "-22", "-c", "-q"]),
        ("zstd:19,long=27", ["zstd", "-19", "--long=27", "-c", "-q"]),
        ("brotli:11", ["brotli", "-q", "11", "-c"]),
        ("gzip:9", ["gzip", "-9", "-n", "-c"]),
    ],
)
def test_same_size_as_the_tool(spec, command, corpora_dir):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    path = corpora_dir / "alice29.txt"
    size = len(subprocess.run([*command, str(path)], stdout=subprocess.PIPE, check=True).stdout)
    assert External(spec).lengths([path.read_bytes()]).bits / 8 == pytest.approx(size, rel=2e-3)


def test_progress_reaches_one():
    fractions = []
    External("zlib").lengths([TEXT, TEXT], progress=fractions.append)
    assert fractions == [0.5, 1.0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("zstd:0", "level=0: not between 1 and 22"),
        ("zstd:23", "level=23: not between 1 and 22"),
        ("zstd:19,long=9", "long=9: not between 10 and 31"),
        ("xz:10", "preset=10: not a digit"),
        ("xz:e", "preset=e: not a digit"),
        ("bz2:0", "level=0: not between 1 and 9"),
        ("brotli:12", "level=12: not between 0 and 11"),
        ("brotli:window_log=25", "window_log=25: not between 10 and 24"),
        ("gzip:x", "level=x: not integer"),
        ("uniform", "'uniform' is no compression library"),
    ],
)
def test_bad_settings(spec, message):
    with pytest.raises(ValueError, match=message):
        External(spec)
