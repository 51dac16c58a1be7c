"""A progress bar on standard error: what is done, rate, time left. Nothing where that is no terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from skmfast.cli.app import complain, printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import ProgressColumn, TaskID


class Progress:
    """Context manager around rich's bar, counting bytes or something else.

    Parameters
    ----------
    verb : str
        What is going on, before the bar.
    unit : str
        What is counted; bytes are shown as sizes.
    """

    def __init__(self, verb: str, unit: str = "bytes") -> None:
        self._verb = verb
        self._unit = unit
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar
            from rich.table import Column

            self._bar = Bar(
                TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
                BarColumn(bar_width=None, table_column=Column(ratio=1)),
                *self._amounts(),
                TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
                TextColumn("left"),
                console=Console(stderr=True),
                transient=True,
                expand=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._verb, total=None)
        return self

    def _amounts(self) -> list[ProgressColumn]:
        """What is done of all, and how fast that goes."""
        from rich.progress import DownloadColumn, TextColumn, TransferSpeedColumn
        from rich.table import Column

        if self._unit == "bytes":
            return [
                DownloadColumn(table_column=Column(no_wrap=True)),
                TransferSpeedColumn(table_column=Column(no_wrap=True)),
            ]
        counted = f"{{task.completed:,.0f}}/{{task.total:,.0f}} {self._unit}"
        return [TextColumn(counted, markup=False, table_column=Column(no_wrap=True))]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def total(self, number: int) -> None:
        """How many bytes, or others, there are in all; 0 is not known."""
        self._update(total=number or None)

    def subject(self, name: str) -> None:
        """What is being done now."""
        name = printable(name)
        self._update(description=f"{self._verb} {name if len(name) <= 24 else '…' + name[-23:]}")

    def done(self, number: int) -> None:
        """How many are done in all."""
        self._update(completed=number)

    def complain(self, message: str) -> None:
        """One line on standard error, above the bar."""
        if self._bar is None:
            complain(message)
        else:
            self._bar.console.print(
                f"skmfast: {printable(message)}", markup=False, highlight=False, soft_wrap=True
            )

    def _update(self, **change: object) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, **change)  # type: ignore[arg-type]
