"""Tables of results: Parquet with the law and its parameters as metadata. Figures are drawn from these."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skmfast.errors import CorpusError
from skmfast.files import whole_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_KEY = b"skmfast"


@dataclass(frozen=True, eq=False)
class Table:
    """Columns, and what they are of.

    Attributes
    ----------
    columns : dict of str to array_like
        Columns of equal length: numbers or strings.
    metadata : dict
        For JSON; ``metadata["law"]`` says what was computed.
    """

    columns: dict[str, npt.NDArray[Any]]
    metadata: dict[str, Any]

    def where(self, **values: object) -> dict[str, npt.NDArray[np.float64]]:
        """Columns of the rows in which each named column has the given value."""
        import numpy as np

        kept = np.ones(len(next(iter(self.columns.values()))), bool)
        for name, value in values.items():
            kept &= np.asarray(self.columns[name] == value)
        return {name: column[kept] for name, column in self.columns.items()}

    def to_bytes(self) -> bytes:
        """The Parquet file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table({name: pa.array(column) for name, column in self.columns.items()})
        buffer = BytesIO()
        pq.write_table(table.replace_schema_metadata({_KEY: json.dumps(self.metadata).encode()}), buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "table") -> Table:
        """Read a Parquet file that `to_bytes` made.

        Raises
        ------
        CorpusError
            If it is no Parquet file, or none of a law.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(BytesIO(content))
            metadata = json.loads((table.schema.metadata or {}).get(_KEY, b"{}"))
        except (pa.ArrowInvalid, ValueError) as error:
            raise CorpusError(f"{name}: no Parquet file of results: {error}") from None
        if not isinstance(metadata, Mapping) or "law" not in metadata:
            raise CorpusError(f"{name}: a Parquet file, but not of a law's results")
        columns = {each: table[each].to_numpy() for each in table.column_names}
        return cls(columns, dict(metadata))

    def save(self, path: str | os.PathLike[str]) -> bytes:
        """Write the Parquet file, whole or not at all; returns its content."""
        content = self.to_bytes()
        with whole_file(path) as file:
            file.write(content)
        return content

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Table:
        """`from_bytes` of a file."""
        return cls.from_bytes(Path(path).read_bytes(), os.fspath(path))


def stacked(parts: list[dict[str, npt.ArrayLike]]) -> dict[str, npt.NDArray[Any]]:
    """Rows of several parts one below the other; a scalar stands for a whole column of its part.

    Examples
    --------
    >>> rows = stacked([{"d": 1, "x": [2, 3]}, {"d": 4, "x": [5]}])
    >>> rows["d"].tolist(), rows["x"].tolist()
    ([1, 1, 4], [2, 3, 5])
    """
    import numpy as np

    rows: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in parts[0]}
    for part in parts:
        for name, column in zip(part, np.broadcast_arrays(*part.values()), strict=True):
            rows[name].append(column)
    return {name: np.concatenate(columns) for name, columns in rows.items()}
