"""Models and tokenizers of Hugging Face's transformers: folders of safetensors, names, GGUF files."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from skmfast.codes import torch_steps
from skmfast.errors import CorpusError, ModelFileError

# Files of a name on the hub that are fetched: never pickled weights, never code.
_WANTED = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")

_CHECKED_TOKENS = 8
_SHOWN_BYTES = 12


class HuggingFaceTokenizer:
    """A tokenizer of transformers, for documents that it gives back byte by byte.

    A special token that is spelled out in a document is that token.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
    name : str
        What errors call it.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        self._tokenizer = tokenizer
        self.name = name
        # A document of any length is fine: windows are made of its tokens.
        tokenizer.model_max_length = 1 << 62

    @property
    def bos(self) -> int | None:
        """The tokenizer's BOS token, or, where it has none, the token that ends its texts."""
        found: int | None = self._tokenizer.bos_token_id
        if found is None:
            found = self._tokenizer.eos_token_id
        return found

    def __len__(self) -> int:
        return len(self._tokenizer)

    def encode(self, data: bytes | memoryview) -> npt.NDArray[np.int64]:
        """Tokens of ``data``, without BOS.

        Raises
        ------
        CorpusError
            If ``data`` is no UTF-8 or decoding the tokens would not give it back; with the position.
        """
        data = bytes(data)
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise CorpusError(
                f"byte {error.start:,} ({_shown(data, error.start)}) is not UTF-8, which the tokenizer of"
                f" {self.name} needs"
            ) from None
        tokens = np.array(self._tokenizer.encode(text, add_special_tokens=False), dtype=np.int64)
        back = self.decode(tokens)
        if back != data:
            place = _first_difference(data, back)
            raise CorpusError(
                f"the tokenizer of {self.name} does not give the bytes back: from byte {place:,} on,"
                f" {_shown(data, place)} becomes {_shown(back, place)}"
            )
        return tokens

    def decode(self, tokens: Sequence[int] | npt.NDArray[np.int64]) -> bytes:
        """Bytes of the tokens of a whole document."""
        text: str = self._tokenizer.decode(
            [int(token) for token in tokens], skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text.encode()


class HuggingFaceTrunk:
    """A causal language model of transformers: what is in front of its head, and the head.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        With a head that is linear, scaled and capped at most.
    name : str
        What errors call it.

    Raises
    ------
    ModelFileError
        If its logits are not the head's on the hidden states.
    """

    def __init__(self, model: Any, name: str) -> None:
        self.model = model.eval().requires_grad_(False)
        layer = model.get_output_embeddings()
        if layer is None or not hasattr(layer, "weight"):
            raise ModelFileError(f"{name}: {type(model).__name__} has no head over a vocabulary")
        self.head: Tensor = layer.weight
        self.head_bias: Tensor | None = getattr(layer, "bias", None)
        settings = model.config.get_text_config()
        # What is behind a window is padding, of any token, and nothing looks at it: no warnings about it.
        model.config.pad_token_id = settings.pad_token_id = None
        self.softcap = float(getattr(settings, "final_logit_softcapping", None) or 0.0)
        # Cohere's models multiply logits by a scale, Granite's divide them.
        self.logit_scale = float(getattr(settings, "logit_scale", None) or 1.0)
        self.logit_scale /= float(getattr(settings, "logits_scaling", None) or 1.0)
        self._check(name)
        self._cached = torch_steps.has_cache(model)

    @property
    def libraries(self) -> tuple[str, ...]:
        """Libraries, beside torch, that logits and tokens depend on."""
        import tokenizers
        import transformers

        return f"transformers {transformers.__version__}", f"tokenizers {tokenizers.__version__}"

    @property
    def positions(self) -> int | None:
        """Longest sequence that the model says it can look at."""
        settings = self.model.config.get_text_config()
        found = getattr(settings, "max_position_embeddings", None) or getattr(settings, "n_positions", None)
        return int(found) if found else None

    def hidden(self, tokens: Tensor) -> Tensor:
        """Hidden states (B, T, D) behind each of the tokens (B, T)."""
        found: Tensor = self.model.base_model(input_ids=tokens, use_cache=False).last_hidden_state
        return found

    def stepper(self, windows: int, length: int) -> torch_steps.CachedSteps | torch_steps.RecomputedSteps:
        """Token-by-token computation over ``windows`` windows of at most ``length`` tokens."""
        if self._cached:
            return torch_steps.CachedSteps(self, windows)
        return torch_steps.RecomputedSteps(self, windows, length)

    def windows_at_once(self, context: int) -> int:
        """Windows whose keys and values may be held at once."""
        settings = self.model.config.get_text_config()
        heads = _number(settings, "num_attention_heads") or 1
        width = _number(settings, "head_dim") or -(-self.head.shape[1] // heads)
        kept = _number(settings, "num_key_value_heads") or heads
        kept *= 2 * width * (_number(settings, "num_hidden_layers") or 1) * self.head.element_size()
        return torch_steps.windows_at_once(context, kept if self._cached else None, len(self.head))

    def _check(self, name: str) -> None:
        """Compare with the model's own logits: architectures differ in what stands before their head."""
        tokens = torch.arange(_CHECKED_TOKENS, device=self.head.device)[None] % len(self.head)
        with torch.inference_mode():
            wanted = self.model(input_ids=tokens, use_cache=False).logits.double()
            logits = torch.nn.functional.linear(self.hidden(tokens), self.head, self.head_bias).double()
            logits = logits * self.logit_scale
            if self.softcap:
                logits = self.softcap * torch.tanh(logits / self.softcap)
        allowed = 0.05 if self.head.dtype in (torch.bfloat16, torch.float16) else 1e-3
        same = torch.allclose(logits, wanted, rtol=allowed, atol=allowed, equal_nan=True)
        if not same and wanted.isfinite().all():
            raise ModelFileError(
                f"{name}: logits of {type(self.model).__name__} are not a linear head on its hidden states"
            )


def _number(settings: Any, name: str) -> int:
    """A number of a configuration, the largest where layers differ; 0 where there is none."""
    found = getattr(settings, name, None) or 0
    return int(max(found)) if isinstance(found, (list, tuple)) else int(found)


def read_folder(
    folder: Path, name: str, dtype: torch.dtype, device: torch.device
) -> tuple[HuggingFaceTrunk, HuggingFaceTokenizer]:
    """Model and tokenizer of a folder with config.json, tokenizer files and safetensors. No network.

    Raises
    ------
    ModelFileError
        If weights are pickled, a file is missing or damaged, or transformers does not know the architecture.
    """
    _check_folder(folder, name)
    return _read(name, dtype, device, str(folder), use_safetensors=True)


def read_gguf(
    path: Path, name: str, dtype: torch.dtype, device: torch.device
) -> tuple[HuggingFaceTrunk, HuggingFaceTokenizer]:
    """Model and tokenizer of a GGUF file, its weights as they are when they are no longer quantised.

    Raises
    ------
    ModelFileError
        As for a folder.
    """
    return _read(name, dtype, device, str(path.parent), gguf_file=path.name)


def fetch(name: str) -> Path:
    """The folder of a name on the Hugging Face hub, in its cache; what is not there yet is downloaded.

    Raises
    ------
    ModelFileError
        If there is no such name, or it cannot be reached.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(_WANTED), ignore_patterns=["*/*"]))
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"{name}: no such file or folder, and not to be had from the Hugging Face hub: {_line(error)}"
        ) from None


def files_of(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files that decide a model, and files that decide a tokenizer."""
    weights = sorted(folder.glob("*.safetensors"))
    tokenizer = sorted(
        path
        for path in folder.iterdir()
        if path.name.startswith(("tokenizer", "special_tokens", "added_tokens", "vocab", "merges", "spiece"))
        and path.is_file()
    )
    return [folder / "config.json", *weights], tokenizer


def _check_folder(folder: Path, name: str) -> None:
    if not (folder / "config.json").is_file():
        raise ModelFileError(f"{name}: a folder without config.json is no model of Hugging Face's")
    if any(folder.glob("*.safetensors")):
        return
    pickled = [path.name for suffix in ("bin", "pt", "pth", "ckpt") for path in folder.glob(f"*.{suffix}")]
    if pickled:
        raise ModelFileError(
            f"{name}: only pickled weights ({min(pickled)}), which could run any code when they are read;"
            " convert them to safetensors"
        )
    raise ModelFileError(f"{name}: no weights (*.safetensors) in the folder")


def _read(
    name: str, dtype: torch.dtype, device: torch.device, folder: str, **how: Any
) -> tuple[HuggingFaceTrunk, HuggingFaceTokenizer]:
    import transformers

    gguf = {"gguf_file": how["gguf_file"]} if "gguf_file" in how else {}
    with _reading(name):
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, **gguf
        )
        model, found = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            dtype=torch.float32 if gguf else dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            **how,
        )
    # transformers would fill what a file lacks with random numbers.
    lacking = sorted(found["missing_keys"]) + sorted(str(key[0]) for key in found["mismatched_keys"])
    if lacking:
        raise ModelFileError(f"{name}: {len(lacking)} tensors are missing or of another shape: {lacking[0]}")
    try:
        model = model.to(device, dtype)
    except torch.OutOfMemoryError as error:
        raise MemoryError(f"{name} on {device}: {_line(error)}") from None
    trunk = HuggingFaceTrunk(model, name)
    if tokenizer.vocab_size > len(trunk.head):
        raise ModelFileError(
            f"{name}: the tokenizer has {tokenizer.vocab_size:,} entries, the model {len(trunk.head):,}"
        )
    return trunk, HuggingFaceTokenizer(tokenizer, name)


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    """No bars and no warnings from transformers; what it raises becomes a ModelFileError of one line."""
    import warnings

    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            # One of the bars cannot be switched off.
            warnings.simplefilter("ignore")
            yield
    except ImportError as error:
        raise ValueError(f"{name}: {_line(error)}; pip install 'skmfast[lm]'") from None
    except MemoryError:
        raise
    except Exception as error:  # of many kinds, by no rule: safetensors, json, tokenizers, gguf
        raise ModelFileError(f"{name}: {_line(error)}") from None
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _line(error: BaseException) -> str:
    """The message, on one line and not endless."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:300]}..."


def _first_difference(data: bytes, back: bytes) -> int:
    shorter = min(len(data), len(back))
    one, two = np.frombuffer(data[:shorter], np.uint8), np.frombuffer(back[:shorter], np.uint8)
    different = np.flatnonzero(one != two)
    return int(different[0]) if len(different) else shorter


def _shown(data: bytes, place: int) -> str:
    return repr(data[place : place + _SHOWN_BYTES])
