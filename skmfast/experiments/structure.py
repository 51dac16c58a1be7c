"""Structure: networks of several sizes and precisions as two-part codes of their training corpus.

Model bits are those of the quantised weights, data bits those of the training sentences under them. On the
same axes stands the exact curve of the Syntax-Knowledge class, which keeps the most frequent elements: what a
network's model bits could buy. The prequential code needs no model bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skmfast.experiments import figures
from skmfast.experiments.fits import Fit, find_fit, fits_of, fits_table
from skmfast.experiments.gathering import (
    RUN_SCHEMA,
    Columns,
    columns_of,
    run_columns,
    table_of,
    unique,
    where,
)
from skmfast.experiments.model_scaling import Configuration as Sizes
from skmfast.experiments.model_scaling import runs as runs_of_sizes

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.experiments.runs import RunConfiguration, RunResult

# "network": one network at one precision. "exact": a point of the Syntax-Knowledge curve. "prequential": the
# code of a network while it was first shown the corpus. "oracle": who knows everything beforehand.
SCHEMA = {
    "series": pa.string(),
    **RUN_SCHEMA,
    "precision_bits": pa.int64(),
    "model_bits": pa.float64(),
    "data_bits": pa.float64(),
}


@dataclass(frozen=True)
class Configuration(Sizes):
    """The networks of the model-scaling experiment, which are shared with it, at several precisions.

    Attributes
    ----------
    precisions : tuple of int
        Bits of a weight.
    """

    precisions: tuple[int, ...] = (4, 6, 8, 16)


def runs(configuration: Configuration) -> list[RunConfiguration]:
    """Those of `skmfast.experiments.model_scaling.runs`."""
    return runs_of_sizes(configuration)


# Model bits a sentence from which on the exact curve is drawn.
_LEAST_SHOWN = 0.01


# ---- table -------------------------------------------------------------------------------------------------


def table(configuration: Configuration, results: Sequence[RunResult]) -> pa.Table:
    """Model and data bits of each network at each precision; the exact curve of the first repeat's corpus."""
    parts: list[dict[str, Any]] = []
    for place, result in enumerate(results):
        training, _ = result.corpora()[0]
        about = run_columns(result)
        parts += [{**about, **row} for row in _network_rows(configuration, result, training)]
        if place == 0:
            parts += [{**about, "run": "", **each} for each in _exact_parts(training)]
    return table_of(parts, SCHEMA)


def _network_rows(
    configuration: Configuration, result: RunResult, training: LabelledCorpus
) -> list[dict[str, Any]]:
    from skmfast.experiments.code_lengths import prequential_bits
    from skmfast.experiments.evaluation import evaluate
    from skmfast.experiments.quantisation import quantised
    from skmfast.experiments.threads import torch_threads

    model, settings, rows = result.model(), result.configuration.evaluation, []
    for precision in configuration.precisions:
        coarse, model_bits = quantised(model, precision)
        with torch_threads(result.configuration.training.threads):
            found = evaluate(coarse, training, batch_sentences=settings.batch_sentences)
        rows.append(
            {
                "series": "network",
                "precision_bits": precision,
                "model_bits": model_bits,
                "data_bits": float(found.total_bits.sum()),
            }
        )
    if result.curve["sentences"].to_numpy().sum() >= training.num_sentences:
        bits = prequential_bits(result.curve, training.num_sentences)
        rows.append({"series": "prequential", "model_bits": 0.0, "data_bits": bits})
    return rows


def _exact_parts(training: LabelledCorpus) -> list[dict[str, Any]]:
    from skmfast.codes.bayes_mixture import BayesMixture
    from skmfast.codes.oracle import Oracle
    from skmfast.structure.knowledge import knowledge_curve

    curve = knowledge_curve(training).table(400).where(curve="hull")
    codes = {"bayes": BayesMixture(), "oracle": Oracle()}
    return [
        {"series": "exact", "model_bits": curve["model_bits"], "data_bits": curve["data_bits"]},
        *(
            {"series": name, "model_bits": 0.0, "data_bits": code.of_corpus(training).bits}
            for name, code in codes.items()
        ),
    ]


# ---- fits --------------------------------------------------------------------------------------------------


def fits(table: pa.Table) -> pa.Table:
    """The shortest two-part codes; for each size its best precision, and what its model bits are worth."""
    columns = columns_of(table)
    rows = [
        _shortest(columns, "exact", "Syntax-Knowledge"),
        _shortest(columns, "network", "networks"),
        *(_shortest(columns, name, name) for name in ("prequential", "bayes", "oracle")),
    ]
    networks = where(columns, series="network")
    for parameters in unique(networks, "parameters"):
        rows += _of_size(columns, where(networks, parameters=parameters), int(parameters))
    return fits_table(rows)


def _shortest(columns: Columns, series: str, group: str) -> Fit:
    """Bits a sentence of the shortest code of a series; its model's part is in the note."""
    here = where(columns, series=series)
    if not len(here["model_bits"]):
        return Fit("shortest code", group, note="not measured")
    total = here["model_bits"] + here["data_bits"]
    best = int(np.argmin(total))
    number = float(here["sentences"][best])
    note = f"{here['model_bits'][best] / number:.3g} of them for the model"
    if series == "network":
        note += f", {here['parameters'][best]:,} parameters of {here['precision_bits'][best]} bits"
    return Fit("shortest code", group, float(total[best]) / number, points=len(total), note=note)


def _of_size(columns: Columns, networks: Columns, parameters: int) -> list[Fit]:
    """Best precision of a size, and its model bits over the exact curve's for the same data bits."""
    group = f"{parameters:,} parameters"
    total = networks["model_bits"] + networks["data_bits"]
    best = int(np.argmin(total))
    precision = Fit("best precision", group, float(networks["precision_bits"][best]), points=len(total))
    exact = where(columns, series="exact")
    needed = model_bits_for(exact, float(networks["data_bits"][best]))
    if math.isnan(needed):
        note = "its data bits lie outside the exact curve"
        return [precision, Fit("model bits over the exact curve's", group, note=note)]
    ratio = float(networks["model_bits"][best]) / needed
    return [precision, Fit("model bits over the exact curve's", group, ratio, points=1)]


def model_bits_for(exact: Columns, data_bits: float) -> float:
    """Model bits at which the exact curve comes down to so many data bits; nan outside of it."""
    model, data = exact["model_bits"], exact["data_bits"]
    if not len(data) or not data.min() <= data_bits <= data.max():
        return math.nan
    order = np.argsort(data)
    return float(np.interp(data_bits, data[order], model[order]))


# ---- figure ------------------------------------------------------------------------------------------------


def draw(table: pa.Table, fits: pa.Table, path: str | os.PathLike[str]) -> None:
    """Left data bits against model bits, right their sum."""
    columns, found = columns_of(table), fits_of(fits)
    number = float(max(columns["sentences"].max(initial=0), 1))
    figure, axes = figures.panels(2, width=5.6, height=4.5)
    for panel, whole in zip(axes, (False, True), strict=True):
        _curves(panel, columns, number, whole)
    figures.dress(
        axes[0], "model, bits a sentence", "data given the model, bits a sentence", "data", log_x=True
    )
    total = "model + data, bits a sentence"
    figures.dress(axes[1], "model, bits a sentence", total, "two-part code", log_x=True, log_y=True)
    figures.legend_beside(axes[1], "")
    figures.caption(figure, _notes(found))
    figures.save(figure, path)


def _curves(axes: Axes, columns: Columns, number: float, whole: bool) -> None:
    exact = where(columns, series="exact")
    networks = where(columns, series="network")
    shown = exact["model_bits"] >= _LEAST_SHOWN * number
    x, y = exact["model_bits"][shown], exact["data_bits"][shown]
    figures.theory(
        axes, x / number, (y + whole * x) / number, "Syntax-Knowledge, exact", dashes=(), linewidth=1.6
    )
    sizes = unique(networks, "parameters")
    for parameters, shade in zip(sizes, figures.class_colors(len(sizes))[::-1], strict=True):
        here = where(networks, parameters=parameters)
        places = unique(here, "model_bits")
        means = [where(here, model_bits=place)["data_bits"].mean() for place in places]
        x = np.array(places)
        label = f"{figures.short(float(f'{parameters:.2g}'))} parameters"
        figures.measured(axes, x / number, (np.array(means) + whole * x) / number, shade, label)
    for name, label, color, dashes in (
        ("prequential", "prequential, best network", figures.SERIES[1], (4, 2)),
        ("bayes", "Bayes code", figures.SERIES[2], (4, 2)),
        ("oracle", "oracle", figures.MUTED, (1, 2)),
    ):
        bits = where(columns, series=name)["data_bits"]
        if len(bits):
            axes.axhline(bits.min() / number, color=color, linewidth=1.1, dashes=dashes, label=label)


def _notes(fits: list[Fit]) -> list[str]:
    names = ("Syntax-Knowledge", "networks", "prequential", "bayes", "oracle")
    shortest = ", ".join(f"{name} {find_fit(fits, 'shortest code', name)}" for name in names)
    best = find_fit(fits, "shortest code", "networks")
    return [
        f"Shortest codes, bits a sentence: {shortest}.",
        f"Points of a size, from left: its precisions. Shortest of the networks: {best.note}.",
    ]
