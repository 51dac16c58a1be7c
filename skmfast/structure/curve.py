"""StructureFunction: a lower hull of (model bits, data bits), and what each of its breakpoints buys."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from skmfast.codes.tree_hull import TreeHull
    from skmfast.laws.tables import Table

Floats = npt.NDArray[np.float64]

# A figure and a table need no more points than this; the curve keeps them all.
TABLE_POINTS = 2000


@dataclass(frozen=True)
class Breakpoint:
    """One step along the hull.

    Attributes
    ----------
    place : int
        The point that it leads to, from 1 on.
    saving : float
        λ: data bits saved per model bit. The point before is best for larger λ, this one for smaller.
    model_bits, data_bits : float
        Added to the model, saved of the data.
    bought : tuple of str
        What was bought, in readable form: contexts, elements, a model. The first few of many.
    num_bought : int
        How many there are.
    """

    place: int
    saving: float
    model_bits: float
    data_bits: float
    bought: tuple[str, ...]
    num_bought: int


@dataclass(frozen=True, eq=False)
class StructureFunction:
    """Lower hull of a structure function.

    Attributes
    ----------
    family : str
        Class of models: "context-tree", "syntax-knowledge" or "neural".
    model_bits, data_bits : ndarray of float64, shape (points,)
        The hull's points by increasing model bits; they are decreasing and convex.
    num_symbols : int
        Bytes or tokens of the corpus; 0 where it is not known.
    unit : str
        What is counted: "byte", "token" or "sentence".
    describe : callable
        ``describe(place, most)`` gives readable names of at most ``most`` things that the step to a point
        buys, and how many there are.
    references : mapping from str to float
        One-part code lengths of the same corpus in bits, to compare with.
    overlay : mapping or None
        Another curve to draw along: name, model_bits, data_bits.
    hull : TreeHull or None
        For context trees: the trees themselves.
    metadata : mapping
        For JSON: settings that the curve depends on.
    """

    family: str
    model_bits: Floats
    data_bits: Floats
    num_symbols: int
    unit: str
    describe: Callable[[int, int], tuple[tuple[str, ...], int]]
    references: Mapping[str, float] = field(default_factory=dict)
    overlay: Mapping[str, Any] | None = None
    hull: TreeHull | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.model_bits)

    def __repr__(self) -> str:
        best = self.minimum
        return (
            f"<StructureFunction {self.family}: {len(self):,} points, MDL at {self.model_bits[best]:,.1f}"
            f" model and {self.data_bits[best]:,.1f} data bits>"
        )

    @property
    def total_bits(self) -> Floats:
        """Model and data bits together at each point."""
        return self.model_bits + self.data_bits

    @property
    def minimum(self) -> int:
        """Point with the fewest bits in all, the first of several: the MDL model."""
        return int(np.argmin(self.total_bits))

    @property
    def savings(self) -> Floats:
        """λ of each step, (points - 1,): data bits saved per model bit; they fall."""
        return -np.diff(self.data_bits) / np.diff(self.model_bits)

    def data_bits_at(self, model_bits: npt.ArrayLike) -> Floats:
        """The hull between its points; nan below the smallest model, constant beyond the largest."""
        at = np.asarray(model_bits, np.float64)
        return np.interp(at, self.model_bits, self.data_bits, left=math.nan)

    def breakpoint(self, place: int, most: int = 8) -> Breakpoint:
        """The step that leads to point ``place``, with the names of at most ``most`` things that it buys.

        Raises
        ------
        IndexError
            If there is no such step; steps are numbered from 1.
        """
        if not 1 <= place < len(self):
            raise IndexError(f"breakpoint {place}: the curve has steps 1 to {len(self) - 1}")
        model = float(self.model_bits[place] - self.model_bits[place - 1])
        data = float(self.data_bits[place - 1] - self.data_bits[place])
        bought, number = self.describe(place, most)
        return Breakpoint(place, data / model, model, data, bought, number)

    def table(self, max_points: int | None = TABLE_POINTS) -> Table:
        """The points as a table of results: all, or about ``max_points`` with the MDL minimum among them."""
        from skmfast.laws.tables import Table, stacked

        kept = self._kept(max_points)
        steps = [self.breakpoint(place, 4) if place else None for place in kept.tolist()]
        curve: dict[str, Any] = {
            "curve": "hull",
            "point": kept,
            "model_bits": self.model_bits[kept],
            "data_bits": self.data_bits[kept],
            "saving": [math.inf if step is None else step.saving for step in steps],
            "bought": np.array([", ".join(step.bought) if step else "" for step in steps], object),
            "num_bought": [step.num_bought if step else 0 for step in steps],
        }
        parts = [curve]
        if self.overlay is not None:
            parts.append({**_no_steps(len(self.overlay["model_bits"])), "curve": self.overlay["name"]})
            parts[-1] |= {name: self.overlay[name] for name in ("model_bits", "data_bits")}
        columns = stacked(parts)
        for name in ("curve", "bought"):
            columns[name] = np.asarray(columns[name], dtype=object)
        best = self.minimum
        metadata = {
            "law": "structure",
            "family": self.family,
            "unit": self.unit,
            "num_symbols": self.num_symbols,
            "points": len(self),
            "minimum": {
                "point": best,
                "model_bits": float(self.model_bits[best]),
                "data_bits": float(self.data_bits[best]),
            },
            "references": dict(self.references),
            **self.metadata,
        }
        return Table(columns, metadata)

    def to_parquet(self, path: str | os.PathLike[str], max_points: int | None = None) -> bytes:
        """Write the points, all unless ``max_points`` are given; returns the file's content.

        Columns: curve ("hull", or the name of another curve drawn along), point, model_bits, data_bits,
        saving (λ of the step that leads there), bought (text), num_bought.
        """
        return self.table(max_points).save(path)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the curve to an image: .png, .svg or .pdf."""
        from skmfast.structure.plots import draw

        draw(self.table().to_bytes(), path)

    def _kept(self, max_points: int | None) -> npt.NDArray[np.int64]:
        if max_points is None or len(self) <= max_points:
            return np.arange(len(self))
        # Half of them evenly in model bits, half evenly on a logarithmic scale.
        first, last = float(self.model_bits[0]), float(self.model_bits[-1])
        half = max(max_points // 2, 2)
        logarithmic = np.geomspace(max(first, 1.0), max(last, 1.0), half)
        wanted = np.concatenate([np.linspace(first, last, half), logarithmic])
        near = np.clip(np.searchsorted(self.model_bits, wanted), 0, len(self) - 1)
        return np.unique(np.concatenate([near, [0, self.minimum, len(self) - 1]]))


def _no_steps(count: int) -> dict[str, Any]:
    names = np.full(count, "", object)
    return {
        "curve": "",
        "point": np.full(count, -1),
        "model_bits": np.zeros(count),
        "data_bits": np.zeros(count),
        "saving": np.full(count, math.nan),
        "bought": names,
        "num_bought": np.zeros(count, np.int64),
    }


def lower_hull(model_bits: Sequence[float], data_bits: Sequence[float]) -> list[int]:
    """Places of the points on the falling part of the lower convex hull, by increasing model bits.

    Examples
    --------
    >>> lower_hull([0, 1, 2, 4], [10, 8, 3, 2])
    [0, 2, 3]
    """
    hull: list[int] = []
    for k in sorted(range(len(model_bits)), key=lambda k: (model_bits[k], data_bits[k])):
        if hull and data_bits[k] >= data_bits[hull[-1]]:
            continue
        while len(hull) > 1 and _above(hull[-2], hull[-1], k, model_bits, data_bits):
            hull.pop()
        hull.append(k)
    return hull


def _above(a: int, b: int, c: int, x: Sequence[float], y: Sequence[float]) -> bool:
    """Whether point b lies on or above the line from a to c."""
    return (x[b] - x[a]) * (y[c] - y[a]) <= (x[c] - x[a]) * (y[b] - y[a])
