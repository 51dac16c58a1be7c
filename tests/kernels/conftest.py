"""Kernels are tested in Triton's interpreter, on the CPU: chosen before the first kernel is made."""

import os

import pytest

os.environ.setdefault("TRITON_INTERPRET", "1")

NUMPY_WARNINGS = "ignore:(invalid value|divide by zero|overflow|All-NaN slice) encountered:RuntimeWarning"


def pytest_collection_modifyitems(items):
    """The interpreter computes in numpy, which warns of what IEEE 754 defines, such as -inf + inf."""
    for item in items:
        if "tests/kernels" in item.nodeid:
            item.add_marker(pytest.mark.filterwarnings(NUMPY_WARNINGS))
