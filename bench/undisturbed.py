"""Rounds of a bench in which nobody took the processors away.

The host of a virtual machine gives its processors to others at times, without a word to the programs that
run there. Two threads that work together then wait for each other, one thread does not: their ratio says
more of the host than of them. The kernel counts what was taken (steal time, /proc/stat), whatever the
programs did meanwhile, so that rounds can be chosen by it without choosing among results.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

Result = TypeVar("Result")


def stolen_s() -> float:
    """Seconds of all processors that the host has taken since the start, in steps of the kernel's ticks.

    0 where the kernel does not count them.
    """
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return 0.0
    return int(fields[8]) / os.sysconf("SC_CLK_TCK") if len(fields) > 8 else 0.0


@dataclass(frozen=True)
class Rounds(Generic[Result]):
    undisturbed: list[Result]
    all: list[Result]
    stolen_s: float  # during all of them


def run_rounds(run: Callable[[], Result], rounds: int, patience_s: float) -> Rounds[Result]:
    """Calls run() until ``rounds`` calls were undisturbed, for ``patience_s`` seconds at most.

    A call is undisturbed if the kernel's count of stolen time (a tick of 10 ms, as a rule) did not move
    while it ran. There are ``rounds`` calls at least, however long they take.
    """
    kept: list[Result] = []
    results: list[Result] = []
    stolen = 0.0
    end = time.monotonic() + patience_s
    while len(kept) < rounds and (len(results) < rounds or time.monotonic() < end):
        before = stolen_s()
        results.append(run())
        taken = stolen_s() - before
        stolen += taken
        if taken == 0:
            kept.append(results[-1])
    return Rounds(kept, results, stolen)
