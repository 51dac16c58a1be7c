"""The core's functions on torch tensors beside torch in float64, in every type."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from plain_torch import losses_and_gradients, losses_from, wide  # noqa: E402
from skmfast.kernels.objective import Objective  # noqa: E402

from skmfast.head import tensors  # noqa: E402

# Largest difference of losses in nats, and of gradients relative to the largest entry.
TOLERANCE = {
    torch.float64: (1e-12, 1e-12),
    torch.float32: (1e-5, 5e-5),
    torch.float16: (2e-5, 2e-3),
    torch.bfloat16: (1e-5, 2e-2),
}


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize("with_bias", [False, True])
def test_as_plain_torch(dtype, with_bias):
    torch.manual_seed(1)
    x, weight, target = torch.randn(40, 33).to(dtype), torch.randn(70, 33).to(dtype), torch.arange(40)
    target[3] = -100
    bias = torch.randn(70).to(dtype) if with_bias else None
    objective = Objective(softcap=9.0, label_smoothing=0.1)
    up = torch.randn(3, 40, dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    right, right_gradients = losses_and_gradients(x, weight, target, bias, list(up), objective)
    found = tensors.linear_cross_entropy(
        x, weight, target, bias, objective=objective, entropy=True, argmax=True
    )
    of_loss, of_gradient = TOLERANCE[dtype]
    assert all(column.dtype == up.dtype for column in found[:3])
    for ours, theirs in zip(found, right, strict=True):
        assert (ours - theirs).abs().max() <= of_loss
    gradients = tensors.linear_cross_entropy_backward(
        x, weight, target, bias, found, *up, objective=objective
    )
    assert (gradients.bias is None) == (bias is None)
    for ours, theirs in zip(gradients, right_gradients, strict=False):
        assert ours.dtype == dtype
        assert (ours - theirs).abs().max() <= of_gradient * theirs.abs().max()


def test_gradients_of_bfloat16_are_no_worse_than_torchs():
    torch.manual_seed(2)
    x, weight = torch.randn(64, 48).bfloat16(), (0.3 * torch.randn(300, 48)).bfloat16()
    target, up = torch.randint(0, 300, (64,)), torch.full((64,), 1 / 64)
    losses = tensors.linear_cross_entropy(x, weight, target, objective=Objective())
    ours = tensors.linear_cross_entropy_backward(x, weight, target, None, losses, up, objective=Objective())
    found = {}
    for dtype in (torch.bfloat16, torch.float64):
        inputs = x.to(dtype).requires_grad_(), weight.to(dtype).requires_grad_()
        loss = torch.nn.functional.cross_entropy(inputs[0] @ inputs[1].t(), target)
        found[dtype] = torch.autograd.grad(loss, inputs)
    for mine, theirs, exact in zip(ours[:2], found[torch.bfloat16], found[torch.float64], strict=True):
        assert (mine - exact).norm() <= 3 * (theirs - exact).norm()


def test_given_logits_as_plain_torch():
    torch.manual_seed(3)
    logits, target = torch.randn(7, 50), torch.arange(7)
    objective = Objective(z_loss=0.1)
    ours = tensors.cross_entropy(logits, target, objective=objective)
    leaf, up = wide(logits), torch.randn(7)
    right = losses_from(leaf, target, objective)
    assert (ours.loss - right.loss).abs().max() <= 1e-5
    gradient = tensors.cross_entropy_backward(logits, target, ours, up, objective=objective)
    assert (gradient - torch.autograd.grad(right.loss, leaf, up.double())[0]).abs().max() <= 1e-5
