from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

def forward(
    x: ArrayLike,
    weight: ArrayLike,
    target: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    ignore_index: int = -100,
    logit_scale: float = 1.0,
    softcap: float = 0.0,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    entropy: bool = False,
    argmax: bool = False,
    bfloat16: bool = False,
    threads: int | None = None,
) -> tuple[Array, Array, Array | None, NDArray[np.int64] | None]: ...
def backward(
    x: ArrayLike,
    weight: ArrayLike,
    target: ArrayLike,
    bias: ArrayLike | None,
    log_sum_exp: ArrayLike,
    entropy: ArrayLike | None = None,
    upstream_loss: ArrayLike | None = None,
    upstream_log_sum_exp: ArrayLike | None = None,
    upstream_entropy: ArrayLike | None = None,
    *,
    ignore_index: int = -100,
    logit_scale: float = 1.0,
    softcap: float = 0.0,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    needs: tuple[bool, bool, bool] = (True, True, True),
    bfloat16: bool = False,
    threads: int | None = None,
) -> tuple[Array | None, Array | None, Array | None]: ...
def logits_forward(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    ignore_index: int = -100,
    logit_scale: float = 1.0,
    softcap: float = 0.0,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    entropy: bool = False,
    argmax: bool = False,
    bfloat16: bool = False,
    threads: int | None = None,
) -> tuple[Array, Array, Array | None, NDArray[np.int64] | None]: ...
def logits_backward(
    logits: ArrayLike,
    target: ArrayLike,
    log_sum_exp: ArrayLike,
    entropy: ArrayLike | None = None,
    upstream_loss: ArrayLike | None = None,
    upstream_log_sum_exp: ArrayLike | None = None,
    upstream_entropy: ArrayLike | None = None,
    *,
    ignore_index: int = -100,
    logit_scale: float = 1.0,
    softcap: float = 0.0,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    bfloat16: bool = False,
    threads: int | None = None,
) -> Array: ...
def matrix_unit() -> str: ...
