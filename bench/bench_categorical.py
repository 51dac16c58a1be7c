"""Code lengths without a stream, and coding under logits, beside numpy and constriction.

``pytest bench/bench_categorical.py`` times small inputs with pytest-benchmark.
``python bench/bench_categorical.py --out record.json`` times the full sizes, peers interleaved in one run,
prints ratios and writes the record. The floor of a row is one read of its input, timed on the same array.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from provenance import provenance
from records import write_record

from skmfast import coding

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = npt.NDArray[np.float32]


# ---- inputs --------------------------------------------------------------------------------------


def zipf_bytes(count: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """Symbols of a 256-symbol Zipf table, and the table."""
    probabilities = 1 / np.arange(1.0, 257)
    probabilities /= probabilities.sum()
    rng = np.random.default_rng(0)
    return rng.choice(256, size=count, p=probabilities).astype(np.uint8), probabilities


def logits_and_symbols(rows: int, cols: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Normal logits of spread 3, and one symbol of each row's own distribution."""
    rng = np.random.default_rng(cols)
    logits = rng.standard_normal((rows, cols), dtype=np.float32)
    logits *= 3
    symbols = np.empty(rows, dtype=np.int64)
    for block in np.array_split(np.arange(rows), max(1, rows * cols // 5_000_000)):
        # A draw of exactly zero (a rounding) would make any symbol win.
        noise = -np.log(np.maximum(rng.standard_exponential((len(block), cols), dtype=np.float32), 6e-8))
        symbols[block] = (logits[block] + noise).argmax(axis=1)
    return logits, symbols


def ideal_bits(logits: Floats, symbols: npt.NDArray[np.int64]) -> float:
    """Mean bits a symbol by log-sum-exp in double precision."""
    total = 0.0
    for block in np.array_split(np.arange(len(logits)), max(1, logits.size // 5_000_000)):
        rows = logits[block].astype(np.float64)
        rows -= rows.max(axis=1, keepdims=True)
        chosen = rows[np.arange(len(block)), symbols[block]]
        total += float((np.log2(np.exp(rows).sum(axis=1)) - chosen / math.log(2)).sum())
    return total / len(logits)


# ---- peers ---------------------------------------------------------------------------------------


def bincount_and_dot(symbols: npt.NDArray[np.uint8], lengths: npt.NDArray[np.float64]) -> float:
    return float(np.bincount(symbols, minlength=256) @ lengths)


def softmax(logits: Floats, dtype: npt.DTypeLike) -> npt.NDArray[np.floating]:
    weights = logits.astype(dtype)
    weights -= weights.max(axis=1, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def softmax_in_blocks(logits: Floats) -> Floats:
    """The same in blocks that stay in the second-level cache: numpy at its best."""
    out = np.empty_like(logits)
    step = max(1, 131_072 // logits.shape[1])
    for begin in range(0, len(logits), step):
        block = out[begin : begin + step]
        part = logits[begin : begin + step]
        np.subtract(part, part.max(axis=1, keepdims=True), out=block)
        np.exp(block, out=block)
        block /= block.sum(axis=1, keepdims=True)
    return out


def constriction_encode(
    symbols: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating]
) -> npt.NDArray[np.uint32]:
    import constriction

    encoder = constriction.stream.queue.RangeEncoder()
    family = constriction.stream.model.Categorical(perfect=False)
    encoder.encode(symbols.astype(np.int32), family, probabilities)
    return encoder.get_compressed()


def constriction_decode(
    words: npt.NDArray[np.uint32], probabilities: npt.NDArray[np.floating]
) -> npt.NDArray[np.int32]:
    import constriction

    family = constriction.stream.model.Categorical(perfect=False)
    return constriction.stream.queue.RangeDecoder(words).decode(family, probabilities)


def log_softmax_lengths(logits: Floats, symbols: npt.NDArray[np.int64]) -> npt.NDArray[np.floating]:
    top = logits.max(axis=1)
    sums = np.exp(logits - top[:, None]).sum(axis=1)
    return (np.log(sums) + top - logits[np.arange(len(logits)), symbols]) / np.float32(math.log(2))


# ---- the table -----------------------------------------------------------------------------------


@dataclass
class Row:
    """Nanoseconds per symbol, best of the rounds."""

    task: str
    ours_ns: float
    floor_ns: float
    peers_ns: dict[str, float]
    bits_per_symbol: float | None = None
    ideal_bits_per_symbol: float | None = None
    payload_bytes: int | None = None

    def line(self) -> str:
        ratios = "  ".join(
            f"{name} {ns:.4g} ({ns / self.ours_ns:.1f}x)" for name, ns in self.peers_ns.items()
        )
        floor = f"floor {self.floor_ns:.3g} ({100 * self.floor_ns / self.ours_ns:.0f} % reached)"
        text = f"{self.task:34} {self.ours_ns:10.4g} ns  {floor}  {ratios}"
        if self.bits_per_symbol is not None and self.ideal_bits_per_symbol is not None:
            text += f"  excess {self.bits_per_symbol - self.ideal_bits_per_symbol:+.2e} bits"
        return text


def best_of(tasks: dict[str, Callable[[], object]], count: int, rounds: int) -> dict[str, float]:
    """Best time of each task in ns per symbol; the tasks take turns, so that all meet the same machine."""
    best = dict.fromkeys(tasks, math.inf)
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            best[name] = min(best[name], (time.perf_counter() - start) / count * 1e9)
    return best


def code_length_row(count: int, rounds: int) -> Row:
    symbols, probabilities = zipf_bytes(count)
    lengths = -np.log2(probabilities)
    tasks: dict[str, Callable[[], object]] = {
        "ours": lambda: coding.code_length(symbols, probabilities, threads=1),
        "floor": lambda: symbols.max(),
        "bincount-and-dot": lambda: bincount_and_dot(symbols, lengths),
    }
    best = best_of(tasks, count, rounds)
    assert math.isclose(
        coding.code_length(symbols, probabilities), bincount_and_dot(symbols, lengths), rel_tol=1e-11
    )
    return Row(f"code length, {count:.0e} bytes", best.pop("ours"), best.pop("floor"), best)


def logits_rows(rows: int, cols: int, rounds: int) -> list[Row]:
    logits, symbols = logits_and_symbols(rows, cols)
    payload = coding.encode_logits(logits, symbols)
    probabilities = softmax(logits, np.float32)
    words = constriction_encode(symbols, probabilities)
    assert (coding.decode_logits(payload, logits) == symbols).all()
    assert (constriction_decode(words, probabilities) == symbols).all()
    del probabilities
    ideal = ideal_bits(logits, symbols)
    shape = f"{rows} x {cols}"

    encode = best_of(
        {
            "ours": lambda: coding.encode_logits(logits, symbols, threads=1),
            "floor": lambda: logits.max(),
            "softmax32+constriction": lambda: constriction_encode(symbols, softmax(logits, np.float32)),
            "blocked softmax32+constriction": lambda: constriction_encode(symbols, softmax_in_blocks(logits)),
            "softmax64+constriction": lambda: constriction_encode(symbols, softmax(logits, np.float64)),
        },
        rows,
        rounds,
    )
    decode = best_of(
        {
            "ours": lambda: coding.decode_logits(payload, logits),
            "floor": lambda: logits.max(),
            "softmax32+constriction": lambda: constriction_decode(words, softmax(logits, np.float32)),
        },
        rows,
        rounds,
    )
    lengths = best_of(
        {
            "ours": lambda: coding.logits_code_lengths(logits, symbols, threads=1),
            "floor": lambda: logits.max(),
            "numpy log-sum-exp": lambda: log_softmax_lengths(logits, symbols),
        },
        rows,
        rounds,
    )
    mean = float(coding.logits_code_lengths(logits, symbols).mean())
    # What the frequencies cost; the message adds whole bytes at its end.
    coded = float((31 - np.log2(coding.logits_intervals(logits, symbols)[1])).mean())
    return [
        Row(f"encode {shape}", encode.pop("ours"), encode.pop("floor"), encode, coded, ideal, len(payload)),
        Row(f"decode {shape}", decode.pop("ours"), decode.pop("floor"), decode),
        Row(f"lengths {shape}", lengths.pop("ours"), lengths.pop("floor"), lengths, mean, ideal),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="where the record goes, as JSON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="a hundredth of the work")
    options = parser.parse_args()
    share = 100 if options.small else 1
    table = [code_length_row(10_000_000 // share, options.rounds)]
    for rows, cols in ((100_000, 256), (2_000, 50_257)):
        table += logits_rows(rows // share, cols, options.rounds)
    for row in table:
        print(row.line())
    if options.out is not None:
        record = {
            **provenance(["constriction"]),
            "subject": "categorical",
            "rows": [asdict(row) for row in table],
        }
        write_record(options.out, record)


# ---- pytest-benchmark ----------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["ours", "numpy"])
def test_code_length(benchmark, who):
    symbols, probabilities = zipf_bytes(1_000_000)
    lengths = -np.log2(probabilities)
    benchmark.extra_info["unit"] = "1e6 symbols"
    if who == "ours":
        benchmark(coding.code_length, symbols, probabilities, threads=1)
    else:
        benchmark(bincount_and_dot, symbols, lengths)


@pytest.mark.parametrize("shape", [(5000, 256), (50, 50_257)], ids=str)
@pytest.mark.parametrize("what", ["encode", "decode", "lengths", "softmax+constriction"])
def test_logits(benchmark, what, shape):
    logits, symbols = logits_and_symbols(*shape)
    benchmark.extra_info["unit"] = f"{shape[0]} symbols"
    if what == "encode":
        benchmark(coding.encode_logits, logits, symbols, threads=1)
    elif what == "decode":
        benchmark(coding.decode_logits, coding.encode_logits(logits, symbols), logits)
    elif what == "lengths":
        benchmark(coding.logits_code_lengths, logits, symbols, threads=1)
    else:
        pytest.importorskip("constriction", reason="the peer is not installed")
        benchmark(lambda: constriction_encode(symbols, softmax(logits, np.float32)))


if __name__ == "__main__":
    main()
