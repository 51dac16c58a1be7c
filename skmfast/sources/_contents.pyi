from typing import Any

import numpy as np
import numpy.typing as npt

def permute(points: npt.NDArray[np.uint64], size: int, seed: int, stream: int) -> None: ...
def fill(
    elements: npt.NDArray[np.uint64],
    digits: npt.NDArray[np.uint32],
    drawn: npt.NDArray[np.uint32],
    seed: int,
    names_stream: int,
    contents_stream: int,
    table: npt.NDArray[Any],
    threads: int,
) -> None: ...
