"""A labelled corpus in the formats of others: flat token files and Parquet. Written in parts, never whole in
memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.files import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.corpora.sentences import Sentences

_ROW_GROUP = 1 << 16
_TOKENS = 1 << 22


def write_bin(corpus: LabelledCorpus, path: str | os.PathLike[str], first: int, last: int | None) -> None:
    """Write the tokens of sentences first, ..., last - 1 as they are in memory, little-endian."""
    begin, end, _ = slice(first, last).indices(corpus.num_sentences)
    start, stop = int(corpus.offsets[begin]), int(corpus.offsets[max(begin, end)])
    dtype = corpus.tokens.dtype.newbyteorder("<")
    with whole_file(path) as file:
        for at in range(start, stop, _TOKENS):
            file.write(np.ascontiguousarray(corpus.tokens[at : min(at + _TOKENS, stop)], dtype=dtype).data)


def write_parquet(corpus: LabelledCorpus, path: str | os.PathLike[str]) -> None:
    """Write a row for each sentence, a row group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tokens = pa.from_numpy_dtype(corpus.tokens.dtype)
    schema = pa.schema(
        [
            ("text", pa.string()),
            ("tokens", pa.list_(tokens)),
            ("labels", pa.list_(pa.uint8())),
            ("element", pa.uint32()),
        ]
    )
    with whole_file(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for begin in range(0, corpus.num_sentences, _ROW_GROUP):
            part = corpus.sentences.part(begin, min(begin + _ROW_GROUP, corpus.num_sentences))
            writer.write_batch(_batch(part, schema))


def _batch(part: Sentences, schema: pa.Schema) -> pa.RecordBatch:
    """The arrays as columns, without a copy of the long ones."""
    import pyarrow as pa

    if max(len(part.text), len(part.tokens)) >= 1 << 31:
        raise ValueError("sentences are too long for one row group")
    offsets: Any = pa.array(part.offsets.astype(np.int32))
    text_offsets = pa.py_buffer(part.text_offsets.astype(np.int32).data)
    columns: list[Any] = [
        pa.StringArray.from_buffers(
            len(part), text_offsets, pa.py_buffer(np.ascontiguousarray(part.text).data)
        ),
        pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(part.tokens))),
        pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(part.labels))),
        pa.array(np.ascontiguousarray(part.elements)),
    ]
    return pa.record_batch(columns, schema=schema)
