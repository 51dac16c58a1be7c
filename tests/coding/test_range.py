"""Range coder: byte for byte the twin's, at the ideal length, and strict about damage."""

import json
import math
import threading
from pathlib import Path

import numpy as np
import pytest
from coder_twins import RangeTwin, range_decode
from hypothesis import given
from hypothesis import strategies as st

from skmfast.coding import Frequencies, RangeDecoder, RangeEncoder, decode, encode, quantise
from skmfast.errors import CorruptStreamError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "coder_range.json").read_text())


@st.composite
def messages(draw):
    """Lists of (symbol, counts), from near-certain symbols to ones of probability 2^-31."""
    steps = []
    for _ in range(draw(st.integers(0, 30))):
        counts = draw(st.lists(st.integers(0, 2 ** draw(st.integers(1, 27))), min_size=1, max_size=9))
        symbol = draw(st.integers(0, len(counts) - 1))
        counts[symbol] = max(counts[symbol], 1)
        if draw(st.booleans()):
            # A power of two takes the way without division.
            total = sum(counts)
            counts.append(2 ** (total - 1).bit_length() - total)
        if draw(st.booleans()):
            counts.append(2**31 - sum(counts))
        steps.append((symbol, counts))
    return steps


@given(messages())
def test_same_bytes_as_the_twin(steps):
    encoder, twin = RangeEncoder(), RangeTwin()
    for symbol, counts in steps:
        encoder.encode([symbol], counts)
        twin.encode(symbol, counts)
    message = encoder.finish()
    assert message == twin.finish()
    ideal = math.fsum(math.log2(sum(counts) / counts[symbol]) for symbol, counts in steps)
    assert ideal - 1e-6 <= 8 * len(message) <= ideal + 8.001

    decoder = RangeDecoder(message)
    assert [int(decoder.decode(1, counts)[0]) for _, counts in steps] == [symbol for symbol, _ in steps]
    decoder.finish()
    assert range_decode(message, [counts for _, counts in steps]) == [symbol for symbol, _ in steps]


@given(
    st.lists(st.integers(0, 5), max_size=300),
    st.lists(st.integers(1, 2**20), min_size=6, max_size=6),
    st.sampled_from(
        [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64, ">i4"]
    ),
    st.integers(0, 300),
)
def test_calls_and_types_do_not_matter(symbols, counts, dtype, cut):
    symbols = np.array(symbols, dtype=dtype)
    encoder = RangeEncoder()
    encoder.encode(symbols[:cut], counts)
    encoder.encode(symbols[cut:], Frequencies(counts))
    message = encoder.finish()
    assert message == encode(symbols, counts, method="range")
    decoded = decode(message, symbols.size, counts, method="range")
    assert decoded.dtype == np.uint8
    assert decoded.tolist() == symbols.tolist()


@pytest.mark.parametrize("alphabet", [1, 2, 256, 257, 65536, 65537, 2**20])
@pytest.mark.parametrize("power_of_two", [False, True])
def test_alphabets(alphabet, power_of_two):
    rng = np.random.default_rng(alphabet)
    counts = rng.integers(0, 2**31 // alphabet, alphabet, dtype=np.int64) >> rng.integers(0, 20, alphabet)
    counts[-1] += 1
    if power_of_two:
        counts[0] += 2**31 - counts.sum()
    symbols = rng.choice(np.flatnonzero(counts), 3000)
    symbols[-1] = alphabet - 1
    decoded = decode(encode(symbols, counts, "range"), symbols.size, counts, "range")
    assert decoded.dtype == (np.uint8 if alphabet <= 256 else np.uint16 if alphabet <= 65536 else np.uint32)
    assert (decoded == symbols).all()


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_frozen_streams(case):
    encoder = RangeEncoder()
    for part in case["parts"]:
        encoder.encode(part["symbols"], part["counts"])
    assert encoder.finish().hex() == case["stream"]
    decoder = RangeDecoder(bytes.fromhex(case["stream"]))
    for part in case["parts"]:
        assert decoder.decode(len(part["symbols"]), part["counts"]).tolist() == part["symbols"]
    decoder.finish()


def test_real_text_within_a_byte_of_its_entropy(corpora_dir):
    text = np.frombuffer((corpora_dir / "tinyshakespeare.txt").read_bytes(), dtype=np.uint8)
    counts = np.bincount(text, minlength=256)
    stream = encode(text, counts, "range")
    ideal = -np.log2(counts[text] / text.size).sum()
    assert ideal <= 8 * len(stream) <= ideal + 8 + 1e-6 * ideal
    assert (decode(stream, text.size, counts, "range") == text).all()


def test_near_exact_mode_within_0_003_percent(corpora_dir):
    text = np.frombuffer((corpora_dir / "enwik-4M.txt").read_bytes()[:1_000_000], dtype=np.uint8)
    p = np.bincount(text, minlength=256) / text.size
    stream = encode(text, quantise(p, 24), "range")
    assert 8 * len(stream) <= 1.00003 * -np.log2(p[text]).sum()


def damaged_streams():
    counts = [1, 2, 3, 250]
    symbols = np.random.default_rng(5).choice(4, 500, p=np.array(counts) / 256)
    stream = encode(symbols, counts, "range")
    yield "empty", b""
    for cut in range(1, len(stream)):
        yield f"cut {cut}", stream[:cut]
    yield "longer", stream + b"\x00"
    yield "foreign", b"\xff" * len(stream)


@pytest.mark.parametrize("stream", [pytest.param(s, id=name) for name, s in damaged_streams()])
def test_damage_is_reported(stream):
    with pytest.raises(CorruptStreamError, match="byte"):
        decode(stream, 500, [1, 2, 3, 250], "range")


def test_reading_on_after_the_end():
    decoder = RangeDecoder(encode([0, 1, 0], [1, 1], "range"))
    decoder.decode(3, [1, 1])
    with pytest.raises(CorruptStreamError, match="symbol"):
        decoder.decode(1000, [1, 1])
    with pytest.raises(CorruptStreamError, match="not at the end"):
        decoder.finish()


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ([0, 2], r"symbols\[1\] = 2 is outside the alphabet of 2"),
        ([0, 0, -1], r"symbols\[2\] = -1 is outside the alphabet of 2"),
        ([2**40], r"symbols\[0\] = 1099511627776 is outside"),
        (np.array([0, 2**64 - 1], dtype=np.uint64), r"symbols\[1\] = 18446744073709551615 is outside"),
        (np.array([1, 0], dtype=np.uint8), r"symbols\[0\] = 1 has frequency 0"),
        ([[0]], "shape"),
    ],
)
def test_bad_symbols(symbols, message):
    with pytest.raises(ValueError, match=message):
        encode(symbols, [4, 0], "range")


def test_bad_types():
    with pytest.raises(TypeError, match="float64"):
        encode([0.0], [1], "range")
    with pytest.raises(TypeError):
        RangeDecoder("text")
    with pytest.raises(ValueError, match="method"):
        encode([0], [1], "huffman")
    with pytest.raises(ValueError, match="negative"):
        decode(b"", -1, [1], "range")
    with pytest.raises(ValueError, match="more than any memory holds"):
        decode(b"", 2**60, [1], "range")
    with pytest.raises(TypeError):
        decode(b"", 1.5, [1], "range")


def test_messages_of_any_buffer_type():
    message = encode([1, 0, 1], [1, 1], "range")
    for data in (bytearray(message), memoryview(message), np.frombuffer(message, dtype=np.uint8)):
        assert decode(data, 3, [1, 1], "range").tolist() == [1, 0, 1]
    for data in (b"", np.empty(0, dtype=np.uint8)):
        assert decode(data, 0, [1, 1], "range").size == 0
    with pytest.raises(TypeError):
        decode(np.zeros(8, dtype=np.uint8)[::2], 3, [1, 1], "range")


def test_no_object_without_its_arguments():
    with pytest.raises(TypeError):
        RangeDecoder.__new__(RangeDecoder)
    with pytest.raises(TypeError):
        Frequencies.__new__(Frequencies)


def test_encoder_ends_once():
    encoder = RangeEncoder()
    encoder.encode([1, 0], [3, 1])
    encoder.finish()
    with pytest.raises(RuntimeError, match="finished"):
        encoder.finish()
    with pytest.raises(RuntimeError, match="finished"):
        encoder.encode([0], [1, 1])


def test_threads_cannot_tear_a_message():
    """Two threads on one encoder: each call either enters whole or is refused."""
    counts = Frequencies([1, 1, 2])
    encoder = RangeEncoder()
    entered = []

    def work(symbol):
        for _ in range(20):
            try:
                encoder.encode(np.full(20000, symbol, dtype=np.uint8), counts)
                entered.append(symbol)
            except RuntimeError:
                pass

    threads = [threading.Thread(target=work, args=(symbol,)) for symbol in (0, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    decoded = decode(encoder.finish(), 20000 * len(entered), counts, "range")
    assert np.bincount(decoded, minlength=3).tolist() == [20000 * entered.count(s) for s in range(3)]
