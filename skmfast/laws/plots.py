"""Figures of laws, drawn from tables and nothing else: `draw` takes the content of a Parquet file.

The image carries the digest of its table under ``Table-SHA256``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.laws.capacity import local_exponent
from skmfast.laws.drawing import ACCENT, INK, MUTED, SERIES, draw_by, dress, legend, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skmfast.laws.tables import Table


def draw(content: bytes, target: str | os.PathLike[str], name: str = "table") -> None:
    """Draw the figure of a table of results.

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
        If the content is no table of a law that has a figure.
    ValueError
        If the suffix is no image format.
    """
    draw_by(_DRAWERS, content, target, name)


def _unique(table: Table, column: str) -> list[float]:
    return sorted({float(each) for each in table.columns[column]})


# ---- redundancy against N ---------------------------------------------------------------------------------


def _redundancy(table: Table) -> Figure:
    """A column of panels for each discount: redundancy per sentence above, its local exponent below."""
    discounts = _unique(table, "discount")
    figure, axes_of = panels(
        2,
        len(discounts),
        max(4.1 * len(discounts), 5.2),
        6.6,
        sharex=True,
        sharey="row",
        gridspec_kw={"height_ratios": [2.3, 1]},
    )
    for column, discount in enumerate(discounts):
        theory = table.where(discount=discount, source="theory")
        sample = table.where(discount=discount, source="sample")
        _redundancy_panel(axes_of[0][column], theory, sample, discount)
        _exponent_panel(axes_of[1][column], theory, discount)
    axes_of[0][0].set_ylabel("redundancy, bits per sentence", color=INK)
    axes_of[1][0].set_ylabel("exponent - (1 - d)", color=INK)
    legend(axes_of[0][0], loc="lower left")
    legend(axes_of[1][0], loc="lower right", ncols=3, columnspacing=1.0)
    figure.text(0.008, 0.008, _redundancy_note(table.metadata), fontsize=7, color=MUTED)
    figure.tight_layout(rect=(0, 0.03, 1, 1), w_pad=1.5)
    return figure


def _redundancy_panel(axes: Axes, theory: dict[str, Any], sample: dict[str, Any], discount: float) -> None:
    n = theory["num_sentences"]
    content, knowledge = theory["content_bits"] / n, theory["knowledge_bits"] / n
    axes.set_xscale("log")
    axes.set_yscale("log")
    per_element = theory["content_bits"][-1] / theory["elements"][-1] / n
    low, high = theory["elements_low"] * per_element, theory["elements_high"] * per_element
    axes.fill_between(n, low, high, color=SERIES[0], alpha=0.10, linewidth=0, label="95 % of corpora")
    axes.fill_between(n, knowledge, content, color=MUTED, alpha=0.16, linewidth=0, label="log correction")
    lines = (
        ("content, K·H0 / N", "content_bits", SERIES[0]),
        ("knowledge", "knowledge_bits", SERIES[2]),
        ("syntax", "syntax_bits", SERIES[1]),
    )
    for label, name, color in lines:
        axes.plot(n, theory[name] / n, color=color, linewidth=1.7, label=label)
        if len(sample["num_sentences"]):
            axes.plot(
                sample["num_sentences"],
                sample[name] / sample["num_sentences"],
                linestyle="none",
                marker="o",
                markersize=3.4,
                markerfacecolor="white",
                markeredgecolor=color,
                markeredgewidth=1.0,
                label="one sampled corpus" if name == "content_bits" else None,
            )
    power = content[-1] * (n / n[-1]) ** (discount - 1)
    logarithm = theory["syntax_bits"][-1] / n[-1] * (np.log(n) / n) / (np.log(n[-1]) / n[-1])
    dotted: dict[str, Any] = {"color": INK, "linewidth": 0.9, "dashes": (1, 2.2), "zorder": 3}
    axes.plot(n, power, label="N^-(1-d) and log N / N", **dotted)
    axes.plot(n, logarithm, **dotted)
    dress(axes, title=f"discount d = {discount:g}")


def _exponent_panel(axes: Axes, theory: dict[str, Any], discount: float) -> None:
    """Local exponents less 1 - d: the logarithm takes the knowledge's above it, the more the less H0 is."""
    n = theory["num_sentences"]
    middle = np.sqrt(n[1:] * n[:-1])
    axes.axhspan(-0.03, 0.03, color=MUTED, alpha=0.12, linewidth=0, label="± 0.03")
    axes.axhline(0, color=INK, linewidth=0.9, dashes=(1, 2.2))
    for name, color in (("content", SERIES[0]), ("knowledge", SERIES[2])):
        slopes = -local_exponent(n, theory[f"{name}_bits"] / n)
        axes.plot(middle, slopes - (1 - discount), color=color, linewidth=1.5, label=name)
    axes.set_ylim(-0.05, 0.05)
    dress(axes, x="sentences N")


def _redundancy_note(metadata: dict[str, Any]) -> str:
    sampled = metadata.get("sample", 0)
    notes = [
        f"Lines: expected, exact; circles: one corpus of {sampled:,} sentences to each d."
        if sampled
        else "Lines: expected, exact.",
        f"Concentration {metadata['concentration']:g}, H0 = {metadata['content_bits']:g} bits,"
        f" syntax of {metadata['syntax_parameters']:,} parameters.",
        "Band: law of K·H0 / N. Grey: what the partition takes off, about log K bits an element.",
    ]
    return " ".join(notes)


# ---- distortion against C ---------------------------------------------------------------------------------


def _capacity(table: Table) -> Figure:
    """Distortion against capacity on the left, its local exponent on the right."""
    discounts = _unique(table, "discount")
    figure, [[left, right]] = panels(1, 2, 10.4, 4.7, gridspec_kw={"width_ratios": [1.55, 1]})
    left.set_xscale("log")
    left.set_yscale("log")
    right.set_xscale("log")
    content = float(table.metadata["content_bits"])
    for discount, color in zip(discounts, SERIES * len(discounts), strict=False):
        rows = table.where(discount=discount)
        c, total, knowledge = rows["capacity_bits"], rows["total_bits"], rows["knowledge_bits"]
        left.plot(c, total, color=color, linewidth=1.7, label=f"d = {discount:g}")
        if not np.array_equal(total, knowledge):
            left.plot(c, rows["syntax_bits"], color=color, linewidth=0.9, alpha=0.55, linestyle="--")
        exponent = 1 / discount - 1
        far = c >= c[-1] / 1e6
        guide = knowledge[-1] * (c[far] / c[-1]) ** -exponent
        left.plot(c[far], guide, color=INK, linewidth=0.9, dashes=(1, 2.2), zorder=3)
        steps = c[1:] > 2 * content
        slopes = -local_exponent(c, knowledge)
        right.plot(np.sqrt(c[1:] * c[:-1])[steps], slopes[steps], color=color, linewidth=1.6)
        right.axhline(exponent, color=INK, linewidth=0.9, dashes=(1, 2.2), zorder=3)
        right.annotate(
            f"1/d - 1 = {exponent:.4g}", (c[-1], exponent), xytext=(0, 3), textcoords="offset points",
            ha="right", va="bottom", fontsize=8, color=color,
        )  # fmt: skip
    least = max(table.columns["knowledge_bits"].min() / 3, 1e-24)
    left.set_ylim(least, float(table.columns["total_bits"].max()) * 3)
    right.set_ylim(0, (1 / discounts[0] - 1) * 1.18)
    dress(left, x="capacity C, bits", y="distortion, bits per sentence", title="least loss with C bits kept")
    dress(right, x="capacity C, bits", y="local exponent of the knowledge", title="slope")
    legend(left, loc="lower left")
    figure.text(0.008, 0.012, _capacity_note(table.metadata), fontsize=7, color=MUTED)
    figure.tight_layout(rect=(0, 0.04, 1, 1), w_pad=2)
    return figure


def _capacity_note(metadata: dict[str, Any]) -> str:
    syntax = metadata.get("syntax_parameters") or 0
    shared = f"; dashed: syntax of {syntax:g} parameters, bought first" if syntax else ""
    return (
        f"Reverse water-filling, {metadata['rate_law']} distortion-rate function, H0 = "
        f"{metadata['content_bits']:g} bits, weights k^(-1/d) without end{shared}. Dotted: C^-(1/d-1)."
    )


# ---- curves measured on data ------------------------------------------------------------------------------


def _base(source: str) -> str:
    """End of a path or URL."""
    return source.rstrip("/").rpartition("/")[2] or source


def _heaps(table: Table) -> Figure:
    figure, [[axes]] = panels(1, 1, 5.8, 4.6)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for index, source in enumerate(dict.fromkeys(table.columns["source"].tolist())):
        rows, color = table.where(source=source), SERIES[index % len(SERIES)]
        fitted = table.metadata["sources"][source]
        axes.plot(
            rows["num_tokens"],
            rows["elements"],
            color=color,
            linewidth=1.7,
            label=f"{_base(source)}: {fitted['exponent']:.3f} [{fitted['low']:.3f}, {fitted['high']:.3f}]",
        )
        axes.plot(rows["num_tokens"], rows["rarefied"], color=color, linewidth=0.9, linestyle="--")
        end, last = rows["num_tokens"][-1], rows["elements"][-1]
        reach = np.geomspace(end / 30, end, 9)
        axes.fill_between(
            reach, last * (reach / end) ** fitted["low"], last * (reach / end) ** fitted["high"],
            color=color, alpha=0.2, linewidth=0,
        )  # fmt: skip
        axes.plot(
            reach, last * (reach / end) ** fitted["exponent"], color=INK, linewidth=0.9, dashes=(1, 2.2)
        )
    dress(axes, x="tokens n", y="different tokens", title="Heaps' law, exponent at the end")
    legend(axes, loc="lower right")
    figure.text(0.008, 0.01, "Dashed: the same tokens in random order. Dotted: slope at the end, 95 % band.",
                fontsize=7, color=MUTED)  # fmt: skip
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    return figure


def _zipf(table: Table) -> Figure:
    figure, [[axes]] = panels(1, 1, 5.8, 4.6)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for index, source in enumerate(dict.fromkeys(table.columns["source"].tolist())):
        rows, color = table.where(source=source), SERIES[index % len(SERIES)]
        fitted = table.metadata["sources"][source]
        label = f"{_base(source)}: s = {fitted['exponent']:.3f} [{fitted['low']:.3f}, {fitted['high']:.3f}]"
        axes.plot(
            rows["count"], rows["share_at_least"], color=color, linestyle="none", marker="o", markersize=2.6,
            alpha=0.6, label=label,
        )  # fmt: skip
        from scipy.special import zeta

        x = np.geomspace(fitted["minimum"], rows["count"].max(), 60)
        at = rows["share_at_least"][np.searchsorted(rows["count"], fitted["minimum"])]
        law = [at * zeta(a, x) / zeta(a, fitted["minimum"]) for a in fitted["alphas"]]
        axes.fill_between(
            x, np.minimum(law[1], law[2]), np.maximum(law[1], law[2]), color=color, alpha=0.2, lw=0
        )
        axes.plot(x, law[0], color=INK, linewidth=0.9, dashes=(1, 2.2))
    dress(axes, x="count x", y="share of the different tokens, seen at least x times", title="Zipf's law")
    legend(axes, loc="lower left")
    figure.tight_layout()
    return figure


def _acquisition(table: Table) -> Figure:
    figure, [[axes]] = panels(1, 1, 7.8, 4.4)
    axes.set_xscale("log")
    firsts = _unique(table, "first_rank")
    shades = np.linspace(0.95, 0.35, len(firsts))
    for first, shade in zip(firsts, shades, strict=True):
        rows = table.where(first_rank=first)
        label = f"ranks {first:,.0f} to {rows['last_rank'][0]:,.0f}"
        axes.plot(
            rows["num_sentences"], rows["loss_bits"], color=SERIES[2], alpha=shade, linewidth=1.7, label=label
        )
    dress(
        axes, x="sentences n", y="bits missing per draw", title="what is known, class by class of frequency"
    )
    axes.set_ylim(bottom=0)
    legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.tight_layout()
    return figure


def _fit(table: Table) -> Figure:
    """Measured against predicted loss, and residuals."""
    figure, [[left, right]] = panels(1, 2, 9.6, 4.4)
    measured, predicted = table.columns["loss"], table.columns["predicted"]
    low, high = table.columns["predicted_low"], table.columns["predicted_high"]
    order = np.argsort(predicted)
    left.fill_between(predicted[order], low[order], high[order], color=SERIES[2], alpha=0.2, linewidth=0)
    ends = [min(predicted.min(), measured.min()), max(predicted.max(), measured.max())]
    left.plot(ends, ends, color=INK, linewidth=0.9, dashes=(1, 2.2))
    left.plot(predicted, measured, linestyle="none", marker="o", markersize=3, color=ACCENT, alpha=0.6)
    dress(left, x="predicted loss", y="measured loss", title=table.metadata["fit"]["law"])
    variable = table.metadata["variables"][0]
    right.plot(
        table.columns[variable], 100 * np.log(measured / predicted), linestyle="none", marker="o",
        markersize=3, color=ACCENT, alpha=0.6,
    )  # fmt: skip
    right.axhline(0, color=INK, linewidth=0.9, dashes=(1, 2.2))
    right.set_xscale("log")
    dress(right, x=variable, y="measured over predicted, log %", title="residuals")
    figure.tight_layout()
    return figure


def _learning_curve(table: Table) -> Figure:
    """Bits per byte of each block against bytes seen: measured, fitted, and forecast from the first half."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    from skmfast.laws.learning_curve import middle

    figure, [[axes]] = panels(1, 1, 6.2, 4.6)
    axes.set_xscale("log")
    begin, end = table.columns["begin_bytes"], table.columns["end_bytes"]
    places, forecast = middle(begin, end), table.columns["forecast"]
    rate, color = table.metadata["entropy_rate"], SERIES[2]
    if rate is not None:
        low, high, beta = rate[1], rate[2], table.metadata["hilberg_exponent"]
        if np.isfinite(low):
            axes.axhspan(low, high, color=MUTED, alpha=0.12, linewidth=0)
        label = f"entropy rate {rate[0]:.3f} [{low:.3f}, {high:.3f}]"
        axes.axhline(rate[0], color=MUTED, linewidth=0.9, label=label)
        label = f"E + A/n^a, Hilberg exponent 1 - a = {beta[0]:.3f} [{beta[1]:.3f}, {beta[2]:.3f}]"
        axes.plot(places, table.columns["fitted"], color=color, linewidth=1.5, label=label)
    known = np.isfinite(forecast)
    if known.any():
        error = 100 * table.metadata["forecast_error"]
        axes.plot(
            places[known], forecast[known], linestyle="none", marker="x", markersize=6, color=SERIES[1],
            label=f"second half, forecast from the first ({error:+.2f} %)",
        )  # fmt: skip
    axes.plot(
        places, table.columns["bits_per_byte"], linestyle="none", marker="o", markersize=3.6, color=ACCENT,
        label="measured",
    )  # fmt: skip
    title = "Learning curve" if rate is not None else f"Learning curve: {table.metadata['reason']}"
    dress(axes, x="bytes seen", y="bits per byte of the next block", title=title)
    # A curve of little more than a decade: ticks at 1, 2 and 5, as plain numbers.
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    legend(axes, loc="best")
    figure.tight_layout()
    return figure


_DRAWERS: dict[str, Callable[[Table], Figure]] = {
    "redundancy": _redundancy,
    "capacity": _capacity,
    "heaps": _heaps,
    "zipf": _zipf,
    "acquisition": _acquisition,
    "fit": _fit,
    "learning-curve": _learning_curve,
}
