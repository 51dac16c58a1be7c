"""Random numbers, Zipf ranks, alias tables, gamma and beta draws beside numpy, abseil and numba, in one run.

Run as ``python bench/bench_samplers.py [--out record.json]`` for the table and its ratios, or through pytest
(pytest-benchmark, one short case per draw). abseil takes part where its headers (Debian: libabsl-dev) and a
C++ compiler are; numba where it is installed.

Required, through Python and on one core: uniform doubles at least 2.5 times as fast as numpy's PCG64
(``random(out=)``); Zipf(1.5) on a million ranks at least 15 times as fast as ``numpy.random.Generator.zipf``
and at least twice as fast as abseil's ``zipf_distribution``; draws from an alias table of a million
categories at least 8 times as fast as a loop compiled by numba; and two threads at least 1.7 times as fast
as one. Each round runs every contender once and each figure is the least over the rounds, so that a busy
machine disturbs all alike. How many times as fast two threads are is the median of the rounds' ratios, one
call beside the other: one processor may well be left alone in some round, and run at its highest clock,
while both hardly are in the same one. bench_two_threads.py has the ceiling of these ratios.

Floors. A uniform double is 8 bytes written and 9 multiplications (ten rounds of Philox give two words of
64 bits; of their 20 products 2 are the same for neighbouring blocks); neither can be avoided, so the larger
of the two times is the floor: bytes over the rate of filling the same array, and multiplications over the
rate of bench/peers/multiply_rate.cpp. The other draws take such a word each, and share its floor.

With AVX-512 a double is nearer to another bound. Sixteen of them take 63 operations of the two vector units:
17 products, 19 exclusive-ors, 18 moves from upper to lower halves, an addition, 2 moves into order and 6 for
the conversion. Loads do 4 of the moves instead: 59, 1.84 cycles a double, 0.77 ns at 2.4 GHz. Reached, in
cache and not counting Python: 0.79 to 0.86 ns.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from provenance import provenance
from records import exit_code, write_record

from skmfast.samplers import AliasTable, Generator, beta, dirichlet, gamma

PEERS = Path(__file__).parent / "peers"
DRAWS = 200_000  # of 8 bytes: in the second-level cache
RANKS = 1_000_000
CATEGORIES = 1_000_000
EXPONENT = 1.5
EXPONENTS = (0.5, 1.0, 1.1, EXPONENT, 3.0)
ZIPF = [f"zipf {exponent}" for exponent in EXPONENTS]
OURS = ["random", "words", "integers 1000", "alias", *ZIPF, "gamma 0.5", "beta 0.5 1.5", "dirichlet"]
MULTIPLICATIONS = 9  # of 32 bits, for a word of 64
# (ours, peer, how many times as fast)
REQUIRED = [
    ("random", "numpy random", 2.5),
    ("zipf 1.5", "numpy zipf 1.5", 15.0),
    ("zipf 1.5", "abseil zipf 1.5", 2.0),
    ("alias", "numba alias", 8.0),
]
REQUIRED_OF_TWO_THREADS = 1.7

Contender = Callable[[], Any]


# ---- contenders ----------------------------------------------------------------------------------


def weights(categories: int) -> np.ndarray:
    return 1 / np.arange(1.0, categories + 1)


def ours(out: np.ndarray, threads: int = 1, categories: int = CATEGORIES) -> dict[str, Contender]:
    """Draws into `out`, of 8 bytes each, which all contenders share: the same pages, the same caches."""
    generator = Generator(1)
    table = AliasTable(weights(categories))
    reals, ranks, words = out, out.view(np.int64), out.view(np.uint64)
    numbers = out.view(np.uint32)[: out.size]
    every: dict[str, Contender] = {
        "random": lambda: generator.random(out=reals, threads=threads),
        "words": lambda: generator.words(out=words, threads=threads),
        "integers 1000": lambda: generator.integers(1000, out=ranks, threads=threads),
        "alias": lambda: generator.choice(table, out=numbers, threads=threads),
    }
    for exponent in EXPONENTS:
        every[f"zipf {exponent}"] = lambda s=exponent: generator.zipf(s, RANKS, out=ranks, threads=threads)
    shapes = np.full(out.size, 0.5)
    every["gamma 0.5"] = lambda: gamma(0.5, out.size, seed=1, out=reals, threads=threads)
    every["beta 0.5 1.5"] = lambda: beta(0.5, 1.5, out.size, seed=1, out=reals, threads=threads)
    every["dirichlet"] = lambda: dirichlet(shapes, seed=1, out=reals, threads=threads)
    return every


def numpy_peers(out: np.ndarray) -> dict[str, Contender]:
    generator = np.random.default_rng(1)
    draws = out.size
    return {
        "fill": lambda: out.fill(1.0),
        "numpy random": lambda: generator.random(out=out),
        "numpy integers 1000": lambda: generator.integers(1000, size=draws),
        "numpy zipf 1.5": lambda: generator.zipf(EXPONENT, draws),
    }


def numba_alias(out: np.ndarray, categories: int = CATEGORIES) -> dict[str, Contender]:
    """A loop over draws as one would write it: a uniform number, and a look into two arrays."""
    try:
        import numba
    except ImportError:
        return {}
    probability, alias = vose(weights(categories))
    numbers = out.view(np.uint32)[: out.size]

    @numba.njit
    def loop(probability: Any, alias: Any, out: Any) -> None:
        for j in range(out.size):
            place = np.random.random() * probability.size  # noqa: NPY002
            column = int(place)
            out[j] = column if place - column < probability[column] else alias[column]

    loop(probability, alias, numbers[:1])
    return {"numba alias": lambda: loop(probability, alias, numbers)}


def vose(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scaled = (p / p.sum() * p.size).tolist()
    alias = list(range(p.size))
    small = [i for i, x in enumerate(scaled) if x < 1]
    large = [i for i, x in enumerate(scaled) if x >= 1]
    while small and large:
        low, high = small.pop(), large[-1]
        alias[low] = high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            small.append(large.pop())
    for i in small + large:
        scaled[i] = 1.0
    return np.array(scaled), np.array(alias, dtype=np.uint32)


@contextmanager
def programs() -> Iterator[dict[str, Path]]:
    """The programs of bench/peers that compile here, by name."""
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    libraries: list[str] = []
    if shutil.which("pkg-config"):
        asked = ["pkg-config", "--libs", "absl_random_random", "absl_random_distributions"]
        libraries = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    with tempfile.TemporaryDirectory() as folder:
        built = {}
        for source in sorted(PEERS.glob("*.cpp")) if compiler else []:
            target = Path(folder) / source.stem
            command = [str(compiler), "-std=c++17", "-O3", "-march=native", str(source), "-o", str(target)]
            if source.stem == "zipf_abseil":
                command += libraries
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                built[source.stem] = target
        yield built


def output_of(program: Path, *arguments: object) -> float:
    command = [str(program), *map(str, arguments)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


# ---- measuring -----------------------------------------------------------------------------------


@contextmanager
def one_core() -> Iterator[None]:
    """This process, and what it starts, on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def nanoseconds(call: Contender, draws: int, repeats: int = 3) -> float:
    """Least time of a draw over a few calls in a row: the first finds caches that another contender left."""
    least = float("inf")
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - begin)
    return 1e9 * least / draws


def measure(draws: int, rounds: int, categories: int = CATEGORIES) -> dict[str, float]:
    """Least nanoseconds of a draw of every contender, one thread on one core."""
    out = np.zeros(draws)
    every = {
        **ours(out, categories=categories),
        **numpy_peers(out),
        **numba_alias(out, categories),
    }
    least = dict.fromkeys(every, float("inf"))
    with one_core(), programs() as built:
        for _ in range(rounds):
            for name, call in every.items():
                least[name] = min(least[name], nanoseconds(call, draws))
            if "zipf_abseil" in built:
                taken = output_of(built["zipf_abseil"], EXPONENT, RANKS, draws, 3)
                least["abseil zipf 1.5"] = min(least.get("abseil zipf 1.5", taken), taken)
            if "multiply_rate" in built:
                taken = output_of(built["multiply_rate"])
                least["multiplication"] = min(least.get("multiplication", taken), taken)
    return least


def measure_threads(draws: int, rounds: int) -> dict[str, float]:
    """How many times as fast two threads are as one: median of the rounds, in each of which both run."""
    if len(os.sched_getaffinity(0)) < 2:
        return {}
    out = np.zeros(draws)
    one, two = ours(out, 1), ours(out, 2)
    ratios: dict[str, list[float]] = {name: [] for name in one}
    for _ in range(rounds):
        for name, of_rounds in ratios.items():
            of_rounds.append(nanoseconds(one[name], draws) / nanoseconds(two[name], draws))
    return {name: statistics.median(of_rounds) for name, of_rounds in ratios.items()}


def summarise(least: dict[str, float], threads: dict[str, float]) -> dict[str, Any]:
    floors = {"write": least["fill"]}
    if "multiplication" in least:
        floors["multiply"] = MULTIPLICATIONS * least["multiplication"]
    floor = max(floors.values())
    rows = []
    for name in OURS:
        row: dict[str, Any] = {"name": name, "ns": least[name], "million_per_s": 1e3 / least[name]}
        row["of_floor"] = floor / least[name]
        row["two_threads"] = threads.get(name)
        peers = [peer for peer in least if peer.split(" ", 1)[-1] == name and peer != name]
        row["times_as_fast_as"] = {peer: least[peer] / least[name] for peer in peers}
        rows.append(row)
    failures = [
        f"{name}: {least[peer] / least[name]:.2f} times as fast as {peer}, {required} required"
        for name, peer, required in REQUIRED
        if peer in least and least[peer] / least[name] < required
    ]
    failures += [
        f"{name}: two threads {ratio:.2f} times as fast as one, {REQUIRED_OF_TWO_THREADS} required"
        for name, ratio in threads.items()
        if ratio < REQUIRED_OF_TWO_THREADS
    ]
    absent = [peer for _, peer, _ in REQUIRED if peer not in least]
    peers_ns = {name: ns for name, ns in least.items() if name not in OURS}
    return {"floors_ns": floors, "rows": rows, "peers_ns": peers_ns, "absent": absent, "failures": failures}


def print_table(summary: dict[str, Any]) -> None:
    print("floors, ns:", ", ".join(f"{name} {ns:.3f}" for name, ns in summary["floors_ns"].items()))
    for row in summary["rows"]:
        threads = f"{row['two_threads']:.2f}" if row["two_threads"] else "-"
        peers = ", ".join(f"{ratio:.1f} x {peer}" for peer, ratio in row["times_as_fast_as"].items())
        print(
            f"{row['name']:14} {row['ns']:7.2f} ns {row['million_per_s']:7.0f} M/s  "
            f"{100 * row['of_floor']:3.0f} % of floor  two threads {threads}  {peers}"
        )


# ---- pytest-benchmark ----------------------------------------------------------------------------


def timed(benchmark: Any, draws: int, call: Contender) -> None:
    benchmark(call)
    if benchmark.stats is not None:
        benchmark.extra_info["ns_per_draw"] = 1e9 * benchmark.stats["min"] / draws


@pytest.mark.parametrize("name", OURS)
def test_ours(benchmark: Any, name: str) -> None:
    timed(benchmark, 100_000, ours(np.zeros(100_000), categories=100_000)[name])


@pytest.mark.parametrize("name", ["numpy random", "numpy integers 1000", "numpy zipf 1.5"])
def test_numpy(benchmark: Any, name: str) -> None:
    timed(benchmark, 100_000, numpy_peers(np.zeros(100_000))[name])


def test_numba(benchmark: Any) -> None:
    pytest.importorskip("numba")
    timed(benchmark, 100_000, numba_alias(np.zeros(100_000), 100_000)["numba alias"])


def test_the_long_way_small() -> None:
    """What main does, with every peer there is."""
    summary = summarise(measure(5000, 1, categories=1000), {})
    assert [row["name"] for row in summary["rows"]] == OURS
    assert summary["floors_ns"]["write"] > 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write a JSON record here")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    least = measure(arguments.draws, arguments.rounds)
    threads = measure_threads(8 * arguments.draws, arguments.rounds)
    summary = summarise(least, threads)
    print_table(summary)
    if arguments.out:
        sizes = {
            "draws": arguments.draws,
            "rounds": arguments.rounds,
            "ranks": RANKS,
            "categories": CATEGORIES,
        }
        write_record(arguments.out, provenance() | sizes | summary)
    for peer in summary["absent"]:
        print("absent:", peer, file=sys.stderr)
    return exit_code(summary["failures"])


if __name__ == "__main__":
    raise SystemExit(main())
