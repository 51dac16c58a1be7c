"""Whole numbers as arguments: what is none is refused, by the argument's name."""

from __future__ import annotations

import operator
from typing import Any


def integer(value: Any, name: str) -> int:
    """``value`` as an int; ``name`` is what messages call it.

    Raises
    ------
    TypeError
        If it is no integer: floats are not, even whole ones.

    Examples
    --------
    >>> integer(7, "seed")
    7
    """
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: {value!r} is not an integer") from None


def word(value: Any, name: str) -> int:
    """``value`` as an unsigned 64-bit number.

    Raises
    ------
    TypeError, ValueError
        If it is none.

    Examples
    --------
    >>> word(7, "seed")
    7
    """
    number = integer(value, name)
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{name}={number}: outside 0 to 2^64 - 1")
    return number
