"""The app that commands register in, and the conventions that they share.

A command lives in a module of its own, registers with ``@app.command()``, and imports numpy, pyarrow,
rich and the codes inside its function. Exit codes: 0; 1 when a document failed; 2 for usage; 130 for Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from skmfast import __version__

if TYPE_CHECKING:
    from rich.console import Console

FAILED = 1
USAGE = 2
INTERRUPTED = 130

# Without rich's markup the help comes without importing rich, in less than half the time.
app = typer.Typer(
    name="skmfast",
    help="Models as codes: how many bits texts cost, corpora of known entropy, laws, experiments.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"skmfast {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the app on the command line's arguments; a reader that goes away ends it quietly."""
    from skmfast.settings import check_isa

    try:
        check_isa()
    except ValueError as error:
        fail(str(error))
    try:
        app()
    except BrokenPipeError:
        # Python flushes standard output once more when it exits; there is nobody to read it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)


def complain(message: str) -> None:
    """One line on standard error."""
    print(f"skmfast: {message}", file=sys.stderr)


def fail(message: str, code: int = USAGE) -> NoReturn:
    """End the command with a message."""
    complain(message)
    sys.exit(code)


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn the ValueError of a bad option into a message and exit code 2."""
    try:
        yield
    except ValueError as error:
        fail(str(error))


def console(*, stderr: bool = False, min_width: int = 0) -> Console:
    """Rich console; where the output is no terminal, wide enough (``min_width``) that nothing is cut."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal:
        made = Console(stderr=stderr, highlight=False, width=max(made.width, min_width), color_system=None)
    return made
