"""What both kinds of syntax are: categorical distributions with Dirichlet priors, learnt from counts."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.arguments import integer
from skmfast.sources import dirichlet
from skmfast.sources.streams import PARAMETERS


class DirichletSyntax(ABC):
    """Distributions φ, some for each kind of element, with their priors; code lengths from counts alone.

    Parameters
    ----------
    kinds : int
        Number of kinds, n_syn.
    kind_field : str or None
        The field of the name that decides the kind: its value's number modulo ``kinds``. None: the name's
        last field.
    """

    # Of `shape`; a class sets them when it knows its shape. What is not known is drawn from the prior.
    _prior: npt.NDArray[np.float64]
    _known: npt.NDArray[np.float64] | None

    def __init__(self, kinds: int, kind_field: str | None) -> None:
        self._kinds = at_least_one(kinds, "kinds")
        self._kind_field = kind_field

    @property
    def kinds(self) -> int:
        """Number of kinds, n_syn."""
        return self._kinds

    @property
    def kind_field(self) -> str | None:
        """The field that decides the kind; None for the name's last one."""
        return self._kind_field

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """(kinds, distributions of a kind, greatest number of categories): of counts and probabilities."""

    @property
    def prior(self) -> npt.NDArray[np.float64]:
        """Parameters of the Dirichlet priors, of `shape`; zero where there is no category."""
        return np.array(self._prior)

    @property
    def parameters_per_kind(self) -> int:
        """d_syn: free parameters of one kind, categories less one added over its distributions."""
        return dirichlet.num_parameters(self._prior[0])

    @property
    def num_parameters(self) -> int:
        """n_syn · d_syn: free parameters of all kinds."""
        return self._kinds * self.parameters_per_kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DirichletSyntax) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""

    def probabilities(self, seed: int) -> npt.NDArray[np.float64]:
        """φ: given, or drawn from the prior with the source's seed.

        Returns
        -------
        ndarray of float64, shape `shape`
            Zero where there is no category.
        """
        if self._known is not None:
            return np.array(self._known)
        return dirichlet.draw(self._prior, seed, PARAMETERS)

    def posterior(self, counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Parameters of the Dirichlet posteriors after ``counts``, of `shape`."""
        return np.asarray(self._prior + dirichlet.check_counts(counts, self._prior))

    def posterior_mean(self, counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Mean of φ after ``counts``: the probabilities of what comes next, of `shape`."""
        posterior = self.posterior(counts)
        return np.asarray(posterior / posterior.sum(axis=-1, keepdims=True))

    def code_length_bits(self, counts: npt.ArrayLike) -> float:
        """Bits of the draws under the Dirichlet mixture: a function of the counts alone.

        Parameters
        ----------
        counts : array_like of integers, shape `shape`
            How often each distribution gave each category.
        """
        return math.fsum(dirichlet.code_length_bits(counts, self._prior).ravel())

    def oracle_bits(self, counts: npt.ArrayLike, probabilities: npt.NDArray[np.float64]) -> float:
        """Bits of the draws for one who knows φ: -Σ counts log2 φ.

        Parameters
        ----------
        counts : array_like of integers, shape `shape`
            As in `code_length_bits`.
        probabilities : ndarray of float64, shape `shape`
            From `probabilities`.
        """
        array = dirichlet.check_counts(counts, self._prior)
        return math.fsum(dirichlet.oracle_bits(array, probabilities).ravel())


def at_least_one(number: int, name: str) -> int:
    """``number`` as an int, from 1 on.

    Raises
    ------
    TypeError, ValueError
        If it is no integer, or less than 1.
    """
    number = integer(number, name)
    if number < 1:
        raise ValueError(f"{name}={number}: less than 1")
    return number
