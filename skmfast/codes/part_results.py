"""Part results: bits of pieces of work, kept in a folder so that a run that was killed goes on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from skmfast.files import whole_file

KEY_BYTES = 16

_SUFFIX = ".parts.npz"
_SECONDS_BETWEEN_FILES = 5.0


class PartResults:
    """A folder of arrays of float64, each under a key that says what it was computed from.

    Results are gathered and written together every few seconds, in files that appear whole or not at all:
    no more than that is lost with a run. Several runs may share a folder.

    Parameters
    ----------
    folder : path
        Made when the first file is written. A file in it that cannot be read is as if it were not there.
        Its files are read once, here.

    Raises
    ------
    NotADirectoryError
        If ``folder`` is something else.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with PartResults(folder) as parts:
    ...     parts.add(part_key(b"settings", b"abc"), np.array([1.5, 2.0]))
    >>> PartResults(folder).find(part_key(b"settings", b"abc"))
    array([1.5, 2. ])
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise NotADirectoryError(f"{folder}: is no folder, part results cannot be kept in it")
        self._found: dict[bytes, npt.NDArray[np.float64]] = {}
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            self._found.update(_read(path))
        self._waiting: dict[bytes, npt.NDArray[np.float64]] = {}
        self._written = time.monotonic()

    def __enter__(self) -> PartResults:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def __len__(self) -> int:
        return len(self._found)

    def find(self, key: bytes) -> npt.NDArray[np.float64] | None:
        """What was added under ``key``, by this run or one before."""
        return self._found.get(key)

    def add(self, key: bytes, values: npt.NDArray[np.float64]) -> None:
        """Keep ``values``, shape (n,), under ``key``."""
        self._found[key] = self._waiting[key] = values
        if time.monotonic() - self._written > _SECONDS_BETWEEN_FILES:
            self.flush()

    def flush(self) -> None:
        """Write what was added since the last file."""
        if self._waiting:
            self.folder.mkdir(parents=True, exist_ok=True)
            with whole_file(self.folder / f"{uuid.uuid4().hex}{_SUFFIX}") as file:
                np.savez(
                    file,
                    keys=np.frombuffer(b"".join(self._waiting), dtype=np.uint8).reshape(-1, KEY_BYTES),
                    sizes=np.array([len(each) for each in self._waiting.values()], dtype=np.int64),
                    values=np.concatenate(list(self._waiting.values())),
                )
            self._waiting = {}
        self._written = time.monotonic()


def part_key(*pieces: bytes | memoryview) -> bytes:
    """Digest of 16 bytes of what a result depends on; where a piece ends is part of it."""
    digest = hashlib.blake2b(digest_size=KEY_BYTES)
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    return digest.digest()


@contextlib.contextmanager
def opened(parts: str | os.PathLike[str] | PartResults) -> Iterator[PartResults]:
    """Part results of a folder, written when the block ends; those that are open already are left open."""
    if isinstance(parts, PartResults):
        yield parts
    else:
        with PartResults(parts) as found:
            yield found


def discard_parts(folder: str | os.PathLike[str]) -> None:
    """Remove part results, what a killed run left of one, and the folder if nothing else is in it."""
    for pattern in (f"*{_SUFFIX}", f".{'[0-9a-f]' * 32}.parts*.tmp"):
        for path in Path(folder).glob(pattern):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def _read(path: Path) -> dict[bytes, npt.NDArray[np.float64]]:
    """Results of one file; none where it is damaged."""
    try:
        with open(path, "rb") as file, np.load(file) as arrays:
            keys, sizes, values = arrays["keys"], arrays["sizes"], arrays["values"]
        if len(keys) != len(sizes) or sizes.sum() != len(values):
            return {}
        pieces = np.split(values.astype(np.float64), np.cumsum(sizes)[:-1])
        return {key.tobytes(): piece for key, piece in zip(keys, pieces, strict=True)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
