"""The page of a corpus: its first lines, its sections, and where its figures are from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from skmfast.report.document import document
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
    return document(str(header["title"]), _lead(tables), sections, _provenance(tables, folder, digests))


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
