import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.uint64]
Doubles = npt.NDArray[np.float64]

MAX_CUSTOMERS: int
MAX_TABLES: int
MAX_SIZES_CUSTOMERS: int

class Seating:
    def __init__(
        self, discount: float, concentration: float, seed: int, stream: int, counts: Counts
    ) -> None: ...
    def seat(self, labels: npt.NDArray[np.uint32], threads: int) -> None: ...
    @property
    def num_customers(self) -> int: ...
    @property
    def num_tables(self) -> int: ...
    @property
    def counts(self) -> Counts: ...
    @property
    def epoch_start(self) -> int: ...
    @property
    def epoch_counts(self) -> Counts: ...

def table_sizes(
    n: int, discount: float, concentration: float, seed: int, stream: int, most: int
) -> Counts: ...
def sticks(
    discount: float,
    concentration: float,
    seed: int,
    stream: int,
    first: int,
    rest: float,
    weights: Doubles,
    rests: Doubles,
) -> None: ...
