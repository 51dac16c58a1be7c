"""Samplers: random streams that are functions of (seed, stream, index), and fast draws from them.

No corpus is known here. `Generator` draws uniform numbers, integers, Zipf and Zipf-Mandelbrot ranks and
categories of an `AliasTable`; `Restaurant`, `table_sizes`, `StickBreaking` and `weights_given` draw from Pitman-Yor
processes; `gamma`, `beta`, `dirichlet` and `binomial` are what those are made of. The same numbers for any
number of threads, on any processor.
"""

from __future__ import annotations

from skmfast.samplers.alias import AliasTable
from skmfast.samplers.gamma_family import beta, binomial, dirichlet, gamma
from skmfast.samplers.generator import Generator
from skmfast.samplers.pitman_yor import Restaurant, StickBreaking, table_sizes, weights_given

__all__ = [
    "AliasTable",
    "Generator",
    "Restaurant",
    "StickBreaking",
    "beta",
    "binomial",
    "dirichlet",
    "gamma",
    "table_sizes",
    "weights_given",
]
