"""The core's head against float64, on all instruction sets; odd shapes, hostile numbers, wrong arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from head_twin import from_bfloat16, logit_gradient, losses, to_bfloat16, transformed
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.head import _linear_cross_entropy as head

BITS = np.log(2)
# Per-token error in nats.
LOSS_NATS = {"float32": 1e-5 * BITS, "bfloat16": 1e-4 * BITS, "float64": 1e-12}
# Of every product in a gradient, the share that may be lost: with tiles float32 factors have 16 bits,
# 3 * 2**-18 of a product; for bfloat16 the slope is rounded to 8 bits, by 2**-8 at most, and the result once
# more. And of the result, where it is rounded to bfloat16.
PRODUCT = {"float32": 2e-5, "bfloat16": 2.0**-8 + 2.0**-16, "float64": 1e-12}
RESULT = {"float32": 0, "bfloat16": 2.0**-8, "float64": 0}
# Of the gradients by logits, per unit of what comes from above.
SLOPE = {"float32": 1e-5, "bfloat16": 1e-5, "float64": 1e-12}
OPTIONS = [
    {},
    {"logit_scale": 0.7, "softcap": 5.0},
    {"label_smoothing": 0.1, "z_loss": 1e-2},
    {"logit_scale": -1.3, "softcap": 30.0, "label_smoothing": 1.0, "z_loss": -0.1},
]


def inputs(tokens, width, vocabulary, dtype, seed=0, spread=0.3):
    """x, weight, target, bias as the core takes them, and x, weight in float64."""
    random = np.random.default_rng([seed, tokens, width, vocabulary])
    x = random.normal(size=(tokens, width))
    weight = spread * random.normal(size=(vocabulary, width))
    target = random.integers(vocabulary, size=tokens)
    target[random.random(tokens) < 0.1] = -100
    bias = random.normal(size=vocabulary).astype(np.float32)
    if dtype == "bfloat16":
        x, weight = to_bfloat16(x), to_bfloat16(weight)
        return x, weight, target, bias, from_bfloat16(x).astype(float), from_bfloat16(weight).astype(float)
    x, weight = x.astype(dtype), weight.astype(dtype)
    return x, weight, target, bias, x.astype(float), weight.astype(float)


def split(options):
    how = {name: options[name] for name in ("logit_scale", "softcap") if name in options}
    return how, {name: value for name, value in options.items() if name not in how}


def check(tokens, width, vocabulary, dtype, options, with_bias, threads=2):
    x, weight, target, bias, wide_x, wide_weight = inputs(tokens, width, vocabulary, dtype)
    bias = bias if with_bias else None
    half = dtype == "bfloat16"
    how, terms = split(options)
    z, slope = transformed(wide_x @ wide_weight.T + (0 if bias is None else bias.astype(float)), **how)
    expected = losses(z, target, **terms)
    found = head.forward(
        x, weight, target, bias, entropy=True, argmax=True, bfloat16=half, threads=threads, **options
    )
    largest = np.abs(z).max(initial=1.0)
    for ours, theirs in zip(found[:3], expected, strict=True):
        # z_loss squares the log-sum-exp: float32 results hold 24 bits of what they are.
        limit = LOSS_NATS[dtype] + (0 if dtype == "float64" else 3e-7 * np.abs(theirs))
        assert (np.abs(ours - theirs) <= limit).all()
    np.testing.assert_array_less(
        z.max(1) - z[np.arange(tokens), found[3]], 1e-12 if dtype == "float64" else 3e-6 * largest
    )
    random = np.random.default_rng(1)
    up = random.normal(size=(3, tokens)).astype(found[0].dtype)
    g = logit_gradient(z, slope, target, *up.astype(float), **terms)
    gradients = head.backward(
        x, weight, target, bias, found[1], found[2], *up, bfloat16=half, threads=threads, **options
    )
    slack = PRODUCT[dtype] * np.abs(g) + SLOPE[dtype] * np.abs(up).max(initial=1)
    by_x, by_weight, by_bias = gradients
    for ours, theirs, error in (
        (by_x, g @ wide_weight, slack @ np.abs(wide_weight)),
        (by_weight, g.T @ wide_x, slack.T @ np.abs(wide_x)),
    ):
        ours = from_bfloat16(ours) if half else ours
        assert ours.shape == theirs.shape
        assert (np.abs(ours - theirs) <= error + RESULT[dtype] * np.abs(theirs)).all()
    assert (np.abs(by_bias - g.sum(0)) <= slack.sum(0)).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "softcap", "smoothing", "all"])
# Below, at and above 32 lanes, 32 of depth, tiles of 96 rows; several segments; several chunks of tokens.
@pytest.mark.parametrize(
    ("tokens", "width", "vocabulary"),
    [(1, 1, 1), (5, 7, 3), (31, 33, 95), (32, 32, 96), (33, 65, 97), (70, 33, 1025), (3, 40, 2100)],
)
def test_values_and_gradients(tokens, width, vocabulary, dtype, options):
    check(tokens, width, vocabulary, dtype, options, with_bias=bool(options))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_several_chunks_of_tokens(dtype):
    check(1100, 50, 130, dtype, {}, with_bias=True)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_several_chunks_of_wide_tokens(dtype):
    check(200, 5000, 40, dtype, {"logit_scale": 0.05}, with_bias=True)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_wide_hidden_states(dtype):
    """Sums over the width do not drift: the required 1e-5 (1e-4) bits hold at any width."""
    x, weight, target, _, wide_x, wide_weight = inputs(40, 8192, 70, dtype, spread=0.02)
    loss, *_ = head.forward(x, weight, target, bfloat16=dtype == "bfloat16")
    expected, *_ = losses(wide_x @ wide_weight.T, target)
    assert np.abs(loss - expected).max() <= LOSS_NATS[dtype]


@given(
    st.integers(0, 70),
    st.integers(1, 70),
    st.integers(1, 200),
    st.sampled_from(["float32", "bfloat16", "float64"]),
    st.sampled_from(OPTIONS),
    st.booleans(),
    st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_any_shape(tokens, width, vocabulary, dtype, options, with_bias, threads):
    check(tokens, width, vocabulary, dtype, options, with_bias, threads)


@pytest.mark.parametrize(
    "unit",
    [
        "SKMFAST_MATRIX=tile",
        "SKMFAST_MATRIX=dot",
        "SKMFAST_MATRIX=none",
        "SKMFAST_ISA=avx2",
        "SKMFAST_ISA=baseline",
    ],
)
def test_lower_instruction_sets(unit):
    name, value = unit.split("=")
    script = (
        "import test_linear_cross_entropy as t\n"
        "for dtype in ('float32', 'bfloat16'):\n"
        "    for options in t.OPTIONS:\n"
        "        t.check(70, 33, 1025, dtype, options, bool(options))\n"
        "    t.check(1100, 50, 130, dtype, {}, True)\n"
        "    t.test_given_logits(dtype, t.OPTIONS[3])\n"
        "    t.test_impossible_entries(dtype)\n"
        "t.test_wide_hidden_states('float32')\n"
        "print(t.head.matrix_unit())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {name: value, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    units = ["none", "dot", "tile"]
    assert done.stdout.strip() in units[: units.index(value) + 1 if value in units else 1]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "softcap", "smoothing", "all"])
def test_given_logits(dtype, options):
    random = np.random.default_rng(3)
    how, terms = split(options)
    for tokens, vocabulary in [(0, 5), (1, 1), (3, 17), (4, 2047), (5, 5000)]:
        half = dtype == "bfloat16"
        logits = 5 * random.normal(size=(tokens, vocabulary))
        logits = to_bfloat16(logits) if half else logits.astype(dtype)
        target = random.integers(vocabulary, size=tokens)
        target[: tokens // 3] = -100
        z, slope = transformed((from_bfloat16(logits) if half else logits).astype(float), **how)
        found = head.logits_forward(
            logits, target, entropy=True, argmax=True, bfloat16=half, threads=2, **options
        )
        if tokens == 0:
            assert all(column.shape == (0,) for column in found)
            continue
        for ours, theirs in zip(found[:3], losses(z, target, **terms), strict=True):
            limit = LOSS_NATS[dtype] + (0 if dtype == "float64" else 3e-7 * np.abs(theirs))
            assert (np.abs(ours - theirs) <= limit).all()
        assert (z[np.arange(tokens), found[3]] == z.max(1)).all()
        up = random.normal(size=(3, tokens)).astype(found[0].dtype)
        gradient = head.logits_backward(
            logits, target, found[1], found[2], *up, bfloat16=half, threads=2, **options
        )
        expected = logit_gradient(z, slope, target, *up.astype(float), **terms)
        error = np.abs((from_bfloat16(gradient) if half else gradient) - expected)
        assert (error <= SLOPE[dtype] * np.abs(up).max() + RESULT[dtype] * np.abs(expected)).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("start", [0.0, -np.inf])
@pytest.mark.parametrize("rise", [0.5, 6.0, 8.0, 60.0, 1e4, 1e30])
def test_given_logits_that_rise_along_the_row(rise, start, dtype):
    """What was the maximum of a row's first logits may be far below those that come later."""
    logits = np.random.default_rng(4).normal(size=(2, 9001)).astype(np.float32)
    logits[:, :2500] += np.float32(start)
    logits[:, 5000:] += np.float32(rise)
    logits[1, 8000:] += np.float32(2 * rise)
    half = dtype == "bfloat16"
    logits = to_bfloat16(logits) if half else logits
    target = np.array([8999, 3000])
    wide = (from_bfloat16(logits) if half else logits).astype(float)
    found = head.logits_forward(logits, target, entropy=True, bfloat16=half)
    with np.errstate(invalid="ignore"):
        expected = losses(wide, target)
    for ours, theirs in zip(found[:2], expected[:2], strict=True):
        assert (np.abs(ours - theirs) <= LOSS_NATS[dtype] + 3e-7 * np.abs(theirs)).all()
    shifted = wide - wide.max(1, keepdims=True)
    weight = np.exp(shifted)
    total = weight.sum(1)
    finite = np.where(weight == 0, 0, shifted)
    entropy = np.log(total) - (weight * finite).sum(1) / total
    assert np.abs(found[2] - entropy).max() <= LOSS_NATS[dtype]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_threads_do_not_matter(dtype):
    x, weight, target, bias, *_ = inputs(300, 40, 3000, dtype)
    half = dtype == "bfloat16"
    runs = []
    for threads in (1, 2, 5):
        found = head.forward(
            x, weight, target, bias, entropy=True, argmax=True, bfloat16=half, threads=threads
        )
        up = np.ones(300, dtype=np.float32)
        runs.append(
            (
                *found,
                *head.backward(x, weight, target, bias, found[1], None, up, bfloat16=half, threads=threads),
            )
        )
    for run in runs[1:]:
        for one, other in zip(runs[0], run, strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4, 1e30])
def test_large_and_equal_logits(dtype, scale):
    """One entry far above the others, or all alike: losses are 0, differences of logits, or log V."""
    x = np.ones((3, 2), dtype=np.float32)
    weight = np.zeros((50, 2), dtype=np.float32)
    weight[7, 0] = scale
    if dtype == "bfloat16":
        x, weight = to_bfloat16(x), to_bfloat16(weight)
        scale = float(from_bfloat16(weight)[7, 0])
    target = np.array([7, 8, -100])
    loss, log_sum_exp, *_ = head.forward(x, weight, target, bfloat16=dtype == "bfloat16")
    z = np.zeros((3, 50))
    z[:, 7] = scale
    expected, expected_log_sum_exp, _ = losses(z, target)
    np.testing.assert_allclose(loss, expected, rtol=1e-6, atol=LOSS_NATS[dtype])
    np.testing.assert_allclose(log_sum_exp, expected_log_sum_exp, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_impossible_entries(dtype):
    """A logit of -inf has probability 0: no weight in the sums, no gradient, infinite loss as a target."""
    x = np.array([[1.0, 0.5]] * 3, dtype=np.float32)
    weight = np.array([[-np.inf, 0], [1, 1], [0.5, -1]], dtype=np.float32)
    target = np.array([1, 0, 2])
    half = dtype == "bfloat16"
    if half:
        x, weight = to_bfloat16(x), to_bfloat16(weight)
    loss, log_sum_exp, entropy, argmax = head.forward(
        x, weight, target, entropy=True, argmax=True, bfloat16=half
    )
    z = np.array([1.5, 0.0])
    np.testing.assert_allclose(log_sum_exp, np.log(np.exp(z).sum()), rtol=1e-6)
    np.testing.assert_allclose(loss[[0, 2]], np.log(np.exp(z).sum()) - z, atol=1e-6)
    assert loss[1] == np.inf
    assert np.isfinite(entropy).all()
    assert (argmax == 1).all()
    _, by_weight, by_bias = head.backward(
        x, weight, target, None, log_sum_exp, None, [1, 0, 1], bfloat16=half
    )
    assert np.isfinite(by_bias).all()
    assert by_bias[0] == 0
    assert not by_weight[0].any()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_a_number_stays_with_its_token(dtype, bad):
    x = np.ones((40, 3), dtype=np.float32)
    x[5, 1] = bad
    weight = np.random.default_rng(0).random((20, 3)).astype(np.float32) + 0.1
    target = np.arange(40) % 20
    half = dtype == "bfloat16"
    if half:
        x, weight = to_bfloat16(x), to_bfloat16(weight)
    loss, log_sum_exp, *_ = head.forward(x, weight, target, bfloat16=half)
    good = np.arange(40) != 5
    assert np.isnan(loss[5])
    assert np.isfinite(loss[good]).all()
    by_x, *_ = head.backward(x, weight, target, None, log_sum_exp, None, np.ones(40), bfloat16=half)
    by_x = from_bfloat16(by_x) if half else by_x
    assert np.isnan(by_x[5]).any()
    assert np.isfinite(by_x[good]).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("options", [{}, {"entropy": True, "argmax": True}, {"softcap": 5.0, "z_loss": 0.1}])
@pytest.mark.parametrize("place", ["x", "weight", "bias"])
def test_not_a_number_comes_out(dtype, options, place):
    """Anywhere in a token's logits it makes the token's loss and gradient NaN, whatever way they are made."""
    x, weight, _, bias, *_ = inputs(70, 24, 300, dtype)
    target = np.arange(70)
    half = dtype == "bfloat16"
    {"x": x[33], "weight": weight[120], "bias": bias[120:]}[place][0] = (
        0x7FC0 if half and place != "bias" else np.nan
    )
    found = head.forward(x, weight, target, bias, bfloat16=half, **options)
    bad = np.arange(70) == 33 if place == "x" else np.full(70, True)
    for column in found[:3]:
        assert column is None or (np.isnan(column) == bad).all()
    slopes = {name: value for name, value in options.items() if name not in ("entropy", "argmax")}
    by_x, by_weight, by_bias = head.backward(
        x, weight, target, bias, found[1], found[2], np.ones(70), bfloat16=half, **slopes
    )
    by_x = from_bfloat16(by_x) if half else by_x
    by_weight = from_bfloat16(by_weight) if half else by_weight
    assert (np.isnan(by_x).all(axis=1) == bad).all()
    assert np.isnan(by_weight).all()
    assert np.isnan(by_bias).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize(
    "entry", [0, 150, 2999, 4999, 5009]
)  # full vectors, later pieces, what is left at the end
def test_not_a_number_among_given_logits(dtype, entry):
    logits = np.random.default_rng(2).normal(size=(3, 5010)).astype("f8" if dtype == "float64" else "f4")
    logits[1, entry] = np.nan
    half = dtype == "bfloat16"
    given_logits = to_bfloat16(logits) if half else logits
    for target in [0, entry]:
        loss, log_sum_exp, entropy, _ = head.logits_forward(
            given_logits, [target] * 3, entropy=True, argmax=True, label_smoothing=0.1, bfloat16=half
        )
        for column in (loss, log_sum_exp, entropy):
            assert np.isnan(column).tolist() == [False, True, False]
        gradient = head.logits_backward(
            given_logits, [target] * 3, log_sum_exp, None, np.ones(3), label_smoothing=0.1, bfloat16=half
        )
        gradient = from_bfloat16(gradient) if half else gradient
        assert np.isnan(gradient).all(axis=1).tolist() == [False, True, False]
        assert np.isfinite(gradient[[0, 2]]).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_impossible_target_with_smoothing(dtype):
    logits = np.array([[-np.inf, 0.0, 1.0], [0.0, 1.0, 2.0]], dtype="f8" if dtype == "float64" else "f4")
    half = dtype == "bfloat16"
    given_logits = to_bfloat16(logits) if half else logits
    loss, *_ = head.logits_forward(given_logits, [0, 0], label_smoothing=0.1, bfloat16=half)
    assert loss[0] == np.inf
    assert np.isfinite(loss[1])


def test_every_token_ignored():
    x, weight, _, bias, *_ = inputs(40, 8, 30, "float32")
    target = np.full(40, 7)
    loss, log_sum_exp, *_ = head.forward(x, weight, target, bias, ignore_index=7)
    assert not loss.any()
    gradients = head.backward(x, weight, target, bias, log_sum_exp, None, np.ones(40), ignore_index=7)
    assert not any(gradient.any() for gradient in gradients)


def test_no_tokens():
    x, weight = np.empty((0, 4), np.float32), np.ones((6, 4), np.float32)
    found = head.forward(x, weight, np.empty(0, np.int64), entropy=True, argmax=True)
    assert all(column.shape == (0,) for column in found)
    by_x, by_weight, by_bias = head.backward(x, weight, np.empty(0, np.int64), None, found[0])
    assert by_x.shape == (0, 4)
    assert not by_weight.any()
    assert not by_bias.any()


def test_only_the_gradients_asked_for():
    x, weight, target, bias, *_ = inputs(50, 8, 30, "float32")
    log_sum_exp = head.forward(x, weight, target, bias)[1]
    up = np.ones(50)
    every = head.backward(x, weight, target, bias, log_sum_exp, None, up)
    for wanted in range(3):
        needs = tuple(i == wanted for i in range(3))
        some = head.backward(x, weight, target, bias, log_sum_exp, None, up, needs=needs)
        assert [gradient is not None for gradient in some] == list(needs)
        assert some[wanted].tobytes() == every[wanted].tobytes()


def good():
    return np.ones((3, 4), np.float32), np.ones((6, 4), np.float32), np.array([0, 5, -100])


@pytest.mark.parametrize(("place", "value"), [(0, 6), (1, -1), (2, -101), (2, 2**40)])
def test_target_out_of_range(place, value):
    x, weight, target = good()
    target[place] = value
    with pytest.raises(ValueError, match=rf"target {value} at {place} is neither in \[0, 6\)"):
        head.forward(x, weight, target)
    with pytest.raises(ValueError, match=f"target {value} at {place}"):
        head.backward(x, weight, target, None, np.zeros(3))
    with pytest.raises(ValueError, match=f"target {value} at {place}"):
        head.logits_forward(np.zeros((3, 6)), target)


def test_wrong_arguments():
    x, weight, target = good()
    with pytest.raises(ValueError, match=r"x \(3, 4\), weight \(6, 5\)"):
        head.forward(x, np.ones((6, 5), np.float32), target)
    with pytest.raises(ValueError, match="two dimensions"):
        head.forward(x[0], weight, target)
    with pytest.raises(ValueError, match="target must have shape"):
        head.forward(x, weight, target[:2])
    with pytest.raises(ValueError, match="bias must have shape"):
        head.forward(x, weight, target, np.zeros(5))
    with pytest.raises(ValueError, match="D nor V may be 0"):
        head.forward(x, np.empty((0, 4), np.float32), target)
    with pytest.raises(TypeError, match="x is float32 but weight is float64"):
        head.forward(x, weight.astype(float), target)
    with pytest.raises(TypeError, match="pass bfloat16=True"):
        head.forward(to_bfloat16(x), to_bfloat16(weight), target)
    with pytest.raises(TypeError, match="must be float32"):
        head.forward(x.astype(int), weight, target)
    with pytest.raises(TypeError, match="target must be integers"):
        head.forward(x, weight, target.astype(float))
    with pytest.raises(ValueError, match="softcap"):
        head.forward(x, weight, target, softcap=-1.0)
    with pytest.raises(ValueError, match="logit_scale must be finite"):
        head.forward(x, weight, target, logit_scale=np.nan)
    with pytest.raises(ValueError, match="label_smoothing"):
        head.forward(x, weight, target, label_smoothing=1.5)
    with pytest.raises(ValueError, match="threads"):
        head.forward(x, weight, target, threads=0)
    with pytest.raises(ValueError, match="needs the entropies"):
        head.backward(x, weight, target, None, np.zeros(3), upstream_entropy=np.zeros(3))
    with pytest.raises(ValueError, match="upstream_loss must have shape"):
        head.backward(x, weight, target, None, np.zeros(3), upstream_loss=np.zeros(2))
