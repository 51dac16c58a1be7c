"""Loss against data and model size together, and how a budget of compute is best split between them.

The law is L(N, C) = L_oracle + A N^-(1-d) + B C^-(1/d-1) + S log2(N) / N: N sentences, C bits of memory,
S half the parameters of the syntax. Beside it stands the sum that it approximates: over the elements that are
either not seen or not kept. An element can be both, so the law's two terms, added, bound that sum from above;
it lies between the larger of them and both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skmfast.laws.acquisition import mean_known
from skmfast.laws.weights import ZipfMandelbrot

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from skmfast.laws.weights import Weights

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ScalingLaw:
    """L(N, C) = oracle_bits + data / N^a + model / C^b + syntax log2(N) / N, in bits per sentence.

    Attributes
    ----------
    oracle_bits : float
        What no learner can save.
    data_coefficient, data_exponent : float
        A and a = 1 - d.
    model_coefficient, model_exponent : float
        B and b = 1/d - 1.
    syntax_coefficient : float
        S = n_syn d_syn / 2.
    """

    oracle_bits: float
    data_coefficient: float
    data_exponent: float
    model_coefficient: float
    model_exponent: float
    syntax_coefficient: float = 0.0

    @classmethod
    def of_zipf(
        cls,
        discount: float,
        content_bits: float,
        *,
        oracle_bits: float = 0.0,
        syntax_parameters: float = 0.0,
        average: bool = False,
    ) -> ScalingLaw:
        """The law of weights k^-(1/d) / ζ(1/d), with the coefficients worked out.

        Parameters
        ----------
        discount : float
            d, between 0 and 1.
        content_bits : float
            H0.
        oracle_bits, syntax_parameters : float
            Entropy of a sentence under the source, and n_syn d_syn.
        average : bool
            Loss averaged over the N sentences, as in a code length; otherwise that of the next sentence after
            them, which is d times as much in the data term.

        Notes
        -----
        With c = 1/ζ(1/d): E[K_N] ~ Γ(1 - d) (c N)^d, so A = H0 Γ(1 - d) c^d (times d for the next sentence);
        the tail beyond rank C/H0 is c (C/H0)^(1-s) / (s - 1) with s = 1/d, so B = c H0^s / (s - 1).
        """
        zipf = ZipfMandelbrot.of_discount(discount)
        constant, power = float(zipf.weight(1)), zipf.exponent
        data = content_bits * math.gamma(1 - discount) * constant**discount
        return cls(
            oracle_bits=oracle_bits,
            data_coefficient=data if average else discount * data,
            data_exponent=1 - discount,
            model_coefficient=constant * content_bits**power / (power - 1),
            model_exponent=power - 1,
            syntax_coefficient=syntax_parameters / 2,
        )

    def loss_bits(self, sentences: npt.ArrayLike, capacity_bits: npt.ArrayLike = math.inf) -> Floats:
        """L(N, C), broadcast."""
        n, c = np.asarray(sentences, np.float64), np.asarray(capacity_bits, np.float64)
        data = self.data_coefficient * n**-self.data_exponent
        model = self.model_coefficient * c**-self.model_exponent
        return np.asarray(self.oracle_bits + data + model + self.syntax_coefficient * np.log2(n) / n)


def excess_bits(
    weights: Weights, sentences: float, capacity_bits: float, content_bits: float, statement_rate: float = 1.0
) -> float:
    """Expected bits lost in the next sentence after N by a model of C bits: the sum behind the law.

    H0 times the mass of the elements that are unseen or beyond rank C/H0, with the fraction at the boundary.

    Raises
    ------
    ValueError
        If an argument is negative, or H0 is not positive.
    """
    if not (content_bits > 0 and capacity_bits >= 0):
        raise ValueError("content_bits must be positive and capacity_bits at least 0")
    room = min(capacity_bits / content_bits, weights.num_elements)
    if math.isinf(room):
        return content_bits * float(mean_known(weights, sentences, statement_rate)[1])
    whole = math.floor(room)
    unseen = float(mean_known(weights, sentences, statement_rate, last=whole)[1]) if whole else 0.0
    part = float(mean_known(weights, sentences, statement_rate, whole + 1, whole + 1)[0])
    return content_bits * (unseen + float(weights.tail(whole)) - (room - whole) * part)


@dataclass(frozen=True)
class Compute:
    """What training costs, and what a parameter holds.

    Attributes
    ----------
    flop_per_parameter_token : float
        6: forward 2, backward 4 (Kaplan et al., arXiv 2001.08361).
    bits_per_parameter : float
        2, what language models were measured to store (Allen-Zhu and Li, arXiv 2404.05405).
    tokens_per_sentence : float
        Of the corpus.
    """

    flop_per_parameter_token: float = 6.0
    bits_per_parameter: float = 2.0
    tokens_per_sentence: float = 20.0

    @property
    def flop_per_sentence_bit(self) -> float:
        """FLOP for one sentence and one bit of capacity: the budget is this times N C."""
        return self.flop_per_parameter_token * self.tokens_per_sentence / self.bits_per_parameter


@dataclass(frozen=True)
class Split:
    """How a budget is spent.

    Attributes
    ----------
    flop : float
        The budget.
    sentences : float
        N.
    capacity_bits : float
        C.
    parameters, tokens : float
        The same in the units of training runs.
    loss_bits : float
        L(N, C).
    """

    flop: float
    sentences: float
    capacity_bits: float
    parameters: float
    tokens: float
    loss_bits: float


def optimal_split(law: ScalingLaw, flop: float, compute: Compute = Compute()) -> Split:
    """Split of a budget with the least loss, in closed form (syntax's term apart).

    With N C = F fixed, A N^-a + B C^-b is least at C = (b B / (a A))^(1/(a+b)) F^(a/(a+b)). As a = 1 - d and
    b = a/d, C grows as F^(d/(1+d)) and N as F^(1/(1+d)): the memory just holds what is seen, C ~ N^d.

    Raises
    ------
    ValueError
        If the budget is not positive, or a coefficient or exponent is not.

    Examples
    --------
    >>> law = ScalingLaw.of_zipf(0.5, 50)
    >>> small, large = optimal_split(law, 1e15), optimal_split(law, 1e18)
    >>> round(large.sentences / small.sentences), round(large.capacity_bits / small.capacity_bits)
    (100, 10)
    """
    alpha, beta = law.data_exponent, law.model_exponent
    if not min(alpha, beta, law.data_coefficient, law.model_coefficient) > 0:
        raise ValueError(
            "law: a budget can be split only if both terms fall: positive exponents, coefficients"
        )
    product = _product(flop, compute)
    ratio = beta * law.model_coefficient / (alpha * law.data_coefficient)
    log_capacity = (math.log(ratio) + alpha * math.log(product)) / (alpha + beta)
    return _split(lambda n, c: float(law.loss_bits(n, c)), flop, product, log_capacity, compute)


def optimal_split_of(
    loss_bits: Callable[[float, float], float],
    flop: float,
    compute: Compute = Compute(),
) -> Split:
    """`optimal_split` of any loss of (N, C), by numerical search: for the exact sum, or with the syntax.

    The loss should have one minimum along N C = constant; N and C are at least 1.

    Raises
    ------
    ValueError
        If the budget does not pay for one sentence and one bit.
    """
    from scipy.optimize import minimize_scalar

    product = _product(flop, compute)
    if product <= 1:
        raise ValueError(f"flop: {flop!r} does not pay for one sentence and one bit of capacity")

    def at(log_capacity: float) -> float:
        return math.log(loss_bits(product / math.exp(log_capacity), math.exp(log_capacity)))

    # A coarse scan first: far from the minimum the loss is nearly flat.
    grid = np.linspace(0, math.log(product), 65)
    values = [at(float(each)) for each in grid]
    middle = int(np.argmin(values))
    bounds = (grid[max(middle - 1, 0)], grid[min(middle + 1, 64)])
    best = minimize_scalar(at, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    return _split(loss_bits, flop, product, float(best.x), compute)


def _product(flop: float, compute: Compute) -> float:
    if not (flop > 0 and math.isfinite(flop)):
        raise ValueError(f"flop: {flop!r} is not a positive finite number")
    return flop / compute.flop_per_sentence_bit


def _split(
    loss_bits: Callable[[float, float], float],
    flop: float,
    product: float,
    log_capacity: float,
    compute: Compute,
) -> Split:
    capacity = math.exp(log_capacity)
    sentences = product / capacity
    return Split(
        flop=flop,
        sentences=sentences,
        capacity_bits=capacity,
        parameters=capacity / compute.bits_per_parameter,
        tokens=sentences * compute.tokens_per_sentence,
        loss_bits=loss_bits(sentences, capacity),
    )
