"""KrichevskyTrofimov against a slow twin, its own sequential predictions, and its streams."""

import itertools
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.codes.base import DecodableCode
from skmfast.codes.krichevsky_trofimov import ContextCounts, KrichevskyTrofimov
from skmfast.errors import CorruptStreamError

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "krichevsky_trofimov"

# Small alphabets make contexts that repeat; all bytes make contexts that do not; runs make steep counts.
texts = st.one_of(
    st.text(alphabet="ab\0\xff", max_size=400).map(lambda text: text.encode("latin-1")),
    st.binary(max_size=400),
    st.integers(0, 3000).map(bytes),
)
orders = st.integers(0, 8)
alphas = st.sampled_from([0.5, 1 / 256, 0.03, 1.0, 2.75, 1 / 4096, 256.0])


def twin_bits(documents: list[bytes], order: int, alpha: float) -> list[float]:
    """Bits of every byte, straight from the definition."""
    counts: dict[bytes, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    bits = []
    for document in documents:
        padded = bytes(order) + document
        for place, byte in enumerate(document):
            seen = counts[padded[place : place + order]]
            bits.append(-math.log2((seen[byte] + alpha) / (sum(seen.values()) + 256 * alpha)))
            seen[byte] += 1
    return bits


def payload_gap(code: KrichevskyTrofimov, document: bytes) -> tuple[float, float]:
    """Payload bits minus code length, and the code length."""
    bits = code.lengths([document]).bits
    return 8 * len(code.encode(document)) - bits, bits


def assert_streams(code: KrichevskyTrofimov, document: bytes) -> None:
    payload = code.encode(document)
    assert code.decode(payload, len(document)) == document
    gap, bits = payload_gap(code, document)
    assert -1e-9 * bits <= gap <= 64 + 1e-4 * bits


def test_it_is_a_decodable_code() -> None:
    assert isinstance(KrichevskyTrofimov(order=1), DecodableCode)
    assert KrichevskyTrofimov(order=1, alpha=0.1).parameters == {"order": 1, "alpha": 0.1}


@given(st.lists(texts, max_size=4), orders, alphas)
@settings(deadline=None)
def test_lengths_equal_the_twin(documents: list[bytes], order: int, alpha: float) -> None:
    code = KrichevskyTrofimov(order=order, alpha=alpha)
    expected = twin_bits(documents, order, code.alpha)
    result = code.lengths(documents, per_byte=True)
    assert result.bits == pytest.approx(math.fsum(expected), rel=1e-9, abs=1e-9)
    assert result.per_byte == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert result.num_bytes == sum(map(len, documents))
    alone = code.lengths(documents, per_document=True, per_byte=True)
    assert alone.per_document == pytest.approx(
        [math.fsum(twin_bits([document], order, code.alpha)) for document in documents], rel=1e-9, abs=1e-9
    )
    assert alone.per_byte is not None
    assert alone.bits == pytest.approx(alone.per_byte.sum(), rel=1e-9, abs=1e-9)


@given(texts, orders, alphas)
@settings(deadline=None)
def test_streams_come_back_near_the_length(document: bytes, order: int, alpha: float) -> None:
    assert_streams(KrichevskyTrofimov(order=order, alpha=alpha), document)


@given(texts, orders, st.lists(st.integers(0, 3000), max_size=6))
@settings(deadline=None)
def test_counts_of_parts_add_up(text: bytes, order: int, cuts: list[int]) -> None:
    code = KrichevskyTrofimov(order=order)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    total = code.count([])
    for begin, end in itertools.pairwise(places):
        total = total + code.count([text[begin:end]], preceding=text[:begin])
    whole = code.count([text])
    for mine, expected in zip(total._arrays(), whole._arrays(), strict=True):
        np.testing.assert_array_equal(mine, expected)
    assert code.lengths_from(total).bits == pytest.approx(code.lengths([text]).bits, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("order", range(9))
@pytest.mark.parametrize("name", ["alice29.txt", "tinyshakespeare.txt"])
def test_real_text(corpora_dir: Path, name: str, order: int) -> None:
    """Counts, sequence, any memory, any threads: one length, and a stream of that length."""
    text = (corpora_dir / name).read_bytes()
    code = KrichevskyTrofimov(order=order)
    result = code.lengths([text], per_byte=True, threads=1)
    assert result.per_byte is not None
    assert result.per_byte.sum() == pytest.approx(result.bits, rel=1e-9)
    # A megabyte: several passes, and the bucket behind a space comes in portions.
    assert code.lengths([text], threads=3, memory=1 << 20).bits == pytest.approx(result.bits, rel=1e-9)
    assert code.lengths_from(code.count([text], threads=2)).bits == pytest.approx(result.bits, rel=1e-9)
    assert_streams(code, text)


@pytest.mark.parametrize("parts", [1, 2, 7, 100])
def test_sharding_real_text(corpora_dir: Path, parts: int) -> None:
    text = (corpora_dir / "alice29.txt").read_bytes()
    code = KrichevskyTrofimov(order=4)
    places = [len(text) * part // parts for part in range(parts + 1)]
    counted = [
        code.count([text[begin:end]], preceding=text[:begin]) for begin, end in itertools.pairwise(places)
    ]
    total = sum(counted[1:], start=counted[0])
    assert code.lengths_from(total).bits == pytest.approx(code.lengths([text]).bits, rel=1e-9)


def test_documents_share_statistics_but_not_contexts() -> None:
    code = KrichevskyTrofimov(order=3)
    one, two = b"the cat sat on the mat", b"the hat of the cat"
    joined = code.lengths([one + two]).bits
    corpus = code.lengths([one, two]).bits
    apart = code.lengths([one]).bits + code.lengths([two]).bits
    assert corpus < apart
    assert corpus != joined


@pytest.mark.parametrize("order", [0, 1, 2, 5, 8])
def test_golden_streams(order: int) -> None:
    """Frozen streams: every later version writes and reads the same bytes."""
    text = (GOLDEN / "text.bin").read_bytes()
    for alpha, tag in ((0.5, "half"), (1 / 64, "64th")):
        payload = (GOLDEN / f"order{order}-{tag}.payload").read_bytes()
        code = KrichevskyTrofimov(order=order, alpha=alpha)
        assert code.encode(text) == payload
        assert code.decode(payload, len(text)) == text


def test_damage_is_found_or_harmless() -> None:
    text = b"it was the best of times, it was the worst of times" * 3
    code = KrichevskyTrofimov(order=2)
    payload = code.encode(text)
    for size in range(len(payload)):
        with pytest.raises(CorruptStreamError, match="byte"):
            code.decode(payload[:size], len(text))
    with pytest.raises(CorruptStreamError):
        code.decode(payload + b"\0", len(text))
    with pytest.raises(CorruptStreamError):
        code.decode(payload, len(text) + 100)
    with pytest.raises(CorruptStreamError, match="declared"):
        code.decode(payload, 1 << 60)
    with pytest.raises(CorruptStreamError, match="declared"):
        code.decode(payload, -1)
    with pytest.raises(CorruptStreamError):
        code.decode(b"", (1 << 31) - 1)


@given(st.binary(max_size=200), st.integers(0, 2000), orders, alphas)
@settings(deadline=None)
def test_any_payload_decodes_or_is_refused(payload: bytes, num_bytes: int, order: int, alpha: float) -> None:
    code = KrichevskyTrofimov(order=order, alpha=alpha)
    try:
        document = code.decode(payload, num_bytes)
    except CorruptStreamError:
        return
    assert code.encode(document) == payload


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"order": 9}, ValueError, "order=9"),
        ({"order": -1}, ValueError, "order=-1"),
        ({"order": 1.5}, TypeError, "1.5"),
        ({"alpha": 0.0}, ValueError, "alpha=0"),
        ({"alpha": math.nan}, ValueError, "alpha=nan"),
        ({"alpha": 1e9}, ValueError, "alpha"),
    ],
)
def test_bad_parameters(arguments: dict[str, float], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        KrichevskyTrofimov(**arguments)  # type: ignore[arg-type]


def test_bad_arguments() -> None:
    code = KrichevskyTrofimov(order=1)
    with pytest.raises(TypeError, match="sequence of documents"):
        code.lengths(b"abc")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"documents\[1\]"):
        code.lengths([b"abc", "abc"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="order 1 and of order 2"):
        code.count([b"a"]) + KrichevskyTrofimov(order=2).count([b"a"])
    with pytest.raises(ValueError, match="order 1"):
        KrichevskyTrofimov(order=2).lengths_from(code.count([b"a"]))
    with pytest.raises(ValueError, match="memory"):
        code.lengths([b"abc"], memory=0)


def test_empty_corpus() -> None:
    code = KrichevskyTrofimov(order=2)
    assert code.lengths([]).bits == 0
    assert code.lengths([b"", b""], per_document=True, per_byte=True).bits == 0
    assert isinstance(code.count([]) + code.count([b""]), ContextCounts)
    assert code.encode(b"") == b""
    assert code.decode(b"", 0) == b""
