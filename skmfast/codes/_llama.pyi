from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

class Decoder:
    def __init__(
        self,
        *,
        width: int,
        hidden_width: int,
        num_layers: int,
        num_heads: int,
        num_kv_heads: int,
        head_width: int,
        vocabulary: int,
        epsilon: float,
        rotation_base: float,
        weights: Mapping[str, npt.NDArray[np.float32]],
    ) -> None: ...
    def hidden(
        self, tokens: npt.ArrayLike, offsets: npt.ArrayLike, *, threads: int
    ) -> npt.NDArray[np.float32]: ...
    def bits(
        self, tokens: npt.ArrayLike, offsets: npt.ArrayLike, targets: npt.ArrayLike, *, threads: int
    ) -> npt.NDArray[np.float64]: ...

class Steps:
    def __init__(self, decoder: Decoder, windows: int, length: int) -> None: ...
    def logits(self, tokens: npt.ArrayLike) -> npt.NDArray[np.float32]: ...
