"""The README's tables of sampling speeds, from the records of three benches and nothing else.

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


def sampler_lines(record: Record) -> list[list[str]]:
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
            f"{row['two_threads']:.2f}",
        ]
        for row in record["rows"]
        if row["name"] in labels
    ]


def restaurant_lines(record: Record) -> list[list[str]]:
    lines = []
    for row in record["rows"]:
        if not row["what"].startswith("labels") or row["name"] != "skmfast, 1 thread":
            continue
        two = next(
            other
            for other in record["rows"]
            if other["what"] == row["what"] and other["name"] == "skmfast, 2 threads"
        )
        lines.append(
            [
                f"Pitman-Yor {row['what']}, n = {row['count']:,}",
                f"{number(1e3 / row['ns'])} M/s",
                f"{row['ratio']:.1f} times numba",
                f"{two['threads_ratio']:.2f}",
            ]
        )
    return lines


def generation_lines(record: Record) -> list[list[str]]:
    rows = {row["name"]: row for row in record["rows"]}
    ours = rows["skmfast, 1 thread"]
    return [
        [
            "biographies: text, tokens, labels",
            f"{number(ours['sentences_per_s'] / 1e6)} M sentences/s, {number(ours['text_mb_per_s'])} MB/s",
            f"{ours['ratio']:.1f} times Python f-strings",
            f"{record['two_threads_to_one']:.2f}",
        ]
    ]


def tables(samplers: Record, restaurant: Record, generation: Record) -> str:
    lines = [*sampler_lines(samplers), *restaurant_lines(restaurant), *generation_lines(generation)]
    lines = [[f"**{line[0]}**", *line[1:]] for line in lines]
    header = ["one core", "speed", "as fast as", "two threads to one"]
    machine = samplers["machine"]["processor"]
    dates = ", ".join(sorted({record["date"][:10] for record in (samplers, restaurant, generation)}))
    return (
        f"{markdown(header, lines)}\n\nOn {machine}, {dates}; peers in the same run."
        " Records and what they hold: [bench/results](bench/results/README.md)."
    )


def from_results() -> str:
    names = ("samplers", "pitman_yor", "generation")
    return tables(*(json.loads((RESULTS / f"{name}.json").read_text()) for name in names))


if __name__ == "__main__":
    print_or_write(__doc__, from_results(), BEGIN, END)
