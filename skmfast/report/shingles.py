"""Which documents share text word for word: fingerprints of short windows, and who had them first.

Every window of 32 bytes is hashed, and one hash in 16 is kept, chosen by its own value, so that equal
windows are kept in all documents or in none (Manber 1994; Broder 1997). Nothing depends on a seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WINDOW_BYTES = 32
KEPT = 16
_CHUNK = 1 << 20
_BASE = 0x9E3779B97F4A7C15

Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Repeats:
    """What of each document was in an earlier one.

    Attributes
    ----------
    fingerprints : ndarray of int64, shape (documents,)
        How many different ones the document has.
    repeated : ndarray of int64, shape (documents,)
        How many of them an earlier document has.
    partner : ndarray of int64, shape (documents,)
        The document before it with which it shares the most, counting each fingerprint for the last document
        that had it; -1 where there is none.
    """

    fingerprints: Integers
    repeated: Integers
    partner: Integers


def repeats(documents: Sequence[bytes | memoryview]) -> Repeats:
    """Find what documents share.

    Examples
    --------
    >>> text = bytes(range(256)) * 2
    >>> found = repeats([text, b"?" * 500, text + b"!"])
    >>> found.partner.tolist(), bool(found.repeated[2] == found.fingerprints[0])
    ([-1, -1, 0], True)
    """
    number = len(documents)
    each = [fingerprints(document) for document in documents]
    sizes = np.array([len(hashes) for hashes in each], np.int64)
    hashes = np.concatenate(each) if each else np.empty(0, np.uint64)
    owner = np.repeat(np.arange(number), sizes)
    order = np.argsort(hashes, kind="stable")  # owners stay ascending among equals
    hashes, owner = hashes[order], owner[order]
    again = np.flatnonzero(hashes[1:] == hashes[:-1]) + 1
    later, earlier = owner[again], owner[again - 1]
    partner = np.full(number, -1, np.int64)
    if len(again):
        pairs, times = np.unique(later * number + earlier, return_counts=True)
        # In ascending order of times the last to be written is the greatest.
        best = np.argsort(times, kind="stable")
        partner[pairs[best] // number] = pairs[best] % number
    return Repeats(sizes, np.bincount(later, minlength=number).astype(np.int64), partner)


@dataclass(frozen=True, slots=True)
class Shared:
    """Where the longest run that two documents share begins in each, and its length."""

    earlier: int
    later: int
    num_bytes: int


def longest_shared(earlier: bytes | memoryview, later: bytes | memoryview) -> Shared:
    """The longest run of the later document all of whose windows are in the earlier one.

    The place in the earlier one is where the run's first window is; a run can be pieced together.

    Examples
    --------
    >>> common = bytes(range(100))
    >>> longest_shared(b"?" * 50 + common, b"!" * 7 + common + b"!!!")
    Shared(earlier=50, later=7, num_bytes=100)
    >>> longest_shared(b"short", b"short")
    Shared(earlier=0, later=0, num_bytes=0)
    """
    ours, theirs = (list(_window_hashes(np.frombuffer(document, np.uint8))) for document in (later, earlier))
    if not ours or not theirs:
        return Shared(0, 0, 0)
    known, found = np.concatenate(theirs), np.concatenate(ours)
    inside = np.concatenate([[False], np.isin(found, known), [False]])
    starts, ends = np.flatnonzero(np.diff(inside.astype(np.int8))).reshape(-1, 2).T
    if not len(starts):
        return Shared(0, 0, 0)
    best = int(np.argmax(ends - starts))
    start = int(starts[best])
    place = int(np.flatnonzero(known == found[start])[0])
    return Shared(place, start, int(ends[best]) - start + WINDOW_BYTES - 1)


def fingerprints(document: bytes | memoryview) -> Hashes:
    """Hashes that are kept of a document, each once, ascending."""
    kept = [each[each % np.uint64(KEPT) == 0] for each in _window_hashes(np.frombuffer(document, np.uint8))]
    return np.unique(np.concatenate(kept)) if kept else np.empty(0, np.uint64)


def _window_hashes(data: npt.NDArray[np.uint8]) -> Iterator[Hashes]:
    """Hashes of all windows, piece by piece: polynomials in the bytes, of two, of four, up to the window."""
    for start in range(0, len(data) - WINDOW_BYTES + 1, _CHUNK):
        piece = data[start : start + _CHUNK + WINDOW_BYTES - 1]
        hashes = _SCATTERED[piece]
        width = 1
        while width < WINDOW_BYTES:
            hashes = hashes[:-width] * np.uint64(pow(_BASE, width, 1 << 64)) + hashes[width:]
            width *= 2
        yield _mixed(hashes)


def _mixed(values: Hashes) -> Hashes:
    """A bijection that spreads each bit (the finaliser of splitmix64, Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


# Each byte as a number whose bits are all in use.
_SCATTERED = _mixed(np.arange(1, 257, dtype=np.uint64))
