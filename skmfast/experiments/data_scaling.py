"""Data scaling: what networks lose against the oracle after N sentences, beside the exact Bayes curve.

Theory: knowledge costs A N^-(1-d) where frequencies have discount d, and falls exponentially once uniform
ones have all been met; the syntax costs log N / N. A network cannot lose less than the Bayes code on the same
sentences, and the gap between them is its own shortcoming.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skmfast.experiments import figures
from skmfast.experiments.fits import (
    Fit,
    Points,
    exponent_fit,
    find_fit,
    fits_of,
    fits_table,
    interval,
    points_of,
)
from skmfast.experiments.gathering import (
    BLOCK_SCHEMA,
    RUN_SCHEMA,
    Columns,
    Floats,
    block_columns,
    columns_of,
    excess,
    run_columns,
    sentence_columns,
    table_of,
    trained_on,
    unique,
    where,
)
from skmfast.experiments.grids import Grid

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from skmfast.experiments.corpora import CorpusConfiguration
    from skmfast.experiments.runs import RunConfiguration, RunResult
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge

PARTS = ("knowledge", "syntax")
# "test": means of test sentences; "expected": the exact mean over corpora, of the Bayes code alone.
SCHEMA = {"series": pa.string(), **RUN_SCHEMA, **BLOCK_SCHEMA}
_EXPECTED_POINTS = 24
_DECADE_AND_A_HALF = 30.0


@dataclass(frozen=True)
class Configuration(Grid):
    """A network for each frequency law, number of sentences and repeat.

    Frequencies and sentences of the corpus, and perhaps the steps of the training, are the grid's.

    Attributes
    ----------
    sentences : tuple of int
        N.
    steps : tuple of int
        Training steps for each N, or () for those of ``training``.
    discounts : tuple of float
        Of Pitman-Yor frequencies.
    uniform_elements : int
        Elements of the uniform frequencies; 0 for no such runs.
    """

    sentences: tuple[int, ...] = (1000, 3000, 10_000)
    steps: tuple[int, ...] = ()
    discounts: tuple[float, ...] = (0.4, 0.6)
    uniform_elements: int = 1000

    def __post_init__(self) -> None:
        if self.steps and len(self.steps) != len(self.sentences):
            raise ValueError(f"steps: {len(self.steps)} numbers for {len(self.sentences)} of sentences")


def runs(configuration: Configuration) -> list[RunConfiguration]:
    """A run for each cell of the grid."""
    base = configuration.corpus
    laws = [replace(base, frequencies="pitman-yor", discount=d) for d in configuration.discounts]
    if configuration.uniform_elements:
        laws.append(replace(base, frequencies="uniform", elements=configuration.uniform_elements))
    steps = configuration.steps or (configuration.training.steps,) * len(configuration.sentences)
    grid = product(laws, zip(configuration.sentences, steps, strict=True), configuration.each_repeat())
    return [
        configuration.run(
            replace(law, sentences=number), repeat, training=replace(configuration.training, steps=length)
        )
        for law, (number, length), repeat in grid
    ]


# ---- table -------------------------------------------------------------------------------------------------


def table(configuration: Configuration, results: Sequence[RunResult]) -> pa.Table:
    """Blocks of test sentences of each run, and the Bayes code's exact expectation along each curve."""
    parts: list[dict[str, Any]] = []
    for result in results:
        blocks = block_columns(sentence_columns(result))
        parts.append({"series": "test", **run_columns(result), **blocks})
    laws = {(each.frequencies, each.discount): each for each in map(trained_on, results)}
    parts += [_expected_columns(corpus, configuration.sentences) for corpus in laws.values()]
    return table_of(parts, SCHEMA)


def _expected_columns(corpus: CorpusConfiguration, sentences: Sequence[int]) -> dict[str, Any]:
    """What the Bayes code is expected to pay above the oracle for the sentence after the first N."""
    low, high = min(sentences), max(sentences)
    grid = np.unique(np.geomspace(low, high, _EXPECTED_POINTS).round().astype(np.int64))
    syntax, names, values = expected_excess(corpus.stating(), grid)
    return {
        "series": "expected",
        "frequencies": corpus.frequencies,
        "discount": corpus.discount if corpus.frequencies == "pitman-yor" else math.nan,
        "sentences": grid,
        "bayes_syntax_bits": syntax,
        "bayes_name_bits": names,
        "bayes_value_bits": values,
        "oracle_syntax_bits": 0.0,
        "oracle_name_bits": 0.0,
        "oracle_value_bits": 0.0,
    }  # fmt: skip


def expected_excess(source: SyntaxKnowledge, sentences: np.ndarray) -> tuple[Floats, Floats, Floats]:
    """Bits that the Bayes code pays above the oracle for the sentence after the first N, in expectation.

    Parameters
    ----------
    source : SyntaxKnowledge
        With `PitmanYor` or `Uniform` frequencies.
    sentences : ndarray of int64, shape (n,)
        N.

    Returns
    -------
    syntax_bits, name_bits, value_bits : ndarray of float64, shape (n,)
        Name bits hold those of the partition: together they say which element.
    """
    from skmfast.codes.redundancy import expected_redundancy
    from skmfast.sources.frequencies import PitmanYor, Uniform
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge

    frequencies = source.frequencies
    known = source if isinstance(frequencies, PitmanYor) else SyntaxKnowledge(
        PitmanYor(0.5, 1.0), source.contents, source.syntax
    )  # fmt: skip
    before, after = (expected_redundancy(known, sentences + more) for more in (0, 1))
    syntax = after.syntax_bits - before.syntax_bits
    if isinstance(frequencies, Uniform):
        return syntax, *_uniform_excess(source, frequencies.num_elements, sentences)
    names = after.partition_bits + after.name_bits - before.partition_bits - before.name_bits
    return syntax, names, after.attribute_bits - before.attribute_bits


def _uniform_excess(source: SyntaxKnowledge, elements: int, sentences: np.ndarray) -> tuple[Floats, Floats]:
    """Name and value bits where all of ``elements`` are equally likely.

    With k of K seen, an element is new with probability 1 - k/K and then costs log2 K/(K - k) for being new
    and log2(M - k) for its name, where the oracle pays log2 K. k is put at its mean.
    """
    contents = source.contents
    unseen = np.exp(sentences * math.log1p(-1 / elements))
    seen = elements * (1 - unseen)
    names = unseen * (np.log2(contents.num_names - seen) - np.log2(elements * unseen))
    stated = [contents.bits[attribute.name] for attribute in contents.stated]
    share = source.syntax.statements / len(stated)
    unstated = np.exp(sentences * math.log1p(-share / elements))
    return names, unstated * share * math.fsum(stated)


# ---- fits --------------------------------------------------------------------------------------------------


def groups(columns: Columns) -> list[tuple[str, dict[str, object], float]]:
    """Frequency laws in a table: name, the values of its columns, and 1 - d (nan for uniform)."""
    found: list[tuple[str, dict[str, object], float]] = [
        (f"d = {d:g}", {"frequencies": "pitman-yor", "discount": d}, 1 - d)
        for d in unique(where(columns, frequencies="pitman-yor"), "discount")
    ]
    if (columns["frequencies"] == "uniform").any():
        found.append(("uniform", {"frequencies": "uniform"}, math.nan))
    return found


def excess_points(columns: Columns, part: str, code: str = "network", floor: str = "oracle") -> Points:
    """Excess bits a sentence against N."""
    kept = where(columns, series="test")
    return points_of(kept["sentences"], excess(kept, part, code, floor), kept["number"], kept["run"])


def fits(table: pa.Table) -> pa.Table:
    """Exponents of network and Bayes code, and the gaps between them."""
    columns = columns_of(table)
    rows: list[Fit] = []
    for title, law, theory in groups(columns):
        here = where(columns, **law)
        for part in PARTS:
            expects = theory if part == "knowledge" else math.nan
            for code in ("network", "bayes"):
                measured = excess_points(here, part, code)
                rows.append(exponent_fit(f"{code} exponent", f"{part}, {title}", measured, expects))
            rows.append(_expected_exponent(here, part, title, expects))
            rows.extend(_gaps(here, part, title))
        rows.append(_last_exponent(here, title, theory))
    return fits_table(rows)


def _expected_exponent(columns: Columns, part: str, title: str, theory: float) -> Fit:
    """Slope of the exact expectation over the same range: where 1 - d is approached, and from which side."""
    here = where(columns, series="expected")
    values = excess(here, part, "bayes")
    points = points_of(here["sentences"], values, np.ones(len(values)), here["sentences"])
    fit = exponent_fit("expected exponent", f"{part}, {title}", points, theory)
    return replace(fit, low=math.nan, high=math.nan, note="exact expectation, least squares over the range")


def _gaps(columns: Columns, part: str, title: str) -> list[Fit]:
    """Network less Bayes code, in bits a sentence, at each N."""
    points = excess_points(columns, part, "network", "bayes")
    samples = points.resampled()
    return [
        Fit(f"gap to Bayes at N = {n:,.0f}", f"{part}, {title}", float(mean), *interval(sample), 0.0, 1)
        for n, mean, sample in zip(points.x, points.mean, samples.T, strict=True)
    ]


def _last_exponent(columns: Columns, title: str, theory: float) -> Fit:
    """Exponent between the two largest N: a power law keeps its slope, uniform frequencies' grows."""
    points = excess_points(columns, "knowledge")
    if len(points) < 2 or not (points.mean[-2:] > 0).all():
        return Fit(
            "last local exponent", f"knowledge, {title}", theory=theory, note="fewer than 2 points above 0"
        )
    last = Points(points.x[-2:], points.runs[-2:])
    return exponent_fit("last local exponent", f"knowledge, {title}", last, theory, least_points=2)


# ---- figure ------------------------------------------------------------------------------------------------


def draw(table: pa.Table, fits: pa.Table, path: str | os.PathLike[str]) -> None:
    """Knowledge on the left, syntax in the middle, the gap to the Bayes code on the right."""
    columns, found = columns_of(table), fits_of(fits)
    figure, axes = figures.panels(3)
    laws = groups(columns)
    for (title, law, theory), color in zip(laws, figures.SERIES, strict=False):
        here = where(columns, **law)
        for panel, part in zip(axes, PARTS, strict=False):
            _excess_panel(panel, here, part, title, color, found, theory)
        _gap_panel(axes[2], here, title, color)
    figures.dress(
        axes[0], "sentences N", "excess over the oracle, bits a sentence", "knowledge", log_x=True, log_y=True
    )
    # The Bayes code on uniform frequencies falls so far that the rest would be a line at the top.
    least = [excess_points(where(columns, **law), PARTS[0]).mean for _, law, _ in laws]
    above = [value for means in least for value in means if value > 0]
    if above:
        axes[0].set_ylim(bottom=min(above) / _DECADE_AND_A_HALF)
    figures.dress(axes[1], "sentences N", "", "syntax", log_x=True, log_y=True)
    axes[2].axhline(0, color=figures.INK, linewidth=0.9, dashes=(1, 2))
    figures.dress(axes[2], "sentences N", "network less Bayes, bits a sentence", "gap to Bayes", log_x=True)
    for panel in axes:
        figures.legend(panel)
    figures.caption(figure, _notes(columns, found, laws))
    figures.save(figure, path)


def _excess_panel(
    axes: Axes, columns: Columns, part: str, title: str, color: str, fits: list[Fit], theory: float
) -> None:
    network, bayes = excess_points(columns, part), excess_points(columns, part, "bayes")
    if not len(network):
        return
    kept = network.mean > 0
    low, high = np.quantile(network.resampled(), [0.025, 0.975], axis=0)
    label = title
    if part == "knowledge":
        fit = find_fit(fits, "network exponent", f"{part}, {title}")
        label += f": {fit}" if fit.is_fitted else ": too few points"
        label += "" if math.isnan(theory) else f", theory {theory:g}"
    figures.measured(
        axes, network.x[kept], network.mean[kept], color, label,
        low=np.maximum(low[kept], network.mean[kept] / 10), high=high[kept],
    )  # fmt: skip
    on = bayes.mean > 0
    axes.plot(
        bayes.x[on], bayes.mean[on], linestyle="none", marker="D", markersize=4.5, markerfacecolor="white",
        markeredgecolor=color,
    )  # fmt: skip
    expected = where(columns, series="expected")
    curve = excess(expected, part, "bayes")
    above = curve > 0
    figures.theory(
        axes, expected["sentences"][above], curve[above], color=color, dashes=(), linewidth=1.0, alpha=0.6
    )
    if part == "knowledge" and not math.isnan(theory) and kept.any():
        line = network.mean[kept][0] * (network.x[kept] / network.x[kept][0]) ** -theory
        figures.theory(axes, network.x[kept], line)


def _gap_panel(axes: Axes, columns: Columns, title: str, color: str) -> None:
    for part, style in zip(PARTS, ("-", "--"), strict=True):
        points = excess_points(columns, part, "network", "bayes")
        if len(points):
            low, high = np.quantile(points.resampled(), [0.025, 0.975], axis=0)
            figures.measured(
                axes, points.x, points.mean, color, f"{part}, {title}", low=low, high=high, linestyle=style
            )


def _notes(columns: Columns, fits: list[Fit], laws: list[tuple[str, dict[str, object], float]]) -> list[str]:
    expected = "; ".join(
        f"{title} {find_fit(fits, 'expected exponent', f'knowledge, {title}')}" for title, _, _ in laws
    )
    return [
        "Circles: networks, bars 95 %. Diamonds: Bayes code on the same sentences; thin lines: its exact"
        " expectation. Dotted: N^-(1-d).",
        f"Exponents of the exact Bayes expectation over this range: {expected}.",
    ]
