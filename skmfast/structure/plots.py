"""Figure of a structure function, drawn from its table and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from skmfast.laws.drawing import ACCENT, INK, MUTED, SERIES, draw_by, dress, legend, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skmfast.laws.tables import Table


def draw(content: bytes, target: str | os.PathLike[str], name: str = "table") -> None:
    """Draw the figure of a table that `StructureFunction.to_parquet` or `Purchases.to_parquet` wrote.

    Parameters
    ----------
    content : bytes
        Of the Parquet file.
    target : path
        Image to write; its suffix says the format.
    name : str
        What messages call the table.

    Raises
    ------
    CorpusError
        If the content is no table of a structure function.
    """
    drawers = {"structure": structure_figure, "structure-tokens": tokens_figure}
    draw_by(drawers, content, target, name)


def structure_figure(table: Table) -> Figure:
    """Left the curve, right data bits saved per model bit; both against model bits."""
    figure, [[left, right]] = panels(1, 2, 10.4, 4.3)
    hull = table.where(curve="hull")
    scale, unit = _scale(table.metadata)
    _curve_panel(left, table, hull, scale, unit)
    _saving_panel(right, hull, scale, unit)
    figure.tight_layout()
    return figure


def _scale(metadata: dict[str, Any]) -> tuple[float, str]:
    """What bits are divided by, and what that gives."""
    count = metadata["num_symbols"]
    return (1 / count, f"bits per {metadata['unit']}") if count else (1.0, "bits")


def _curve_panel(axes: Axes, table: Table, hull: dict[str, Any], scale: float, unit: str) -> None:
    best = table.metadata["minimum"]
    model, data = hull["model_bits"] * scale, hull["data_bits"] * scale
    shown = model <= max(4 * best["model_bits"], hull["model_bits"][min(1, len(model) - 1)]) * scale
    model, data = model[shown], data[shown]
    marker = "o" if len(model) < 30 else ""
    axes.plot(model, data, color=SERIES[2], linewidth=1.7, marker=marker, markersize=3, label="data bits")
    axes.plot(model, model + data, color=INK, linewidth=0.9, dashes=(4, 2), label="model + data bits")
    axes.plot(
        best["model_bits"] * scale, (best["model_bits"] + best["data_bits"]) * scale, linestyle="none",
        marker="o", markersize=6, color=ACCENT,
        label=f"MDL: {(best['model_bits'] + best['data_bits']) * scale:,.4g} {unit}",
    )  # fmt: skip
    for place, name in enumerate(sorted({str(each) for each in table.columns["curve"]} - {"hull"})):
        other = table.where(curve=name)
        inside = other["model_bits"] * scale <= model.max()
        axes.plot(
            other["model_bits"][inside] * scale, other["data_bits"][inside] * scale,
            color=SERIES[1], linewidth=1.2, dashes=(1, 1.5 + place), label=name,
        )  # fmt: skip
    for place, (name, bits) in enumerate(table.metadata["references"].items()):
        axes.axhline(bits * scale, color=MUTED, linewidth=0.9, dashes=(1, 2 + place), label=name)
    axes.set_ylim(bottom=0)
    dress(axes, x=f"model, {unit}", y=f"data given the model, {unit}", title="structure function")
    legend(axes, loc="best")


def _saving_panel(axes: Axes, hull: dict[str, Any], scale: float, unit: str) -> None:
    model, saving = hull["model_bits"][1:] * scale, hull["saving"][1:]
    kept = saving > 0
    if kept.any():
        axes.plot(model[kept], saving[kept], color=SERIES[2], linewidth=1.4, drawstyle="steps-pre")
        axes.set_xscale("log")
        axes.set_yscale("log")
    else:
        axes.text(0.5, 0.5, "no model saves anything", ha="center", color=MUTED, transform=axes.transAxes)
    axes.axhline(1, color=ACCENT, linewidth=0.9, dashes=(1, 2))
    dress(axes, x=f"model, {unit}", y="data bits saved per model bit", title="what each model bit buys")


# ---- which tokens are bought ------------------------------------------------------------------------------


def tokens_figure(table: Table) -> Figure:
    """Left bits of a token by kind along the hull, right the model bits at which each kind is half bought."""
    from matplotlib import colormaps

    kinds = table.metadata["kinds"]
    bought = [bits / 1e6 for bits in table.metadata["bought_at"]]
    shades = [colormaps["plasma"](0.85 * k / max(len(kinds) - 3, 1)) for k in range(len(kinds) - 2)]
    colors = [INK, MUTED, *shades]
    figure, [[left, right]] = panels(1, 2, 11, 4.6, gridspec_kw={"width_ratios": [1.5, 1]})
    for k, name in enumerate(kinds):
        rows = table.where(kind=name)
        labels = {0: "syntax", 1: "names", 2: f"knowledge: {name} sentences", len(kinds) - 1: f"… {name}"}
        left.plot(
            rows["model_bits"] / 1e6, rows["bits"], color=colors[k], linewidth=2.2 if k < 2 else 1.1,
            dashes=(4, 1.5) if k == 1 else (), label=labels.get(k),
        )  # fmt: skip
        right.plot(
            bought[k], k, linestyle="none", marker="o" if k > 1 else "s", markersize=6, color=colors[k]
        )
    left.set_ylim(bottom=0)
    dress(left, x="model, Mbit", y="data, bits per token", title="what the tokens of each kind cost")
    legend(left, loc="upper right")
    right.set_yticks(range(len(kinds)), kinds)
    right.invert_yaxis()
    correlation = table.metadata["rank_correlation"]
    dress(
        right, x="half bought at model, Mbit", title=f"order of purchase (rank correlation {correlation:.3f})"
    )
    right.tick_params(axis="y", labelsize=7)
    figure.tight_layout()
    return figure
