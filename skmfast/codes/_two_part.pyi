from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.codes._job import Job

MAX_DEPTH_BYTES: int
PADDING: int
SPLIT: np.dtype[np.void]

Symbols = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.uint32]

def least_memory(num_symbols: int, largest_group: int, threads: int) -> int: ...
def hull(
    text: Symbols,
    segments: npt.NDArray[np.uint64],
    depth: int,
    alphabet: int,
    least_slope: float,
    threads: int,
    job: Job,
) -> tuple[
    float,
    float,
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[Any],
    npt.NDArray[np.uint64],
]: ...
def leaves(
    text: Symbols,
    segments: npt.NDArray[np.uint64],
    splits: npt.NDArray[Any],
    out: npt.NDArray[np.uint32],
) -> int: ...
def encode(
    text: npt.NDArray[np.uint8], splits: npt.NDArray[Any], depth: int, job: Job
) -> tuple[bytes, bytes]: ...
def decode(
    model: npt.NDArray[np.uint8], data: npt.NDArray[np.uint8], depth: int, num_bytes: int, job: Job
) -> bytes: ...
