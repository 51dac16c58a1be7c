"""Small figures as SVG: axes, lines, dots, bars and bands, coloured by the page's style sheet.

A figure is drawn at the width of a phone (360 units), so that it is read there without zooming, and stands
two to a row on a wide screen. Colours are classes (``s1`` the accent, ``s2`` ink, ``s3`` grey), which follow
the reader's light or dark theme.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape

import numpy as np
import numpy.typing as npt

from skmfast.report.numerals import short

WIDTH, HEIGHT = 360, 232
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 24, 36
_MOST_POINTS = 240
_MOST_TICKS = 6
_LEAST = 1e-300  # what lies nearer to zero is drawn as this, so that shares of it can be computed
_NARROWEST = 1e-9  # values that differ by less of their size are one value with room about it

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a figure.

    Attributes
    ----------
    label : str
        What is measured, with its unit.
    low, high : float
        Ends; ``low < high``, and above 0 if the axis is logarithmic.
    log : bool
        Whether it is logarithmic.
    unit : str
        Behind the numbers at the ticks, such as ``"B"``.
    """

    label: str
    low: float
    high: float
    log: bool = False
    unit: str = ""

    @classmethod
    def over(
        cls, label: str, *values: npt.ArrayLike, log: bool = False, zero: bool = False, unit: str = ""
    ) -> Axis:
        """The axis that holds all ``values``, from 0 on with ``zero``.

        Examples
        --------
        >>> Axis.over("bits", [1, 4], zero=True).high
        4.0
        """
        numbers = np.concatenate([np.asarray(each, np.float64).ravel() for each in values])
        numbers = numbers[np.isfinite(numbers) & ((numbers > 0) if log else True)]
        if not len(numbers):
            numbers = np.array([1.0, 10.0] if log else [0.0, 1.0])
        low, high = float(numbers.min()), float(numbers.max())
        if zero and not log:
            low, high = min(low, 0.0), max(high, 0.0)
        if log:
            low, high = max(low, _LEAST), max(high, _LEAST)
        size = max(-low, high)
        if high - low <= max(_LEAST, _NARROWEST * size):
            margin = max(0.5, 1e-6 * size)
            low, high = (
                (low / 2, high * 2) if log else (low - (0 if zero and low >= 0 else margin), high + margin)
            )
        return cls(label, low, high, log, unit)

    def place(self, values: npt.ArrayLike) -> Floats:
        """Where values lie, as a share of the axis; nan where a logarithm has none."""
        numbers = np.asarray(values, np.float64)
        if not self.log:
            return np.asarray((numbers - self.low) / (self.high - self.low))
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(numbers > 0, np.log(np.maximum(numbers, _LEAST)), np.nan)
        return np.asarray((logs - math.log(self.low)) / (math.log(self.high) - math.log(self.low)))

    def ticks(self) -> list[float]:
        """Round numbers on the axis, two to seven of them.

        Examples
        --------
        >>> Axis("", 0, 8).ticks(), Axis("", 10, 1e5, log=True).ticks()
        ([0.0, 2.0, 4.0, 6.0, 8.0], [10.0, 100.0, 1000.0, 10000.0, 100000.0])
        """
        found = self._log_ticks() if self.log else []
        return found if len(found) >= 2 else self._linear_ticks()

    def _log_ticks(self) -> list[float]:
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        if last - first >= 2:
            step = -(-(last - first) // _MOST_TICKS)
            return [10.0**power for power in range(first, last + 1, step)]
        fine = [digit * 10.0**power for power in range(first - 1, last + 1) for digit in (1, 2, 5)]
        return [each for each in fine if self.low * (1 - 1e-9) <= each <= self.high * (1 + 1e-9)]

    def _linear_ticks(self) -> list[float]:
        rough = (self.high - self.low) / (_MOST_TICKS - 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


@dataclass
class Plot:
    """A figure being drawn; later marks lie above earlier ones.

    Attributes
    ----------
    x, y : Axis
    title : str
        Above the figure, on the page.
    alt : str
        What the figure shows, for those who do not see it.
    keys : list of (str, str)
        Class and text of each entry of the legend.

    Examples
    --------
    >>> plot = Plot(Axis("n", 0, 2), Axis("bits", 0, 1), "A line", "It rises from 0 to 1.")
    >>> plot.line([0, 2], [0, 1], "s1")
    >>> "M44,196L348,24" in plot.svg()
    True
    """

    x: Axis
    y: Axis
    title: str
    alt: str
    keys: list[tuple[str, str]] = field(default_factory=list)
    _marks: list[str] = field(default_factory=list)

    def line(self, x: npt.ArrayLike, y: npt.ArrayLike, kind: str, key: str = "") -> None:
        """Straight lines between points; a gap where one is not finite."""
        height = self.y.place(y)
        # What leaves the frame is not drawn.
        inside = np.where((height > -0.001) & (height < 1.001), np.asarray(y, np.float64), np.nan)
        across, up = _thinned(*self._points(x, inside))
        path, pen_up = [], True
        for left, top in zip(across, up, strict=True):
            if not (math.isfinite(left) and math.isfinite(top)):
                pen_up = True
                continue
            path.append(f"{'M' if pen_up else 'L'}{_number(left)},{_number(top)}")
            pen_up = False
        self._marks.append(f'<path class="line {kind}" d="{"".join(path)}"/>')
        self._key(f"line {kind}", key)

    def steps(self, x: npt.ArrayLike, y: npt.ArrayLike, kind: str, key: str = "") -> None:
        """Each value holds until the next place."""
        across, up = np.asarray(x, np.float64), np.asarray(y, np.float64)
        self.line(np.repeat(across, 2)[1:], np.repeat(up, 2)[:-1], kind, key)

    def dots(self, x: npt.ArrayLike, y: npt.ArrayLike, kind: str, key: str = "", radius: float = 2.2) -> None:
        """A disc at each point."""
        across, up = self._points(x, y)
        kept = np.isfinite(across) & np.isfinite(up)
        # One path of arcs is a third of so many circles.
        size = _number(radius)
        path = "".join(
            f"M{_number(left - radius)},{_number(top)}a{size},{size} 0 1 0 {_number(2 * radius)},0"
            f"a{size},{size} 0 1 0 -{_number(2 * radius)},0"
            for left, top in zip(across[kept], up[kept], strict=True)
        )
        self._marks.append(f'<path class="dot {kind}" d="{path}"/>')
        self._key(f"dot {kind}", key)

    def band(
        self, x: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike, kind: str, key: str = ""
    ) -> None:
        """The area between two lines."""
        across, bottom = self._points(x, low)
        _, top = self._points(x, high)
        kept = np.isfinite(across) & np.isfinite(bottom) & np.isfinite(top)
        there = [f"{_number(a)},{_number(b)}" for a, b in zip(across[kept], top[kept], strict=True)]
        back = [f"{_number(a)},{_number(b)}" for a, b in zip(across[kept], bottom[kept], strict=True)]
        if there:
            self._marks.append(f'<path class="band {kind}" d="M{"L".join(there + back[::-1])}Z"/>')
            self._key(f"band {kind}", key)

    def bars(self, edges: npt.ArrayLike, heights: npt.ArrayLike, kind: str, key: str = "") -> None:
        """Bars side by side, from the foot of the axis."""
        edge, height = np.asarray(edges, np.float64), np.asarray(heights, np.float64)
        across = self._points(edge, np.zeros(len(edge)))[0]
        up = self._points(np.zeros(len(height)), height)[1]
        foot = HEIGHT - _BOTTOM
        path = "".join(
            f"M{_number(left)},{foot}V{_number(top)}H{_number(max(right - 0.8, left + 0.4))}V{foot}Z"
            for left, right, top, value in zip(across[:-1], across[1:], up, height, strict=True)
            if value > 0 and math.isfinite(top)
        )
        self._marks.append(f'<path class="bar {kind}" d="{path}"/>')
        self._key(f"bar {kind}", key)

    def rule(self, y: float, kind: str, key: str = "") -> None:
        """A level across the figure."""
        self.line([self.x.low, self.x.high], [y, y], kind, key)

    def post(self, x: float, kind: str, key: str = "") -> None:
        """A place, from foot to top."""
        self.line([x, x], [self.y.low, self.y.high], kind, key)

    def svg(self) -> str:
        """The figure as an element of the page."""
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.alt)}">'
            f"{self._frame()}{''.join(self._marks)}</svg>"
        )

    def _key(self, kind: str, text: str) -> None:
        if text:
            self.keys.append((kind, text))

    def _points(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
        across = _LEFT + self.x.place(x) * (WIDTH - _LEFT - _RIGHT)
        up = HEIGHT - _BOTTOM - self.y.place(y) * (HEIGHT - _TOP - _BOTTOM)
        # What lies outside is drawn at the edge of the picture, not beyond it.
        return np.clip(across, 0, WIDTH), np.clip(up, 0, HEIGHT)

    def _frame(self) -> str:
        foot, end = HEIGHT - _BOTTOM, WIDTH - _RIGHT
        parts = []
        for tick in self.y.ticks():
            top = _number(float(self._points(self.x.low, tick)[1]))
            parts.append(f'<path class="grid" d="M{_LEFT},{top}H{end}"/>')
            parts.append(_text(_LEFT - 6, float(top) + 3.5, short(tick, self.y.unit), "end"))
        for tick in self.x.ticks():
            left = float(self._points(tick, self.y.low)[0])
            anchor = "end" if left > end - 8 else "middle"
            parts.append(f'<path class="axis" d="M{_number(left)},{foot}v4"/>')
            parts.append(
                _text(left + (6 if anchor == "end" else 0), foot + 15, short(tick, self.x.unit), anchor)
            )
        parts.append(f'<path class="axis" d="M{_LEFT},{foot}H{end}"/>')
        parts.append(_text(2, 11, self.y.label, "start", "label"))
        parts.append(_text(end, HEIGHT - 5, self.x.label, "end", "label"))
        return "".join(parts)


def byte_map(counts: npt.ArrayLike, alt: str) -> str:
    """The 256 values of a byte as a square of 16 rows, each as dark as it is frequent (in its logarithm).

    Examples
    --------
    >>> byte_map([0] * 97 + [1] + [0] * 158, "Only the letter a.").count("<rect")
    2
    """
    numbers = np.asarray(counts, np.float64)
    cell, left, top = 20, 26, 20
    most = math.log1p(numbers.max()) if numbers.max() > 0 else 1.0
    parts = [
        f'<rect class="field" x="{left}" y="{top}" width="{16 * cell}" height="{16 * cell}"/>',
        *(_text(left + (i + 0.5) * cell, top - 5, f"{i:x}", "middle") for i in range(16)),
        *(_text(left - 6, top + (i + 0.75) * cell, f"{i:x}", "end") for i in range(16)),
    ]
    for value in np.flatnonzero(numbers).tolist():
        strength = 0.12 + 0.88 * math.log1p(numbers[value]) / most
        parts.append(
            f'<rect class="cell" x="{left + value % 16 * cell}" y="{top + value // 16 * cell}"'
            f' width="{cell - 1}" height="{cell - 1}" fill-opacity="{strength:.2f}"/>'
        )
    size = f"{left + 16 * cell + 8} {top + 16 * cell + 4}"
    return f'<svg viewBox="0 0 {size}" role="img" aria-label="{escape(alt)}">{"".join(parts)}</svg>'


@dataclass(frozen=True, slots=True)
class Whisker:
    """One estimate of `whiskers`: a name, its interval, and the class that colours it."""

    name: str
    value: float
    low: float
    high: float
    kind: str = "s1"


def whiskers(rows: list[Whisker], axis: Axis, alt: str) -> str:
    """Estimates one below the other, each a dot on its interval."""
    left, line, top = 142, 24, 8
    foot = top + line * len(rows)

    def across(value: float) -> float:
        return left + float(np.clip(axis.place(value), 0, 1)) * (WIDTH - left - _RIGHT)

    parts = []
    for tick in axis.ticks():
        place = across(tick)
        parts.append(f'<path class="grid" d="M{_number(place)},{top}V{foot}"/>')
        parts.append(_text(place, foot + 14, short(tick, axis.unit), "middle"))
    for number, row in enumerate(rows):
        middle = top + (number + 0.5) * line
        parts.append(_text(left - 10, middle + 4, row.name, "end", "name"))
        if math.isfinite(row.low) and math.isfinite(row.high):
            ends = f"M{_number(across(row.low))},{_number(middle)}H{_number(across(row.high))}"
            parts.append(f'<path class="line {row.kind}" d="{ends}"/>')
        if math.isfinite(row.value):
            disc = f'cx="{_number(across(row.value))}" cy="{_number(middle)}" r="4"'
            parts.append(f'<circle class="dot {row.kind}" {disc}/>')
    parts.append(_text(WIDTH - _RIGHT, foot + 29, axis.label, "end", "label"))
    height = foot + 34
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(alt)}">{"".join(parts)}</svg>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    where = f'x="{_number(x)}" y="{_number(y)}"'
    aligned = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" {where}{aligned}>{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """At most so many points, evenly spaced on the page, with both ends."""
    if len(x) <= _MOST_POINTS:
        return x, y
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if not len(finite):
        return x[:0], y[:0]
    cells = np.floor(x[finite] / (WIDTH / _MOST_POINTS))
    first = np.flatnonzero(np.diff(cells, prepend=-1.0))
    kept = finite[np.unique(np.append(first, len(finite) - 1))]
    return x[kept], y[kept]
