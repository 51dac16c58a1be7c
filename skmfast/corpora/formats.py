"""Documents inside one open stream: raw bytes, JSON Lines, Parquet."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from skmfast.corpora.documents import Document, Failure
from skmfast.errors import CorpusError

if TYPE_CHECKING:
    import pyarrow

_PIECE = 1 << 20
_ROWS_PER_BATCH = 1024
_SHOWN_NAMES = 20
_TEXTUAL = {"string", "large_string", "string_view", "binary", "large_binary", "binary_view"}


def whole(stream: BinaryIO, max_bytes: int | None) -> bytes:
    """Everything in ``stream``, unless it is more than ``max_bytes``."""
    pieces = []
    size = 0
    while piece := stream.read(_PIECE):
        size += len(piece)
        if max_bytes is not None and size > max_bytes:
            raise CorpusError(f"larger than the limit of {max_bytes:,} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def json_lines(
    stream: BinaryIO, source: str, field: str, max_bytes: int | None
) -> Iterator[Document | Failure]:
    """The string under ``field`` of each line, as UTF-8; blank lines are skipped."""
    number = 0
    empty = True
    # JSON may write a character in up to six bytes (\uXXXX) for one byte of text.
    longest = -1 if max_bytes is None else 6 * max_bytes + _PIECE
    while line := stream.readline(longest):
        number += 1
        if 0 < longest == len(line) and not line.endswith(b"\n"):
            raise CorpusError(f"line {number}: longer than {longest:,} bytes")
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.isspace() or not line:
            continue
        try:
            data = _text_of_record(line, field)
            if max_bytes is not None and len(data) > max_bytes:
                raise CorpusError(f"larger than the limit of {max_bytes:,} bytes")
        except CorpusError as error:
            yield Failure(source, number, f"line {number}: {error}")
        else:
            yield Document(source, number, data)
        empty = False
    if empty:
        raise CorpusError("empty: no documents")


def _text_of_record(line: bytes, field: str) -> bytes:
    try:
        record = json.loads(line.decode().rstrip("\r\n"))
    except UnicodeDecodeError as error:
        raise CorpusError(f"not UTF-8 at byte {error.start} of the line") from None
    except json.JSONDecodeError as error:
        raise CorpusError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise CorpusError("not JSON that can be read: nested too deeply") from None
    except ValueError as error:
        raise CorpusError(f"not JSON that can be read: {error}") from None
    if not isinstance(record, dict):
        raise CorpusError(f"a JSON {_json_kind(record)}, not an object with fields")
    if field not in record:
        raise CorpusError(f"no field {field!r}; fields: {_listed(record)}")
    text = record[field]
    if not isinstance(text, str):
        raise CorpusError(f"field {field!r} is a JSON {_json_kind(text)}, not a string")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise CorpusError(
            f"field {field!r} has a lone surrogate (U+{ord(text[error.start]):04X}) at character"
            f" {error.start}, which has no UTF-8"
        ) from None


def parquet_rows(
    stream: BinaryIO, source: str, column: str, max_bytes: int | None
) -> Iterator[Document | Failure]:
    """The values of ``column``, which holds strings (as UTF-8) or binary."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Parquet is read from its end, so a stream that cannot seek is held in memory.
        file = pq.ParquetFile(stream if stream.seekable() else io.BytesIO(whole(stream, max_bytes)))
        names = file.schema_arrow.names
        if column not in names:
            raise CorpusError(f"no column {column!r}; columns: {_listed(names)}")
        if names.count(column) > 1:
            raise CorpusError(f"column {column!r} occurs {names.count(column)} times")
        row = 0
        for batch in file.iter_batches(batch_size=_ROWS_PER_BATCH, columns=[column]):
            for value in _as_binary(batch.column(0), column):
                data = value.as_py()
                if data is None:
                    yield Failure(source, row, f"row {row}: null")
                elif max_bytes is not None and len(data) > max_bytes:
                    yield Failure(source, row, f"row {row}: larger than the limit of {max_bytes:,} bytes")
                else:
                    yield Document(source, row, data)
                row += 1
        if row == 0:
            raise CorpusError("empty: no documents")
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CorpusError(f"broken Parquet data ({' '.join(str(error).split())})") from None


def _as_binary(values: pyarrow.Array[Any], column: str) -> pyarrow.Array[Any]:
    """Strings and binary of any layout as large binary."""
    import pyarrow as pa

    kind = values.type
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    if str(values.type) not in _TEXTUAL and not pa.types.is_fixed_size_binary(values.type):
        raise CorpusError(f"column {column!r} holds {kind}, not strings or binary")
    return values.cast(pa.large_binary())


def _json_kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return "string" if isinstance(value, str) else "number"


def _listed(names: Any) -> str:
    """Names for a message, not too many."""
    shown = [str(name).encode("utf-8", "backslashreplace").decode() for name in names]
    more = f" and {len(shown) - _SHOWN_NAMES} more" if len(shown) > _SHOWN_NAMES else ""
    return (", ".join(shown[:_SHOWN_NAMES]) or "none") + more
