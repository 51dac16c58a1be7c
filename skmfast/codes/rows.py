"""Results as rows: one table layout for the command line and for Python, and its Parquet file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from skmfast.files import whole_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from skmfast.codes.base import CodeLengths

OK = "ok"
METADATA_KEY = b"skmfast"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a result.

    Attributes
    ----------
    source : str or None
        File that the documents come from.
    document : int or None
        Place of the document in its source (see `skmfast.corpora.Document`); None for a source as one.
    num_bytes : int or None
        Size in bytes; None where reading failed.
    bits : float or None
        Code length in bits; None where it failed.
    status : str
        ``"ok"``, or ``"failed: "`` and the reason.
    """

    source: str | None
    document: int | None
    num_bytes: int | None
    bits: float | None
    status: str = OK

    @classmethod
    def failed(
        cls, source: str | None, document: int | None, reason: str, num_bytes: int | None = None
    ) -> Row:
        """A row that says why there is no code length."""
        return cls(source, document, num_bytes, None, f"failed: {reason}")

    @property
    def ok(self) -> bool:
        """Whether there is a code length."""
        return self.status == OK

    @property
    def bits_per_byte(self) -> float | None:
        """Bits over bytes; None where there is no length or no byte."""
        return self.bits / self.num_bytes if self.bits is not None and self.num_bytes else None

    def as_dict(self) -> dict[str, object]:
        """The row under the column names of the Parquet file."""
        return {
            "source": self.source,
            "document": self.document,
            "bytes": self.num_bytes,
            "bits": self.bits,
            "bits_per_byte": self.bits_per_byte,
            "status": self.status,
        }


def rows_of(lengths: CodeLengths) -> list[Row]:
    """Rows of one result: a row per document, or one row when the corpus was coded as one."""
    names = lengths.document_names
    if lengths.per_document is None:
        same = names is not None and len(set(names)) == 1
        return [Row(names[0] if names and same else None, None, lengths.num_bytes, lengths.bits)]
    return [
        Row(names[index] if names is not None else None, index, int(size), float(bits))
        for index, (size, bits) in enumerate(zip(lengths.document_bytes, lengths.per_document, strict=True))
    ]


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals over the rows that succeeded, and how many did not."""

    num_ok: int
    num_failed: int
    num_bytes: int
    bits: float

    @property
    def bits_per_byte(self) -> float | None:
        """Total bits over total bytes; None without a byte."""
        return self.bits / self.num_bytes if self.num_bytes else None


def summary(rows: Iterable[Row]) -> Summary:
    """Add up ``rows``."""
    num_ok = num_failed = num_bytes = 0
    bits = []
    for row in rows:
        if row.ok:
            num_ok += 1
            num_bytes += row.num_bytes or 0
            bits.append(row.bits or 0.0)
        else:
            num_failed += 1
    return Summary(num_ok, num_failed, num_bytes, math.fsum(bits))


def write_parquet(
    path: str | os.PathLike[str],
    rows: Sequence[Row],
    metadata: Mapping[str, object],
    *,
    byte_bits: Sequence[npt.NDArray[np.float64]] | None = None,
) -> None:
    """Write ``rows`` to a Parquet file that appears whole or not at all.

    ``metadata`` goes into the schema under the key ``skmfast``, as JSON.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, pa.Array[Any]] = {
        "source": pa.array([row.source for row in rows], pa.string()),
        "document": pa.array([row.document for row in rows], pa.int64()),
        "bytes": pa.array([row.num_bytes for row in rows], pa.int64()),
        "bits": pa.array([row.bits for row in rows], pa.float64()),
        "bits_per_byte": pa.array([row.bits_per_byte for row in rows], pa.float64()),
        "status": pa.array([row.status for row in rows], pa.string()),
    }
    if byte_bits is not None:
        columns["byte_bits"] = pa.array(byte_bits, pa.large_list(pa.float64()))
    table = pa.table(columns).replace_schema_metadata({METADATA_KEY: json.dumps(dict(metadata)).encode()})
    with whole_file(path) as file:
        pq.write_table(table, file)
