"""LanguageModel: the code of a language model: tokens, windows, batches, bits of each token."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from skmfast.codes.base import CodeLengths, describe
from skmfast.codes.windows import WindowPolicy
from skmfast.errors import CorpusError, ModelFileError
from skmfast.settings import resolve_threads

if TYPE_CHECKING:
    from torch import Tensor

DTYPES = ("float64", "float32", "bfloat16")

# Tokens, padding counted, that the trunk sees at once unless ``batch`` says how many windows.
_BATCH_TOKENS = 4096


class Tokenizer(Protocol):
    """What turns bytes into tokens; every document must come back."""

    @property
    def bos(self) -> int | None:
        """The token that sequences begin with, if there is one."""

    def __len__(self) -> int:
        """Entries of the vocabulary."""

    def encode(self, data: bytes | memoryview) -> npt.NDArray[np.int64]:
        """Tokens of a document. Raises CorpusError where they would not give it back."""

    def decode(self, tokens: Sequence[int] | npt.NDArray[np.int64]) -> bytes:
        """The document."""


class Trunk(Protocol):
    """A model up to its head."""

    head: Tensor

    def hidden(self, tokens: Tensor) -> Tensor:
        """Hidden states (B, T, D) behind each of the tokens (B, T)."""


@dataclass(frozen=True, eq=False)
class TokenLengths:
    """Tokens of one document and the bits of each.

    Attributes
    ----------
    tokens : ndarray of int64, shape (n,)
    bits : ndarray of float64, shape (n,)
    """

    tokens: npt.NDArray[np.int64]
    bits: npt.NDArray[np.float64]


class _Task(NamedTuple):
    """A window of a sequence: what the trunk sees, what it predicts, and where the bits go."""

    inputs: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    sequence: int
    new: int


class LanguageModel:
    """Code length under an autoregressive language model of tokens.

    A document costs the sum of -log2 of the probability that the model gives to each of its tokens, which
    the tokenizer makes of its bytes. What each token is predicted from is a stated policy of windows
    (`skmfast.codes.windows.WindowPolicy`). Documents are coded each alone, except under ``bos="once"``.

    Parameters
    ----------
    path : path, optional
        A llama2.c model file. Needs torch: the extra ``skmfast[torch]``.
    tokenizer : path or None
        Its tokenizer; by default ``tokenizer.bin`` or ``tokN.bin`` (N entries) in the same folder.
    context : int or None
        Tokens of a window; by default what the model was trained on.
    stride, bos
        See `WindowPolicy`.
    dtype : {"float64", "float32", "bfloat16"}
        Of weights and computation. Only in float64 are lengths independent, to 1e-9 bits and less, of how
        documents are batched.
    batch : int or None
        Windows that are computed at once; by default about 4,096 tokens' worth.
    model_sha256, tokenizer_sha256, runs_on : str or None
        What a stream that was written depends on: with them, this code is only made where it is so.

    Raises
    ------
    ValueError
        If a parameter is out of range, or the files or this machine are not what is asked for.
    ModelFileError
        If a file is truncated or no such file.

    References
    ----------
    Deletang and others 2024, "Language modeling is compression".
    """

    name = "lm"

    block_bytes = 1 << 24

    def __init__(
        self,
        path: str | None = None,
        tokenizer: str | None = None,
        context: int | None = None,
        stride: int | None = None,
        bos: str = "window",
        dtype: str = "float64",
        batch: int | None = None,
        model_sha256: str | None = None,
        tokenizer_sha256: str | None = None,
        runs_on: str | None = None,
    ) -> None:
        if path is None:
            raise ValueError("lm needs a model: lm:PATH")
        if dtype not in DTYPES:
            raise ValueError(f"dtype: {dtype!r} is none of {', '.join(DTYPES)}")
        _need_torch()
        import torch

        from skmfast.codes.llama import Llama
        from skmfast.codes.llama2c import read_llama2c
        from skmfast.codes.llama2c_tokenizer import Llama2cTokenizer

        with _reading(path):
            sizes, weights = read_llama2c(path)
            found = _tokenizer_of(path, sizes.vocabulary_size) if tokenizer is None else tokenizer
        with _reading(found):
            vocabulary = Llama2cTokenizer(found)
        files: dict[str, object] = {
            "path": os.path.abspath(path),
            "tokenizer": os.path.abspath(found),
            "model_sha256": _sha256(path),
            "tokenizer_sha256": _sha256(found),
        }
        for name, wanted in (("model_sha256", model_sha256), ("tokenizer_sha256", tokenizer_sha256)):
            if wanted is not None and wanted != files[name]:
                raise ValueError(f"{name}: another file is asked for: {wanted}, this is {files[name]}")
        trunk = Llama(sizes, weights, getattr(torch, dtype))
        self._prepare(
            trunk,
            vocabulary,
            files,
            dtype,
            WindowPolicy(sizes.context if context is None else context, stride, bos),
            batch,
        )
        if runs_on is not None and runs_on != self.runs_on:
            raise ValueError(f"runs_on: asked for is {runs_on!r}, this is {self.runs_on!r}")

    @classmethod
    def of(
        cls,
        trunk: Trunk,
        tokenizer: Tokenizer,
        *,
        context: int,
        stride: int | None = None,
        bos: str = "window",
        batch: int | None = None,
        about: Mapping[str, object] | None = None,
    ) -> LanguageModel:
        """A code from any trunk with a head (V, D), in their own type and on their own device.

        Parameters
        ----------
        trunk : Trunk
            Gives hidden states; has the ``head``.
        tokenizer : Tokenizer
        context, stride, bos, batch
            As for a file.
        about : mapping, optional
            What identifies model and tokenizer, for ``parameters``.
        """
        made = cls.__new__(cls)
        dtype = str(trunk.head.dtype).removeprefix("torch.")
        policy = WindowPolicy(context, stride, bos)
        made._prepare(trunk, tokenizer, dict(about or {}), dtype, policy, batch)
        return made

    def _prepare(
        self,
        trunk: Trunk,
        tokenizer: Tokenizer,
        files: dict[str, object],
        dtype: str,
        policy: WindowPolicy,
        batch: int | None,
    ) -> None:
        if batch is not None and batch < 1:
            raise ValueError(f"batch: {batch} is less than 1")
        if len(tokenizer) != len(trunk.head):
            raise ModelFileError(
                f"the tokenizer has {len(tokenizer):,} entries, the model {len(trunk.head):,}: not a pair"
            )
        if tokenizer.bos is None:
            raise ValueError("the tokenizer has no BOS token, and a first token needs something before it")
        self.trunk, self.tokenizer, self.policy = trunk, tokenizer, policy
        self._files, self._dtype, self._batch = files, dtype, batch

    @property
    def parameters(self) -> Mapping[str, object]:
        """Window policy, type, and what identifies model, tokenizer and machine."""
        policy = {"context": self.policy.context, "stride": self.policy.stride, "bos": self.policy.bos}
        return {**self._files, **policy, "dtype": self._dtype, "runs_on": self.runs_on}

    @property
    def runs_on(self) -> str:
        """Libraries and processor that the last bits of a result depend on."""
        import torch

        capability = torch.backends.cpu.get_cpu_capability()
        return f"torch {torch.__version__}, {capability}, {_processor()}, {self.trunk.head.device.type}"

    def __repr__(self) -> str:
        return f"LanguageModel({', '.join(f'{name}={value!r}' for name, value in self.parameters.items())})"

    def lengths(
        self,
        documents: Sequence[bytes | memoryview],
        *,
        per_document: bool = False,
        threads: int | None = None,
        memory: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> CodeLengths:
        """Code lengths of ``documents``; see `Code.lengths`. ``memory`` does not bind.

        Raises
        ------
        CorpusError
            If the tokenizer cannot give a document's bytes back, or the model gives no probability.
        """
        each = self.token_lengths(documents, per_document=per_document, threads=threads, progress=progress)
        alone = np.array([math.fsum(found.bits) for found in each], dtype=np.float64)
        sizes = np.array([len(document) for document in documents], dtype=np.int64)
        return CodeLengths(
            bits=math.fsum(alone),
            num_bytes=int(sizes.sum()),
            document_bytes=sizes,
            per_document=alone if per_document else None,
            metadata={
                **describe(self, per_document=per_document),
                "tokens": sum(len(found.tokens) for found in each),
            },
        )

    def token_lengths(
        self,
        documents: Sequence[bytes | memoryview],
        *,
        per_document: bool = True,
        threads: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> list[TokenLengths]:
        """Tokens of each document, and the bits of each token; parameters and errors as for `lengths`."""
        tokens = [self.tokenizer.encode(document) for document in documents]
        if per_document or self.policy.bos != "once":
            sequences = tokens
        else:
            sequences = [np.concatenate(tokens)] if tokens else []
        bits = [np.zeros(len(sequence)) for sequence in sequences]
        tasks = [task for number, sequence in enumerate(sequences) for task in self._tasks(number, sequence)]
        done, total = 0, sum(len(task.targets) for task in tasks)
        with _torch_threads(threads):
            for group in self._groups(tasks):
                for task, found in zip(group, self._bits(group), strict=True):
                    bits[task.sequence][task.new : task.new + len(found)] = found
                    done += len(found)
                if progress is not None:
                    progress(done / total)
        if sequences is not tokens and tokens:
            bits = np.split(bits[0], np.cumsum([len(each) for each in tokens])[:-1])
        for number, found in enumerate(bits):
            if not np.isfinite(found).all():
                place = int(np.flatnonzero(~np.isfinite(found))[0])
                raise CorpusError(f"document {number}, token {place}: the model gives it {found[place]} bits")
        return [TokenLengths(ids, found) for ids, found in zip(tokens, bits, strict=True)]

    def encode(self, document: bytes, *, progress: Callable[[float], None] | None = None) -> bytes:
        """Payload of ``document``; see `skmfast.codes.language_model_stream.encode`."""
        from skmfast.codes.language_model_stream import encode

        return encode(self, document, progress)

    def decode(
        self, payload: bytes, num_bytes: int, *, progress: Callable[[float], None] | None = None
    ) -> bytes:
        """The document whose payload this is; see `skmfast.codes.language_model_stream.decode`."""
        from skmfast.codes.language_model_stream import decode

        return decode(self, payload, num_bytes, progress)

    def _tasks(self, number: int, sequence: npt.NDArray[np.int64]) -> Iterator[_Task]:
        """Windows of a sequence."""
        for first, new, end, bos in self.policy.windows(len(sequence)):
            inputs = sequence[first : end - 1]
            if bos:
                inputs = np.concatenate([[self.tokenizer.bos], inputs])
            yield _Task(inputs, sequence[new:end], number, new)

    def _groups(self, tasks: list[_Task]) -> Iterator[list[_Task]]:
        """Tasks that are computed at once: of like lengths, so that there is little padding."""
        ordered = sorted(tasks, key=lambda task: (-len(task.inputs), task.sequence, task.new))
        start = 0
        while start < len(ordered):
            size = self._batch or max(1, _BATCH_TOKENS // len(ordered[start].inputs))
            yield ordered[start : start + size]
            start += size

    def _bits(self, group: list[_Task]) -> list[npt.NDArray[np.float64]]:
        """Bits of the targets of each task."""
        import torch

        from skmfast.operators import token_code_lengths

        # Padding is behind the tokens, where nothing that is asked for sees it.
        inputs = np.zeros((len(group), max(len(task.inputs) for task in group)), dtype=np.int64)
        wanted = np.zeros(inputs.shape, dtype=np.bool_)
        for row, task in enumerate(group):
            size = len(task.inputs)
            inputs[row, :size] = task.inputs
            wanted[row, size - len(task.targets) : size] = True
        device = self.trunk.head.device
        with torch.inference_mode():
            hidden = self.trunk.hidden(torch.from_numpy(inputs).to(device))
            predicting = hidden[torch.from_numpy(wanted).to(device)]
            targets = torch.from_numpy(np.concatenate([task.targets for task in group])).to(device)
            found = token_code_lengths(predicting, self.trunk.head, targets).double().cpu().numpy()
        return np.split(found, np.cumsum([len(task.targets) for task in group])[:-1])


def _need_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise ValueError("language models need torch: pip install 'skmfast[torch]'") from None


@contextlib.contextmanager
def _reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """What cannot be opened is reported as a model file that cannot be read."""
    try:
        yield
    except OSError as error:
        raise ModelFileError(f"{path}: {error.strerror or error}") from None


@contextlib.contextmanager
def _torch_threads(threads: int | None) -> Iterator[None]:
    """So many threads within torch; afterwards as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(resolve_threads(threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tokenizer_of(path: str | os.PathLike[str], vocabulary_size: int) -> str:
    """The tokenizer file beside a model file."""
    folder = Path(path).parent
    names = ("tokenizer.bin", f"tok{vocabulary_size}.bin")
    for name in names:
        if (folder / name).is_file():
            return os.fspath(folder / name)
    raise ModelFileError(f"{path}: no tokenizer beside it ({' or '.join(names)}): give tokenizer=PATH")


def _sha256(path: str | os.PathLike[str]) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _processor() -> str:
    """The processor's model, which libraries choose their code by."""
    import platform

    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


__all__ = ["DTYPES", "LanguageModel", "TokenLengths", "Tokenizer", "Trunk"]
