"""Speed of training on the CPU, beside nanoGPT's model and loop.

``python bench/bench_training.py --out FILE`` trains models of about 1 and 10 million weights (embeddings not
counted) with vocabularies of 50,257 and 8,192 on the same corpus of biographies, batches of as many tokens.
The peer reads windows of 64 tokens from the sentences laid end to end, as its example for the CPU does. Ours
reads whole sentences, and computes the beginnings that they share once; as ``windows`` it reads the peer's
windows instead, where nothing is shared: the same work for both. Both in float32, which is all that the peer
computes in on a CPU, and in bfloat16, which its user may switch on by hand.

A token is counted where it is predicted; padding is not. Steps are taken in turns in the same rounds;
medians over the rounds. ``of_floor`` is the least time that a step can take, its products at the rate of
torch.mm in the same precision and AdamW's reading and writing at the rate of a copy, as a share of the time
that it took.

``--compiled`` puts both under torch.compile, too; with ``TORCHINDUCTOR_CACHE_DIR`` set to a folder that
stays, the minutes that takes are spent once. ``pytest bench/bench_training.py`` times steps of a small model.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from provenance import provenance
from records import exit_code, write_record

import skmfast.sources

torch = pytest.importorskip("torch")

from peers.nanogpt import Loop, Sizes  # noqa: E402

from skmfast.experiments.batches import Batches, SentenceTokens  # noqa: E402
from skmfast.experiments.beginnings import beginnings_of  # noqa: E402
from skmfast.experiments.training import TrainingConfiguration, TrainingRun  # noqa: E402
from skmfast.experiments.transformer import ModelConfiguration, Transformer  # noqa: E402

# Layers, width and heads are those of nanoGPT's example for the CPU and of its smallest GPT.
SIZES = {"1M": (4, 128, 4), "10M": (6, 384, 6)}
CASES = [(size, vocabulary) for size in SIZES for vocabulary in (8192, 50257)]
PRECISIONS = ("float32", "bfloat16")
WINDOW = 64  # tokens that the peer reads at once, as its example for the CPU does
REQUIRED = 1.3
PEER, WINDOWS = "nanoGPT", "windows"


class Ours:
    """Our training, a step at a time."""

    def __init__(self, model: ModelConfiguration, corpus: Any, rows: int, **settings: Any) -> None:
        training = TrainingConfiguration(
            steps=10_000, batch_sentences=rows, learning_rate=6e-4, warmup_steps=2000, **settings
        )
        batches = Batches([corpus], batch_sentences=rows, seed=1)
        self.run = TrainingRun(Transformer(model, seed=1), batches, training, None)

    def step(self) -> int:
        """One step; returns the tokens predicted."""
        return self.steps(1)

    def steps(self, number: int) -> int:
        """So many steps, their losses read as in a run; returns the tokens predicted."""
        first = self.run.step
        for _ in range(number):
            self.run.advance()
            if self.run.settles():
                self.run.settle()
        self.run.settle()
        return int(self.run.curve["tokens"][first : self.run.step].sum())

    def operations(self, tokens: float) -> float:
        """Floating-point operations of the products for so many tokens, on the average of a few batches."""
        model, found = self.run.model, []
        for step in range(8):
            batch = self.run.batches.batch(step)
            tree = beginnings_of(batch)
            head = model.head.numel() * len(tree.targets)
            trunk = model.num_parameters(embeddings=False) * len(tree.tokens)
            found.append(6 * (head + trunk) * tokens / batch.num_tokens)
        return statistics.mean(found)


def contenders(size: str, vocabulary: int, corpus: Any, file: Path, arguments: Any) -> dict[str, Any]:
    """Loops by name: who, in which precision, on what, and whether compiled."""
    layers, width, heads = SIZES[size]
    model = ModelConfiguration(vocabulary, width, layers, heads)
    sizes = Sizes(vocabulary, width, layers, heads, WINDOW)
    windows = SentenceTokens(corpus.tokens, np.arange(0, len(corpus.tokens), WINDOW))
    sentences = round(arguments.tokens * len(corpus) / len(corpus.tokens))
    rows, made = arguments.tokens // WINDOW, {}
    for compiled in (False, True) if arguments.compiled else (False,):
        suffix = " compiled" if compiled else ""
        for precision in PRECISIONS:
            made[f"{PEER} {precision}{suffix}"] = Loop(
                sizes, file, rows, compiled=compiled, precision=precision
            )
            made[f"{precision}{suffix}"] = Ours(
                model, corpus, sentences, precision=precision, compile=compiled
            )
            if not compiled:
                made[f"{WINDOWS} {precision}"] = Ours(model, windows, rows, precision=precision)
    return made


def measure(size: str, vocabulary: int, corpus: Any, file: Path, arguments: Any) -> dict[str, Any]:
    """Tokens per second of all contenders, and what that is of the floor."""
    loops = contenders(size, vocabulary, corpus, file, arguments)
    for name, loop in loops.items():
        # Products in bfloat16 and compiled code are made for each shape when it comes first.
        for _ in range(2 if name.endswith("float32") or name.startswith(PEER) else arguments.warm):
            loop.step()
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(arguments.rounds):
        for name, loop in loops.items():
            start = time.perf_counter()
            tokens = loop.steps(arguments.steps)
            rates[name].append(tokens / (time.perf_counter() - start))
    median = {name: statistics.median(found) for name, found in rates.items()}
    ours, peer = loops["float32"], loops[f"{PEER} float32"]
    product = {each: product_flops(SIZES[size][1], each) for each in PRECISIONS}
    floors = floor_seconds(loops, arguments.tokens, product)
    return {
        "size": size,
        "vocabulary": vocabulary,
        "weights": ours.run.model.num_parameters(embeddings=False),
        "weights_of_peer": sum(weight.numel() for weight in peer.model.blocks.parameters()),
        "tokens_a_batch": arguments.tokens,
        "rounds": arguments.rounds,
        "steps_a_round": arguments.steps,
        "tokens_per_s": median,
        "fastest_tokens_per_s": {name: max(found) for name, found in rates.items()},
        "ratio": ratios(median),
        "product_gflops": {each: rate / 1e9 for each, rate in product.items()},
        "of_floor": {name: floors[name] * rate / arguments.tokens for name, rate in median.items()},
    }


def ratios(rates: dict[str, float]) -> dict[str, float]:
    """Ours to the peer, compiled where that is faster: in each precision, on its windows, and at all."""

    def best(prefix: str) -> float:
        return max((rate for name, rate in rates.items() if name.startswith(prefix)), default=0.0)

    found = {each: best(each) / best(f"{PEER} {each}") for each in PRECISIONS}
    for each in PRECISIONS:
        found[f"{WINDOWS} {each}"] = rates[f"{WINDOWS} {each}"] / rates[f"{PEER} {each}"]  # neither compiled
    found["best"] = max(map(best, PRECISIONS)) / best(PEER)
    return found


def floor_seconds(loops: dict[str, Any], tokens: int, product: dict[str, float]) -> dict[str, float]:
    """The least time of a step of each contender."""
    found = {}
    for name, loop in loops.items():
        theirs = name.startswith(PEER)
        weights = sum(each.numel() for each in (loop.model if theirs else loop.run.model).parameters())
        precision = next(each for each in PRECISIONS if each in name)
        found[name] = loop.operations(tokens) / product[precision] + OPTIMISER_BYTES * weights / copy_rate()
    return found


# AdamW reads weight, gradient and two moments, and writes all but the gradient.
OPTIMISER_BYTES = 7 * 4


def fastest(call: Callable[[], Any], rounds: int = 7, wait: Callable[[], Any] = lambda: None) -> float:
    seconds = []
    for _ in range(rounds):
        wait()
        start = time.perf_counter()
        call()
        wait()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def product_flops(
    width: int,
    precision: str,
    rows: int = 1024,
    device: str = "cpu",
    wait: Callable[[], Any] = lambda: None,
) -> float:
    """Floating-point operations per second of a product as layers have it."""
    how = {"dtype": getattr(torch, precision), "device": device}
    x, weight = torch.randn(rows, width, **how), torch.randn(4 * width, width, **how).t()
    return 2 * rows * width * 4 * width / fastest(lambda: torch.mm(x, weight), wait=wait)


@functools.cache
def copy_rate(numbers: int = 1 << 24) -> float:
    """Bytes per second that a copy reads and writes."""
    one, two = torch.zeros(numbers), torch.ones(numbers)
    return 8 * numbers / fastest(lambda: one.copy_(two))


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    failures = [
        f"{row['size']}, V = {row['vocabulary']:,}, {name}: {row['ratio'][name]:.2f} times the peer"
        for row in rows
        for name in (*PRECISIONS, "best")
        if row["ratio"][name] < REQUIRED
    ]
    return {"rows": rows, "failures": failures}


def print_table(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(f"{row['size']}, V = {row['vocabulary']:,}: tokens per second, share of the floor")
        for name, rate in row["tokens_per_s"].items():
            print(f"  {name:28} {rate:8,.0f} {row['of_floor'][name]:6.2f}")
        print("  times the peer:", ", ".join(f"{name} {each:.2f}" for name, each in row["ratio"].items()))


def merged(path: Path | None, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """These rows, and those of other cases that the record has."""
    old = json.loads(path.read_text())["rows"] if path and path.exists() else []
    new = {(row["size"], row["vocabulary"]): row for row in [*old, *rows]}
    return [new[case] for case in CASES if case in new]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def bench_training(benchmark: Any, precision: str) -> None:
    corpus = skmfast.sources.Biographies().sample(2000, seed=1)
    loop = Ours(ModelConfiguration(4096, 64, 2, 2), corpus, 40, precision=precision)
    benchmark(loop.step)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write a JSON record here, or add to the one there")
    parser.add_argument("--case", type=int, choices=range(len(CASES)), nargs="+", default=range(len(CASES)))
    parser.add_argument("--tokens", type=int, default=1024, help="of a batch")
    parser.add_argument("--rounds", type=int, default=5)
    # Batches of short sentences are faster than those of long ones: a round has some of each.
    parser.add_argument("--steps", type=int, default=3, help="of each contender in a round")
    parser.add_argument("--warm", type=int, default=16, help="steps before bfloat16 and compiled ones count")
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
        write_record(arguments.out, provenance(["torch"]) | {"threads": arguments.threads} | summary)
    return exit_code(summary["failures"])


if __name__ == "__main__":
    raise SystemExit(main())
