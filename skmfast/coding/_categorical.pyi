from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

_Buffer: TypeAlias = bytes | bytearray | memoryview
_Symbols: TypeAlias = _Buffer | npt.ArrayLike
_Logits: TypeAlias = npt.NDArray[Any]

def code_length(
    symbols: _Symbols, probabilities: npt.ArrayLike, *, tolerance: float = 1e-6, threads: int | None = None
) -> float: ...
def code_lengths(
    symbols: _Symbols, probabilities: npt.ArrayLike, *, tolerance: float = 1e-6, threads: int | None = None
) -> npt.NDArray[np.float64]: ...
def logits_code_lengths(
    logits: _Logits, symbols: npt.ArrayLike, *, bfloat16: bool = False, threads: int | None = None
) -> npt.NDArray[np.float64]: ...
def logits_intervals(
    logits: _Logits,
    symbols: npt.ArrayLike,
    *,
    bits: int = 31,
    bfloat16: bool = False,
    threads: int | None = None,
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]: ...
def logits_frequencies(
    logits: _Logits, *, bits: int = 31, bfloat16: bool = False, threads: int | None = None
) -> npt.NDArray[np.uint32]: ...
def encode_logits(
    logits: _Logits,
    symbols: npt.ArrayLike,
    *,
    bits: int = 31,
    bfloat16: bool = False,
    threads: int | None = None,
) -> bytes: ...
def decode_logits(
    payload: _Buffer, logits: _Logits, *, bits: int = 31, bfloat16: bool = False
) -> npt.NDArray[np.int64]: ...

class LogitsEncoder:
    def __init__(self, *, bits: int = 31, bfloat16: bool = False, threads: int | None = None) -> None: ...
    def encode(self, logits: _Logits, symbols: npt.ArrayLike) -> None: ...
    def finish(self) -> bytes: ...

class LogitsDecoder:
    def __init__(self, payload: _Buffer, *, bits: int = 31, bfloat16: bool = False) -> None: ...
    def decode(self, logits: _Logits) -> Any: ...
    def finish(self) -> None: ...
