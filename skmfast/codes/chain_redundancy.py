"""Expected redundancy of the Dirichlet mixtures of Markov chains: the first words' exactly, the others' for
many sentences.

How often a chain comes to a word depends on its probabilities, so the expectation over both has no closed
form. Given φ, n sentences draw about n v_i(φ) times from row i, v_i being `MarkovSyntax.expected_visits`.
By the expansion of Clarke and Barron (1990), d/2 log2(n v_i / 2πe) + (terms of φ_i alone), the mean over φ of
the redundancy of an independent row after n v_i(φ) draws differs from the chain's by o(1) bits a row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator

from skmfast.sources import dirichlet
from skmfast.sources.streams import PARAMETERS

if TYPE_CHECKING:
    from skmfast.sources.markov import MarkovSyntax

Floats = npt.NDArray[np.float64]
_DRAWS, _ROWS_DRAWN = 256, 1 << 14
_POINTS = 40


def row_redundancy(
    syntax: MarkovSyntax, redundancy_bits: Callable[[tuple[float, ...], int], float]
) -> Callable[[int], float]:
    """Redundancy of all rows but the first words', as a function of the number of sentences.

    Parameters
    ----------
    syntax : MarkovSyntax
        Its kinds are equally frequent.
    redundancy_bits : callable
        Redundancy of one distribution, of its prior and the number of draws.
    """
    prior = syntax.prior[:, 1:].reshape(-1, syntax.shape[2])
    visits = _visits(syntax) / syntax.kinds
    groups: dict[tuple[float, ...], list[int]] = {}
    for row, parameters in enumerate(prior.tolist()):
        groups.setdefault(tuple(parameters), []).append(row)

    def bits(num_sentences: int) -> float:
        total = 0.0
        for parameters, rows in groups.items():
            draws = num_sentences * visits[:, rows]
            total += float(_at(lambda m, p=parameters: redundancy_bits(p, m), draws).mean(axis=0).sum())  # type: ignore[misc]
        return total

    return bits


def _visits(syntax: MarkovSyntax) -> Floats:
    """Expected visits of the rows after a word for φ from the prior, shape (draws, kinds * S).

    The draws are always the same: those of seeds 0, 1, ...
    """
    rows = syntax.shape[0] * syntax.shape[1]
    draws = min(_DRAWS, max(8, _ROWS_DRAWN // rows))
    return np.stack(
        [
            syntax.expected_visits(dirichlet.draw(syntax.prior, seed, PARAMETERS))[:, 1:].ravel()
            for seed in range(draws)
        ]
    )


def _at(function: Callable[[int], float], places: Floats) -> Floats:
    """A smooth, growing function of whole numbers at numbers between, by interpolation in ln(1 + m)."""
    low, high = np.floor(places.min()), np.ceil(places.max())
    points = np.unique(np.round(np.geomspace(low + 1, high + 1, _POINTS)) - 1)
    values = [function(int(point)) for point in points]
    if len(points) == 1:
        return np.full(places.shape, values[0])
    return np.asarray(PchipInterpolator(np.log1p(points), values)(np.log1p(places)))
