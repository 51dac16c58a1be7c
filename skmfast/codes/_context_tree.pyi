import numpy as np
import numpy.typing as npt

from skmfast.codes._job import Job

MAX_DEPTH: int
PADDING: int

def least_memory(threads: int) -> int: ...

class TreeModel:
    depth: int
    def __init__(self, depth: int) -> None: ...
    @property
    def chain(self) -> npt.NDArray[np.float32]: ...
    @property
    def leaf(self) -> npt.NDArray[np.float32]: ...
    @property
    def prior(self) -> npt.NDArray[np.float64]: ...
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
    def encode(self, document: npt.NDArray[np.uint8], job: Job) -> bytes: ...
    def byte_bits(self, document: npt.NDArray[np.uint8], out: npt.NDArray[np.float64], job: Job) -> None: ...
    def decode(self, payload: npt.NDArray[np.uint8], num_bytes: int, job: Job) -> bytes: ...

class CtwModel:
    def __init__(self, depth: int, estimator: float, stop: float) -> None: ...
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

class ReferenceTree:
    def __init__(
        self,
        model: TreeModel | CtwModel,
        text: npt.NDArray[np.uint8],
        segments: npt.NDArray[np.uint64],
        threads: int,
        memory: int,
        job: Job,
    ) -> None: ...
    @property
    def bits(self) -> float: ...
    @property
    def memory(self) -> int: ...
    def joint_bits(
        self, text: npt.NDArray[np.uint8], segments: npt.NDArray[np.uint64], job: Job
    ) -> float: ...
    def joint_bits_each(
        self,
        text: npt.NDArray[np.uint8],
        segments: npt.NDArray[np.uint64],
        threads: int,
        job: Job,
        out: npt.NDArray[np.float64],
    ) -> None: ...
