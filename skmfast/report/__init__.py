"""Reports: what is known about a corpus, as tables (Parquet) and as one page drawn from them.

`corpus_report` measures and draws; `draw_page` draws again from the tables alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skmfast.lazy import lazy_names

if TYPE_CHECKING:
    from skmfast.report.build import corpus_report, draw_page, tables_folder
    from skmfast.report.gathering import Gathered, gather
    from skmfast.report.settings import Settings

__all__ = ["Gathered", "Settings", "corpus_report", "draw_page", "gather", "tables_folder"]

_HOMES = {
    "Gathered": "skmfast.report.gathering",
    "Settings": "skmfast.report.settings",
    "corpus_report": "skmfast.report.build",
    "draw_page": "skmfast.report.build",
    "gather": "skmfast.report.gathering",
    "tables_folder": "skmfast.report.build",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
