"""Triton GPU kernels, installed as ``skmfast.kernels``. Depends on torch and triton only."""
