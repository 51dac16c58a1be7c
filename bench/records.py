"""Records of benches: JSON, written whole or not at all, and what falls short of a requirement."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(record, indent=1) + "\n")
    part.replace(path)


def exit_code(failures: Sequence[str]) -> int:
    """1 where there are failures, which are printed; else 0."""
    for failure in failures:
        print("below requirement:", failure, file=sys.stderr)
    return 1 if failures else 0
