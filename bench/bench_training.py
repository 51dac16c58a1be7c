"""Speed of training on the CPU, beside nanoGPT's model and loop.

``python bench/bench_training.py --out FILE`` trains models of about 1 and 10 million weights (embeddings not
counted) with vocabularies of 50,257 and 8,192 on the same corpus of biographies: ours on whole sentences, the
peer on windows of the same text, batches of as many tokens. Tokens predicted per second, steps in turns in
the same rounds, medians. Beside them the floating-point operations of all weights' products, as a share of
what a matrix product alone (torch.mm, float32) reaches.

``pytest bench/bench_training.py`` times steps of a small model.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from provenance import provenance

import skmfast.sources

torch = pytest.importorskip("torch")

from peers.nanogpt import Loop, Sizes  # noqa: E402

from skmfast.experiments.batches import Batches  # noqa: E402
from skmfast.experiments.training import TrainingConfiguration, TrainingRun  # noqa: E402
from skmfast.experiments.transformer import ModelConfiguration, Transformer  # noqa: E402

# Layers, width and heads are those of nanoGPT's example for the CPU and of its smallest GPT.
SIZES = {"1M": (4, 128, 4), "10M": (6, 384, 6)}
CASES = [(size, vocabulary) for size in SIZES for vocabulary in (8192, 50257)]
WINDOW = 64  # tokens that the peer reads at once, as its example for the CPU does
REQUIRED = 1.3
PEER = "nanoGPT"


class Ours:
    """Our training, a step at a time."""

    def __init__(self, model: ModelConfiguration, corpus: Any, tokens: int, **settings: Any) -> None:
        sentences = round(tokens * len(corpus) / len(corpus.tokens))
        batches = Batches([corpus], batch_sentences=sentences, seed=1)
        training = TrainingConfiguration(
            steps=10_000, batch_sentences=sentences, learning_rate=6e-4, warmup_steps=2000, **settings
        )
        self.run = TrainingRun(Transformer(model, seed=1), batches, training, None)

    def step(self) -> int:
        """One step; returns the tokens predicted."""
        self.run.advance()
        return int(self.run.curve["tokens"][self.run.step - 1])


def contenders(
    size: str, vocabulary: int, tokens: int, corpus: Any, file: Path, compiled: bool
) -> dict[str, Any]:
    layers, width, heads = SIZES[size]
    model = ModelConfiguration(vocabulary, width, layers, heads)
    made = {
        PEER: Loop(Sizes(vocabulary, width, layers, heads, WINDOW), file, tokens // WINDOW, compiled=False)
    }
    for precision in ("float32", "bfloat16"):
        made[precision] = Ours(model, corpus, tokens, precision=precision)
    if compiled:
        sizes = Sizes(vocabulary, width, layers, heads, WINDOW)
        made[f"{PEER} compiled"] = Loop(sizes, file, tokens // WINDOW, compiled=True)
        for precision in ("float32", "bfloat16"):
            made[f"{precision} compiled"] = Ours(model, corpus, tokens, precision=precision, compile=True)
    return made


def measure(
    size: str, vocabulary: int, corpus: Any, file: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    loops = contenders(size, vocabulary, arguments.tokens, corpus, file, arguments.compiled)
    for name, loop in loops.items():
        # Products in bfloat16 and compiled code are made for each shape when it comes first.
        for _ in range(1 if name in (PEER, "float32") else arguments.warm):
            loop.step()
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(arguments.rounds):
        for name, loop in loops.items():
            start = time.perf_counter()
            tokens = loop.step()
            rates[name].append(tokens / (time.perf_counter() - start))
    median = {name: statistics.median(found) for name, found in rates.items()}
    product = product_flops()
    trunk = loops["float32"].run.model
    operations = 6 * trunk.num_parameters()  # tied: the embeddings are the head's, too
    return {
        "size": size,
        "vocabulary": vocabulary,
        "weights": trunk.num_parameters(embeddings=False),
        "weights_of_peer": sum(weight.numel() for weight in loops[PEER].model.blocks.parameters()),
        "tokens_a_batch": arguments.tokens,
        "tokens_per_s": median,
        "fastest_tokens_per_s": {name: max(found) for name, found in rates.items()},
        "ratio": {name: rate / best_peer(median) for name, rate in median.items()},
        "product_gflops": product / 1e9,
        "share_of_product": {name: rate * operations / product for name, rate in median.items()},
    }


def best_peer(rates: dict[str, float]) -> float:
    """The peer's rate, compiled where that helps it."""
    return max(rate for name, rate in rates.items() if name.startswith(PEER))


def product_flops(rows: int = 1024, width: int = 384, rounds: int = 5) -> float:
    """Floating-point operations per second of a float32 product as layers have it."""
    x, weight = torch.randn(rows, width), torch.randn(4 * width, width)

    def seconds(call: Callable[[], Any]) -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    return 2 * rows * width * 4 * width / min(seconds(lambda: x @ weight.t()) for _ in range(rounds))


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    failures = []
    for row in rows:
        ours = max(ratio for name, ratio in row["ratio"].items() if not name.startswith(PEER))
        if ours < REQUIRED:
            failures.append(f"{row['size']}, V = {row['vocabulary']:,}: {ours:.2f} times the peer")
    return {"rows": rows, "failures": failures}


def print_table(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(f"{row['size']}, V = {row['vocabulary']:,} (tokens per second, times the peer):")
        for name, rate in row["tokens_per_s"].items():
            print(
                f"  {name:20} {rate:8,.0f} {row['ratio'][name]:6.2f}"
                f"   {row['share_of_product'][name]:.2f} of torch.mm in float32"
            )


def merged(path: Path | None, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """These rows, and those of other cases that the record has."""
    old = json.loads(path.read_text())["rows"] if path and path.exists() else []
    new = {(row["size"], row["vocabulary"]): row for row in [*old, *rows]}
    return [new[case] for case in CASES if case in new]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def bench_training(benchmark: Any, precision: str) -> None:
    corpus = skmfast.sources.Biographies().sample(2000, seed=1)
    loop = Ours(ModelConfiguration(4096, 64, 2, 2), corpus, 512, precision=precision)
    benchmark(loop.step)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write a JSON record here, or add to the one there")
    parser.add_argument("--case", type=int, choices=range(len(CASES)), nargs="+", default=range(len(CASES)))
    parser.add_argument("--tokens", type=int, default=1024, help="of a batch")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--warm", type=int, default=12, help="steps before bfloat16 and compiled ones count")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--compiled", action="store_true", help="both under torch.compile, too; takes minutes"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    corpus = skmfast.sources.Biographies().sample(10_000, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tokens.bin"
        corpus.to_bin(file)
        rows = [measure(*CASES[case], corpus, file, arguments) for case in arguments.case]
    print_table(rows)
    summary = summarise(merged(arguments.out, rows))
    if arguments.out:
        record = provenance(["torch"]) | {"threads": arguments.threads, "rounds": arguments.rounds} | summary
        arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    for failure in summary["failures"]:
        print("below requirement:", failure, file=sys.stderr)
    return 1 if summary["failures"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
