from typing import Any

import numpy as np
import numpy.typing as npt

def seen_before(labels: npt.NDArray[np.integer[Any]], num_labels: int) -> npt.NDArray[np.uint64]: ...
def mixture_probabilities(
    seen: npt.NDArray[np.integer[Any]],
    discount: npt.NDArray[np.float64],
    concentration: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    draws: int,
    elements: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]: ...
