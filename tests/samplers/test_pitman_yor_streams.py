"""Frozen streams of the Pitman-Yor and gamma samplers: the same for every version and instruction set."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from skmfast import samplers
from skmfast.settings import ISAS

GOLDEN = Path(__file__).parents[1] / "golden" / "pitman_yor_streams.json"
COUNT = 300_001  # hundreds of epochs, and shared among threads


def cases(threads: int) -> Iterator[tuple[str, np.ndarray]]:
    """Every kind of draw."""
    for discount, concentration in [(0.0, 1.5), (0.5, 1.0), (0.5, -0.25), (0.8, 1.0), (0.3, 1e5)]:
        restaurant = samplers.Restaurant(discount, concentration, seed=2024)
        yield f"labels {discount} {concentration}", restaurant.seat(COUNT, threads=threads)
    given = samplers.Restaurant.given([2**33, 5, 2**20, 1], 0.7, 1.0, seed=2024)  # beyond 2^31 customers
    yield "labels after 2**33", given.seat(COUNT, threads=threads)
    yield "sizes 0.5 1.0", samplers.table_sizes(10**9, 0.5, 1.0, seed=2024)
    yield "sizes 0.8 -0.5", samplers.table_sizes(10**6, 0.8, -0.5, seed=2024)
    yield "sticks", samplers.StickBreaking(0.5, 1.0, seed=2024).weights(5000)
    weights, rest = samplers.weights_given(np.arange(1, 50_000), 0.5, 1.0, seed=2024, threads=threads)
    yield "weights", np.append(weights, rest)
    shapes = np.geomspace(1e-4, 1e12, COUNT // 3)
    yield "gamma", samplers.gamma(shapes, seed=2024, first=77, threads=threads)
    yield "gamma logarithms", samplers.gamma(shapes, seed=2024, log=True, threads=threads)
    yield "beta", samplers.beta(shapes, shapes[::-1], seed=2024, first=1, threads=threads)
    yield "dirichlet", samplers.dirichlet(shapes, seed=2024, threads=threads)
    trials = np.geomspace(1, 2**52, COUNT // 3).astype(np.uint64)
    yield "binomial", samplers.binomial(trials, 0.3, seed=2024, threads=threads)
    small = np.geomspace(1e-13, 1, COUNT // 3)
    yield "binomial rare", samplers.binomial(10**12, small, seed=2024, threads=threads)


def record(numbers: np.ndarray) -> dict[str, object]:
    """Some numbers, and a hash of all of them as little-endian bytes."""
    little = numbers.astype(numbers.dtype.newbyteorder("<"))
    return {"last": numbers[-4:].tolist(), "sha256": hashlib.sha256(little.tobytes()).hexdigest()}


def records(threads: int) -> dict[str, dict[str, object]]:
    return {name: record(numbers) for name, numbers in cases(threads)}


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_golden_streams(threads):
    assert records(threads) == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("isa", ISAS)
def test_instruction_sets_agree(isa, on_isa):
    assert json.loads(on_isa(isa, __file__)) == json.loads(GOLDEN.read_text())


if __name__ == "__main__":
    print(json.dumps(records(threads=2), indent=1))
