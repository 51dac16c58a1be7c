"""Where figures come from: machine, commit and the version of every tool and library."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("skmfast", "numpy", "pyarrow")
TOOLS = {
    "xz": ["xz", "--version"],
    "zstd": ["zstd", "--version"],
    "brotli": ["brotli", "--version"],
    "bzip2": ["bzip2", "--help"],
    "bzip3": ["bzip3", "--version"],
    "7z": ["7z", "i"],
}


def provenance(peers: Iterable[str] = ()) -> dict[str, object]:
    """Date, commit, machine and versions, as a record keeps them; of other distributions too, by name."""
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit(),
        "machine": {
            "processor": processor(),
            "processors": os.cpu_count(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
            "instruction_set": os.environ.get("SKMFAST_ISA", "best available"),
        },
        "versions": {
            "python": platform.python_version(),
            **{library: library_version(library) for library in (*LIBRARIES, *peers)},
            **{tool: tool_version(tool) for tool in TOOLS},
        },
    }


def commit() -> str:
    """The commit measured, ``+changes`` when sources differ from it; without git, SKMFAST_COMMIT tells."""
    sources = ("csrc", "kernels", "skmfast", "bench/*.py")
    try:
        head = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", *sources)
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("SKMFAST_COMMIT", "unknown")
    return f"{head}+changes" if changed else head


def _git(*arguments: str) -> str:
    # The folder may be another user's, on a machine that it was copied to.
    git = ["git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}"]
    return subprocess.run([*git, *arguments], capture_output=True, text=True, check=True).stdout.strip()


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    found = {}
    for line in reversed(lines):
        key, _, value = line.partition(":")
        found[key.strip()] = value.strip()
    name = found.get("model name", platform.processor())
    if "model" in found:  # virtual machines hide the name; family and model still tell
        name += (
            f" (family {found.get('cpu family')}, model {found['model']}, stepping {found.get('stepping')})"
        )
    return name


def library_version(name: str) -> str | None:
    """Version of an installed distribution; None without it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def tool_version(tool: str) -> str | None:
    """The first number with a point that the tool prints about itself; None without the tool."""
    if shutil.which(tool) is None:
        return None
    done = subprocess.run(TOOLS[tool], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
    return found[0] if found else "unknown"
