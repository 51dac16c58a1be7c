"""``skmfast structure``: the structure function of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from skmfast.cli.app import FAILED, app, complain, fail, usage_errors
from skmfast.cli.options import Json, Memory, Plot, TableOut, Threads  # noqa: TC001 (typer reads these)
from skmfast.cli.tables import print_json, print_rows
from skmfast.cli.targets import check_targets

if TYPE_CHECKING:
    from skmfast.structure.curve import StructureFunction

_SHOWN = 16


@app.command()
def structure(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, globs, URLs or -, as 'skmfast codelength' takes them: one corpus. For"
            " syntax-knowledge the folder of a labelled corpus; for neural a CSV or Parquet file.",
            metavar="PATH...",
        ),
    ],
    family: Annotated[
        str, typer.Option(help="Class of models: context-tree, syntax-knowledge or neural.", metavar="NAME")
    ] = "context-tree",
    depth: Annotated[
        int | None, typer.Option(help="Longest context; by default 64 bytes. context-tree only.")
    ] = None,
    tokens: Annotated[
        bool,
        typer.Option("--tokens", help="PATH is the folder of a labelled corpus: sentences, as tokens."),
    ] = False,
    least_saving: Annotated[
        float,
        typer.Option(help="Stop where a model bit saves fewer data bits than this. context-tree only."),
    ] = 0.0,
    points: Annotated[
        int, typer.Option(help="About how many points of the curve --out gets; 0: all of them.")
    ] = 2000,
    threads: Threads = None,
    memory: Memory = None,
    out: TableOut = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Compute the structure function: what each bit of model buys.

    It is the fewest data bits for every number of model bits. The table shows the first breakpoints and the
    MDL minimum.
    """
    from skmfast.settings import parse_memory, resolve_threads

    check_targets(out, plot)
    with usage_errors():
        if points < 0:
            raise ValueError(f"--points: {points} is less than 0")
        if not 0 <= least_saving < float("inf"):
            raise ValueError(f"--least-saving: {least_saving:g} is not a finite number of at least 0")
        settings: dict[str, Any] = {}
        if family == "context-tree":
            settings = {
                "depth": depth,
                "least_slope": least_saving,
                "threads": resolve_threads(threads),
                "memory": parse_memory(memory),
            }
    curve = _computed(paths, family, tokens, settings)
    try:
        if out is not None:
            curve.to_parquet(out, points or None)
        if plot is not None:
            curve.plot(plot)
    except OSError as error:
        complain(f"cannot be written: {error.strerror or error}")
        raise typer.Exit(FAILED) from None
    if json:
        print_json(curve.table())
    else:
        _print_table(curve)


def _computed(paths: list[str], family: str, tokens: bool, settings: dict[str, Any]) -> StructureFunction:
    from skmfast.cli.progress import Progress
    from skmfast.errors import CorpusError
    from skmfast.structure.function import structure_function

    try:
        with usage_errors(), Progress("folding", "parts in 1,000") as bar:
            bar.total(1000)
            if family == "context-tree":
                settings["progress"] = lambda fraction: bar.done(int(1000 * fraction))
            return structure_function(_corpus(paths, family, tokens), family, **settings)
    except CorpusError as error:
        fail(str(error), FAILED)
    except OSError as error:
        fail(f"{error.filename or paths[0]}: {error.strerror or error}", FAILED)
    except MemoryError:
        fail("not enough memory; --least-saving 1 keeps fewer breakpoints", FAILED)


def _corpus(paths: list[str], family: str, tokens: bool) -> Any:
    if family == "neural":
        from skmfast.structure.neural import read_models

        return read_models(_only(paths, family))
    if tokens or family == "syntax-knowledge":
        from skmfast.corpora.labelled import LabelledCorpus

        return LabelledCorpus.open(_only(paths, "--tokens" if tokens else family))
    return paths


def _only(paths: list[str], what: str) -> str:
    if len(paths) != 1:
        raise ValueError(f"{what}: takes one path, not {len(paths)}")
    return paths[0]


def _print_table(curve: StructureFunction) -> None:
    best = curve.minimum
    places = sorted({*range(min(len(curve), _SHOWN)), best})
    rows = [_cells(curve, place, place == best) for place in places]
    header = ["point", "model bits", "data bits", "saved per bit", "bought"]
    print_rows(header, rows, left=4)
    total = float(curve.total_bits[best])
    rate = f", {total / curve.num_symbols:.4f} bits per {curve.unit}" if curve.num_symbols else ""
    print(f"{len(curve):,} points; MDL model: point {best:,}, {total:,.0f} bits in all{rate}")


def _cells(curve: StructureFunction, place: int, best: bool) -> list[str]:
    mark = " *" if best else ""
    cells = [f"{place:,}{mark}", f"{curve.model_bits[place]:,.1f}", f"{curve.data_bits[place]:,.1f}"]
    if place == 0:
        return [*cells, "", "(smallest model)"]
    step = curve.breakpoint(place, 3)
    more = f" and {step.num_bought - len(step.bought):,} more" if step.num_bought > len(step.bought) else ""
    return [*cells, f"{step.saving:.4g}", ", ".join(step.bought) + more]
