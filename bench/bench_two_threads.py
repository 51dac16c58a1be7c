"""What a second thread brings, beside what the machine has to give: labels, rendering, samplers.

Run as ``python bench/bench_two_threads.py [NAME ...] [--out record.json]``, or through pytest
(pytest-benchmark, one short case of each kind).

Of each case three things run in turn: a call on one thread; the same call on two; and two calls on one
thread each at the same time, which have nothing in common but the machine. The last says how much faster two
threads could be at most, had they nothing to wait for and nothing to tell each other: the ceiling. It is
below two where two processors share units, caches or a clock. Each round runs all three; ratios are medians
over the rounds, so that a machine whose speed drifts distorts them little. Only rounds count in which the
host of a virtual machine took no processor away (undisturbed.py); what all rounds say stands beside them.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bench_generation
import bench_samplers
import numpy as np
import pytest
from provenance import provenance
from records import exit_code, write_record
from undisturbed import run_rounds

from skmfast.samplers import Restaurant

NUM_CUSTOMERS = 10_000_000
NUM_SENTENCES = 1 << 18
NUM_DRAWS = 8 * bench_samplers.DRAWS
CASE_S = 0.03
REQUIRED = 1.7

Call = Callable[[int], Any]  # of a number of threads


def labels_case(discount: float, num: int = NUM_CUSTOMERS) -> Call:
    out = np.zeros(num, np.uint32)
    return lambda threads: Restaurant(discount, 1.0, seed=1).seat(num, out=out, threads=threads)


def rendering_case(num: int = NUM_SENTENCES) -> Call:
    of = bench_generation.Case(num)
    return lambda threads: bench_generation.render(of, threads)


def sampler_case(name: str, num: int = NUM_DRAWS) -> Call:
    """Calls in a row, where one takes a few milliseconds only: meeting another is no small part of it."""
    out = np.zeros(num)
    calls = {threads: bench_samplers.ours(out, threads)[name] for threads in (1, 2)}
    calls[1]()
    num_calls = max(1, round(CASE_S / seconds_of(calls[1])))

    def several(threads: int) -> None:
        for _ in range(num_calls):
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


def measure(make: Callable[[], Call], rounds: int, patience_s: float) -> dict[str, Any]:
    """Median seconds on one thread, on two, and of two at once; how many times one each of them is.

    From undisturbed rounds, as many as asked if there is patience for them; ``all`` from all of them. Where
    no round was undisturbed there is only the latter.
    """
    first, second = make(), make()
    pair = Pair(first, second)
    runs: dict[str, Callable[[], Any]] = {"one": lambda: first(1), "two": lambda: first(2), "both": pair}
    for run in runs.values():
        run()
    measured = run_rounds(lambda: {name: seconds_of(run) for name, run in runs.items()}, rounds, patience_s)
    pair.close()
    row: dict[str, Any] = summarise(measured.undisturbed) if measured.undisturbed else {}
    return row | {"stolen_s": measured.stolen_s, "all": summarise(measured.all)}


def summarise(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    row: dict[str, float] = {"rounds": len(rounds)}
    row |= {f"{name}_s": statistics.median(of[name] for of in rounds) for name in rounds[0]}
    two_threads = statistics.median(of["one"] / of["two"] for of in rounds)
    ceiling = 2 * statistics.median(of["one"] / of["both"] for of in rounds)
    return row | {"two_threads": two_threads, "ceiling": ceiling, "of_ceiling": two_threads / ceiling}


def print_row(name: str, row: dict[str, Any]) -> None:
    of = row if "rounds" in row else row["all"]
    print(
        f"{name:14} one {1e3 * of['one_s']:8.2f} ms  two threads {of['two_threads']:5.2f}"
        f"  ceiling {of['ceiling']:5.2f}  {100 * of['of_ceiling']:4.0f} % of it",
        end="",
    )
    kept, rounds = row.get("rounds", 0), row["all"]["rounds"]
    if kept < rounds:
        print(
            f"  ({kept} of {rounds} rounds undisturbed; all: {row['all']['two_threads']:.2f}"
            f" of {row['all']['ceiling']:.2f})",
            end="",
        )
    print(flush=True)


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
    row = benchmark(measure, make, 1, 0.0)
    assert row["all"]["two_threads"] > 0
    assert row["all"]["ceiling"] > 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of one case, all by default: {', '.join(CASES)}"
    )
    parser.add_argument("--out", type=Path, help="write a JSON record here")
    parser.add_argument("--rounds", type=int, default=15, help="undisturbed ones of each case")
    parser.add_argument(
        "--patience", type=float, default=60, metavar="S", help="seconds to wait for them, in each case"
    )
    arguments = parser.parse_args()
    rows = []
    for name in arguments.names or CASES:
        if name not in CASES:
            parser.error(f"{name!r} is none of {', '.join(CASES)}")
        row = measure(CASES[name], arguments.rounds, arguments.patience)
        print_row(name, row)
        rows.append({"name": name} | row)
    disturbed = [row["name"] for row in rows if "rounds" not in row]
    if disturbed:
        parser.exit(1, f"no round was undisturbed, so there is nothing to record: {', '.join(disturbed)}\n")
    failures = [
        f"{row['name']}: two threads {row['two_threads']:.2f} times one, {REQUIRED} required"
        for row in rows
        if row["two_threads"] < REQUIRED
    ]
    if arguments.out:
        write_record(arguments.out, provenance() | {"rows": rows, "failures": failures})
    return exit_code(failures)


if __name__ == "__main__":
    raise SystemExit(main())
