"""The README's tables of sampling speeds, from the records of four benches and nothing else.

``python bench/sampling_table.py`` prints the Markdown; ``--write README.md`` puts it between the two marks
there, and tests/test_readme_figures.py checks that it is what the records say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readme_blocks import markdown, print_or_write

RESULTS = Path(__file__).parent / "results"
BEGIN = "<!-- sources: from bench/results by bench/sampling_table.py -->"
END = "<!-- sources: end -->"

Record = dict[str, Any]


def number(rate: float) -> str:
    """A rate with two digits or more, without decimals that say nothing."""
    return f"{rate:,.0f}" if rate >= 20 else f"{rate:.1f}"


def two_threads_of(record: Record, name: str) -> str:
    """How many times as fast as one, of how many times that two independent calls are."""
    row = next(row for row in record["rows"] if row["name"] == name)
    return f"{row['two_threads']:.2f} of {row['ceiling']:.2f}"


def sampler_lines(record: Record, threads: Record) -> list[list[str]]:
    labels = {
        "random": "uniform doubles",
        "zipf 1.5": f"Zipf(1.5) on {record['ranks']:,} ranks",
        "alias": f"alias table of {record['categories']:,}",
    }
    return [
        [
            labels[row["name"]],
            f"{number(row['million_per_s'])} M/s",
            ", ".join(
                f"{ratio:.1f} times {peer.split()[0]}" for peer, ratio in row["times_as_fast_as"].items()
            ),
            two_threads_of(threads, row["name"]),
        ]
        for row in record["rows"]
        if row["name"] in labels
    ]


def restaurant_lines(record: Record, threads: Record) -> list[list[str]]:
    lines = []
    for row in record["rows"]:
        if not row["what"].startswith("labels") or row["name"] != "skmfast, 1 thread":
            continue
        lines.append(
            [
                f"Pitman-Yor {row['what']}, n = {row['count']:,}",
                f"{number(1e3 / row['ns'])} M/s",
                f"{row['ratio']:.1f} times numba",
                two_threads_of(threads, row["what"].replace(", discount", "")),
            ]
        )
    return lines


def generation_lines(record: Record, threads: Record) -> list[list[str]]:
    rows = {row["name"]: row for row in record["rows"]}
    ours = rows["skmfast, 1 thread"]
    return [
        [
            "biographies: text, tokens, labels",
            f"{number(ours['sentences_per_s'] / 1e6)} M sentences/s, {number(ours['text_mb_per_s'])} MB/s",
            f"{ours['ratio']:.1f} times Python f-strings",
            two_threads_of(threads, "rendering"),
        ]
    ]


def tables(samplers: Record, restaurant: Record, generation: Record, threads: Record) -> str:
    lines = [
        *sampler_lines(samplers, threads),
        *restaurant_lines(restaurant, threads),
        *generation_lines(generation, threads),
    ]
    lines = [[f"**{line[0]}**", *line[1:]] for line in lines]
    header = ["one core", "speed", "as fast as", "two threads to one"]
    machine = samplers["machine"]["processor"]
    records = (samplers, restaurant, generation, threads)
    dates = ", ".join(sorted({record["date"][:10] for record in records}))
    return (
        f"{markdown(header, lines)}\n\nOn {machine}, {dates}; peers in the same run. Two threads: of so many"
        " times that two independent calls at once do, which is all that this machine has to give."
        " Records and what they hold: [bench/results](bench/results/README.md)."
    )


def from_results() -> str:
    names = ("samplers", "pitman_yor", "generation", "two_threads")
    return tables(*(json.loads((RESULTS / f"{name}.json").read_text()) for name in names))


if __name__ == "__main__":
    print_or_write(__doc__, from_results(), BEGIN, END)
