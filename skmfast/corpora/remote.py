"""Files behind a URL (s3://, https://, memory://, ...), through fsspec and what is installed for it."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from skmfast.errors import CorpusError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def is_url(path: str) -> bool:
    """Whether ``path`` names its protocol."""
    return "://" in path


def expand_url(url: str) -> Iterator[tuple[str, int]]:
    """URL and size (0 where unknown) of each file that ``url`` stands for, as for local paths.

    Raises
    ------
    CorpusError
        If there is none, or the file system cannot be asked.
    """
    system, path = _resolved(url)
    try:
        if glob.has_magic(path) and not system.exists(path):
            found = [name for name in system.glob(path) if not system.isdir(name)]
            missing = "matches no file"
        elif system.isdir(path):
            found = [name for name in system.find(path) if not _hidden(name.removeprefix(path))]
            missing = "holds no files"
        else:
            found = [path] if system.exists(path) else []
            missing = "does not exist"
        files = [(system.unstrip_protocol(name), int(system.size(name) or 0)) for name in sorted(found)]
    except Exception as error:  # every file system has its own
        raise CorpusError(f"cannot be read: {_told(error)}") from None
    if not files:
        raise CorpusError(missing)
    yield from files


def open_url(url: str) -> BinaryIO:
    """The file behind ``url``, for reading. Raises CorpusError."""
    system, path = _resolved(url)
    try:
        return cast("BinaryIO", system.open(path, "rb"))
    except Exception as error:  # every file system has its own
        raise CorpusError(f"cannot be read: {_told(error)}") from None


def _resolved(url: str) -> tuple[AbstractFileSystem, str]:
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
    except Exception as error:  # unknown protocol, or one whose package is not installed
        raise CorpusError(f"cannot be read: {_told(error)}") from None
    return system, cast("str", path)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _told(error: Any) -> str:
    return " ".join(str(error).split()) or type(error).__name__
