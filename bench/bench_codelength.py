"""Bits per byte, speed and memory of our codes beside real compressors, in one run.

``bench/setup.sh`` installs the peers, then ``python bench/bench_codelength.py --out
bench/results/codelength.json`` measures, prints the tables and writes the record. ``pytest
bench/bench_codelength.py`` runs every code once on a small text.

How it measures: every measurement is a process of its own, pinned to one processor (to as many as it has
threads), and the codes take turns, so that all meet the same machine. Peers are measured from start to exit.
Our own is the call of `skm.code_length`, reading the file included, starting Python and importing numpy not;
the record also has the whole process. Times are medians over the rounds. The time that ratios compare is
processor time, user and system, for one thread, and time on the wall for several. Memory is the peak of the
whole process, Python included. Of 7-Zip's orders all are run once and the best for that file again.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import pydoc_data.topics
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from contenders import HERE, OURS, Contender, contenders
from provenance import ROOT, provenance
from records import write_record

DATA = Path(os.environ.get("SKMFAST_DATA", ROOT.parent / "shared" / "data"))
DEFAULT_FILES = (
    *(DATA / "corpora" / name for name in ("tinyshakespeare.txt", "enwik-4M.txt", "xml", "dickens")),
    HERE / "data" / "gcide",
)


# ---- one measurement -----------------------------------------------------------------------------


class Failed(Exception):
    """A contender that ended with an error; the message is what it said."""


@dataclass(frozen=True)
class Measurement:
    """One run: bits, seconds of what is compared and of the whole process, bytes of memory at the peak."""

    bits: float
    wall_s: float
    cpu_s: float
    process_wall_s: float
    process_cpu_s: float
    peak_bytes: int
    floor_bytes: int


def measure(contender: Contender, source: Path, cores: list[int]) -> Measurement:
    """Run ``contender`` on ``source`` in a process of its own, pinned to the first of ``cores``."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output.7z"  # 7z would append the ending to a bare name
        stdout = os.devnull if contender.writes_output else str(output)
        pinned = ",".join(str(core) for core in cores[: contender.threads])
        command = [sys.executable, "-I", "-S", str(HERE / "launch.py"), pinned, stdout]
        command += contender.command(source, output)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(done.stderr.strip() or f"the launcher ended with {done.returncode}")
        status, wall, cpu, peak, floor = done.stdout.split()
        if status != "0":
            raise Failed(f"exit code {status}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        bits = contender.bits(output)
        process = float(wall), float(cpu)
        compared = process
        if contender.ours:
            call = json.loads(output.read_text())
            compared = call["wall_s"], call["cpu_s"]
    return Measurement(bits, *compared, *process, int(peak), int(floor))


# ---- all codes on one file -----------------------------------------------------------------------


@dataclass
class Runs:
    """What has been measured of one contender on one file."""

    contender: Contender
    done: list[Measurement] = field(default_factory=list)
    error: str | None = None

    def add(self, source: Path, cores: list[int]) -> None:
        try:
            measurement = measure(self.contender, source, cores)
        except (Failed, ValueError, OSError) as failure:
            self.error = str(failure)
            return
        if self.done and measurement.bits != self.done[0].bits:
            self.error = f"not deterministic: {self.done[0].bits} and {measurement.bits} bits"
        self.done.append(measurement)

    def row(self, source: Path, best: set[str]) -> dict[str, Any]:
        """The row of the record: medians, and every round behind them."""
        name, size = self.contender.name, source.stat().st_size
        row: dict[str, Any] = {
            "file": source.name,
            "bytes": size,
            "code": name,
            "ours": self.contender.ours,
            "threads": self.contender.threads,
            "family": self.contender.family,
            "best_of_family": name in best,
            "error": self.error,
        }
        if self.error is None:
            for key in ("wall_s", "cpu_s", "process_wall_s", "process_cpu_s"):
                values = [getattr(one, key) for one in self.done]
                row[key] = statistics.median(values)
                row[f"{key}_rounds"] = values
            time_s = row["cpu_s"] if self.contender.threads == 1 else row["wall_s"]
            peak = statistics.median([one.peak_bytes for one in self.done])
            row |= {
                "bits": self.done[0].bits,
                "bits_per_byte": self.done[0].bits / size,
                "time_s": time_s,
                "ns_per_byte": 1e9 * time_s / size,
                "mb_per_s": size / time_s / 1e6,
                "peak_bytes": int(peak),
                "peak_is_bound": peak <= max(one.floor_bytes for one in self.done),
            }
        return row


def best_of_families(runs: list[Runs]) -> set[str]:
    """Of the contenders that differ in one setting, those with the fewest bits."""
    best: dict[str, Runs] = {}
    for run in runs:
        family = run.contender.family
        if not family or run.error is not None or not run.done:
            continue
        if family not in best or run.done[0].bits < best[family].done[0].bits:
            best[family] = run
    return {run.contender.name for run in best.values()}


def sweep(
    source: Path, field_of_codes: list[Contender], rounds: int, cores: list[int]
) -> list[dict[str, Any]]:
    """Rows of all contenders on one file; they take turns."""
    size = source.stat().st_size
    runs = [Runs(contender) for contender in field_of_codes if contender.accepts(size)]
    for number in range(rounds):
        best = best_of_families(runs)
        for run in runs:
            if run.error is not None or (number and run.contender.family and run.contender.name not in best):
                continue
            if run.contender.threads > len(cores):
                run.error = f"needs {run.contender.threads} processors, there are {len(cores)}"
                continue
            progress(f"{source.name}, round {number + 1} of {rounds}: {run.contender.name}")
            run.add(source, cores)
    progress("")
    best = best_of_families(runs)
    return [run.row(source, best) for run in runs]


def progress(text: str) -> None:
    """One line of the terminal, replaced by the next; nothing in a log."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


# ---- record and tables ---------------------------------------------------------------------------


def describe_file(path: Path) -> dict[str, Any]:
    """Name, size and digest; reading it also brings it into memory before anyone is timed."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        for piece in iter(functools.partial(file.read, 1 << 20), b""):
            digest.update(piece)
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": digest.hexdigest()}


def print_table(rows: list[dict[str, Any]]) -> None:
    from codelength_table import ratios
    from rich import box
    from rich.console import Console
    from rich.table import Table

    first = rows[0]
    table = Table(title=f"{first['file']}, {first['bytes']:,} bytes", box=box.SIMPLE, title_justify="left")
    table.add_column("code")
    for title in ("bits/byte", "ns/byte", "MB/s", "cpu s", "wall s", "peak MB"):
        table.add_column(title, justify="right")
    table.add_column("times as fast as")
    for row in sorted(rows, key=lambda row: row.get("bits", float("inf"))):
        name = f"[bold]{row['code']}[/]" if row["ours"] else row["code"]
        if row["error"] is not None:
            table.add_row(name, *[""] * 6, f"[red]{row['error']}[/]")
            continue
        cells = [f"{row['bits_per_byte']:.4f}", f"{row['ns_per_byte']:.1f}", f"{row['mb_per_s']:.2f}"]
        cells += [f"{row['cpu_s']:.2f}", f"{row['wall_s']:.2f}"]
        cells.append(f"{'≤ ' if row['peak_is_bound'] else ''}{row['peak_bytes'] / 1e6:.0f}")
        compared = "  ".join(f"{peer} {ratio:.2f}" for peer, ratio in ratios(row, rows).items())
        table.add_row(name, *cells, compared)
    Console(width=None if sys.stdout.isatty() else 150).print(table)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("files", nargs="*", type=Path, help="default: four corpora and gcide")
    parser.add_argument("--out", type=Path, help="where the record goes, as JSON; rewritten after each file")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default 3)")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], help="for our first code (default 1 2)"
    )
    parser.add_argument("--ours", nargs="+", default=list(OURS), metavar="CODE", help="our codes")
    parser.add_argument("--peers", nargs="+", metavar="NAME", help="only peers whose names begin so, or none")
    options = parser.parse_args()
    if options.repeat < 1 or min(options.threads) < 1:
        parser.error("--repeat and --threads are at least 1")
    files = options.files or [path for path in DEFAULT_FILES if path.is_file()]
    if not files:
        parser.error(
            f"no files: there are no corpora in {DATA} (set SKMFAST_DATA), and bench/setup.sh unpacks gcide"
        )
    for path in {*DEFAULT_FILES, *files} if not options.files else files:
        if not path.is_file():
            print(f"left out: {path.name} is not there", file=sys.stderr)
    codes = contenders(tuple(options.ours), tuple(options.threads))
    if options.peers is not None:
        codes = [code for code in codes if code.ours or code.name.startswith(tuple(options.peers))]
    for code in codes:
        if code.missing:
            print(
                f"left out: {code.name} ({code.tool} is not installed; bench/setup.sh does it)",
                file=sys.stderr,
            )
    codes = [code for code in codes if not code.missing]
    cores = sorted(os.sched_getaffinity(0))
    record = {
        "subject": "codelength",
        "format": 1,
        **provenance(),
        "rounds": options.repeat,
        "files": [],
        "rows": [],
    }
    for path in files:
        record["files"].append(describe_file(path))
        rows = sweep(path, codes, options.repeat, cores)
        record["rows"] += rows
        print_table(rows)
        if options.out is not None:
            write_record(options.out, record)
    return int(any(row["error"] is not None for row in record["rows"]))


# ---- pytest-benchmark ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """alice29, or the text that every Python ships."""
    alice = DATA / "corpora" / "alice29.txt"
    if alice.is_file():
        return alice
    path = tmp_path_factory.mktemp("codelength") / "topics.txt"
    path.write_text("".join(pydoc_data.topics.topics.values()), encoding="utf-8")
    return path


@pytest.mark.parametrize("contender", contenders(OURS, (1, 2)), ids=lambda contender: contender.name)
def test_code_length(benchmark: Any, contender: Contender, small_text: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if contender.missing:
        pytest.skip(f"{contender.tool} is not installed; bench/setup.sh does it")
    if contender.threads > len(cores):
        pytest.skip(f"{contender.threads} processors are needed, there are {len(cores)}")
    measurement = benchmark.pedantic(measure, (contender, small_text, cores), rounds=1)
    bits_per_byte = measurement.bits / small_text.stat().st_size
    benchmark.extra_info["bits_per_byte"] = bits_per_byte
    assert 1 < bits_per_byte < 8
    assert 0 < measurement.cpu_s <= measurement.process_cpu_s
    assert measurement.peak_bytes > 1 << 20


if __name__ == "__main__":
    sys.exit(main())
