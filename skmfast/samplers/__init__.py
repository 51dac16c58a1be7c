"""Fast draws from a counter-based generator: every draw is a function of (seed, stream, index)."""

from skmfast.samplers.gamma_family import beta, binomial, dirichlet, gamma
from skmfast.samplers.pitman_yor import Restaurant, StickBreaking, table_sizes, weights_given

__all__ = [
    "Restaurant",
    "StickBreaking",
    "beta",
    "binomial",
    "dirichlet",
    "gamma",
    "table_sizes",
    "weights_given",
]
