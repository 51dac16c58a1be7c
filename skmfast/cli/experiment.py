"""``skmfast experiment``: train, measure, fit and draw one of the paper's experiments."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from skmfast.cli.app import FAILED, INTERRUPTED, USAGE, app, complain, fail

if TYPE_CHECKING:
    from skmfast.experiments.watching import Watcher

# Of a command that stopped at its time limit: the same command goes on.
_MORE_TO_DO = 3
_EXTRA = "experiments need the extra: pip install 'skmfast[experiments]'"


@app.command()
def experiment(
    name: Annotated[
        str | None, typer.Argument(help="Which one; --list names them.", show_default=False, metavar="NAME")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Settings to begin with: tiny, small or gpu.", show_default=False, metavar="NAME"),
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder of all runs, which experiments share.", file_okay=False),
    ] = Path("runs"),
    config: Annotated[
        list[Path] | None,
        typer.Option(help="YAML file of settings, over the preset's. May be given again.", metavar="FILE"),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="A setting, over those of the files. May be given again.", metavar="NAME=VALUE"
        ),
    ] = None,
    plot_only: Annotated[
        bool, typer.Option("--plot-only", help="Draw figure and page from the tables that are there.")
    ] = False,
    time_limit: Annotated[
        float | None,
        typer.Option(help="Stop after so long; the same command goes on.", metavar="MINUTES", min=0),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            help="Processes that share the runs; for models too small for all cores.", min=1, metavar="N"
        ),
    ] = 1,
    show: Annotated[
        bool, typer.Option("--show", help="Print the settings and the runs they make, and run nothing.")
    ] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Write TensorBoard's files below this folder.", file_okay=False)
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name the experiments and their presets.")] = False,
) -> None:
    """Train networks on corpora of known entropy.

    They are transformers, and are held against theory: oracle, Bayes mixture, laws. Every run has a folder in
    OUT, named by the hash of its settings: what is done is skipped, and what was interrupted, even killed,
    goes on. Results, fits, figure and page stand in OUT/NAME-PRESET. Exit code 1 says that a run cannot be
    carried out, 3 that the time limit was reached and there is more to do.
    """
    from skmfast.errors import SkmfastError

    if list_:
        _list()
        return
    if name is None:
        fail("which experiment? --list names them")
    try:
        settings = _settings(name, preset, config or [], set_ or [], plot_only)
        if show:
            _show(name, settings)
        else:
            _run(name, settings, out, plot_only, workers, time_limit, tensorboard)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "skmfast":
            raise
        fail(f"{error.name} is not installed; {_EXTRA}")
    except KeyboardInterrupt:
        fail(f"interrupted; what is done is kept in {out}: the same command goes on", INTERRUPTED)
    except SkmfastError as error:
        _fail(error, out)
    except OSError as error:
        fail(f"{error.filename or out}: {error.strerror or error}", FAILED)


def _settings(
    name: str, preset: str | None, config: list[Path], assignments: list[str], plot_only: bool
) -> Any:
    from skmfast.experiments.experiment import find_experiment
    from skmfast.experiments.experiment_settings import preset_names, read_configuration

    if preset is None and not config:
        find_experiment(name)
        fail(f"which settings? --preset {', '.join(preset_names(name))}, or --config FILE")
    return read_configuration(name, preset, config, assignments)


def _run(
    name: str,
    settings: Any,
    out: Path,
    plot_only: bool,
    workers: int,
    time_limit: float | None,
    tensorboard: Path | None,
) -> None:
    from skmfast.cli.experiment_progress import ExperimentProgress
    from skmfast.experiments.experiment_work import run_experiment
    from skmfast.experiments.watching import Watchers

    watchers: list[Watcher] = []
    if tensorboard is not None:
        from skmfast.experiments.tensorboard import TensorBoard

        watchers.append(TensorBoard(tensorboard))
    with ExperimentProgress(name) as progress:
        watcher = Watchers([progress, *watchers])
        try:
            result = run_experiment(
                name,
                settings,
                out,
                plot_only=plot_only,
                workers=workers,
                watcher=watcher,
                stop=_deadline(time_limit),
            )
        finally:
            watcher.close()
    if result.num_diverged:
        complain(f"{result.num_diverged} of {result.num_runs} runs diverged, and are left out of the fits")
    for warning in result.warnings:
        complain(warning)
    print(result.folder / "page.html")


def _deadline(minutes: float | None) -> Callable[[], bool] | None:
    """Whether the time is over, as a function."""
    if minutes is None:
        return None
    end = time.monotonic() + 60 * minutes
    return lambda: time.monotonic() >= end


def _fail(error: Exception, out: Path) -> NoReturn:
    """End with the message and the exit code of an error of an experiment."""
    from skmfast.experiments.errors import (
        ConfigurationError,
        EmptyGridError,
        Interrupted,
        UnknownNameError,
    )

    if isinstance(error, Interrupted):
        fail(f"time is over: {error}; what is done is kept in {out}: the same command goes on", _MORE_TO_DO)
    usage = isinstance(error, (ConfigurationError, EmptyGridError, UnknownNameError))
    fail(str(error), USAGE if usage else FAILED)


def _list() -> None:
    from skmfast.experiments.experiment import EXPERIMENTS
    from skmfast.experiments.experiment_settings import preset_names

    for name, entry in EXPERIMENTS.items():
        print(f"{name:16}{entry.summary} ({', '.join(preset_names(name)) or 'no preset'})")


def _show(name: str, settings: Any) -> None:
    from skmfast.experiments.canonical import digest, to_yaml
    from skmfast.experiments.experiment import grid_of
    from skmfast.experiments.grid_work import in_order

    print(to_yaml(settings), end="")
    for each in in_order(grid_of(name, settings)):
        corpora = ", ".join(f"{part.corpus.sentences:,} sentences" for part in each.corpora if part.share)
        model = each.model
        print(
            f"# run {digest(each)}: {model.layers} x {model.width}, {each.training.steps:,} steps of"
            f" {each.training.batch_sentences}, {corpora}, repeat {each.repeat}"
        )
