"""Files that a command is to write: what could not be written is said before the work begins."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from skmfast.cli.app import fail

_IMAGES = (".png", ".svg", ".pdf")


def check_targets(out: Path | None, plot: Path | None) -> None:
    """Say before a long computation what could not be written after it."""
    for name, path in (("--out", out), ("--plot", plot)):
        if path is not None and not os.access(path.parent, os.W_OK):
            fail(f"{name} {path}: the folder does not exist or cannot be written to")
    if plot is not None:
        if plot.suffix.lower() not in _IMAGES:
            fail(f"--plot {plot}: the name ends in none of {', '.join(_IMAGES)}")
        if importlib.util.find_spec("matplotlib") is None:
            fail("--plot needs matplotlib: pip install 'skmfast[plot]'")
