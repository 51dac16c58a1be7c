"""The README's results of the experiments, from the tables of their small presets, and
the speed of training from its record.

``python bench/experiments_table.py`` prints the Markdown; ``--write README.md`` puts it between the two marks
there, and tests/test_readme_figures.py checks that it is what the tables say. ``--from RUNS`` first copies
tables and figures from the folder of runs to bench/results/experiments and docs/figures/experiments.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pyarrow.parquet as pq
from readme_blocks import print_or_write

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "experiments"
FIGURES = ROOT / "docs" / "figures" / "experiments"
BEGIN = "<!-- experiments: from bench/results/experiments by bench/experiments_table.py -->"
END = "<!-- experiments: end -->"
TABLES = ("results", "fits", "runs")
NAMES = ("data-scaling", "model-scaling", "acquisition", "fine-tuning", "hallucination", "structure")


def copy_from(runs: Path) -> None:
    """Keep the tables and the figure of each small preset."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (RESULTS / name).mkdir(parents=True, exist_ok=True)
        for table in TABLES:
            shutil.copyfile(runs / f"{name}-small" / f"{table}.parquet", RESULTS / name / f"{table}.parquet")
        shutil.copyfile(runs / f"{name}-small" / "figure.png", FIGURES / f"{name}.png")


class Fits:
    """Fits of an experiment, by quantity and group."""

    def __init__(self, name: str) -> None:
        rows = pq.read_table(RESULTS / name / "fits.parquet").to_pylist()
        self._rows = {(row["quantity"], row["group"]): row for row in rows}

    def value(self, quantity: str, group: str, digits: int = 2) -> str:
        return f"{self._rows[quantity, group]['value']:.{digits}f}"

    def interval(self, quantity: str, group: str, digits: int = 2) -> str:
        row = self._rows[quantity, group]
        return f"{row['value']:.{digits}f} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"


def below_bayes(name: str) -> str:
    """What the check of each run against the Bayes code found."""
    runs = pq.read_table(RESULTS / name / "runs.parquet").to_pylist()
    below = sum(1 for run in runs if run["gap_bits"] is not None and run["reason"])
    return f"{below} networks lie below the Bayes code." if below else "No network lies below the Bayes code."


def data_scaling() -> str:
    fits = Fits("data-scaling")
    laws = [
        f"{fits.interval('network exponent', f'knowledge, d = {d}')} for d = {d} (theory {1 - d:.1f};"
        f" exact Bayes code over the same sizes {fits.value('expected exponent', f'knowledge, d = {d}')})"
        for d in (0.3, 0.5)
    ]
    return (
        "Theory: what knowledge costs above the oracle falls as N^-(1-d), and faster where frequencies are"
        f" uniform. Measured exponents: {', '.join(laws)}; uniform"
        f" {fits.interval('network exponent', 'knowledge, uniform')}. {below_bayes('data-scaling')}"
    )


def model_scaling() -> str:
    fits = Fits("model-scaling")
    return (
        "Theory: the loss falls as C^-(1/d-1), frequent elements are learnt by the smaller networks."
        f" Measured: exponent {fits.interval('exponent', 'knowledge')} where the capacity law has"
        f" {fits.value('exponent of the capacity law', 'knowledge')} over the same sizes: larger networks are"
        " held back by training, not by room. Order of classes, rank correlation"
        f" {fits.value('rank correlation', 'classes')}; at most"
        f" {fits.value('bits per parameter', 'stored, 5,184 parameters')} bits of knowledge a parameter,"
        " where Allen-Zhu and Li saw 2 after a thousand exposures."
    )


def acquisition() -> str:
    fits = Fits("acquisition")
    return (
        "Theory: knowledge is acquired in the order of frequency, the frontier rank grows as n^d."
        f" Measured: rank correlation {fits.value('rank correlation', 'd = 0.5', 3)}; frontier exponent"
        f" {fits.interval('frontier exponent, last decade', 'd = 0.5')} over the last decade, for d = 0.5,"
        " after a start in which the network learns to learn."
    )


def fine_tuning() -> str:
    fits = Fits("fine-tuning")
    lost = [
        f"{kind} "
        + ", ".join(fits.value("accuracy lost", f"{kind}, replay {share}") for share in ("0", "0.1", "0.5"))
        for kind in ("same format", "questions", "new knowledge")
    ]
    order = [fits.value("rank correlation", f"{kind}, replay 0.1") for kind in ("questions", "new knowledge")]
    return (
        "Theory: what is new is paid for with the least frequent old knowledge; replay saves it."
        f" Accuracy lost at shares of replay of 0, 0.1, 0.5: {'; '.join(lost)}. Order of forgetting"
        f" against frequency at 0.1: {' and '.join(order)}; without"
        " replay a new format wipes out frequent elements as well."
    )


def hallucination() -> str:
    fits = Fits("hallucination")
    return (
        "Theory: answers are wrong where training stated nothing. Largest difference of a frequency class"
        f" from that prediction: {fits.interval('largest difference from the prediction', 'classes')}; on"
        f" fresh sentences {fits.value('wrong answers', 'fresh sentences', 3)} wrong, Good-Turing predicts"
        f" {fits.value('predicted for fresh sentences', 'Good-Turing', 3)}. Of elements never seen,"
        f" {fits.value('confident wrong answers', 'unseen')} are answered wrongly with more than half of the"
        " probability."
    )


def structure() -> str:
    fits = Fits("structure")
    names = ("Syntax-Knowledge", "networks", "bayes", "prequential")
    exact, networks, bayes, first_pass = (fits.value("shortest code", name) for name in names)
    return (
        f"Shortest two-part codes, in bits a sentence: exact Syntax-Knowledge curve {exact}, networks at"
        f" their best size and precision {networks}; one-part: Bayes mixture {bayes}, the best network's"
        f" first pass {first_pass}."
    )


def training() -> str:
    """Speed of training beside nanoGPT's model and loop."""
    rows = json.loads((RESULTS.parent / "training.json").read_text())["rows"]
    columns = ("float32", "bfloat16", "windows float32", "windows bfloat16")
    return "\n".join(
        [
            "Training, in tokens per second on two cores, as a multiple of nanoGPT's model and loop (written"
            " anew with its defaults) in the same precision. Sentences of a batch share their beginnings,"
            " which are computed once; the peer's windows of running text share nothing.",
            "",
            "| weights, vocabulary | float32 | bfloat16 | float32, its windows | bfloat16, its windows |",
            "| --- | ---: | ---: | ---: | ---: |",
            *(
                f"| {row['size']}, {row['vocabulary']:,} | "
                + " | ".join(f"{row['ratio'][column]:.2f}" for column in columns)
                + " |"
                for row in rows
            ),
        ]
    )


SAID = {
    "data-scaling": data_scaling,
    "model-scaling": model_scaling,
    "acquisition": acquisition,
    "fine-tuning": fine_tuning,
    "hallucination": hallucination,
    "structure": structure,
}


def from_results() -> str:
    experiments = (
        f"**{name}.** {said()}\n\n![{name}](docs/figures/experiments/{name}.png)"
        for name, said in SAID.items()
    )
    return "\n\n".join([*experiments, training()])


if __name__ == "__main__":
    if "--from" in sys.argv:
        place = sys.argv.index("--from")
        copy_from(Path(sys.argv[place + 1]))
        del sys.argv[place : place + 2]
    print_or_write(__doc__, from_results(), BEGIN, END)
