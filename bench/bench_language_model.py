"""Documents scored by a language model, beside a loop of one document at a time in plain torch.

    python bench/bench_language_model.py MODEL TEXT... [--documents 1000] [--threads 1 2] [--out FILE]

Texts are cut by turns into documents of 200 to 3,000 bytes. The loop does what one would write first: tokens,
the model on one window, all its logits, log-softmax, in float32 and with as many threads. Both take the same
documents a few at a time, one after the other; of several rounds the least time of each few counts. A second
part scores random tokens under random weights of other shapes.

The floor is what the products alone would take at the rate of a large torch.mm: multiplications and additions
of weights, head and attention, per token of these documents.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from provenance import provenance
from records import write_record

from skmfast.codes.language_model import LanguageModel
from skmfast.codes.llama import Llama
from skmfast.codes.llama2c import LlamaSizes, read_llama2c

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from torch_llama import Llama as TorchLlama

REQUIRED = 5.0  # times as fast as the loop
AT_ONCE = 50  # documents of ours, then of the peer
SHAPES = {
    "stories15M": LlamaSizes(288, 768, 6, 6, 6, 32000, 256, True),
    "multi-query": LlamaSizes(256, 688, 4, 8, 1, 4096, 256, False),
}


def documents_of(texts: Iterable[Path], count: int) -> list[bytes]:
    """Documents of 200 to 3,000 bytes, cut from the texts by turns."""
    generator = np.random.default_rng(1)
    left = [path.read_bytes() for path in texts]
    documents: list[bytes] = []
    while len(documents) < count and any(left):
        for number, text in enumerate(left):
            size = int(generator.integers(200, 3000))
            documents.append(text[:size])
            left[number] = text[size:]
    return [document for document in documents if document][:count]


def loop_bits(model: TorchLlama, windows: Iterable[tuple[Any, Any]]) -> float:
    """Bits of one document's windows (inputs, targets), with full logits."""
    total = 0.0
    for inputs, targets in windows:
        with torch.inference_mode():
            logits = model.hidden(torch.from_numpy(inputs)[None])[0] @ model.head.T
            nats = torch.log_softmax(logits, -1).gather(1, torch.from_numpy(targets)[:, None])
        total -= nats.double().sum().item() / math.log(2)
    return total


def windows_of(code: LanguageModel, document: bytes) -> list[tuple[Any, Any]]:
    tokens = code.tokenizer.encode(document)
    found = []
    for window in code.policy.windows(len(tokens)):
        targets = tokens[window.new : window.end]
        found.append((np.concatenate([[code.bos_token], targets[:-1]]), targets))
    return found


def compare(
    parts: list[Any], ours: Callable[[Any], np.ndarray], loop: Callable[[Any], list[float]], rounds: int
) -> tuple[float, float, float]:
    """Seconds of ours, of the loop, and the largest difference of a document's bits."""
    seconds = [0.0, 0.0]
    difference = 0.0
    for part in parts:
        least = [math.inf, math.inf]
        for _ in range(rounds):
            start = time.perf_counter()
            found = ours(part)
            middle = time.perf_counter()
            expected = loop(part)
            least = [min(least[0], middle - start), min(least[1], time.perf_counter() - middle)]
        seconds = [total + each for total, each in zip(seconds, least, strict=True)]
        difference = max(difference, float(np.abs(found - expected).max()))
    return seconds[0], seconds[1], difference


def product_rate(threads: int) -> float:
    """Multiply-adds a second of a large product, the best of many."""
    torch.set_num_threads(threads)
    a = torch.ones(1024, 1024)
    least = math.inf
    for _ in range(20):
        start = time.perf_counter()
        torch.mm(a, a)
        least = min(least, time.perf_counter() - start)
    return 1024**3 / least


def multiplications(sizes: LlamaSizes, lengths: list[int]) -> float:
    """Per token of windows of these lengths; each token attends to itself and those before it."""
    keys = sizes.num_kv_heads * sizes.head_width
    layer = sizes.width * (2 * sizes.width + 2 * keys + 3 * sizes.hidden_width)
    seen = sum(n * (n + 1) / 2 for n in lengths) / sum(lengths)
    attention = 2 * seen * sizes.num_heads * sizes.head_width
    return sizes.num_layers * (layer + attention) + sizes.vocabulary_size * sizes.width


def row(name: str, sizes: LlamaSizes, lengths: list[int], threads: int, found: tuple[float, ...]) -> dict:
    ours, loop, difference = found
    tokens = sum(lengths)
    floor = multiplications(sizes, lengths) / product_rate(threads)
    return {
        "model": name,
        "threads": threads,
        "windows": len(lengths),
        "tokens": tokens,
        "tokens_per_s": round(tokens / ours),
        "loop_tokens_per_s": round(tokens / loop),
        "times_as_fast": round(loop / ours, 2),
        "multiplications_per_token": round(multiplications(sizes, lengths)),
        "floor_us_per_token": round(1e6 * floor, 3),
        "of_floor": round(floor * tokens / ours, 3),
        "largest_difference_bits": difference,
    }


def real_documents(model: str, documents: list[bytes], threads: int, rounds: int) -> dict:
    code = LanguageModel(model)
    sizes, weights = read_llama2c(model)
    peer = TorchLlama(sizes, weights, torch.float32)
    torch.set_num_threads(threads)
    parts = [documents[i : i + AT_ONCE] for i in range(0, len(documents), AT_ONCE)]
    found = compare(
        parts,
        lambda part: code.lengths(part, per_document=True, threads=threads).per_document,
        lambda part: [loop_bits(peer, windows_of(code, document)) for document in part],
        rounds,
    )
    lengths = [len(inputs) for document in documents for inputs, _ in windows_of(code, document)]
    return {**row("stories260K", sizes, lengths, threads, found), "documents": len(documents)}


def random_tokens(name: str, threads: int, rounds: int) -> dict:
    sizes = SHAPES[name]
    generator = np.random.default_rng(1)
    weights = random_weights(sizes, generator)
    model, peer = Llama(sizes, weights), TorchLlama(sizes, weights, torch.float32)
    torch.set_num_threads(threads)
    windows = []
    for length in generator.integers(20, sizes.context, 16):
        tokens = generator.integers(0, sizes.vocabulary_size, length + 1)
        windows.append((tokens[:-1], tokens[1:]))

    def ours(part: list[Any]) -> np.ndarray:
        inputs, targets = zip(*part, strict=True)
        return np.array([bits.sum() for bits in model.window_bits(inputs, targets, threads=threads)])

    found = compare([windows], ours, lambda part: [loop_bits(peer, [window]) for window in part], rounds)
    return row(name, sizes, [len(inputs) for inputs, _ in windows], threads, found)


def random_weights(sizes: LlamaSizes, generator: np.random.Generator) -> dict[str, np.ndarray]:
    layers, width, hidden = sizes.num_layers, sizes.width, sizes.hidden_width
    keys = sizes.num_kv_heads * sizes.head_width
    shapes = {
        "embedding": (sizes.vocabulary_size, width),
        "head": (sizes.vocabulary_size, width),
        "query": (layers, width, width),
        "key": (layers, keys, width),
        "value": (layers, keys, width),
        "output": (layers, width, width),
        "gate": (layers, hidden, width),
        "up": (layers, hidden, width),
        "down": (layers, width, hidden),
    }
    weights = {
        name: generator.standard_normal(shape, dtype=np.float32) / np.float32(math.sqrt(shape[-1]))
        for name, shape in shapes.items()
    }
    norms = {"attention_norm": (layers, width), "feed_norm": (layers, width), "final_norm": (width,)}
    return weights | {name: np.ones(shape, dtype=np.float32) for name, shape in norms.items()}


def main() -> int:
    """Print rows, write the record; 1 where a ratio is less than is required."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path, help="record; rows of the same model and threads are replaced")
    arguments = parser.parse_args()
    documents = documents_of(arguments.texts, arguments.documents)
    rows = []
    for threads in arguments.threads:
        rows.append(real_documents(arguments.model, documents, threads, arguments.rounds))
        rows += [random_tokens(name, threads, 3 * arguments.rounds) for name in SHAPES]
    for each in rows:
        print(json.dumps(each))
    failures = [
        f"{each['model']}, {each['threads']} threads: {each['times_as_fast']} of {REQUIRED} times the loop"
        for each in rows
        if each["model"] == "stories260K" and each["times_as_fast"] < REQUIRED
    ]
    if arguments.out is not None:
        write(arguments.out, rows, [path.name for path in arguments.texts], failures)
    return 1 if failures else 0


def write(path: Path, rows: list[dict], texts: list[str], failures: list[str]) -> None:
    measured = {(each["model"], each["threads"]) for each in rows}
    kept = json.loads(path.read_text())["rows"] if path.exists() else []
    rows = [each for each in kept if (each["model"], each["threads"]) not in measured] + rows
    versions = {"torch": torch.__version__}
    record = {**provenance(), "texts": texts, "required": REQUIRED, **versions, "failures": failures}
    write_record(path, {**record, "rows": rows})


if __name__ == "__main__":
    sys.exit(main())
