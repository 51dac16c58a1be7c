"""``skmfast laws`` of texts: Heaps, Zipf, learning curve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skmfast.cli.app import FAILED, complain, fail, usage_errors
from skmfast.cli.laws.app import Level, laws, report
from skmfast.cli.options import Files, Json, Plot, TableOut, Threads  # noqa: TC001 (typer reads these)
from skmfast.cli.targets import check_targets

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from skmfast.laws.spectrum import Spectrum

    Labels = npt.NDArray[np.int64]
    Columns = dict[str, npt.ArrayLike]
    Measured = tuple[Columns, dict[str, Any]]  # columns of the table, and what was fitted

Tokens = Annotated[
    str, typer.Option(help="What is counted: words, or bytes:N for strings of N bytes.", metavar="KIND")
]


@laws.command()
def heaps(
    paths: Files,
    tokens: Tokens = "words",
    level: Level = 0.95,
    out: TableOut = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Heaps' law on files: different tokens among the first n.

    The exponent is the slope at the end of the data; its interval sees that words come in bursts.
    """
    _measure("heaps", _heaps, paths, tokens, level, out, plot, json)


@laws.command()
def zipf(
    paths: Files,
    tokens: Tokens = "words",
    minimum: Annotated[
        int | None, typer.Option(help="Least count that the power law is fitted to; by default chosen.")
    ] = None,
    level: Level = 0.95,
    out: TableOut = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Zipf's law on files: the exponent of frequencies.

    It is fitted by maximum likelihood; beside it stands what regression on ranks would say. Also the share of
    the next tokens that will be new (Good-Turing), and discount and concentration of the Pitman-Yor process
    with the greatest likelihood.
    """
    if minimum is not None and minimum < 1:
        fail(f"--minimum: {minimum} is less than 1")

    def measured(labels: Labels, level: float) -> Measured:
        return _zipf(labels, minimum, level)

    _measure("zipf", measured, paths, tokens, level, out, plot, json)


@laws.command("learning-curve")
def learning_curve(
    paths: Files,
    code: Annotated[
        str, typer.Option(help="Code whose lengths depend on counts: context-tree or kt.", metavar="CODE")
    ] = ("context-tree"),
    order: Annotated[
        str,
        typer.Option(
            help="Order in which blocks are seen: shuffled, or corpus (as they stand).", metavar="ORDER"
        ),
    ] = "shuffled",
    per_octave: Annotated[int, typer.Option(help="Points for each doubling of the size.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the shuffling and of the bootstrap.")] = 0,
    resamples: Annotated[int, typer.Option(help="Resamples of the bootstrap.")] = 1000,
    level: Level = 0.95,
    threads: Threads = None,
    out: TableOut = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Bits per byte of the next block against bytes seen.

    All files are one corpus, and a power law is fitted. Also the exponents of Heaps and Zipf of words and of
    strings of four bytes, and the data-scaling exponent 1 - d that they predict. Exit code 1 says that a file
    cannot be read or that there is no law; the message says why.
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
                fail(f"{item.source}: {item.reason}", FAILED)
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
    report(curve.table(), out, plot, json, shown=shown or None, title=title)
    if curve.law is None:
        complain(f"no law: {curve.reason}")
        raise typer.Exit(FAILED)


# ---- Heaps and Zipf ---------------------------------------------------------------------------------------


def _measure(
    law: str,
    measured: Callable[[Labels, float], Measured],
    paths: list[str],
    tokens: str,
    level: float,
    out: Path | None,
    plot: Path | None,
    json: bool,
) -> None:
    """Measure the tokens of each file and report; exit code 1 where one of them could not be."""
    import numpy as np

    from skmfast.laws.tables import Table, stacked

    check_targets(out, plot)
    if not 0 < level < 1:
        fail(f"--level: {level:g} is not between 0 and 1")
    parts: list[Columns] = []
    fitted: dict[str, dict[str, Any]] = {}
    streams, failed = _streams(paths, tokens)
    for name, labels in streams.items():
        try:
            columns, fitted[name] = measured(labels, level)
        except ValueError as error:
            complain(f"{name}: {error}")
            failed = True
            continue
        parts.append({"source": name, **columns})
    if parts:
        rows = stacked(parts)
        rows["source"] = np.asarray(rows["source"], dtype=object)
        metadata = {"law": law, "of": tokens, "level": level, "sources": fitted}
        report(Table(rows, metadata), out, plot, json, shown=fitted)
    if failed:
        raise typer.Exit(FAILED)


def _heaps(labels: Labels, level: float) -> Measured:
    from skmfast.laws.heaps import fit_heaps, heaps_curve, rarefaction
    from skmfast.laws.spectrum import Spectrum

    law = fit_heaps(labels, level)
    sizes, elements = heaps_curve(labels)
    rarefied = rarefaction(Spectrum.of_labels(labels), sizes)
    fitted = {
        "tokens": law.num_tokens,
        "different": law.num_elements,
        "exponent": law.exponent.value,
        "low": law.exponent.low,
        "high": law.exponent.high,
        "slope": law.slope,
    }
    return {"num_tokens": sizes, "elements": elements, "rarefied": rarefied}, fitted


def _zipf(labels: Labels, minimum: int | None, level: float) -> Measured:
    import numpy as np

    from skmfast.laws.good_turing import unseen_mass
    from skmfast.laws.spectrum import Spectrum
    from skmfast.laws.zipf import fit_zipf, rank_size_regression

    spectrum = Spectrum.of_labels(labels)
    law = fit_zipf(spectrum, minimum, level)
    regression = rank_size_regression(spectrum, level)
    unseen = unseen_mass(spectrum, level)
    discount, concentration = _pitman_yor(spectrum)
    columns: Columns = {
        "count": spectrum.sizes,
        "num_elements": spectrum.multiplicities,
        "share_at_least": np.cumsum(spectrum.multiplicities[::-1])[::-1] / spectrum.num_elements,
    }
    fitted = {
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
        "discount": discount,
        "concentration": concentration,
    }
    return columns, fitted


def _streams(paths: list[str], tokens: str) -> tuple[dict[str, Labels], bool]:
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
    streams: dict[str, Labels] = {}
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
