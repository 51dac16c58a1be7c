"""``skmfast laws``: what the theory predicts, and what real data say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skmfast.cli.app import FAILED, app, complain, console, fail, usage_errors
from skmfast.cli.targets import check_targets

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from skmfast.laws.power_law import PowerLaw
    from skmfast.laws.spectrum import Spectrum
    from skmfast.laws.tables import Table

laws = typer.Typer(
    help="Laws: redundancy, capacity, acquisition, Heaps, Zipf, and power laws fitted to losses.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(laws, name="laws")

Files = Annotated[
    list[str], typer.Argument(help="Files, folders, globs, URLs or -, as 'skmfast codelength' takes them.")
]
Tokens = Annotated[str, typer.Option(help="What is counted: words, or bytes:N for strings of N bytes.")]
Level = Annotated[float, typer.Option(help="Coverage of the intervals.")]
Out = Annotated[Path | None, typer.Option(help="Write the table to this Parquet file.", dir_okay=False)]
Plot = Annotated[
    Path | None, typer.Option(help="Draw the figure to this file (.png, .svg, .pdf).", dir_okay=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Discounts = Annotated[str, typer.Option(help="Discounts d, between 0 and 1, separated by commas.")]
ContentBits = Annotated[float, typer.Option(help="H0, bits of an element's content.")]

_SHOWN_ROWS = 40


# ---- theory -----------------------------------------------------------------------------------------------


@laws.command()
def redundancy(
    discount: Discounts = "0.3,0.5,0.7",
    concentration: Annotated[float, typer.Option(help="Concentration, above -d.")] = 1.0,
    content_bits: ContentBits = 75.0,
    groups: Annotated[int, typer.Option(help="Groups of sentences, each with templates of its own.")] = 6,
    templates: Annotated[int, typer.Option(help="Templates to a group.")] = 40,
    from_: Annotated[float, typer.Option("--from", help="Smallest number of sentences.")] = 1e3,
    to: Annotated[float, typer.Option(help="Largest number of sentences.")] = 1e8,
    per_decade: Annotated[int, typer.Option(help="Points to a decade.")] = 5,
    sample: Annotated[
        float, typer.Option(help="Also sample one corpus of so many sentences to each discount; 0: none.")
    ] = 0,
    seed: Annotated[
        int, typer.Option(help="Seed of the first sampled corpus; the next ones count on from it.")
    ] = 0,
    threads: Annotated[
        int | None, typer.Option(help="Threads; by default SKMFAST_THREADS, else every core.")
    ] = None,
    out: Out = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Redundancy of a Bayes code against the number of sentences: expected, exactly, and of sampled corpora.

    Per sentence, knowledge falls as N^-(1-d) and syntax as log N / N.
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
    _report(Table(stacked(parts), metadata), out, plot, json)


@laws.command()
def capacity(
    discount: Discounts = "0.3,0.5,0.7,0.9",
    content_bits: ContentBits = 75.0,
    rate_law: Annotated[
        str, typer.Option(help="Distortion-rate function of an element: linear or exponential.")
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
    to: Annotated[float, typer.Option(help="Largest capacity in bits.")] = 1e12,
    per_decade: Annotated[int, typer.Option(help="Points to a decade.")] = 20,
    out: Out = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Least distortion against capacity, by reverse water-filling over infinitely many elements.

    It falls as C^-(1/d-1).
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
    _report(Table(stacked(parts), metadata), out, plot, json)


@laws.command()
def acquisition(
    discount: Annotated[float, typer.Option(help="Discount d, between 0 and 1.")] = 0.5,
    content_bits: ContentBits = 75.0,
    statement_rate: Annotated[
        float, typer.Option(help="Share of an element's sentences that state what is followed.")
    ] = 1.0,
    classes: Annotated[int, typer.Option(help="Classes of frequency: decades of ranks from 1 on.")] = 6,
    from_: Annotated[float, typer.Option("--from", help="Smallest number of sentences.")] = 1e1,
    to: Annotated[float, typer.Option(help="Largest number of sentences.")] = 1e12,
    per_decade: Annotated[int, typer.Option(help="Points to a decade.")] = 5,
    out: Out = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Bits still missing by class of frequency, and how far down the ranks knowledge reaches.

    Classes are learnt one after the other; the rank that is known with probability 1/2 grows as n^d.
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
        edges = 10.0 ** np.arange(_at_least_one("--classes", classes) + 1)
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
    _report(Table(stacked(parts), metadata), out, plot, json)


# ---- measured on data -------------------------------------------------------------------------------------


@laws.command()
def heaps(
    paths: Files,
    tokens: Tokens = "words",
    level: Level = 0.95,
    out: Out = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Heaps' law on files: how many different tokens the first n hold, and its exponent.

    The exponent is the slope at the end of the data; its interval sees that words come in bursts.
    """
    import numpy as np

    from skmfast.laws.heaps import fit_heaps, heaps_curve, rarefaction
    from skmfast.laws.spectrum import Spectrum
    from skmfast.laws.tables import Table, stacked

    check_targets(out, plot)
    parts: list[dict[str, npt.ArrayLike]] = []
    fitted: dict[str, dict[str, float]] = {}
    streams, failed = _streams(paths, tokens)
    for name, labels in streams.items():
        try:
            law = fit_heaps(labels, level)
        except ValueError as error:
            complain(f"{name}: {error}")
            failed = True
            continue
        sizes, elements = heaps_curve(labels)
        parts.append(
            {
                "source": name,
                "num_tokens": sizes,
                "elements": elements,
                "rarefied": rarefaction(Spectrum.of_labels(labels), sizes),
            }
        )
        fitted[name] = {
            "tokens": law.num_tokens,
            "different": law.num_elements,
            "exponent": law.exponent.value,
            "low": law.exponent.low,
            "high": law.exponent.high,
            "slope": law.slope,
        }
    if parts:
        metadata = {"law": "heaps", "of": tokens, "level": level, "sources": fitted}
        columns = stacked(parts)
        columns["source"] = np.asarray(columns["source"], dtype=object)
        _report(Table(columns, metadata), out, plot, json, shown=fitted)
    if failed:
        raise typer.Exit(FAILED)


@laws.command()
def zipf(
    paths: Files,
    tokens: Tokens = "words",
    minimum: Annotated[
        int | None, typer.Option(help="Least count that the power law is fitted to; by default chosen.")
    ] = None,
    level: Level = 0.95,
    out: Out = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Zipf's law on files: the exponent by maximum likelihood, and what regression on ranks would say.

    Also the share of the next tokens that will be new (Good-Turing), and discount and concentration of the
    Pitman-Yor process with the greatest likelihood.
    """
    import numpy as np

    from skmfast.laws.good_turing import unseen_mass
    from skmfast.laws.spectrum import Spectrum
    from skmfast.laws.tables import Table, stacked
    from skmfast.laws.zipf import fit_zipf, rank_size_regression

    check_targets(out, plot)
    parts: list[dict[str, npt.ArrayLike]] = []
    fitted: dict[str, dict[str, Any]] = {}
    streams, failed = _streams(paths, tokens)
    for name, labels in streams.items():
        try:
            spectrum = Spectrum.of_labels(labels)
            law = fit_zipf(spectrum, minimum, level)
            regression = rank_size_regression(spectrum, level)
        except ValueError as error:
            complain(f"{name}: {error}")
            failed = True
            continue
        at_least = np.cumsum(spectrum.multiplicities[::-1])[::-1] / spectrum.num_elements
        parts.append(
            {
                "source": name,
                "count": spectrum.sizes,
                "num_elements": spectrum.multiplicities,
                "share_at_least": at_least,
            }
        )
        unseen = unseen_mass(spectrum, level)
        restaurant = _pitman_yor(spectrum)
        fitted[name] = {
            "tokens": spectrum.num_tokens,
            "different": spectrum.num_elements,
            "exponent": law.exponent.value,
            "low": law.exponent.low,
            "high": law.exponent.high,
            "minimum": law.minimum,
            "alphas": [law.alpha.value, law.alpha.low, law.alpha.high],
            "regression": regression.value,
            "unseen": unseen.value,
            "unseen_low": unseen.low,
            "unseen_high": unseen.high,
            "discount": restaurant[0],
            "concentration": restaurant[1],
        }
    if parts:
        metadata = {"law": "zipf", "of": tokens, "level": level, "sources": fitted}
        columns = stacked(parts)
        columns["source"] = np.asarray(columns["source"], dtype=object)
        _report(Table(columns, metadata), out, plot, json, shown=fitted)
    if failed:
        raise typer.Exit(FAILED)


@laws.command("learning-curve")
def learning_curve(
    paths: Files,
    code: Annotated[str, typer.Option(help="Code whose lengths depend on counts: context-tree or kt.")] = (
        "context-tree"
    ),
    order: Annotated[
        str, typer.Option(help="Order in which blocks are seen: shuffled, or corpus (as they stand).")
    ] = "shuffled",
    per_octave: Annotated[int, typer.Option(help="Points for each doubling of the size.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the shuffling and of the bootstrap.")] = 0,
    resamples: Annotated[int, typer.Option(help="Resamples of the bootstrap.")] = 1000,
    level: Level = 0.95,
    threads: Annotated[
        int | None, typer.Option(help="Threads; by default SKMFAST_THREADS, else every core.")
    ] = None,
    out: Out = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Bits per byte of the next block against bytes seen, all files as one corpus, with its power law.

    Also the exponents of Heaps and Zipf of words and of strings of four bytes, and the data-scaling exponent
    1 - d that they predict. Exit code 1 says that there is no law; the message says why.
    """
    from skmfast.codes.registry import make_code
    from skmfast.corpora import Document, expand
    from skmfast.laws.learning_curve import fit_learning_curve

    check_targets(out, plot)
    with usage_errors():
        chosen = make_code(code)
    documents: list[bytes | memoryview] = []
    for source in expand(paths):
        for item in source.documents():
            if not isinstance(item, Document):
                fail(f"{item.source}: {item.reason}")
            documents.append(item.data)
    with usage_errors():
        try:
            curve = fit_learning_curve(
                documents,
                chosen,
                order=order,
                per_octave=per_octave,
                seed=seed,
                resamples=resamples,
                level=level,
                threads=threads,
            )
        except TypeError as error:
            fail(f"--code: {error}")
    shown: dict[str, dict[str, Any]] = {}
    for name, estimate in (
        ("entropy rate, bits per byte", curve.entropy_rate),
        ("Hilberg exponent", curve.hilberg_exponent),
    ):
        if estimate is not None:
            shown[name] = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    for kind, fitted in curve.vocabulary.items():
        if "reason" in fitted:
            complain(f"{kind}: {fitted['reason']}")
            continue
        for what in ("heaps_exponent", "zipf_exponent", "data_exponent"):
            value, low, high = fitted[what]
            shown[f"{kind}: {what.replace('_', ' ')}"] = {"value": value, "low": low, "high": high}
    title = f"{curve.num_bytes:,} bytes, the last block at {curve.rates[-1]:.4f} bits per byte"
    _report(curve.table(), out, plot, json, shown=shown or None, title=title)
    if curve.law is None:
        complain(f"no law: {curve.reason}")
        raise typer.Exit(FAILED)


@laws.command()
def fit(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet file: a row for each measured loss.")],
    loss: Annotated[str, typer.Option(help="Column of the losses.")] = "loss",
    variables: Annotated[
        str | None,
        typer.Option(
            help="Columns of the variables: NAME=COLUMN, separated by commas, such as N=params,D=tokens. By"
            " default columns with a usual name for model size, tokens, or FLOP (then D = FLOP / 6N)."
        ),
    ] = None,
    drop_highest: Annotated[
        int, typer.Option(help="Leave out so many rows with the highest losses (outliers).")
    ] = 0,
    runs: Annotated[
        str | None, typer.Option(help="Column that says which run a row is from; runs are resampled whole.")
    ] = None,
    offset: Annotated[bool, typer.Option(help="Fit an irreducible loss E.")] = True,
    delta: Annotated[float, typer.Option(help="Where Huber's loss turns linear, nats of log loss.")] = 1e-3,
    resamples: Annotated[int, typer.Option(help="Resamples of the bootstrap.")] = 1000,
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    out: Out = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Fit a power law with an offset, L = E + A/N^a or L = E + A/N^a + B/D^b, with bootstrap intervals."""
    import numpy as np

    from skmfast.errors import CorpusError
    from skmfast.laws import measurements
    from skmfast.laws.power_law import fit as fit_law
    from skmfast.laws.tables import Table

    check_targets(out, plot)
    try:
        columns = measurements.read(file)
        chosen = measurements.variables_of(columns, variables, file.name)
        losses = measurements.numbers(columns, loss, file.name)
        labels = None if runs is None else measurements.column(columns, runs, file.name)
    except CorpusError as error:
        fail(str(error))
    if not 0 <= drop_highest < len(losses):
        fail(f"--drop-highest: {drop_highest} is not 0 to {len(losses) - 1}")
    kept = np.sort(np.argsort(losses, kind="stable")[: len(losses) - drop_highest])
    with usage_errors():
        law = fit_law(
            {name: values[kept] for name, values in chosen.items()},
            losses[kept],
            offset=offset,
            delta=delta,
            resamples=resamples,
            level=level,
            runs=None if labels is None else np.asarray(labels)[kept],
            seed=seed,
        )
    points = [values[kept] for values in chosen.values()]
    low, high = law.predict_interval(*points) if resamples else (law.predict(*points),) * 2
    table = Table(
        {
            **{name: values[kept] for name, values in chosen.items()},
            "loss": losses[kept],
            "predicted": law.predict(*points),
            "predicted_low": low,
            "predicted_high": high,
        },
        {"law": "fit", "variables": list(chosen), "fit": law.to_dict(), "dropped": drop_highest},
    )
    _report(table, out, plot, json, shown=_fitted_rows(law), title=law.formula)


@laws.command()
def draw(
    table: Annotated[Path, typer.Argument(help="Parquet file that a command here wrote with --out.")],
    plot: Annotated[
        Path, typer.Option(help="Draw the figure to this file (.png, .svg, .pdf).", dir_okay=False)
    ],
) -> None:
    """Draw the figure of a stored table again."""
    from skmfast.errors import CorpusError

    check_targets(None, plot)
    try:
        _draw(table.read_bytes(), plot, str(table))
    except (CorpusError, OSError) as error:
        fail(str(error))


# ---- shared -----------------------------------------------------------------------------------------------


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


def _streams(paths: list[str], tokens: str) -> tuple[dict[str, npt.NDArray[np.int64]], bool]:
    """Labels of each file's tokens, a file with many documents as one; and whether something failed."""
    from skmfast.corpora import Document, expand
    from skmfast.laws.spectrum import byte_labels, word_labels

    kind, _, size = tokens.partition(":")
    with usage_errors():
        if kind == "bytes":
            if not (size or "1").isdigit():
                raise ValueError(f"--tokens: {size!r} is no number of bytes")
            length = int(size or 1)
            byte_labels(b"", length)
        elif tokens != "words":
            raise ValueError(f"--tokens: {tokens!r} is neither words nor bytes:N")
    streams: dict[str, npt.NDArray[np.int64]] = {}
    failed = False
    for source in expand(paths):
        pieces: list[bytes] = []
        for item in source.documents():
            if isinstance(item, Document):
                pieces.append(bytes(item.data))
            else:
                complain(f"{item.source}: {item.reason}")
                failed = True
        if pieces:
            # A line break between documents keeps their words apart.
            text = b"\n".join(pieces)
            streams[source.name] = word_labels(text) if kind == "words" else byte_labels(text, length)
    return streams, failed


def _pitman_yor(spectrum: Spectrum) -> tuple[float, float]:
    """Discount and concentration of greatest likelihood; nan where it has no maximum."""
    from skmfast.sources.partition_fit import fit_pitman_yor

    try:
        fitted = fit_pitman_yor(spectrum.sizes, spectrum.multiplicities)
    except ValueError:
        return float("nan"), float("nan")
    return fitted.discount, fitted.concentration


def _fitted_rows(law: PowerLaw) -> dict[str, dict[str, Any]]:
    intervals, errors = law.intervals, law.standard_errors
    rows: dict[str, dict[str, Any]] = {}
    for name, value in law.parameters.items():
        rows[name] = {"value": value}
        if name in intervals:
            rows[name] |= {"low": intervals[name][0], "high": intervals[name][1], "error": errors[name]}
    return rows


def _report(
    table: Table,
    out: Path | None,
    plot: Path | None,
    json: bool,
    *,
    shown: dict[str, dict[str, Any]] | None = None,
    title: str | None = None,
) -> None:
    """Write, draw and print a table; ``shown`` is what is printed of a law measured on data."""
    try:
        content = table.save(out) if out is not None else table.to_bytes()
        if plot is not None:
            _draw(content, plot, str(out or "table"))
    except OSError as error:
        complain(f"cannot be written: {error}")
        raise typer.Exit(FAILED) from None
    if json:
        _print_json(table)
    elif shown is not None:
        header = [name for name, value in next(iter(shown.values())).items() if not isinstance(value, list)]
        rows = [[name, *(_shown(row[column]) for column in header)] for name, row in shown.items()]
        _print_rows(["", *header], rows, title)
    else:
        names = list(table.columns)
        cells = list(zip(*(table.columns[name].tolist() for name in names), strict=True))
        _print_rows(names, [[_shown(value) for value in row] for row in _thinned(cells)], title)
        if len(cells) > _SHOWN_ROWS:
            print(f"{_SHOWN_ROWS} of {len(cells)} rows; --out or --json gives them all.")


def _draw(content: bytes, plot: Path, name: str) -> None:
    from skmfast.laws.plots import draw as draw_figure

    draw_figure(content, plot, name)


def _thinned(rows: list[Any]) -> list[Any]:
    if len(rows) <= _SHOWN_ROWS:
        return rows
    return [rows[round(i * (len(rows) - 1) / (_SHOWN_ROWS - 1))] for i in range(_SHOWN_ROWS)]


def _shown(value: object) -> str:
    if isinstance(value, float):
        whole = value == int(value) if abs(value) < 1e15 else False
        return f"{value:,.0f}" if whole and abs(value) >= 10 else f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _print_json(table: Table) -> None:
    import json as json_module
    import math

    def plain(value: object) -> object:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    columns = {name: [plain(each) for each in column.tolist()] for name, column in table.columns.items()}
    print(json_module.dumps({**table.metadata, "columns": columns}, indent=2))


def _print_rows(header: list[str], rows: list[list[str]], title: str | None) -> None:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    screen = console(min_width=sum(widths) + 3 * len(widths))
    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(header):
        shown.add_column(name, justify="left" if place == 0 else "right", no_wrap=True)
    for row in rows:
        shown.add_row(*map(Text, row))
    if title:
        screen.print(Text(title, "bold"))
    screen.print(shown)
