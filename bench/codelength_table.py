"""The README's tables of code lengths and speeds, from the record of bench_codelength.py and nothing else.

``python bench/codelength_table.py`` prints the Markdown; ``--write README.md`` puts it between the two marks
there, and tests/test_readme_figures.py checks that it is what the record says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readme_blocks import markdown, print_or_write

RESULTS = Path(__file__).parent / "results"
BEGIN = "<!-- codelength: from bench/results/codelength.json by bench/codelength_table.py -->"
END = "<!-- codelength: end -->"
# What a ratio compares with: the label, and the beginning of the row's name or its family.
RIVALS = (("xz -9e", "xz -9e"), ("7z PPMd (best order)", "7z PPMd"), ("bzip3", "bzip3"))
SPEED_FILES = ("dickens", "gcide")

Row = dict[str, Any]


def good(rows: list[Row], file: str | None = None) -> list[Row]:
    """Rows with a result, without the orders that are not the best of their family."""
    return [
        row
        for row in rows
        if row["error"] is None
        and (not row["family"] or row["best_of_family"])
        and (file is None or row["file"] == file)
    ]


def label(row: Row) -> str:
    return f"{row['family']}, best order" if row["family"] else str(row["code"])


def one_thread(row: Row, rows: list[Row]) -> Row | None:
    """The row of the same code on one thread."""
    name = row["code"].removesuffix(f", {row['threads']} threads")
    return next((other for other in good(rows, row["file"]) if other["code"] == name), None)


def ratios(row: Row, rows: list[Row]) -> dict[str, float]:
    """How many times as fast as its rivals ``row`` is; on several threads, as itself on one, on the wall."""
    if row["error"] is not None or not row["ours"]:
        return {}
    if row["threads"] > 1:
        alone = one_thread(row, rows)
        return {} if alone is None else {"one thread": alone["wall_s"] / row["wall_s"]}
    return {
        name: rival["time_s"] / row["time_s"]
        for name, begin in RIVALS
        for rival in good(rows, row["file"])
        if rival["code"].startswith(begin)
    }


def files_of(record: dict[str, Any]) -> list[str]:
    return [entry["file"] for entry in record["files"]]


def labels_by_bits(rows: list[Row]) -> list[str]:
    """Labels, the code with the shortest code lengths first."""
    least: dict[str, float] = {}
    for row in rows:
        least[row["file"]] = min(row["bits_per_byte"], least.get(row["file"], row["bits_per_byte"]))
    excess: dict[str, list[float]] = {}
    for row in rows:
        excess.setdefault(label(row), []).append(row["bits_per_byte"] / least[row["file"]])
    return sorted(excess, key=lambda name: sum(excess[name]) / len(excess[name]))


def shown(name: str, rows: list[Row]) -> str:
    """Our codes in bold, as specs that can be typed."""
    row = next(row for row in rows if label(row) == name)
    spec, comma, threads = name.partition(", ")
    return f"**`{spec}`**{comma}{threads}" if row["ours"] else name


def bits_table(record: dict[str, Any]) -> str:
    rows = [row for row in good(record["rows"]) if row["threads"] == 1]
    cells = {
        (label(row), row["file"]): f"{row['bits_per_byte']:.3f}"
        + (f" ({row['code'].rpartition(' ')[2]})" if row["family"] else "")
        for row in rows
    }
    files = files_of(record)
    header = ["bits per byte", *(file.removesuffix(".txt") for file in files)]
    return markdown(
        header,
        [
            [shown(name, rows), *(cells.get((name, file), "") for file in files)]
            for name in labels_by_bits(rows)
        ],
    )


def speed_table(record: dict[str, Any], files: list[str]) -> str:
    rows = [row for row in good(record["rows"]) if row["file"] in files]
    header = ["one processor, unless threads are given"]
    for file in files:
        header += [f"{file}: ns/byte", "MB/s", "peak MB"]
    by_key = {(label(row), row["file"]): row for row in rows}
    names = sorted(
        {label(row) for row in rows},
        key=lambda name: (
            sum(row["ns_per_byte"] for row in rows if label(row) == name)
            / sum(1 for row in rows if label(row) == name)
        ),
    )
    lines = []
    for name in names:
        line = [shown(name, rows)]
        for file in files:
            row = by_key.get((name, file))
            line += (
                ["", "", ""]
                if row is None
                else [
                    f"{row['ns_per_byte']:.0f}",
                    f"{row['mb_per_s']:.1f}",
                    f"{'≤ ' if row['peak_is_bound'] else ''}{row['peak_bytes'] / 1e6:.0f}",
                ]
            )
        lines.append(line)
    return markdown(header, lines)


def ratio_lines(record: dict[str, Any], files: list[str]) -> str:
    """One sentence a file: our first code beside its rivals, and beside itself on one thread."""
    lines = []
    for file in files:
        mine = [row for row in good(record["rows"], file) if row["ours"]]
        first = next((row for row in mine if row["threads"] == 1), None)
        if first is None:
            continue
        parts = [
            f"{ratio:.2f} times as fast as {name}" for name, ratio in ratios(first, record["rows"]).items()
        ]
        for row in mine:
            if row["threads"] > 1:
                ratio = ratios(row, record["rows"]).get("one thread")
                if ratio is not None:
                    parts.append(f"{ratio:.2f} times as fast on {row['threads']} threads as on one")
        if parts:
            lines.append(f"- {file}: `{first['code']}` is {', '.join(parts)}.")
    return "\n".join(lines)


def source_line(record: dict[str, Any]) -> str:
    versions = record["versions"]
    tools = ", ".join(
        f"{tool} {versions[tool]}"
        for tool in ("xz", "zstd", "brotli", "bzip2", "bzip3", "7z")
        if versions[tool]
    )
    count = record["rounds"]
    rounds = "One round" if count == 1 else f"Medians of {count} rounds"
    return (
        f"{rounds} on {record['machine']['processor']}, {record['date'][:10]}, "
        f"commit {record['commit'][:10]}; {tools}. "
        "Peers are measured as whole processes, our codes as the call `skm.code_length(path)`, reading "
        "included. Time is processor time on one thread, time on the wall on several. Sizes are those of "
        "the files that the tools write; of 7-Zip's archive, that of the packed stream."
    )


def readme_block(record: dict[str, Any]) -> str:
    """Markdown of one record, without the marks."""
    files = [file for file in SPEED_FILES if file in files_of(record)] or files_of(record)[-2:]
    parts = [bits_table(record), speed_table(record, files), ratio_lines(record, files), source_line(record)]
    return "\n\n".join(part for part in parts if part)


def from_results() -> str:
    return readme_block(json.loads((RESULTS / "codelength.json").read_text()))


if __name__ == "__main__":
    print_or_write(__doc__, from_results(), BEGIN, END)
