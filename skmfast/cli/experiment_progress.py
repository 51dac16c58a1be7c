"""Progress of an experiment on standard error: run k of n, loss, sentences a second, time left.

Where that is no terminal, a line for each run that ends.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from skmfast.cli.app import complain
from skmfast.experiments.watching import Watcher

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from skmfast.experiments.runs import RunConfiguration, RunResult

# A rate is of this long ago until now.
_WINDOW_SECONDS = 2.0


class ExperimentProgress(Watcher):
    """A watcher that draws a bar; a context manager."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._runs: dict[RunConfiguration, float] = {}
        self._ended: set[RunConfiguration] = set()
        self._current: RunConfiguration | None = None
        self._since = (0.0, 0)
        self._rate = ""

    def __enter__(self) -> ExperimentProgress:
        if sys.stderr.isatty():
            self._bar = self._make_bar()
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=None, state="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _make_bar(self) -> RichProgress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        return Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),
            TextColumn("{task.fields[state]}", markup=False, table_column=Column(no_wrap=True)),
            TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
            TextColumn("left"),
            console=Console(stderr=True),
            transient=True,
            expand=True,
            speed_estimate_period=120,
        )

    def plans(self, runs: list[RunConfiguration]) -> None:
        """The bar is as long as the work of all runs."""
        self._runs = {each: work(each) for each in runs}
        self._update(total=sum(self._runs.values()))

    def begins(self, configuration: RunConfiguration) -> None:
        """The next run."""
        self._current = configuration
        self._since = (time.monotonic(), -1)
        self._rate = ""
        self._describe("")

    def phase(self, name: str) -> None:
        """What it does now."""
        self._describe("" if name == "training" else name)

    def advances(self, step: int, loss_bits: float, sentences: int) -> None:
        """Further along, with a loss."""
        if self._bar is None or self._current is None:
            return
        now, (then, before) = time.monotonic(), self._since
        if before < 0:
            self._since = (now, sentences)
        elif now - then >= _WINDOW_SECONDS:
            self._rate = f", {(sentences - before) / (now - then):,.0f} sentences/s"
            self._since = (now, sentences)
        share = step / self._current.training.steps
        done = self._done() + share * self._runs.get(self._current, 0.0)
        self._update(completed=done, state=f"loss {loss_bits:.3f} bits/token{self._rate}")

    def ends(self, result: RunResult) -> None:
        """A run is done."""
        self._ended.add(result.configuration)
        self._update(completed=self._done())
        number = f"run {len(self._ended)} of {len(self._runs)}"
        if result.status == "diverged":
            self.complain(f"{number}, {result.digest}: diverged: {result.reason}")
        elif self._bar is None and self._current is not None:
            complain(f"{number}, {result.digest}: {result.status}, {result.facts.get('seconds', 0):.0f} s")

    def complain(self, message: str) -> None:
        """One line on standard error, above the bar."""
        if self._bar is None:
            complain(message)
        else:
            self._bar.console.print(f"skmfast: {message}", markup=False, highlight=False, soft_wrap=True)

    def _done(self) -> float:
        return sum(self._runs.get(each, 0.0) for each in self._ended)

    def _describe(self, state: str) -> None:
        number = min(len(self._ended) + 1, len(self._runs))
        self._update(description=f"{self._name}: run {number} of {len(self._runs)}", state=state)

    def _update(self, **change: object) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, **change)  # type: ignore[arg-type]


def work(configuration: RunConfiguration) -> float:
    """What a run costs, relative to others: sentences trained on, times weights that each token meets."""
    model, training = configuration.model, configuration.training
    weights = 12 * model.layers * model.width**2 + model.vocabulary * model.width
    # Small models are bound by what is done for each step.
    return training.steps * (training.batch_sentences * float(weights) + 5e7)
