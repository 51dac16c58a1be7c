"""TemplateSyntax: sentences from templates with learnable probabilities.

A sentence states some attributes of one element, each through a template; which template is the syntax that
a learner has to learn, one distribution for each kind of element and attribute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.sources import dirichlet
from skmfast.sources.contents import NAME
from skmfast.sources.dirichlet_syntax import DirichletSyntax, at_least_one
from skmfast.sources.patterns import Slot, check_text, parse

ORDERS = ("random", "fixed")


class TemplateSyntax(DirichletSyntax):
    """Kinds of sentences made of templates.

    A sentence about an element of kind r makes ``statements`` statements about distinct attributes, chosen
    uniformly in a random order (or all attributes, in their fixed order). A statement about attribute a
    takes template t with probability φ[r, a, t]; φ[r, a] is drawn from a Dirichlet prior. Statements are
    joined by a space, and a line end follows the last one.

    Parameters
    ----------
    templates : mapping from str to sequence of str
        For each attribute its templates: text with the slots ``{name}`` and ``{<attribute>}``, each once.
    kinds : int
        Number of kinds, n_syn.
    kind_field : str or None
        The field of the name that decides the kind: its value's number modulo ``kinds``. None: the name's
        last field.
    prior : float or mapping from str to sequence of float
        Parameters of the Dirichlet priors: one number for all, or for each attribute one per template.
    statements : int
        Statements in a sentence.
    order : {"random", "fixed"}
        Order of the attributes; a fixed order states all of them.
    probabilities : mapping from str to array_like, or None
        φ itself, if it is not to be drawn: for each attribute shape (templates,) or (kinds, templates). Code
        lengths from counts do not know it: they still are those of the prior.

    Raises
    ------
    ValueError
        If an attribute has no template, a template has an unknown slot, lacks one or appears twice, or a
        number is out of range. The message names the attribute, the template and the slot.

    Examples
    --------
    >>> syntax = TemplateSyntax({"city": ["{name} lives in {city}.", "{city} is home to {name}."]})
    >>> syntax.shape, syntax.parameters_per_kind
    ((1, 1, 2), 1)
    >>> round(syntax.code_length_bits([[[1, 1]]]), 6)
    2.584963
    """

    def __init__(
        self,
        templates: Mapping[str, Sequence[str]],
        *,
        kinds: int = 1,
        kind_field: str | None = None,
        prior: float | Mapping[str, Sequence[float]] = 1.0,
        statements: int = 1,
        order: str = "random",
        probabilities: Mapping[str, npt.ArrayLike] | None = None,
    ) -> None:
        self._templates = {attribute: tuple(texts) for attribute, texts in templates.items()}
        if not self._templates:
            raise ValueError("no attribute has templates")
        for attribute in self._templates:
            self._check_templates(attribute, templates[attribute])
        super().__init__(kinds, kind_field)
        self._statements = at_least_one(statements, "statements")
        if self._statements > len(self._templates):
            raise ValueError(f"statements={statements}: there are {len(self._templates)} attributes")
        if order not in ORDERS:
            raise ValueError(f"order={order!r}: neither 'random' nor 'fixed'")
        if order == "fixed" and self._statements != len(self._templates):
            raise ValueError(
                f"statements={statements}: a fixed order states all {len(self._templates)} attributes"
            )
        self._order = order
        self._prior_given: float | dict[str, tuple[float, ...]]
        if isinstance(prior, Mapping):
            self._prior_given = {name: tuple(map(float, values)) for name, values in prior.items()}
        else:
            self._prior_given = float(prior)
        self._prior = self._prior_array()
        self._known = None if probabilities is None else self._known_array(probabilities)

    # ---- what it is made of ----------------------------------------------------------------------

    @property
    def templates(self) -> dict[str, tuple[str, ...]]:
        """The templates of each attribute."""
        return dict(self._templates)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes; axis 1 of counts and probabilities."""
        return tuple(self._templates)

    @property
    def statements(self) -> int:
        """Statements in a sentence."""
        return self._statements

    @property
    def order(self) -> str:
        """``"random"`` or ``"fixed"``."""
        return self._order

    @cached_property
    def num_templates(self) -> npt.NDArray[np.int64]:
        """Number of templates of each attribute, shape (attributes,)."""
        return np.array([len(texts) for texts in self._templates.values()])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(kinds, attributes, greatest number of templates): the shape of counts and probabilities."""
        return self._kinds, len(self._templates), int(self.num_templates.max())

    def __repr__(self) -> str:
        return (
            f"<TemplateSyntax: {len(self._templates)} attributes, {int(self.num_templates.sum())} templates,"
            f" {self._kinds} kinds, {self._statements} statements in {self._order} order>"
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        prior = self._prior_given
        description: dict[str, Any] = {
            "syntax": "templates",
            "templates": {attribute: list(texts) for attribute, texts in self._templates.items()},
            "kinds": self._kinds,
            "kind_field": self._kind_field,
            "prior": {name: list(values) for name, values in prior.items()}
            if isinstance(prior, dict)
            else prior,
            "statements": self._statements,
            "order": self._order,
        }
        if self._known is not None:
            description["probabilities"] = {
                attribute: self._known[:, place, : self.num_templates[place]].tolist()
                for place, attribute in enumerate(self._templates)
            }
        return description

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> TemplateSyntax:
        """The syntax that `to_dict` described."""
        return cls(
            description["templates"],
            kinds=description["kinds"],
            kind_field=description["kind_field"],
            prior=description["prior"],
            statements=description["statements"],
            order=description["order"],
            probabilities=description.get("probabilities"),
        )

    def ordered(self, attributes: Sequence[str]) -> TemplateSyntax:
        """The same syntax with its attributes in another order.

        Raises
        ------
        ValueError
            If these are not its attributes.
        """
        if tuple(attributes) == self.attributes:
            return self
        for name in self._templates:
            if name not in attributes:
                raise ValueError(f"templates for {name!r}, which is no attribute that can be stated")
        for name in attributes:
            if name not in self._templates:
                raise ValueError(f"attribute {name!r} has no templates")
        description = self.to_dict()
        description["templates"] = {name: description["templates"][name] for name in attributes}
        return type(self).from_dict(description)

    # ---- bits ------------------------------------------------------------------------------------

    @property
    def choice_bits(self) -> float:
        """Bits of a sentence's choice of attributes and their order, which is not learnt."""
        if self._order == "fixed":
            return 0.0
        attributes = len(self._templates)
        return math.log2(math.perm(attributes, self._statements))

    def count(
        self, kinds: npt.ArrayLike, attributes: npt.ArrayLike, templates: npt.ArrayLike
    ) -> npt.NDArray[np.int64]:
        """Counts of statements, of `shape`; the arguments are arrays that broadcast."""
        places = self._places(kinds, attributes, templates)
        return np.bincount(places, minlength=math.prod(self.shape)).reshape(self.shape)

    def sequential_bits(
        self, kinds: npt.ArrayLike, attributes: npt.ArrayLike, templates: npt.ArrayLike
    ) -> npt.NDArray[np.float64]:
        """Bits of each template given the statements before it; they add up to `code_length_bits`.

        Parameters
        ----------
        kinds, attributes, templates : array_like of integers that broadcast to shape (n,) or (n, s)
            Of each statement, in the order of the corpus.

        Returns
        -------
        ndarray of float64, shape (n,) or (n, s)
        """
        shape = np.broadcast_shapes(*(np.shape(array) for array in (kinds, attributes, templates)))
        groups, categories = np.divmod(self._places(kinds, attributes, templates), self.shape[2])
        bits = dirichlet.sequential_bits(groups, categories, self._prior.reshape(-1, self.shape[2]))
        return bits.reshape(shape)

    def entropy_bits(self, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Entropy of a sentence's syntax given φ, for each kind: choice of attributes and templates.

        Returns
        -------
        ndarray of float64, shape (kinds,)
        """
        by_attribute = dirichlet.entropy_bits(probabilities)
        return np.asarray(self.choice_bits + self._statements * by_attribute.mean(axis=1))

    @cached_property
    def expected_entropy_bits(self) -> float:
        """`entropy_bits` in the mean over the prior; the same for all kinds."""
        by_attribute = dirichlet.expected_entropy_bits(self._prior[0])
        return self.choice_bits + self._statements * float(by_attribute.mean())

    def _places(
        self, kinds: npt.ArrayLike, attributes: npt.ArrayLike, templates: npt.ArrayLike
    ) -> npt.NDArray[np.int64]:
        """Flat places in `shape`; ValueError where there is no template."""
        k, a, t = np.broadcast_arrays(kinds, attributes, templates)
        k, a, t = (array.astype(np.int64).ravel() for array in (k, a, t))
        for name, array, size in (("kind", k, self._kinds), ("attribute", a, len(self._templates))):
            if array.size and not (array.min() >= 0 and array.max() < size):
                raise ValueError(f"{name} outside 0 to {size - 1}")
        bad = np.flatnonzero((t < 0) | (t >= self.num_templates[a]))
        if bad.size:
            place = int(bad[0])
            raise ValueError(
                f"statement {place:,}: attribute {self.attributes[a[place]]!r} has no template {t[place]}"
            )
        return np.asarray((k * self.shape[1] + a) * self.shape[2] + t)

    # ---- checks ----------------------------------------------------------------------------------

    def _check_templates(self, attribute: str, texts: Sequence[str]) -> None:
        if attribute == NAME or not attribute.isidentifier():
            raise ValueError(f"templates for {attribute!r}: not the name of an attribute that can be stated")
        if isinstance(texts, str):
            raise TypeError(f"templates of {attribute!r}: a sequence of texts is expected, not one text")
        if not texts:
            raise ValueError(f"attribute {attribute!r} has no templates")
        seen: set[str] = set()
        for place, text in enumerate(texts):
            where = f"template {place} of {attribute!r}"
            check_text(text, where)
            slots = [part.name for part in parse(text, where) if isinstance(part, Slot)]
            for slot in slots:
                if slot not in (NAME, attribute):
                    raise ValueError(f"{where}: {text!r} has an unknown slot {{{slot}}}")
            for slot in (NAME, attribute):
                if slots.count(slot) != 1:
                    times = "no" if slot not in slots else "more than one"
                    raise ValueError(f"{where}: {text!r} has {times} slot {{{slot}}}")
            if text in seen:
                raise ValueError(f"{where}: {text!r} appears twice")
            seen.add(text)

    def _prior_array(self) -> npt.NDArray[np.float64]:
        given = self._prior_given
        array = np.zeros(self.shape)
        for place, (attribute, texts) in enumerate(self._templates.items()):
            where = f"prior of {attribute!r}"
            if isinstance(given, dict):
                if attribute not in given:
                    raise ValueError(f"{where}: not given")
                values = np.array(given[attribute])
                if values.shape != (len(texts),):
                    raise ValueError(f"{where}: {values.size} numbers for {len(texts)} templates")
            else:
                values = np.full(len(texts), given)
            if not (np.all(np.isfinite(values)) and np.all(values > 0)):
                raise ValueError(f"{where}: parameters of a Dirichlet distribution are positive and finite")
            array[:, place, : len(texts)] = values
        if isinstance(given, dict):
            for attribute in given:
                if attribute not in self._templates:
                    raise ValueError(f"a prior for {attribute!r}, which has no templates")
        return array

    def _known_array(self, probabilities: Mapping[str, npt.ArrayLike]) -> npt.NDArray[np.float64]:
        array = np.zeros(self.shape)
        if set(probabilities) != set(self._templates):
            raise ValueError("probabilities are given for all attributes or for none")
        for place, (attribute, texts) in enumerate(self._templates.items()):
            values = np.asarray(probabilities[attribute], dtype=np.float64)
            if values.shape not in {(len(texts),), (self._kinds, len(texts))}:
                raise ValueError(
                    f"probabilities of {attribute!r}: shape {values.shape} for {self._kinds} kinds and"
                    f" {len(texts)} templates"
                )
            if not (np.all(values >= 0) and np.all(np.abs(values.sum(axis=-1) - 1) < 1e-9)):
                raise ValueError(f"probabilities of {attribute!r}: not probabilities that add up to 1")
            array[:, place, : len(texts)] = values
        return array
