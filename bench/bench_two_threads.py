"""What a second thread brings, beside what the machine has to give: labels, rendering, samplers.

Run as ``python bench/bench_two_threads.py [NAME ...] [--out record.json]``, or through pytest
(pytest-benchmark, one short case of each kind).

Of each case three things run in turn: a call on one thread; the same call on two; and two calls on one
thread each at the same time, which have nothing in common but the machine. The last says how much faster two
threads could be at most, had they nothing to wait for and nothing to tell each other: the ceiling. It is
below two where two processors share units, caches or a clock, or where others use the machine. Each round
runs all three; ratios are medians over the rounds, so that a machine whose speed drifts distorts them little.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bench_generation
import bench_samplers
import numpy as np
import pytest
from provenance import provenance
from records import write_record

from skmfast.samplers import Restaurant

NUM_CUSTOMERS = 10_000_000
NUM_SENTENCES = 1 << 18
NUM_DRAWS = 8 * bench_samplers.DRAWS
NUM_CALLS = 4

Call = Callable[[int], Any]  # of a number of threads


def labels_case(discount: float, num: int = NUM_CUSTOMERS) -> Call:
    out = np.zeros(num, np.uint32)
    return lambda threads: Restaurant(discount, 1.0, seed=1).seat(num, out=out, threads=threads)


def rendering_case(num: int = NUM_SENTENCES) -> Call:
    of = bench_generation.Case(num)
    return lambda threads: bench_generation.render(of, threads)


def sampler_case(name: str, num: int = NUM_DRAWS) -> Call:
    """Several calls in a row: one takes a few milliseconds, of which meeting another is no small part."""
    out = np.zeros(num)
    calls = {threads: bench_samplers.ours(out, threads)[name] for threads in (1, 2)}

    def several(threads: int) -> None:
        for _ in range(NUM_CALLS):
            calls[threads]()

    return several


CASES: dict[str, Callable[[], Call]] = {
    "labels 0.5": lambda: labels_case(0.5),
    "labels 0.8": lambda: labels_case(0.8),
    "rendering": rendering_case,
    **{name: lambda name=name: sampler_case(name) for name in bench_samplers.OURS},
}


# ---- measuring -----------------------------------------------------------------------------------


def seconds_of(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


class Pair:
    """Two calls of one thread each that begin together, again and again on the same two threads."""

    def __init__(self, first: Call, second: Call) -> None:
        self._first, self._second = first, second
        self._meeting = threading.Barrier(2)
        self._ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __call__(self) -> None:
        self._meeting.wait()
        self._first(1)
        self._meeting.wait()

    def close(self) -> None:
        self._ended = True
        self._meeting.wait()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            self._meeting.wait()
            if self._ended:
                return
            self._second(1)
            self._meeting.wait()


def measure(make: Callable[[], Call], rounds: int) -> dict[str, float]:
    """Median seconds on one thread, on two, and of two at once; how many times one each of them is."""
    first, second = make(), make()
    pair = Pair(first, second)
    runs: dict[str, Callable[[], Any]] = {"one": lambda: first(1), "two": lambda: first(2), "both": pair}
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            seconds[name].append(seconds_of(run))
    pair.close()
    medians = {f"{name}_s": statistics.median(times) for name, times in seconds.items()}
    two_threads = median_ratio(seconds["one"], seconds["two"])
    ceiling = 2 * median_ratio(seconds["one"], seconds["both"])
    return medians | {"two_threads": two_threads, "ceiling": ceiling, "of_ceiling": two_threads / ceiling}


def median_ratio(over: list[float], under: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def print_row(name: str, row: dict[str, float]) -> None:
    print(
        f"{name:14} one {1e3 * row['one_s']:8.2f} ms  two threads {row['two_threads']:5.2f}"
        f"  ceiling {row['ceiling']:5.2f}  {100 * row['of_ceiling']:4.0f} % of it",
        flush=True,
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: labels_case(0.8, 100_000),
        lambda: rendering_case(1 << 12),
        lambda: sampler_case("words", 10_000),
    ],
    ids=["labels", "rendering", "words"],
)
def test_two_threads(benchmark: Any, make: Callable[[], Call]) -> None:
    row = benchmark(measure, make, 1)
    assert row["two_threads"] > 0
    assert row["ceiling"] > 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of one case, all by default: {', '.join(CASES)}"
    )
    parser.add_argument("--out", type=Path, help="write a JSON record here")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    rows = []
    for name in arguments.names or CASES:
        if name not in CASES:
            parser.error(f"{name!r} is none of {', '.join(CASES)}")
        row = measure(CASES[name], arguments.rounds)
        print_row(name, row)
        rows.append({"name": name} | row)
    if arguments.out:
        write_record(arguments.out, provenance() | {"rounds": arguments.rounds, "rows": rows})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
