import numpy as np
import numpy.typing as npt

Buffer = bytes | memoryview
CountArrays = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8], npt.NDArray[np.uint64]]

MAX_ORDER: int
MAX_NUMERATOR: int
MAX_DENOMINATOR: int
MAX_STREAM_BYTES: int

def count(
    documents: list[memoryview], preceding: Buffer, order: int, threads: int, memory: int
) -> CountArrays: ...
def add(left: CountArrays, right: CountArrays) -> CountArrays: ...
def bits_of_counts(counts: CountArrays, order: int, numerator: int, denominator: int) -> float: ...
def bits(
    documents: list[memoryview], order: int, numerator: int, denominator: int, threads: int, memory: int
) -> float: ...
def bits_each(
    documents: list[memoryview], order: int, numerator: int, denominator: int, threads: int, memory: int
) -> npt.NDArray[np.float64]: ...
def sequential_bits(
    documents: list[memoryview], order: int, numerator: int, denominator: int
) -> npt.NDArray[np.float64]: ...
def encode(document: Buffer, order: int, numerator: int, denominator: int) -> bytes: ...
def decode(
    payload: Buffer, order: int, numerator: int, denominator: int, num_bytes: int
) -> tuple[bool, bytes, int]: ...
