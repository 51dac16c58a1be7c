"""Cross-entropy of a language-model head from hidden states and weight: losses, gradients, code lengths.

Three ways to gradients, by what is asked:

``linear_cross_entropy_with_gradients``
    Losses and gradients in one go, three matrix products in all, where a weighted sum of the losses is what
    will be differentiated. A chunk of tokens at a time, exponentials of all logits are written relative to
    the target's logit. It needs no maximum, and no second pass over them either: what makes them
    probabilities is one factor per token, which goes into the small matrices (the hidden states, and the
    result).
``linear_cross_entropy_backward``
    From losses computed before and any gradients of losses, log-sum-exps and entropies; a fourth product,
    since logits are computed again, a part of the vocabulary at a time.

Both write at most ``workspace_bytes`` of (tokens, vocabulary) numbers at once.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
from torch import Tensor

from .checks import check_head
from .logit_gradients import LogitCoefficients, logit_coefficients, logit_gradients
from .matrices import add_column_sums, add_product, product_float32, scale_rows
from .objective import Losses, Objective
from .row_sums import finish_rows, merge_tiles, target_logits
from .schedules import TileSchedule, choose_schedule
from .tile_sums import tile_sums

DEFAULT = Objective()
SMALLEST_WORKSPACE = 256 << 20


class Gradients(NamedTuple):
    """Gradients by hidden states (N, D), weight (V, D) and bias (V,), in their types; None if not wanted."""

    x: Tensor | None
    weight: Tensor | None
    bias: Tensor | None


def linear_cross_entropy(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    *,
    objective: Objective = DEFAULT,
    entropy: bool = False,
    argmax: bool = False,
    schedule: TileSchedule | None = None,
) -> Losses:
    """Losses per token in nats; as ``cross_entropy(x @ weight.T + bias, target)`` in float32.

    Parameters
    ----------
    x : Tensor
        Hidden states (N, D); float32, bfloat16 or float16.
    weight : Tensor
        Head (V, D), of the same type.
    target : Tensor
        (N,) int64 or int32.
    bias : Tensor or None
        (V,); -inf rules an entry out.
    objective : Objective
        Logit transform and loss.
    entropy, argmax : bool
        Whether to return these as well.
    schedule : TileSchedule or None
        Tiles; by default chosen for shapes and device.

    Returns
    -------
    Losses
        In nats.

    Raises
    ------
    TypeError, ValueError
        If types, shapes or devices do not fit each other. A target out of range gives NaN: to tell would mean
        to wait for the device.
    """
    return _losses(x, weight, target, bias, objective, schedule, entropy=entropy, argmax=argmax, bits=False)


def token_code_lengths(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    *,
    objective: Objective = DEFAULT,
    schedule: TileSchedule | None = None,
) -> Tensor:
    """Bits that each target costs under the head's distribution, (N,) float32.

    Like ``linear_cross_entropy``, without smoothing and z-loss: 0 where the target is ignored, NaN where it
    is out of range.
    """
    return _losses(x, weight, target, bias, objective, schedule, entropy=False, argmax=False, bits=True).loss


def _losses(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    objective: Objective,
    schedule: TileSchedule | None,
    *,
    entropy: bool,
    argmax: bool,
    bits: bool,
) -> Losses:
    x, weight, target, bias = check_head(x, weight, target, bias)
    if x.shape[0] == 0:
        return Losses(
            x.new_empty(0, dtype=torch.float32),
            x.new_empty(0, dtype=torch.float32),
            x.new_empty(0, dtype=torch.float32) if entropy else None,
            x.new_empty(0, dtype=torch.int64) if argmax else None,
        )
    smoothed = objective.label_smoothing > 0 and not bits
    schedule = schedule or choose_schedule(
        x, weight, demanding=objective.softcap > 0 or smoothed or entropy or argmax
    )
    parts = tile_sums(
        x, weight, bias, objective, schedule, logit_sums=smoothed, moments=entropy, argmax=argmax
    )
    wanted = target_logits(x, weight, bias, target, objective)
    return merge_tiles(parts, target, wanted, weight.shape[0], objective, bits=bits)


def linear_cross_entropy_backward(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    losses: Losses,
    upstream_loss: Tensor,
    upstream_log_sum_exp: Tensor | None = None,
    upstream_entropy: Tensor | None = None,
    *,
    objective: Objective = DEFAULT,
    needs: tuple[bool, bool, bool] = (True, True, True),
    workspace_bytes: int | None = None,
    schedule: TileSchedule | None = None,
) -> Gradients:
    """Gradients from those of losses, log-sum-exps and entropies.

    Parameters
    ----------
    x, weight, target, bias, objective, schedule
        As they were in the forward pass.
    losses : Losses
        What it returned; with the entropy if ``upstream_entropy`` is given.
    upstream_loss, upstream_log_sum_exp, upstream_entropy : Tensor or None
        (N,) float32.
    needs : tuple of bool
        Which of the gradients by x, weight and bias to compute.
    workspace_bytes : int or None
        Memory for gradients of logits; by default a 16th of what all of them would take, or 256 MiB if that
        is more. At least one tile's width.

    Returns
    -------
    Gradients
    """
    x, weight, target, bias = check_head(x, weight, target, bias)
    vocabulary = weight.shape[0]
    if x.shape[0] == 0:
        return _no_gradients(x, weight, bias, needs)
    coefficients = logit_coefficients(
        (target >= 0) & (target < vocabulary),
        target == objective.ignore_index,
        losses.log_sum_exp,
        losses.entropy,
        upstream_loss.float(),
        upstream_log_sum_exp,
        upstream_entropy,
        vocabulary,
        objective,
    )
    return vocabulary_gradients(
        x,
        weight,
        target,
        bias,
        losses.log_sum_exp,
        coefficients,
        0,
        objective,
        needs,
        workspace_bytes,
        schedule,
    )


def vocabulary_gradients(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    log_sum_exp: Tensor,
    coefficients: LogitCoefficients,
    first_entry: int,
    objective: Objective,
    needs: tuple[bool, bool, bool],
    workspace_bytes: int | None,
    schedule: TileSchedule | None,
    keep_float32: bool = False,
) -> Gradients:
    """Gradients that the weight's part of the vocabulary, from ``first_entry`` on, contributes.

    With ``keep_float32`` the gradient by x stays float32, to be added to those of other parts.
    """
    rows, vocabulary = x.shape[0], weight.shape[0]
    schedule = schedule or choose_schedule(
        x, weight, demanding=objective.softcap > 0 or coefficients.on_surprise is not None
    )
    # One common size for all: the mean over many tokens would leave little of float16's range. A token whose
    # coefficients are not finite keeps that to itself.
    sizes = torch.stack([coefficients.on_probability, coefficients.on_target]).abs()
    unit = sizes.nan_to_num(nan=0.0, posinf=0.0).amax()
    unit = unit.masked_fill(unit == 0, 1.0)
    coefficients = LogitCoefficients(*(None if c is None else c / unit for c in coefficients))

    width = _part(rows, vocabulary, x.element_size(), workspace_bytes, schedule.block_vocabulary)
    buffer = torch.empty((rows, width), dtype=x.dtype, device=x.device)
    x_total = None
    weight_gradient = torch.empty_like(weight) if needs[1] else None
    bias_total = torch.zeros(vocabulary, dtype=torch.float32, device=x.device) if needs[2] else None
    for first in range(0, vocabulary, width):
        part = weight[first : first + width]
        gradients = buffer[:, : len(part)]
        logit_gradients(
            x,
            part,
            None if bias is None else bias[first : first + width],
            target,
            log_sum_exp,
            coefficients,
            buffer,
            first_entry + first,
            objective,
            schedule,
        )
        if needs[0]:
            if x_total is None:
                x_total = product_float32(gradients, part)
            else:
                add_product(x_total, gradients, part)
        if weight_gradient is not None:
            torch.mul(product_float32(gradients.t(), x), unit, out=weight_gradient[first : first + width])
        if bias_total is not None:
            add_column_sums(gradients, None, bias_total[first : first + width])
    if x_total is not None:
        x_total = x_total.mul_(unit) if keep_float32 else (x_total * unit).to(x.dtype)
    if bias_total is not None and bias is not None:
        bias_total = (bias_total * unit).to(bias.dtype)
    return Gradients(x_total, weight_gradient, bias_total)


def linear_cross_entropy_with_gradients(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    upstream: Tensor,
    *,
    objective: Objective = DEFAULT,
    needs: tuple[bool, bool, bool] = (True, True, True),
    workspace_bytes: int | None = None,
    schedule: TileSchedule | None = None,
) -> tuple[Tensor, Gradients]:
    """Losses per token in nats, and the gradients of ``upstream`` times their sum.

    Parameters
    ----------
    x, weight, target, bias, objective, schedule, needs, workspace_bytes
        As in ``linear_cross_entropy`` and ``linear_cross_entropy_backward``.
    upstream : Tensor
        One float32 number on the device, such as 1 or 1 over the number of tokens that count.

    Returns
    -------
    (Tensor, Gradients)
        Losses (N,) float32.
    """
    x, weight, target, bias = check_head(x, weight, target, bias)
    rows, vocabulary = x.shape[0], weight.shape[0]
    if rows == 0:
        return x.new_empty(0, dtype=torch.float32), _no_gradients(x, weight, bias, needs)
    if objective.label_smoothing > 0 or x.dtype == torch.float16:
        # Smoothing adds to every logit what one factor per row cannot give; float16 lacks the range.
        losses = linear_cross_entropy(x, weight, target, bias, objective=objective, schedule=schedule)
        return losses.loss, linear_cross_entropy_backward(
            x,
            weight,
            target,
            bias,
            losses,
            upstream.expand(rows),
            objective=objective,
            needs=needs,
            workspace_bytes=workspace_bytes,
            schedule=schedule,
        )
    schedule = schedule or choose_schedule(x, weight, demanding=objective.softcap > 0)
    chunk = _part(vocabulary, rows, x.element_size(), workspace_bytes, schedule.block_rows)
    return _chunked_with_gradients(x, weight, target, bias, upstream, objective, needs, chunk, schedule)


def _chunked_with_gradients(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    upstream: Tensor,
    objective: Objective,
    needs: tuple[bool, bool, bool],
    chunk: int,
    schedule: TileSchedule,
) -> tuple[Tensor, Gradients]:
    rows, vocabulary = x.shape[0], weight.shape[0]
    float32 = {"dtype": torch.float32, "device": x.device}
    columns = triton.cdiv(vocabulary, schedule.block_vocabulary) * schedule.block_vocabulary
    buffer = torch.empty((min(chunk, rows), columns), dtype=x.dtype, device=x.device)
    loss = torch.empty(rows, **float32)
    factor = torch.empty(rows, **float32)
    x_gradient = torch.empty_like(x, memory_format=torch.contiguous_format) if needs[0] else None
    weight_total = None
    bias_total = torch.zeros(vocabulary, **float32) if needs[2] else None
    for first in range(0, rows, chunk):
        some = slice(first, min(first + chunk, rows))
        exponentials = buffer[: some.stop - first]
        loss_gradients(
            x[some],
            weight,
            target[some],
            bias,
            upstream,
            objective,
            schedule,
            exponentials,
            loss[some],
            factor[some],
        )
        gradients = exponentials[:, :vocabulary]
        if x_gradient is not None:
            scale_rows(product_float32(gradients, weight), factor[some], x_gradient[some])
        if needs[1]:
            scaled = scale_rows(x[some], factor[some], torch.empty_like(x[some]))
            if chunk >= rows:
                weight_total = torch.mm(gradients.t(), scaled)
            elif weight_total is None:
                weight_total = product_float32(gradients.t(), scaled)
            else:
                add_product(weight_total, gradients.t(), scaled)
        if bias_total is not None:
            add_column_sums(gradients, factor[some], bias_total)
    return loss, Gradients(
        x_gradient,
        None if weight_total is None else weight_total.to(weight.dtype),
        None if bias_total is None or bias is None else bias_total.to(bias.dtype),
    )


def loss_gradients(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    upstream: Tensor,
    objective: Objective,
    schedule: TileSchedule,
    exponentials: Tensor,
    loss: Tensor,
    factor: Tensor,
) -> None:
    """Losses (N,), and gradients of the logits as ``exponentials`` (N, >= V) times ``factor`` (N,), written.

    Exponentials are relative to the logit of the target, so none of their sums is below 1. Where one is
    beyond 1e30, because the target is that improbable, everything is computed a second time relative to the
    maxima. Whether it is, only the device knows: the kernels of the second time are launched always and end
    at once.
    """
    vocabulary = weight.shape[0]
    wanted = target_logits(x, weight, bias, target, objective)
    maxima = torch.empty_like(wanted)
    again = torch.zeros(1, dtype=torch.int32, device=x.device)
    results = (loss, factor, maxima, again)
    parts = None
    for reference, second in ((wanted, False), (maxima, True)):
        parts = tile_sums(
            x,
            weight,
            bias,
            objective,
            schedule,
            reference=reference,
            exponentials=exponentials,
            again=again if second else None,
            into=parts,
        )
        finish_rows(
            parts,
            target,
            wanted,
            reference,
            upstream,
            exponentials,
            results,
            vocabulary,
            objective,
            second=second,
        )


def _part(across: int, length: int, item_bytes: int, workspace_bytes: int | None, block: int) -> int:
    """How much of ``length`` to take at a time: a multiple of ``block``, all parts about equal.

    A plane of ``across`` by that much is held at once.
    """
    if workspace_bytes is None:
        workspace_bytes = max(SMALLEST_WORKSPACE, across * length * item_bytes // 16)
    most = max(block, workspace_bytes // (across * item_bytes) // block * block)
    parts = triton.cdiv(length, most)
    return triton.cdiv(triton.cdiv(length, parts), block) * block


def _no_gradients(
    x: Tensor, weight: Tensor, bias: Tensor | None, needs: tuple[bool, bool, bool]
) -> Gradients:
    return Gradients(
        torch.zeros_like(x) if needs[0] else None,
        torch.zeros_like(weight) if needs[1] else None,
        torch.zeros_like(bias) if needs[2] and bias is not None else None,
    )
