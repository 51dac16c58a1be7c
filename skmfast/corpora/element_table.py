"""ElementTable: what a labelled corpus is about: counts, true frequencies and texts of its elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.errors import CorpusError
from skmfast.files import whole_file

ROW_GROUP = 1 << 16  # elements of which the texts are made and held at once

Texts = Callable[[int, int], dict[str, list[str]]]


class ElementTable:
    """Elements 0, ..., K - 1.

    Parameters
    ----------
    attributes : sequence of str
        Names of the attributes, the name's first.
    counts : ndarray of uint64, shape (K,)
        Sentences about each element.
    frequencies : ndarray of float64, shape (K,)
        True probability of each element; they add up to at most 1.
    texts : callable
        ``texts(begin, end)`` gives, for each attribute, its text for elements begin, ..., end - 1.
    """

    def __init__(
        self,
        attributes: Sequence[str],
        counts: npt.NDArray[np.uint64],
        frequencies: npt.NDArray[np.float64],
        texts: Texts,
    ) -> None:
        if counts.shape != frequencies.shape or counts.ndim != 1:
            raise ValueError(f"counts of shape {counts.shape}, frequencies of shape {frequencies.shape}")
        self.attributes = tuple(attributes)
        self.counts = counts
        self.frequencies = frequencies
        self.texts = texts

    def __len__(self) -> int:
        return len(self.counts)

    def write(self, path: Path) -> None:
        """Write it as Parquet, a row for each element; the file appears whole or not at all."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        numbers: list[pa.Field[Any]] = [
            pa.field("element", pa.uint32()),
            pa.field("count", pa.uint64()),
            pa.field("frequency", pa.float64()),
        ]
        texts = [pa.field(f"attribute.{name}", pa.string()) for name in self.attributes]
        schema = pa.schema([*numbers, *texts])
        with whole_file(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for begin in range(0, len(self), ROW_GROUP):
                end = min(begin + ROW_GROUP, len(self))
                told = self.texts(begin, end)
                columns: list[Any] = [
                    pa.array(np.arange(begin, end, dtype=np.uint32)),
                    pa.array(self.counts[begin:end]),
                    pa.array(self.frequencies[begin:end]),
                    *(pa.array(told[name], pa.string()) for name in self.attributes),
                ]
                writer.write_batch(pa.record_batch(columns, schema=schema))

    @classmethod
    def open(cls, path: Path, attributes: Sequence[str]) -> ElementTable:
        """Read what `write` wrote; texts are read when they are asked for.

        Raises
        ------
        CorpusError
            If the file cannot be read, or holds something else.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path, columns=["element", "count", "frequency"])
        except (OSError, pa.ArrowException) as error:
            raise CorpusError(f"{path}: cannot be read: {error}") from None
        try:
            elements = table["element"].to_numpy()
            counts = table["count"].to_numpy().astype(np.uint64, copy=False)
            frequencies = table["frequency"].to_numpy().astype(np.float64, copy=False)
        except (KeyError, pa.ArrowException) as error:
            raise CorpusError(f"{path}: lacks a column: {error}") from None
        if not np.array_equal(elements, np.arange(len(elements))):
            raise CorpusError(f"{path}: the elements are not numbered 0, 1, 2, ...")
        return cls(attributes, counts, frequencies, _StoredTexts(path, attributes))


class _StoredTexts:
    """Texts of elements from a file, one run of rows at a time."""

    def __init__(self, path: Path, attributes: Sequence[str]) -> None:
        self._path = path
        self._attributes = tuple(attributes)

    def __call__(self, begin: int, end: int) -> dict[str, list[str]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = [f"attribute.{name}" for name in self._attributes]
        try:
            with pq.ParquetFile(self._path) as file:
                first = begin // ROW_GROUP
                groups = list(range(first, min(-(-end // ROW_GROUP), file.num_row_groups)))
                table = file.read_row_groups(groups, columns=names).slice(
                    begin - first * ROW_GROUP, end - begin
                )
                columns: dict[str, Any] = {name: table[f"attribute.{name}"] for name in self._attributes}
                return {name: column.to_pylist() for name, column in columns.items()}
        except (OSError, KeyError, pa.ArrowException) as error:
            raise CorpusError(f"{self._path}: cannot be read: {error}") from None
