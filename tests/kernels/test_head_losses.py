"""Losses and gradients of a head by kernels, in the interpreter, against the definition in float64."""

import math

import pytest

torch = pytest.importorskip("torch", reason="kernels need the extra skmfast[torch]")
pytest.importorskip("triton", reason="kernels need the extra skmfast[torch]")

import reference  # noqa: E402
from skmfast.kernels import (  # noqa: E402
    Objective,
    linear_cross_entropy,
    linear_cross_entropy_backward,
    linear_cross_entropy_with_gradients,
    schedules,
    token_code_lengths,
)

pytestmark = pytest.mark.skipif(not schedules.interpreting(), reason="TRITON_INTERPRET=0")

PLAIN = Objective()
FULL = Objective(ignore_index=3, logit_scale=0.7, softcap=5.0, label_smoothing=0.1, z_loss=0.01)
OBJECTIVES = {
    "plain": PLAIN,
    "scaled": Objective(logit_scale=0.3),
    "negative scale": Objective(logit_scale=-0.3),
    "softcap": Objective(softcap=4.0),
    "smoothing": Objective(label_smoothing=0.2),
    "z-loss": Objective(z_loss=0.02),
    "ignored index within the vocabulary": Objective(ignore_index=3),
    "all": FULL,
}
# Error per token in bits, and of gradients relative to torch's own in the same type.
LENGTH_BOUND = {torch.float32: 1e-5, torch.bfloat16: 1e-4, torch.float16: 1e-4}


def head(rows, depth, vocabulary, dtype=torch.float32, scale=1.0, seed=1):
    """Hidden states, weight, bias and targets; logits spread by about 2, whatever the depth."""
    generator = torch.Generator().manual_seed(seed)
    x = (torch.randn(rows, depth, generator=generator) * scale).to(dtype)
    weight = (torch.randn(vocabulary, depth, generator=generator) / math.sqrt(max(1, depth)) * 2).to(dtype)
    bias = torch.randn(vocabulary, generator=generator).to(dtype)
    target = torch.randint(0, vocabulary, (rows,), generator=generator)
    return x, weight, bias, target


def bits(nats):
    return nats.double() / math.log(2)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_and_all_that_is_returned_with_every_option(name):
    objective = OBJECTIVES[name]
    x, weight, bias, target = head(9, 24, 75)
    target[3] = objective.ignore_index
    found = linear_cross_entropy(x, weight, target, bias, objective=objective, entropy=True, argmax=True)
    logits = reference.head_logits(x, weight, bias, objective)
    for got, expected in zip(found, reference.losses(logits, target, objective), strict=False):
        assert bits(got - expected).abs().max() < 1e-5
    assert torch.equal(found.argmax, logits.argmax(1))
    assert found.loss.dtype == found.log_sum_exp.dtype == found.entropy.dtype == torch.float32


# Tiles of the interpreter are 16 tokens, 32 entries and 32 units: below, at and beyond one and several.
SHAPES = [(1, 1, 1), (1, 32, 32), (17, 33, 33), (16, 3, 64), (2, 0, 40)]


@pytest.mark.parametrize("dtype", LENGTH_BOUND)
@pytest.mark.parametrize("shape", SHAPES)
def test_code_lengths_of_odd_shapes_in_every_type(shape, dtype):
    x, weight, _, target = head(*shape, dtype)
    found = token_code_lengths(x, weight, target)
    logits = reference.head_logits(x, weight, None, PLAIN)
    expected = bits(reference.losses(logits, target, PLAIN)[0])
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() < LENGTH_BOUND[dtype]


@pytest.mark.parametrize(
    ("name", "dtype"), [*(("plain", dtype) for dtype in LENGTH_BOUND), ("all", torch.bfloat16)]
)
def test_gradients_are_as_good_as_those_of_torch(name, dtype):
    objective = OBJECTIVES[name]
    x, weight, bias, target = head(17, 24, 41, dtype)
    target[[0, 7]] = objective.ignore_index
    upstream = torch.randn(3, 17, generator=torch.Generator().manual_seed(2))

    losses = linear_cross_entropy(x, weight, target, bias, objective=objective, entropy=True)
    found = linear_cross_entropy_backward(x, weight, target, bias, losses, *upstream, objective=objective)
    expected = differentiated(x, weight, bias, target, objective, upstream, torch.float64)
    by_torch = differentiated(x, weight, bias, target, objective, upstream, dtype)
    check_gradients(found, expected, by_torch, dtype)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, torch.bfloat16) for name in OBJECTIVES),
        *(("plain", dtype) for dtype in (torch.float32, torch.float16)),
    ],
)
def test_losses_with_gradients_in_one_go(name, dtype):
    objective = OBJECTIVES[name]
    x, weight, bias, target = head(18, 24, 41, dtype)
    target[[0, 7]] = objective.ignore_index
    upstream = torch.zeros(3, 18)
    upstream[0] = 0.125
    loss, found = linear_cross_entropy_with_gradients(
        x, weight, target, bias, torch.tensor(0.125), objective=objective
    )
    logits = reference.head_logits(x, weight, bias, objective)
    expected_loss = reference.losses(logits, target, objective)[0]
    assert bits(loss - expected_loss).abs().max() < LENGTH_BOUND[dtype]
    expected = differentiated(x, weight, bias, target, objective, upstream, torch.float64)
    by_torch = differentiated(x, weight, bias, target, objective, upstream, dtype)
    check_gradients(found, expected, by_torch, dtype)


def differentiated(x, weight, bias, target, objective, upstream, dtype):
    """Gradients by autograd, with the head's product in ``dtype`` as torch would compute it."""
    leaves = [t.to(dtype).detach().requires_grad_() for t in (x, weight, bias)]
    logits = reference.transform(torch.nn.functional.linear(*leaves), objective)
    results = reference.losses(logits, target, objective)
    sum((r * u).sum() for r, u in zip(results, upstream.double(), strict=True)).backward()
    return [leaf.grad for leaf in leaves]


def check_gradients(found, expected, by_torch, dtype):
    for got, right, other in zip(found, expected, by_torch, strict=True):
        error = reference.relative_error(got, right)
        if dtype == torch.float32:
            assert error < 3e-6
        else:
            assert error < 3 * reference.relative_error(other, right) + 1e-6


@pytest.mark.parametrize("objective", [PLAIN, Objective(softcap=9.0, z_loss=0.01)])
def test_parts_and_chunks_change_little_and_runs_nothing(objective):
    x, weight, bias, target = head(20, 16, 40)
    whole = linear_cross_entropy_with_gradients(
        x, weight, target, bias, torch.tensor(1.0), objective=objective
    )
    chunked = [
        linear_cross_entropy_with_gradients(
            x, weight, target, bias, torch.tensor(1.0), objective=objective, workspace_bytes=2560
        )
        for _ in range(2)
    ]
    for first, two, other in zip(whole[1], chunked[0][1], chunked[1][1], strict=True):
        assert reference.relative_error(two, first) < 1e-6
        assert torch.equal(two, other)
    losses = linear_cross_entropy(x, weight, target, bias, objective=objective)
    column = torch.ones(20)
    arguments = (x, weight, target, bias, losses, column)
    parts = linear_cross_entropy_backward(*arguments, objective=objective, workspace_bytes=2560)
    for first, part in zip(whole[1], parts, strict=True):
        assert reference.relative_error(part, first) < 2e-6


def test_only_gradients_that_are_needed():
    x, weight, bias, target = head(5, 8, 9)
    whole = linear_cross_entropy_with_gradients(x, weight, target, bias, torch.tensor(1.0))[1]
    losses = linear_cross_entropy(x, weight, target, bias)
    for needs in ((True, False, False), (False, True, False), (False, False, True)):
        one = linear_cross_entropy_with_gradients(x, weight, target, bias, torch.tensor(1.0), needs=needs)[1]
        two = linear_cross_entropy_backward(x, weight, target, bias, losses, torch.ones(5), needs=needs)
        for need, expected, first, second in zip(needs, whole, one, two, strict=True):
            assert (first is not None) == (second is not None) == need
            if need:
                assert torch.equal(first, expected)
                assert reference.relative_error(second, expected) < 1e-6


class TestAdversarial:
    """Inputs chosen to overflow, underflow, cancel or divide by zero."""

    def check(self, x, weight, target, bias=None, objective=PLAIN, bound=1e-4, gradients=True):
        logits = reference.head_logits(x, weight, bias, objective)
        loss, log_sum_exp, entropy = reference.losses(logits, target, objective)
        found = linear_cross_entropy(x, weight, target, bias, objective=objective, entropy=True)
        for got, expected in zip(found[:3], (loss, log_sum_exp, entropy), strict=True):
            assert torch.allclose(bits(got), bits(expected), rtol=2e-7, atol=bound)
        if not gradients:
            return
        upstream = torch.zeros(3, len(x))
        upstream[0] = 1
        needs = (True, True, bias is not None)
        one = torch.tensor(1.0)
        zeros = torch.zeros(len(weight))
        right = differentiated(x, weight, zeros, target, objective, upstream, torch.float64)
        fused = linear_cross_entropy_with_gradients(
            x, weight, target, bias, one, objective=objective, needs=needs
        )
        again = linear_cross_entropy_backward(
            x, weight, target, bias, found, one.expand(len(x)), objective=objective, needs=needs
        )
        assert torch.allclose(bits(fused[0]), bits(loss), rtol=2e-7, atol=bound)
        unit = max(x.abs().max().item(), weight.abs().max().item())
        # A probability is as good as the log-sum-exp, rounded to float32, that it is taken from.
        bound = (1e-6 + 1e-7 * log_sum_exp.abs().max().item()) * unit
        for made in (fused[1], again):
            for got, expected in zip(made[:2], right[:2], strict=True):
                assert torch.allclose(got.double(), expected, rtol=1e-4, atol=bound)

    def test_large_logits(self):
        x, weight, _, target = head(17, 16, 40)
        self.check((x * 64).round() * 4, (weight * 4).round() / 8, target, bound=2e-4)

    def test_targets_so_improbable_that_exponentials_overflow(self):
        x, weight, _, target = head(17, 16, 40)
        x[:, 0], weight[:, 0] = 16.0, 0.0
        target[:9] = 5  # others stay as they are: probable and improbable targets share a block
        weight[5, 0] = -64.0
        self.check(x, weight, target, bound=2e-4)

    def test_one_hot(self):
        weight = torch.eye(34) * 200
        x = torch.eye(34)[:16]
        self.check(x, weight, torch.arange(16), gradients=False)
        self.check(x, weight, torch.arange(16) + 18)

    def test_all_equal(self):
        self.check(torch.zeros(3, 8), torch.zeros(33, 8), torch.tensor([0, 31, 32]))
        self.check(torch.ones(3, 8), torch.full((33, 8), 30.0), torch.tensor([0, 31, 32]))

    def test_vocabulary_of_one(self):
        self.check(torch.randn(3, 8), torch.randn(1, 8), torch.zeros(3, dtype=torch.int64))

    def test_entries_ruled_out_by_a_bias_of_minus_infinity(self):
        x, weight, bias, target = head(17, 16, 40)
        bias[:32] = -math.inf  # a whole tile
        self.check(x, weight, target % 6 + 32, bias, gradients=False)
        found = linear_cross_entropy_with_gradients(x, weight, target % 6 + 32, bias, torch.tensor(1.0))[1]
        assert torch.equal(found.weight[:32], torch.zeros(32, 16))
        assert found.x.isfinite().all()

    def test_target_ruled_out_costs_infinity(self):
        x, weight, bias, target = head(3, 16, 40)
        bias[target[0]] = -math.inf
        length = token_code_lengths(x, weight, target, bias)
        assert length[0] == math.inf
        assert length[1:].isfinite().all()

    def test_all_ignored(self):
        x, weight, bias, target = head(17, 16, 40)
        target[:] = -100
        loss, gradients = linear_cross_entropy_with_gradients(x, weight, target, bias, torch.tensor(0.0))
        assert torch.equal(loss, torch.zeros(17))
        assert all(not g.any() for g in gradients)
        losses = linear_cross_entropy(x, weight, target, bias)
        gradients = linear_cross_entropy_backward(x, weight, target, bias, losses, torch.ones(17))
        assert all(not g.any() for g in gradients)

    def test_no_tokens(self):
        x, weight, bias, target = head(0, 16, 40)
        found = linear_cross_entropy(x, weight, target, bias, entropy=True, argmax=True)
        assert [t.shape for t in found] == [(0,)] * 4
        loss, gradients = linear_cross_entropy_with_gradients(x, weight, target, bias, torch.tensor(1.0))
        assert loss.shape == (0,)
        assert [g.shape for g in gradients] == [(0, 16), (40, 16), (40,)]
        assert not gradients.weight.any()

    def test_target_out_of_range_is_not_a_number_and_touches_no_other(self):
        x, weight, bias, target = head(5, 16, 40)
        right = linear_cross_entropy(x, weight, target, bias).loss
        target[1], target[2] = 40, -1
        losses = linear_cross_entropy(x, weight, target, bias)
        assert losses.loss[1:3].isnan().all()
        assert torch.equal(losses.loss[[0, 3, 4]], right[[0, 3, 4]])
        fused_loss, fused = linear_cross_entropy_with_gradients(x, weight, target, bias, torch.tensor(1.0))
        again = linear_cross_entropy_backward(x, weight, target, bias, losses, torch.ones(5))
        assert fused_loss[1:3].isnan().all()
        assert fused.x[1:3].isnan().all()
        assert again.x[1:3].isnan().all()
        assert fused.x[[0, 3, 4]].isfinite().all()
        assert again.x[[0, 3, 4]].isfinite().all()

    def test_not_a_number_comes_out(self):
        x, weight, bias, target = head(5, 16, 40)
        x[1, 3] = math.nan
        weight[9, 2] = math.inf  # a logit of plus or minus infinity
        expected = reference.losses(reference.head_logits(x, weight, bias, PLAIN), target, PLAIN)[0]
        assert 0 < expected.isfinite().sum() < 4
        assert torch.equal(token_code_lengths(x, weight, target, bias).isfinite(), expected.isfinite())

    @pytest.mark.parametrize("objective", [PLAIN, Objective(label_smoothing=0.1, softcap=5.0, z_loss=0.1)])
    def test_gradients_of_not_a_number(self, objective):
        x, weight, bias, target = head(5, 16, 40)
        x[1, 3] = math.nan
        losses = linear_cross_entropy(x, weight, target, bias, objective=objective, entropy=True)
        bad = [False, True, False, False, False]
        assert [column.isnan().tolist() for column in losses[:3]] == [bad] * 3
        again = linear_cross_entropy_backward(
            x, weight, target, bias, losses, torch.ones(5), objective=objective
        )
        loss, fused = linear_cross_entropy_with_gradients(
            x, weight, target, bias, torch.tensor(1.0), objective=objective
        )
        assert loss.isnan().tolist() == bad
        for gradients in (again, fused):
            assert gradients.x.isnan().all(1).tolist() == bad
            assert gradients.weight.isnan().all()
            assert gradients.bias.isnan().all()


def test_rows_that_do_not_follow_each_other_in_memory():
    x, weight, bias, target = head(17, 16, 40)
    wide_x, wide_weight = torch.full((17, 40), math.nan), torch.full((40, 40), math.nan)
    wide_x[:, 8:24], wide_weight[:, 8:24] = x, weight
    found = linear_cross_entropy(wide_x[:, 8:24], wide_weight[:, 8:24], target, bias)
    assert torch.equal(found.loss, linear_cross_entropy(x, weight, target, bias).loss)
    found = linear_cross_entropy(x.t().contiguous().t(), weight.t().contiguous().t(), target.int(), bias)
    assert torch.equal(found.loss, linear_cross_entropy(x, weight, target, bias).loss)


def test_bfloat16_is_summed_in_float32():
    # 257 is no bfloat16: a sum kept in it would lose the one.
    x, weight = torch.ones(1, 257, dtype=torch.bfloat16), torch.zeros(2, 257, dtype=torch.bfloat16)
    weight[0] = 1
    assert linear_cross_entropy(x, weight, torch.tensor([1])).loss.item() == 257


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": torch.zeros(3, 4, 5)}, ValueError, r"x \(3, 4, 5\), weight \(7, 4\), target \(3,\)"),
        ({"x": torch.zeros(3, 5)}, ValueError, r"x \(3, 5\), weight \(7, 4\)"),
        ({"target": torch.zeros(4, dtype=torch.int64)}, ValueError, r"target \(4,\)"),
        ({"weight": torch.zeros(0, 4)}, ValueError, "vocabulary is empty"),
        ({"bias": torch.zeros(6)}, ValueError, r"bias must be \(V,\), not \(6,\)"),
        ({"x": torch.zeros(3, 4, dtype=torch.float64)}, TypeError, "float64"),
        (
            {"weight": torch.zeros(7, 4, dtype=torch.bfloat16)},
            TypeError,
            "x is torch.float32 but weight is torch.bf",
        ),
        ({"bias": torch.zeros(7, dtype=torch.int64)}, TypeError, "bias must be"),
        ({"target": torch.zeros(3)}, TypeError, "target must be int64 or int32"),
        ({"weight": torch.zeros(7, 4, device="meta")}, ValueError, "weight is on meta, not on cpu"),
    ],
)
def test_what_does_not_fit_is_told(change, error, message):
    arguments = {
        "x": torch.zeros(3, 4),
        "weight": torch.zeros(7, 4),
        "target": torch.zeros(3, dtype=torch.int64),
    }
    with pytest.raises(error, match=message):
        linear_cross_entropy(**{**arguments, **change})


@pytest.mark.parametrize(
    "numbers", [{"softcap": -1.0}, {"label_smoothing": 1.5}, {"logit_scale": math.nan}, {"z_loss": math.inf}]
)
def test_an_objective_has_sound_numbers(numbers):
    with pytest.raises(ValueError, match=next(iter(numbers))):
        Objective(**numbers)
