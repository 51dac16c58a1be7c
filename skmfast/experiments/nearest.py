"""Names near to one that does not exist, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(name: str, names: Iterable[str]) -> str:
    """End of a message: the names nearest to ``name``, or all there are if none is near.

    Examples
    --------
    >>> suggestion("stepz", ["steps", "seed"])
    '; did you mean steps?'
    >>> suggestion("x", ["steps", "seed"])
    '; there are seed, steps'
    """
    known = sorted(names)
    near = difflib.get_close_matches(name, known, n=3)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there are {', '.join(known)}" if known else ""
