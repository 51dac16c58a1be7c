"""Evaluations of a run: losses by frequency class at each step that asks for them, sentences at the end.

Each step's table is a file of its own until the run is done, so that one that was killed has those of the
steps before its checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from skmfast.experiments.bayes import oracle_bits, predictive_bits
from skmfast.experiments.evaluation import Evaluation, count_classes, evaluate, losses_by_class, rank_classes
from skmfast.experiments.folders import read_table, write_table

if TYPE_CHECKING:
    from skmfast.experiments.runs import Corpora, EvaluationConfiguration
    from skmfast.experiments.transformer import Transformer
    from skmfast.experiments.watching import Watcher

PARTS = ("syntax_bits", "knowledge_bits", "name_bits", "value_bits")


class RunEvaluation:
    """Evaluates a network on the test sentences of each corpus of a run.

    Parameters
    ----------
    configuration : EvaluationConfiguration
    corpora : sequence of (training, test)
    folder : Path
        Where the tables of steps are kept.
    watcher : Watcher
    """

    def __init__(
        self, configuration: EvaluationConfiguration, corpora: Corpora, folder: Path, watcher: Watcher
    ) -> None:
        self._configuration = configuration
        self._corpora = corpora
        self._folder = folder
        self._watcher = watcher
        self._classes = [
            {"count": count_classes(training, test), "rank": rank_classes(training, test)}
            for training, test in corpora
        ]

    def evaluate(self, step: int, model: Transformer) -> None:
        """Write the losses by class after ``step``."""
        self._watcher.phase(f"evaluating after step {step:,}")
        tables = []
        for place, classes in enumerate(self._classes):
            found = self._evaluated(place, model)
            for grouping, each in classes.items():
                table = losses_by_class(found, each)
                tables.append(_labelled(table, step=step, corpus=place, grouping=grouping))
        table = pa.concat_tables(tables)
        self._folder.mkdir(exist_ok=True)
        write_table(self._file(step), table)
        self._watcher.evaluated(step, table)
        self._watcher.phase("training")

    def classes(self, steps: Iterable[int]) -> pa.Table:
        """Losses by class of all steps that were evaluated."""
        return pa.concat_tables([read_table(self._file(step)) for step in steps])

    def sentences(self, model: Transformer) -> pa.Table:
        """Bits of each test sentence under the network, the Bayes mixture and the oracle."""
        return pa.concat_tables([self._sentences(place, model) for place in range(len(self._corpora))])

    def _sentences(self, place: int, model: Transformer) -> pa.Table:
        training, test = self._corpora[place]
        codes = {
            "network": self._evaluated(place, model),
            "bayes": predictive_bits(training, test),
            "oracle": oracle_bits(training, test),
        }
        columns = {
            "corpus": np.full(test.num_sentences, place, np.int64),
            "sentence": np.arange(test.num_sentences),
            "element": test.elements.astype(np.int64),
            "count": training.counts[test.elements].astype(np.int64),
        }
        for code, bits in codes.items():
            for part in PARTS:
                columns[f"{code}_{part}"] = np.asarray(getattr(bits, part), np.float64)
        return pa.table(columns)

    def _evaluated(self, place: int, model: Transformer) -> Evaluation:
        settings = self._configuration
        test = self._corpora[place][1]
        return evaluate(model, test, batch_sentences=settings.batch_sentences, precision=settings.precision)

    def _file(self, step: int) -> Path:
        return self._folder / f"step-{step:09d}.parquet"


def _labelled(table: pa.Table, *, step: int, corpus: int, grouping: str) -> pa.Table:
    """``table`` with columns that say what it is of, before its own."""
    rows = table.num_rows
    columns = {
        "step": pa.array(np.full(rows, step, np.int64)),
        "corpus": pa.array(np.full(rows, corpus, np.int64)),
        "grouping": pa.array([grouping] * rows, pa.string()),
    }
    return pa.table({**columns, **{name: table[name] for name in table.column_names}})
