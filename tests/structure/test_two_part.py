"""The two-part code: what it writes is as long as the curve says, and comes back; damage is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.codes.registry import make_code
from skmfast.codes.tree_hull import tree_hull
from skmfast.codes.two_part import TwoPart
from skmfast.compression import compress, decompress
from skmfast.errors import CorruptStreamError


@given(
    st.one_of(
        st.binary(max_size=400),
        st.text("ab", max_size=400).map(str.encode),
        st.text("\0a", max_size=200).map(lambda text: 3 * text.encode()),
    ),
    st.sampled_from([None, 0, 1, 3]),
    st.floats(0, 1),
)
@settings(max_examples=150, deadline=None)
def test_round_trip_at_any_point(text, depth, where):
    hull = tree_hull([text], depth=depth)
    model_bits = float(hull.model_bits[int(where * (len(hull.model_bits) - 1))])
    code = TwoPart(model_bits=model_bits, depth=depth)
    assert code.decode(code.encode(text), len(text)) == text


def test_parts_are_as_long_as_the_curve_says(corpora_dir):
    text = (corpora_dir / "alice29.txt").read_bytes()[:60_000]
    hull = tree_hull([text])
    points = np.unique(np.geomspace(1, len(hull.model_bits) - 1, 9).astype(int)).tolist()
    for point in [0, hull.minimum, *points]:
        model, data = TwoPart(model_bits=float(hull.model_bits[point])).encode_parts(text)
        assert -1 < 8 * len(model) - hull.model_bits[point] < 64
        assert -1 < 8 * len(data) - hull.data_bits[point] < 64


def test_lengths_are_the_two_parts(corpora_dir):
    text = (corpora_dir / "alice29.txt").read_bytes()[:20_000]
    for code in (TwoPart(), TwoPart(model_bits=9000)):
        lengths = code.lengths([text])
        assert lengths.metadata["parts"]["model_bits"] <= (code.parameters["model_bits"] or np.inf)
        assert abs(lengths.bits - 8 * len(code.encode(text))) < 64
    each = TwoPart().lengths([text, b"", text[:500]], per_document=True)
    assert each.per_document[1] == 0
    assert each.per_document[0] == TwoPart().lengths([text]).bits
    assert abs(each.bits - each.per_document.sum()) < 1e-9


def test_container():
    text = b"how much wood would a woodchuck chuck " * 60
    for spec in ("two-part", "two-part:900", "two-part:model_bits=700,depth=3"):
        packed = compress(text, make_code(spec))
        assert decompress(packed) == text
        assert len(packed) < len(text) / 8


@pytest.mark.parametrize("seed", range(3))
def test_damage_is_noticed(seed):
    rng = np.random.default_rng(seed)
    text = bytes(rng.choice(list(b"abcd"), 3000, p=[0.7, 0.1, 0.1, 0.1]))
    code = TwoPart()
    payload = code.encode(text)
    silent = 0
    for _ in range(60):
        damaged = bytearray(payload)
        damaged[rng.integers(len(payload))] ^= 1 << int(rng.integers(8))
        try:
            silent += code.decode(bytes(damaged), len(text)) == text
        except CorruptStreamError:
            continue
    assert silent == 0
    for size in range(len(payload)):
        if size % 7 == 0:
            with pytest.raises(CorruptStreamError):
                code.decode(payload[:size], len(text))
    packed = bytearray(compress(text, code))
    packed[-20] ^= 4
    with pytest.raises(CorruptStreamError, match="block 1"):
        decompress(bytes(packed))


def test_foreign_payloads():
    code = TwoPart()
    for payload in (b"", b"\xff", b"\xff" * 9, b"\x05ab", b"\x80\x00a", bytes(range(256))):
        with pytest.raises(CorruptStreamError, match="two-part payload"):
            code.decode(payload, 1000)
    with pytest.raises(CorruptStreamError, match="no document"):
        code.decode(b"a", 0)
    assert code.decode(b"", 0) == b""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model_bits": -1}, "model_bits: -1"),
        ({"model_bits": float("inf")}, "model_bits: inf"),
        ({"depth": 65}, "depth: 65"),
    ],
)
def test_parameters_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        TwoPart(**arguments)


def test_too_few_model_bits():
    with pytest.raises(ValueError, match="the empty tree has"):
        TwoPart(model_bits=3).encode(b"some text")


GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "two_part.json").read_text())


@pytest.mark.parametrize("frozen", GOLDEN, ids=lambda frozen: frozen["name"])
def test_golden_streams(frozen):
    text = eval_text(frozen["name"])
    code = TwoPart(**frozen["parameters"])
    payload = bytes.fromhex(frozen["payload"])
    assert code.decode(payload, len(text)) == text
    assert code.encode(text) == payload


def eval_text(name):
    """The frozen texts."""
    steps = np.arange(600)
    return {
        "empty": b"",
        "one byte": b"x",
        "phrases": b"the cat sat on the mat; the dog sat on the cat. " * 12,
        "zeros": b"\0\0a\0" * 40 + b"b",
        "bytes": (steps * steps * 7919 % 65521 % 256).astype(np.uint8).tobytes(),
        "shallow": b"how much wood would a woodchuck chuck " * 20,
        "few model bits": b"how much wood would a woodchuck chuck " * 20,
    }[name]
