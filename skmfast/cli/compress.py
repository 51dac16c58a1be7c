"""``skmfast compress`` and ``skmfast decompress``: one file in, one file out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skmfast.cli.app import FAILED, app, fail, printable, usage_errors
from skmfast.cli.progress import Progress

if TYPE_CHECKING:
    from skmfast.codes.base import DecodableCode

SUFFIX = ".skm"

_Input = Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for standard input.")]
_Force = Annotated[bool, typer.Option("--force", "-f", help="Replace the output file if it exists.")]


@app.command()
def compress(
    file: _Input,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", help=f"Output, or - for standard output. Default: FILE{SUFFIX}", metavar="FILE"
        ),
    ] = None,
    code: Annotated[
        str, typer.Option(help="Code, such as kt:order=2; 'skmfast codes' lists them.", metavar="CODE")
    ] = "context-tree",
    force: _Force = False,
) -> None:
    """Compress a file, losslessly, under a code.

    'skmfast decompress' reads what this writes, and gives back every byte.
    """
    from skmfast.compression import compress as compress_bytes

    with usage_errors():
        chosen = _decodable(code)
    target = _target(out, None if file == "-" else file + SUFFIX, force)
    with _failures(file):
        data = _read(file)
        with Progress("compressing") as bar:
            bar.subject(file)
            bar.total(len(data))
            packed = compress_bytes(data, chosen, progress=bar.done)
    _write(target, packed)
    rate = f", {8 * len(packed) / len(data):.4f} bits per byte" if data else ""
    print(f"{printable(file)}: {len(data):,} -> {len(packed):,} bytes{rate}", file=sys.stderr)


@app.command()
def decompress(
    file: _Input,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", help=f"Output, or - for standard output. Default: without {SUFFIX}", metavar="FILE"
        ),
    ] = None,
    code: Annotated[
        str | None,
        typer.Option(
            help="Its code, where that needs files that are not found by name, as lm:PATH does.",
            metavar="CODE",
        ),
    ] = None,
    force: _Force = False,
) -> None:
    """Give back the bytes of a file that was compressed.

    The checksums of what 'skmfast compress' wrote are verified.
    """
    from skmfast.compression import decompress as decompress_bytes
    from skmfast.compression import original_size

    with usage_errors():
        chosen = None if code is None else _decodable(code)
    target = _target(out, file.removesuffix(SUFFIX) if file.endswith(SUFFIX) else None, force)
    with _failures(file):
        packed = _read(file)
        with Progress("decompressing") as bar:
            bar.subject(file)
            bar.total(original_size(packed))
            data = decompress_bytes(packed, code=chosen, progress=bar.done)
    _write(target, data)


def _decodable(spec: str) -> DecodableCode:
    from skmfast.codes.base import DecodableCode
    from skmfast.codes.registry import make_code

    code = make_code(spec)
    if not isinstance(code, DecodableCode):
        fail(f"--code {spec}: only counts bits; it cannot encode")
    return code


def _target(out: str | None, default: str | None, force: bool) -> str:
    target = out or default
    if target is None:
        fail("no name for the output: give one with -o")
    if target == "-":
        return target
    path = Path(target)
    if path.is_dir():
        fail(f"{target}: is a folder")
    if not path.absolute().parent.is_dir():
        fail(f"{target}: there is no such folder")
    if path.is_file() and not force:
        fail(f"{target}: exists; --force replaces it")
    return target


@contextmanager
def _failures(file: str) -> Iterator[None]:
    """Turn what can go wrong with ``file`` into one line and exit code 1."""
    from skmfast.errors import SkmfastError

    try:
        yield
    except OSError as error:
        fail(f"{error.filename or file}: {error.strerror or error}", FAILED)
    except MemoryError:
        fail(f"{file}: not enough memory", FAILED)
    except SkmfastError as error:
        fail(f"{file}: {error}", FAILED)


def _read(file: str) -> bytes:
    if file != "-":
        return Path(file).read_bytes()
    if sys.stdin is None:
        fail("standard input is closed", FAILED)
    return sys.stdin.buffer.read()


def _write(target: str, data: bytes) -> None:
    from skmfast.files import whole_file

    if target == "-":
        if sys.stdout is None:
            fail("standard output is closed", FAILED)
        sys.stdout.buffer.write(data)
        return
    with _failures(target), whole_file(target) as file:
        file.write(data)
