"""What figures share: colours, panels and their style, drawing from a stored table, writing the image."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skmfast.laws.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DIGEST = "Table-SHA256"
INK, MUTED, GRID = "#1e293b", "#64748b", "#eef2f6"
ACCENT = "#c2410c"
# From warm to cool: readable in grey as well, and by those who do not see red and green apart.
SERIES = ("#c2410c", "#0f766e", "#1d4ed8", "#7e22ce", "#be185d", "#4d7c0f")
_DPI = 170


def draw_by(
    drawers: Mapping[str, Callable[[Table], Figure]],
    content: bytes,
    target: str | os.PathLike[str],
    name: str,
) -> None:
    """Draw the figure of a table with the drawer that its law has among ``drawers``.

    Parameters
    ----------
    drawers : mapping from str to callable
    content : bytes
        Of the Parquet file; a PNG carries its digest under `DIGEST`.
    target : path
        Image to write; its suffix says the format.
    name : str
        What messages call the table.

    Raises
    ------
    CorpusError
        If the content is no table of a law that has a drawer.
    ValueError
        If the suffix is no image format.
    """
    from skmfast.errors import CorpusError

    table = Table.from_bytes(content, name)
    drawer = drawers.get(table.metadata["law"])
    if drawer is None:
        raise CorpusError(f"{name}: there is no figure of {table.metadata['law']!r}")
    figure = drawer(table)
    is_png = Path(target).suffix.lower() == ".png"
    save(figure, target, {DIGEST: hashlib.sha256(content).hexdigest()} if is_png else None)


def panels(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Figure, Any]:
    """A figure of ``width`` by ``height`` inches, and its axes, an array of shape (rows, columns)."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    return plt.subplots(rows, columns, figsize=(width, height), squeeze=False, **options)


def dress(axes: Axes, *, x: str = "", y: str = "", title: str = "", title_size: float = 11) -> None:
    """Labels and grid of a panel."""
    axes.grid(True, which="major", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(which="both", colors=INK, labelsize=9)
    axes.tick_params(which="minor", length=0)
    if x:
        axes.set_xlabel(x, color=INK)
    if y:
        axes.set_ylabel(y, color=INK)
    if title:
        axes.set_title(title, fontsize=title_size, loc="left", color=INK)


def legend(axes: Axes, **options: Any) -> None:
    """A legend without a frame, if there is anything to name."""
    if axes.get_legend_handles_labels()[0]:
        settings: dict[str, Any] = {"frameon": False, "fontsize": 8, "labelcolor": INK, "handlelength": 2.4}
        axes.legend(**(settings | options))


def save(
    figure: Figure, path: str | os.PathLike[str], metadata: Mapping[str, str | None] | None = None
) -> None:
    """Write the figure, whole or not at all, and close it; ``metadata`` goes into the image.

    Raises
    ------
    ValueError
        If the suffix is no image format.
    """
    from matplotlib import pyplot as plt

    from skmfast.files import whole_file

    form = Path(path).suffix.lower().removeprefix(".")
    # Without a date the same table gives the same bytes.
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form, {})
    written = {**dates, **(metadata or {})}
    try:
        with whole_file(path) as file:
            figure.savefig(file, format=form, dpi=_DPI, facecolor="white", metadata=written)
    finally:
        plt.close(figure)
