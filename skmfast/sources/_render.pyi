from typing import Any

import numpy as np
import numpy.typing as npt

class Renderer:
    def __init__(self, plan: Any) -> None: ...
    @property
    def num_elements(self) -> int: ...
    @property
    def token_dtype(self) -> np.dtype[Any]: ...
    def append_contents(self, rows: npt.NDArray[np.uint16]) -> None: ...
    def render(
        self,
        elements: npt.NDArray[Any],
        first: int,
        key: int,
        *,
        threads: int | None = None,
        buffers: dict[str, npt.NDArray[Any]] | None = None,
    ) -> tuple[
        npt.NDArray[np.uint8],
        npt.NDArray[np.uint64],
        npt.NDArray[Any],
        npt.NDArray[np.uint64],
        npt.NDArray[np.uint8],
        npt.NDArray[np.uint16],
    ]: ...
