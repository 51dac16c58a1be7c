"""Speed and memory of a language-model head's loss on the CPU, beside torch.

``pytest bench/bench_head.py`` runs single cases under pytest-benchmark. ``python bench/bench_head.py --out
FILE`` compares all of them on one thread, checks the required ratios and the memory taken, and writes a
record. Times are of the thread's processor. The rate of matrix units changes threefold from one minute to the
next, so each of ours is timed between two runs of its peer, and its ratio to their mean counts: the median of
these over the rounds. Milliseconds are the least of all. Peers: the matrix product of the same shape alone
(torch.mm, into a given result or a new one, whichever is faster in that round), torch eager forward with
backward, and torch's loss of given logits.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from provenance import provenance
from records import exit_code, write_record

from skmfast.head import _linear_cross_entropy as head

torch = pytest.importorskip("torch")

SHAPES = [(1024, 768, 50257), (4096, 256, 8192)]  # tokens, width, vocabulary
DTYPES = ["float32", "bfloat16"]
# Ours may take at most this share of the peer's time, or of the float32 logits' memory.
REQUIRED = {"forward": 0.9, "step": 0.85, "logits": 0.2, "memory": 0.05}
ENOUGH_S = 5.0  # a comparison is repeated until it has taken so long: rounds of a short one are many
PEERS = {
    "forward": ("torch.mm", "torch.mm out"),
    "step": ("torch eager step",),
    "logits": ("torch eager logits",),
}


class Case:
    """Inputs of one shape and type, and what is timed on them."""

    def __init__(self, tokens: int, width: int, vocabulary: int, dtype: str) -> None:
        kind = getattr(torch, dtype)
        generator = torch.Generator().manual_seed(1)
        self.x = torch.randn(tokens, width, generator=generator).to(kind)
        self.weight = (0.05 * torch.randn(vocabulary, width, generator=generator)).to(kind)
        self.target = torch.randint(0, vocabulary, (tokens,), generator=generator)
        self.logits = self.x @ self.weight.t()
        self.given = torch.empty_like(self.logits)
        self.half = dtype == "bfloat16"
        self.upstream = np.full(tokens, 1 / tokens, dtype=np.float32)

    def array(self, values: Any) -> np.ndarray:
        return values.view(torch.uint16).numpy() if self.half else values.numpy()

    def forward(self) -> float:
        loss, *_ = head.forward(
            self.array(self.x), self.array(self.weight), self.target.numpy(), bfloat16=self.half, threads=1
        )
        return float(loss.mean())

    def step(self) -> float:
        inputs = self.array(self.x), self.array(self.weight), self.target.numpy()
        loss, log_sum_exp, *_ = head.forward(*inputs, bfloat16=self.half, threads=1)
        head.backward(
            *inputs,
            None,
            log_sum_exp,
            upstream_loss=self.upstream,
            needs=(True, True, False),
            bfloat16=self.half,
            threads=1,
        )
        return float(loss.mean())

    def from_logits(self) -> float:
        loss, *_ = head.logits_forward(
            self.array(self.logits), self.target.numpy(), bfloat16=self.half, threads=1
        )
        return float(loss.mean())

    def eager(self) -> float:
        return float(torch.nn.functional.cross_entropy(self.x @ self.weight.t(), self.target))

    def eager_step(self) -> float:
        x, weight = self.x.detach().requires_grad_(), self.weight.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(x @ weight.t(), self.target)
        loss.backward()
        return float(loss.detach())

    def eager_logits(self) -> float:
        return float(torch.nn.functional.cross_entropy(self.logits, self.target))

    def routes(self) -> dict[str, Callable[[], Any]]:
        return {
            "torch.mm": lambda: torch.mm(self.x, self.weight.t()),
            "torch.mm out": lambda: torch.mm(self.x, self.weight.t(), out=self.given),
            "forward": self.forward,
            "step": self.step,
            "torch eager step": self.eager_step,
            "logits": self.from_logits,
            "torch eager logits": self.eager_logits,
        }


def seconds_of(call: Callable[[], Any]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start


def ratio_between(
    routes: dict[str, Callable[[], Any]], name: str, peers: tuple[str, ...], seconds: dict[str, list[float]]
) -> float:
    """Time of ours to that of the fastest of its peers, each run before and behind it; all are kept."""
    for peer in peers:
        seconds[peer].append(seconds_of(routes[peer]))
    seconds[name].append(seconds_of(routes[name]))
    for peer in peers:
        seconds[peer].append(seconds_of(routes[peer]))
    return seconds[name][-1] / min(sum(seconds[peer][-2:]) / 2 for peer in peers)


def extra_bytes(call: Callable[[], Any], results: int) -> int:
    """Most memory that a call takes at once beyond its results, by the system's count of resident pages."""

    def status(key: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(key))

    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = status("VmRSS")
    call()
    return status("VmHWM") - before - results


def measure(shape: tuple[int, int, int], dtype: str, rounds: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    case = Case(*shape, dtype)
    tokens, width, vocabulary = shape
    routes = case.routes()
    if abs(case.forward() - case.eager()) > 0.1:
        raise AssertionError(f"{shape} {dtype}: losses differ: {case.forward()} and {case.eager()}")
    # Before the peers run: what they free stays with the process, and would hide what is taken.
    element = 2 if case.half else 4
    memory = {
        "forward": extra_bytes(case.forward, 8 * tokens),
        "step": extra_bytes(case.step, 8 * tokens + element * width * (tokens + vocabulary)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in routes}
    ratios: dict[str, list[float]] = {name: [] for name in PEERS}
    for name, peers in PEERS.items():
        begin = time.monotonic()
        while len(ratios[name]) < rounds or time.monotonic() - begin < ENOUGH_S:
            ratios[name].append(ratio_between(routes, name, peers, seconds))
    least = {name: min(times) for name, times in seconds.items()}
    least["torch.mm"] = min(least["torch.mm"], least.pop("torch.mm out"))
    logits = 4 * tokens * vocabulary
    return {
        "tokens": tokens,
        "width": width,
        "vocabulary": vocabulary,
        "dtype": dtype,
        "ms": {name: 1e3 * value for name, value in least.items()},
        "gflops_forward": 2e-9 * tokens * width * vocabulary / least["forward"],
        "ratio": {name: statistics.median(found) for name, found in ratios.items()},
        "ratios": {name: sorted(round(ratio, 3) for ratio in found) for name, found in ratios.items()},
        "extra_bytes": memory,
        "extra_of_float32_logits": {name: value / logits for name, value in memory.items()},
    }


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    failures = []
    for row in rows:
        case = f"{row['tokens']} x {row['width']} x {row['vocabulary']} {row['dtype']}"
        for name, ratio in row["ratio"].items():
            if ratio > REQUIRED[name]:
                failures.append(
                    f"{case}: {name} takes {ratio:.2f} of {PEERS[name][0]}, {REQUIRED[name]} allowed"
                )
        for name, share in row["extra_of_float32_logits"].items():
            if share > REQUIRED["memory"]:
                failures.append(f"{case}: {name} takes {100 * share:.1f} % of the logits' memory")
    return {"matrix_unit": head.matrix_unit(), "rows": rows, "failures": failures}


def print_table(summary: dict[str, Any]) -> None:
    print("ms of one thread; ratio to torch.mm, torch eager step, torch eager on logits; extra memory")
    for row in summary["rows"]:
        ms, ratio, extra = row["ms"], row["ratio"], row["extra_of_float32_logits"]
        print(
            f"{row['tokens']:5} x {row['width']:4} x {row['vocabulary']:6} {row['dtype']:9}"
            f" mm {ms['torch.mm']:7.1f} forward {ms['forward']:7.1f} ({ratio['forward']:.2f})"
            f" eager step {ms['torch eager step']:7.1f} step {ms['step']:7.1f} ({ratio['step']:.2f})"
            f" eager logits {ms['torch eager logits']:6.1f}"
            f" logits {ms['logits']:6.1f} ({ratio['logits']:.2f})"
            f" extra {100 * extra['forward']:.1f} % {100 * extra['step']:.1f} %"
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("route", ["torch.mm out", "forward", "step", "torch eager step"])
def bench_head(benchmark: Any, dtype: str, route: str) -> None:
    torch.set_num_threads(1)
    case = Case(256, 128, 4096, dtype)
    benchmark(case.routes()[route])
    benchmark.extra_info["tokens"] = 256


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write a JSON record here")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shape", type=int, choices=range(len(SHAPES)), help="only this one")
    parser.add_argument("--dtype", choices=DTYPES, help="only this one")
    arguments = parser.parse_args()
    shapes = SHAPES if arguments.shape is None else [SHAPES[arguments.shape]]
    dtypes = DTYPES if arguments.dtype is None else [arguments.dtype]
    summary = summarise([measure(shape, dtype, arguments.rounds) for shape in shapes for dtype in dtypes])
    print_table(summary)
    if arguments.out:
        write_record(
            arguments.out, provenance() | {"torch": torch.__version__, "rounds": arguments.rounds} | summary
        )
    return exit_code(summary["failures"])


if __name__ == "__main__":
    raise SystemExit(main())
