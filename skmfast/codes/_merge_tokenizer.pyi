from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

class MergeTokenizer:
    def __init__(self, texts: Sequence[bytes], scores: Sequence[float], first_byte: int) -> None: ...
    def encode(self, text: bytes | memoryview) -> npt.NDArray[np.int64]: ...
