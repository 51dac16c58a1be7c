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
from typer.core import TyperGroup

from skmfast import __version__

if TYPE_CHECKING:
    from rich.console import Console

FAILED = 1
USAGE = 2
INTERRUPTED = 130


class _ByName(TyperGroup):
    """Commands in the order of their names, those that have commands of their own among the others."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return sorted(super().list_commands(ctx))


# Without rich's markup the help comes without importing rich, in less than half the time.
app = typer.Typer(
    name="skmfast",
    cls=_ByName,
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
    """Run the app on the command line's arguments; a reader that goes away ends it quietly.

    Bad data and a full disk or memory that no command has said more about are one line here.
    """
    from skmfast.errors import SkmfastError
    from skmfast.settings import check_isa

    try:
        check_isa()
    except ValueError as error:
        fail(str(error))
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        sys.exit(FAILED)
    except SkmfastError as error:
        fail(str(error), FAILED)
    except OSError as error:
        _drop_output()
        fail(f"{error.filename or 'standard output'}: {error.strerror or error}", FAILED)
    except MemoryError as error:
        fail(f"not enough memory{f': {error}' if str(error) else ''}", FAILED)


def _drop_output() -> None:
    """Python flushes standard output once more when it exits: nobody reads it, or there is no room for it."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(message: str) -> None:
    """One line on standard error; of what a file holds or is called, only what can be shown."""
    print(f"skmfast: {printable(message)}", file=sys.stderr)


def printable(text: str) -> str:
    """``text`` on one line, what would move the cursor or colour the screen written as an escape.

    Examples
    --------
    >>> printable("two\\nlines")
    'two\\\\nlines'
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def fail(message: str, code: int = USAGE) -> NoReturn:
    """End the command with a message."""
    complain(message)
    sys.exit(code)


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn the error of a bad option, or of a model that one names, into a message and exit code 2."""
    from skmfast.errors import ModelFileError

    try:
        yield
    except (ValueError, ModelFileError) as error:
        fail(str(error))


def console(*, stderr: bool = False, min_width: int = 0) -> Console:
    """Rich console; where the output is no terminal, wide enough (``min_width``) that nothing is cut."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal:
        made = Console(stderr=stderr, highlight=False, width=max(made.width, min_width), color_system=None)
    return made
