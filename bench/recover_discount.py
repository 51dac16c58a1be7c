"""How well discount and concentration are recovered from a million draws: coverage of the intervals, and
time.

For each law, partitions are drawn and both parameters are estimated from their block sizes by maximum
marginal likelihood. The record says how often the true values lie in the 95 % intervals, how far the
estimates lie off, what the slope of the rank-size plot gives instead, and the processor time that a fit
takes.

    python bench/recover_discount.py --out bench/results/recover_discount.json
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from provenance import provenance
from records import write_record

from skmfast.samplers.pitman_yor import table_sizes
from skmfast.sources.partition import count_of_counts
from skmfast.sources.partition_fit import fit_pitman_yor

LAWS = [(d, theta) for d in (0.3, 0.5, 0.8) for theta in (0.5 if d != 0.5 else -0.2, 10.0, 100.0)]


def main() -> None:
    """Parse the arguments, run, print the table and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=1_000_000)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    rows = []
    print("    d   theta  elements  covers d  covers theta  mean d  sd of d  rank-size d   ms a fit")
    for d, theta in LAWS:
        row = recover(d, theta, arguments.draws, arguments.repetitions)
        rows.append(row)
        print(
            f"{d:5} {theta:7} {row['mean_elements']:9.0f} {row['covers_discount']:9.3f}"
            f" {row['covers_concentration']:13.3f} {row['mean_discount']:7.4f} {row['sd_discount']:8.4f}"
            f" {row['mean_rank_size_discount']:12.4f} {row['median_fit_ms']:10.2f}",
            flush=True,
        )
    if arguments.out:
        record = {
            **provenance(),
            "draws": arguments.draws,
            "repetitions": arguments.repetitions,
            "rows": rows,
        }
        write_record(arguments.out, record)


def recover(d: float, theta: float, draws: int, repetitions: int) -> dict[str, float]:
    """Fit ``repetitions`` partitions of one law."""
    inside = np.zeros(2)
    fits, slopes, seconds, elements = [], [], [], []
    degenerate = 0
    for seed in range(repetitions):
        sizes = table_sizes(draws, d, theta, seed=seed)
        if len(sizes) in (1, draws):
            degenerate += 1
            continue
        tally = count_of_counts(sizes)
        begin = time.thread_time()
        fit = fit_pitman_yor(*tally)
        seconds.append(time.thread_time() - begin)
        fits.append(fit)
        slopes.append(rank_size_discount(sizes))
        elements.append(len(sizes))
        intervals = fit.discount_interval, fit.concentration_interval
        inside += [low <= true <= high for (low, high), true in zip(intervals, (d, theta), strict=True)]
    found = [fit.discount for fit in fits]
    return {
        "discount": d,
        "concentration": theta,
        "mean_elements": statistics.mean(elements),
        "covers_discount": inside[0] / repetitions,
        "covers_concentration": inside[1] / repetitions,
        "without_estimate": degenerate,
        "mean_discount": statistics.mean(found),
        "sd_discount": statistics.stdev(found),
        "median_concentration": statistics.median(fit.concentration for fit in fits),
        "mean_rank_size_discount": statistics.mean(slopes),
        "median_fit_ms": 1e3 * statistics.median(seconds),
        "slowest_fit_ms": 1e3 * max(seconds),
    }


def rank_size_discount(sizes: np.ndarray) -> float:
    """Minus one over the slope of ln size against ln rank, by least squares over all blocks."""
    ordered = np.sort(sizes)[::-1].astype(float)
    slope = np.polyfit(np.log(np.arange(1, len(ordered) + 1)), np.log(ordered), 1)[0]
    return float(-1 / slope)


if __name__ == "__main__":
    main()
