"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary file to write, which becomes ``path`` when the block ends without an exception.

    It is written under a temporary name beside ``path`` and renamed, so that no reader sees half of it. A
    file that is replaced hands on its permissions; a link is written through.

    Raises
    ------
    OSError
        If the folder or the disk does not let it; ``path`` is then as it was.
    """
    target = Path(path).resolve()
    # A name may have 255 bytes; the temporary one is longer than its target's.
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".tmp", dir=target.parent)
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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
