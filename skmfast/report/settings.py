"""How much of a corpus a report measures: sizes, not seconds, so that the same corpus gives the same page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Bounds of a report.

    Attributes
    ----------
    sample_bytes : int
        What slow codes, strings of bytes and documents one by one are measured on; a corpus of up to twice
        this size is measured whole.
    limit_bytes : int
        What fast codes and words are measured on; of a larger corpus, a sample of this size.
    passage_bytes : int
        Size, about, of the passages that a corpus of few documents is cut into.
    threads : int or None
        By default ``SKMFAST_THREADS``, else every core.
    memory : int or None
        Bound of the codes' working memory in bytes.

    Raises
    ------
    ValueError
        If a size or a number is less than one.

    Examples
    --------
    >>> Settings(sample_bytes=0)
    Traceback (most recent call last):
    ValueError: sample_bytes: 0 is less than 1
    """

    sample_bytes: int = 5 << 19
    limit_bytes: int = 64_000_000
    passage_bytes: int = 4000
    threads: int | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        for name in ("sample_bytes", "limit_bytes", "passage_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is less than 1")
