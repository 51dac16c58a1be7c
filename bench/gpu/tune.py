"""Tries tile schedules on a GPU: what kernels/schedules.py should hold for it.

For each hidden size, all schedules that compile are timed in turns, for code lengths and for losses with
gradients, beside torch.mm of the same shape. Those that spill or do not fit are passed over.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from measure import milliseconds, origin
from records import write_record
from skmfast.kernels import schedules

from skmfast import kernels


def candidates() -> list[schedules.TileSchedule]:
    found = []
    for rows, entries, warps, programs in (
        (128, 128, 4, 2),
        (128, 128, 8, 1),
        (128, 256, 8, 1),
        (256, 128, 8, 1),
    ):
        for stages, group, flatten in itertools.product((3, 4), (8, 16, 32), (False, True)):
            found.append(
                schedules.TileSchedule(rows, entries, 64, group, warps, stages, programs, True, flatten)
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--vocabulary", type=int, default=50257)
    parser.add_argument("--hidden", type=int, nargs="+", default=(2048, 768))
    parser.add_argument("--seconds", type=float, default=200, help="begin no schedule after as many")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    began = time.monotonic()
    record: dict[str, Any] = {**origin(), "results": []}
    for depth in arguments.hidden:
        limit = began + arguments.seconds * (1 + arguments.hidden.index(depth)) / len(arguments.hidden)
        found = tune(arguments.tokens, depth, arguments.vocabulary, limit)
        for result in found[:5]:
            print(f"D={depth}", result, flush=True)
        record["results"].append({"hidden": depth, "schedules": found})
        write_record(arguments.output, record)


def tune(rows: int, depth: int, vocabulary: int, limit: float) -> list[dict[str, Any]]:
    """Times of all schedules, best forward pass first."""
    x = torch.randn(rows, depth, device="cuda", dtype=torch.bfloat16)
    weight = torch.randn(vocabulary, depth, device="cuda", dtype=torch.bfloat16) * depth**-0.5
    target = torch.randint(0, vocabulary, (rows,), device="cuda")
    one = torch.ones(1, device="cuda")
    product = median(lambda: torch.mm(x, weight.t()))
    found = []
    for schedule in candidates():
        if time.monotonic() > limit:
            break

        def forward(schedule: schedules.TileSchedule = schedule) -> object:
            return kernels.token_code_lengths(x, weight, target, schedule=schedule)

        def gradients(schedule: schedules.TileSchedule = schedule) -> object:
            return kernels.linear_cross_entropy_with_gradients(
                x, weight, target, None, one, needs=(True, True, False), schedule=schedule
            )

        try:
            times = {"forward": median(forward), "with_gradients": median(gradients)}
        except Exception as error:
            times = {"failed": f"{type(error).__name__}: {error}"[:120]}
        found.append({"schedule": repr(schedule), "torch.mm": product, **times})
    return sorted(found, key=lambda result: result.get("forward", float("inf")))


def median(run: Callable[[], object]) -> float:
    run()
    run()
    return round(statistics.median(milliseconds(run) for _ in range(9)), 4)


if __name__ == "__main__":
    main()
