"""Tables of results on standard output: as text, or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skmfast.cli.app import console, printable

if TYPE_CHECKING:
    from skmfast.laws.tables import Table


def print_json(table: Table) -> None:
    """Metadata and columns of a table as JSON; null for what is no finite number."""
    import json
    import math

    def plain(value: object) -> object:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    columns = {name: [plain(each) for each in column.tolist()] for name, column in table.columns.items()}
    print(json.dumps({**table.metadata, "columns": columns}, indent=2))


def print_rows(header: list[str], rows: list[list[str]], *, title: str | None = None, left: int = 0) -> None:
    """A table of text, numbers to the right; column ``left`` holds names, to the left."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    rows = [list(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    screen = console(min_width=sum(widths) + 3 * len(widths))
    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(header):
        shown.add_column(name, justify="left" if place == left else "right", no_wrap=True)
    for row in rows:
        shown.add_row(*map(Text, row))
    if title:
        screen.print(Text(title, "bold"))
    screen.print(shown)
