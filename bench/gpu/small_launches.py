"""Every kernel once on small inputs: what compute-sanitizer watches."""

import torch

from skmfast import kernels

OBJECTIVES = (kernels.Objective(), kernels.Objective(softcap=9.0, label_smoothing=0.1, z_loss=0.01))


def main() -> None:
    torch.manual_seed(1)
    for rows, depth, vocabulary, dtype in (
        (130, 64, 1000, torch.bfloat16),
        (33, 2048, 257, torch.bfloat16),
        (5, 100, 77, torch.float16),
        (70, 48, 130, torch.float32),
    ):
        x = torch.randn(rows, depth, device="cuda").to(dtype)
        weight = torch.randn(vocabulary, depth, device="cuda").to(dtype)
        bias = torch.randn(vocabulary, device="cuda")
        target = torch.randint(0, vocabulary, (rows,), device="cuda")
        target[0], target[1] = -100, vocabulary
        column = torch.ones(rows, device="cuda")
        for objective in OBJECTIVES:
            losses = kernels.linear_cross_entropy(
                x, weight, target, bias, objective=objective, entropy=True, argmax=True
            )
            kernels.linear_cross_entropy_backward(
                x, weight, target, bias, losses, column, column, column, objective=objective
            )
            kernels.linear_cross_entropy_with_gradients(
                x, weight, target, bias, column[:1], objective=objective
            )
            logits = torch.nn.functional.linear(x, weight)
            losses = kernels.cross_entropy(logits, target, objective=objective, entropy=True, argmax=True)
            kernels.cross_entropy_backward(
                logits, target, losses, column, column, column, objective=objective
            )
        kernels.token_code_lengths(x, weight, target)
    torch.cuda.synchronize()
    print("every kernel was launched")


if __name__ == "__main__":
    main()
