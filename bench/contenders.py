"""The codes of bench_codelength.py: our own and real tools, as command lines, and how the size is read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
OURS = ("context-tree", "context-tree:depth=12", "kt:order=2", "kt:order=4")
PPMD_ORDERS = (4, 5, 6, 8, 12, 16)
_MIB = 1 << 20


@dataclass(frozen=True)
class Contender:
    """A code with its settings.

    Attributes
    ----------
    name : str
        What the tables call it.
    tool : str
        The program that must be there; ``""`` for our own codes.
    command : callable
        Arguments from (input, output). Standard output goes to output, unless the program writes it itself.
    threads : int
        Threads, and processors it is pinned to.
    family : str
        Contenders that differ in one setting, of which the best for a file is compared; else ``""``.
    accepts : callable
        Whether it has something to show on a file of that many bytes.
    """

    name: str
    tool: str
    command: Callable[[Path, Path], list[str]]
    threads: int = 1
    family: str = ""
    accepts: Callable[[int], bool] = lambda _: True
    writes_output: bool = False

    @property
    def ours(self) -> bool:
        return not self.tool

    @property
    def missing(self) -> bool:
        return bool(self.tool) and shutil.which(self.tool) is None

    def bits(self, output: Path) -> float:
        """Code length of what the command wrote.

        A tool costs the file that it writes; 7-Zip, an archiver, only the packed stream inside, without the
        130 bytes or so of its directory.
        """
        if self.ours:
            return float(json.loads(output.read_text())["bits"])
        return 8.0 * (packed_bytes(output) if self.tool == "7z" else output.stat().st_size)


def packed_bytes(archive: Path) -> int:
    """Bytes of the one packed stream of a 7z archive."""
    done = subprocess.run(["7z", "l", "-slt", str(archive)], capture_output=True, text=True, check=False)
    found = re.findall(r"^Packed Size = (\d+)$", done.stdout, re.MULTILINE)
    if len(found) != 1:
        raise ValueError(f"7z lists {len(found)} packed streams, not one")
    return int(found[0])


def our_code(spec: str, threads: int) -> Contender:
    def command(source: Path, output: Path) -> list[str]:
        return [sys.executable, str(HERE / "length_of_file.py"), str(source), spec, str(threads)]

    return Contender(spec if threads == 1 else f"{spec}, {threads} threads", "", command, threads)


def filter_tool(name: str, *arguments: str) -> Contender:
    """A tool that compresses the file named last to standard output."""
    return Contender(name, arguments[0], lambda source, output: [*arguments, str(source)])


def bzip3() -> Contender:
    """One block for the whole file, up to the 511 MiB that bzip3 can do."""

    def command(source: Path, output: Path) -> list[str]:
        block = min(511, max(1, -(-source.stat().st_size // _MIB)))
        return ["bzip3", "-e", "-c", "-b", str(block), str(source)]

    return Contender("bzip3, one block", "bzip3", command)


def large_window_brotli() -> Contender:
    """The smallest window that holds the file, where that is wider than the standard allows."""

    def command(source: Path, output: Path) -> list[str]:
        window = min(30, (source.stat().st_size + 16 - 1).bit_length())
        return ["brotli", "-q", "11", f"--large_window={window}", "-c", str(source)]

    def accepts(size: int) -> bool:
        return size > (1 << 24) - 16

    return Contender("brotli -q 11 --large_window", "brotli", command, accepts=accepts)


def ppmd(order: int) -> Contender:
    def command(source: Path, output: Path) -> list[str]:
        return ["7z", "a", f"-m0=PPMd:o={order}:mem=1g", "-mmt=1", "-bd", "-t7z", str(output), str(source)]

    return Contender(f"7z PPMd order {order}", "7z", command, family="7z PPMd", writes_output=True)


def peers() -> list[Contender]:
    return [
        filter_tool("bzip2 -9", "bzip2", "-9", "-c"),
        filter_tool("zstd --ultra -22", "zstd", "--ultra", "-22", "--single-thread", "-q", "-c"),
        filter_tool("brotli -q 11", "brotli", "-q", "11", "--lgwin=24", "-c"),
        large_window_brotli(),
        filter_tool("xz -9e", "xz", "-9e", "-T1", "-c"),
        bzip3(),
        *(ppmd(order) for order in PPMD_ORDERS),
    ]


def contenders(specs: tuple[str, ...], threads: tuple[int, ...]) -> list[Contender]:
    """Our codes, the first of them with each number of threads, and the peers, on one thread."""
    first, *others = specs
    return [
        *(our_code(first, number) for number in threads),
        *(our_code(spec, 1) for spec in others),
        *peers(),
    ]
