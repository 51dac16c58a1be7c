"""The container's bytes: round trips, every truncation, every flipped bit, sizes that cannot be."""

import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.coding._container import MAX_EXPANSION
from skmfast.coding.container import Block, Container, Value, pack, unpack
from skmfast.errors import CorruptStreamError, UnsupportedStreamError

names = st.text(alphabet="abcxyz019-_", min_size=1, max_size=64)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8"), max_size=40),
)
values = st.one_of(scalars, st.lists(scalars, max_size=20).map(tuple))


@st.composite
def containers(draw: st.DrawFn) -> Container:
    runs = draw(st.lists(st.tuples(st.integers(0, 200_000), st.binary(max_size=30)), max_size=5))
    left = sum(size for size, _ in runs)
    documents = []
    for cut in draw(st.lists(st.integers(0, left), max_size=5)):
        documents.append(min(cut, left))
        left -= documents[-1]
    if left or documents or draw(st.booleans()):
        documents.append(left)
    blocks = [Block(size, draw(st.integers(0, 2**32 - 1)), payload) for size, payload in runs]
    return Container(draw(names), draw(st.dictionaries(names, values, max_size=6)), documents, blocks)


def example() -> bytes:
    blocks = [Block(70_000, 1, b"\xffpay"), Block(3, 2, b"load")]
    parameters: dict[str, Value] = {"alpha": 0.5, "depth": None, "weights": (1, 2.5, "x"), "order": -3}
    return pack(Container("kt", parameters, [1, 2, 70_000], blocks))


def framed(body: bytes, version: int = 1) -> bytes:
    """A sound frame around any header."""
    assert len(body) < 128
    head = b"\x8dSKM" + bytes([version, len(body)]) + body
    return head + zlib.crc32(head).to_bytes(4, "little")


@given(containers())
@settings(deadline=None)
def test_round_trip(container: Container) -> None:
    file = pack(container)
    again = unpack(file)
    assert again.code == container.code
    assert again.parameters == container.parameters
    assert [type(value) for value in again.parameters.values()] == [
        type(container.parameters[name]) for name in again.parameters
    ]
    assert list(again.documents) == list(container.documents)
    for mine, theirs in zip(again.blocks, container.blocks, strict=True):
        assert (mine.original_bytes, mine.original_crc, bytes(mine.payload)) == (
            theirs.original_bytes,
            theirs.original_crc,
            theirs.payload,
        )
        assert bytes(file[mine.offset : mine.offset + len(mine.payload)]) == theirs.payload
    assert pack(again) == file


def test_every_truncation_is_called_one() -> None:
    file = example()
    for size in range(len(file)):
        with pytest.raises(CorruptStreamError, match=f"truncated: the file ends at byte {size}"):
            unpack(file[:size])


def test_every_flipped_bit_outside_payloads_is_found() -> None:
    file = example()
    payloads = {
        place
        for block in unpack(file).blocks
        for place in range(block.offset, block.offset + len(block.payload))
    }
    for bit in range(8 * len(file)):
        if bit // 8 in payloads:
            continue
        flipped = bytearray(file)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptStreamError, match="byte"):
            unpack(bytes(flipped))


@given(st.binary(max_size=120))
def test_any_header_is_read_or_refused(body: bytes) -> None:
    """The frame is sound, so the fields themselves are tried."""
    try:
        container = unpack(framed(body))
    except CorruptStreamError:
        return
    assert pack(container) == framed(body)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param(b"", 6, id="no code"),
        pytest.param(b"\x02KT", 6, id="capitals in a name"),
        pytest.param(b"\x82\x00kt\x00\x00\x00", 6, id="a varint that is not the shortest"),
        pytest.param(b"\x02kt\x02\x01b\x00\x01a\x00\x00\x00", 13, id="parameters out of order"),
        pytest.param(b"\x02kt\x01\x01a\x07\x00\x00", 12, id="an unknown type"),
        pytest.param(b"\x02kt\x01\x01a\x06\x01\x06\x00\x00\x00", 14, id="a list in a list"),
        pytest.param(b"\x02kt\x00\x00\x00junk", 12, id="bytes after the last field"),
        pytest.param(b"\x02kt\x00\xff\xff\xff\xff\x0f\x00", 10, id="more blocks than bytes"),
    ],
)
def test_bad_fields_are_named_by_their_place(body: bytes, place: int) -> None:
    with pytest.raises(CorruptStreamError, match=f"invalid header field at byte {place}"):
        unpack(framed(body))


def test_text_that_is_not_utf8() -> None:
    with pytest.raises(CorruptStreamError, match="UTF-8"):
        unpack(framed(b"\x02kt\x01\x01a\x05\x01\xff\x00\x00"))


def test_later_versions_are_told_from_damage() -> None:
    with pytest.raises(UnsupportedStreamError, match="version 2"):
        unpack(framed(b"whatever a later version holds", version=2))


def test_declared_sizes_are_held_against_the_file() -> None:
    """Forty bytes that declare 2^47: refused, and without taking the memory."""
    huge = b"\x80\x80\x80\x80\x80\x80\x20"
    file = framed(b"\x02kt\x00\x01" + huge + b"\x04" + bytes(4) + b"\x01") + b"load"
    tracemalloc.start()
    with pytest.raises(CorruptStreamError, match=f"truncated: the file ends at byte {len(file)}"):
        unpack(file)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_padding_bounds_the_expansion() -> None:
    size = 10 * MAX_EXPANSION + 1
    file = pack(Container("kt", {}, [size], [Block(size, 0, b"xy")]))
    (block,) = unpack(file).blocks
    assert len(file) == block.offset + 11
    with pytest.raises(CorruptStreamError, match=f"padding that is not zero at byte {len(file) - 1}"):
        unpack(file[:-1] + b"\1")


def test_bytes_after_the_end() -> None:
    file = example()
    with pytest.raises(CorruptStreamError, match=f"after the last block at byte {len(file)}"):
        unpack(file + b"\0")


@pytest.mark.parametrize(
    ("container", "error"),
    [
        (Container("Kt", {}, [], []), ValueError),
        (Container("kt", {"a b": 1}, [], []), ValueError),
        (Container("kt", {"a": (1, (2,))}, [], []), ValueError),  # type: ignore[dict-item]
        (Container("kt", {"a": 2**63}, [], []), OverflowError),
        (Container("kt", {"a": b"bytes"}, [], []), TypeError),  # type: ignore[dict-item]
        (Container("kt", {"a": "x" * 5000}, [], []), ValueError),
        (Container("kt", {}, [3], [Block(4, 0, b"")]), ValueError),
        (Container("kt", {}, [5], [Block(4, 0, b"")]), ValueError),
        (Container("kt", {}, [1 << 49], [Block(1 << 49, 0, b"")]), ValueError),
    ],
)
def test_what_the_format_cannot_hold(container: Container, error: type[Exception]) -> None:
    with pytest.raises(error):
        pack(container)
