"""Evaluations of a run: losses by frequency class at each step that asks for them, sentences at the end.

Each step's table is a file of its own until the run is done, so that one that was killed has those of the
steps before its checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skmfast.experiments.bayes import oracle_bits, predictive_bits
from skmfast.experiments.evaluation import Evaluation, answers_by_class, evaluate, losses_by_class
from skmfast.experiments.folders import read_table, write_table
from skmfast.experiments.frequency_classes import classes_by_count, classes_by_rank

if TYPE_CHECKING:
    from skmfast.experiments.runs import Corpora, EvaluationConfiguration
    from skmfast.experiments.transformer import Transformer
    from skmfast.experiments.watching import Watcher

PARTS = ("syntax", "knowledge", "name", "value")


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
            {"count": classes_by_count(training.counts), "rank": classes_by_rank(training.frequencies)}
            for training, _ in corpora
        ]

    def evaluate(self, step: int, model: Transformer) -> None:
        """Write what is known by class after ``step``."""
        self._watcher.phase(f"evaluating after step {step:,}")
        classes, answers = [], []
        for place, groupings in enumerate(self._classes):
            found = self._evaluated(place, model)
            for grouping, each in groupings.items():
                about: dict[str, int | str] = {"step": step, "corpus": place, "grouping": grouping}
                classes.append(_labelled(losses_by_class(found, each), about))
                answers.append(_labelled(answers_by_class(found, each), about))
        self._folder.mkdir(exist_ok=True)
        write_table(self._file("classes", step), pa.concat_tables(classes))
        write_table(self._file("answers", step), pa.concat_tables(answers))
        self._watcher.evaluated(step, pa.concat_tables(classes))
        self._watcher.phase("training")

    def table(self, name: str, steps: Iterable[int]) -> pa.Table:
        """What is known of all steps that were evaluated: ``"classes"``, or ``"answers"`` by attribute."""
        return pa.concat_tables([read_table(self._file(name, step)) for step in steps])

    def sentences(self, model: Transformer) -> pa.Table:
        """Bits of each test sentence under the network, the Bayes mixture and the oracle."""
        return pa.concat_tables([self._sentences(place, model) for place in range(len(self._corpora))])

    def _sentences(self, place: int, model: Transformer) -> pa.Table:
        training, test = self._corpora[place]
        network = self._evaluated(place, model)
        columns = {
            "corpus": np.full(test.num_sentences, place, np.int64),
            "sentence": np.arange(test.num_sentences),
            "element": test.elements.astype(np.int64),
            "count": training.counts[test.elements].astype(np.int64),
        }
        columns |= {f"network_{part}_bits": getattr(network, f"{part}_bits") for part in PARTS}
        for code, bits in (("bayes", predictive_bits(training, test)), ("oracle", oracle_bits(test))):
            columns |= {f"{code}_{part}_bits": getattr(bits, part) for part in PARTS}
        # Share of the sentence's values that are the network's greedy answers.
        columns["accuracy"] = network.statement_correct.mean(axis=1)
        return pa.table(columns)

    def _evaluated(self, place: int, model: Transformer) -> Evaluation:
        settings = self._configuration
        test = self._corpora[place][1]
        return evaluate(model, test, batch_sentences=settings.batch_sentences, precision=settings.precision)

    def _file(self, name: str, step: int) -> Path:
        return self._folder / f"{name}-{step:09d}.parquet"


def _labelled(table: pa.Table, about: dict[str, int | str]) -> pa.Table:
    """``table`` with columns that say what it is of, before its own."""
    columns: dict[str, Any] = {name: np.full(table.num_rows, value) for name, value in about.items()}
    return pa.table({**columns, **{name: table[name] for name in table.column_names}})
