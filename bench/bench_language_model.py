"""Documents scored by a language model: batches of windows beside a loop of one document at a time.

    python bench/bench_language_model.py MODEL TEXT [--documents 1000]

The text is cut at blank lines into documents. The loop does what one would write first: tokens, the model
on one document, all its logits, log-softmax. It computes in float32; both run in the same process, one
after the other, best of a few rounds.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch

from skmfast.codes.language_model import LanguageModel


def one_at_a_time(code: LanguageModel, documents: list[bytes]) -> list[float]:
    """Bits of each document, by a loop over documents with full logits."""
    bits = []
    for document in documents:
        tokens = torch.from_numpy(code.tokenizer.encode(document))
        total = 0.0
        for window in code.policy.windows(len(tokens)):
            targets = tokens[window.new : window.end]
            inputs = torch.cat([torch.tensor([code.tokenizer.bos]), targets[:-1]])
            with torch.inference_mode():
                logits = code.trunk.hidden(inputs[None])[0] @ code.trunk.head.T
                nats = torch.log_softmax(logits.float(), -1).gather(1, targets[:, None])
            total -= nats.double().sum().item() / math.log(2)
        bits.append(total)
    return bits


def main() -> None:
    """Print a JSON record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("text", type=Path)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    documents = [piece for piece in arguments.text.read_bytes().split(b"\n\n") if piece]
    documents = documents[: arguments.documents]
    codes = {dtype: LanguageModel(arguments.model, dtype=dtype) for dtype in ("float64", "float32")}
    runs = {
        "batched float64": lambda: codes["float64"].lengths(documents, per_document=True).per_document,
        "batched float32": lambda: codes["float32"].lengths(documents, per_document=True).per_document,
        "one at a time float32": lambda: one_at_a_time(codes["float32"], documents),
    }
    num_tokens = sum(len(codes["float64"].tokenizer.encode(document)) for document in documents)
    seconds = dict.fromkeys(runs, math.inf)
    found = {}
    for _ in range(arguments.rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            found[name] = np.array(run())
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    record = {
        "documents": len(documents),
        "tokens": num_tokens,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "tokens_per_s": {name: round(num_tokens / each) for name, each in seconds.items()},
        "largest_difference_bits": {
            name: float(np.abs(bits - found["batched float64"]).max()) for name, bits in found.items()
        },
    }
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
