"""The page: one HTML file with its style inside, no scripts, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from skmfast.report.excerpts import visible
from skmfast.report.html import facts
from skmfast.report.numerals import counted, fixed, short, whole
from skmfast.report.sections import costs
from skmfast.report.sections.exponents import data_exponent, discount_range
from skmfast.report.sections.learning import law_of
from skmfast.report.tables import reason_of

if TYPE_CHECKING:
    from skmfast.laws.tables import Table

# A fitted entropy rate whose interval is wider, in bits per byte, is no headline.
_WIDEST_RATE = 0.4
_STYLE = Path(__file__).with_name("page.css")
# Even if something in the corpus got through, a browser would neither run nor fetch it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(
    tables: dict[str, Table],
    sections: Sequence[tuple[str, str]],
    folder: str,
    digests: Mapping[str, str],
) -> str:
    """The page as text.

    Parameters
    ----------
    tables : dict from str to Table
    sections : sequence of (title, html)
    folder : str
        Name of the folder of the tables, beside the page.
    digests : mapping from str to str
        SHA-256 of each table's file.
    """
    header = tables["report"].metadata
    title = escape(visible(str(header["title"])))
    body = "".join(
        f'<section id="s{number}"><h2>{escape(name)}</h2>{html}</section>'
        for number, (name, html) in enumerate(sections, 1)
    )
    links = "".join(
        f'<a href="#s{number}">{escape(name)}</a>' for number, (name, _) in enumerate(sections, 1)
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>\n{_STYLE.read_text()}</style>\n</head>\n<body>\n"
        f'<header><h1>{title}</h1>{_lead(tables)}<nav aria-label="Sections">{links}</nav></header>\n'
        f"<main>{body}</main>\n<footer>{_provenance(tables, folder, digests)}</footer>\n</body>\n</html>\n"
    )


def _lead(tables: dict[str, Table]) -> str:
    header = tables["report"].metadata
    rate = costs.main_rate(tables["codes"])
    pairs = [
        ("bytes", short(header["bytes"])),
        ("document" if header["documents"] == 1 else "documents", whole(header["documents"])),
        ("bits per byte", fixed(rate, 3)),
    ]
    law = law_of(tables["learning_curve"])
    if law is not None and law["E"].high - law["E"].low < _WIDEST_RATE:
        pairs.append(("entropy rate, fitted", fixed(law["E"].value, 2)))
    exponents = tables["exponents"]
    discount = discount_range(exponents) if reason_of(exponents) is None else None
    if discount is not None:
        pairs.append(("discount d", fixed(discount.value, 2)))
        pairs.append(("data exponent, predicted", fixed(data_exponent(discount).value, 2)))
    size = rate * header["bytes"] / 8
    text = (
        f"{header['contents']}: {whole(header['bytes'])} bytes, which take {short(size, 'B')} when they are"
        f" predicted byte by byte by all contexts at once ({costs.MAIN})."
    )
    return f'<p class="lead">{escape(text)}</p>{facts(pairs)}'


def _provenance(tables: dict[str, Table], folder: str, digests: Mapping[str, str]) -> str:
    header = tables["report"]
    values = dict(zip(header.columns["setting"], header.columns["value"], strict=True))
    settings = (
        f"Made by skmfast {header.metadata['version']}. Slow codes, strings and single documents are measured"
        f" on at most {short(2 * float(values['sample_bytes']), 'B')}, the rest on at most"
        f" {short(float(values['limit_bytes']), 'B')}. Every figure is drawn from the Parquet tables in"
        f" {counted(len(digests), 'file')} beside this page, of which these are the names and the first"
        " digits of their SHA-256."
    )
    rows = "".join(
        f"<li><code>{escape(f'{folder}/{name}.parquet')}</code> <code>{digest[:12]}</code></li>"
        for name, digest in digests.items()
    )
    return f"<p>{escape(settings)}</p><ul>{rows}</ul>"
