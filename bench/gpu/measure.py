"""Time and memory of code lengths and training steps on a GPU, beside products alone and beside peers.

Everything is measured in the same run and in turns: one call of each contender, then the next round. Medians.
A contender that is not installed is left out; one that fails, by lack of memory say, is recorded as failing.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from skmfast.operators import linear_cross_entropy, token_code_lengths

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from provenance import provenance
from records import write_record

# Most telling first: when time is up, what is left is named in the record.
TOKENS, HIDDEN, VOCABULARY = (8192, 1024, 32768), (2048, 768, 256, 4096), (50257, 128256, 32000, 256000)
PEERS = ("liger-kernel", "cut-cross-entropy")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, nargs="+", default=TOKENS)
    parser.add_argument("--hidden", type=int, nargs="+", default=HIDDEN)
    parser.add_argument("--vocabulary", type=int, nargs="+", default=VOCABULARY)
    parser.add_argument("--seconds", type=float, default=420, help="begin no shape after as many")
    parser.add_argument("--rounds", type=int, default=15, help="calls of each contender")
    parser.add_argument(
        "--no-compiled", action="store_true", help="leave out torch.compile, which takes long"
    )
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    began = time.monotonic()
    shapes = list(itertools.product(arguments.tokens, arguments.vocabulary, arguments.hidden))
    shapes.sort(key=lambda shape: arguments.tokens.index(shape[0]))
    record: dict[str, Any] = {**origin(), "dtype": "bfloat16", "shapes": [], "left_out": []}
    for rows, vocabulary, depth in shapes:
        if time.monotonic() - began > arguments.seconds:
            record["left_out"].append([rows, depth, vocabulary])
            continue
        found = shape_results(rows, depth, vocabulary, arguments.rounds, not arguments.no_compiled)
        record["shapes"].append({"tokens": rows, "hidden": depth, "vocabulary": vocabulary, **found})
        write_record(arguments.output, record)
        report(record["shapes"][-1])
    print(f"{len(record['shapes'])} shapes measured, {len(record['left_out'])} left out: {arguments.output}")
    return 0


def shape_results(rows: int, depth: int, vocabulary: int, rounds: int, compiled: bool) -> dict[str, Any]:
    """Milliseconds and peak bytes of all contenders, of the forward pass and of a training step."""
    torch.manual_seed(1)
    x = torch.randn(rows, depth, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    weight = torch.randn(vocabulary, depth, device="cuda", dtype=torch.bfloat16) * depth**-0.5 * 2
    weight.requires_grad_()
    target = torch.randint(0, vocabulary, (rows,), device="cuda")
    return {
        "forward": measured(forward_contenders(x, weight, target, compiled), rounds),
        "training_step": measured(training_contenders(x, weight, target, compiled), rounds),
    }


def eager_loss(x: torch.Tensor, weight: torch.Tensor, target: torch.Tensor, reduction: str) -> torch.Tensor:
    return F.cross_entropy(F.linear(x, weight).float(), target, reduction=reduction)


def forward_contenders(x: Any, weight: Any, target: Any, compiled: bool) -> dict[str, Callable[[], Any]]:
    transposed = weight.detach().t()
    found = {
        "skmfast": lambda: token_code_lengths(x, weight, target),
        "torch.mm alone": lambda: torch.mm(x.detach(), transposed),
        "torch eager": no_grad(lambda: eager_loss(x, weight, target, "none")),
    }
    if compiled:
        loss = torch.compile(eager_loss, dynamic=False)
        found["torch compiled"] = no_grad(lambda: loss(x, weight, target, "none"))
    for name, peer in peers().items():
        found[name] = no_grad(lambda peer=peer: peer(x, weight, target, "none"))
    return found


def training_contenders(x: Any, weight: Any, target: Any, compiled: bool) -> dict[str, Callable[[], Any]]:
    def step(loss: Callable[..., torch.Tensor]) -> Callable[[], Any]:
        def run() -> None:
            x.grad = weight.grad = None
            loss(x, weight, target, "mean").backward()

        return run

    def products() -> None:
        logits = torch.mm(x.detach(), weight.detach().t())
        torch.mm(logits, weight.detach())
        torch.mm(logits.t(), x.detach())

    found = {
        "skmfast": step(lambda x, w, t, r: linear_cross_entropy(x, w, t, reduction=r)),
        "three torch.mm alone": products,
        "torch eager": step(eager_loss),
    }
    if compiled:
        found["torch compiled"] = step(torch.compile(eager_loss, dynamic=False))
    return found | {name: step(peer) for name, peer in peers().items()}


def peers() -> dict[str, Callable[..., torch.Tensor]]:
    """Fused losses of others that are installed, as functions of (x, weight, target, reduction)."""
    found: dict[str, Callable[..., torch.Tensor]] = {}
    if hasattr(F, "linear_cross_entropy"):
        found["F.linear_cross_entropy"] = lambda x, w, t, r: F.linear_cross_entropy(x, w, t, reduction=r)
    try:
        from liger_kernel.ops.fused_linear_cross_entropy import LigerFusedLinearCrossEntropyFunction as Liger

        found["liger-kernel"] = lambda x, w, t, r: Liger.apply(
            x, w, t, None, None, -100, 0.0, 0.0, r
        )[0]  # fmt: skip
    except ImportError:
        pass
    try:
        from cut_cross_entropy import linear_cross_entropy as cut

        found["cut-cross-entropy"] = lambda x, w, t, r: cut(x, w, t, reduction=r)
    except ImportError:
        pass
    return found


def no_grad(run: Callable[[], Any]) -> Callable[[], Any]:
    def without() -> Any:
        with torch.no_grad():
            return run()

    return without


def measured(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, run in contenders.items():
        try:
            run()  # compiles
            run()
            torch.cuda.synchronize()
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            run()
            found[name] = {"peak_bytes": torch.cuda.max_memory_allocated() - before, "times": []}
        except Exception as error:
            if name == "skmfast":
                raise
            found[name] = {"failed": f"{type(error).__name__}: {error}"[:200]}
            torch.cuda.empty_cache()
    for _ in range(rounds):
        for name, result in found.items():
            if "times" in result:
                result["times"].append(milliseconds(contenders[name]))
    for result in found.values():
        if "times" in result:
            times = result.pop("times")
            result["milliseconds"] = round(statistics.median(times), 4)
            result["spread"] = [round(min(times), 4), round(max(times), 4)]
    return found


def milliseconds(run: Callable[[], Any]) -> float:
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    run()
    last.record()
    last.synchronize()
    return first.elapsed_time(last)


def report(shape: dict[str, Any]) -> None:
    for part, base in (("forward", "torch.mm alone"), ("training_step", "three torch.mm alone")):
        results = shape[part]
        unit = results[base].get("milliseconds", float("nan"))
        line = ", ".join(
            f"{name} {r['milliseconds']:.2f} ms ({r['milliseconds'] / unit:.2f})"
            f" {r['peak_bytes'] / 2**20:.0f} MiB"
            if "milliseconds" in r
            else f"{name} failed"
            for name, r in results.items()
        )
        print(f"N={shape['tokens']} D={shape['hidden']} V={shape['vocabulary']} {part}: {line}", flush=True)


def origin() -> dict[str, Any]:
    """Where the figures come from, the device among it."""
    device = torch.cuda.get_device_properties(0)
    return {
        **provenance(("torch", "triton", *PEERS)),
        "device": {
            "name": device.name,
            "multiprocessors": device.multi_processor_count,
            "memory_bytes": device.total_memory,
            "cuda": torch.version.cuda,
        },
        "core_built": os.environ.get("SKMFAST_BENCH_BUILT", "unknown"),
    }


if __name__ == "__main__":
    sys.exit(main())
