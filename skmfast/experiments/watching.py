"""Watchers: those who are told how an experiment goes, such as the progress bar and TensorBoard's files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from skmfast.experiments.runs import RunConfiguration, RunResult


class Watcher:
    """Is told what happens, and does nothing: a base for those who do."""

    def plans(self, runs: list[RunConfiguration]) -> None:
        """The runs that there are, done ones among them."""

    def begins(self, configuration: RunConfiguration) -> None:
        """A run begins, or is taken up again."""

    def phase(self, name: str) -> None:
        """What the run does now: making corpora, training, evaluating."""

    def advances(self, step: int, loss_bits: float, sentences: int) -> None:
        """A step of training is done: its loss in bits a token, and the sentences trained on so far."""

    def evaluated(self, step: int, classes: pa.Table) -> None:
        """Losses by frequency class after ``step``."""

    def ends(self, result: RunResult) -> None:
        """A run is done or has diverged, by this process or another one, now or long ago."""

    def close(self) -> None:
        """Nothing more comes."""


class Watchers(Watcher):
    """Several watchers as one."""

    def __init__(self, watchers: Iterable[Watcher]) -> None:
        self._watchers = tuple(watchers)

    def plans(self, runs: list[RunConfiguration]) -> None:
        for each in self._watchers:
            each.plans(runs)

    def begins(self, configuration: RunConfiguration) -> None:
        for each in self._watchers:
            each.begins(configuration)

    def phase(self, name: str) -> None:
        for each in self._watchers:
            each.phase(name)

    def advances(self, step: int, loss_bits: float, sentences: int) -> None:
        for each in self._watchers:
            each.advances(step, loss_bits, sentences)

    def evaluated(self, step: int, classes: pa.Table) -> None:
        for each in self._watchers:
            each.evaluated(step, classes)

    def ends(self, result: RunResult) -> None:
        for each in self._watchers:
            each.ends(result)

    def close(self) -> None:
        for each in self._watchers:
            each.close()
