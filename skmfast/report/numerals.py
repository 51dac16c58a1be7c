"""Numbers as a reader likes them: sizes, counts, intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skmfast.laws.spectrum import Estimate

_PREFIXES = ("", "k", "M", "G", "T", "P")
_NONE = "\u2013"


def whole(number: float) -> str:
    """A count with separators.

    Examples
    --------
    >>> whole(1234567)
    '1,234,567'
    """
    return f"{round(number):,}" if math.isfinite(number) else _NONE


def short(number: float, unit: str = "") -> str:
    """Three figures at most and a decimal prefix: for axes and prose.

    Examples
    --------
    >>> short(39952321, "B"), short(1000), short(0.25), short(0)
    ('40.0 MB', '1k', '0.25', '0')
    """
    if not math.isfinite(number):
        return _NONE
    magnitude = abs(number)
    place = 0
    while magnitude >= 999.5 and place < len(_PREFIXES) - 1:
        magnitude /= 1000
        place += 1
    if magnitude == round(magnitude):
        text = f"{magnitude:.0f}"
    elif place and magnitude < 100:
        text = f"{magnitude:.1f}"
    else:
        text = f"{magnitude:.3g}"
    sign = "\u2212" if number < 0 else ""
    return sign + text + (f" {_PREFIXES[place]}{unit}" if unit else _PREFIXES[place])


def fixed(number: float, digits: int = 3) -> str:
    """So many digits behind the point; a dash for what is no number.

    Examples
    --------
    >>> fixed(2.0, 2), fixed(-0.5, 1) == "\u22120.5"
    ('2.00', True)
    """
    return f"{number:,.{digits}f}".replace("-", "\u2212") if math.isfinite(number) else _NONE


def interval(low: float, high: float, digits: int = 2) -> str:
    """Ends of an interval.

    Examples
    --------
    >>> interval(0.5, 0.75)
    '0.50 to 0.75'
    """
    if math.isnan(low) or math.isnan(high):
        return _NONE
    ends = [fixed(end, digits) if math.isfinite(end) else "∞" for end in (low, high)]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def estimate(value: Estimate, digits: int = 2) -> str:
    """An estimate with its interval in parentheses.

    Examples
    --------
    >>> from skmfast.laws.spectrum import Estimate
    >>> estimate(Estimate(0.5, 0.4, 0.6))
    '0.50 (0.40 to 0.60)'
    """
    return f"{fixed(value.value, digits)} ({interval(value.low, value.high, digits)})"


def counted(number: int, thing: str, things: str | None = None) -> str:
    """A count with its noun.

    Examples
    --------
    >>> counted(1, "file"), counted(2000, "file"), counted(2, "copy", "copies")
    ('1 file', '2,000 files', '2 copies')
    """
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
