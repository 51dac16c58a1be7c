"""Training steps on a GPU at the sizes of the ``gpu`` preset: tokens per second, share of torch.mm, memory.

Ours (compiled, and not) beside nanoGPT's model and loop at the same sizes, on the same corpus, in bfloat16:
in turns, so many steps at a time, the device waited for before and after. Medians. Each loop reads losses
as it does in a run.

``--tiny`` runs the same on the CPU with a small network and few steps: figures without meaning, to try the
script out.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench_training import Ours, product_flops
from peers.nanogpt import Loop, Sizes
from provenance import provenance
from records import write_record

import skmfast.sources
from skmfast.experiments.experiment_settings import read_configuration
from skmfast.experiments.transformer import ModelConfiguration

WINDOW = 64  # tokens that the peer reads at once
PEER = "nanoGPT"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vocabulary", type=int, nargs="+", default=(8192, 50257))
    parser.add_argument("--steps", type=int, default=50, help="of a contender in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=100_000, help="of the corpus")
    parser.add_argument("--seconds", type=float, default=300, help="begin no vocabulary after as many")
    parser.add_argument("--tiny", action="store_true", help="on the CPU, small: tries the script out")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    if options.tiny:
        options.vocabulary, options.steps, options.rounds, options.sentences = (4096,), 2, 2, 2000
    record = {
        **provenance(("torch", "triton")),
        **device_of(),
        "tiny": options.tiny,
        "steps": options.steps,
        "rounds": options.rounds,
        "rows": [],
    }
    began = time.monotonic()
    corpus = skmfast.sources.Biographies().sample(options.sentences, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tokens.bin"
        corpus.to_bin(file)
        for vocabulary in options.vocabulary:
            if time.monotonic() - began < options.seconds:
                record["rows"].append(measure(vocabulary, corpus, file, options))
                write_record(options.output, record)
                report(record["rows"][-1])
    return 1 if any("failed" in row["contenders"]["skmfast"] for row in record["rows"]) else 0


def device_of() -> dict[str, Any]:
    """The GPU, if there is one."""
    if not torch.cuda.is_available():
        return {"device": None}
    device = torch.cuda.get_device_properties(0)
    return {"device": {"name": device.name, "memory_bytes": device.total_memory, "cuda": torch.version.cuda}}


def measure(vocabulary: int, corpus: Any, file: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Rates of all contenders with one vocabulary."""
    preset = read_configuration("data-scaling", "gpu")
    width, layers, heads = preset.model.width, preset.model.layers, preset.model.heads
    sentences, device = preset.training.batch_sentences, "cuda"
    if options.tiny:
        width, layers, heads, sentences, device = 32, 2, 2, 16, "cpu"
    model = ModelConfiguration(vocabulary, width, layers, heads)
    rows = max(1, round(sentences * len(corpus.tokens) / len(corpus) / WINDOW))
    sizes = Sizes(vocabulary, width, layers, heads, WINDOW)
    how = {"precision": "bfloat16", "device": device}
    made: dict[str, Callable[[], Any]] = {
        "skmfast": lambda: Ours(model, corpus, sentences, **how),
        PEER: lambda: Loop(sizes, file, rows, compiled=False, **how),
    }
    if not options.tiny:
        made["skmfast compiled"] = lambda: Ours(model, corpus, sentences, compile=True, **how)
        made[f"{PEER} compiled"] = lambda: Loop(sizes, file, rows, compiled=True, **how)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    found = {name: prepared(make, options.steps, wait) for name, make in made.items()}
    for _ in range(options.rounds):
        for result in found.values():
            if "loop" in result:
                start = time.perf_counter()
                tokens = result["loop"].steps(options.steps)
                wait()
                result["rates"].append(tokens / (time.perf_counter() - start))
    product = product_flops(width, "bfloat16", rows=rows * WINDOW, device=device, wait=wait)
    return {
        "vocabulary": vocabulary,
        "width": width,
        "layers": layers,
        "batch_sentences": sentences,
        "product_tflops": product / 1e12,
        "contenders": {name: summarised(result, product) for name, result in found.items()},
    }


def prepared(make: Callable[[], Any], steps: int, wait: Callable[[], Any]) -> dict[str, Any]:
    """A contender after its first steps, and the memory that those after them took."""
    try:
        loop = make()
        loop.steps(steps)  # compiles
        wait()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated() if torch.cuda.is_available() else 0
        loop.steps(steps)
        wait()
        peak = torch.cuda.max_memory_allocated() - before if torch.cuda.is_available() else None
        return {"loop": loop, "beyond_state_bytes": peak, "rates": []}
    except Exception as error:  # lack of memory, say: a result, and not the end of the others
        return {"failed": f"{type(error).__name__}: {error}"[:300]}


def summarised(result: dict[str, Any], product: float) -> dict[str, Any]:
    """Rate, share of torch.mm's rate that the products of a step reach, memory."""
    if "failed" in result:
        return result
    rate, loop = statistics.median(result["rates"]), result["loop"]
    return {
        "tokens_per_s": rate,
        "spread": [min(result["rates"]), max(result["rates"])],
        "share_of_product": rate * loop.operations(1.0) / product,
        "beyond_state_bytes": result["beyond_state_bytes"],
    }


def report(row: dict[str, Any]) -> None:
    """A line for each contender."""
    print(
        f"V={row['vocabulary']}, width {row['width']}, torch.mm {row['product_tflops']:.3g} TFLOP/s",
        flush=True,
    )
    for name, each in row["contenders"].items():
        if "failed" in each:
            print(f"  {name:20} failed: {each['failed']}")
        else:
            rate, share, memory = (
                each[key] for key in ("tokens_per_s", "share_of_product", "beyond_state_bytes")
            )
            beyond = f", {memory / 2**20:,.0f} MiB beyond weights and moments" if memory is not None else ""
            print(f"  {name:20} {rate:12,.0f} tokens/s, {share:.3f} of torch.mm{beyond}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
