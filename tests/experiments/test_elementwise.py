"""Norm, rotation and gate: values of the plain formulas, and gradients of finite differences."""

import pytest

torch = pytest.importorskip("torch", reason="experiments need the extra skmfast[experiments]")

from skmfast.experiments.elementwise import chosen, gate, rms_norm, rotate  # noqa: E402
from skmfast.experiments.transformer import rotary_angles  # noqa: E402


def random(*shape, seed=1):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_rms_norm():
    x, weight = random(2, 3, 6).requires_grad_(), random(6, seed=2).requires_grad_()
    expected = weight * x / torch.sqrt((x**2).mean(-1, keepdim=True) + 1e-3)
    assert torch.allclose(rms_norm(x, weight, 1e-3), expected, atol=1e-12)
    assert torch.autograd.gradcheck(rms_norm, (x, weight, 1e-3))


def test_rotate():
    x = random(7, 5, 6).requires_grad_()
    positions = torch.tensor([0, 3, 1, 1, 2, 0, 4])
    cosine, sine = (table.double()[positions, None] for table in rotary_angles(5, 6))
    pairs = torch.complex(*x.detach()[:, :4].chunk(2, -1)) * torch.complex(cosine, sine)
    turned = torch.cat([pairs.real, pairs.imag], -1)
    expected = torch.cat([turned, x.detach()[:, 4:]], 1)
    assert torch.allclose(rotate(x, 4, cosine, sine), expected, atol=1e-12)
    assert torch.autograd.gradcheck(lambda x: rotate(x, 4, cosine, sine), (x,))


def test_gate():
    x = random(2, 3, 8).requires_grad_()
    first, second = x.chunk(2, -1)
    assert torch.allclose(gate(x), first * torch.sigmoid(first) * second, atol=1e-12)
    assert torch.autograd.gradcheck(gate, (x,))


def test_chosen():
    x, rows = random(4, 3).requires_grad_(), torch.tensor([2, 0, 2, 2, 3])
    assert torch.equal(chosen(x, rows), x[rows])
    assert torch.autograd.gradcheck(chosen, (x, rows))


def test_chosen_often_in_bfloat16():
    """300 times a gradient of 1 is 300, where a sum in bfloat16 would stop at 256."""
    x = torch.zeros(2, 8, dtype=torch.bfloat16).requires_grad_()
    chosen(x, torch.zeros(300, dtype=torch.int64)).backward(torch.ones(300, 8, dtype=torch.bfloat16))
    assert x.grad[0].tolist() == [300.0] * 8
    assert x.grad[1].tolist() == [0.0] * 8
