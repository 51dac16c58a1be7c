"""Folders of runs: who they belong to, one writer at a time, and files that are whole or absent."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skmfast.experiments.errors import BusyError, FolderError
from skmfast.files import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

CONFIGURATION = "configuration.json"
# Of the files in a folder; a folder of another format is refused.
FORMAT = 1


def read_json(path: Path) -> dict[str, Any] | None:
    """Content of a JSON file; None if there is none.

    Raises
    ------
    FolderError
        If it is damaged.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise FolderError(f"{path}: cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise FolderError(f"{path}: is none of this program's files")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    with whole_file(path) as file:
        file.write(json.dumps(content, indent=2, allow_nan=False).encode() + b"\n")


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file, whole or not at all."""
    import pyarrow.parquet as pq

    with whole_file(path) as file:
        pq.write_table(table, file)


def read_table(path: Path) -> pa.Table:
    """Content of a Parquet file.

    Raises
    ------
    FolderError
        If it is damaged or not there.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise FolderError(f"{path}: cannot be read: {error}") from None


def belongs(folder: Path, configuration: Mapping[str, Any]) -> bool:
    """Whether a folder is there and holds this configuration.

    Raises
    ------
    FolderError
        If it holds another one, or files and no configuration.
    """
    found = read_json(folder / CONFIGURATION)
    if found is None:
        strangers = sorted(path.name for path in folder.glob("*") if not path.name.startswith("."))
        if strangers:
            raise FolderError(f"{folder}: holds {strangers[0]} and no {CONFIGURATION}; choose another folder")
        return False
    if found.get("format") != FORMAT:
        raise FolderError(f"{folder}: has format {found.get('format')!r}; this version reads {FORMAT}")
    place = difference(found.get("configuration"), dict(configuration))
    if place is not None:
        raise FolderError(f"{folder}: belongs to another configuration: {place}; choose another folder")
    return True


def stored_configuration(folder: Path) -> dict[str, Any]:
    """The configuration of a folder.

    Raises
    ------
    FolderError
        If there is none.
    """
    found = read_json(folder / CONFIGURATION)
    if found is None or not isinstance(found.get("configuration"), dict):
        raise FolderError(f"{folder}: holds no {CONFIGURATION}")
    return dict(found["configuration"])


def claim(folder: Path, configuration: Mapping[str, Any]) -> None:
    """Make a folder that of a configuration, or check that it is."""
    folder.mkdir(parents=True, exist_ok=True)
    if not belongs(folder, configuration):
        write_json(folder / CONFIGURATION, {"format": FORMAT, "configuration": dict(configuration)})


def difference(found: object, wanted: object, path: str = "") -> str | None:
    """The first setting in which two configurations differ, and how; None if in none.

    Examples
    --------
    >>> difference({"model": {"width": 16}}, {"model": {"width": 32}})
    'model.width is 16 there, not 32'
    """
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in sorted({*found, *wanted}):
            inner = f"{path}.{name}" if path else name
            if name not in found or name not in wanted:
                return f"{inner} is set in one of them only"
            place = difference(found[name], wanted[name], inner)
            if place is not None:
                return place
        return None
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        places = (difference(a, b, f"{path}.{n}") for n, (a, b) in enumerate(zip(found, wanted, strict=True)))
        return next((place for place in places if place is not None), None)
    return None if found == wanted else f"{path} is {_brief(found)} there, not {_brief(wanted)}"


def _brief(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder alone; the system lets go of it when the process ends, however it does.

    Raises
    ------
    BusyError
        If another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows: nothing stops two processes there
        yield
        return
    with open(folder / ".lock", "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BusyError(f"{folder}: another process is at work there") from None
        yield


def sweep(folder: Path) -> None:
    """Remove what killed processes left half written; the folder must be held."""
    for path in folder.rglob(".*.tmp"):
        path.unlink(missing_ok=True)
