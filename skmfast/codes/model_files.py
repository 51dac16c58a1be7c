"""Model files: which kind a path is of, by its content, and the model that is read from it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from skmfast.errors import ModelFileError

if TYPE_CHECKING:
    import torch

    from skmfast.codes.language_model import Tokenizer, Trunk
    from skmfast.codes.llama import Llama

FOLDERS_VARIABLE = "SKMFAST_MODELS"
"""Environment variable: folders, as in PATH, where models are looked for that are not where one stands."""

_NAME_ON_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FILE_SUFFIXES = (".bin", ".gguf", ".safetensors", ".json", ".pt", ".pth")
# A zip archive, or the protocol of a pickle and an instruction; a llama2.c file of width 640 has zeros there.
_PICKLED = re.compile(rb"PK\x03\x04|\x80[\x02-\x05][^\x00]")
_HASHED_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class LoadedModel:
    """A model that was read from files.

    Attributes
    ----------
    trunk, tokenizer
        See `skmfast.codes.language_model`.
    dtype : str
        Of weights and computation.
    context : int or None
        Tokens of the windows it was trained on.
    positions : int or None
        Longest sequence that it can look at; None: any.
    path : str
        Name of the file or folder, without where it is; a name on the hub in full.
    tokenizer_path : str or None
        Name of the tokenizer's file, if it is a file of its own.
    model_sha256, tokenizer_sha256 : str
        Of the file; of several files, of their names and hashes.
    """

    trunk: Trunk | Llama
    tokenizer: Tokenizer
    dtype: str
    context: int | None
    positions: int | None
    path: str
    tokenizer_path: str | None
    model_sha256: str
    tokenizer_sha256: str


def load_model(path: str, tokenizer: str | None, dtype: str | None, device: str | None) -> LoadedModel:
    """The model at ``path``.

    Parameters
    ----------
    path : str
        A llama2.c file, a GGUF file, a folder of Hugging Face's files, or a name on its hub. What is not
        found is looked for in the folders of ``SKMFAST_MODELS``.
    tokenizer : str or None
        Tokenizer of a llama2.c file; by default one beside it.
    dtype : str or None
        Of weights and computation; None: float32 for a llama2.c file, which has no other, and elsewhere than
        on a processor; else float64.
    device : str or None
        As torch calls it; None: the processor.

    Raises
    ------
    ValueError
        If a library is missing, type or device are none for this model or not there, or a model that has a
        tokenizer is given another.
    ModelFileError
        If there is no such file, or it is damaged or of no kind that is known.
    """
    found = _find(path)
    if found is None and not _is_name(path):
        raise ModelFileError(f"{path}: No such file or folder, here or in those of {FOLDERS_VARIABLE}")
    if found is not None and found.is_file() and not _is_gguf(found):
        if dtype not in (None, "float32"):
            raise ValueError(f"dtype: {path} is computed in float32, not in {dtype}")
        if device not in (None, "cpu"):
            raise ValueError(
                f"device: {path}, a llama2.c file, is computed on the processor, not on {device}"
            )
        return _llama2c(found, tokenizer)
    if tokenizer is not None:
        raise ValueError(f"tokenizer: {path} has its own; another is for llama2.c files")
    _need(("torch", "transformers", "tokenizers", "safetensors"), "Hugging Face models", "lm")
    from skmfast.codes.torch_devices import torch_device

    where = torch_device(device)
    on_processor = where.type == "cpu"
    if dtype == "float64" and not on_processor:
        raise ValueError(f"dtype: float64 is for processors; on {device}: float32, bfloat16, float16")
    return _huggingface(path, found, dtype or ("float64" if on_processor else "float32"), where)


def _find(path: str) -> Path | None:
    """Where ``path`` is: here, or in the folders of the environment."""
    given = Path(path).expanduser()
    if given.exists() or given.is_absolute():
        return given if given.exists() else None
    for folder in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep):
        if folder and (Path(folder) / given).exists():
            return Path(folder) / given
    return None


def _is_name(path: str) -> bool:
    """Whether this is a name on the hub rather than a path: then, and only then, the network may be asked."""
    owner = path.partition("/")[0]
    return (
        _NAME_ON_HUB.fullmatch(path) is not None
        and not Path(owner).exists()
        and not path.endswith(_FILE_SUFFIXES)
    )


def _is_gguf(path: Path) -> bool:
    return _beginning(path)[:4] == b"GGUF"


def _beginning(path: Path) -> bytes:
    with _opening(path), open(path, "rb") as file:
        return file.read(9)


def _llama2c(path: Path, tokenizer: str | None) -> LoadedModel:
    from skmfast.codes.llama import Llama
    from skmfast.codes.llama2c import read_llama2c
    from skmfast.codes.llama2c_tokenizer import Llama2cTokenizer

    start = _beginning(path)
    if _PICKLED.match(start):
        raise ModelFileError(
            f"{path}: pickled weights, which could run any code when they are read, are refused:"
            " convert them to safetensors"
        )
    if start[8:] == b"{" and not any(start[4:8]):
        raise ModelFileError(f"{path}: safetensors alone do not say what model they are: give their folder")
    with _opening(path):
        sizes, weights = read_llama2c(path)
    found = _tokenizer_of(path, tokenizer, sizes.vocabulary_size)
    with _opening(found):
        vocabulary = Llama2cTokenizer(found)
    if len(vocabulary) != sizes.vocabulary_size:
        raise ModelFileError(
            f"{path}: the tokenizer {found.name} has {len(vocabulary):,} entries, the model"
            f" {sizes.vocabulary_size:,}: not a pair"
        )
    return LoadedModel(
        Llama(sizes, weights),
        vocabulary,
        "float32",
        sizes.context,
        None,
        path.name,
        found.name,
        _sha256([path]),
        _sha256([found]),
    )


def _huggingface(path: str, found: Path | None, dtype: str, device: torch.device) -> LoadedModel:
    import torch

    from skmfast.codes import huggingface

    wide = getattr(torch, dtype)
    at = huggingface.fetch(path) if found is None else found
    name = path if found is None else Path(os.path.abspath(found)).name
    if at.is_file():
        _need(("gguf", "accelerate"), "GGUF files", "lm")
        trunk, tokenizer = huggingface.read_gguf(at, path, wide, device)
        model_files = tokenizer_files = [at]
    else:
        trunk, tokenizer = huggingface.read_folder(at, path, wide, device)
        model_files, tokenizer_files = huggingface.files_of(at)
    context = trunk.positions
    return LoadedModel(
        trunk, tokenizer, dtype, context, context, name, None, _sha256(model_files), _sha256(tokenizer_files)
    )


def _need(modules: Sequence[str], what: str, extra: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise ValueError(f"{what} need {module}: pip install 'skmfast[{extra}]'")


@contextlib.contextmanager
def _opening(path: str | os.PathLike[str]) -> Iterator[None]:
    """What cannot be opened is reported as a model file that cannot be read."""
    try:
        yield
    except OSError as error:
        raise ModelFileError(f"{path}: {error.strerror or error}") from None


def _tokenizer_of(path: Path, given: str | None, vocabulary_size: int) -> Path:
    """The tokenizer file given, here or beside the model file; or one that is beside it."""
    if given is not None:
        found = _find(given) or path.parent / given
        if not found.exists():
            raise ModelFileError(f"{given}: No such file, nor beside {path}")
        return found
    names = ("tokenizer.bin", f"tok{vocabulary_size}.bin")
    for name in names:
        if (path.parent / name).is_file():
            return path.parent / name
    raise ModelFileError(f"{path}: no tokenizer beside it ({' or '.join(names)}): give tokenizer=PATH")


def _sha256(paths: Sequence[Path]) -> str:
    """Hash of a file; of several, of their names and hashes."""
    if len(paths) == 1:
        return _sha256_of_file(paths[0])
    listing = "".join(f"{path.name} {_sha256_of_file(path)}\n" for path in paths)
    return hashlib.sha256(listing.encode()).hexdigest()


def _sha256_of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_HASHED_AT_ONCE):
            digest.update(piece)
    return digest.hexdigest()
