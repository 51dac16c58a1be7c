"""What each bit of model buys: the structure function over context trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skmfast.report.html import missing
from skmfast.report.tables import reason_of, without

if TYPE_CHECKING:
    from skmfast.laws.tables import Table
    from skmfast.report.gathering import Gathered
    from skmfast.report.jobs import Job
    from skmfast.report.settings import Settings

title = "Structure function"


def jobs(corpus: Gathered, settings: Settings, threads: int) -> dict[str, Job]:
    """The curve of the sample."""
    return {}


def tables(corpus: Gathered, settings: Settings, results: dict[str, Any]) -> dict[str, Table]:
    """``structure``: breakpoints of the hull."""
    return {"structure": without("structure", "not computed")}


def draw(tables: dict[str, Table]) -> str:
    """Data bits against model bits."""
    reason = reason_of(tables["structure"])
    return missing("No structure function:", f"{reason}.", "structure")
