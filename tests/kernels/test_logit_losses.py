"""Losses and gradients from given logits, in the interpreter, against the definition in float64."""

import math

import pytest

torch = pytest.importorskip("torch", reason="kernels need the extra skmfast[torch]")
pytest.importorskip("triton", reason="kernels need the extra skmfast[torch]")

import reference  # noqa: E402
from skmfast.kernels import Objective, cross_entropy, cross_entropy_backward, schedules  # noqa: E402

pytestmark = pytest.mark.skipif(not schedules.interpreting(), reason="TRITON_INTERPRET=0")

FULL = Objective(ignore_index=3, logit_scale=0.7, softcap=5.0, label_smoothing=0.1, z_loss=0.01)


# Blocks of the interpreter are 64 entries: below, at and beyond one and several.
@pytest.mark.parametrize("objective", [Objective(), FULL])
@pytest.mark.parametrize(
    ("rows", "vocabulary", "dtype"),
    [(1, 1, torch.float32), (3, 64, torch.float16), (4, 65, torch.bfloat16), (4, 200, torch.float32)],
)
def test_losses_and_gradients(rows, vocabulary, dtype, objective):
    generator = torch.Generator().manual_seed(5)
    logits = (torch.randn(rows, vocabulary, generator=generator) * 4).to(dtype)
    target = torch.randint(0, vocabulary, (rows,), generator=generator)
    upstream = torch.randn(3, rows, generator=generator)

    leaf = logits.double().requires_grad_()
    right = reference.losses(reference.transform(leaf, objective), target, objective)
    sum((r * u).sum() for r, u in zip(right, upstream, strict=True)).backward()
    found = cross_entropy(logits, target, objective=objective, entropy=True, argmax=True)
    for got, expected in zip(found, right, strict=False):
        assert (got - expected).abs().max() < 7e-6  # 1e-5 bits
    assert torch.equal(found.argmax, reference.transform(logits, objective).argmax(1))
    gradient = cross_entropy_backward(logits, target, found, *upstream, objective=objective)
    assert gradient.dtype == dtype
    rounding = {torch.float32: 2e-6, torch.float16: 5e-4, torch.bfloat16: 3e-3}[dtype]
    assert (gradient - leaf.grad).norm() <= rounding * leaf.grad.norm() + 1e-6

    in_place = logits.clone()
    cross_entropy_backward(in_place, target, found, *upstream, objective=objective, in_place=True)
    assert torch.equal(in_place, gradient)


def test_extremes():
    logits = torch.tensor(
        [[1e4, 1e4, -1e4], [-math.inf, 0.0, -math.inf], [1e38, 0.0, 0.0], [0.0, math.nan, 0.0]]
    )
    found = cross_entropy(logits, torch.tensor([1, 1, 0, 0]), entropy=True, bits=True)
    assert found.loss[:3].tolist() == [1.0, 0.0, 0.0]
    assert found.loss[3].isnan()
    assert found.entropy[:3] == pytest.approx([math.log(2), 0, 0], abs=1e-3)
    found = cross_entropy(logits, torch.tensor([1, 0, 7, -1]))
    assert found.loss[1] == math.inf
    assert found.loss[2:].isnan().all()


@pytest.mark.parametrize("objective", [Objective(), FULL])
@pytest.mark.parametrize("entry", [0, 70, 199])
def test_not_a_number(objective, entry):
    logits = torch.randn(3, 200, generator=torch.Generator().manual_seed(3))
    logits[1, entry] = math.nan
    for target in [torch.zeros(3, dtype=torch.int64), torch.full((3,), entry)]:
        found = cross_entropy(logits, target, objective=objective, entropy=True)
        assert [column.isnan().tolist() for column in found[:3]] == [[False, True, False]] * 3
        gradient = cross_entropy_backward(logits, target, found, torch.ones(3), objective=objective)
        assert gradient.isnan().all(1).tolist() == [False, True, False]
        assert gradient[[0, 2]].isfinite().all()


def test_impossible_target_with_smoothing():
    logits = torch.tensor([[-math.inf, 0.0, 1.0], [0.0, 1.0, 2.0]])
    loss = cross_entropy(logits, torch.tensor([0, 0]), objective=Objective(label_smoothing=0.1)).loss
    assert loss[0] == math.inf
    assert loss[1].isfinite()


def test_no_tokens_and_rows_apart():
    assert cross_entropy(torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64)).loss.shape == (0,)
    wide = torch.randn(4, 90, generator=torch.Generator().manual_seed(1))
    target = torch.tensor([0, 3, 69, 7])
    found = cross_entropy(wide[:, 9:79], target)
    assert torch.equal(found.loss, cross_entropy(wide[:, 9:79].contiguous(), target).loss)


@pytest.mark.parametrize(
    ("logits", "target", "error", "message"),
    [
        (torch.zeros(3), torch.zeros(3, dtype=torch.int64), ValueError, r"logits \(3,\), target \(3,\)"),
        (torch.zeros(3, 4), torch.zeros(2, dtype=torch.int64), ValueError, r"logits \(3, 4\), target \(2,\)"),
        (torch.zeros(3, 0), torch.zeros(3, dtype=torch.int64), ValueError, "vocabulary is empty"),
        (torch.zeros(3, 4, dtype=torch.float64), torch.zeros(3, dtype=torch.int64), TypeError, "float64"),
        (torch.zeros(3, 4), torch.zeros(3), TypeError, "target must be int64 or int32"),
    ],
)
def test_what_does_not_fit_is_told(logits, target, error, message):
    with pytest.raises(error, match=message):
        cross_entropy(logits, target)


def test_in_place_needs_rows_in_memory():
    logits, target = torch.zeros(4, 3).t(), torch.zeros(3, dtype=torch.int64)
    with pytest.raises(ValueError, match="contiguous rows"):
        cross_entropy_backward(logits, target, cross_entropy(logits, target), torch.ones(3), in_place=True)
