"""Blocks of the README that scripts write: a table as Markdown, and its place between two marks."""

from __future__ import annotations

import argparse
from pathlib import Path


def markdown(header: list[str], lines: list[list[str]]) -> str:
    """A table whose first column stands to the left."""
    table = [header, ["---"] + ["---:"] * (len(header) - 1), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in table)


def block_in(text: str, begin: str, end: str) -> str | None:
    """What stands between the marks, or None where there are none."""
    _, found, rest = text.partition(begin)
    inside, closed, _ = rest.partition(end)
    return inside.strip() if found and closed else None


def with_block(text: str, block: str, begin: str, end: str) -> str:
    """``text`` with ``block`` between the marks.

    Raises
    ------
    ValueError
        If the marks are not there.
    """
    if block_in(text, begin, end) is None:
        raise ValueError(f"there is no line {begin} followed by {end}")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{block}\n\n{end}{after}"


def print_or_write(description: str | None, text: str, begin: str, end: str) -> None:
    """The command line of a script that makes a block of the README: prints it, or writes it there."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, metavar="README.md")
    target = parser.parse_args().write
    if target is None:
        print(text)
    else:
        target.write_text(with_block(target.read_text(), text, begin, end))
