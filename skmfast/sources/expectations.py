"""What a sentence of a source is in the mean: its bytes, its tokens, its entropy. Exact, by adding up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from skmfast.sources.plan import LITERAL

if TYPE_CHECKING:
    from skmfast.sources.chain_plan import ChainPlan
    from skmfast.sources.contents import Contents
    from skmfast.sources.plan import RenderPlan

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ExpectedSentence:
    """Means over elements and sentences, given the syntax's parameters.

    Attributes
    ----------
    num_bytes : float
        Bytes of text, the line end included.
    num_tokens : float
    entropy_bits : float
        Bits of a sentence for one who knows contents, frequencies and parameters: which element (the mean of
        the entropy of the frequencies, where they are random), which attributes, which templates.
    """

    num_bytes: float
    num_tokens: float
    entropy_bits: float


def kind_shares(plan: RenderPlan | ChainPlan) -> Floats:
    """Probability of each kind for a uniform name, shape (kinds,)."""
    if plan.kind_field == LITERAL:
        return np.ones(1)
    size = int(plan.field_sizes[plan.kind_field])
    return np.bincount(np.arange(size) % plan.kinds, minlength=plan.kinds) / size


def expected_size(contents: Contents, plan: RenderPlan) -> tuple[float, float]:
    """Mean bytes and tokens of a sentence about an element drawn from all names."""
    sizes = _piece_sizes(plan)
    total = sizes[plan.end_piece].copy()
    for kind, share in enumerate(kind_shares(plan)):
        if share:
            parts = _part_sizes(contents, plan, sizes, kind)
            total += share * _statement_sizes(plan, parts, kind)
    return float(total[0]), float(total[1])


def expected_chain_size(contents: Contents, plan: ChainPlan, visits: Floats) -> tuple[float, float]:
    """Mean bytes and tokens of a sentence of chain words about an element drawn from all names.

    Parameters
    ----------
    visits : ndarray of float64, shape (kinds, S + 1)
        How often a sentence of each kind draws from each row; see `MarkovSyntax.expected_visits`.
    """
    sizes = _piece_sizes(plan)
    total = sizes[plan.end_piece].copy()
    for kind, share in enumerate(kind_shares(plan)):
        if share:
            words = visits[kind] @ plan.probabilities[kind] @ sizes[plan.word_pieces]
            runs = _run_sizes(plan, _part_sizes(contents, plan, sizes, kind))
            total += share * (runs[0] + words + runs[1:].mean(axis=0))
    return float(total[0]), float(total[1])


def _piece_sizes(plan: RenderPlan | ChainPlan) -> Floats:
    """Bytes and tokens of every piece, shape (pieces, 2)."""
    sizes = np.stack([np.diff(plan.piece_byte_offsets), np.diff(plan.piece_token_offsets)], axis=1)
    return sizes.astype(np.float64)


def _run_sizes(plan: RenderPlan | ChainPlan, parts: Floats) -> Floats:
    """Bytes and tokens of every run of parts, from those of the parts, shape (runs, 2)."""
    ends = np.concatenate([np.zeros((1, 2)), np.cumsum(parts, axis=0)])[plan.template_parts]
    return np.diff(ends, axis=0)


def _part_sizes(contents: Contents, plan: RenderPlan | ChainPlan, sizes: Floats, kind: int) -> Floats:
    """Mean bytes and tokens of every part in sentences about elements of a kind, shape (parts, 2)."""
    result = sizes[plan.part_piece]
    for field in np.unique(plan.part_field[plan.part_field >= 0]).tolist():
        chances = _value_chances(contents, plan, field, kind)
        for first in np.unique(plan.part_piece[plan.part_field == field]).tolist():
            mean = chances @ sizes[first : first + len(chances)]
            result[(plan.part_field == field) & (plan.part_piece == first)] = mean
    return result


def _value_chances(contents: Contents, plan: RenderPlan | ChainPlan, field: int, kind: int) -> Floats:
    """Probabilities of a field's values given the kind."""
    described = contents.fields[field]
    root = field if described.of is None else contents.field_place(described.of)
    roots = np.arange(len(contents.fields[root].values))
    if root == plan.kind_field:
        roots = roots[roots % plan.kinds == kind]
    values = roots if described.mapping is None else np.array(described.mapping)[roots]
    return np.bincount(values, minlength=len(described.values)) / len(roots)


def _statement_sizes(plan: RenderPlan, parts: Floats, kind: int) -> Floats:
    """Mean bytes and tokens of all statements of a sentence, shape (2,)."""
    compiled = _run_sizes(plan, parts).reshape(-1, 2, 2)  # template, form, (bytes, tokens)
    means = np.empty((plan.attributes, 2, 2))
    for attribute in range(plan.attributes):
        place = kind * plan.attributes + attribute
        chosen = slice(*plan.choice_offsets[place : place + 2].tolist())
        means[attribute] = np.tensordot(plan.choice_probability[chosen], compiled[chosen], 1)
    if plan.order == 1:
        return np.asarray(means[0, 0] + means[1:, 1].sum(axis=0))
    return np.asarray(means[:, 0].mean(axis=0) + (plan.statements - 1) * means[:, 1].mean(axis=0))
