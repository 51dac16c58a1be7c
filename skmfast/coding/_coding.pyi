from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

@final
class Frequencies:
    counts: npt.NDArray[np.uint32]
    total: int
    bits: int | None
    excess_bits: float
    def __init__(self, counts: npt.ArrayLike) -> None: ...
    def __len__(self) -> int: ...

@final
class RangeEncoder:
    @property
    def num_bytes(self) -> int: ...
    def encode(self, symbols: npt.ArrayLike, frequencies: Frequencies | npt.ArrayLike) -> None: ...
    def finish(self) -> bytes: ...

@final
class RangeDecoder:
    def __init__(self, data: Buffer) -> None: ...
    def decode(self, num_symbols: int, frequencies: Frequencies | npt.ArrayLike) -> npt.NDArray[Any]: ...
    def finish(self) -> None: ...

def quantise(probabilities: npt.ArrayLike, bits: int = 14) -> Frequencies: ...
def encode(
    symbols: npt.ArrayLike,
    frequencies: Frequencies | npt.ArrayLike,
    method: Literal["rans", "range"] = "rans",
) -> bytes: ...
def decode(
    data: Buffer,
    num_symbols: int,
    frequencies: Frequencies | npt.ArrayLike,
    method: Literal["rans", "range"] = "rans",
) -> npt.NDArray[Any]: ...
