"""From paths to a page: measure, write the tables, draw the page from what was written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from skmfast.errors import CorpusError
from skmfast.files import whole_file
from skmfast.laws.tables import Table
from skmfast.report import page
from skmfast.report.jobs import Job, run_all
from skmfast.report.sections import (
    contents,
    costs,
    documents,
    duplicates,
    exponents,
    frequencies,
    learning,
    structure,
)
from skmfast.report.settings import Settings
from skmfast.settings import resolve_threads

if TYPE_CHECKING:
    from skmfast.report.gathering import Gathered

    Progress = Callable[[str, float], None]

SECTIONS: tuple[ModuleType, ...] = (
    contents,
    costs,
    learning,
    structure,
    frequencies,
    exponents,
    documents,
    duplicates,
)
_HEADER = "report"


def tables_folder(out: str | os.PathLike[str]) -> Path:
    """Folder of the tables of the page ``out``: beside it.

    Examples
    --------
    >>> tables_folder("folder/report.html").as_posix()
    'folder/report_tables'
    """
    target = Path(out)
    return target.with_name(f"{target.stem}_tables")


def corpus_report(
    corpus: Gathered,
    out: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    title: str = "Corpus report",
    progress: Progress | None = None,
) -> None:
    """Measure a corpus, write the tables beside ``out``, and draw the page from them.

    Parameters
    ----------
    corpus : Gathered
        As `skmfast.report.gather` reads it.
    out : path
        The page; its tables go to `tables_folder`. Each file appears whole or not at all.
    settings : Settings, optional
        How much is measured.
    title : str
        Heading of the page.
    progress : callable, optional
        Told what was done and the fraction done.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    chosen = settings or Settings()
    folder = tables_folder(out)
    folder.mkdir(exist_ok=True)
    results = _measure(corpus, chosen, progress)
    found = {_HEADER: _header(corpus, chosen, title)}
    for section in SECTIONS:
        found |= section.tables(corpus, chosen, results)
    for name, table in found.items():
        table.save(folder / f"{name}.parquet")
    draw_page(out)


def _measure(corpus: Gathered, settings: Settings, progress: Progress | None) -> dict[str, Any]:
    """Results of every section's jobs, which all run in one pool, by the jobs' names."""
    threads = resolve_threads(settings.threads)
    # Two jobs at a time keep two cores busy though some run on one; what more there are go to each job.
    workers = min(threads, 4)
    jobs: dict[str, Job] = {}
    for section in SECTIONS:
        jobs |= section.jobs(corpus, settings, max(1, threads // workers))
    return run_all(jobs, workers, progress)


def _header(corpus: Gathered, settings: Settings, title: str) -> Table:
    from skmfast import __version__
    from skmfast.report.gathering import describe
    from skmfast.report.tables import made

    return made(
        "report",
        {
            "setting": ["sample_bytes", "limit_bytes", "passage_bytes"],
            "value": [settings.sample_bytes, settings.limit_bytes, settings.passage_bytes],
        },
        {
            "title": title,
            "version": __version__,
            "contents": describe(corpus),
            "bytes": corpus.num_bytes,
            "documents": len(corpus.documents),
        },
    )


def draw_page(out: str | os.PathLike[str]) -> None:
    """Draw the page ``out`` from the tables beside it, and nothing else.

    Raises
    ------
    CorpusError
        If a table is missing or is none of a report.
    OSError
        If the page cannot be written.
    """
    folder = tables_folder(out)
    tables, digests = _load(folder)
    sections = [(section.title, section.draw(tables)) for section in SECTIONS]
    text = page.render(tables, sections, folder.name, digests)
    with whole_file(out) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


class _Tables(dict[str, Table]):
    """Tables by name; one that is missing is named with its folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, name: str) -> Table:
        raise CorpusError(f"{self._folder / name}.parquet: does not exist; it is part of a report")


def _load(folder: Path) -> tuple[dict[str, Table], Mapping[str, str]]:
    tables, digests = _Tables(folder), {}
    if not folder.is_dir():
        raise CorpusError(f"{folder}: does not exist; tables of a report lie there")
    for path in sorted(folder.glob("*.parquet")):
        content = path.read_bytes()
        tables[path.stem] = Table.from_bytes(content, str(path))
        digests[path.stem] = hashlib.sha256(content).hexdigest()
    return tables, digests
