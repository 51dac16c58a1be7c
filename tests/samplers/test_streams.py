"""Frozen streams: the numbers that every version, instruction set and thread count must give."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from skmfast.samplers import AliasTable, Generator
from skmfast.settings import ISAS

GOLDEN = Path(__file__).parents[1] / "golden" / "samplers_streams.json"
COUNT = 500_001  # enough to be split over threads, and for Zipf to look numbers up

Draw = Callable[[Generator, int, int], np.ndarray]


def cases() -> Iterator[tuple[str, Draw]]:
    """Every kind of draw, (generator, count, threads) to numbers."""
    yield "words", lambda g, n, t: g.words(n, threads=t)
    yield "random", lambda g, n, t: g.random(n, threads=t)
    yield "random float32", lambda g, n, t: g.random(n, np.float32, threads=t)
    yield "integers 6", lambda g, n, t: g.integers(6, size=n, threads=t)
    yield "integers wide", lambda g, n, t: g.integers(-(2**62), 2**62 + 2**61, size=n, threads=t)
    for exponent in (0.0, 0.5, 0.95, 1.0, 1.1, 1.5, 4.0):
        yield (
            f"zipf {exponent} to 10**6",
            lambda g, n, t, s=exponent: g.zipf(s, 10**6, size=n, threads=t),
        )
    yield "zipf 1.01 unbounded", lambda g, n, t: g.zipf(1.01, size=n, threads=t)
    yield "zipf 1.2 to 10**15", lambda g, n, t: g.zipf(1.2, 10**15, size=n, threads=t)
    yield "mandelbrot", lambda g, n, t: g.zipf_mandelbrot(1.05, 2.7, 50_000, size=n, threads=t)
    table = AliasTable(1 / np.arange(1, 1001))
    yield "alias of 1000", lambda g, n, t: g.choice(table, size=n, threads=t)
    large = AliasTable(np.sqrt(1 / np.arange(1, 100_001)))
    yield "alias of 10**5", lambda g, n, t: g.choice(large, size=n, threads=t)
    even = AliasTable([0.0, 1.0, 2.5, 1.0, 0.0, 8.0, 0.125, 3.0])
    yield "alias of 8", lambda g, n, t: g.choice(even, size=n, dtype=np.int64, threads=t)


def record(numbers: np.ndarray) -> dict[str, object]:
    """The first numbers, and a hash of all of them as little-endian bytes."""
    little = numbers.astype(numbers.dtype.newbyteorder("<"))
    return {"first": numbers[:4].tolist(), "sha256": hashlib.sha256(little.tobytes()).hexdigest()}


def records(threads: int) -> dict[str, dict[str, object]]:
    return {name: record(draw(Generator(2024, 9, position=77), COUNT, threads)) for name, draw in cases()}


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_golden_streams(threads):
    assert records(threads) == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("isa", ISAS)
def test_instruction_sets_agree(isa, on_isa):
    assert json.loads(on_isa(isa, __file__)) == json.loads(GOLDEN.read_text())


if __name__ == "__main__":
    print(json.dumps(records(threads=2), indent=1))
