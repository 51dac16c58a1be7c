"""What every kernel takes of a GPU, read from its machine code: no GPU is needed.

    python bench/kernel_resources.py             compile all, print the table; fail if a limit is passed
    python bench/kernel_resources.py --write     the same, and write the record
    python bench/kernel_resources.py --check     compile one: is the record of these kernels, within limits?

The kernels are compiled as they are launched: the functions of ``skmfast.kernels`` run on tensors without
storage, and every launch is recorded, with the types, alignments and constants that it would compile for.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import hashlib
import inspect
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.pop("TRITON_INTERPRET", None)

import torch
import triton
from records import write_record
from skmfast.kernels import logit_tiles, schedules
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction
from triton.tools.tensor_descriptor import TensorDescriptor

from skmfast import kernels

RECORD = Path(__file__).parent / "results" / "kernel_resources.json"
ROWS, VOCABULARY = 8192, 50257
TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "sm_100": GPUTarget("cuda", 100, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
SAMPLE = ("sm_90", "forward bf16 D=768: tile_sums")
# Bytes of shared memory that one program may take.
SHARED_LIMIT = {"sm_80": 163 << 10, "sm_90": 227 << 10, "sm_100": 227 << 10, "gfx942": 64 << 10}
TENSOR_CORE = {
    "sm_80": r"\bHMMA\b",
    "sm_90": r"\bHGMMA\b",
    "sm_100": r"\bUTC[A-Z]*MMA\b",
    "gfx942": r"\bv_mfma_\w+",
}
OPTIONS = ("num_warps", "num_stages", "enable_fp_fusion")
SCALARS = {
    torch.float32: "fp32",
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
    torch.int64: "i64",
    torch.int32: "i32",
}


@dataclasses.dataclass(frozen=True)
class Launch:
    """A kernel with what it is compiled for."""

    kernel: JITFunction
    signature: dict[str, str]
    constants: dict[str, Any]
    attributes: dict[tuple[int], list[list[Any]]]
    options: tuple[tuple[str, int], ...]

    @property
    def multiplies(self) -> bool:
        """Whether it has products that tensor cores should make: exact float32 ones they cannot."""
        return "BLOCK_VOCABULARY" in self.constants and "fp32" not in self.signature["x"]

    @property
    def fingerprint(self) -> str:
        """Of the sources and of all that they are compiled for."""
        helpers = [f.fn for f in vars(logit_tiles).values() if isinstance(f, JITFunction)]
        parts = [inspect.getsource(f) for f in (self.kernel.fn, *helpers)]
        parts += [
            repr(sorted(part.items(), key=str)) for part in (self.signature, self.constants, self.attributes)
        ]
        return hashlib.sha256("\n".join([*parts, repr(self.options)]).encode()).hexdigest()[:16]


@contextlib.contextmanager
def recorded_launches() -> Iterator[list[Launch]]:
    """Launches within the block are recorded in the list instead of made."""
    launches: list[Launch] = []

    def record(kernel: JITFunction, *arguments: Any, grid: Any, warmup: bool, **named: Any) -> None:
        given = dict(zip(kernel.arg_names, arguments, strict=False)) | named
        options = {name: given.pop(name) for name in OPTIONS if name in given}
        signature, constants, attributes = {}, {}, {}
        for index, name in enumerate(kernel.arg_names):
            value = given[name]
            if value is None or kernel.params[index].is_constexpr or (type(value) is int and value == 1):
                signature[name], constants[name] = "constexpr", value
                continue
            signature[name] = type_name(value)
            aligned = value.data_ptr() if isinstance(value, torch.Tensor) else value
            if isinstance(aligned, int) and aligned % 16 == 0:
                attributes[(index,)] = [["tt.divisibility", 16]]
        launches.append(Launch(kernel, signature, constants, attributes, tuple(sorted(options.items()))))

    with mock.patch.object(JITFunction, "run", record):
        yield launches


def type_name(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"*{SCALARS[value.dtype]}"
    if isinstance(value, TensorDescriptor):
        return f"tensordesc<{SCALARS[value.base.dtype]}{list(value.block_shape)}>"
    if isinstance(value, float):
        return "fp32"
    return "i32" if -(2**31) <= value < 2**31 else "i64"


def head(architecture: str, depth: int, dtype: torch.dtype, full: bool) -> dict[str, Any]:
    """Arguments of a head's kernels at that hidden size, without storage."""
    x = torch.empty((ROWS, depth), dtype=dtype, device="meta")
    weight = torch.empty((VOCABULARY, depth), dtype=dtype, device="meta")
    target = torch.empty(ROWS, dtype=torch.int64, device="meta")
    aligned = schedules.fits_descriptor(x) and schedules.fits_descriptor(weight)
    name = "amd" if architecture.startswith("gfx") else architecture
    schedule = schedules.schedule_for(name, dtype, depth, aligned, full)
    return {"x": x, "weight": weight, "target": target, "schedule": schedule}


PLAIN = kernels.Objective()
FULL = kernels.Objective(softcap=30.0, label_smoothing=0.1, z_loss=1e-4)
CAPPED = kernels.Objective(softcap=30.0, z_loss=1e-4)


def run_forward(architecture: str, depth: int, dtype: torch.dtype, full: bool) -> None:
    bias = torch.empty(VOCABULARY, dtype=torch.float32, device="meta") if full else None
    kernels.linear_cross_entropy(
        **head(architecture, depth, dtype, full),
        bias=bias,
        objective=FULL if full else PLAIN,
        entropy=full,
        argmax=full,
    )


def run_backward(architecture: str, depth: int, dtype: torch.dtype, full: bool) -> None:
    column = torch.empty(ROWS, dtype=torch.float32, device="meta")
    bias = torch.empty(VOCABULARY, dtype=torch.float32, device="meta") if full else None
    kernels.linear_cross_entropy_backward(
        **head(architecture, depth, dtype, full),
        bias=bias,
        losses=kernels.Losses(column, column, column, None),
        upstream_loss=column,
        upstream_entropy=column if full else None,
        objective=FULL if full else PLAIN,
        needs=(True, True, full),
    )


def run_with_gradients(architecture: str, depth: int, dtype: torch.dtype, full: bool) -> None:
    bias = torch.empty(VOCABULARY, dtype=torch.float32, device="meta") if full else None
    kernels.linear_cross_entropy_with_gradients(
        **head(architecture, depth, dtype, full),
        bias=bias,
        upstream=torch.empty(1, device="meta"),
        objective=CAPPED if full else PLAIN,
        needs=(True, True, full),
    )


def run_logits(dtype: torch.dtype, full: bool) -> None:
    logits = torch.empty((ROWS, VOCABULARY), dtype=dtype, device="meta")
    target = torch.empty(ROWS, dtype=torch.int64, device="meta")
    objective = FULL if full else PLAIN
    losses = kernels.cross_entropy(logits, target, objective=objective, entropy=full, argmax=full)
    upstream = torch.empty(ROWS, device="meta")
    kernels.cross_entropy_backward(
        logits, target, losses, upstream, None, upstream if full else None, objective=objective
    )


def cases(architecture: str) -> dict[str, Callable[[], None]]:
    """What is run to find the kernels to compile, by a name that says for which arguments."""
    found: dict[str, Callable[[], None]] = {}
    passes = {"forward": run_forward, "backward": run_backward, "with gradients": run_with_gradients}
    wanted = [(name, 768, torch.bfloat16, full) for name in passes for full in (False, True)]
    wanted += [(name, 2048, torch.bfloat16, False) for name in passes]
    wanted += [
        (name, 100, torch.bfloat16, full) for name in ("forward", "backward") for full in (False, True)
    ]
    wanted += [("forward", 768, torch.float16, False), ("forward", 768, torch.float32, False)]
    wanted += [("with gradients", 768, torch.float32, False)]
    for name, depth, dtype, full in wanted:
        label = f"{name} {SCALARS[dtype]} D={depth}" + ", all options" * full
        found[label] = functools.partial(passes[name], architecture, depth, dtype, full)
    for full in (False, True):
        found["logits bf16" + ", all options" * full] = functools.partial(run_logits, torch.bfloat16, full)
    return found


def resources(launch: Launch, architecture: str) -> dict[str, Any]:
    """Registers, stack, spills, shared memory and tensor-core instructions of one compiled kernel."""
    constants = {(launch.kernel.arg_names.index(name),): value for name, value in launch.constants.items()}
    source = ASTSource(launch.kernel, launch.signature, constants, launch.attributes)
    compiled = triton.compile(source, target=TARGETS[architecture], options=dict(launch.options))
    measure = amd_resources if architecture == "gfx942" else nvidia_resources
    found = {**measure(compiled, architecture), "shared_bytes": compiled.metadata.shared}
    found |= {name: value for name, value in launch.options if name != "enable_fp_fusion"}
    if not launch.multiplies:
        found.pop("product_batches", None)
        del found["tensor_core_instructions"]
    return found


def nvidia_resources(compiled: Any, architecture: str) -> dict[str, int]:
    tools = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled.asm["cubin"])
        file.flush()
        usage = output([tools / "cuobjdump", "-res-usage", file.name])
        code = output([tools / "nvdisasm", "-c", file.name])
    found = {name: int(value) for name, value in re.findall(r"\b(REG|STACK|LOCAL):(\d+)", usage)}
    return {
        "registers": found["REG"],
        "stack_bytes": found["STACK"] + found["LOCAL"],
        "spills": len(re.findall(r"\b(?:STL|LDL)\b", code)),
        "tensor_core_instructions": len(re.findall(TENSOR_CORE[architecture], code)),
        **({"product_batches": product_batches(code)} if architecture == "sm_90" else {}),
    }


def product_batches(code: str) -> int:
    """Groups of warpgroup products waited for together: as many as products if the compiler gave up."""
    order = re.findall(r"\b(HGMMA|WARPGROUP\.DEPBAR)\b", code)
    return sum(one == "HGMMA" and two != "HGMMA" for one, two in itertools.pairwise(order))


def amd_resources(compiled: Any, architecture: str) -> dict[str, int]:
    code = compiled.asm["amdgcn"]

    def number(key: str) -> int:
        return int(re.findall(rf"\.{key}:\s+(\d+)", code)[-1])

    return {
        "registers": number("vgpr_count"),
        "stack_bytes": number("private_segment_fixed_size"),
        # Scalar registers spill into lanes of vector registers, not into memory.
        "spills": number("vgpr_spill_count"),
        "tensor_core_instructions": len(re.findall(TENSOR_CORE[architecture], code)),
    }


def output(command: list[Any]) -> str:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout


def launches(architecture: str, chosen: str = "") -> Iterator[tuple[str, Launch]]:
    """Every kernel once for each way in which it is compiled, by a label; of the cases chosen."""
    seen: list[Launch] = []
    labels: list[str] = []
    for case, run in cases(architecture).items():
        if chosen not in case:
            continue
        with recorded_launches() as recorded:
            run()
        for launch in recorded:
            if launch not in seen:
                seen.append(launch)
                second = ", second" if launch.constants.get("AGAIN") else ""
                label = f"{case}: {launch.kernel.__name__.removesuffix('_kernel')}{second}"
                labels.append(label)
                # Parts of the vocabulary may differ in alignment.
                yield label + (f", variant {labels.count(label)}" if labels.count(label) > 1 else ""), launch


Table = dict[str, dict[str, dict[str, Any]]]


def table(architectures: list[str], chosen: str = "") -> Table:
    """Resources by architecture and label; printed as they come."""
    found: Table = {}
    for architecture in architectures:
        found[architecture] = {}
        for label, launch in launches(architecture, chosen):
            row = {**resources(launch, architecture), "fingerprint": launch.fingerprint}
            print(
                f"{architecture:7} {label:70}", *(f"{key} {value}" for key, value in row.items()), flush=True
            )
            found[architecture][label] = row
    return found


def differences(record: dict[str, Any]) -> list[str]:
    """Where a record is not that of these kernels; one is compiled, if triton is the record's."""
    wrong = []
    for architecture in TARGETS:
        expected = {label: launch.fingerprint for label, launch in launches(architecture)}
        recorded = {label: row["fingerprint"] for label, row in record["kernels"][architecture].items()}
        for label in sorted(expected.keys() | recorded.keys()):
            if expected.get(label) != recorded.get(label):
                wrong.append(f"{architecture} {label}: the record is not of this kernel; write it anew")
    if not wrong and triton.__version__ == record["triton"]:
        architecture, label = SAMPLE
        launch = dict(launches(architecture))[label]
        row = {**resources(launch, architecture), "fingerprint": launch.fingerprint}
        if row != record["kernels"][architecture][label]:
            wrong.append(f"{architecture} {label}: {row} is not what the record says")
    return wrong


def faults(found: Table) -> list[str]:
    """What passes a limit: any stack or spill, too much shared memory, products without tensor cores."""
    wrong = []
    for architecture, kernels_of in found.items():
        for label, row in kernels_of.items():
            if row["stack_bytes"] or row["spills"]:
                wrong.append(
                    f"{architecture} {label}: {row['stack_bytes']} bytes of stack, {row['spills']} spills"
                )
            if row["shared_bytes"] > SHARED_LIMIT[architecture]:
                wrong.append(f"{architecture} {label}: {row['shared_bytes']} bytes of shared memory")
            if "tensor_core_instructions" in row and not row["tensor_core_instructions"]:
                wrong.append(f"{architecture} {label}: no tensor-core instructions")
            if row.get("product_batches", 0) > max(1, row.get("tensor_core_instructions", 0) // 2):
                wrong.append(f"{architecture} {label}: products wait for each other")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--architecture", action="append", choices=TARGETS, help="default: all")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", action="store_true", help=f"write {RECORD.name}")
    action.add_argument(
        "--check", action="store_true", help="fail if a limit is passed or the record differs"
    )
    parser.add_argument("--case", default="", help="only cases whose name has this in it")
    arguments = parser.parse_args()
    if arguments.check:
        record = json.loads(RECORD.read_text())
        wrong = faults(record["kernels"]) + differences(record)
    else:
        found = table(arguments.architecture or list(TARGETS), arguments.case)
        wrong = faults(found)
        if arguments.write:
            record = {
                "triton": triton.__version__,
                "tokens": ROWS,
                "vocabulary": VOCABULARY,
                "kernels": found,
            }
            write_record(RECORD, record)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
