"""What a labelled corpus is on disk: its files, their types, and corpus.json, which describes them.

Columns are flat little-endian arrays, so that numpy.memmap, or any other program, reads them as they are.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.errors import CorpusError
from skmfast.files import whole_file

FORMAT = "skmfast labelled corpus"
VERSION = 1
DESCRIPTION = "corpus.json"
VOCABULARY = "vocabulary.json"
ELEMENTS_TABLE = "elements.parquet"
TEXT = "text.txt"

# Column to its file. Tokens are uint16 or uint32, as corpus.json says.
COLUMNS = {
    "text": TEXT,
    "text_offsets": "text_offsets.bin",
    "tokens": "tokens.bin",
    "labels": "labels.bin",
    "offsets": "offsets.bin",
    "elements": "elements.bin",
    "statements": "statements.bin",
}
_DTYPES = {
    "text": "u1",
    "text_offsets": "<u8",
    "labels": "u1",
    "offsets": "<u8",
    "elements": "<u4",
    "statements": "<u2",
}
FILES = (*COLUMNS.values(), ELEMENTS_TABLE, VOCABULARY)
_READ_BYTES = 1 << 22

# A checksum that can be carried on: its state is one number, so that a run which is taken up again need not
# read what it has written, and of those that Python has it is the fastest (6 times BLAKE2b, 2.5 times
# SHA-256 with the processor's own instructions). It tells damage, not forgery.
checksum = zlib.crc32


def column_dtype(column: str, token_dtype: str) -> np.dtype[Any]:
    """Type of a column's entries on disk."""
    return (
        np.dtype("<u2" if token_dtype == "uint16" else "<u4")
        if column == "tokens"
        else np.dtype(_DTYPES[column])
    )


def column_shape(column: str, description: Mapping[str, Any]) -> tuple[int, ...]:
    """Shape of a column of the corpus that ``description`` tells of."""
    n = description["num_sentences"]
    return {
        "text": (description["num_text_bytes"],),
        "text_offsets": (n + 1,),
        "tokens": (description["num_tokens"],),
        "labels": (description["num_tokens"],),
        "offsets": (n + 1,),
        "elements": (n,),
        "statements": (n, description["statements"], 2),
    }[column]


def map_column(folder: Path, column: str, description: Mapping[str, Any]) -> npt.NDArray[Any]:
    """A column, mapped into memory for reading.

    Raises
    ------
    CorpusError
        If the file is missing or not of the size that the description says.
    """
    path = folder / COLUMNS[column]
    dtype, shape = column_dtype(column, description["token_dtype"]), column_shape(column, description)
    expected = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    found = file_size(path)
    if found != expected:
        raise CorpusError(f"{path}: {found:,} bytes instead of {expected:,}: {_damage(found, expected)}")
    if expected == 0:
        return np.empty(shape, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=shape)


def file_size(path: Path) -> int:
    """Bytes of a file. Raises CorpusError where there is none."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}") from None


def _damage(found: int, expected: int) -> str:
    return "the file was cut short" if found < expected else "something was added to the file"


def file_checksum(path: Path) -> int:
    """Checksum of a whole file."""
    value = 0
    with open(path, "rb") as file:
        while part := file.read(_READ_BYTES):
            value = checksum(part, value)
    return value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON; the file appears whole or not at all."""
    with whole_file(path) as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises
    ------
    CorpusError
        If it cannot be read, or is something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise CorpusError(f"{path}: not JSON: {error}") from None
    if not isinstance(content, dict):
        raise CorpusError(f"{path}: not a JSON object")
    return content


_NUMBERS = ("num_sentences", "num_tokens", "num_text_bytes", "num_elements", "statements", "seed")


def read_description(folder: Path) -> dict[str, Any]:
    """The content of corpus.json, its entries checked.

    Raises
    ------
    CorpusError
        If the folder holds no labelled corpus, or one of another version.
    """
    path = folder / DESCRIPTION
    description = read_json(path)
    if description.get("format") != FORMAT:
        raise CorpusError(f"{path}: does not describe a labelled corpus")
    if description.get("version") != VERSION:
        raise CorpusError(f"{path}: version {description.get('version')!r}; this program reads {VERSION}")
    for name in _NUMBERS:
        number = description.get(name)
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise CorpusError(f"{path}: {name} is {number!r}, not a number from 0")
    if description.get("token_dtype") not in ("uint16", "uint32"):
        raise CorpusError(f"{path}: token_dtype is {description.get('token_dtype')!r}")
    attributes = description.get("attributes")
    if not (
        isinstance(attributes, list) and attributes and all(isinstance(each, str) for each in attributes)
    ):
        raise CorpusError(f"{path}: attributes is not a list of names")
    if not isinstance(description.get("source"), dict) or not isinstance(description.get("files"), dict):
        raise CorpusError(f"{path}: source or files is missing")
    return description


def is_labelled_corpus(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a labelled corpus, going by its corpus.json."""
    path = Path(folder) / DESCRIPTION
    try:
        return path.is_file() and read_json(path).get("format") == FORMAT
    except CorpusError:
        return False
