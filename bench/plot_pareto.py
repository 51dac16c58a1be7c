"""Bits per byte against speed, drawn from a record of bench_codelength.py and nothing else.

``python bench/plot_pareto.py bench/results/codelength.json -o docs/figures/pareto.png``. Lower and further
right is better. The stepped line is the front: for each speed the fewest bits that some code on one processor
reaches. Codes far above the best are named below instead of drawn: they would press the others together. The
image names the digest of its record, which tests/test_readme_figures.py compares.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codelength_table import SPEED_FILES, files_of, good

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

DIGEST = "Record-SHA256"
OURS, PEERS, FRONT, INK = "#c2410c", "#64748b", "#cbd5e1", "#1e293b"
# Where a label may stand, in points from its marker, the nearest first: a side of the marker and a distance.
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
_DISTANCES = (7, 12, 18, 26, 36, 48)
_NEAR = 12  # labels further away get a line to their marker
# Codes with more than so many times the fewest bits are off the scale.
_OFF_SCALE = 1.4
# The table names the standard window too; in the figure both would stand on one spot.
_SHORT = {"brotli -q 11 --large_window": "brotli -q 11,\nlarge window", "bzip3, one block": "bzip3"}


def front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other beats in both speed and bits, by speed."""
    kept: list[tuple[float, float]] = []
    for speed, bits in sorted(points, key=lambda point: (-point[0], point[1])):
        if not kept or bits < kept[-1][1]:
            kept.append((speed, bits))
    return kept[::-1]


def short(row: dict[str, Any]) -> str:
    if row["family"]:
        return f"{row['family']}, order {row['code'].rpartition(' ')[2]}"
    return _SHORT.get(row["code"], str(row["code"]))


def draw_points(axes: Axes, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        mine, several = row["ours"], row["threads"] > 1
        color = OURS if mine else PEERS
        axes.scatter(
            row["mb_per_s"],
            row["bits_per_byte"],
            s=64 if mine else 34,
            marker="D" if mine else "o",
            facecolor="white" if several else color,
            edgecolor=color,
            linewidth=1.4,
            zorder=3,
        )


def draw_front(axes: Axes, rows: list[dict[str, Any]]) -> None:
    corners = front([(row["mb_per_s"], row["bits_per_byte"]) for row in rows if row["threads"] == 1])
    speeds, bits = zip(*corners, strict=True)
    # A code also serves whoever asks for less speed: the step goes left from each point.
    axes.step(speeds, bits, where="pre", color=FRONT, linewidth=1.6, zorder=1)


def place_labels(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Each label where it covers the least of labels, markers, lines and border; the nearest such place."""
    canvas: Any = axes.figure.canvas
    renderer = canvas.get_renderer()
    scale = axes.figure.dpi / 72
    spots = [axes.transData.transform((row["mb_per_s"], row["bits_per_byte"])) for row in rows]
    taken: list[Bbox] = [box_around(spot, 5 * scale) for spot in spots]
    inside = axes.get_window_extent(renderer)
    for row, spot in sorted(zip(rows, spots, strict=True), key=lambda pair: not pair[0]["ours"]):
        own = box_around(spot, 5 * scale).bounds
        others = [box for box in taken if box.bounds != own]
        best: tuple[float, tuple[int, int], int, list[Bbox]] | None = None
        for distance, side in ((distance, side) for distance in _DISTANCES for side in _SIDES):
            text = annotate(axes, row, side, distance)
            box = extent(text, renderer).padded(1.5 * scale)
            text.remove()
            covers = [box]
            if distance > _NEAR:
                covers += [box_around(point, scale) for point in between(spot, box)]
            cost = sum(overlap(cover, other) for cover in covers for other in others)
            cost += box.width * box.height - overlap(box, inside)
            if best is None or cost < best[0] - 1e-6:
                best = (cost, side, distance, covers)
        assert best is not None
        annotate(axes, row, best[1], best[2])
        taken += best[3]


def annotate(axes: Axes, row: dict[str, Any], side: tuple[int, int], distance: float) -> Any:
    from matplotlib.patheffects import withStroke

    return axes.annotate(
        short(row),
        (row["mb_per_s"], row["bits_per_byte"]),
        xytext=(side[0] * distance, side[1] * distance),
        textcoords="offset points",
        ha={1: "left", 0: "center", -1: "right"}[side[0]],
        va={1: "bottom", 0: "center", -1: "top"}[side[1]],
        fontsize=9,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        linespacing=1.0,
        color=OURS if row["ours"] else INK,
        fontweight="bold" if row["ours"] else "normal",
        arrowprops=None
        if distance <= _NEAR
        else {"arrowstyle": "-", "color": PEERS, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3},
        zorder=2,  # below the markers, above the front
    )


def between(spot: Any, box: Bbox) -> list[tuple[float, float]]:
    """Points on the line from a marker to the middle of its label, up to the label."""
    middle = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    points = [tuple(a + (b - a) * step / 40 for a, b in zip(spot, middle, strict=True)) for step in range(41)]
    return [(x, y) for x, y in points if not box.contains(x, y)]


def extent(text: Any, renderer: Any) -> Bbox:
    """Box of the words alone: an annotation's own includes the line to its point."""
    from matplotlib.text import Text

    text.update_positions(renderer)
    return Text.get_window_extent(text, renderer)


def box_around(spot: Any, reach: float) -> Bbox:
    from matplotlib.transforms import Bbox

    return Bbox([[spot[0] - reach, spot[1] - reach], [spot[0] + reach, spot[1] + reach]])


def overlap(one: Bbox, other: Bbox) -> float:
    from matplotlib.transforms import Bbox

    common = Bbox.intersection(one, other)
    return 0.0 if common is None else float(common.width * common.height)


def on_scale(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows to draw, and rows too far above the best."""
    limit = _OFF_SCALE * min(row["bits_per_byte"] for row in rows)
    return [row for row in rows if row["bits_per_byte"] <= limit], [
        row for row in rows if row["bits_per_byte"] > limit
    ]


def draw(axes: Axes, record: dict[str, Any], file: str) -> list[dict[str, Any]]:
    """Everything of one file but the labels, which need the final size."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    rows, above = on_scale(good(record["rows"], file))
    size = next(entry["bytes"] for entry in record["files"] if entry["file"] == file)
    axes.set_xscale("log")
    draw_front(axes, rows)
    draw_points(axes, rows)
    speeds = [row["mb_per_s"] for row in rows]
    axes.set_xlim(min(speeds) / 2, max(speeds) * 3)
    axes.margins(y=0.12)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(f"{file.removesuffix('.txt')}, {size / 1e6:.1f} MB", fontsize=11, loc="left", color=INK)
    axes.set_xlabel("MB/s (log scale)", color=INK)
    if above:
        listed = "; ".join(
            f"{short(row)}, {row['bits_per_byte']:.2f} bits at {row['mb_per_s']:.0f} MB/s" for row in above
        )
        axes.text(
            0.995,
            0.985,
            f"off the scale: {listed}",
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=7,
            color=OURS if all(row["ours"] for row in above) else PEERS,
        )
    axes.grid(True, which="major", color="#eef2f6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", colors=INK, labelsize=9)
    return rows


def figure(record: dict[str, Any], files: list[str], digest: str, target: Path) -> None:
    """Write the image of ``files`` side by side."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    canvas, panels = plt.subplots(1, len(files), figsize=(5.4 * len(files), 4.9), dpi=170, squeeze=False)
    drawn = [(axes, draw(axes, record, file)) for axes, file in zip(panels[0], files, strict=True)]
    panels[0][0].set_ylabel("bits per byte", color=INK)
    notes = [
        "one processor; hollow: several threads",
        f"{record['machine']['processor']}, {record['date'][:10]}",
    ]
    canvas.text(0.01, 0.01, ("\n" if len(files) == 1 else ". ").join(notes), fontsize=7, color=PEERS)
    canvas.tight_layout(rect=(0, 0.04, 1, 1))
    canvas.canvas.draw()
    for axes, rows in drawn:
        place_labels(axes, rows)
    target.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(target, metadata={DIGEST: digest}, facecolor="white")
    plt.close(canvas)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("record", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FIGURE")
    parser.add_argument("--files", nargs="+", help="inputs to draw, by name (default: dickens and gcide)")
    options = parser.parse_args()
    content = options.record.read_bytes()
    record = json.loads(content)
    there = files_of(record)
    files = options.files or [file for file in SPEED_FILES if file in there] or there[-2:]
    unknown = [file for file in files if file not in there]
    if unknown:
        parser.error(f"the record has no {', '.join(unknown)}; it has {', '.join(there)}")
    figure(record, files, hashlib.sha256(content).hexdigest(), options.output)


if __name__ == "__main__":
    main()
