"""Torch models token by token, for streams: logits of the next token, from a cache or computed anew.

Each takes the next tokens of some windows and gives float32 logits behind them, as arrays of numpy. The same
calls in the same order give the same logits to the last bit on the same machine, with the same number of
threads: nothing here depends on what is predicted, nor on chance.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from skmfast.settings import resolve_threads

if TYPE_CHECKING:
    from skmfast.codes.language_model import Trunk

Ids = npt.NDArray[np.int64]

_LOGIT_BYTES = 1 << 26
_CACHE_BYTES = 1 << 28
_RECOMPUTED_TOKENS = 4096
# Windows and steps of `probe`: products of a vector and of a matrix are done by different code.
_PROBED = ((1, 4), (5, 4))


class RecomputedSteps:
    """Steps of any trunk: all tokens of a window are computed anew for each of them.

    A window of n tokens costs n (n + 1) / 2 tokens' worth of work.

    Parameters
    ----------
    trunk : Trunk
    windows, length : int
        Windows side by side, and tokens of each at most.
    """

    def __init__(self, trunk: Trunk, windows: int, length: int) -> None:
        self._trunk = trunk
        self._tokens = np.zeros((windows, length), dtype=np.int64)
        self._position = 0

    def logits(self, tokens: Ids) -> npt.NDArray[np.float32]:
        """Logits (n, V) behind the next tokens, (n,) or (n, k), of the first n windows."""
        added = tokens[:, None] if tokens.ndim == 1 else tokens
        end = self._position + added.shape[1]
        self._tokens[: len(added), self._position : end] = added
        self._position = end
        seen = torch.from_numpy(self._tokens[: len(added), :end].copy()).to(self._trunk.head.device)
        return head_logits(self._trunk, self._trunk.hidden(seen)[:, -1])


class CachedSteps:
    """Steps of a model of transformers, which keeps keys and values (or states) of the tokens before.

    Parameters
    ----------
    trunk : HuggingFaceTrunk
    windows : int
        Windows side by side.
    """

    def __init__(self, trunk: Any, windows: int) -> None:
        self._trunk, self._windows = trunk, windows
        self._cache: dict[str, Any] = {}

    def logits(self, tokens: Ids) -> npt.NDArray[np.float32]:
        """Logits (n, V) behind the next tokens, (n,) or (n, k), of the first n windows."""
        added = tokens[:, None] if tokens.ndim == 1 else tokens
        # Windows that ended go on with token 0, so that shapes stay as they are.
        full = np.zeros((self._windows, added.shape[1]), dtype=np.int64)
        full[: len(added)] = added
        seen = torch.from_numpy(full).to(self._trunk.head.device)
        found = self._trunk.model.base_model(input_ids=seen, use_cache=True, **self._cache)
        for name in _CACHES:
            if getattr(found, name, None) is not None:
                self._cache = {name: getattr(found, name)}
        return head_logits(self._trunk, found.last_hidden_state[: len(added), -1])


# What models of transformers call what they keep; those that keep something else have no cached steps.
_CACHES = ("past_key_values", "cache_params")


def has_cache(model: Any) -> bool:
    """Whether a model of transformers keeps what it computed, in a way that `CachedSteps` knows."""
    one = torch.zeros((1, 1), dtype=torch.int64, device=model.device)
    with torch.inference_mode():
        found = model.base_model(input_ids=one, use_cache=True)
    return any(getattr(found, name, None) is not None for name in _CACHES)


def head_logits(trunk: Trunk, hidden: Tensor) -> npt.NDArray[np.float32]:
    """Logits (n, V) of the trunk's head on hidden states (n, D)."""
    logits = torch.nn.functional.linear(hidden, trunk.head, getattr(trunk, "head_bias", None))
    logits = logits * getattr(trunk, "logit_scale", 1.0)
    softcap = getattr(trunk, "softcap", 0.0)
    if softcap:
        logits = softcap * torch.tanh(logits / softcap)
    found: npt.NDArray[np.float32] = logits.float().cpu().numpy()
    return found


def windows_at_once(length: int, cache_bytes: int | None, vocabulary: int) -> int:
    """Windows of ``length`` tokens that are computed side by side: part of the format.

    ``cache_bytes`` is what a token of a window is kept in, or None where nothing is kept.
    """
    by_logits = _LOGIT_BYTES // (8 * vocabulary)
    if cache_bytes is None:
        return max(1, min(by_logits, _RECOMPUTED_TOKENS // length))
    return max(1, min(by_logits, _CACHE_BYTES // (max(1, cache_bytes) * length)))


def probe(trunk: Trunk, first: int) -> str:
    """Digest of the logits of a few steps from token ``first`` on: of their last bits too."""
    digest = hashlib.sha256()
    for windows, length in _PROBED:
        stepper = stepper_of(trunk, windows, length)
        tokens = np.full(windows, first, dtype=np.int64)
        for step in range(length):
            logits = stepper.logits(tokens)
            digest.update(logits.tobytes())
            tokens = (np.arange(windows) * 31 + step * 7 + 1) % logits.shape[1]
    return digest.hexdigest()[:16]


def stepper_of(trunk: Any, windows: int, length: int) -> Any:
    """The trunk's own stepper, or one that computes all anew."""
    if hasattr(trunk, "stepper"):
        return trunk.stepper(windows, length)
    return RecomputedSteps(trunk, windows, length)


def weights_sha256(module: torch.nn.Module) -> str:
    """Hash of the parameters and buffers of a module, under their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@contextlib.contextmanager
def torch_threads(threads: int | None) -> Iterator[None]:
    """So many threads within torch; afterwards as many as before. No gradients.

    Raises
    ------
    MemoryError
        Where torch finds none, on the processor or on the device.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(resolve_threads(threads))
    try:
        with torch.inference_mode():
            yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error).partition("\n")[0]) from None
    except RuntimeError as error:
        if "DefaultCPUAllocator" not in str(error):
            raise
        raise MemoryError("for a tensor of torch") from None
    finally:
        torch.set_num_threads(before)


def machine(device: torch.device) -> str:
    """What arithmetic on ``device`` depends on: torch, and the processor that it chooses its code by."""
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        name = f"CUDA {torch.version.cuda}, {torch.cuda.get_device_name(device)} ({major}.{minor})"
    else:
        name = f"{torch.backends.cpu.get_cpu_capability()}, {_processor()}"
    return f"torch {torch.__version__}, {name}, {device.type}"


@functools.cache
def _processor() -> str:
    """The processor's model, with the numbers that tell those of one name apart."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            found.setdefault(key.strip(), value.strip())
            if not line.strip():
                break
    if "model name" not in found:
        return platform.processor() or platform.machine()
    numbers = "-".join(found.get(name, "?") for name in ("cpu family", "model", "stepping"))
    return f"{found['model name']} ({numbers})"
