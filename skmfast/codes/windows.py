"""Windows: which tokens a model of bounded context sees when it predicts which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

BOS_CHOICES = ("window", "document", "once")
LAST_CHOICES = ("short", "full")


class Window(NamedTuple):
    """Tokens ``first`` to ``end`` of a sequence, of which those from ``new`` on are predicted."""

    first: int
    new: int
    end: int
    bos: bool


@dataclass(frozen=True)
class WindowPolicy:
    """How sequences fall into windows; every token is predicted in exactly one.

    Parameters
    ----------
    context : int
        Tokens of a window at most, BOS counted, at least 2.
    stride : int or None
        Tokens predicted in a window at most (in the first of a sequence more, as many as fit); the others
        are context. None: disjoint windows, ``context - 1``, so that one is left for BOS or for a token
        that the first prediction is from.
    bos : {"window", "document", "once"}
        Whether every window begins with the beginning-of-sequence token, or only the first of a document;
        "once": only the first of a corpus, whose documents are then one sequence where it is coded as one.
    last : {"short", "full"}
        Where the last window of a sequence begins: where it would if there were more tokens, so that it is
        shorter than the others and has as much context; or earlier, so that it is as long as they are.

    Raises
    ------
    ValueError
        If a number or a choice is none of these.

    Examples
    --------
    >>> [window[:3] for window in WindowPolicy(context=8, stride=4, bos="window").windows(12)]
    [(0, 0, 7), (4, 7, 11), (8, 11, 12)]
    >>> [window[:3] for window in WindowPolicy(8, 4, "window", last="full").windows(12)]
    [(0, 0, 7), (4, 7, 11), (5, 11, 12)]
    """

    context: int
    stride: int | None = None
    bos: str = "window"
    last: str = "short"

    def __post_init__(self) -> None:
        if self.context < 2:
            raise ValueError(f"context: {self.context} is less than 2")
        if self.stride is not None and not 1 <= self.stride <= self.context - 1:
            raise ValueError(f"stride: {self.stride} is not between 1 and context - 1 = {self.context - 1}")
        if self.bos not in BOS_CHOICES:
            raise ValueError(f"bos: {self.bos!r} is none of {', '.join(BOS_CHOICES)}")
        if self.last not in LAST_CHOICES:
            raise ValueError(f"last: {self.last!r} is none of {', '.join(LAST_CHOICES)}")

    @property
    def independent(self) -> bool:
        """Whether no window looks at the tokens of another."""
        disjoint = self.stride in (None, self.context - 1) and self.last == "short"
        return self.bos == "window" and disjoint

    def windows(self, num_tokens: int) -> Iterator[Window]:
        """Windows of a sequence of so many tokens."""
        stride = self.context - 1 if self.stride is None else self.stride
        new = 0
        while new < num_tokens:
            bos = self.bos == "window" or new == 0
            full = new + (stride if new else self.context - bos)
            end = min(full, num_tokens)
            begin = (full if self.last == "short" else end) - self.context + bos
            yield Window(max(0, begin), new, end, bos)
            new = end
