"""The torch operators on the CPU: derivatives, compilation, and all else that training does with them."""

import math

import pytest

torch = pytest.importorskip("torch", reason="operators need the extra skmfast[torch]")

import torch.nn.functional as F  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

import skmfast  # noqa: E402
from skmfast import operators  # noqa: E402
from skmfast.operators import (  # noqa: E402
    LinearCrossEntropy,
    cross_entropy,
    linear_cross_entropy,
    linear_cross_entropy_details,
    token_code_lengths,
)

OPTIONS = {"softcap": 3.0, "label_smoothing": 0.1, "z_loss": 0.1, "logit_scale": 0.7}
NUMBERS = (-100, 1.0, 0.0, 0.0, 0.0)


def head(dtype=torch.float32, grad=True, vocabulary=11):
    generator = torch.Generator().manual_seed(4)
    leaves = [
        torch.randn(*shape, generator=generator) for shape in ((2, 5, 6), (vocabulary, 6), (vocabulary,))
    ]
    target = torch.randint(0, vocabulary, (2, 5), generator=generator)
    target[0, 2] = -100
    return *(leaf.to(dtype).requires_grad_(grad) for leaf in leaves), target


def eager(x, weight, bias, target, reduction="mean"):
    logits = F.linear(x, weight, bias)
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), target.reshape(-1), reduction=reduction)


def gradients(loss, *leaves):
    return torch.autograd.grad(loss, leaves)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradients_are_those_of_torch(reduction):
    x, weight, bias, target = head(torch.float64)
    loss = linear_cross_entropy(x, weight, target, bias, reduction=reduction)
    expected = eager(x, weight, bias, target, reduction)
    assert torch.allclose(loss.reshape(-1), expected.reshape(-1), atol=1e-14)
    weighing = torch.arange(1.0, loss.numel() + 1).double()
    found = gradients((loss.reshape(-1) * weighing).sum(), x, weight, bias)
    right = gradients((expected.reshape(-1) * weighing).sum(), x, weight, bias)
    for one, two in zip(found, right, strict=True):
        assert torch.allclose(one, two, atol=1e-13)


def test_gradcheck():
    x, weight, bias, target = head(torch.float64)
    for shift in (0, 1):
        for reduction in ("mean", "none"):
            assert torch.autograd.gradcheck(
                lambda *leaves, shift=shift, reduction=reduction: linear_cross_entropy(
                    leaves[0], leaves[1], target, leaves[2], shift=shift, reduction=reduction, **OPTIONS
                ),
                (x, weight, bias),
            )
    assert torch.autograd.gradcheck(
        lambda x, w, b: linear_cross_entropy_details(x, w, target, b, entropy=True, **OPTIONS)[:3],
        (x, weight, bias),
    )
    logits = torch.randn(2, 5, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    assert torch.autograd.gradcheck(
        lambda z: cross_entropy(z, target, entropy=True, **OPTIONS)[:3], (logits.requires_grad_(),)
    )


def test_opcheck():
    x, weight, bias, target = head()
    flat = x.detach().reshape(-1, 6).requires_grad_()
    arguments = (flat, weight, target.reshape(-1), bias, *NUMBERS)
    torch.library.opcheck(operators._head_losses, (*arguments, True, True))
    torch.library.opcheck(operators._loss_with_gradients, (*arguments, True, True, True, True))
    without_bias = (flat, weight.detach(), target.reshape(-1), None, *NUMBERS)
    torch.library.opcheck(operators._loss_with_gradients, (*without_bias, False, True, False, False))
    column = torch.ones(10)
    detached = [t.detach() if isinstance(t, torch.Tensor) else t for t in arguments]
    torch.library.opcheck(
        operators._head_gradients,
        (*detached, column, column, column, None, column, True, True, True),
    )
    logits = torch.randn(10, 11, requires_grad=True)
    torch.library.opcheck(operators._logit_losses, (logits, target.reshape(-1), *NUMBERS, True, True))


def test_compiled_in_one_graph():
    x, weight, bias, target = head()

    def step(x, weight, bias):
        hidden = torch.tanh(x)
        details = linear_cross_entropy_details(hidden, weight, target, bias, entropy=True, argmax=True)
        return (
            linear_cross_entropy(hidden, weight, target, bias, shift=1)
            + details.entropy.mean()
            + details.loss
        )

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    for one, two in zip(
        gradients(compiled(x, weight, bias), x, weight, bias),
        gradients(step(x, weight, bias), x, weight, bias),
        strict=True,
    ):
        assert torch.allclose(one, two, atol=1e-7)


@pytest.mark.parametrize("learning", [(True, False, False), (False, True, False), (False, False, True)])
def test_frozen_parts_get_no_gradient_and_the_others_all_of_it(learning):
    x, weight, bias, target = head(torch.float64)
    right = gradients(eager(x, weight, bias, target), x, weight, bias)
    leaves = [
        leaf.detach().requires_grad_(learns) for leaf, learns in zip((x, weight, bias), learning, strict=True)
    ]
    for made in (
        linear_cross_entropy(leaves[0], leaves[1], target, leaves[2]),
        linear_cross_entropy_details(leaves[0], leaves[1], target, leaves[2]).loss,
    ):
        for leaf in leaves:
            leaf.grad = None
        made.backward()
        for leaf, expected, learns in zip(leaves, right, learning, strict=True):
            assert (leaf.grad is not None) == learns
            if learns:
                assert torch.allclose(leaf.grad, expected, atol=1e-13)


def test_accumulation_double_use_and_repeated_backward():
    x, weight, bias, target = head(torch.float64)
    right = gradients(eager(x, weight, bias, target), weight)[0]
    loss = linear_cross_entropy(x, weight, target, bias)
    (loss * 2 + loss**2).backward(retain_graph=True)
    assert torch.allclose(weight.grad, right * (2 + 2 * loss.detach()), atol=1e-13)
    loss.backward()
    assert torch.allclose(weight.grad, right * (3 + 2 * loss.detach()), atol=1e-13)
    halves = [linear_cross_entropy(x[i], weight, target[i], bias, reduction="sum") for i in range(2)]
    weight.grad = None
    for half in halves:
        half.backward()
    assert torch.allclose(weight.grad, right * 9, atol=1e-12)


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing(reentrant):
    x, weight, bias, target = head(torch.float64)
    loss = checkpoint(
        lambda x, w, b: linear_cross_entropy(x.tanh(), w, target, b), x, weight, bias, use_reentrant=reentrant
    )
    right = gradients(eager(x.tanh(), weight, bias, target), x, weight, bias)
    loss.backward()
    for leaf, expected in zip((x, weight, bias), right, strict=True):
        assert torch.allclose(leaf.grad, expected, atol=1e-13)


def test_autocast_takes_the_head_in_its_type_and_returns_float32():
    x, weight, bias, target = head()
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_cross_entropy(x, weight, target, bias)
        details = linear_cross_entropy_details(x, weight, target, bias)
    rounded = [t.detach().bfloat16().double().requires_grad_() for t in (x, weight, bias)]
    right = eager(*rounded, target)
    assert loss.dtype == details.loss.dtype == torch.float32
    assert loss.item() == pytest.approx(right.item(), abs=1e-6)
    assert details.loss.item() == pytest.approx(right.item(), abs=1e-6)
    loss.backward()
    for leaf, expected in zip((x, weight, bias), gradients(right, *rounded), strict=True):
        assert leaf.grad.dtype == torch.float32
        assert (leaf.grad - expected).norm() < 5e-3 * expected.norm()


def test_module_trains():
    torch.manual_seed(1)
    module = LinearCrossEntropy(6, 11, bias=True, softcap=30.0)
    assert "6, 11, bias=True, softcap=30.0" in repr(module)
    x, _, _, target = head(grad=False)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        losses.append(module(x, target))
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0] / 2


def test_code_lengths_are_bits_shaped_like_targets_and_shifted():
    x, weight, bias, target = head()
    lengths = token_code_lengths(x, weight, target, bias)
    nats = linear_cross_entropy(x, weight, target, bias, reduction="none")
    assert lengths.shape == target.shape
    assert not lengths.requires_grad
    assert torch.allclose(lengths * math.log(2), nats)
    assert lengths[0, 2] == 0
    shifted = token_code_lengths(x, weight, target, bias, shift=2)
    assert torch.equal(shifted, token_code_lengths(x[:, :-2], weight, target[:, 2:], bias))
    assert token_code_lengths(x, weight, target, bias, shift=9).shape == (2, 0)
    one = token_code_lengths(x[0, 0], weight, target[0, 0], bias)
    assert one.shape == ()
    assert torch.allclose(one, lengths[0, 0])


def test_details_and_argmax():
    x, weight, bias, target = head()
    found = linear_cross_entropy_details(x, weight, target, bias, entropy=True, argmax=True, shift=1)
    logits = F.linear(x, weight, bias)[:, :-1]
    assert torch.equal(found.argmax, logits.argmax(-1))
    assert torch.allclose(found.log_sum_exp, logits.logsumexp(-1))
    assert torch.allclose(found.entropy, torch.distributions.Categorical(logits=logits).entropy(), atol=1e-6)
    assert linear_cross_entropy_details(x, weight, target, bias)[2:] == (None, None)
    given = cross_entropy(logits, target[:, 1:], argmax=True)
    assert torch.allclose(given.loss, found.loss)


def test_nothing_to_learn_from():
    x, weight, bias, target = head()
    loss = linear_cross_entropy(x, weight, torch.full_like(target, -100), bias)
    assert loss.isnan()
    assert all(not g.any() for g in gradients(loss, x, weight, bias))
    assert linear_cross_entropy(x, weight, torch.full_like(target, -100), bias, reduction="sum") == 0
    assert linear_cross_entropy(x[:, :0], weight, target[:, :0], bias).isnan()
    assert linear_cross_entropy(x[:, :0], weight, target[:, :0], bias, reduction="none").shape == (2, 0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"target": torch.full((2, 5), 11)},
            ValueError,
            r"target 11 at 0 is neither in \[0, 11\)",
        ),
        ({"target": torch.zeros(2, 4, dtype=torch.int64)}, ValueError, r"x \(2, 5, 6\).*target \(2, 4\)"),
        ({"weight": torch.zeros(11, 7)}, ValueError, r"weight \(11, 7\)"),
        ({"weight": torch.zeros(0, 6)}, ValueError, "vocabulary is empty"),
        ({"bias": torch.zeros(3)}, ValueError, r"bias must be \(V,\), not \(3,\)"),
        ({"weight": torch.zeros(11, 6, dtype=torch.bfloat16)}, TypeError, "x is torch.float32 but weight is"),
        ({"x": torch.zeros(2, 5, 6, dtype=torch.int64)}, TypeError, "not torch.int64"),
        ({"target": torch.zeros(2, 5)}, TypeError, "target must be int64 or int32"),
        ({"weight": torch.zeros(11, 6, device="meta")}, ValueError, "weight is on meta, not on cpu"),
        ({"reduction": "average"}, ValueError, "reduction must be"),
        ({"shift": -1}, ValueError, "shift must not be negative"),
        ({"softcap": -2.0}, ValueError, "softcap must be positive"),
    ],
)
def test_what_does_not_fit_is_told(change, error, message):
    x, weight, bias, target = head()
    arguments = {"x": x, "weight": weight, "target": target, "bias": bias, **change}
    with pytest.raises(error, match=message):
        linear_cross_entropy(**arguments)


def test_found_at_the_top():
    assert skmfast.linear_cross_entropy is linear_cross_entropy
    assert skmfast.LinearCrossEntropy is LinearCrossEntropy


@pytest.mark.parametrize(
    ("dtype", "relative"), [(torch.float32, 3e-5), (torch.bfloat16, 1e-2), (torch.float16, 2e-3)]
)
def test_all_options_in_every_type_beside_float64(dtype, relative):
    """Float64 itself is what gradcheck above holds."""
    x, weight, bias, target = head(dtype)
    twins = [leaf.detach().double().requires_grad_() for leaf in (x, weight, bias)]
    for options in (OPTIONS, {"shift": 1}, {"reduction": "sum", "ignore_index": 3}, {"reduction": "none"}):
        ours = linear_cross_entropy(x, weight, target.clamp(min=0), bias, **options)
        right = linear_cross_entropy(twins[0], twins[1], target.clamp(min=0), twins[2], **options)
        assert ours.dtype == torch.float32
        assert torch.allclose(ours.double(), right, rtol=1e-6, atol=1e-5)
        for one, two in zip(
            gradients(ours.sum(), x, weight, bias), gradients(right.sum(), *twins), strict=True
        ):
            assert one.dtype == dtype
            assert (one - two).abs().max() <= relative * two.abs().max()


def test_strided_inputs_and_int32_targets():
    x, weight, bias, target = head(torch.float64)
    right = gradients(linear_cross_entropy(x, weight, target, bias), x, weight)
    strided = [
        leaf.detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_() for leaf in (x, weight)
    ]
    assert not strided[1].is_contiguous()
    found = linear_cross_entropy(strided[0], strided[1], target.int(), bias)
    for one, two in zip(gradients(found, *strided), right, strict=True):
        assert torch.allclose(one, two, atol=1e-15)


def test_compiled_backward_of_the_module():
    torch.manual_seed(2)
    module = LinearCrossEntropy(6, 11, bias=True)
    x, _, _, target = head()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    right = gradients(module(x, target), x, *module.parameters())
    for one, two in zip(gradients(compiled(x, target), x, *module.parameters()), right, strict=True):
        assert torch.equal(one, two)
