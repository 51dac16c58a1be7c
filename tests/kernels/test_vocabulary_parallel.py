"""A head split over two processes that talk through gloo gives what one process gives."""

import os

import pytest

torch = pytest.importorskip("torch", reason="kernels need the extra skmfast[torch]")
pytest.importorskip("triton", reason="kernels need the extra skmfast[torch]")

from skmfast.kernels import schedules  # noqa: E402

from skmfast import kernels  # noqa: E402
from skmfast.operators import vocabulary_parallel_cross_entropy  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not schedules.interpreting(), reason="TRITON_INTERPRET=0"),
    pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch without gloo"),
]

OBJECTIVE = kernels.Objective(label_smoothing=0.1, z_loss=0.01, softcap=9.0)
CUT, VOCABULARY = 33, 50


def head():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(6, 8, generator=generator)
    weight, bias = (
        torch.randn(VOCABULARY, 8, generator=generator),
        torch.randn(VOCABULARY, generator=generator),
    )
    # in both parts, at their edges, ignored, and out of range
    return x, weight, bias, torch.tensor([0, 32, 33, 49, -100, 50])


def one_of_two(rank, folder):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    x, weight, bias, target = head()
    part = slice(0, CUT) if rank == 0 else slice(CUT, VOCABULARY)
    found = kernels.vocabulary_parallel_cross_entropy(
        x,
        weight[part],
        target,
        bias[part],
        first_entry=part.start,
        objective=OBJECTIVE,
        entropy=True,
        argmax=True,
    )
    leaves = [t.clone().requires_grad_() for t in (x[:5], weight[part], bias[part])]
    loss = vocabulary_parallel_cross_entropy(
        leaves[0],
        leaves[1],
        target[:5],
        leaves[2],
        first_entry=part.start,
        vocabulary_size=VOCABULARY,
        label_smoothing=0.1,
        z_loss=0.01,
        softcap=9.0,
    )
    loss.backward()
    torch.save([found, loss.detach(), *(leaf.grad for leaf in leaves)], os.path.join(folder, f"rank{rank}"))
    torch.distributed.destroy_process_group()


def test_two_processes(tmp_path):
    torch.multiprocessing.spawn(one_of_two, args=(str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"rank{rank}", weights_only=False) for rank in range(2))
    for one, two in zip((*first[0], *first[1:3]), (*second[0], *second[1:3]), strict=True):
        assert torch.equal(one.nan_to_num(7), two.nan_to_num(7))

    x, weight, bias, target = head()
    alone = kernels.linear_cross_entropy(
        x, weight, target, bias, objective=OBJECTIVE, entropy=True, argmax=True
    )
    for one, expected in zip(first[0], alone, strict=True):
        assert torch.allclose(one, expected, atol=2e-6, equal_nan=True)
    assert first[0].loss[5].isnan()
    assert first[0].loss[4] == 0

    losses = kernels.linear_cross_entropy(x[:5], weight, target[:5], bias, objective=OBJECTIVE)
    right = kernels.linear_cross_entropy_backward(
        x[:5], weight, target[:5], bias, losses, torch.full((5,), 0.25), objective=OBJECTIVE
    )
    assert torch.allclose(first[1], losses.loss.sum() / 4)
    for got, expected in zip(
        (first[2], torch.cat((first[3], second[3])), torch.cat((first[4], second[4]))), right, strict=True
    ):
        assert torch.allclose(got, expected, atol=1e-6)
