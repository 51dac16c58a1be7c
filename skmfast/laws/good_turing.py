"""Good-Turing: the probability that the next token is one never seen, from data alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from skmfast.laws.spectrum import Estimate, normal_quantile

if TYPE_CHECKING:
    from skmfast.laws.spectrum import Spectrum


def unseen_mass(spectrum: Spectrum, level: float = 0.95) -> Estimate:
    """Good-Turing estimate N_1/n of the mass of all unseen elements (Good 1953).

    Parameters
    ----------
    spectrum : Spectrum
        Of a stream of independent draws.
    level : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        The interval is Esty's (1983): normal, with standard error sqrt(N_1 (1 - N_1/n) + 2 N_2) / n. With no
        element seen once or twice that is 0, and its upper end is taken from (1 - M)^n >= 1 - level instead.

    Examples
    --------
    >>> from skmfast.laws.spectrum import Spectrum
    >>> unseen_mass(Spectrum.of_counts([5, 3, 1, 1])).value
    0.2
    """
    n, once, twice = spectrum.num_tokens, spectrum.seen(1), spectrum.seen(2)
    value = once / n
    error = math.sqrt(once * (1 - value) + 2 * twice) / n
    reach = normal_quantile(level) * error
    least_high = -math.expm1(math.log1p(-level) / n)
    return Estimate(value, max(value - reach, 0.0), min(max(value + reach, least_high), 1.0), level)
