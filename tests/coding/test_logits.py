"""Categoricals from logits: against a twin in plain integers, the ideal in double precision, and damage."""

import hashlib
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skmfast.coding import (
    LogitsDecoder,
    LogitsEncoder,
    decode_logits,
    encode_logits,
    logits_code_lengths,
    logits_frequencies,
    logits_intervals,
)
from skmfast.errors import CorruptStreamError

GOLDEN = Path(__file__).parents[1] / "golden"
ISAS = ("baseline", "avx2", "avx512")


# ---- the twin: Python integers, but for the two float32 operations that IEEE 754 defines -------------

BASE = [round(2.0**31 * 2.0 ** (-i / 16)) for i in range(16)]
SCALE = np.float32(1.44269504) * np.float32(2**20)


def twin_weight(top: np.float32, x: np.float32) -> int:
    """exp(x - top) in units of 2^-31, as skm/fixed_exp.hpp defines it."""
    with np.errstate(over="ignore"):
        scaled = float((top - x) * SCALE)
    if scaled >= 2**31:
        return 0
    t = int(scaled)
    q, i, g = t >> 20, (t >> 16) & 15, t & 0xFFFF
    p = g * (45428 - (g * 970 >> 16)) >> 16
    return BASE[i] - (((BASE[i] >> 16) * p >> 16) << 12) >> q


def twin_frequencies(row: np.ndarray, bits: int) -> list[int]:
    top = row.max()
    weights = [twin_weight(top, x) for x in row]
    possible = [bool(x != -np.inf) for x in row]
    shift = max(0, sum(weights).bit_length() - 32)
    total, spare = sum(weights) >> shift, 2**bits - sum(possible)
    cums = [0]
    for j in range(1, len(row) + 1):
        cums.append(sum(possible[:j]) + (sum(weights[:j]) >> shift) * spare // total)
    return [b - a for a, b in itertools.pairwise(cums)]


def ideal_bits(logits: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Log-sum-exp less the symbol's logit, in double precision."""
    logits = logits.astype(np.float64)
    top = logits.max(axis=1)
    gap = top - logits[np.arange(len(logits)), symbols]
    return np.log2(np.exp(logits - top[:, None]).sum(axis=1)) + gap / math.log(2)


def draw_symbols(logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One symbol of each row's own distribution."""
    return (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


def to_bfloat16(logits: np.ndarray) -> np.ndarray:
    """Upper halves, truncated."""
    return (logits.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def from_bfloat16(halves: np.ndarray) -> np.ndarray:
    return (halves.astype(np.uint32) << 16).view(np.float32)


@st.composite
def logit_rows(draw, largest=200):
    """Rows of every shape: flat to certain, tiny to huge, with impossible symbols often."""
    # Lengths around the vector widths (8, 16, 64) meet every tail.
    cols = draw(
        st.one_of(st.integers(1, largest), st.sampled_from([1, 2, 7, 8, 15, 16, 17, 63, 64, 65, 128]))
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = draw(st.integers(1, 4))
    scale = draw(st.sampled_from([0.0, 1e-40, 1e-3, 1.0, 5.0, 100.0, 1e30, 3e38]))
    logits = (rng.uniform(-1, 1, (rows, cols)) * scale).astype(np.float32)
    if draw(st.booleans()):
        logits[rng.random(logits.shape) < 0.4] = -np.inf
        logits[np.arange(rows), rng.integers(0, cols, rows)] = rng.uniform(-1, 1, rows) * scale
    return logits


# ---- frequencies, intervals, lengths -----------------------------------------------------------------


@given(logit_rows(largest=100), st.integers(8, 31))
def test_frequencies_equal_the_twin(logits, bits):
    frequencies = logits_frequencies(logits, bits=bits)
    assert frequencies.tolist() == [twin_frequencies(row, bits) for row in logits]


@given(logit_rows(), st.integers(8, 31), st.booleans())
def test_frequencies_are_a_distribution(logits, bits, half):
    given_logits = to_bfloat16(logits) if half else logits
    frequencies = logits_frequencies(given_logits, bits=bits, bfloat16=half).astype(np.int64)
    exact = from_bfloat16(given_logits) if half else logits
    assert (frequencies.sum(axis=1) == 2**bits).all()
    assert ((frequencies > 0) == (exact != -np.inf)).all()


@given(logit_rows(), st.integers(8, 31), st.integers(0, 2**32), st.booleans())
def test_intervals_are_those_of_the_frequencies(logits, bits, seed, half):
    """The encoder's short cut (sums around one symbol) against the whole table."""
    frequencies = logits_frequencies(to_bfloat16(logits) if half else logits, bits=bits, bfloat16=half)
    symbols = draw_symbols(np.where(frequencies > 0, 0.0, -np.inf), np.random.default_rng(seed))
    cum, freq = logits_intervals(to_bfloat16(logits) if half else logits, symbols, bits=bits, bfloat16=half)
    for i, s in enumerate(symbols):
        assert cum[i] == frequencies[i, :s].sum()
        assert freq[i] == frequencies[i, s]


def test_bfloat16_means_its_value():
    rng = np.random.default_rng(0)
    halves = to_bfloat16(rng.normal(size=(5, 1000)) * 3)
    wide = from_bfloat16(halves)
    symbols = draw_symbols(wide, rng)
    assert (logits_frequencies(halves, bfloat16=True) == logits_frequencies(wide)).all()
    assert (logits_code_lengths(halves, symbols, bfloat16=True) == logits_code_lengths(wide, symbols)).all()
    assert encode_logits(halves, symbols, bfloat16=True) == encode_logits(wide, symbols)
    half_precision = wide.astype(np.float16)
    assert (logits_frequencies(half_precision) == logits_frequencies(half_precision.astype(np.float32))).all()


def test_ml_dtypes_bfloat16_needs_no_flag():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes gives numpy a bfloat16")
    logits = np.random.default_rng(0).normal(size=(3, 100)).astype(ml_dtypes.bfloat16)
    assert (logits_frequencies(logits) == logits_frequencies(logits.astype(np.float32))).all()


# Columns, spread of the logits: small and large vocabularies, flat and peaked.
@pytest.mark.parametrize(
    ("cols", "spread"), [(2, 3), (256, 0), (256, 3), (256, 12), (50_257, 3), (262_144, 2)]
)
def test_near_the_ideal(cols, spread):
    rng = np.random.default_rng(cols + spread)
    logits = (rng.normal(size=(max(20, 200_000 // cols), cols)) * spread).astype(np.float32)
    symbols = draw_symbols(logits, rng)
    ideal = ideal_bits(logits, symbols)
    # The exponential is within 4.7e-6; weights are cut to multiples of 2^-31 of the largest.
    bound = 7e-6 + cols * 2.0**-31 * 1.45
    np.testing.assert_allclose(logits_code_lengths(logits, symbols), ideal, rtol=1e-6, atol=bound)
    _, freq = logits_intervals(logits, symbols)
    assert (31 - np.log2(freq) - ideal).mean() < 1e-4
    assert 8 * len(encode_logits(logits, symbols)) < ideal.sum() + 1e-4 * len(ideal) + 8


def test_code_lengths_and_stream_agree():
    rng = np.random.default_rng(5)
    logits = (rng.normal(size=(20_000, 256)) * 3).astype(np.float32)
    symbols = draw_symbols(logits, rng)
    payload = encode_logits(logits, symbols)
    assert -1 < 8 * len(payload) - logits_code_lengths(logits, symbols).sum() < 8 + 1e-4 * len(symbols)


def test_one_symbol_costs_nothing():
    logits = np.zeros((100, 1), dtype=np.float32)
    assert logits_code_lengths(logits, np.zeros(100, int)).sum() == 0
    assert logits_frequencies(logits).tolist() == [[2**31]] * 100
    assert len(encode_logits(logits, np.zeros(100, int))) <= 1


def test_largest_vocabulary():
    logits = np.zeros((1, 1 << 20), dtype=np.float32)
    assert logits_code_lengths(logits, [12345])[0] == 20
    assert (logits_frequencies(logits) == 2**11).all()
    assert decode_logits(encode_logits(logits, [12345]), logits).tolist() == [12345]


def test_one_bit_each_when_every_frequency_is_one():
    logits = np.random.default_rng(0).normal(size=256).astype(np.float32)
    assert (logits_frequencies(logits, bits=8) == 1).all()


# ---- coding ------------------------------------------------------------------------------------------


@given(logit_rows(), st.integers(8, 31), st.integers(0, 2**32), st.booleans())
def test_decodes_what_was_encoded(logits, bits, seed, half):
    given_logits = to_bfloat16(logits) if half else logits
    possible = (from_bfloat16(given_logits) if half else logits) != -np.inf
    symbols = draw_symbols(np.where(possible, 0.0, -np.inf), np.random.default_rng(seed))
    payload = encode_logits(given_logits, symbols, bits=bits, bfloat16=half)
    assert decode_logits(payload, given_logits, bits=bits, bfloat16=half).tolist() == symbols.tolist()


@pytest.mark.parametrize("cols", [3, 256, 5000])
def test_every_symbol_decodes(cols):
    """Each symbol once, the improbable ones too: every way through the decoder's search."""
    rng = np.random.default_rng(cols)
    row = (rng.normal(size=cols) * 4).astype(np.float32)
    logits = np.broadcast_to(row, (cols, cols))
    assert decode_logits(encode_logits(logits, np.arange(cols)), logits).tolist() == list(range(cols))


def test_row_by_row_is_the_same_message():
    """A model that needs the symbols decoded so far gives one row at a time."""
    rng = np.random.default_rng(2)
    logits = (rng.normal(size=(50, 300)) * 2).astype(np.float32)
    symbols = draw_symbols(logits, rng)
    whole = encode_logits(logits, symbols)
    encoder = LogitsEncoder()
    encoder.encode(logits[0], symbols[0])
    encoder.encode(logits[1:1], symbols[1:1])
    encoder.encode(logits[1:], symbols[1:])
    assert encoder.finish() == whole
    decoder = LogitsDecoder(whole)
    one_by_one = [decoder.decode(row) for row in logits[:20]]
    assert all(type(symbol) is int for symbol in one_by_one)
    assert one_by_one + decoder.decode(logits[20:]).tolist() == symbols.tolist()
    decoder.finish()


def test_rows_of_different_lengths_in_one_message():
    rng = np.random.default_rng(4)
    rows = [rng.normal(size=n).astype(np.float32) for n in (5, 1000, 1, 64, 70_000, 2)]
    encoder = LogitsEncoder(bits=20)
    for row in rows:
        encoder.encode(row, len(row) // 2)
    decoder = LogitsDecoder(encoder.finish(), bits=20)
    assert [decoder.decode(row) for row in rows] == [len(row) // 2 for row in rows]
    decoder.finish()


def test_threads_do_not_show():
    rng = np.random.default_rng(6)
    logits = (rng.normal(size=(5000, 100)) * 2).astype(np.float32)
    symbols = draw_symbols(logits, rng)
    one = encode_logits(logits, symbols, threads=1)
    assert encode_logits(logits, symbols, threads=3) == one
    lengths = logits_code_lengths(logits, symbols, threads=1)
    assert (logits_code_lengths(logits, symbols, threads=4) == lengths).all()
    assert (logits_frequencies(logits, threads=2) == logits_frequencies(logits, threads=1)).all()


def test_no_rows():
    logits = np.empty((0, 10), dtype=np.float32)
    assert encode_logits(logits, []) == b""
    assert decode_logits(b"", logits).shape == (0,)
    assert logits_code_lengths(logits, []).shape == (0,)


# ---- the same bits everywhere ------------------------------------------------------------------------


def golden_logits(rows: int = 60, cols: int = 1000) -> np.ndarray:
    """Logits that no library's generator or rounding can change: an LCG's bits, scaled by a power of two."""
    state, values = 2026, []
    for _ in range(rows * cols):
        state = state * 6364136223846793005 + 1442695040888963407 & 2**64 - 1
        values.append((state >> 41) - 2**22)
    return (np.array(values, dtype=np.float32) * np.float32(2.0**-19)).reshape(rows, cols)


def golden_symbols(logits: np.ndarray) -> np.ndarray:
    """The most probable, the second and a middling one in turn."""
    order = np.argsort(-logits, axis=1, kind="stable")
    return order[np.arange(len(logits)), np.arange(len(logits)) % 3 * 17]


def test_frozen_payload():
    """Written by the first version; every later one must write and read it."""
    logits = golden_logits()
    symbols = golden_symbols(logits)
    frozen = (GOLDEN / "logits_v1.bin").read_bytes()
    assert encode_logits(logits, symbols) == frozen
    assert decode_logits(frozen, logits).tolist() == symbols.tolist()


def test_frozen_frequencies():
    frozen = np.load(GOLDEN / "logits_frequencies_v1.npy")
    assert (logits_frequencies(golden_logits()[0], bits=24) == frozen).all()
    assert frozen.tolist() == twin_frequencies(golden_logits()[0], 24)


SCRIPT = """
import hashlib, sys
import numpy as np
from skmfast.coding import *
digest = hashlib.sha256()
rng = np.random.default_rng(7)
for cols in (1, 2, 7, 8, 9, 15, 16, 17, 31, 64, 65, 100, 256, 1000, 4099):
    for spread in (0, 1e-38, 0.1, 3, 40, 1e38):
        for holes in (False, True):
            logits = (rng.standard_normal((3, cols)) * spread).clip(-3e38, 3e38).astype(np.float32)
            if holes:
                logits[rng.random(logits.shape) < 0.3] = -np.inf
                logits[:, cols // 2] = 0
            symbols = logits.argmax(axis=1)
            halves = (logits.view(np.uint32) >> 16).astype(np.uint16)
            for array, half in ((logits, False), (halves, True)):
                digest.update(logits_frequencies(array, bfloat16=half).tobytes())
                digest.update(logits_code_lengths(array, symbols, bfloat16=half).tobytes())
                payload = encode_logits(array, symbols, bfloat16=half)
                assert (decode_logits(payload, array, bfloat16=half) == symbols).all()
                digest.update(payload)
print(digest.hexdigest())
"""


def test_same_bits_on_every_instruction_set(on_isa):
    digests = {isa: on_isa(isa, "-c", SCRIPT).strip() for isa in ISAS}
    assert len(set(digests.values())) == 1, digests
    assert len(digests["baseline"]) == 2 * hashlib.sha256().digest_size


# ---- what it refuses ---------------------------------------------------------------------------------


def calls(logits, symbols, **options):
    """Every public function that takes logits."""
    yield lambda: logits_code_lengths(logits, symbols, **options)
    yield lambda: logits_intervals(logits, symbols, **options)
    yield lambda: encode_logits(logits, symbols, **options)
    yield lambda: logits_frequencies(logits, **options)
    yield lambda: decode_logits(b"\x12\x34\x56\x78", logits, **options)


@pytest.mark.parametrize("column", [0, 31, 99])
@pytest.mark.parametrize(("value", "name"), [(math.nan, "NaN"), (-math.nan, "NaN"), (math.inf, r"\+inf")])
@pytest.mark.parametrize("half", [False, True])
def test_bad_logits(column, value, name, half):
    logits = np.zeros((5, 100), dtype=np.float32)
    logits[3, column] = value
    logits[4, 0] = math.nan
    logits[2, 5] = -math.inf
    given_logits = to_bfloat16(logits) if half else logits
    for call in calls(given_logits, np.zeros(5, int), bfloat16=half):
        with pytest.raises(ValueError, match=f"row 3, column {column} is {name}"):
            call()


def test_row_without_a_possible_symbol():
    logits = np.full((2, 10), -np.inf, dtype=np.float32)
    logits[0] = 0
    for call in calls(logits, np.zeros(2, int)):
        with pytest.raises(ValueError, match="row 1 has no possible symbol"):
            call()


def test_impossible_symbol():
    logits = np.zeros((3, 10), dtype=np.float32)
    logits[1, 4] = -np.inf
    assert logits_code_lengths(logits, [4, 4, 4])[1] == math.inf
    with pytest.raises(ValueError, match="symbol 1 is 4, of probability zero"):
        encode_logits(logits, [4, 4, 4])


@pytest.mark.parametrize("symbol", [-1, 10, 2**40])
def test_symbol_outside_its_row(symbol):
    logits = np.zeros((3, 10), dtype=np.float32)
    for function in (logits_code_lengths, logits_intervals, encode_logits):
        with pytest.raises(ValueError, match=f"symbol 2 is {symbol}, outside the 10 columns"):
            function(logits, [0, 9, symbol])


def test_shapes_types_and_ranges():
    good = np.zeros((3, 10), dtype=np.float32)
    with pytest.raises(TypeError, match="got float64"):
        encode_logits(good.astype(np.float64), [0, 0, 0])
    with pytest.raises(TypeError, match="bfloat16=True"):
        encode_logits(good.astype(np.uint16), [0, 0, 0])
    with pytest.raises(TypeError, match="symbols must be integers"):
        encode_logits(good, [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match=r"shape \(3,\) to match the logits, got \(2,\)"):
        encode_logits(good, [0, 0])
    with pytest.raises(ValueError, match="two dimensions"):
        encode_logits(good[0], 0)
    with pytest.raises(ValueError, match="1 to 1048576"):
        logits_frequencies(np.empty((2, 0), dtype=np.float32))
    with pytest.raises(ValueError, match="1 to 1048576"):
        logits_frequencies(np.empty((1, 2**20 + 1), dtype=np.float32))
    for bits in (0, 32):
        with pytest.raises(ValueError, match="bits must be from 1 to 31"):
            logits_frequencies(good, bits=bits)
    with pytest.raises(ValueError, match=r"row 0 has more than 2\*\*3 possible symbols"):
        logits_frequencies(good, bits=3)


def test_an_encoder_ends_once():
    encoder = LogitsEncoder()
    encoder.finish()
    with pytest.raises(ValueError, match="finished"):
        encoder.encode(np.zeros(3, np.float32), 0)
    with pytest.raises(ValueError, match="finished"):
        encoder.finish()


def test_truncated_and_extended_payloads():
    rng = np.random.default_rng(8)
    logits = (rng.normal(size=(300, 256)) * 2).astype(np.float32)
    payload = encode_logits(logits, draw_symbols(logits, rng))
    for damaged in (
        payload[:-1],
        payload[: len(payload) // 2],
        payload[:1],
        b"",
        payload + b"\x00",
        payload + payload,
    ):
        with pytest.raises(CorruptStreamError, match=f"payload of {len(damaged)} bytes"):
            decode_logits(damaged, logits)


def test_a_decoder_stops_at_an_error():
    decoder = LogitsDecoder(b"\x80" * 100)
    with pytest.raises(ValueError, match="NaN"):
        decoder.decode(np.full((2, 4), np.nan, dtype=np.float32))
    with pytest.raises(ValueError, match="earlier error"):
        decoder.decode(np.zeros(4, dtype=np.float32))


@given(st.binary(max_size=60), logit_rows(), st.integers(8, 31))
def test_any_bytes_decode_or_are_refused(payload, logits, bits):
    """Whatever the bytes, the symbols are possible ones or the error is the right one."""
    try:
        symbols = decode_logits(payload, logits, bits=bits)
    except CorruptStreamError:
        return
    assert (logits[np.arange(len(logits)), symbols] != -np.inf).all()
    assert encode_logits(logits, symbols, bits=bits) == payload
