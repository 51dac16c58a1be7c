"""TensorBoard's files of an experiment, written while it runs. Needs the extra ``skmfast[tensorboard]``.

A folder for each run, named by its hash: the loss at each step, and after each evaluation the bits of syntax
and of knowledge by frequency class. A run that is taken up again goes on in new files of the same folder,
and steps that it repeats replace those that came before.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from torch.utils.tensorboard import SummaryWriter

from skmfast.experiments.canonical import digest, to_yaml
from skmfast.experiments.watching import Watcher

if TYPE_CHECKING:
    import pyarrow as pa

    from skmfast.experiments.runs import RunConfiguration, RunResult

_PARTS = ("syntax_bits", "knowledge_bits", "accuracy")


class TensorBoard(Watcher):
    """Writes event files.

    Parameters
    ----------
    folder : path
        Where the runs' folders go.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._writer: SummaryWriter | None = None
        self._configuration: RunConfiguration | None = None

    def begins(self, configuration: RunConfiguration) -> None:
        """The next run; its writer is made when the first step says where it goes on."""
        self.close()
        self._configuration = configuration

    def advances(self, step: int, loss_bits: float, sentences: int) -> None:
        """Loss of a step."""
        self._at(step).add_scalar("loss_bits_per_token", loss_bits, step)

    def evaluated(self, step: int, classes: pa.Table) -> None:
        """Bits of each part by frequency class."""
        writer = self._at(step)
        for row in classes.to_pylist():
            for part in _PARTS:
                if row.get(part) is not None:
                    tag = f"{part}/corpus {row['corpus']}, {row['grouping']} {row['class']}"
                    writer.add_scalar(tag, row[part], step)

    def ends(self, result: RunResult) -> None:
        """A run is done."""
        self.close()

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _at(self, step: int) -> SummaryWriter:
        if self._writer is None:
            assert self._configuration is not None
            # What an ended run wrote from this step on is not shown beside what comes now.
            folder = self._folder / digest(self._configuration)
            self._writer = SummaryWriter(str(folder), purge_step=step)
            self._writer.add_text("configuration", f"```\n{to_yaml(self._configuration)}```")
        return self._writer
