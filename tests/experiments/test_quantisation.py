"""Quantised networks: what the weights become, and what they cost."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from skmfast.experiments.quantisation import quantised


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(8, 6), torch.nn.LayerNorm(6), torch.nn.Linear(6, 4, bias=False)
    )


@pytest.mark.parametrize("bits", [2, 4, 6, 8])
def test_rows_are_whole_numbers_times_a_scale(bits):
    model = network()
    before = [each.clone() for each in model.parameters()]
    copied, cost = quantised(model, bits)
    most = 2 ** (bits - 1) - 1
    for row in copied[0].weight.detach().double().numpy():
        scale = np.abs(row).max() / most
        whole = row / scale
        np.testing.assert_allclose(whole, whole.round(), atol=1e-3)
        assert np.abs(whole).max() <= most + 1e-6
    # 8 x 6 and 6 x 4 weights, 10 rows; 6 biases and 12 numbers of the norm at 16 bits.
    assert cost == bits * 72 + 16 * 10 + 16 * 18
    for old, new in zip(before, model.parameters(), strict=True):
        assert torch.equal(old, new)


def test_errors_fall_with_precision():
    model = network()
    errors = [
        (quantised(model, bits)[0][0].weight - model[0].weight).abs().max().item() for bits in (2, 4, 8, 16)
    ]
    assert errors == sorted(errors, reverse=True)
    largest = model[0].weight.abs().max().item()
    for bits, error in zip((2, 4, 8), errors, strict=False):
        # Half a step, and what the 16-bit scale is off.
        assert error <= largest / (2 ** (bits - 1) - 1) * (0.5 + 2**-10 * 2**bits)
    assert errors[-1] <= largest * 2**-11


def test_zeros_and_tied_weights():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4, bias=False), torch.nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight
    with torch.no_grad():
        model[0].weight[1] = 0
    copied, cost = quantised(model, 4)
    assert copied[1].weight is copied[0].weight
    assert cost == 4 * 16 + 16 * 4
    assert not copied[0].weight[1].any()


@pytest.mark.parametrize("bits", [0, 1, 17])
def test_precisions_out_of_range(bits):
    with pytest.raises(ValueError, match=f"bits={bits}: outside 2 to 16"):
        quantised(network(), bits)
