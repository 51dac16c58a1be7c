"""Style of the experiments' figures: panels, theory beside measurement, colours of frequency classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from skmfast.laws import drawing
from skmfast.laws.drawing import ACCENT, GRID, INK, MUTED, SERIES, save

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "ACCENT",
    "GRID",
    "INK",
    "MUTED",
    "SERIES",
    "caption",
    "class_colors",
    "dress",
    "legend",
    "legend_beside",
    "measured",
    "panels",
    "save",
    "say",
    "short",
    "theory",
]

Floats = npt.NDArray[np.float64]

_WIDTH, _HEIGHT = 4.6, 4.2
_FEW_DECADES = 200


def panels(columns: int, width: float = _WIDTH, height: float = _HEIGHT) -> tuple[Figure, list[Axes]]:
    """A figure with a row of panels."""
    figure, axes = drawing.panels(1, columns, columns * width, height)
    return figure, list(axes[0])


def dress(axes: Axes, x: str, y: str, title: str, *, log_x: bool = False, log_y: bool = False) -> None:
    """Labels, grid and scales of a panel; call it when everything is drawn."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    for axis, log in ((axes.xaxis, log_x), (axes.yaxis, log_y)):
        if log:
            if not axis.get_data_interval()[1] > 0:
                # A panel without data has no place on a logarithmic axis.
                (axes.set_xlim if axis is axes.xaxis else axes.set_ylim)(1, 10)
            (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
            low, high = axis.get_view_interval()
            if high / low < _FEW_DECADES:
                # So short an axis has few powers of ten among its ticks.
                axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 30 else (1.0, 3.0)))
                axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
            axis.set_minor_locator(NullLocator())
    drawing.dress(axes, x=x, y=y, title=title, title_size=10.5)


def short(number: float) -> str:
    """A number as an axis shows it.

    Examples
    --------
    >>> short(2000.0), short(3e6), short(0.05)
    ('2k', '3M', '0.05')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"


def legend(axes: Axes, **options: Any) -> None:
    """A legend without a frame, if there is anything to name; the lines are short, as the panels are."""
    drawing.legend(axes, handlelength=2.2, **options)


def legend_beside(axes: Axes, title: str) -> None:
    """A legend to the right of a panel, for many lines."""
    legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0), title=title, title_fontsize=8)


def class_colors(number: int) -> list[tuple[float, float, float, float]]:
    """Colours of ``number`` frequency classes, from dark for the most frequent to light."""
    from matplotlib import colormaps

    return [colormaps["plasma"](0.88 * place / max(number - 1, 1)) for place in range(number)]


def measured(
    axes: Axes,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    color: Any,
    label: str | None = None,
    *,
    low: npt.ArrayLike | None = None,
    high: npt.ArrayLike | None = None,
    **options: Any,
) -> None:
    """Measurements: circles on a thin line, with their intervals."""
    settings: dict[str, Any] = {"marker": "o", "markersize": 4.5, "linewidth": 1.3, "color": color}
    places, values = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if low is not None and high is not None:
        axes.vlines(places, np.asarray(low), np.asarray(high), color=color, linewidth=1.1, alpha=0.6)
    axes.plot(places, values, label=label, **(settings | options))


def theory(axes: Axes, x: npt.ArrayLike, y: npt.ArrayLike, label: str | None = None, **options: Any) -> None:
    """What theory says: a dotted line without marks."""
    settings: dict[str, Any] = {"color": INK, "linewidth": 1.1, "dashes": (1, 2), "zorder": 3}
    axes.plot(np.asarray(x), np.asarray(y), label=label, **(settings | options))


def say(axes: Axes, text: str) -> None:
    """Text in the middle of a panel that has nothing to show."""
    axes.text(0.5, 0.5, text, ha="center", va="center", color=MUTED, fontsize=9, transform=axes.transAxes)


def caption(figure: Figure, lines: Sequence[str]) -> None:
    """Small print below the panels; leaves room for it."""
    height = float(figure.get_size_inches()[1])
    room = (0.16 * len(lines) + 0.06) / height
    # Each gap between panels as wide as what stands in it, a legend or long names.
    figure.set_layout_engine(
        "constrained", rect=(0, room, 1, 1 - room), w_pad=0.1, h_pad=0.1, wspace=0.03, hspace=0
    )
    figure.text(
        0.008, 0.04 / height, "\n".join(lines), fontsize=7, color=MUTED, va="bottom", linespacing=1.35
    )
