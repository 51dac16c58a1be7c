"""Compiled for four architectures without a GPU, kernels stay within limits, and the record is theirs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="kernels need the extra skmfast[torch]")
pytest.importorskip("triton", reason="kernels need the extra skmfast[torch]")

PROGRAM = Path(__file__).resolve().parents[2] / "bench" / "kernel_resources.py"


def test_the_record_is_of_these_kernels_and_within_limits():
    # A process of its own: this one has Triton's interpreter, which compiles nothing.
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--check"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
