"""Samplers: random streams that are functions of (seed, stream, index), and fast draws from them.

No corpus is known here. `Generator` draws uniform numbers, integers, Zipf and Zipf-Mandelbrot ranks and
categories of an `AliasTable`; the same numbers for any number of threads, on any processor.
"""

from __future__ import annotations

from skmfast.samplers.alias import AliasTable
from skmfast.samplers.generator import Generator

__all__ = ["AliasTable", "Generator"]
