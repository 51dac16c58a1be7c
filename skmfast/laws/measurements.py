"""Tables of measured losses, from CSV or Parquet files: which columns are the loss and the variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skmfast.errors import CorpusError

if TYPE_CHECKING:
    import numpy.typing as npt

    Columns = dict[str, npt.NDArray[Any]]

# Names that columns commonly have, in lower case without spaces and underscores.
_MODEL_SIZE = ("n", "modelsize", "parameters", "params", "numparameters", "nparams")
_TOKENS = ("d", "tokens", "trainingtokens", "numtokens", "datasize")
_FLOP = ("c", "flop", "flops", "trainingflop", "trainingflops", "compute")
_FLOP_PER_PARAMETER_TOKEN = 6


def read(path: str | os.PathLike[str]) -> Columns:
    """Columns of a CSV file with a header, or of a Parquet file.

    Raises
    ------
    CorpusError
        If the file does not exist or cannot be read as what its name says.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    name = os.fspath(path)
    try:
        parquet = Path(path).suffix.lower() == ".parquet"
        with open(name, "rb"):  # says in fewer words what is wrong
            table = pq.read_table(name) if parquet else pyarrow.csv.read_csv(name)
    except OSError as error:
        raise CorpusError(f"{name}: cannot be read: {error.strerror or error}") from None
    except pa.ArrowInvalid as error:
        raise CorpusError(f"{name}: {error}") from None
    if not table.num_rows:
        raise CorpusError(f"{name}: holds no rows")
    return {each: table[each].to_numpy() for each in table.column_names}


def column(columns: Columns, wanted: str, source: str) -> npt.NDArray[Any]:
    """One column.

    Raises
    ------
    CorpusError
        If there is none of that name.
    """
    if wanted not in columns:
        raise CorpusError(f"{source}: no column {wanted!r}; columns: {', '.join(columns)}")
    return columns[wanted]


def numbers(columns: Columns, wanted: str, source: str) -> npt.NDArray[np.float64]:
    """One column as numbers.

    Raises
    ------
    CorpusError
        If there is none of that name, or it holds something else.
    """
    values = column(columns, wanted, source)
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise CorpusError(f"{source}: column {wanted!r} holds values that are no numbers") from None


def variables_of(columns: Columns, wanted: str | None, source: str) -> dict[str, npt.NDArray[np.float64]]:
    """The variables of a fit by name.

    Parameters
    ----------
    columns : dict
        As `read` gives them.
    wanted : str or None
        ``NAME=COLUMN`` separated by commas. None takes N, and D if it is there, from columns with a usual
        name; where there is a column of FLOP instead of tokens, D = FLOP / (6 N).
    source : str
        What messages call the file.

    Raises
    ------
    CorpusError
        If a column does not exist, or none has a usual name.

    Examples
    --------
    >>> sizes = {"Model Size": np.array([10.0, 20.0]), "Training FLOP": np.array([6e3, 6e3])}
    >>> {name: values.tolist() for name, values in variables_of(sizes, None, "table").items()}
    {'N': [10.0, 20.0], 'D': [100.0, 50.0]}
    """
    if wanted is not None:
        chosen = {}
        for part in wanted.split(","):
            name, separator, of = part.partition("=")
            if not (name.strip() and separator and of.strip()):
                raise CorpusError(f"--variables: {part!r} is not NAME=COLUMN")
            chosen[name.strip()] = numbers(columns, of.strip(), source)
        return chosen
    usual = {name.lower().replace(" ", "").replace("_", ""): name for name in columns}

    def found(names: tuple[str, ...]) -> npt.NDArray[np.float64] | None:
        match = next((usual[name] for name in names if name in usual), None)
        return None if match is None else numbers(columns, match, source)

    size, tokens, flop = found(_MODEL_SIZE), found(_TOKENS), found(_FLOP)
    if size is None:
        raise CorpusError(
            f"{source}: no column is called N, params or model size; name them with --variables"
            f" (columns: {', '.join(columns)})"
        )
    if tokens is None and flop is not None:
        tokens = flop / (_FLOP_PER_PARAMETER_TOKEN * size)
    return {"N": size} if tokens is None else {"N": size, "D": tokens}
