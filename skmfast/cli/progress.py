"""A progress bar on standard error: bytes done, rate, time left. Nothing where that is no terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from skmfast.cli.app import complain

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Progress:
    """Context manager around rich's bar, counting bytes.

    Parameters
    ----------
    verb : str
        What is going on, before the bar.
    """

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )
            from rich.progress import Progress as Bar
            from rich.table import Column

            self._bar = Bar(
                TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
                BarColumn(bar_width=None, table_column=Column(ratio=1)),
                DownloadColumn(table_column=Column(no_wrap=True)),
                TransferSpeedColumn(table_column=Column(no_wrap=True)),
                TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
                TextColumn("left"),
                console=Console(stderr=True),
                transient=True,
                expand=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._verb, total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def total(self, num_bytes: int) -> None:
        """How many bytes there are in all; 0 is not known."""
        self._update(total=num_bytes or None)

    def subject(self, name: str) -> None:
        """What is being done now."""
        self._update(description=f"{self._verb} {name if len(name) <= 24 else '…' + name[-23:]}")

    def done(self, num_bytes: int) -> None:
        """How many bytes are done in all."""
        self._update(completed=num_bytes)

    def complain(self, message: str) -> None:
        """One line on standard error, above the bar."""
        if self._bar is None:
            complain(message)
        else:
            self._bar.console.print(f"skmfast: {message}", markup=False, highlight=False, soft_wrap=True)

    def _update(self, **change: object) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, **change)  # type: ignore[arg-type]
