"""Torch operators for losses and code lengths of a language-model head: kernels on CUDA, C++ on the CPU.

They work under ``torch.compile(fullgraph=True)``, autocast, checkpointing and gradient accumulation, and
hold no (tokens, vocabulary) logits. Needs the extra ``skmfast[torch]``.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

try:
    import torch
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    needs = "skmfast.operators needs torch: pip install 'skmfast[torch]'"
    raise ModuleNotFoundError(needs, name="torch") from None
from torch import Tensor, nn

from skmfast.kernels.objective import Losses, Objective

__all__ = [
    "LinearCrossEntropy",
    "LossDetails",
    "cross_entropy",
    "linear_cross_entropy",
    "linear_cross_entropy_details",
    "token_code_lengths",
    "vocabulary_parallel_cross_entropy",
]


class LossDetails(NamedTuple):
    """A loss with what was asked for beside it, per token in the shape of the targets.

    Attributes
    ----------
    loss : Tensor
        Reduced as asked; float32 (float64 for float64 on the CPU).
    log_sum_exp, entropy : Tensor
        Of all logits, and of the predicted distribution, in nats; differentiable.
    argmax : Tensor
        int64; the most probable token.
    """

    loss: Tensor
    log_sum_exp: Tensor
    entropy: Tensor | None
    argmax: Tensor | None


def linear_cross_entropy(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    *,
    reduction: str = "mean",
    ignore_index: int = -100,
    logit_scale: float = 1.0,
    softcap: float = 0.0,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    shift: int = 0,
) -> Tensor:
    """Cross-entropy of a head in nats, as ``cross_entropy(x @ weight.T + bias, target)`` in float32.

    Where the loss is reduced, gradients are computed along with it: three matrix products in all.

    Parameters
    ----------
    x : Tensor
        Hidden states (..., D): float32, bfloat16 or float16, on the CPU float64 too.
    weight : Tensor
        Head (V, D), of the same type; under autocast both become its type.
    target : Tensor
        (...) int64 or int32.
    bias : Tensor or None
        (V,).
    reduction : {"mean", "sum", "none"}
        The mean is over the targets that are not ignored; without any it is NaN, and gradients are 0.
    ignore_index : int
        Targets that do not count.
    logit_scale, softcap : float
        Logits are ``softcap tanh(logit_scale (x w + b) / softcap)``; without the cap if it is 0.
    label_smoothing, z_loss : float
        Share of the target's weight that goes to all entries alike; weight of the squared log-sum-exp.
    shift : int
        Position i along the last dimension of ``target`` predicts target i + shift. What is returned per
        token is shorter by as much.

    Returns
    -------
    Tensor
        float32 (float64 for float64), () or, without reduction, (...).

    Raises
    ------
    TypeError, ValueError
        If types, shapes, devices or options are wrong. On the CPU also if a target is out of range; on CUDA,
        where to tell would mean to wait, the token's loss is NaN, and so are gradients.

    Examples
    --------
    >>> import pytest; torch = pytest.importorskip("torch")
    >>> from skmfast.operators import linear_cross_entropy
    >>> x, weight = torch.eye(3), torch.zeros(8, 3)
    >>> loss = linear_cross_entropy(x, weight, torch.tensor([0, 1, 7]))
    >>> round(loss.item(), 6)  # the logarithm of 8
    2.079442
    """
    objective = Objective(ignore_index, logit_scale, softcap, label_smoothing, z_loss)
    _check_reduction(reduction)
    x, weight, bias = _autocast(x, weight, bias)
    flat, flat_target, shape = _flatten(x, weight, target, bias, ignore_index, shift)
    learns = (x.requires_grad, weight.requires_grad, bias is not None and bias.requires_grad)
    if reduction != "none" and torch.is_grad_enabled() and any(learns):
        return cast(
            "Tensor",
            _loss_with_gradients(
                flat, weight, flat_target, bias, *_numbers(objective), reduction == "mean", *learns
            )[0],
        )
    loss, _, _, _ = _head_losses(flat, weight, flat_target, bias, *_numbers(objective), False, False)
    return _reduce(loss, flat_target, shape, shift, reduction, ignore_index)


def linear_cross_entropy_details(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    *,
    entropy: bool = False,
    argmax: bool = False,
    reduction: str = "mean",
    ignore_index: int = -100,
    logit_scale: float = 1.0,
    softcap: float = 0.0,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    shift: int = 0,
) -> LossDetails:
    """``linear_cross_entropy`` with log-sum-exp, and entropy and argmax on demand.

    Gradients cost a fourth matrix product, since any of the results may be differentiated.

    Parameters
    ----------
    entropy, argmax : bool
        Whether to return these; None otherwise.
    x, weight, target, bias, reduction, ignore_index, logit_scale, softcap, label_smoothing, z_loss, shift
        As in ``linear_cross_entropy``.

    Returns
    -------
    LossDetails
    """
    objective = Objective(ignore_index, logit_scale, softcap, label_smoothing, z_loss)
    _check_reduction(reduction)
    x, weight, bias = _autocast(x, weight, bias)
    flat, flat_target, shape = _flatten(x, weight, target, bias, ignore_index, shift)
    found = _head_losses(flat, weight, flat_target, bias, *_numbers(objective), entropy, argmax)
    return _details(found, flat_target, shape, shift, reduction, ignore_index, entropy, argmax)


def token_code_lengths(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    *,
    ignore_index: int = -100,
    logit_scale: float = 1.0,
    softcap: float = 0.0,
    shift: int = 0,
) -> Tensor:
    """Bits that each target costs under the head's distribution, float32, in the shape of the targets.

    Parameters are those of ``linear_cross_entropy``. No gradients.
    """
    with torch.no_grad():
        nats = linear_cross_entropy(
            x,
            weight,
            target,
            bias,
            reduction="none",
            ignore_index=ignore_index,
            logit_scale=logit_scale,
            softcap=softcap,
            shift=shift,
        )
        return nats / math.log(2)


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    entropy: bool = False,
    argmax: bool = False,
    reduction: str = "mean",
    ignore_index: int = -100,
    logit_scale: float = 1.0,
    softcap: float = 0.0,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
) -> LossDetails:
    """Cross-entropy from logits (..., V) and targets (...), in nats; parameters as for a head."""
    objective = Objective(ignore_index, logit_scale, softcap, label_smoothing, z_loss)
    _check_reduction(reduction)
    if logits.dim() < 1 or logits.shape[:-1] != target.shape or logits.shape[-1] == 0:
        raise ValueError(
            "logits and target must be (..., V) and (...):"
            f" logits {tuple(logits.shape)}, target {tuple(target.shape)}"
        )
    _check_types(logits, logits, target, None)
    flat, flat_target = logits.reshape(-1, logits.shape[-1]), target.reshape(-1)
    found = _logit_losses(flat, flat_target, *_numbers(objective), entropy, argmax)
    return _details(found, flat_target, target.shape, 0, reduction, ignore_index, entropy, argmax)


class LinearCrossEntropy(nn.Module):
    """A head with its loss: ``linear_cross_entropy`` as a module that holds the weight.

    Parameters
    ----------
    hidden_size, vocabulary_size : int
        D and V.
    bias : bool
        Whether the head has one.
    device, dtype
        Of weight and bias.
    options
        What ``linear_cross_entropy`` takes by keyword.
    """

    def __init__(
        self,
        hidden_size: int,
        vocabulary_size: int,
        *,
        bias: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        made = nn.Linear(hidden_size, vocabulary_size, bias=bias, device=device, dtype=dtype)
        self.weight = made.weight
        self.bias = made.bias
        self.options = options

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Loss of hidden states (..., D) and targets (...)."""
        return linear_cross_entropy(x, self.weight, target, self.bias, **self.options)

    def extra_repr(self) -> str:
        """Sizes and options, as ``print`` shows them."""
        return ", ".join(
            [f"{self.weight.shape[1]}, {self.weight.shape[0]}", f"bias={self.bias is not None}"]
            + [f"{name}={value}" for name, value in self.options.items()]
        )


def vocabulary_parallel_cross_entropy(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    *,
    first_entry: int,
    vocabulary_size: int,
    group: torch.distributed.ProcessGroup | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
    logit_scale: float = 1.0,
    softcap: float = 0.0,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
) -> Tensor:
    """``linear_cross_entropy`` of a head whose rows lie with several processes; kernels only.

    Parameters
    ----------
    x, target : Tensor
        (..., D) and (...), the same in all processes.
    weight, bias : Tensor
        (V, D) and (V,), this process's part, which begins with entry ``first_entry`` of ``vocabulary_size``.
    group : ProcessGroup or None
        The processes; by default all.
    reduction, ignore_index, logit_scale, softcap, label_smoothing, z_loss
        As in ``linear_cross_entropy``.

    Returns
    -------
    Tensor
        The same in all processes. The gradient by x is summed over them.
    """
    objective = Objective(ignore_index, logit_scale, softcap, label_smoothing, z_loss)
    _check_reduction(reduction)
    x, weight, bias = _autocast(x, weight, bias)
    flat, flat_target, shape = _flatten(x, weight, target, bias, ignore_index, 0)
    loss: Tensor = _VocabularyParallel.apply(  # type: ignore[no-untyped-call]
        flat, weight, bias, flat_target, first_entry, vocabulary_size, group, objective
    )
    return _reduce(loss, flat_target, shape, 0, reduction, ignore_index)


class _VocabularyParallel(torch.autograd.Function):
    """No torch operator: a process group is not a type that schemas know."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        target: Tensor,
        first_entry: int,
        vocabulary_size: int,
        group: Any,
        objective: Objective,
    ) -> Tensor:
        from skmfast import kernels

        with _inside(x):
            losses = kernels.vocabulary_parallel_cross_entropy(
                x, weight, target, bias, first_entry=first_entry, group=group, objective=objective
            )
        ctx.save_for_backward(x, weight, bias, target, losses.log_sum_exp)
        ctx.others = (first_entry, vocabulary_size, group, objective)
        loss: Tensor = losses.loss
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        from skmfast import kernels

        x, weight, bias, target, log_sum_exp = ctx.saved_tensors
        first_entry, vocabulary_size, group, objective = ctx.others
        gradients = kernels.vocabulary_parallel_backward(
            x,
            weight,
            target,
            bias,
            Losses(log_sum_exp, log_sum_exp, None, None),
            upstream,
            first_entry=first_entry,
            vocabulary=vocabulary_size,
            group=group,
            objective=objective,
            needs=tuple(ctx.needs_input_grad[:3]),
        )
        return (*gradients, None, None, None, None, None)


# The operators proper. A schema has no record types, so the objective travels as its five numbers.

_OBJECTIVE = "int ignore_index, float logit_scale, float softcap, float label_smoothing, float z_loss"
_UPSTREAM = (
    "Tensor log_sum_exp, Tensor entropy,"
    " Tensor? upstream_loss, Tensor? upstream_log_sum_exp, Tensor? upstream_entropy"
)
_HEAD = f"Tensor x, Tensor weight, Tensor target, Tensor? bias, {_OBJECTIVE}"


def _numbers(objective: Objective) -> tuple[int, float, float, float, float]:
    return (
        objective.ignore_index,
        objective.logit_scale,
        objective.softcap,
        objective.label_smoothing,
        objective.z_loss,
    )


def _backend(x: Tensor) -> Any:
    """The module whose functions compute for this device."""
    if x.device.type == "cuda":
        from skmfast import kernels

        return kernels
    # Not at the top: kernels can be used where the core is not built.
    from skmfast.head import tensors

    return tensors


@contextlib.contextmanager
def _inside(x: Tensor) -> Iterator[None]:
    """Where an operator computes: on the device of ``x``, whichever is current, and without autocast."""
    device = torch.cuda.device(x.device) if x.device.type == "cuda" else contextlib.nullcontext()
    with device, torch.autocast(x.device.type, enabled=False):
        yield


def _wide(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _column(x: Tensor, wanted: bool, dtype: torch.dtype) -> Tensor:
    return x.new_empty(x.shape[0] if wanted else 0, dtype=dtype)


@torch.library.custom_op(
    "skmfast::head_losses",
    mutates_args=(),
    schema=f"({_HEAD}, bool entropy, bool argmax) -> (Tensor, Tensor, Tensor, Tensor)",
)
def _head_losses(
    x: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None, *rest: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    *numbers, entropy, argmax = rest
    with _inside(x):
        found = _backend(x).linear_cross_entropy(
            x, weight, target, bias, objective=Objective(*numbers), entropy=entropy, argmax=argmax
        )
    return _filled(x, found)


def _filled(x: Tensor, found: Losses) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """An operator returns tensors: empty ones for what was not asked."""
    entropy = _column(x, False, _wide(x)) if found.entropy is None else found.entropy
    argmax = _column(x, False, torch.int64) if found.argmax is None else found.argmax
    return found.loss, found.log_sum_exp, entropy, argmax


@_head_losses.register_fake
def _(x: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None, *rest: Any) -> tuple[Tensor, ...]:
    wide = _wide(x)
    return (
        _column(x, True, wide),
        _column(x, True, wide),
        _column(x, rest[-2], wide),
        _column(x, rest[-1], torch.int64),
    )


@torch.library.custom_op(
    "skmfast::head_gradients",
    mutates_args=(),
    schema=(
        f"({_HEAD}, {_UPSTREAM}, bool need_x, bool need_weight, bool need_bias) -> (Tensor, Tensor, Tensor)"
    ),
)
def _head_gradients(
    x: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None, *rest: Any
) -> tuple[Tensor, Tensor, Tensor]:
    *numbers, log_sum_exp, entropy, up_loss, up_log_sum_exp, up_entropy, need_x, need_weight, need_bias = rest
    if up_loss is None:
        up_loss = torch.zeros_like(log_sum_exp)
    with _inside(x):
        gradients = _backend(x).linear_cross_entropy_backward(
            x,
            weight,
            target,
            bias,
            Losses(log_sum_exp, log_sum_exp, entropy, None),
            up_loss,
            up_log_sum_exp,
            up_entropy,
            objective=Objective(*numbers),
            needs=(need_x, need_weight, need_bias),
        )
    return _filled_gradients(gradients, x, weight, bias)


def _filled_gradients(
    gradients: Any, x: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    like = (x, weight, x if bias is None else bias)
    made = [t.new_empty(0) if g is None else g for g, t in zip(gradients, like, strict=True)]
    by_x, by_weight, by_bias = made
    return by_x, by_weight, by_bias


def _fake_gradients(
    x: Tensor, weight: Tensor, bias: Tensor | None, needs: tuple[bool, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.empty_like(x, memory_format=torch.contiguous_format) if needs[0] else x.new_empty(0),
        torch.empty_like(weight, memory_format=torch.contiguous_format) if needs[1] else weight.new_empty(0),
        torch.empty_like(bias)
        if needs[2] and bias is not None
        else (x if bias is None else bias).new_empty(0),
    )


@_head_gradients.register_fake
def _(x: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None, *rest: Any) -> tuple[Tensor, ...]:
    return _fake_gradients(x, weight, bias, rest[-3:])


def _save_head(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    x, weight, target, bias, *numbers, _, _ = inputs
    _, log_sum_exp, entropy, argmax = output
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(argmax)
    ctx.save_for_backward(x, weight, target, bias, log_sum_exp, entropy)
    ctx.numbers = numbers


def _head_backward(ctx: Any, *upstream: Tensor | None) -> tuple[Tensor | None, ...]:
    x, weight, target, bias, log_sum_exp, entropy = ctx.saved_tensors
    up_entropy = upstream[2] if entropy.shape == log_sum_exp.shape else None
    needs = (ctx.needs_input_grad[0], ctx.needs_input_grad[1], ctx.needs_input_grad[3])
    by_x, by_weight, by_bias = _head_gradients(
        x, weight, target, bias, *ctx.numbers, log_sum_exp, entropy, *upstream[:2], up_entropy, *needs
    )
    return (
        by_x if needs[0] else None,
        by_weight if needs[1] else None,
        None,
        by_bias if needs[2] else None,
        *(None,) * 7,
    )


_head_losses.register_autograd(_head_backward, setup_context=_save_head)


@torch.library.custom_op(
    "skmfast::loss_with_gradients",
    mutates_args=(),
    schema=(
        f"({_HEAD}, bool mean, bool need_x, bool need_weight, bool need_bias)"
        " -> (Tensor, Tensor, Tensor, Tensor)"
    ),
)
def _loss_with_gradients(
    x: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None, *rest: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    *numbers, mean, need_x, need_weight, need_bias = rest
    objective = Objective(*numbers)
    with _inside(x):
        count = (target != objective.ignore_index).sum().to(_wide(x))
        upstream = torch.where(count > 0, 1 / count, 0) if mean else torch.ones_like(count)
        losses, gradients = _backend(x).linear_cross_entropy_with_gradients(
            x, weight, target, bias, upstream, objective=objective, needs=(need_x, need_weight, need_bias)
        )
    loss = losses.sum() / count if mean else losses.sum()
    return (loss, *_filled_gradients(gradients, x, weight, bias))


@_loss_with_gradients.register_fake
def _(x: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None, *rest: Any) -> tuple[Tensor, ...]:
    return (x.new_empty((), dtype=_wide(x)), *_fake_gradients(x, weight, bias, rest[-3:]))


def _save_gradients(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.mark_non_differentiable(*output[1:])
    ctx.save_for_backward(*output[1:])
    ctx.needs = inputs[-3:]


def _scale_gradients(ctx: Any, upstream: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    by_x, by_weight, by_bias = (
        (gradient * upstream).to(gradient.dtype) if need else None
        for gradient, need in zip(ctx.saved_tensors, ctx.needs, strict=True)
    )
    return (by_x, by_weight, None, by_bias, *(None,) * 9)


_loss_with_gradients.register_autograd(_scale_gradients, setup_context=_save_gradients)


@torch.library.custom_op(
    "skmfast::logit_losses",
    mutates_args=(),
    schema=(
        f"(Tensor logits, Tensor target, {_OBJECTIVE}, bool entropy, bool argmax)"
        " -> (Tensor, Tensor, Tensor, Tensor)"
    ),
)
def _logit_losses(logits: Tensor, target: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    *numbers, entropy, argmax = rest
    with _inside(logits):
        found = _backend(logits).cross_entropy(
            logits, target, objective=Objective(*numbers), entropy=entropy, argmax=argmax
        )
    return _filled(logits, found)


@_logit_losses.register_fake
def _(logits: Tensor, target: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    wide = _wide(logits)
    return (
        _column(logits, True, wide),
        _column(logits, True, wide),
        _column(logits, rest[-2], wide),
        _column(logits, rest[-1], torch.int64),
    )


@torch.library.custom_op(
    "skmfast::logit_gradients",
    mutates_args=(),
    schema=(f"(Tensor logits, Tensor target, {_OBJECTIVE}, {_UPSTREAM}) -> Tensor"),
)
def _logit_gradients(logits: Tensor, target: Tensor, *rest: Any) -> Tensor:
    *numbers, log_sum_exp, entropy, up_loss, up_log_sum_exp, up_entropy = rest
    if up_loss is None:
        up_loss = torch.zeros_like(log_sum_exp)
    with _inside(logits):
        gradient: Tensor = _backend(logits).cross_entropy_backward(
            logits,
            target,
            Losses(log_sum_exp, log_sum_exp, entropy, None),
            up_loss,
            up_log_sum_exp,
            up_entropy,
            objective=Objective(*numbers),
        )
    return gradient


@_logit_gradients.register_fake
def _(logits: Tensor, target: Tensor, *rest: Any) -> Tensor:
    return torch.empty_like(logits, memory_format=torch.contiguous_format)


def _save_logits(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    logits, target, *numbers, _, _ = inputs
    _, log_sum_exp, entropy, argmax = output
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(argmax)
    ctx.save_for_backward(logits, target, log_sum_exp, entropy)
    ctx.numbers = numbers


def _logits_backward(ctx: Any, *upstream: Tensor | None) -> tuple[Tensor | None, ...]:
    logits, target, log_sum_exp, entropy = ctx.saved_tensors
    up_entropy = upstream[2] if entropy.shape == log_sum_exp.shape else None
    gradient = _logit_gradients(logits, target, *ctx.numbers, log_sum_exp, entropy, *upstream[:2], up_entropy)
    return (gradient, *(None,) * 8)


_logit_losses.register_autograd(_logits_backward, setup_context=_save_logits)


# Checks, shapes and reductions around them.


def _check_reduction(reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'reduction must be "mean", "sum" or "none", not {reduction!r}')


def _autocast(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """The arguments in autocast's type, if it is on, as a linear layer would take them."""
    kind = x.device.type
    if not torch.is_autocast_enabled(kind) or x.dtype == torch.float64:
        return x, weight, bias
    dtype = torch.get_autocast_dtype(kind)
    return x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)


def _flatten(
    x: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None, ignore_index: int, shift: int
) -> tuple[Tensor, Tensor, torch.Size]:
    """Hidden states (N, D), targets (N,), shifted by ignoring the last ones, and the targets' shape.

    Raises
    ------
    TypeError, ValueError
        If types, shapes or devices do not fit.
    """
    shapes = f"x {tuple(x.shape)}, weight {tuple(weight.shape)}, target {tuple(target.shape)}"
    if x.dim() < 1 or weight.dim() != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError(f"x and weight must be (..., D) and (V, D): {shapes}")
    if x.shape[:-1] != target.shape:
        raise ValueError(f"target must have the shape of x without its last dimension: {shapes}")
    if weight.shape[0] == 0:
        raise ValueError(f"the vocabulary is empty: {shapes}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias must be (V,), not {tuple(bias.shape)}: {shapes}")
    _check_types(x, weight, target, bias)
    if shift:
        if shift < 0 or target.dim() == 0:
            raise ValueError(f"shift must not be negative, and needs a dimension: shift {shift}, {shapes}")
        kept = target[..., shift:]
        ends = target.new_full((*target.shape[:-1], target.shape[-1] - kept.shape[-1]), ignore_index)
        target = torch.cat((kept, ends), -1)
    return x.reshape(-1, x.shape[-1]), target.reshape(-1), target.shape


def _check_types(x: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None) -> None:
    allowed = [torch.float32, torch.bfloat16, torch.float16]
    if x.device.type != "cuda":
        allowed.append(torch.float64)
    if x.dtype not in allowed:
        raise TypeError(f"hidden states or logits must be one of {allowed}, not {x.dtype}")
    if weight.dtype != x.dtype:
        raise TypeError(f"x is {x.dtype} but weight is {weight.dtype}")
    if bias is not None and bias.dtype not in allowed:
        raise TypeError(f"bias must be one of {allowed}, not {bias.dtype}")
    if target.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"target must be int64 or int32, not {target.dtype}")
    for name, other in (("weight", weight), ("target", target), ("bias", bias)):
        if other is not None and other.device != x.device:
            raise ValueError(f"{name} is on {other.device}, not on {x.device}")


def _reduce(
    loss: Tensor, flat_target: Tensor, shape: torch.Size, shift: int, reduction: str, ignore_index: int
) -> Tensor:
    if reduction == "none":
        return _unshift(loss.view(shape), shift)
    if reduction == "sum":
        return loss.sum()
    return loss.sum() / (flat_target != ignore_index).sum()


def _unshift(column: Tensor, shift: int) -> Tensor:
    return column[..., : max(0, column.shape[-1] - shift)] if shift else column


def _details(
    found: tuple[Tensor, ...],
    flat_target: Tensor,
    shape: torch.Size,
    shift: int,
    reduction: str,
    ignore_index: int,
    entropy: bool,
    argmax: bool,
) -> LossDetails:
    loss, log_sum_exp, spread, best = found
    return LossDetails(
        _reduce(loss, flat_target, shape, shift, reduction, ignore_index),
        _unshift(log_sum_exp.view(shape), shift),
        _unshift(spread.view(shape), shift) if entropy else None,
        _unshift(best.view(shape), shift) if argmax else None,
    )
