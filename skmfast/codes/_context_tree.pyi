import numpy as np
import numpy.typing as npt

MAX_DEPTH: int
PADDING: int

def least_memory(threads: int) -> int: ...

class Job:
    @property
    def done(self) -> int: ...
    def cancel(self) -> None: ...

class TreeModel:
    depth: int
    def __init__(self, depth: int) -> None: ...
    def bits(
        self,
        text: npt.NDArray[np.uint8],
        segments: npt.NDArray[np.uint64],
        threads: int,
        memory: int,
        job: Job,
    ) -> float: ...
    def bits_each(
        self,
        text: npt.NDArray[np.uint8],
        segments: npt.NDArray[np.uint64],
        threads: int,
        memory: int,
        job: Job,
        out: npt.NDArray[np.float64],
    ) -> None: ...
