"""Prequential learning curve: bits per byte of the next block against bytes seen, and its power law.

For a code that depends on counts alone the bits of a block given what was seen are a difference of two code
lengths, L(seen + block) - L(seen). The curve is fitted by E + A/n^a, a power law with an offset: E is the
entropy rate and 1 - a Hilberg's exponent (Hilberg 1990; Takahira, Tanaka-Ishii and Debowski 2016).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.laws.power_law import PowerLaw, fit
from skmfast.laws.spectrum import Estimate
from skmfast.settings import resolve_threads

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.codes.base import Code
    from skmfast.laws.tables import Table

    Floats = npt.NDArray[np.float64]
    Blocks = list[tuple[int, int, int]]  # document, begin, end

ORDERS = ("shuffled", "corpus")
# The first point of a curve comes after so many blocks, and a corpus has at least so many.
_FIRST_BLOCKS, _LEAST_BLOCKS = 32, 256
_BLOCK_BYTES = 4096
# Parts of the corpus that every prefix takes its share of.
_STRATA = 64
# Small prefixes are measured in several orders, up to this share of the corpus.
_REPEATS, _REPEATED_SHARE = 8, 1 / 8
# A curve that falls by less than this has no exponent; a rate below this, in bits per byte, is no language.
_LEAST_FALL, _LEAST_RATE = 0.02, 0.02
# Where Huber's loss turns linear: blocks of real text scatter by about as much.
_DELTA = 0.01


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Measured bits of consecutive blocks, and the law that was fitted to them.

    Attributes
    ----------
    begin, end : numpy.ndarray, shape (points,)
        Bytes seen before and after each block.
    bits : numpy.ndarray, shape (points,)
        Bits of the block, in the mean over the orders.
    orders : numpy.ndarray of int, shape (points,)
        How many random orders of the corpus the point is the mean of.
    law : PowerLaw or None
        Bits per byte at n bytes, E + A/n^a; None where ``reason`` says why there is none.
    forecast : numpy.ndarray, shape (points,)
        Bits per byte that the law fitted to the first half of the corpus predicts; nan where there is none.
    reason : str
        Why there is no law; empty where there is one.
    vocabulary : dict
        For ``"words"`` and ``"bytes:4"``: exponents of Heaps' and Zipf's laws, and what they predict.
    metadata : dict
        Code, order, block size, seed.
    """

    begin: Floats
    end: Floats
    bits: Floats
    orders: npt.NDArray[np.int64]
    law: PowerLaw | None
    forecast: Floats
    reason: str
    vocabulary: dict[str, dict[str, Any]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def num_bytes(self) -> int:
        """Size of the corpus."""
        return int(self.end[-1])

    @property
    def rates(self) -> Floats:
        """Bits per byte of each block."""
        return self.bits / (self.end - self.begin)

    @property
    def places(self) -> Floats:
        """The number of bytes seen at which a falling rate has its mean over the block."""
        return middle(self.begin, self.end)

    @property
    def entropy_rate(self) -> Estimate | None:
        """Bits per byte that the law tends to, with its interval."""
        return self._estimate("E", lambda value: value)

    @property
    def hilberg_exponent(self) -> Estimate | None:
        """beta = 1 - a: what is above the entropy rate in n bytes grows as n^beta."""
        return self._estimate("a", lambda value: 1 - value)

    @property
    def forecast_error(self) -> float:
        """Predicted over measured bits of the second half, less one; nan without a law."""
        known = np.isfinite(self.forecast)
        if not known.any():
            return float("nan")
        sizes = (self.end - self.begin)[known]
        return float((self.forecast[known] * sizes).sum() / self.bits[known].sum() - 1)

    def _estimate(self, name: str, turn: Any) -> Estimate | None:
        if self.law is None:
            return None
        value = turn(self.law.parameters[name])
        low, high = sorted(map(turn, self.law.intervals.get(name, (np.nan, np.nan))))
        return Estimate(value, low, high, self.law.level)

    def table(self) -> Table:
        """The curve as a table of results: what figures and pages are drawn from."""
        from skmfast.laws.tables import Table

        law = self.law
        columns = {
            "begin_bytes": self.begin,
            "end_bytes": self.end,
            "bits": self.bits,
            "bits_per_byte": self.rates,
            "orders": self.orders,
            "fitted": np.full(len(self.bits), np.nan) if law is None else law.predict(self.places),
            "forecast": self.forecast,
        }
        metadata = {
            **self.metadata,
            "law": "learning-curve",
            "bytes": self.num_bytes,
            "fit": None if law is None else law.to_dict(),
            "reason": self.reason,
            "entropy_rate": _as_list(self.entropy_rate),
            "hilberg_exponent": _as_list(self.hilberg_exponent),
            "forecast_error": None if law is None else self.forecast_error,
            "vocabulary": self.vocabulary,
        }
        return Table(columns, metadata)

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the table, whole or not at all."""
        self.table().save(path)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the figure of the table to an image; its suffix says the format."""
        from skmfast.laws.plots import draw

        draw(self.table().to_bytes(), path)

    def __repr__(self) -> str:
        what = f"<LearningCurve: {len(self.bits)} blocks of {self.num_bytes:,} bytes"
        if self.law is None:
            return f"{what}; no law: {self.reason}>"
        return f"{what}; entropy rate {self.entropy_rate}, Hilberg exponent {self.hilberg_exponent}>"


def middle(begin: npt.ArrayLike, end: npt.ArrayLike) -> Floats:
    """Identric mean of two sizes: where a slowly falling power has its mean over the block between them.

    Examples
    --------
    >>> middle(1000, 2000).round(1).tolist()
    1471.5
    """
    low, high = np.asarray(begin, np.float64), np.asarray(end, np.float64)
    return np.exp((high * np.log(high) - low * np.log(low)) / (high - low) - 1)


def fit_learning_curve(
    corpus: bytes | Sequence[bytes | memoryview],
    code: str | Code = "context-tree",
    *,
    order: str = "shuffled",
    seed: int = 0,
    per_octave: int = 2,
    block_bytes: int | None = None,
    vocabulary: bool = True,
    resamples: int = 1000,
    level: float = 0.95,
    threads: int | None = None,
    memory: int | None = None,
) -> LearningCurve:
    """Bits per byte of the next block against bytes seen, with its power law.

    Parameters
    ----------
    corpus : bytes, or sequence of bytes-like
        A document, or several.
    code : str or Code
        One whose lengths depend on counts alone: context-tree or kt.
    order : {"shuffled", "corpus"}
        In which order blocks are seen. A corpus is seldom alike from its beginning to its end, and what comes
        next then says more of the place than of what was learnt; shuffled, every prefix is a random sample
        of all of it, as training data are. Blocks keep the bytes before them as their context.
    seed : int
        Of the shuffling, and of the bootstrap.
    per_octave : int
        Points for each doubling of the size, at least 1.
    block_bytes : int, optional
        Size of the pieces that are shuffled; by default 4,096, and less for corpora below 4 MB.
    vocabulary : bool
        Also fit the laws of Heaps and Zipf to words and strings of four bytes.
    resamples : int
        Resamples of the bootstrap over points, for the intervals.
    level : float
        Coverage of the intervals.
    threads, memory
        As in `Code.lengths`.

    Returns
    -------
    LearningCurve
        With the law, or the reason why there is none.

    Raises
    ------
    ValueError
        If the corpus has fewer than 256 blocks (of at least 16 bytes), or an argument is out of range.
    TypeError
        If the code's lengths do not depend on counts alone.

    Notes
    -----
    Prefixes of up to an eighth of the corpus are measured in eight random orders, and larger ones in one. The
    intervals are percentiles over resampled points: they say how well the points fix the law, not whether the
    law goes on beyond them.

    Examples
    --------
    >>> words = [b"one ", b"two ", b"three ", b"four "]
    >>> text = b"".join(words[i] for i in np.random.default_rng(0).integers(0, 4, 8000))
    >>> curve = fit_learning_curve(text, "kt:order=2", vocabulary=False, resamples=0)
    >>> curve.num_bytes == len(text), bool(curve.rates[0] > curve.rates[-1])
    (True, True)
    """
    from skmfast.codes.registry import make_code

    documents = [corpus] if isinstance(corpus, (bytes, bytearray, memoryview)) else list(corpus)
    chosen = make_code(code)
    measure = _measure_of(chosen, threads, memory)
    if order not in ORDERS:
        raise ValueError(f"order: {order!r} is not one of {', '.join(ORDERS)}")
    if per_octave < 1:
        raise ValueError(f"per_octave: {per_octave} is less than 1")
    blocks, size = _blocks(documents, block_bytes)
    counts = _block_counts(len(blocks), per_octave)
    with ThreadPoolExecutor(1) as beside:
        # Counting words keeps one thread busy, and no other waiting.
        early = vocabulary and resolve_threads(threads) > 1
        fitted = beside.submit(_vocabulary, documents, level) if early else None
        seen, length = _measured(
            lambda prefix: measure(documents, prefix), blocks, counts, order == "shuffled", seed
        )
    words = fitted.result() if fitted else _vocabulary(documents, level) if vocabulary else {}
    begin, end = np.nanmean(seen, axis=0)[:-1], np.nanmean(seen, axis=0)[1:]
    followed = np.isfinite(seen[:, 1:])
    # Differences within an order, then their mean, so that both ends of a block are of the same orders.
    bits = np.nanmean(np.diff(length, axis=1), axis=0)
    sizes = np.nanmean(np.diff(seen, axis=1), axis=0)
    begin = end - sizes
    law, reason = _fit(begin, end, bits, level, resamples, seed)
    return LearningCurve(
        begin=begin,
        end=end,
        bits=bits,
        orders=followed.sum(axis=0),
        law=law,
        forecast=_forecast(begin, end, bits, law is not None),
        reason=reason,
        vocabulary=words,
        metadata={
            "code": chosen.name,
            "parameters": dict(chosen.parameters),
            "order": order,
            "block_bytes": size,
            "seed": seed,
            "level": level,
            "documents": len(documents),
        },
    )


def _measured(
    measure: Callable[[Blocks], float], blocks: Blocks, counts: list[int], shuffled: bool, seed: int
) -> tuple[Floats, Floats]:
    """Bytes and bits of each prefix, both (order, size); nan where an order was not followed so far."""
    generator = np.random.default_rng(seed)
    repeats = _REPEATS if shuffled else 1
    seen = np.full((repeats, len(counts)), np.nan)
    length = np.full((repeats, len(counts)), np.nan)
    for repeat in range(repeats):
        sequence = _shuffled(blocks, generator) if shuffled else blocks
        for place, count in enumerate(counts):
            if repeat > 0 and count > _REPEATED_SHARE * len(blocks):
                break
            prefix = sequence[:count]
            seen[repeat, place] = sum(end - begin for _, begin, end in prefix)
            length[repeat, place] = measure(prefix)
    return seen, length


def _measure_of(code: Code, threads: int | None, memory: int | None) -> Any:
    """Function of documents and blocks: the bits of the blocks as one corpus."""
    from skmfast.codes.context_tree import ContextTree
    from skmfast.codes.krichevsky_trofimov import KrichevskyTrofimov

    if isinstance(code, ContextTree):

        def with_contexts(documents: Sequence[bytes | memoryview], blocks: Blocks) -> float:
            from skmfast.codes.context_counts import ContextTreeCounts

            views = [memoryview(document) for document in documents]
            parts = tuple((bytes(views[d][max(b - 64, 0) : b]), views[d][b:e]) for d, b, e in blocks)
            return code.lengths_from(ContextTreeCounts(parts), threads=threads, memory=memory).bits

        return with_contexts
    if isinstance(code, KrichevskyTrofimov):

        def alone(documents: Sequence[bytes | memoryview], blocks: Blocks) -> float:
            views = [memoryview(document) for document in documents]
            return code.lengths([views[d][b:e] for d, b, e in blocks], threads=threads, memory=memory).bits

        return alone
    raise TypeError(f"{code.name}: its lengths do not depend on counts alone; context-tree and kt do")


def _blocks(documents: Sequence[bytes | memoryview], block_bytes: int | None) -> tuple[Blocks, int]:
    """The documents cut into pieces of at most so many bytes."""
    total = sum(map(len, documents))
    size = min(_BLOCK_BYTES, max(total // 1024, 16)) if block_bytes is None else block_bytes
    if size < 1:
        raise ValueError(f"block_bytes: {size} is less than 1")
    blocks = [
        (index, begin, min(begin + size, len(document)))
        for index, document in enumerate(documents)
        for begin in range(0, len(document), size)
    ]
    if len(blocks) < _LEAST_BLOCKS:
        raise ValueError(
            f"too little data for a learning curve: {total:,} bytes are {len(blocks)} blocks of {size},"
            f" not at least {_LEAST_BLOCKS}"
        )
    return blocks, size


def _block_counts(total: int, per_octave: int) -> list[int]:
    """Numbers of blocks of the prefixes: geometric, up to all."""
    steps = int(per_octave * np.log2(total / _FIRST_BLOCKS))
    return sorted({round(total * 2 ** (-step / per_octave)) for step in range(steps + 1)})


def _shuffled(blocks: Blocks, generator: np.random.Generator) -> Blocks:
    """A random order in which every prefix has its share of each part of the corpus."""
    strata = np.arange(len(blocks)) * _STRATA // len(blocks)
    keys = generator.random(len(blocks))
    # The k-th of a stratum's blocks, in random order, comes at a random time of the k-th round.
    order = np.lexsort([keys, strata])
    first = np.searchsorted(strata, np.arange(_STRATA))
    rounds = np.empty(len(blocks))
    rounds[order] = np.arange(len(blocks)) - first[strata[order]]
    sizes = np.bincount(strata, minlength=_STRATA)
    times = (rounds + generator.random(len(blocks))) / sizes[strata]
    return [blocks[place] for place in np.argsort(times)]


def _fit(
    begin: Floats, end: Floats, bits: Floats, level: float, resamples: int, seed: int
) -> tuple[PowerLaw | None, str]:
    """The law, or why there is none."""
    rates = bits / (end - begin)
    if rates[-1] < _LEAST_RATE:
        return None, f"the last block takes {rates[-1]:.2g} bits per byte: there is nothing left to learn"
    fall = 1 - rates[-1] / rates[0]
    if fall < _LEAST_FALL:
        return (
            None,
            f"bits per byte fall by {100 * fall:.1f} % over the whole curve: too little for an exponent",
        )
    law = fit({"n": middle(begin, end)}, rates, delta=_DELTA, resamples=resamples, level=level, seed=seed)
    return law, ""


def _forecast(begin: Floats, end: Floats, bits: Floats, wanted: bool) -> Floats:
    """Bits per byte in the second half by the law fitted to the first; nan elsewhere."""
    forecast = np.full(len(bits), np.nan)
    half = end <= end[-1] * 0.501
    if wanted and half.sum() >= 4:
        law, _ = _fit(begin[half], end[half], bits[half], 0.95, 0, 0)
        if law is not None:
            forecast[~half] = law.predict(middle(begin[~half], end[~half]))
    return forecast


def _vocabulary(documents: Sequence[bytes | memoryview], level: float) -> dict[str, dict[str, Any]]:
    """Heaps' and Zipf's exponents of words and of strings of four bytes; or why there are none."""
    from skmfast.laws.heaps import fit_heaps
    from skmfast.laws.spectrum import Spectrum, byte_labels, word_labels
    from skmfast.laws.zipf import fit_zipf

    text = b"\n".join(documents)
    fitted: dict[str, dict[str, Any]] = {}
    for kind, labels in (("words", word_labels(text)), ("bytes:4", byte_labels(text, 4))):
        try:
            spectrum = Spectrum.of_labels(labels)
            heaps, zipf = fit_heaps(labels, level), fit_zipf(spectrum, None, level)
        except ValueError as error:
            fitted[kind] = {"reason": str(error)}
            continue
        d = heaps.exponent
        fitted[kind] = {
            "tokens": heaps.num_tokens,
            "different": heaps.num_elements,
            "heaps_exponent": _as_list(d),
            "zipf_exponent": _as_list(zipf.exponent),
            "data_exponent": [1 - d.value, 1 - d.high, 1 - d.low],
            "zipf_data_exponent": [
                1 - zipf.discount.value, 1 - zipf.discount.high, 1 - zipf.discount.low
            ],
        }  # fmt: skip
    return fitted


def _as_list(estimate: Estimate | None) -> list[float] | None:
    """Value, low, high."""
    return None if estimate is None else [estimate.value, estimate.low, estimate.high]
