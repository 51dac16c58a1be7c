"""How often a model must answer wrongly: questions about elements that it has not seen, or could not keep.

Such an answer can only be drawn from the base measure, so it is right with probability 2^-H0. From data alone
the rate is Good-Turing's estimate; Kalai, Nachum, Vempala and Zhang bound it from below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skmfast.laws import good_turing
from skmfast.laws.acquisition import log_unknown
from skmfast.laws.spectrum import Estimate
from skmfast.laws.weights import mean_over_draws

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.laws.spectrum import Spectrum
    from skmfast.laws.weights import FiniteWeights, Weights

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rate:
    """Predicted share of wrong answers, by reason.

    Attributes
    ----------
    unseen : float
        About elements that no sentence stated.
    unfitted : float
        About elements that were stated and had no room in the memory.
    """

    unseen: float
    unfitted: float

    @property
    def total(self) -> float:
        """Both."""
        return self.unseen + self.unfitted


def error_rate(content_bits: float) -> float:
    """Probability that a guess from the base measure is wrong, 1 - 2^-H0.

    Raises
    ------
    ValueError
        If the content has negative bits.

    Examples
    --------
    >>> error_rate(1)
    0.5
    """
    if not content_bits >= 0:
        raise ValueError(f"content_bits: {content_bits!r} is not at least 0")
    return -math.expm1(-content_bits * math.log(2))


def predicted_rate(
    weights: Weights,
    sentences: float,
    content_bits: float,
    capacity_bits: float = math.inf,
    statement_rate: float = 1.0,
) -> Rate:
    """Rate of wrong answers to questions that ask for elements as often as sentences state them.

    Parameters
    ----------
    weights : Weights
        p, of elements in sentences and in questions.
    sentences : float
        n, sentences of training.
    content_bits : float
        H0, bits of an element's content; each element that is kept takes as many.
    capacity_bits : float
        C, memory; the C / H0 most frequent elements fit.
    statement_rate : float
        Share of an element's sentences that state what is asked for.

    Examples
    --------
    >>> from skmfast.laws.weights import FiniteWeights
    >>> predicted_rate(FiniteWeights([0.5, 0.5]), 1, 1)
    Rate(unseen=0.25, unfitted=0.0)
    """
    if not (sentences >= 0 and math.isfinite(sentences)):
        raise ValueError(f"sentences: {sentences!r} is not finite and at least 0")
    if not capacity_bits >= 0:
        raise ValueError(f"capacity_bits: {capacity_bits!r} is negative")
    wrong = error_rate(content_bits)
    room = math.floor(capacity_bits / content_bits) if math.isfinite(capacity_bits) else math.inf

    def missed(p: Floats) -> Floats:
        return np.exp(log_unknown(p * statement_rate, sentences))

    scale = max(sentences, 1.0)
    unseen = mean_over_draws(weights, missed, scale)
    unfitted = mean_over_draws(weights, lambda p: 1 - missed(p), scale, first=room + 1)
    return Rate(wrong * unseen, wrong * unfitted)


def predicted_rate_on(
    queries: npt.ArrayLike,
    weights: FiniteWeights,
    sentences: float,
    content_bits: float,
    capacity_bits: float = math.inf,
    statement_rate: float = 1.0,
) -> Rate:
    """`predicted_rate` where questions ask for the element of rank k with probability ``queries[k - 1]``.

    Raises
    ------
    ValueError
        If ``queries`` is not a distribution over the elements.
    """
    asked = np.asarray(queries, np.float64)
    if asked.shape != weights.values.shape:
        raise ValueError(f"queries: have shape {asked.shape} for {len(weights.values)} elements")
    if not (asked >= 0).all() or not math.isclose(asked.sum(), 1, rel_tol=1e-9):
        raise ValueError("queries: are not probabilities that add up to 1")
    missed = np.exp(log_unknown(weights.values * statement_rate, sentences))
    fits = np.arange(1, len(asked) + 1) <= capacity_bits / content_bits
    wrong = error_rate(content_bits)
    return Rate(wrong * float((asked * missed).sum()), wrong * float((asked * (1 - missed))[~fits].sum()))


def estimated_rate(spectrum: Spectrum, content_bits: float, level: float = 0.95) -> Estimate:
    """Rate from data alone: Good-Turing's N_1/n times the chance that a guess is wrong.

    Examples
    --------
    >>> from skmfast.laws.spectrum import Spectrum
    >>> estimated_rate(Spectrum.of_counts([5, 3, 1, 1]), 1).value
    0.1
    """
    wrong = error_rate(content_bits)
    mass = good_turing.unseen_mass(spectrum, level)
    return Estimate(wrong * mass.value, wrong * mass.low, wrong * mass.high, level)


def kalai_bounds(
    spectrum: Spectrum, least_errors: float, most_errors: float | None = None, miscalibration: float = 0.0
) -> tuple[float, float]:
    """Bounds of Kalai, Nachum, Vempala and Zhang on the rate of a base model (arXiv 2509.04664, theorem 2).

    For N training prompts whose answers are arbitrary facts, with probability at least 0.99,

        error rate >= sr - 2 / min|E_c| - (35 + 6 ln N) / sqrt(N) - δ,

    where sr is the share of prompts that appear exactly once, |E_c| the number of plausible wrong answers to
    prompt c and δ the model's miscalibration; and some calibrated model (δ = 0) has

        error rate <= sr - sr / (max|E_c| + 1) + 13 / sqrt(N).

    Parameters
    ----------
    spectrum : Spectrum
        How often prompts (elements) appear in training.
    least_errors, most_errors : float
        min|E_c| and max|E_c|, by default the same. Contents uniform over 2^H0 values have 2^H0 - 1.
    miscalibration : float
        δ.

    Returns
    -------
    lower, upper : float
        Clipped to [0, 1]. Below about 10^5 prompts the lower bound is vacuous.

    Raises
    ------
    ValueError
        If a prompt has no wrong answer, or δ is negative.
    """
    most = least_errors if most_errors is None else most_errors
    if not 1 <= least_errors <= most:
        raise ValueError(f"least_errors, most_errors: {least_errors!r}, {most!r} are not ascending from 1")
    if not miscalibration >= 0:
        raise ValueError(f"miscalibration: {miscalibration!r} is negative")
    number = spectrum.num_tokens
    singletons = spectrum.seen(1) / number
    slack = (35 + 6 * math.log(number)) / math.sqrt(number)
    lower = singletons - 2 / least_errors - slack - miscalibration
    upper = singletons - singletons / (most + 1) + 13 / math.sqrt(number)
    return min(max(lower, 0.0), 1.0), min(max(upper, 0.0), 1.0)
