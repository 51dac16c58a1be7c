"""A head whose vocabulary is split over processes: each has some rows of the weight, all have all tokens.

Each process sums over its part; parts are gathered, 24 bytes per token and process, and merged in order of
rank, so all processes get the same bits.
"""

from __future__ import annotations

import math

import torch
import torch.distributed
from torch import Tensor

from .checks import check_head
from .head_losses import DEFAULT, Gradients, vocabulary_gradients
from .logit_gradients import logit_coefficients
from .objective import Losses, Objective
from .row_sums import merge_to_partial, target_logits
from .schedules import TileSchedule, choose_schedule
from .tile_sums import tile_sums

# What a part of the vocabulary contributes to a token, in the order in which it travels; units of log 2.
MAXIMUM, SUM, LOGIT_SUM, MOMENT, TARGET_LOGIT, ENTRIES = range(6)


def vocabulary_parallel_cross_entropy(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    *,
    first_entry: int,
    group: torch.distributed.ProcessGroup | None = None,
    objective: Objective = DEFAULT,
    entropy: bool = False,
    argmax: bool = False,
    schedule: TileSchedule | None = None,
) -> Losses:
    """Losses per token in nats, of a head whose rows lie with several processes.

    Parameters
    ----------
    x : Tensor
        Hidden states (N, D), the same in all processes.
    weight, bias : Tensor
        (V, D) and (V,): this process's rows of the head.
    target : Tensor
        (N,), numbers within the whole vocabulary; the same in all processes.
    first_entry : int
        Number of this process's first row within the whole vocabulary.
    group : ProcessGroup or None
        The processes; by default all.
    objective, entropy, argmax, schedule
        As in ``linear_cross_entropy``.

    Returns
    -------
    Losses
        The same in all processes.
    """
    x, weight, target, bias = check_head(x, weight, target, bias)
    if x.shape[0] == 0:
        none = torch.zeros((1, 6, 0), dtype=torch.float32, device=x.device)
        parts, best = none, none[:, 0].long() if argmax else None
    else:
        part, best = vocabulary_part(
            x, weight, target, bias, first_entry, objective, entropy, argmax, schedule
        )
        parts = _gather(part, group)
        if best is not None:
            best = _gather(best + first_entry, group)
    return merge_parts(parts, target, objective, entropy=entropy, argmaxima=best)


def vocabulary_part(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    first_entry: int,
    objective: Objective,
    entropy: bool,
    argmax: bool,
    schedule: TileSchedule | None,
) -> tuple[Tensor, Tensor | None]:
    """What this part of the vocabulary contributes: (6, N) float32, and the best entry within it (N,)."""
    smoothed = objective.label_smoothing > 0
    schedule = schedule or choose_schedule(
        x, weight, demanding=objective.softcap > 0 or smoothed or entropy or argmax
    )
    sums = tile_sums(
        x, weight, bias, objective, schedule, logit_sums=smoothed, moments=entropy, argmax=argmax
    )
    partial, best = merge_to_partial(sums)
    wanted = target_logits(x, weight, bias, target, objective, first_entry=first_entry, outside_is_zero=True)
    entries = torch.full_like(wanted, weight.shape[0])
    return torch.cat((partial, wanted[None], entries[None])), best


def merge_parts(
    parts: Tensor, target: Tensor, objective: Objective, *, entropy: bool, argmaxima: Tensor | None
) -> Losses:
    """Losses from the parts of the vocabulary, (R, 6, N) float32 in units of log 2, in their order.

    ``argmaxima`` (R, N) are the best entry of each part, numbered within the whole vocabulary.
    """
    maximum = parts[:, MAXIMUM].amax(0)
    origin = maximum.masked_fill(maximum == -math.inf, 0.0)
    distance = parts[:, MAXIMUM] - origin
    weighing = torch.exp2(distance)
    total = (weighing * parts[:, SUM]).sum(0)
    wanted = parts[:, TARGET_LOGIT].sum(0)  # 0 in all parts but one
    vocabulary = parts[:, ENTRIES].double().sum(0)
    length = torch.log2(total) + (maximum - wanted)
    if objective.label_smoothing > 0:
        mean = parts[:, LOGIT_SUM].sum(0) / vocabulary.float()
        # An impossible target's loss is infinite already, and its logit may be the mean, too.
        possible = wanted != -math.inf
        length = torch.where(possible, length + objective.label_smoothing * (wanted - mean), length)
    log_sum_exp = (maximum + torch.log2(total)) * math.log(2)
    loss = length * math.log(2) + objective.z_loss * log_sum_exp.square()
    loss = loss.masked_fill((target < 0) | (target >= vocabulary), math.nan)
    loss = loss.masked_fill(target == objective.ignore_index, 0.0)
    uncertainty = None
    if entropy:
        moment = weighing * (parts[:, MOMENT] + parts[:, SUM] * distance)
        moment = torch.where(weighing > 0, moment, 0.0).sum(0)
        uncertainty = (torch.log2(total) - moment / total) * math.log(2)
    argmax = None
    if argmaxima is not None:
        entries = argmaxima.masked_fill(parts[:, MAXIMUM] < maximum, torch.iinfo(torch.int64).max)
        argmax = entries.amin(0)
    return Losses(loss, log_sum_exp, uncertainty, argmax)


def vocabulary_parallel_backward(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    losses: Losses,
    upstream_loss: Tensor,
    upstream_log_sum_exp: Tensor | None = None,
    upstream_entropy: Tensor | None = None,
    *,
    first_entry: int,
    vocabulary: int,
    group: torch.distributed.ProcessGroup | None = None,
    objective: Objective = DEFAULT,
    needs: tuple[bool, bool, bool] = (True, True, True),
    workspace_bytes: int | None = None,
    schedule: TileSchedule | None = None,
) -> Gradients:
    """Gradients from those of losses, log-sum-exps and entropies, which are the same in all processes.

    Parameters
    ----------
    vocabulary : int
        Size of the whole vocabulary.
    x, weight, target, bias, first_entry, group, objective
        As they were in the forward pass.
    losses, upstream_loss, upstream_log_sum_exp, upstream_entropy, needs, workspace_bytes, schedule
        As in ``linear_cross_entropy_backward``.

    Returns
    -------
    Gradients
        By x, summed over processes; by this process's weight and bias.
    """
    x, weight, target, bias = check_head(x, weight, target, bias)
    if x.shape[0] == 0:
        nothing = (
            torch.zeros_like(x),
            torch.zeros_like(weight),
            None if bias is None else torch.zeros_like(bias),
        )
        return Gradients(*(g if need else None for g, need in zip(nothing, needs, strict=True)))
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
    gradients = vocabulary_gradients(
        x,
        weight,
        target,
        bias,
        losses.log_sum_exp,
        coefficients,
        first_entry,
        objective,
        needs,
        workspace_bytes,
        schedule,
        keep_float32=True,
    )
    if gradients.x is None:
        return gradients
    # Gathered and added in order of rank: a ring reduction's order is its own.
    total = _gather(gradients.x, group).sum(0)
    return gradients._replace(x=total.to(x.dtype))


def _gather(part: Tensor, group: torch.distributed.ProcessGroup | None) -> Tensor:
    """Parts of all processes in order of rank, (R, ...)."""
    parts = [torch.empty_like(part) for _ in range(torch.distributed.get_world_size(group))]
    torch.distributed.all_gather(parts, part.contiguous(), group=group)
    return torch.stack(parts)
