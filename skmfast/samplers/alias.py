"""Alias tables: any distribution over categories, drawn from by one look into a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.samplers import _samplers


class AliasTable:
    """Table of a distribution over n categories (Walker 1977, Vose 1991), 8 bytes a category.

    Draw from it with `Generator.choice`. Building takes time and memory proportional to n; a draw takes one
    64-bit word and one look into the table.

    Parameters
    ----------
    weights : array of float, shape (n,)
        Not negative, not all zero, up to a common factor the probabilities; 1 <= n < 2**32. Their sum must be
        between 2**-900 and 2**900.

    Raises
    ------
    ValueError
        A weight is negative or not finite (with its index), none is positive, the sum is out of range or the
        shape is not (n,).

    Notes
    -----
    Weights are rounded to whole multiples of less than 2**-62 (see skm/alias.hpp), a weight of zero to
    zero; the columns of the table are exact for what is rounded. The table is the same on every processor.

    Examples
    --------
    >>> table = AliasTable([1.0, 0.0, 3.0])
    >>> len(table), table.probabilities().round(12).tolist()
    (3, [0.25, 0.0, 0.75])
    """

    __slots__ = ("_slots",)

    def __init__(self, weights: npt.ArrayLike) -> None:
        array = np.ascontiguousarray(weights, dtype=np.float64)
        shape = np.shape(weights)
        if len(shape) != 1 or not 1 <= shape[0] <= _samplers.max_categories():
            raise ValueError(f"weights must have shape (n,), 1 <= n < 2**32, got {shape}")
        wrong = ~(np.isfinite(array) & (array >= 0.0))
        if wrong.any():
            index = int(wrong.argmax())
            raise ValueError(f"weights[{index}] = {array[index]} is not a weight")
        slots = _samplers.build_slots(array)
        if slots is None:
            raise ValueError(f"weights add up to {array.sum()}, not to a number from 2**-900 to 2**900")
        slots.flags.writeable = False
        self._slots = slots

    def __len__(self) -> int:
        return self._slots.size

    def __repr__(self) -> str:
        return f"AliasTable(<{len(self)} categories>)"

    def __reduce__(self) -> Any:
        return _from_slots, (np.array(self._slots),)

    def probabilities(self) -> npt.NDArray[np.float64]:
        """Probability of each category as the table has it, shape (n,): weights normalised and rounded."""
        return _samplers.slot_probabilities(self._slots)


def _from_slots(slots: npt.NDArray[np.uint64]) -> AliasTable:
    slots.flags.writeable = False
    table = AliasTable.__new__(AliasTable)
    table._slots = slots
    return table
