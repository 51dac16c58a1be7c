"""Patterns: text with slots in braces, the common notation of attributes and templates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from string import Formatter


@dataclass(frozen=True)
class Literal:
    """Text that stands as it is."""

    text: str


@dataclass(frozen=True)
class Slot:
    """A place that a value fills."""

    name: str


def parse(pattern: str, where: str) -> tuple[Literal | Slot, ...]:
    """Literals and slots of ``pattern``, in order; ``{{`` and ``}}`` stand for braces.

    Raises
    ------
    ValueError
        If the braces do not match, a slot has no name, or says how to format; the message begins with
        ``where``.

    Examples
    --------
    >>> parse("{month} {day}, {year}", "birth_date")
    (Slot(name='month'), Literal(text=' '), Slot(name='day'), Literal(text=', '), Slot(name='year'))
    """
    return tuple(_parts(pattern, where))


def _parts(pattern: str, where: str) -> Iterator[Literal | Slot]:
    if not isinstance(pattern, str):
        raise TypeError(f"{where}: {pattern!r} is not text")
    text = ""
    try:
        # The formatter cuts a literal at each doubled brace: join the cuts.
        for literal, name, specification, conversion in Formatter().parse(pattern):
            text += literal
            if name is None:
                continue
            if not name.isidentifier() or specification or conversion:
                raise ValueError("a slot is a name in braces")
            if text:
                yield Literal(text)
            text = ""
            yield Slot(name)
    except ValueError as error:
        raise ValueError(f"{where}: {pattern!r}: {error}") from None
    if text:
        yield Literal(text)


def check_text(text: str, where: str) -> None:
    """Refuse a value or template that a sentence could not hold.

    Raises
    ------
    ValueError
        If ``text`` is empty, begins or ends with white space, or holds a line end.
    """
    if not isinstance(text, str):
        raise TypeError(f"{where}: {text!r} is not text")
    if not text:
        raise ValueError(f"{where}: empty text")
    if text != text.strip():
        raise ValueError(f"{where}: {text!r} begins or ends with white space")
    if len(text.splitlines()) > 1:
        raise ValueError(f"{where}: {text!r} holds a line end")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{where}: {text!r} is not valid Unicode: {error.reason}") from None
