"""Logits from fixed-point numbers: bit for bit as the twin has them, and as near to float64 as promised."""

from __future__ import annotations

import fixed_point_twin as twin
import numpy as np
import pytest
from head_twin import losses

from skmfast.head import _linear_cross_entropy as head

needs_bytes = pytest.mark.skipif(head.matrix_unit() != "byte_tile", reason="needs tiles of bytes")
BITS = np.log(2)


def found_logits(x, weight):
    """Of a head of one row the log-sum-exp is the logit."""
    columns = []
    for row in weight:
        _, log_sum_exp, *_ = head.forward(x, row[None], np.zeros(len(x), dtype=np.int64))
        columns.append(log_sum_exp)
    return np.stack(columns, axis=1)


def random_case(kind, width):
    random = np.random.default_rng([width, len(kind)])
    x, weight = random.normal(size=(5, width)), random.normal(size=(4, width))
    if kind == "heavy tails":
        x, weight = random.standard_t(1.5, size=(5, width)), random.standard_t(1.5, size=(4, width))
    elif kind == "outlier":
        x[:, width // 2] *= 3000
        weight[:, width // 2] /= 3000
    elif kind == "sizes":
        x *= np.ldexp(1.0, [[-140], [-60], [0], [20], [27]])
        weight *= np.ldexp(1.0, [[-130], [-30], [0], [26]])
    elif kind == "zeros":
        x[1], weight[2] = 0, 0
        x[:, ::2] = 0
    elif kind == "full range":  # the largest integer and those that need the next power of two
        x = np.where(random.random((5, width)) < 0.5, -1, 1) * np.nextafter(np.float32(2), np.float32(0))
        weight = np.full((4, width), 0x7F7F7F) + np.arange(4)[:, None] / 2
    return x.astype(np.float32), weight.astype(np.float32)


@needs_bytes
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "outlier", "sizes", "zeros", "full range"])
@pytest.mark.parametrize("width", [1, 63, 64, 65, 768, 1024, 1025, 4096])
def test_same_bits_as_twin(kind, width):
    x, weight = random_case(kind, width)
    found = found_logits(x, weight)
    for v, row in enumerate(weight):
        expected = twin.logits(x, row[None])[:, 0]
        assert (found[:, v] == expected).all(), (found[:, v], expected)


@needs_bytes
def test_any_depth():
    """The sums of integers are of 1024 of k at most: no depth overflows them."""
    for x, weight in (
        (np.full((1, 200_000), 1.9921875), np.full((1, 200_000), -1.9921875)),
        random_case("normal", 200_000),
    ):
        x, weight = x[:1].astype(np.float32), weight[:1].astype(np.float32)
        assert found_logits(x, weight)[0, 0] == twin.logits(x, weight)[0, 0]


@needs_bytes
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "outlier", "zeros", "full range"])
@pytest.mark.parametrize("width", [1, 64, 768])
def test_error_is_within_its_bound(kind, width):
    """Half a unit of each number, the product left out, one rounding for each 1024 of k and its sum."""
    x, weight = random_case(kind, width)
    found = found_logits(x, weight)
    for v, row in enumerate(weight):
        factors = twin.coordinate_factors(row[None]).astype(float)
        for t, token in enumerate(x):
            a, b = token * factors, row / factors
            step_a, step_b = (np.ldexp(1.0, -twin.exponent_of(z.astype(np.float32))) for z in (a, b))
            bound = 0.5 * (step_a * np.abs(b).sum() + step_b * np.abs(a).sum())
            bound += width * step_a * step_b * (2**14 + 0.25)
            bound += (1 + 2 * (width // 1024)) * 2.0**-24 * 1.01 * (np.abs(a) @ np.abs(b))
            assert abs(found[t, v] - a @ b) <= bound


def test_outlier_coordinates():
    """A coordinate with large hidden states and little weight costs other coordinates nothing."""
    random = np.random.default_rng(5)
    x, weight = random.normal(size=(40, 96)), 0.2 * random.normal(size=(500, 96))
    for k, factor in ((5, 3e3), (17, 1e-3), (90, 1e5)):
        x[:, k] *= factor
        weight[:, k] /= factor
    weight[7] *= 1e-6
    weight[11, 5] *= 100
    x, weight = x.astype(np.float32), weight.astype(np.float32)
    target = random.integers(500, size=40)
    loss, *_ = head.forward(x, weight, target)
    expected, *_ = losses(x.astype(float) @ weight.astype(float).T, target)
    assert np.abs(loss - expected).max() <= 1e-5 * BITS


def test_sizes_of_rows_do_not_matter_to_others():
    """A token's loss has the same bits beside a token of any size, and logits scale by powers of two."""
    random = np.random.default_rng(6)
    x, weight = (
        random.normal(size=(33, 70)).astype(np.float32),
        random.normal(size=(200, 70)).astype(np.float32),
    )
    target = random.integers(200, size=33)
    alone, *_ = head.forward(x, weight, target)
    x[7] *= np.float32(2.0**25)
    x[8] *= np.float32(2.0**-90)
    x[9] = 0
    beside, *_ = head.forward(x, weight, target)
    others = np.setdiff1d(np.arange(33), [7, 8, 9])
    assert alone[others].tobytes() == beside[others].tobytes()
    np.testing.assert_allclose(beside[8:10], np.log(200), rtol=1e-6)
    products = x[8:9].astype(float) @ weight[:3].astype(float).T
    np.testing.assert_allclose(found_logits(x[8:9], weight[:3]), products, rtol=1e-5)


@pytest.mark.parametrize("exponent", [-149, -100, -40, 31, 32, 63, 64, 127])
def test_numbers_of_any_size(exponent):
    """Below 2^32 in fixed point, from there on in float32: the same logits but for their scale."""
    random = np.random.default_rng(7)
    x, weight = random.normal(size=(3, 20)), random.normal(size=(5, 20))
    top = np.abs(x).max()
    x = np.ldexp(x / top * (1 - 2.0**-24), exponent).astype(np.float32)
    weight = np.ldexp(weight, -max(exponent, -100)).astype(np.float32)
    target = np.array([0, 1, 2])
    loss, log_sum_exp, *_ = head.forward(x, weight, target)
    expected, expected_log_sum_exp, _ = losses(x.astype(float) @ weight.astype(float).T, target)
    np.testing.assert_allclose(loss, expected, atol=1e-5 * BITS)
    np.testing.assert_allclose(log_sum_exp, expected_log_sum_exp, atol=1e-5 * BITS)
