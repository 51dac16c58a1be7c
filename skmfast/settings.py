"""Settings that every command and function shares: threads, memory, instruction set."""

from __future__ import annotations

import operator
import os
import re

from skmfast.arguments import integer

MAX_THREADS = 1024  # more are asked for by mistake
ISAS = ("baseline", "avx2", "avx512")

_MEMORY = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGT]?)(?:i?B)?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def resolve_threads(threads: int | None = None) -> int:
    """Number of threads to use: the argument, else ``SKMFAST_THREADS``, else the cores of this process.

    At most 1,024.

    Raises
    ------
    ValueError
        If the number is not an integer of at least 1.

    Examples
    --------
    >>> resolve_threads(2)
    2
    """
    if threads is not None:
        return _at_least_one(integer(threads, "threads"), "threads")
    wanted = os.environ.get("SKMFAST_THREADS", "").strip()
    if wanted:
        try:
            number = int(wanted)
        except ValueError:
            raise ValueError(f"SKMFAST_THREADS={wanted!r} is not an integer") from None
        return _at_least_one(number, "SKMFAST_THREADS")
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _at_least_one(number: int, name: str) -> int:
    if number < 1:
        raise ValueError(f"{name}: {number} is less than 1")
    return min(number, MAX_THREADS)


def parse_memory(memory: int | str | None, name: str = "memory") -> int | None:
    """Memory limit in bytes: a number of bytes, or a string such as ``"512M"`` or ``"4G"``.

    Units are powers of 1024. None stays None: the code chooses its own limit. Messages say ``name``.

    Raises
    ------
    ValueError
        If the text is no amount of memory, or the amount is less than one byte.

    Examples
    --------
    >>> parse_memory("4G") == 4 * 1024**3 == parse_memory("4GiB")
    True
    """
    if memory is None:
        return None
    if isinstance(memory, str):
        match = _MEMORY.fullmatch(memory.strip())
        if match is None:
            raise ValueError(f"{name}: {memory!r} is not an amount of memory such as 512M or 4G")
        amount = int(float(match["number"]) * _UNITS[match["unit"].upper()])
    else:
        try:
            amount = operator.index(memory)
        except TypeError:
            raise TypeError(f"{name}: {memory!r} is neither a number of bytes nor a string") from None
    if amount < 1:
        raise ValueError(f"{name}: {memory!r} is less than one byte")
    return amount


def free_memory() -> int:
    """Bytes of memory that can be had without swapping."""
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def check_isa() -> None:
    """Reject an unknown value of ``SKMFAST_ISA``; rooms that load an extension call this first.

    Raises
    ------
    ValueError
        If the variable is set and names no instruction set.
    """
    wanted = os.environ.get("SKMFAST_ISA")
    if wanted and wanted not in ISAS:
        raise ValueError(f"SKMFAST_ISA={wanted!r} is unknown; it is one of {', '.join(ISAS)}")
