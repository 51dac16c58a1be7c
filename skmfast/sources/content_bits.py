"""Bits of contents that a set of attributes tells: exact, by counting the contents that agree with it.

Fields drawn on their own are independent, so their bits add up. What is known of such a field (a *root*) is a
set of its values: those that agree with the element's in every field told, the root's own or one that follows
from it. The bits are log2(values) - log2(values left).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.uint64]


class RootBits:
    """A root and the fields that follow from it.

    Parameters
    ----------
    root : int
        The root's column of the contents.
    labels : list of ndarray, each of shape (values of the root,)
        For each member (the root itself and the fields that follow) its value for each value of the root.
    tellers : list of int
        For each member the attributes that tell it, a mask.
    """

    def __init__(self, root: int, labels: Sequence[npt.NDArray[np.integer]], tellers: Sequence[int]) -> None:
        self.root = root
        self._labels = labels
        self._tellers = tellers
        self._tables: dict[int, Floats] = {}

    @property
    def attributes(self) -> list[int]:
        """The attributes that tell anything of it."""
        tellers = 0
        for each in self._tellers:
            tellers |= each
        return [place for place in range(tellers.bit_length()) if tellers >> place & 1]

    @property
    def simple(self) -> tuple[int, float] | None:
        """(attributes that tell it, its bits) where nothing follows from the root, else None."""
        if len(self._labels) > 1:
            return None
        return self._tellers[0], float(np.log2(len(self._labels[0])))

    def bits(self, root_values: npt.NDArray[np.uint16], known: Masks) -> Floats:
        """Bits known of each element, whose root has the given value.

        Parameters
        ----------
        root_values : ndarray of uint16, shape (n,)
        known : ndarray of uint64, shape (n,)
            Sets of attributes.
        """
        members = np.zeros(len(known), dtype=np.int64)
        for number, tellers in enumerate(self._tellers):
            members |= ((known & np.uint64(tellers)) != 0).astype(np.int64) << number
        result = np.zeros(len(known))
        for subset in np.flatnonzero(np.bincount(members)):
            if subset:
                rows = np.flatnonzero(members == subset)
                result[rows] = self._table(int(subset))[root_values[rows]]
        return result

    def entropy_bits(self, known: int) -> float:
        """Mean of `bits` over the values of the root, for one set of attributes."""
        members = sum(1 << number for number, tellers in enumerate(self._tellers) if known & tellers)
        table = self._table(members)
        return math.fsum(table) / len(table)

    def _table(self, members: int) -> Floats:
        """Bits known when a subset of the members is told, for each value of the root."""
        if members not in self._tables:
            told = [labels for number, labels in enumerate(self._labels) if members >> number & 1]
            self._tables[members] = _told_bits(told, len(self._labels[0]))
        return self._tables[members]


def _told_bits(told: Sequence[npt.NDArray[np.integer]], size: int) -> Floats:
    if not told:
        return np.zeros(size)
    _, group, count = np.unique(np.stack(told, axis=1), axis=0, return_inverse=True, return_counts=True)
    return np.asarray(np.log2(size) - np.log2(count[group.reshape(-1)]))
