import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.uint64]
Doubles = npt.NDArray[np.float64]

MIN_SHAPE: float
MAX_SHAPE: float
MAX_TRIALS: int

def gamma(
    seed: int, stream: int, first: int, shape: Doubles, log: bool, out: Doubles, threads: int
) -> None: ...
def beta(seed: int, stream: int, first: int, a: Doubles, b: Doubles, out: Doubles, threads: int) -> None: ...
def dirichlet(seed: int, stream: int, first: int, shapes: Doubles, out: Doubles, threads: int) -> None: ...
def all_within(values: Doubles, least: float, most: float, threads: int) -> bool: ...
def binomial(
    seed: int, stream: int, first: int, trials: Counts, probability: Doubles, out: Counts, threads: int
) -> None: ...
