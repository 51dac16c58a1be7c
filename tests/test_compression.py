"""compress and decompress: round trips, frozen files, damage anywhere."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.codes.context_tree import ContextTree
from skmfast.codes.krichevsky_trofimov import KrichevskyTrofimov
from skmfast.codes.uniform import Uniform
from skmfast.coding.container import Block, Container, pack
from skmfast.compression import compress, decompress, decompress_documents
from skmfast.errors import CorruptStreamError, SkmfastError, UnsupportedStreamError

GOLDEN = Path(__file__).parent / "golden" / "container"
TEXT = b"whether I shall turn out to be the hero of my own life"


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(0, 8), st.integers(1, 400))
@settings(deadline=None)
def test_round_trip(documents: list[bytes], order: int, block_bytes: int) -> None:
    file = compress(documents, KrichevskyTrofimov(order=order), block_bytes=block_bytes)
    assert decompress(file) == b"".join(documents)
    assert decompress_documents(file) == documents
    assert decompress(memoryview(file)) == b"".join(documents)


@pytest.mark.parametrize("code", [KrichevskyTrofimov(order=1), Uniform()], ids=lambda code: code.name)
def test_every_truncation_and_flipped_bit(code: KrichevskyTrofimov | Uniform) -> None:
    file = compress([TEXT, TEXT[:9]], code, block_bytes=40)
    for size in range(len(file)):
        with pytest.raises(CorruptStreamError):
            decompress(file[:size])
    for bit in range(8 * len(file)):
        flipped = bytearray(file)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            assert decompress(bytes(flipped)) == TEXT + TEXT[:9]
        except SkmfastError as error:
            assert str(error)  # noqa: PT017 - both outcomes are right, silence is not


def test_damage_names_the_block() -> None:
    file = bytearray(compress(TEXT * 30, Uniform(), block_bytes=700))
    file[-5] ^= 1
    with pytest.raises(CorruptStreamError, match=r"block 3 of 3, at byte \d+: the checksum"):
        decompress(bytes(file))


def test_a_steep_text_stays_small() -> None:
    """A million zeros cost KT a few hundred bytes."""
    zeros = bytes(1_000_000)
    file = compress(zeros, KrichevskyTrofimov(order=0, alpha=1 / 256))
    assert len(file) < 200
    assert decompress(file) == zeros


@pytest.mark.parametrize("version", [1])
@pytest.mark.parametrize("name", ["kt-order2", "kt-two-documents", "uniform-empty", "context-tree"])
def test_golden_files(version: int, name: str) -> None:
    """Frozen files: every later version reads them; this one also writes them."""
    file = (GOLDEN / f"v{version}-{name}.skm").read_bytes()
    text = (GOLDEN / "text.bin").read_bytes()
    documents, code = {
        "kt-order2": ([text], KrichevskyTrofimov(order=2, alpha=0.25)),
        "kt-two-documents": ([text[:700], text[700:]], KrichevskyTrofimov(order=1)),
        "uniform-empty": ([b""], Uniform()),
        "context-tree": ([text], ContextTree()),
    }[name]
    assert decompress_documents(file) == documents
    assert compress(documents, code, block_bytes=1000) == file


def test_codes_that_are_not_there() -> None:
    with pytest.raises(UnsupportedStreamError, match="'no-such-code'"):
        decompress(pack(Container("no-such-code", {}, [0], [Block(0, 0, b"")])))
    with pytest.raises(UnsupportedStreamError, match="order=99"):
        decompress(pack(Container("kt", {"order": 99}, [0], [Block(0, 0, b"")])))
    with pytest.raises(UnsupportedStreamError, match="colour"):
        decompress(pack(Container("kt", {"colour": True}, [0], [Block(0, 0, b"")])))


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match="cannot encode"):
        compress(b"abc", object())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="block_bytes"):
        compress(b"abc", Uniform(), block_bytes=0)


def test_real_text(corpora_dir: Path) -> None:
    text = (corpora_dir / "alice29.txt").read_bytes()
    code = KrichevskyTrofimov(order=2, alpha=0.01)
    file = compress(text, code)
    assert decompress(file) == text
    # 64 bits is the coder's bound; the rest is the container.
    assert len(file) < code.lengths([text]).bits * (1 + 1e-4) / 8 + 8 + 60
