"""Shared fixtures: where the real corpora are, and Python on a lower instruction set."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(os.environ.get("SKMFAST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def corpora_dir() -> Path:
    """Folder of real texts; tests that need it skip where it is absent."""
    folder = DATA / "corpora"
    if not folder.is_dir():
        pytest.skip(f"no corpora in {folder} (set SKMFAST_DATA)")
    return folder


@pytest.fixture(scope="session")
def on_isa() -> Callable[..., str]:
    """What Python prints on an instruction set: ``on_isa("avx2", "-c", program)``."""

    def run(isa: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=os.environ | {"SKMFAST_ISA": isa},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
