"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary file to write, which becomes ``path`` when the block ends without an exception.

    It is written under a temporary name beside ``path`` and renamed, so that no reader sees half of it. A
    file that is replaced hands on its permissions; a link is written through. A device or a pipe, such as
    /dev/stdout, is written to as it stands.

    Raises
    ------
    OSError
        If the folder or the disk does not let it; ``path`` is then as it was.
    """
    if _is_special(path):
        with open(path, "wb") as file:
            yield file
        return
    target = Path(path).resolve()
    try:
        # A name may have 255 bytes; the temporary one is longer than its target's.
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".tmp", dir=target.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp keeps its file private; a result is as readable as any other new file.
        os.chmod(temporary, target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _is_special(path: str | os.PathLike[str]) -> bool:
    """Whether there is something of this name that is neither a file nor a folder."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
