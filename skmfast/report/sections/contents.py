"""What the corpus is: its files, the sizes of its documents, the bytes that it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.report.excerpts import decoded, name_html
from skmfast.report.html import Column, Markup, drawing, figure, listing, paragraph, row
from skmfast.report.jobs import Job
from skmfast.report.numerals import counted, fixed, short, whole
from skmfast.report.svg import Axis, Plot, byte_map
from skmfast.report.tables import made

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.laws.tables import Table
    from skmfast.report.gathering import Gathered
    from skmfast.report.settings import Settings

title = "What it is"
_SHOWN_FILES = 12
_PROBE = 1 << 16
_CLASSES = (
    ("lower-case letters", range(97, 123)),
    ("upper-case letters", range(65, 91)),
    ("digits", range(48, 58)),
    ("white space", (9, 10, 11, 12, 13, 32)),
    ("punctuation", (*range(33, 48), *range(58, 65), *range(91, 97), *range(123, 127))),
    ("above ASCII", range(128, 256)),
    ("control", (*range(9), *range(14, 32), 127)),
)


def jobs(corpus: Gathered, settings: Settings, threads: int) -> dict[str, Job]:
    """Count bytes."""
    return {"bytes": Job("counting bytes", corpus.num_bytes * 1e-9, lambda: _byte_counts(corpus))}


def _byte_counts(corpus: Gathered) -> npt.NDArray[np.int64]:
    counts = np.zeros(256, np.int64)
    for document in corpus.documents:
        counts += np.bincount(np.frombuffer(document, np.uint8), minlength=256)
    return counts


def tables(corpus: Gathered, settings: Settings, results: dict[str, Any]) -> dict[str, Table]:
    """``sources``, ``sizes`` and ``bytes``."""
    sizes, number = np.unique([len(each) for each in corpus.documents], return_counts=True)
    text = sum(decoded(bytes(each[:_PROBE])) is not None for each in corpus.documents)
    return {
        "sources": made(
            "contents",
            {
                "source": [each.name for each in corpus.sources],
                "documents": [each.documents for each in corpus.sources],
                "bytes": [each.num_bytes for each in corpus.sources],
                "failures": [each.failures for each in corpus.sources],
                "reason": [each.reason for each in corpus.sources],
            },
            {"share": corpus.share, "documents": len(corpus.documents), "text_documents": text},
        ),
        "sizes": made("contents", {"bytes": sizes, "documents": number}),
        "bytes": made("contents", {"byte": np.arange(256), "count": results["bytes"]}),
    }


def draw(tables: dict[str, Table]) -> str:
    """Classes of bytes, the map of bytes, sizes of documents, files."""
    counts = tables["bytes"].columns["count"]
    sizes = _sizes(tables["sizes"])
    beside = row(_map(counts), sizes or _classes(counts))
    below = _classes(counts) if sizes else ""
    return paragraph(_summary(tables)) + beside + below + _files(tables["sources"])


def entropy_bits(counts: npt.NDArray[Any]) -> float:
    """Entropy of the distribution that counts have, bits.

    Examples
    --------
    >>> entropy_bits(np.array([2, 1, 1, 0]))
    1.5
    """
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def _summary(tables: dict[str, Table]) -> str:
    counts = tables["bytes"].columns["count"]
    documents, readable = (tables["sources"].metadata[each] for each in ("documents", "text_documents"))
    different = int((counts > 0).sum())
    if readable == documents:
        kind = "It reads as UTF-8 text."
    elif readable == 0:
        kind = "It is no text: bytes are shown as hexadecimal numbers, and words mean little."
    else:
        kind = f"{whole(readable)} of {whole(documents)} documents read as UTF-8 text."
    return (
        f"{kind} {counted(different, 'different byte value')} occur{'s' if different == 1 else ''}; taken one"
        f" by one, without context, a byte carries {fixed(entropy_bits(counts), 2)} bits."
    )


def _map(counts: npt.NDArray[Any]) -> str:
    order = np.argsort(counts)[::-1]
    most = ", ".join(_name(int(each)) for each in order[:5] if counts[each])
    alt = f"Map of the 256 byte values; the most frequent are {most}."
    return drawing(
        byte_map(counts, alt),
        "Bytes by value",
        "bytes",
        f"Row: first hexadecimal digit; column: second. Stronger is more frequent. Most frequent: {most}.",
    )


def _name(byte: int) -> str:
    names = {9: "tab", 10: "line break", 13: "carriage return", 32: "space"}
    return names.get(byte) or (chr(byte) if 33 <= byte < 127 else f"0x{byte:02x}")


def _sizes(table: Table) -> str:
    sizes, number = table.columns["bytes"], table.columns["documents"]
    if number.sum() < 2:
        return ""
    low, high = float(sizes.min()), float(sizes.max())
    edges = np.geomspace(low, high * 1.0001, 25) if high > low else np.array([low / 1.2, low * 1.2])
    heights = np.histogram(sizes, edges, weights=number)[0]
    middle = float(np.repeat(sizes, number)[number.sum() // 2]) if number.sum() < 1e7 else float("nan")
    plot = Plot(
        Axis.over("bytes in a document", edges, log=True, unit="B"),
        Axis.over("documents", heights, zero=True),
        "Sizes of documents",
        f"Histogram of document sizes from {short(low, 'B')} to {short(high, 'B')}.",
    )
    plot.bars(edges, heights, "s2")
    return figure(plot, "sizes", f"The middle one has {short(middle, 'B')}.")


def _classes(counts: npt.NDArray[Any]) -> str:
    total = counts.sum()
    rows = []
    for name, members in _CLASSES:
        share = counts[list(members)].sum() / total
        if share:
            rows.append([name, f"{fixed(100 * share, 2)} %" if share >= 5e-5 else "< 0.01 %"])
    return listing([Column("bytes that are"), Column("share", True)], rows, table="bytes")


def _files(table: Table) -> str:
    columns = table.columns
    order = np.argsort(-columns["bytes"], kind="stable")
    rows: list[list[str | Markup]] = [
        [
            Markup(name_html(str(columns["source"][at]))),
            whole(columns["documents"][at]),
            whole(columns["bytes"][at]),
        ]
        for at in order[:_SHOWN_FILES]
        if columns["documents"][at]
    ]
    rest = [at for at in order[_SHOWN_FILES:] if columns["documents"][at]]
    if rest:
        rows.append(
            [
                f"{whole(len(rest))} more",
                whole(columns["documents"][rest].sum()),
                whole(columns["bytes"][rest].sum()),
            ]
        )
    heading = [Column("file"), Column("documents", True), Column("bytes", True)]
    parts = [listing(heading, rows, table="sources")]
    failed = [at for at in range(len(columns["source"])) if columns["failures"][at]]
    if failed:
        complaints: list[list[str | Markup]] = [
            [
                Markup(name_html(str(columns["source"][at]))),
                str(columns["reason"][at]),
                whole(columns["failures"][at]),
            ]
            for at in failed[:_SHOWN_FILES]
        ]
        caption = f"Could not be read, and is not in this report ({counted(len(failed), 'file')}):"
        heading = [Column("file"), Column("why, the first time"), Column("times", True)]
        parts.append(listing(heading, complaints, caption=caption, table="sources"))
    return "".join(parts)
