"""Elements of the page: tables, figures with their legends, notes. What goes in is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skmfast.report.svg import Plot


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML that is finished: not escaped again."""

    text: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading, and whether it holds numbers."""

    heading: str
    number: bool = False


def text(value: str | Markup) -> str:
    """``value`` as HTML.

    Examples
    --------
    >>> text("a < b"), text(Markup("<b>"))
    ('a &lt; b', '<b>')
    """
    return value.text if isinstance(value, Markup) else escape(value)


def paragraph(value: str | Markup, kind: str = "") -> str:
    """A paragraph, of class ``kind``."""
    return f"<p{_class(kind)}>{text(value)}</p>"


def listing(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str | Markup]],
    *,
    caption: str = "",
    table: str = "",
    marked: Iterable[int] = (),
) -> str:
    """A table, drawn from the Parquet file ``table``; numbers are aligned right, ``marked`` rows stand out.

    Examples
    --------
    >>> listing([Column("code"), Column("bits", number=True)], [["kt", "4.25"]]).count('class="n"')
    2
    """
    special = set(marked)
    head = "".join(f'<th scope="col"{_number(each)}>{escape(each.heading)}</th>' for each in columns)
    body = []
    for place, row in enumerate(rows):
        cells = "".join(
            f"<td{_number(column)}>{text(cell)}</td>" for column, cell in zip(columns, row, strict=True)
        )
        body.append(f"<tr{_class('ours' if place in special else '')}>{cells}</tr>")
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"{_source(table)}><table>{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def bar(share: float, kind: str) -> Markup:
    """A bar as long as ``share`` of its cell; the number beside it says the same."""
    width = 100 * min(max(share, 0.0), 1.0)
    return Markup(f'<span class="meter {kind}" aria-hidden="true"><i style="width:{width:.1f}%"></i></span>')


def figure(plot: Plot, table: str, note: str | Markup = "") -> str:
    """A plot with title and legend, drawn from the Parquet file ``table``, or several with blanks between."""
    keys = "".join(
        f'<span class="key"><svg viewBox="0 0 18 10" aria-hidden="true">{_sample(kind)}</svg>'
        f"{escape(words)}</span>"
        for kind, words in plot.keys
    )
    legend = f'<span class="keys">{keys}</span>' if keys else ""
    return drawing(plot.svg(), plot.title, table, note, legend)


def drawing(svg: str, title: str, table: str, note: str | Markup = "", legend: str = "") -> str:
    """Any SVG as a figure with a title and a note."""
    below = f'<p class="note">{text(note)}</p>' if note else ""
    caption = f"<figcaption><b>{escape(title)}</b>{legend}</figcaption>"
    return f"<figure{_source(table)}>{caption}{svg}{below}</figure>"


def row(*figures: str) -> str:
    """Figures and tables side by side, where there is room."""
    return f'<div class="row">{"".join(each for each in figures if each)}</div>'


def missing(what: str, reason: str, table: str) -> str:
    """Says why there is no figure."""
    return f'<p class="missing"{_source(table)}><b>{escape(what)}</b> {escape(reason)}</p>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values, large."""
    cells = "".join(f"<div><dd>{escape(value)}</dd><dt>{escape(name)}</dt></div>" for name, value in pairs)
    return f'<dl class="facts">{cells}</dl>'


def _sample(kind: str) -> str:
    shape = kind.split()[0]
    if shape == "dot":
        return f'<circle class="{kind}" cx="9" cy="5" r="3"/>'
    if shape == "line":
        return f'<path class="{kind}" d="M0,5H18"/>'
    return f'<path class="{kind}" d="M1,1H17V9H1Z"/>'


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _number(column: Column) -> str:
    return ' class="n"' if column.number else ""


def _source(table: str) -> str:
    return f' data-table="{escape(table)}"' if table else ""
