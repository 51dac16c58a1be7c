"""Laws: what the Syntax-Knowledge model predicts, and how it is measured on real data.

Formulas and fits alone: redundancy and its exponent, capacity-limited distortion, both together, the order in
which knowledge is acquired, hallucination, Heaps' and Zipf's laws, power laws fitted to losses. Everything is
loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skmfast.lazy import lazy_names

if TYPE_CHECKING:
    from skmfast.laws.acquisition import frontier_rank, loss_by_class, probability_known
    from skmfast.laws.capacity import (
        ExponentialRate,
        LinearRate,
        SyntaxMemory,
        distortion,
        local_exponent,
    )
    from skmfast.laws.good_turing import unseen_mass
    from skmfast.laws.hallucination import estimated_rate, kalai_bounds, predicted_rate, predicted_rate_on
    from skmfast.laws.heaps import fit_heaps, heaps_curve, rarefaction
    from skmfast.laws.learning_curve import LearningCurve, fit_learning_curve
    from skmfast.laws.power_law import PowerLaw, fit
    from skmfast.laws.redundancy import TemplateChoice, expected_redundancy, sampled_redundancy
    from skmfast.laws.scaling import Compute, ScalingLaw, excess_bits, optimal_split, optimal_split_of
    from skmfast.laws.spectrum import Estimate, Spectrum, byte_labels, word_labels
    from skmfast.laws.weights import FiniteWeights, ZipfMandelbrot
    from skmfast.laws.zipf import fit_zipf, rank_size_regression

_NAMES = {
    "acquisition": ("frontier_rank", "loss_by_class", "probability_known"),
    "capacity": ("ExponentialRate", "LinearRate", "SyntaxMemory", "distortion", "local_exponent"),
    "good_turing": ("unseen_mass",),
    "hallucination": ("estimated_rate", "kalai_bounds", "predicted_rate", "predicted_rate_on"),
    "heaps": ("fit_heaps", "heaps_curve", "rarefaction"),
    "learning_curve": ("LearningCurve", "fit_learning_curve"),
    "power_law": ("PowerLaw", "fit"),
    "redundancy": ("TemplateChoice", "expected_redundancy", "sampled_redundancy"),
    "scaling": ("Compute", "ScalingLaw", "excess_bits", "optimal_split", "optimal_split_of"),
    "spectrum": ("Estimate", "Spectrum", "byte_labels", "word_labels"),
    "weights": ("FiniteWeights", "ZipfMandelbrot"),
    "zipf": ("fit_zipf", "rank_size_regression"),
}
_HOMES = {name: f"skmfast.laws.{module}" for module, names in _NAMES.items() for name in names}

__all__ = [
    "Compute",
    "Estimate",
    "ExponentialRate",
    "FiniteWeights",
    "LearningCurve",
    "LinearRate",
    "PowerLaw",
    "ScalingLaw",
    "Spectrum",
    "SyntaxMemory",
    "TemplateChoice",
    "ZipfMandelbrot",
    "byte_labels",
    "distortion",
    "estimated_rate",
    "excess_bits",
    "expected_redundancy",
    "fit",
    "fit_heaps",
    "fit_learning_curve",
    "fit_zipf",
    "frontier_rank",
    "heaps_curve",
    "kalai_bounds",
    "local_exponent",
    "loss_by_class",
    "optimal_split",
    "optimal_split_of",
    "predicted_rate",
    "predicted_rate_on",
    "probability_known",
    "rank_size_regression",
    "rarefaction",
    "sampled_redundancy",
    "unseen_mass",
    "word_labels",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
