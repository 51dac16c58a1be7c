"""What each bit of model buys: the structure function over context trees, and what is bought first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.codes.tree_hull import tree_hull
from skmfast.report.excerpts import context_html
from skmfast.report.html import Column, Markup, figure, listing, missing, paragraph, row
from skmfast.report.jobs import Job, Unavailable
from skmfast.report.numerals import fixed, short, whole
from skmfast.report.svg import Axis, Plot
from skmfast.report.tables import made, reason_of, without

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.codes.tree_hull import TreeHull
    from skmfast.laws.tables import Table
    from skmfast.report.gathering import Gathered
    from skmfast.report.settings import Settings

title = "What each bit of model buys"
_POINTS = 300
_FIRST, _LATER = 8, 6
_CONTEXT_BYTES = 24
_LEAST_BYTES = 256


def jobs(corpus: Gathered, settings: Settings, threads: int) -> dict[str, Job]:
    """The hull of the sample."""
    sample, _ = corpus.sample(settings.sample_bytes)
    size = sum(map(len, sample))

    def run() -> dict[str, dict[str, Any]]:
        if size < _LEAST_BYTES:
            raise ValueError(f"too little data: {size:,} bytes, not at least {_LEAST_BYTES}")
        return _summary(tree_hull(sample, threads=threads, memory=settings.memory))

    return {"structure": Job("computing the structure function", size * 8e-7, run)}


def _summary(hull: TreeHull) -> dict[str, dict[str, Any]]:
    """What the tables hold: points of the hull, and purchases; the hull itself is large."""
    last = len(hull.model_bits) - 1
    places = np.unique(np.append(_spread(last), [0, hull.minimum, last]))
    bought = np.unique(np.append(np.arange(min(_FIRST, hull.minimum)), _spread(hull.minimum, _LATER) - 1))
    bought = bought[(bought >= 0) & (bought < hull.minimum)]
    splits = [hull.splits[int(hull.block_begin[at])] for at in bought]
    return {
        "structure": {
            "splits": hull.block_begin[places].astype(np.int64),
            "model_bits": hull.model_bits[places],
            "data_bits": hull.data_bits[places],
            "minimum": places == hull.minimum,
        },
        "purchases": {
            "place": bought + 1,
            "context": [hull.context(each).tobytes()[-_CONTEXT_BYTES:] for each in splits],
            "count": [int(each["count"]) for each in splits],
            "splits": np.diff(hull.block_begin)[bought].astype(np.int64),
            "model_bits": np.diff(hull.model_bits)[bought],
            "saved_bits": -np.diff(hull.data_bits)[bought],
        },
    }


def _spread(last: int, number: int = _POINTS) -> npt.NDArray[np.int64]:
    """Places from 1 to ``last``, evenly spaced in their logarithm."""
    if last < 1:
        return np.empty(0, np.int64)
    return np.unique(np.rint(np.geomspace(1, last, number)).astype(np.int64))


def tables(corpus: Gathered, settings: Settings, results: dict[str, Any]) -> dict[str, Table]:
    """``structure``: points of the hull; ``purchases``: contexts in the order in which they pay."""
    found = results["structure"]
    if isinstance(found, Unavailable):
        return {name: without("structure", found) for name in ("structure", "purchases")}
    sample, which = corpus.sample(settings.sample_bytes)
    metadata = {"sample_bytes": sum(map(len, sample)), "sample": which}
    return {name: made("structure", columns, metadata) for name, columns in found.items()}


def draw(tables: dict[str, Table]) -> str:
    """Data bits against model bits, what a further bit saves, and what is bought."""
    table = tables["structure"]
    reason = reason_of(table)
    if reason is not None:
        return missing("No structure function:", f"{reason}.", "structure")
    columns = table.columns
    at = int(np.flatnonzero(columns["minimum"])[0])
    if at == 0:
        return paragraph(_nothing(table)) + figure(_hull(table, at), "structure")
    return "".join(
        [
            paragraph(_words(table, at)),
            row(figure(_hull(table, at), "structure"), figure(_slope(table), "structure")),
            _purchases(tables["purchases"]),
        ]
    )


def _nothing(table: Table) -> str:
    bits = table.columns["data_bits"][0] / table.metadata["sample_bytes"]
    return (
        "No context pays for itself: the shortest description in two parts is the empty tree, with"
        f" {fixed(bits, 2)} bits per byte. To these models the corpus is random given its byte counts."
    )


def _words(table: Table, at: int) -> str:
    columns, size = table.columns, table.metadata["sample_bytes"]
    model, data = columns["model_bits"][at], columns["data_bits"][at]
    text = (
        "A description in two parts: a context tree with its parameters, then the data given the tree. For"
        " every size of the model the left curve is the least that remains (Kolmogorov's structure function,"
        f" over context trees). The shortest description has {short(model / 8, 'B')} of model and"
        f" {short(data / 8, 'B')} of data, {fixed((model + data) / size, 3)} bits per byte; what more model"
        " saves is not worth its bits."
    )
    return text if table.metadata["sample"] == "the whole corpus" else f"{text} {_sampled(table)}"


def _sampled(table: Table) -> str:
    return f"Measured on {short(float(table.metadata['sample_bytes']), 'B')}: {table.metadata['sample']}."


def _hull(table: Table, at: int) -> Plot:
    columns = table.columns
    model, data = columns["model_bits"] / 8, columns["data_bits"] / 8
    plot = Plot(
        Axis.over("bytes of model", model, log=True, unit="B"),
        Axis.over("bytes", data, model + data, zero=True, unit="B"),
        "Structure function",
        f"Bytes of data left, against bytes of model: from {short(float(data[0]), 'B')} without contexts down"
        f" to nothing. Model and data together are least at {short(float(model[at]), 'B')} of model.",
    )
    plot.line(model, model + data, "s3", "model and data")
    plot.line(model, data, "s1", "data given the model")
    plot.dots([model[at]], [model[at] + data[at]], "s2", "shortest", radius=4)
    return plot


def _slope(table: Table) -> Plot:
    columns = table.columns
    model = columns["model_bits"]
    bought = np.diff(model)
    slopes = -np.diff(columns["data_bits"]) / np.where(bought > 0, bought, np.nan)
    middles = np.sqrt(model[1:] * np.maximum(model[:-1], model[1:] / 2)) / 8
    plot = Plot(
        Axis.over("bytes of model", middles, log=True, unit="B"),
        Axis.over("bits saved", slopes, [1.0], log=True),
        "What a further bit of model saves",
        f"Bits of data saved by one more bit of model, both axes logarithmic: {fixed(float(slopes[0]), 1)} at"
        " first, falling below one where the description is shortest.",
    )
    plot.rule(1.0, "s3 dash", "no gain")
    plot.line(middles, slopes, "s1", "bits saved by a bit")
    return plot


def _purchases(table: Table) -> str:
    columns = table.columns
    rows: list[list[str | Markup]] = [
        [
            whole(columns["place"][at]),
            Markup(context_html(bytes(columns["context"][at]))),
            whole(columns["count"][at]),
            whole(columns["saved_bits"][at]),
            fixed(columns["saved_bits"][at] / columns["model_bits"][at], 1),
        ]
        for at in range(len(columns["place"]))
    ]
    heading = [
        Column("order", number=True),
        Column("context that is split"),
        Column("seen", number=True),
        Column("bits saved", number=True),
        Column("saved by a bit", number=True),
    ]
    caption = "Contexts in the order in which they are told apart by one more byte before them"
    return listing(heading, rows, caption=caption, table="purchases")
