"""LanguageModel: the code of a language model: tokens, windows, batches, bits of each token."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from skmfast.codes.base import CodeLengths, describe
from skmfast.codes.llama import Llama
from skmfast.codes.part_results import PartResults, opened, part_key
from skmfast.codes.windows import WindowPolicy
from skmfast.errors import CorpusError
from skmfast.settings import resolve_threads

if TYPE_CHECKING:
    from torch import Tensor

DTYPES = ("float64", "float32", "bfloat16", "float16")

# Tokens, padding counted, that the trunk sees at once unless ``batch`` says how many windows.
_BATCH_TOKENS = 4096

_LONGEST_DEFAULT = 2048


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
    """A model up to its head, and the head: logits are ``hidden(tokens) @ head.T``.

    A trunk may also have

    - ``head_bias``, a Tensor (V,) that is added to the logits;
    - ``logit_scale`` and ``softcap``, numbers: logits are then ``softcap tanh(logit_scale z / softcap)``,
      without the cap if it is 0;
    - ``stepper(windows, length)`` and ``windows_at_once(context)``, for streams; see
      `skmfast.codes.language_model_stream`.
    """

    head: Tensor

    def hidden(self, tokens: Tensor) -> Tensor:
        """Hidden states (B, T, D) behind each of the tokens (B, T).

        A state depends on the tokens up to its own: what is behind a sequence is padding, of token 0.
        """


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
    number: int = 0


class LanguageModel:
    """Code length under an autoregressive language model of tokens.

    A document costs the sum of -log2 of the probability that the model gives to each of its tokens, which
    the tokenizer makes of its bytes. What each token is predicted from is a stated policy of windows
    (`skmfast.codes.windows.WindowPolicy`). Documents are coded each alone, except under ``bos="once"``.

    Parameters
    ----------
    path : path
        A llama2.c or GGUF file, a folder of Hugging Face's files (safetensors, never pickles), or a name on
        its hub; which of them is seen from what it holds. What is not found is looked for in the folders of
        the environment variable ``SKMFAST_MODELS``. A llama2.c file needs nothing else; the others need
        torch and transformers, the extra ``skmfast[lm]``.
    tokenizer : path or None
        Tokenizer of a llama2.c file; by default ``tokenizer.bin`` or ``tokN.bin`` (N entries) beside it.
    context : int or None
        Tokens of a window; by default what the model was trained on, at most 2,048.
    stride, bos, last
        See `WindowPolicy`.
    bos_token : int or None
        The token that windows begin with; by default the tokenizer's BOS, or where it has none, the token
        that ends texts. Models that were trained on texts end to end know best the one between them.
    dtype : {"float64", "float32", "bfloat16", "float16"} or None
        Of weights and computation. A llama2.c file is computed in float32, and lengths do not depend on how
        documents are batched; other models by default in float64, and only then they do not, to 1e-9 bits.
        float64 is for processors; elsewhere the default is float32.
    device : str or None
        Where torch computes: ``"cpu"``, the default, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    batch : int or None
        Windows that are computed at once; by default about 4,096 tokens' worth.
    stream_threads : int
        Threads of torch while a stream is written or read, on which the order of summation depends. They are
        written into the stream, so that it is read with as many.
    model_sha256, tokenizer_sha256, runs_on, probe : str or None
        What a stream that was written depends on: with them, this code is only made where it is so.

    Raises
    ------
    ValueError
        If a parameter is out of range, a library is missing, or the files or this machine are not what is
        asked for.
    ModelFileError
        If a file is missing, damaged, of no kind that is known, or its weights are pickled.

    References
    ----------
    Deletang and others 2024, "Language modeling is compression".
    """

    name = "lm"

    block_bytes = 1 << 24

    documents_alone = True
    """Each document of a stream is a block of its own."""

    where_parameters = ("path", "tokenizer")
    """Parameters that say where the model is, not what it is."""

    def __init__(
        self,
        path: str | None = None,
        tokenizer: str | None = None,
        context: int | None = None,
        stride: int | None = None,
        bos: str = "window",
        last: str = "short",
        bos_token: int | None = None,
        dtype: str | None = None,
        device: str | None = None,
        batch: int | None = None,
        stream_threads: int = 1,
        model_sha256: str | None = None,
        tokenizer_sha256: str | None = None,
        runs_on: str | None = None,
        probe: str | None = None,
    ) -> None:
        if path is None:
            raise ValueError("lm needs a model: lm:PATH")
        if dtype is not None and dtype not in DTYPES:
            raise ValueError(f"dtype: {dtype!r} is none of {', '.join(DTYPES)}")
        from skmfast.codes.model_files import load_model

        loaded = load_model(os.fspath(path), tokenizer, dtype, device)
        files: dict[str, object] = {
            "path": loaded.path,
            "tokenizer": loaded.tokenizer_path,
            "model_sha256": loaded.model_sha256,
            "tokenizer_sha256": loaded.tokenizer_sha256,
        }
        for name, wanted in (("model_sha256", model_sha256), ("tokenizer_sha256", tokenizer_sha256)):
            if wanted is not None and wanted != files[name]:
                raise ValueError(f"{name}: another file is asked for: {wanted}, this is {files[name]}")
        if context is None:
            context = min(loaded.context or _LONGEST_DEFAULT, _LONGEST_DEFAULT)
        policy = WindowPolicy(context, stride, bos, last)
        # The last token of a window is only predicted.
        if loaded.positions is not None and context - 1 > loaded.positions:
            raise ValueError(f"context: {context} is more than the model's {loaded.positions} positions")
        self._prepare(
            loaded.trunk, loaded.tokenizer, files, loaded.dtype, policy, bos_token, batch, stream_threads
        )
        if runs_on is not None and runs_on != self.runs_on:
            raise ValueError(f"runs_on: asked for is {runs_on!r}, this is {self.runs_on!r}")
        if probe is not None and probe != self.probe:
            raise ValueError(
                f"probe: this machine computes other logits, from {self.probe!r}, than asked for, {probe!r}:"
                " an instruction set or a library may be switched off by a setting"
            )

    @classmethod
    def of(
        cls,
        trunk: Trunk,
        tokenizer: Tokenizer,
        *,
        context: int,
        stride: int | None = None,
        bos: str = "window",
        last: str = "short",
        bos_token: int | None = None,
        batch: int | None = None,
        stream_threads: int = 1,
        about: Mapping[str, object] | None = None,
    ) -> LanguageModel:
        """A code from any torch module with hidden states and a head, in its own type, on its own device.

        Parameters
        ----------
        trunk : Trunk
            Gives hidden states; has the ``head`` (V, D).
        tokenizer : Tokenizer
        context, stride, bos, last, bos_token, batch, stream_threads
            As for a file.
        about : mapping, optional
            What identifies model and tokenizer, for ``parameters``.

        Examples
        --------
        A model of bytes, in which every byte depends on the one before it alone:

        >>> import torch
        >>> class Bigrams(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.embedding = torch.nn.Embedding(257, 16)
        ...         self.head = torch.nn.Parameter(torch.zeros(257, 16))
        ...
        ...     def hidden(self, tokens):
        ...         return self.embedding(tokens)
        >>> class Bytes:
        ...     bos = 256
        ...
        ...     def __len__(self):
        ...         return 257
        ...
        ...     def encode(self, data):
        ...         return np.frombuffer(bytes(data), np.uint8).astype(np.int64)
        ...
        ...     def decode(self, tokens):
        ...         return bytes(tokens)
        >>> untrained = LanguageModel.of(Bigrams(), Bytes(), context=128)
        >>> round(untrained.lengths([b"abc", b"de"]).bits_per_byte, 4)  # log2 of 257
        8.0056
        """
        made = cls.__new__(cls)
        dtype = str(trunk.head.dtype).removeprefix("torch.")
        policy = WindowPolicy(context, stride, bos, last)
        made._prepare(trunk, tokenizer, dict(about or {}), dtype, policy, bos_token, batch, stream_threads)
        return made

    def _prepare(
        self,
        trunk: Trunk | Llama,
        tokenizer: Tokenizer,
        files: dict[str, object],
        dtype: str,
        policy: WindowPolicy,
        bos_token: int | None,
        batch: int | None,
        stream_threads: int,
    ) -> None:
        if batch is not None and batch < 1:
            raise ValueError(f"batch: {batch} is less than 1")
        cores = os.cpu_count() or 1
        if not 1 <= stream_threads <= cores:
            raise ValueError(f"stream_threads: {stream_threads} is not between 1 and this machine's {cores}")
        if bos_token is None:
            bos_token = tokenizer.bos
        if bos_token is None:
            raise ValueError("the tokenizer has no BOS token: give bos_token, a number")
        entries = trunk.vocabulary_size if isinstance(trunk, Llama) else len(trunk.head)
        if not 0 <= bos_token < entries:
            raise ValueError(f"bos_token: {bos_token} is not between 0 and {entries - 1}")
        self.bos_token, self.vocabulary_size = int(bos_token), entries
        self.trunk, self.tokenizer, self.policy = trunk, tokenizer, policy
        self._files, self._dtype, self._batch = files, dtype, batch
        self._stream_threads = stream_threads

    @property
    def parameters(self) -> Mapping[str, object]:
        """Window policy, type, and what identifies model, tokenizer and machine."""
        policy = {**dataclasses.asdict(self.policy), "bos_token": self.bos_token}
        found = {**self._files, **policy, "dtype": self._dtype, "runs_on": self.runs_on}
        # A llama2.c file has no choice.
        return found if isinstance(self.trunk, Llama) else {**found, "device": str(self.trunk.head.device)}

    @property
    def stream_parameters(self) -> Mapping[str, object]:
        """Parameters of a stream: to those of a length, what the last bits of logits depend on."""
        if isinstance(self.trunk, Llama):
            return self.parameters
        weights = {} if "model_sha256" in self._files else {"model_sha256": self._weights_sha256}
        return {**self.parameters, **weights, "stream_threads": self._stream_threads, "probe": self.probe}

    @functools.cached_property
    def _weights_sha256(self) -> str | None:
        """Hash of the weights of a trunk that came from no file, if it is a module."""
        import torch

        from skmfast.codes.torch_steps import weights_sha256

        return weights_sha256(self.trunk) if isinstance(self.trunk, torch.nn.Module) else None

    @functools.cached_property
    def probe(self) -> str:
        """Digest of the logits of a few steps, on this machine and with these threads."""
        from skmfast.codes.torch_steps import probe

        if isinstance(self.trunk, Llama):
            return ""
        with self.stream_arithmetic():
            return probe(self.trunk, self.bos_token)

    def stream_arithmetic(self) -> contextlib.AbstractContextManager[None]:
        """Within it, torch computes as streams are written."""
        if isinstance(self.trunk, Llama):
            return contextlib.nullcontext()
        from skmfast.codes.torch_steps import torch_threads

        return torch_threads(self._stream_threads)

    @property
    def runs_on(self) -> str:
        """What the last bits of a result depend on: libraries and processor, or the order of summation."""
        if isinstance(self.trunk, Llama):
            return self.trunk.runs_on
        from skmfast.codes.torch_steps import machine

        return ", ".join([*getattr(self.trunk, "libraries", ()), machine(self.trunk.head.device)])

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
        parts: str | os.PathLike[str] | PartResults | None = None,
    ) -> CodeLengths:
        """Code lengths of ``documents``; see `Code.lengths`. ``memory`` does not bind.

        With ``parts``, a folder (or one that is open), results of windows are kept there every few seconds,
        and those that are there already, of this model, policy and machine, are not computed again.

        Raises
        ------
        CorpusError
            If the tokenizer cannot give a document's bytes back, or the model gives no probability.
        """
        each = self.token_lengths(
            documents, per_document=per_document, threads=threads, progress=progress, parts=parts
        )
        alone = np.array([math.fsum(found.bits.tolist()) for found in each], dtype=np.float64)
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
        parts: str | os.PathLike[str] | PartResults | None = None,
    ) -> list[TokenLengths]:
        """Tokens of each document, and the bits of each token; parameters and errors as for `lengths`."""
        tokens = self._tokens(documents)
        if per_document or self.policy.bos != "once":
            sequences = tokens
        else:
            sequences = [np.concatenate(tokens)] if tokens else []
        bits = [np.zeros(len(sequence)) for sequence in sequences]
        tasks = [task for number, sequence in enumerate(sequences) for task in self._tasks(number, sequence)]
        done, total = 0, sum(len(task.targets) for task in tasks)
        for group in self._results(tasks, parts, threads):
            for task, found in group:
                bits[task.sequence][task.new : task.new + len(found)] = found
                done += len(found)
            if progress is not None and total:
                progress(done / total)
        if sequences is not tokens and tokens:
            bits = np.split(bits[0], np.cumsum([len(each) for each in tokens])[:-1])
        for number, found in enumerate(bits):
            if not np.isfinite(found).all():
                place = int(np.flatnonzero(~np.isfinite(found))[0])
                raise CorpusError(f"document {number}, token {place}: the model gives it {found[place]} bits")
        return [TokenLengths(ids, found) for ids, found in zip(tokens, bits, strict=True)]

    def _tokens(self, documents: Sequence[bytes | memoryview]) -> list[npt.NDArray[np.int64]]:
        tokens = []
        for number, document in enumerate(documents):
            try:
                found = self.tokenizer.encode(document)
                # Tokenizers may have tokens, added later, that the model never had.
                if found.max(initial=0) >= self.vocabulary_size:
                    raise CorpusError(f"token {found.max()} is none of the model's {self.vocabulary_size:,}")
                tokens.append(found)
            except CorpusError as error:
                if len(documents) == 1:
                    raise
                raise CorpusError(f"document {number}: {error}") from None
        return tokens

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

    @property
    def documents_together(self) -> bool:
        """Whether several documents of a stream are best coded at once."""
        from skmfast.codes.language_model_stream import side_by_side

        return side_by_side(self)

    def encode_documents(
        self, documents: Sequence[bytes], *, progress: Callable[[float], None] | None = None
    ) -> list[bytes]:
        """Payloads of documents, each as `encode` writes it."""
        from skmfast.codes.language_model_stream import encode_documents

        return encode_documents(self, documents, progress)

    def decode_documents(
        self,
        payloads: Sequence[bytes],
        sizes: Sequence[int],
        *,
        progress: Callable[[float], None] | None = None,
    ) -> list[bytes]:
        """Documents of these sizes, each as `decode` reads it."""
        from skmfast.codes.language_model_stream import decode_documents

        return decode_documents(self, payloads, sizes, progress)

    def _tasks(self, number: int, sequence: npt.NDArray[np.int64]) -> Iterator[_Task]:
        """Windows of a sequence."""
        for first, new, end, bos in self.policy.windows(len(sequence)):
            inputs = sequence[first : end - 1]
            if bos:
                inputs = np.concatenate([[self.bos_token], inputs])
            yield _Task(inputs, sequence[new:end], number, new)

    def _results(
        self, tasks: list[_Task], parts: str | os.PathLike[str] | PartResults | None, threads: int | None
    ) -> Iterator[list[tuple[_Task, npt.NDArray[np.float64]]]]:
        """Bits of the targets of each task, some tasks at a time, in any order; known parts first."""
        if parts is None:
            for group in self._groups(tasks):
                yield list(zip(group, self._bits(group, threads), strict=True))
            return
        depends = {
            name: value for name, value in self.parameters.items() if name not in self.where_parameters
        }
        configuration = json.dumps(depends, sort_keys=True).encode()
        keys = [part_key(configuration, task.inputs.tobytes(), task.targets.tobytes()) for task in tasks]
        with opened(parts) as kept:
            known, missing = [], []
            for number, (key, task) in enumerate(zip(keys, tasks, strict=True)):
                found = kept.find(key)
                if found is not None and len(found) == len(task.targets):
                    known.append((task, found))
                else:
                    missing.append(task._replace(number=number))
            yield known
            for group in self._groups(missing):
                results = list(zip(group, self._bits(group, threads), strict=True))
                for task, found in results:
                    kept.add(keys[task.number], found)
                yield results

    def _groups(self, tasks: list[_Task]) -> Iterator[list[_Task]]:
        """Tasks that are computed at once: of like lengths, so that there is little padding."""
        ordered = sorted(tasks, key=lambda task: (-len(task.inputs), task.sequence, task.new))
        tokens = self.trunk.batch_tokens if isinstance(self.trunk, Llama) else _BATCH_TOKENS
        start = 0
        while start < len(ordered):
            size = self._batch or max(1, tokens // len(ordered[start].inputs))
            yield ordered[start : start + size]
            start += size

    def _bits(self, group: list[_Task], threads: int | None) -> list[npt.NDArray[np.float64]]:
        """Bits of the targets of each task."""
        if isinstance(self.trunk, Llama):
            wanted_of = [task.targets for task in group]
            windows = [task.inputs for task in group]
            return self.trunk.window_bits(windows, wanted_of, threads=resolve_threads(threads))
        import torch

        from skmfast.codes.torch_steps import torch_threads
        from skmfast.operators import token_code_lengths

        # Padding is behind the tokens, where nothing that is asked for sees it.
        inputs = np.zeros((len(group), max(len(task.inputs) for task in group)), dtype=np.int64)
        wanted = np.zeros(inputs.shape, dtype=np.bool_)
        for row, task in enumerate(group):
            size = len(task.inputs)
            inputs[row, :size] = task.inputs
            wanted[row, size - len(task.targets) : size] = True
        device = self.trunk.head.device
        with torch_threads(threads):
            hidden = self.trunk.hidden(torch.from_numpy(inputs).to(device))
            predicting = hidden[torch.from_numpy(wanted).to(device)]
            targets = torch.from_numpy(np.concatenate([task.targets for task in group])).to(device)
            bits = token_code_lengths(
                predicting,
                self.trunk.head,
                targets,
                getattr(self.trunk, "head_bias", None),
                logit_scale=getattr(self.trunk, "logit_scale", 1.0),
                softcap=getattr(self.trunk, "softcap", 0.0),
            )
        found = bits.double().cpu().numpy()
        return np.split(found, np.cumsum([len(task.targets) for task in group])[:-1])


__all__ = ["DTYPES", "LanguageModel", "TokenLengths", "Tokenizer", "Trunk"]
