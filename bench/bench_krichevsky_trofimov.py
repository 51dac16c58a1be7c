"""KrichevskyTrofimov beside a plain numpy count of the same contexts: ns per byte in the extra column."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from skmfast.codes.krichevsky_trofimov import KrichevskyTrofimov

ORDERS = (0, 1, 2, 3, 5, 8)


@pytest.fixture(scope="module")
def text() -> bytes:
    """A megabyte of English that every Python ships, repeated with a shift so that contexts recur."""
    from pydoc_data import topics

    words = "".join(topics.topics.values()).encode()
    return (words + words[::3])[: 1 << 20]


def timed(benchmark: Any, text: bytes, task: Callable[[], Any]) -> Any:
    result = benchmark(task)
    if benchmark.stats is not None:
        benchmark.extra_info["ns_per_byte"] = benchmark.stats.stats.median * 1e9 / len(text)
    return result


@pytest.mark.parametrize("order", ORDERS)
def test_lengths(benchmark: Any, text: bytes, order: int) -> None:
    code = KrichevskyTrofimov(order=order)
    timed(benchmark, text, lambda: code.lengths([text], threads=1))


@pytest.mark.parametrize("order", [0, 1, 2, 3, 5])
def test_numpy_unique(benchmark: Any, text: bytes, order: int) -> None:
    """The peer: keys of context and byte, `np.unique` with counts; the lengths would come on top."""
    padded = np.frombuffer(bytes(order) + text, np.uint8).astype(np.uint64)

    def count() -> Any:
        keys = np.zeros(len(text), np.uint64)
        for place in range(order + 1):
            keys = keys << np.uint64(8) | padded[place : place + len(text)]
        return np.unique(keys, return_counts=True)

    _, counts = timed(benchmark, text, count)
    assert len(counts) == len(KrichevskyTrofimov(order=order).count([text]).counts)


@pytest.mark.parametrize("order", ORDERS)
def test_encode(benchmark: Any, text: bytes, order: int) -> None:
    code = KrichevskyTrofimov(order=order)
    timed(benchmark, text, lambda: code.encode(text))


@pytest.mark.parametrize("order", ORDERS)
def test_decode(benchmark: Any, text: bytes, order: int) -> None:
    code = KrichevskyTrofimov(order=order)
    payload = code.encode(text)
    timed(benchmark, text, lambda: code.decode(payload, len(text)))
