"""Evaluations of a run: losses by frequency class at each step that asks for them, sentences at the end.

Each step's table is a file of its own until the run is done, so that one that was killed has those of the
steps before its checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from skmfast.experiments.folders import read_table, write_table

if TYPE_CHECKING:
    from skmfast.experiments.runs import Corpora, EvaluationConfiguration
    from skmfast.experiments.transformer import Transformer
    from skmfast.experiments.watching import Watcher
