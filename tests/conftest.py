"""Shared fixtures: where the real corpora are."""

import os
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
