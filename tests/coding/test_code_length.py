"""Code length under a fixed table: against a twin in plain integers, and against numpy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skmfast.coding import code_length, code_lengths

ISAS = ("baseline", "avx2", "avx512")
DTYPES = (np.uint8, np.uint16, np.uint32, np.int64, np.int8, np.int32, np.uint64)


# ---- the twin: Python floats and integers, symbol by symbol ------------------------------------------


def twin_log2(x: float) -> float:
    """The series of skm/log2.hpp, operation by operation."""
    m, e = math.frexp(x)  # [1/2, 1)
    if m < math.sqrt(0.5):
        m, e = 2 * m, e - 1
    two_over_ln2 = 2.8853900817779268147
    s = (m - 1) / (m + 1)
    z = s * s
    even = odd = 0.0
    for n in range(21, 0, -4):
        even = even * (z * z) + two_over_ln2 / n
    for n in range(19, 0, -4):
        odd = odd * (z * z) + two_over_ln2 / n
    return e + s * (even + z * odd)


def twin_units(probabilities: list[float]) -> tuple[list[int | None], int]:
    """Lengths in units of 2^-F bits (None for probability zero), and F."""
    longest = -twin_log2(min([1.0, *(p for p in probabilities if p > 0)]))
    fraction = 45 - (1 + math.floor(math.log2(longest)) if longest >= 1 else 0)
    units = [int(max(0.0, -twin_log2(p)) * 2.0**fraction + 0.5) if p > 0 else None for p in probabilities]
    return units, fraction


def twin_code_length(symbols: list[int], probabilities: list[float]) -> float:
    units, fraction = twin_units(probabilities)
    chosen = [units[s] for s in symbols]
    if None in chosen:
        return math.inf
    return sum(chosen) / 2**fraction  # integers: exact until the one rounding of the quotient


# ---- agreement ---------------------------------------------------------------------------------------


@st.composite
def messages(draw):
    """A table, with zeros and very small entries often, and symbols inside it."""
    size = draw(st.one_of(st.integers(1, 300), st.sampled_from([1, 2, 64, 128, 255, 256, 257])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = 2.0 ** -rng.uniform(0, draw(st.sampled_from([0, 1, 8, 60, 900])), size)
    if draw(st.booleans()):
        weights[rng.random(size) < 0.5] = 0
    if weights.sum() == 0:
        weights[0] = 1
    # Runs of thousands cross the blocks of every kernel; short ones are all tail.
    count = draw(st.sampled_from([0, 1, 63, 64, 65, 255, 256, 257, 4095, 4096 + 64, 70_000]))
    probabilities = weights / weights.sum()
    possible = np.flatnonzero(probabilities)
    symbols = rng.choice(possible if draw(st.booleans()) else size, count)
    return symbols, probabilities


@given(messages(), st.sampled_from(DTYPES))
def test_equals_the_twin_to_the_last_bit(message, dtype):
    symbols, probabilities = message
    symbols = symbols[symbols <= np.iinfo(dtype).max].astype(dtype)
    expected = twin_code_length(symbols.tolist(), probabilities.tolist())
    assert code_length(symbols, probabilities, threads=1) == expected
    assert code_length(symbols, probabilities, threads=3) == expected


@given(messages())
def test_is_what_numpy_computes(message):
    symbols, probabilities = message
    with np.errstate(divide="ignore"):
        lengths = -np.log2(probabilities)
    naive = lengths[symbols]
    # One rounding of 2^-(F+1) a symbol, F >= 35 for lengths below 2^11.
    np.testing.assert_allclose(code_lengths(symbols, probabilities), naive, rtol=1e-15, atol=2.0**-36)
    np.testing.assert_allclose(
        code_length(symbols, probabilities), naive.sum(), rtol=1e-12, atol=len(naive) * 2.0**-36
    )


def test_lengths_per_symbol_add_up_exactly():
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.ones(256))
    symbols = rng.integers(0, 256, (30, 40), dtype=np.uint8)
    lengths = code_lengths(symbols, probabilities)
    assert lengths.shape == symbols.shape
    assert math.fsum(lengths.ravel()) == code_length(symbols, probabilities)


def test_powers_of_two_are_exact():
    assert code_length(b"\x00\x01\x02\x03", [0.5, 0.25, 0.125, 0.125]) == 1 + 2 + 3 + 3
    assert code_length([0] * 1000, [1.0]) == 0
    assert code_length([], [1.0]) == 0


def test_smallest_subnormal_probability():
    assert code_length([1, 1], [1.0, 5e-324]) == 2 * 1074


@pytest.mark.parametrize("symbols", [b"abca", bytearray(b"abca"), memoryview(b"abca"), [97, 98, 99, 97]])
def test_bytes_and_lists(symbols):
    probabilities = np.full(256, 1 / 256)
    assert code_length(symbols, probabilities) == 32


def test_any_layout_of_memory():
    probabilities = np.arange(1, 257) / np.arange(1, 257).sum()
    symbols = np.random.default_rng(0).integers(0, 256, (50, 60), dtype=np.uint8)
    assert code_length(symbols[::2, ::3], probabilities) == code_length(
        symbols[::2, ::3].copy(), probabilities
    )
    frozen = symbols.copy()
    frozen.flags.writeable = False
    assert code_length(frozen, probabilities) == code_length(symbols, probabilities)


def test_largest_table():
    size = 1 << 20
    symbols = np.random.default_rng(0).integers(0, size, 10_000)
    assert code_length(symbols, np.full(size, 1 / size)) == 20 * len(symbols)


def test_threads_and_splits_agree():
    """Sums of integers: parts added in any grouping are the whole."""
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(256))
    symbols = rng.integers(0, 256, 2_000_003, dtype=np.uint8)
    whole = code_length(symbols, probabilities, threads=1)
    for threads in (2, 3, 7):
        assert code_length(symbols, probabilities, threads=threads) == whole
    parts = sum(code_length(part, probabilities) for part in np.array_split(symbols, 100))
    assert parts == pytest.approx(whole, rel=1e-15)


def test_real_text(corpora_dir):
    """Under its own histogram a text costs its empirical entropy."""
    text = np.fromfile(corpora_dir / "tinyshakespeare.txt", dtype=np.uint8)
    counts = np.bincount(text, minlength=256)
    nonzero = counts[counts > 0]
    entropy = len(text) * np.log2(len(text)) - (nonzero * np.log2(nonzero)).sum()
    assert code_length(text, counts / len(text)) == pytest.approx(entropy, rel=1e-12)


SCRIPT = """
import numpy as np
from skmfast.coding import code_length
state, symbols = 1, []
for _ in range(5000):
    state = state * 6364136223846793005 + 1442695040888963407 & 2**64 - 1
    symbols.append(state >> 56)
symbols = np.array(symbols)
probabilities = np.arange(1, 257) / 32896
for dtype in (np.uint8, np.uint16, np.uint32, np.int64):
    print(code_length(symbols.astype(dtype), probabilities).hex())
"""


@pytest.mark.parametrize("isa", ISAS)
def test_same_bits_on_every_instruction_set(isa, on_isa):
    assert on_isa(isa, "-c", SCRIPT).split() == [FROZEN_BITS] * 4


FROZEN_BITS = "0x1.488c1c973290ap+15"


# ---- what it refuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([0.5, -0.25, 0.75], r"probability 1 is negative: -0\.25"),
        ([0.5, 0.5, math.nan], r"probability 2 is nan"),
        ([math.inf, 0.5], r"probability 0 is inf"),
        ([0.5, 0.4], r"sum to 0\.9\d*, further than 1e-06 from 1"),
        ([0.0, 0.0], r"sum to 0"),
        ([], r"got shape \(0,\)"),
        ([[0.5, 0.5]], r"got shape \(1, 2\)"),
    ],
)
def test_bad_probabilities(probabilities, message):
    with pytest.raises(ValueError, match=message):
        code_length([0], probabilities)
    with pytest.raises(ValueError, match=message):
        code_lengths([0], probabilities)


def test_tolerance_of_the_sum():
    loose = np.array([0.5, 0.501])
    with pytest.raises(ValueError, match="sum to"):
        code_length([0, 1], loose)
    assert code_length([0, 0], loose, tolerance=0.01) == 2
    assert code_length([0], [1.0 + 1e-9]) == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("position", [0, 70, 5000, 299_999])
def test_symbol_out_of_range(dtype, position):
    symbols = np.zeros(300_000, dtype=dtype)
    symbols[position] = 100
    symbols[position + 1 :] = 101  # only the first counts
    for function in (code_length, code_lengths):
        with pytest.raises(ValueError, match=f"symbol {position} is 100, outside the table of 100"):
            function(symbols, np.full(100, 0.01), threads=2)


def test_negative_and_huge_symbols():
    with pytest.raises(ValueError, match="symbol 1 is -1, outside"):
        code_length([0, -1], [0.5, 0.5])
    with pytest.raises(ValueError, match="symbol 0 is 18446744073709551615, outside"):
        code_length(np.array([2**64 - 1], dtype=np.uint64), [0.5, 0.5])


def test_symbols_that_are_no_integers():
    with pytest.raises(TypeError, match="symbols must be integers, got float64"):
        code_length([0.5], [1.0])
    with pytest.raises(ValueError, match="threads: 0 is less than 1"):
        code_length([0], [1.0], threads=0)


@pytest.mark.parametrize("position", [0, 100, 69_999])
def test_probability_zero_costs_infinitely_much(position):
    symbols = np.zeros(70_000, dtype=np.uint8)
    assert code_length(symbols, [1.0, 0.0]) == 0
    symbols[position] = 1
    assert code_length(symbols, [1.0, 0.0]) == math.inf
    assert np.flatnonzero(np.isinf(code_lengths(symbols, [1.0, 0.0]))).tolist() == [position]
