"""From runs to the rows of an experiment's table: what each run was, and its test sentences in blocks.

A block is a twentieth of a run's test sentences; the bootstrap of `skmfast.experiments.fits` draws blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from skmfast.experiments.corpora import CorpusConfiguration
    from skmfast.experiments.runs import RunResult

Floats = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]

BLOCKS = 20
CODES = ("network", "bayes", "oracle")


def columns_of(table: pa.Table) -> Columns:
    """Columns of a table as arrays; text as objects."""
    return {name: table[name].to_numpy() for name in table.column_names}


def table_of(parts: Sequence[Mapping[str, npt.ArrayLike]], schema: Mapping[str, pa.DataType]) -> pa.Table:
    """Rows of several parts one below the other.

    Parameters
    ----------
    parts : sequence of mapping
        Columns of equal length; a scalar stands for a whole column of its part.
    schema : mapping from str to DataType
        Columns of the table; what a part does not have is empty (nan, 0, "").

    Examples
    --------
    >>> table = table_of([{"n": 1, "x": [2.0, 3.0]}, {"n": 4}], {"n": pa.int64(), "x": pa.float64()})
    >>> table.to_pydict()
    {'n': [1, 1, 4], 'x': [2.0, 3.0, nan]}
    """
    columns: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in schema}
    for part in parts:
        unknown = [name for name in part if name not in schema]
        if unknown:
            raise ValueError(f"column {unknown[0]!r}: is not in the table")
        length = max((np.size(column) for column in part.values() if np.ndim(column)), default=1)
        for name, kind in schema.items():
            column = np.asarray(part.get(name, _empty(kind)))
            columns[name].append(np.broadcast_to(column, (length,)).astype(_dtype(kind)))
    arrays = {
        name: pa.array(np.concatenate(columns[name]) if parts else [], kind) for name, kind in schema.items()
    }
    return pa.table(arrays)


def _dtype(kind: pa.DataType) -> Any:
    return object if pa.types.is_string(kind) else kind.to_pandas_dtype()


def _empty(kind: pa.DataType) -> object:
    if pa.types.is_string(kind):
        return ""
    return np.nan if pa.types.is_floating(kind) else 0


# What is known of the run that a row is of.
RUN_SCHEMA: dict[str, pa.DataType] = {
    "run": pa.string(),
    "repeat": pa.int64(),
    "parameters": pa.int64(),
    "sentences": pa.int64(),
    "frequencies": pa.string(),
    "discount": pa.float64(),
}


def run_columns(result: RunResult) -> dict[str, Any]:
    """Values of the columns of `RUN_SCHEMA`; number of sentences and frequencies are the first corpus's."""
    corpus = trained_on(result)
    return {
        "run": result.digest,
        "repeat": result.configuration.repeat,
        "parameters": int(result.facts.get("parameters", 0)),
        "sentences": corpus.sentences,
        "frequencies": corpus.frequencies,
        "discount": corpus.discount if corpus.frequencies == "pitman-yor" else np.nan,
    }


def trained_on(result: RunResult) -> CorpusConfiguration:
    """The first corpus of a run."""
    return result.configuration.corpora[0].corpus


BLOCK_SCHEMA: dict[str, pa.DataType] = {
    "block": pa.int64(),
    "number": pa.int64(),
    **{f"{code}_{part}_bits": pa.float64() for code in CODES for part in ("syntax", "name", "value")},
}


def block_columns(sentences: Columns, blocks: int = BLOCKS) -> Columns:
    """Means of blocks of test sentences, the columns of `BLOCK_SCHEMA`.

    Parameters
    ----------
    sentences : dict of str to ndarray
        Bits of each test sentence: ``network_syntax_bits``, ``network_name_bits``, ``network_value_bits`` and
        the same of ``bayes`` and ``oracle``; in the order of the corpus.
    blocks : int
        How many there are at most.
    """
    total = len(sentences["network_syntax_bits"])
    place = np.arange(total) * min(blocks, max(total, 1)) // max(total, 1)
    return grouped_means(sentences, place)


def grouped_means(sentences: Columns, place: npt.NDArray[np.int64]) -> Columns:
    """Means over the sentences with the same ``place``: the columns of `BLOCK_SCHEMA`."""
    places, which = np.unique(place, return_inverse=True)
    number = np.bincount(which, minlength=len(places))
    columns: Columns = {"block": places, "number": number}
    for code in CODES:
        for part in ("syntax", "name", "value"):
            name = f"{code}_{part}_bits"
            sums = np.bincount(which, weights=sentences[name].astype(np.float64), minlength=len(places))
            columns[name] = sums / number
    return columns


def knowledge(columns: Columns, code: str) -> Floats:
    """Name and value bits of a code together."""
    return np.asarray(columns[f"{code}_name_bits"] + columns[f"{code}_value_bits"])


def excess(columns: Columns, part: str, code: str = "network", floor: str = "oracle") -> Floats:
    """Bits that a code pays more than another for a part: "syntax", "name", "value" or "knowledge"."""
    if part == "knowledge":
        return knowledge(columns, code) - knowledge(columns, floor)
    return np.asarray(columns[f"{code}_{part}_bits"] - columns[f"{floor}_{part}_bits"])


def where(columns: Columns, **values: object) -> Columns:
    """The rows in which each named column has the given value; nan is equal to nan."""
    kept = np.ones(len(next(iter(columns.values()))), bool)
    for name, value in values.items():
        if isinstance(value, float) and np.isnan(value):
            kept &= np.isnan(columns[name])
        else:
            kept &= np.asarray(columns[name] == value)
    return {name: column[kept] for name, column in columns.items()}


def unique(columns: Columns, name: str) -> list[Any]:
    """Different values of a column in ascending order."""
    return sorted(set(columns[name].tolist()))


def sentence_columns(result: RunResult, corpus: int = 0) -> Columns:
    """Bits of each test sentence of one of a run's corpora."""
    return where(columns_of(result.sentences), corpus=corpus)


def class_columns(result: RunResult, grouping: str, corpus: int = 0) -> Columns:
    """Losses by class that has test sentences, at each evaluation; ``grouping`` is "count" or "rank"."""
    rows = where(columns_of(result.classes), corpus=corpus, grouping=grouping)
    kept = rows["sentences"] > 0
    return {name: column[kept] for name, column in rows.items()}
