"""``skmfast laws`` of theory: redundancy, capacity, acquisition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from skmfast.cli.app import usage_errors
from skmfast.cli.laws.app import laws, report
from skmfast.cli.options import Json, Plot, TableOut, Threads  # noqa: TC001 (typer reads these)
from skmfast.cli.targets import check_targets

if TYPE_CHECKING:
    import numpy.typing as npt

Discounts = Annotated[
    str, typer.Option(help="Discounts d, between 0 and 1, separated by commas.", metavar="LIST")
]
ContentBits = Annotated[float, typer.Option(help="H0, bits of an element's content.")]
PerDecade = Annotated[int, typer.Option(help="Points to a decade.")]

_MOST_CLASSES = 300  # their ranks are 64-bit numbers of up to 308 digits


def bound(what: str, default: str, *names: str) -> Any:
    """An end of a range. Its default is said as one would write it, not with all its zeros."""
    return typer.Option(*names, help=f"{what}. Default: {default}", show_default=False)


@laws.command()
def redundancy(
    discount: Discounts = "0.3,0.5,0.7",
    concentration: Annotated[float, typer.Option(help="Concentration, above -d.")] = 1.0,
    content_bits: ContentBits = 75.0,
    groups: Annotated[int, typer.Option(help="Groups of sentences, each with templates of its own.")] = 6,
    templates: Annotated[int, typer.Option(help="Templates to a group.")] = 40,
    from_: Annotated[float, bound("Smallest number of sentences", "1e3", "--from")] = 1e3,
    to: Annotated[float, bound("Largest number of sentences", "1e8")] = 1e8,
    per_decade: PerDecade = 5,
    sample: Annotated[
        float, typer.Option(help="Also sample one corpus of so many sentences to each discount; 0: none.")
    ] = 0,
    seed: Annotated[
        int, typer.Option(help="Seed of the first sampled corpus; the next ones count on from it.")
    ] = 0,
    threads: Threads = None,
    out: TableOut = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Redundancy of a Bayes code against sentences seen.

    Expected, exactly, and of sampled corpora, a sentence: knowledge falls as N^-(1-d), syntax as log N / N.
    """
    import numpy as np

    from skmfast.laws.heaps import log_spaced
    from skmfast.laws.redundancy import TemplateChoice, expected_redundancy, sampled_redundancy
    from skmfast.laws.tables import Table, stacked
    from skmfast.settings import resolve_threads

    check_targets(out, plot)
    with usage_errors():
        values = _discounts(discount)
        first, last = _range("--from", from_, "--to", to)
        number = _whole("--sample", sample)
        syntax = TemplateChoice(groups, templates)
        count = resolve_threads(threads)
        sizes = log_spaced(last, _at_least_one("--per-decade", per_decade), smallest=first)
        parts: list[dict[str, npt.ArrayLike]] = []
        for place, d in enumerate(values):
            settings = (d, concentration, content_bits, syntax)
            results = {"theory": expected_redundancy(sizes, *settings)}
            if number:
                reached = np.unique(np.append(sizes[sizes < number], number))
                results["sample"] = sampled_redundancy(reached, *settings, seed=seed + place, threads=count)
            for source, result in results.items():
                parts.append({"discount": d, "source": source, **vars(result)})
                parts[-1] |= {"knowledge_bits": result.knowledge_bits, "total_bits": result.total_bits}
    metadata = {
        "law": "redundancy",
        "concentration": concentration,
        "content_bits": content_bits,
        "groups": groups,
        "templates": templates,
        "syntax_parameters": syntax.num_parameters,
        "sample": number,
        "seed": seed,
    }
    report(Table(stacked(parts), metadata), out, plot, json)


@laws.command()
def capacity(
    discount: Discounts = "0.3,0.5,0.7,0.9",
    content_bits: ContentBits = 75.0,
    rate_law: Annotated[
        str,
        typer.Option(help="Distortion-rate function of an element: linear or exponential.", metavar="NAME"),
    ] = "linear",
    rate: Annotated[
        float, typer.Option(help="b of the exponential D0 2^(-bR): factor 2^b by each bit kept.")
    ] = 1.0,
    syntax_parameters: Annotated[
        float, typer.Option(help="Parameters of the syntax that shares the memory; 0: none.")
    ] = 0.0,
    syntax_bits: Annotated[
        float, typer.Option(help="Bits per sentence lost by a model that knows no syntax.")
    ] = 20.0,
    from_: Annotated[float, typer.Option("--from", help="Smallest capacity in bits.")] = 1.0,
    to: Annotated[float, bound("Largest capacity in bits", "1e12")] = 1e12,
    per_decade: PerDecade = 20,
    out: TableOut = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Least distortion of a model against its capacity.

    Computed by reverse water-filling over infinitely many elements, it falls as C^-(1/d-1).
    """
    import numpy as np

    from skmfast.laws.capacity import ExponentialRate, LinearRate, SyntaxMemory, distortion
    from skmfast.laws.tables import Table, stacked
    from skmfast.laws.weights import ZipfMandelbrot

    check_targets(out, plot)
    with usage_errors():
        values = _discounts(discount)
        if rate_law not in ("linear", "exponential"):
            raise ValueError(f"--rate-law: {rate_law!r} is neither linear nor exponential")
        law = LinearRate(content_bits) if rate_law == "linear" else ExponentialRate(content_bits, rate)
        if not 0 <= syntax_parameters < float("inf"):
            raise ValueError(
                f"--syntax-parameters: {syntax_parameters:g} is not a finite number of at least 0"
            )
        syntax = SyntaxMemory(syntax_parameters, syntax_bits) if syntax_parameters else None
        if not 0 < from_ < to < float("inf"):
            raise ValueError(f"--from {from_:g} --to {to:g}: are not ascending positive numbers")
        points = max(round(_at_least_one("--per-decade", per_decade) * np.log10(to / from_)) + 1, 2)
        at = np.geomspace(from_, to, points)
        parts: list[dict[str, npt.ArrayLike]] = []
        for d in values:
            result = distortion(at, ZipfMandelbrot.of_discount(d), law, syntax)
            parts.append({"discount": d, **vars(result), "total_bits": result.total_bits})
    metadata = {
        "law": "capacity",
        "content_bits": content_bits,
        "rate_law": rate_law,
        "rate": rate if rate_law == "exponential" else None,
        "syntax_parameters": syntax_parameters,
        "syntax_bits": syntax_bits if syntax_parameters else None,
    }
    report(Table(stacked(parts), metadata), out, plot, json)


@laws.command()
def acquisition(
    discount: Annotated[float, typer.Option(help="Discount d, between 0 and 1.")] = 0.5,
    content_bits: ContentBits = 75.0,
    statement_rate: Annotated[
        float, typer.Option(help="Share of an element's sentences that state what is followed.")
    ] = 1.0,
    classes: Annotated[int, typer.Option(help="Classes of frequency: decades of ranks from 1 on.")] = 6,
    from_: Annotated[float, bound("Smallest number of sentences", "10", "--from")] = 10,
    to: Annotated[float, bound("Largest number of sentences", "1e12")] = 1e12,
    per_decade: PerDecade = 5,
    out: TableOut = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Bits still missing by class of frequency.

    Classes are learnt one after the other. Also the rank that is known with probability 1/2: it grows as n^d.
    """
    import numpy as np

    from skmfast.laws.acquisition import frontier_rank, loss_by_class
    from skmfast.laws.heaps import log_spaced
    from skmfast.laws.tables import Table, stacked
    from skmfast.laws.weights import ZipfMandelbrot

    check_targets(out, plot)
    with usage_errors():
        first, last = _range("--from", from_, "--to", to)
        sizes = log_spaced(last, _at_least_one("--per-decade", per_decade), smallest=first)
        zipf = ZipfMandelbrot.of_discount(discount)
        if not 1 <= classes <= _MOST_CLASSES:
            raise ValueError(f"--classes: {classes} is not 1 to {_MOST_CLASSES}")
        edges = 10.0 ** np.arange(classes + 1)
        losses = loss_by_class(zipf, sizes, edges, content_bits, statement_rate)
        frontier = frontier_rank(zipf, sizes, statement_rate=statement_rate)
    parts: list[dict[str, npt.ArrayLike]] = [
        {
            "first_rank": edges[i],
            "last_rank": edges[i + 1] - 1,
            "num_sentences": sizes.astype(np.float64),
            "loss_bits": losses[i],
            "frontier_rank": frontier,
        }
        for i in range(classes)
    ]
    metadata = {
        "law": "acquisition",
        "discount": discount,
        "content_bits": content_bits,
        "statement_rate": statement_rate,
    }
    report(Table(stacked(parts), metadata), out, plot, json)


def _discounts(text: str) -> list[float]:
    try:
        values = [float(each) for each in text.split(",")]
    except ValueError:
        raise ValueError(f"--discount: {text!r} is not numbers separated by commas") from None
    for value in values:
        if not 0 < value < 1:
            raise ValueError(f"--discount: {value:g} is not between 0 and 1")
    if len(set(values)) < len(values):
        raise ValueError(f"--discount: {text!r} names a value twice")
    return values


def _whole(name: str, value: float) -> int:
    if not (0 <= value <= 1e18 and value == int(value)):
        raise ValueError(f"{name}: {value:g} is not a whole number from 0 to 1e18")
    return int(value)


def _range(first_name: str, first: float, last_name: str, last: float) -> tuple[int, int]:
    low, high = _whole(first_name, first), _whole(last_name, last)
    if not 1 <= low < high:
        raise ValueError(f"{first_name} {first:g} {last_name} {last:g}: are not ascending from at least 1")
    return low, high


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name}: {value} is less than 1")
    return value
