"""The page of a finished experiment: figure, fits, results, runs, configuration, and how to run it again.

Drawn from the files of the experiment's folder alone, with the style and the elements of the corpus report.
"""

from __future__ import annotations

import base64
import hashlib
import math
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skmfast.experiments.folders import stored_configuration
from skmfast.experiments.yaml_settings import plain_to_yaml
from skmfast.files import whole_file
from skmfast.report.document import document
from skmfast.report.html import Column, Markup, facts, listing, paragraph
from skmfast.report.numerals import counted, whole

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_FITS, _MOST_RESULTS = 200, 12
# Text of a table's cell that is not broken into lines; longer text gets room to be.
_SHORT_TEXT = 32
# A larger drawing is embedded as pixels instead.
_MOST_SVG_BYTES = 2 << 20
_DIGITS = 4


def write_page(name: str, summary: str, command: str, folder: Path, tables: dict[str, pa.Table]) -> None:
    """Write page.html.

    Parameters
    ----------
    name, summary : str
        Of the experiment.
    command : str
        What carries it out again.
    folder : Path
        Has figure.png, figure.svg and configuration.json; the page goes there.
    tables : dict of str to Table
        ``results``, ``fits`` and ``runs``, by the names of their files.
    """
    sections = [
        ("Figure", _figure(folder, name, summary)),
        ("Fits", table_listing(tables["fits"], "fits.parquet", _MOST_FITS)),
        ("Results", table_listing(tables["results"], "results.parquet", _MOST_RESULTS)),
        ("Runs", _runs(tables["runs"])),
        ("Configuration", _configuration(folder)),
        ("Run it again", _again(command)),
    ]
    text = document(folder.name, _lead(summary, tables), sections, _provenance(folder), images=True)
    with whole_file(folder / "page.html") as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def _lead(summary: str, tables: dict[str, pa.Table]) -> str:
    runs = tables["runs"]
    diverged = runs["status"].to_pylist().count("diverged")
    seconds = sum(each or 0 for each in runs["seconds"].to_pylist())
    sizes = [each for each in runs["parameters"].to_pylist() if each]
    pairs = [("run" if runs.num_rows == 1 else "runs", whole(runs.num_rows))]
    if diverged:
        pairs.append(("diverged", whole(diverged)))
    if sizes:
        most, least = whole(max(sizes)), whole(min(sizes))
        pairs.append(("parameters", most if most == least else f"{least} to {most}"))
    pairs.append(("of training", _duration(seconds)))
    return f'<p class="lead">{escape(summary[:1].upper() + summary[1:])}.</p>{facts(pairs)}'


def _duration(seconds: float) -> str:
    """Time as a reader says it.

    Examples
    --------
    >>> _duration(42), _duration(600), _duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _figure(folder: Path, name: str, summary: str) -> str:
    """The drawing, within the page; on a phone it is moved sideways instead of made unreadable."""
    svg = folder / "figure.svg"
    vector = svg.stat().st_size <= _MOST_SVG_BYTES
    content, kind = (svg.read_bytes(), "svg+xml") if vector else ((folder / "figure.png").read_bytes(), "png")
    data = base64.b64encode(content).decode()
    alt = escape(f"{name}: {summary}; the numbers are in the tables below")
    return (
        '<figure class="plate" data-table="results.parquet fits.parquet"><div class="scroll">'
        f'<img src="data:image/{kind};base64,{data}" alt="{alt}"></div></figure>'
    )


def table_listing(table: pa.Table, file: str, most: int) -> str:
    """A table as it stands in Parquet, or its first ``most`` rows."""
    import pyarrow as pa

    columns = [
        Column(field.name.replace("_", " "), number=not pa.types.is_string(field.type))
        for field in table.schema
    ]
    rows = [[_wrapped(_cell(value)) for value in row.values()] for row in table.slice(0, most).to_pylist()]
    rest = table.num_rows - len(rows)
    note = (
        f"The first {counted(len(rows), 'row')} of {whole(table.num_rows)}; all are in {file}."
        if rest
        else ""
    )
    return listing(columns, rows, table=file) + (paragraph(note, "note") if note else "")


def _cell(value: Any) -> str:
    """A value of a table as text.

    Examples
    --------
    >>> _cell(0.123456), _cell(1234567), _cell(None), _cell(True), _cell("x")
    ('0.1235', '1,234,567', '', 'yes', 'x')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.{_DIGITS}g}".replace("-", "\u2212")
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _wrapped(text: str) -> str | Markup:
    """A cell that a narrow screen does not break into single words: its table is moved sideways instead."""
    if len(text) <= _SHORT_TEXT:
        return text.replace(" ", "\u00a0")
    return Markup(f'<span class="long">{escape(text)}</span>')


def _runs(runs: pa.Table) -> str:
    columns = [
        Column("run"),
        Column("status"),
        Column("parameters", number=True),
        Column("seconds", number=True),
        Column("gap to Bayes, bits", number=True),
    ]
    rows = runs.to_pylist()
    cells = [
        [*(_cell(row[name]) for name in ("run", "status", "parameters", "seconds")), _gap(row)]
        for row in rows
    ]
    diverged = [place for place, row in enumerate(rows) if row["status"] == "diverged"]
    shown = listing(columns, cells, table="runs.parquet", marked=diverged)
    for row in rows:
        if row["reason"]:
            shown += paragraph(f"{row['run']}, {row['status']}: {row['reason']}.", "note")
    if diverged:
        shown += paragraph("Runs that diverged are kept, and left out of results and fits.", "note")
    return shown


def _gap(row: dict[str, Any]) -> str:
    """Knowledge bits a sentence above the Bayes mixture, with their standard error."""
    if row.get("gap_bits") is None:
        return ""
    return f"{row['gap_bits']:.3f} ± {row['gap_error_bits']:.3f}".replace("-", "\u2212")


def _configuration(folder: Path) -> str:
    text = plain_to_yaml(stored_configuration(folder))
    return f'<pre class="excerpt all">{escape(text)}</pre>'


def _again(command: str) -> str:
    return (
        paragraph("Runs that are done are skipped, and one that was ended goes on where it was.")
        + f'<pre class="excerpt">{escape(command)}\n{escape(command)} --plot-only</pre>'
        + paragraph("The second command draws this page again from its tables.", "note")
    )


def _provenance(folder: Path) -> str:
    from skmfast import __version__

    rows = []
    for path in sorted(folder.glob("*.parquet")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows.append(f"<li><code>{escape(path.name)}</code> <code>{digest[:12]}</code></li>")
    text = (
        f"Made by skmfast {__version__}. Everything is drawn from the Parquet tables beside this page, of"
        " which these are the names and the first digits of their SHA-256."
    )
    return f"<p>{escape(text)}</p><ul>{''.join(rows)}</ul>"
