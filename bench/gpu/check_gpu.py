"""Correctness on a GPU: against float64, twice the same, never waiting, past 2^31 elements, as operators."""

import math

import pytest
import torch
import torch.nn.functional as F

from skmfast import kernels
from skmfast.operators import linear_cross_entropy, linear_cross_entropy_details, token_code_lengths

PLAIN = kernels.Objective()
FULL = kernels.Objective(logit_scale=0.7, softcap=20.0, label_smoothing=0.1, z_loss=0.001)
CAPPED = kernels.Objective(softcap=20.0, z_loss=0.001)
BOUND_BITS = {torch.float32: 1e-5, torch.bfloat16: 1e-4, torch.float16: 1e-4}


def head(rows, depth, vocabulary, dtype=torch.bfloat16):
    generator = torch.Generator("cuda").manual_seed(rows + depth + vocabulary)
    x = torch.randn(rows, depth, device="cuda", generator=generator).to(dtype)
    weight = torch.randn(vocabulary, depth, device="cuda", generator=generator) * 2 / math.sqrt(depth)
    bias = torch.randn(vocabulary, device="cuda", generator=generator).to(dtype)
    target = torch.randint(0, vocabulary, (rows,), device="cuda", generator=generator)
    return x, weight.to(dtype), bias, target


def definition(x, weight, bias, target, objective):
    """Loss, log-sum-exp and entropy per token from full logits."""
    logits = F.linear(x, weight, bias).double() * objective.logit_scale
    if objective.softcap:
        logits = objective.softcap * torch.tanh(logits / objective.softcap)
    log_sum_exp = logits.logsumexp(1)
    loss = F.cross_entropy(logits, target, reduction="none", label_smoothing=objective.label_smoothing)
    loss = loss + torch.where(target == -100, 0.0, objective.z_loss * log_sum_exp**2)
    surprise = log_sum_exp[:, None] - logits
    return loss, log_sum_exp, (torch.exp(-surprise) * surprise).sum(1), logits.argmax(1)


def derivatives(leaves, target, objective, upstream):
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    found = definition(*leaves, target, objective)[:3]
    sum((f * u).sum() for f, u in zip(found, upstream, strict=True)).backward()
    return [leaf.grad for leaf in leaves]


def relative_error(found, right):
    return ((found.double() - right.double()).norm() / right.double().norm()).item()


SHAPES = [(257, 64, 1000), (1, 768, 50257), (300, 100, 777), (129, 2048, 5003), (128, 4096, 1024), (3, 16, 1)]


# Each case compiles several kernels: every shape once, and one shape with every option and type.
CASES = [
    *((shape, PLAIN, torch.bfloat16) for shape in SHAPES),
    *((SHAPES[0], objective, torch.bfloat16) for objective in (FULL, CAPPED)),
    *((SHAPES[3], FULL, dtype) for dtype in (torch.bfloat16, torch.float32)),
    (SHAPES[0], PLAIN, torch.float16),
    (SHAPES[0], PLAIN, torch.float32),
]


@pytest.mark.parametrize(("shape", "objective", "dtype"), CASES)
def test_against_float64(shape, objective, dtype):
    x, weight, bias, target = head(*shape, dtype)
    if len(x) > 5:
        target[3] = -100
    wide = [t.double() for t in (x, weight, bias)]
    right = definition(*wide, target, objective)
    found = kernels.linear_cross_entropy(
        x, weight, target, bias, objective=objective, entropy=True, argmax=True
    )
    for got, expected in zip(found[:3], right[:3], strict=True):
        assert (got - expected).abs().max() / math.log(2) < BOUND_BITS[dtype]
    assert (found.argmax == right[3]).float().mean() > 0.99  # ties of rounded logits may fall either way
    lengths = kernels.token_code_lengths(x, weight, target, bias, objective=objective)
    plain = kernels.Objective(logit_scale=objective.logit_scale, softcap=objective.softcap)
    expected = definition(*wide, target, plain)[0] / math.log(2)
    assert (lengths - expected).abs().max() < BOUND_BITS[dtype]

    if shape[2] == 1:
        return
    upstream = torch.randn(3, len(x), device="cuda")
    check_gradients(
        kernels.linear_cross_entropy_backward(
            x, weight, target, bias, found, *upstream, objective=objective, workspace_bytes=1 << 20
        ),
        derivatives(wide, target, objective, upstream),
        derivatives((x, weight, bias), target, objective, upstream),
        dtype,
    )
    upstream = torch.zeros(3, len(x), device="cuda")
    upstream[0] = 1 / len(x)
    one = torch.tensor(1 / len(x), device="cuda")
    loss, gradients = kernels.linear_cross_entropy_with_gradients(
        x, weight, target, bias, one, objective=objective, workspace_bytes=1 << 20
    )
    assert (loss - right[0]).abs().max() / math.log(2) < BOUND_BITS[dtype]
    check_gradients(
        gradients,
        derivatives(wide, target, objective, upstream),
        derivatives((x, weight, bias), target, objective, upstream),
        dtype,
    )


def check_gradients(found, right, by_torch, dtype):
    for got, expected, other in zip(found, right, by_torch, strict=True):
        bound = 1e-5 if dtype == torch.float32 else 3 * relative_error(other, expected) + 1e-6
        assert relative_error(got, expected) < bound


@pytest.mark.parametrize("depth", [768, 2048])
def test_runs_agree_to_the_bit_and_nothing_waits(depth):
    x, weight, _, target = head(2000, depth, 50257)
    one = torch.tensor(1 / 2000, device="cuda")

    def run():
        loss, gradients = kernels.linear_cross_entropy_with_gradients(
            x, weight, target, None, one, needs=(True, True, False), workspace_bytes=64 << 20
        )
        losses = kernels.linear_cross_entropy(x, weight, target)
        again = kernels.linear_cross_entropy_backward(
            x, weight, target, None, losses, loss, needs=(True, True, False), workspace_bytes=64 << 20
        )
        return [loss, losses.loss, *gradients[:2], *again[:2]]

    first = run()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        second = run()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for one_run, other in zip(first, second, strict=True):
        assert torch.equal(one_run, other)


def test_targets_so_improbable_that_exponentials_overflow():
    x, weight, _, target = head(200, 256, 1000)
    x[:, 0], weight[:, 0] = 16.0, 0.0
    target[:50], weight[5, 0] = 5, -64.0
    right = definition(x.double(), weight.double(), None, target, PLAIN)[0]
    loss, gradients = kernels.linear_cross_entropy_with_gradients(
        x, weight, target, None, torch.ones(1, device="cuda"), needs=(True, True, False)
    )
    assert torch.allclose(loss.double(), right, rtol=2e-7, atol=2e-4)
    assert all(g.isfinite().all() for g in gradients[:2])


def test_target_out_of_range_is_not_a_number():
    x, weight, _, target = head(200, 256, 1000)
    target[7], target[9] = 1000, -1
    lengths = kernels.token_code_lengths(x, weight, target)
    assert lengths.isnan().nonzero().flatten().tolist() == [7, 9]


def test_beyond_two_to_the_31_elements():
    free, _ = torch.cuda.mem_get_info()
    if free < 30e9:
        pytest.skip("needs 30 GB of device memory")
    rows, vocabulary = 18000, 128256
    x, weight, _, target = head(rows, 64, vocabulary)
    one = torch.tensor(1.0, device="cuda")
    whole_loss, whole = kernels.linear_cross_entropy_with_gradients(
        x, weight, target, None, one, needs=(True, True, False), workspace_bytes=8 << 30
    )
    loss, gradients = kernels.linear_cross_entropy_with_gradients(
        x, weight, target, None, one, needs=(True, True, False)
    )
    assert torch.equal(whole_loss, loss)
    for one_way, other in zip(whole[:2], gradients[:2], strict=True):
        assert relative_error(one_way, other) < 5e-3
    logits = x @ weight.t()
    found = kernels.cross_entropy(logits, target)
    tail = F.cross_entropy(logits[-9:].double(), target[-9:], reduction="none")
    assert torch.allclose(found.loss[-9:].double(), tail, atol=1e-5)


def test_workspace_bounds_the_memory():
    x, weight, _, target = head(8192, 256, 50257)
    one = torch.tensor(1.0, device="cuda")
    workspace = 32 << 20

    def peak(run):
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        run()
        return torch.cuda.max_memory_allocated() - before

    logits = 2 * len(x) * len(weight)
    assert peak(lambda: kernels.token_code_lengths(x, weight, target)) < 0.05 * logits
    taken = peak(
        lambda: kernels.linear_cross_entropy_with_gradients(
            x, weight, target, None, one, needs=(True, True, False), workspace_bytes=workspace
        )
    )
    # Gradients, twice that for sums in float32, the workspace and what is as small as it is long.
    assert taken < 2 * workspace + 2 * 3 * (weight.numel() + x.numel()) * 2 + 0.05 * logits


@pytest.mark.parametrize("compiled", [False, True])
def test_operators(compiled):
    x, weight, _, target = head(512, 256, 5003, torch.float32)
    target[5] = -100
    x, weight = x.requires_grad_(), weight.requires_grad_()

    def step(x, weight):
        with torch.autocast("cuda", torch.bfloat16):
            loss = linear_cross_entropy(x, weight, target)
            details = linear_cross_entropy_details(x, weight, target, entropy=True)
        return loss + details.loss + 0 * details.entropy.mean()

    run = torch.compile(step, fullgraph=True) if compiled else step
    loss = run(x, weight)
    loss.backward()
    leaves = [t.detach().bfloat16().double().requires_grad_() for t in (x, weight)]
    right = 2 * F.cross_entropy(leaves[0] @ leaves[1].t(), target)
    right.backward()
    assert abs(loss.item() - right.item()) < 1e-4
    for leaf, expected in zip((x, weight), leaves, strict=True):
        assert leaf.grad.dtype == torch.float32
        assert relative_error(leaf.grad, expected.grad) < 1e-2
    frozen = linear_cross_entropy(x, weight.detach(), target)
    x.grad = None
    frozen.backward()
    assert x.grad.abs().max() > 0
    with torch.no_grad():
        assert token_code_lengths(x, weight, target).shape == target.shape
