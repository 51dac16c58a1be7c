"""The README's figures of language models as codes, from their records and nothing else.

``python bench/language_model_table.py`` prints the Markdown; ``--write README.md`` puts it between the two
marks there, and tests/test_readme_figures.py checks that it is what the records say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readme_blocks import markdown, print_or_write

RESULTS = Path(__file__).parent / "results"
BEGIN = "<!-- windows: from bench/results by bench/language_model_table.py -->"
END = "<!-- windows: end -->"


def line(row: dict[str, Any]) -> list[str]:
    policy = ",".join(f"{name}={row[name]}" for name in ("context", "stride", "bos", "last"))
    harness = row.get("harness_bits_per_byte")
    return [f"`{policy}`", f"{row['bits_per_byte']:.4f}", "" if harness is None else f"{harness:.4f}"]


def table(record: dict[str, Any]) -> str:
    rows = [*record["windows"], *record["beside_harness"]]
    text, model = record["text"], record["model"]["file"].removesuffix(".gguf")
    what = f"{model}, {text['bytes']:,} bytes of {text['file']}"
    header = [what, "bits per byte", "lm-evaluation-harness"]
    lines = markdown(header, [line(row) for row in rows])
    return (
        f"{lines}\n\nBOS is token {rows[0]['bos_token']}; the harness, {record['versions']['lm_eval']},"
        " scores one policy: windows of a given length after one token, the last one full."
    )


def speeds(record: dict[str, Any]) -> str:
    rows = [row for row in record["rows"] if row["model"] == "stories260K"]
    said = " and ".join(
        f"{row['times_as_fast']:.1f} times on {row['threads']} thread{'s' * (row['threads'] > 1)}"
        f" ({row['tokens_per_s'] / 1e3:,.0f} thousand tokens a second)"
        for row in rows
    )
    return (
        f"Speed on {rows[0]['documents']:,} documents under stories260K, beside plain torch, one document"
        f" at a time with all its logits: {said}."
    )


def from_results() -> str:
    records = (
        json.loads((RESULTS / f"{name}.json").read_text()) for name in ("lm_windows", "language_model")
    )
    return "\n\n".join(make(record) for make, record in zip((table, speeds), records, strict=True))


if __name__ == "__main__":
    print_or_write(__doc__, from_results(), BEGIN, END)
