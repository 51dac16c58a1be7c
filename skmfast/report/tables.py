"""Tables of a report: as those of laws, but one may be empty and say why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.laws.tables import Table

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.report.jobs import Unavailable

_LAW = "report"


def made(section: str, columns: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> Table:
    """A table of the section; lists of text and of bytes become columns of objects.

    Examples
    --------
    >>> made("codes", {"code": ["kt"], "bits": [1.5]}).columns["bits"].dtype
    dtype('float64')
    """
    return Table(
        {name: _column(values) for name, values in columns.items()},
        {"law": _LAW, "section": section, **(metadata or {})},
    )


def without(section: str, reason: Unavailable | str, columns: tuple[str, ...] = ("none",)) -> Table:
    """A table with no rows, and why."""
    text = reason if isinstance(reason, str) else reason.reason
    return Table(
        {name: np.zeros(0) for name in columns}, {"law": _LAW, "section": section, "unavailable": text}
    )


def reason_of(table: Table | None) -> str | None:
    """Why the table is empty; None where it is not.

    Examples
    --------
    >>> reason_of(without("laws", "too little data")), reason_of(made("laws", {"n": [1]}))
    ('too little data', None)
    """
    if table is None:
        return "not measured"
    found = table.metadata.get("unavailable")
    return None if found is None else str(found)


def _column(values: Any) -> npt.NDArray[Any]:
    array = values if isinstance(values, np.ndarray) else None
    if array is None:
        listed = list(values)
        if any(isinstance(each, (str, bytes)) for each in listed):
            array = np.empty(len(listed), object)
            array[:] = listed
        else:
            array = np.asarray(listed)
    return array
