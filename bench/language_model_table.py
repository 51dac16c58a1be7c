"""The README's table of language models as codes, from its record and nothing else.

``python bench/language_model_table.py`` prints the Markdown; ``--write README.md`` puts it between the two
marks there, and tests/test_readme_figures.py checks that it is what the record says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readme_table import markdown, print_or_write

RESULTS = Path(__file__).parent / "results"
BEGIN = "<!-- windows: from bench/results/lm_windows.json by bench/language_model_table.py -->"
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


def from_results() -> str:
    return table(json.loads((RESULTS / "lm_windows.json").read_text()))


if __name__ == "__main__":
    print_or_write(__doc__, from_results(), BEGIN, END)
