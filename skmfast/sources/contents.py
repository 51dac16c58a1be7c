"""Contents: what there is to know about an element, and how many bits each part of it is.

An element's contents are the values of its fields. Fields are drawn on their own, uniformly, or follow from
another field; attributes are the patterns of fields that sentences state. One attribute is the name: no two
elements share one, so a sentence's text tells which element it is about.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.arguments import word
from skmfast.settings import resolve_threads
from skmfast.sources import _contents
from skmfast.sources.content_bits import RootBits
from skmfast.sources.patterns import Literal, Slot, check_text, parse
from skmfast.sources.permutation import MAX_SIZE
from skmfast.sources.streams import CONTENTS, NAMES

NAME = "name"  # the attribute that tells elements apart
MAX_VALUES = 65535  # a value's number is kept in 16 bits
MAX_DERIVED = 12  # fields that follow from the same field: their subsets are tabulated
MAX_ATTRIBUTES = 64  # sets of attributes are 64-bit masks


@dataclass(frozen=True)
class Field:
    """A property with a list of values.

    Attributes
    ----------
    name : str
        An identifier; what patterns write in braces.
    values : tuple of str
        Distinct texts, 1 to 65535 of them.
    of : str or None
        The field that this one follows from; None when it is drawn on its own, uniformly.
    mapping : tuple of int or None
        For each value of that field, the place in ``values``.

    Raises
    ------
    ValueError
        If the name is no identifier, a value is empty, has white space around it or appears twice, or
        the mapping does not lead into the values.

    Examples
    --------
    >>> employer = Field("employer", ("Acme", "Apex", "Zenith"))
    >>> city = Field("work_city", ("London", "Paris"), of="employer", mapping=(0, 1, 0))
    """

    name: str
    values: tuple[str, ...]
    of: str | None = None
    mapping: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _check_identifier(self.name, "field")
        if isinstance(self.values, str):
            raise TypeError(f"field {self.name!r}: values is a sequence of texts, not one text")
        object.__setattr__(self, "values", tuple(self.values))
        if not 1 <= len(self.values) <= MAX_VALUES:
            raise ValueError(
                f"field {self.name!r}: {len(self.values)} values; 1 to {MAX_VALUES:,} are allowed"
            )
        seen: set[str] = set()
        for place, value in enumerate(self.values):
            check_text(value, f"field {self.name!r}, value {place}")
            if value in seen:
                raise ValueError(f"field {self.name!r}: value {place}, {value!r}, appears twice")
            seen.add(value)
        if (self.of is None) != (self.mapping is None):
            raise ValueError(f"field {self.name!r}: of and mapping go together")
        if self.mapping is not None:
            object.__setattr__(self, "mapping", tuple(int(place) for place in self.mapping))
            for parent, place in enumerate(self.mapping):
                if not 0 <= place < len(self.values):
                    raise ValueError(
                        f"field {self.name!r}: mapping[{parent}]={place} is not the place of a value"
                    )

    @cached_property
    def firsts(self) -> frozenset[str]:
        """First characters of the values."""
        return frozenset(value[0] for value in self.values)

    @cached_property
    def lasts(self) -> frozenset[str]:
        """Last characters of the values."""
        return frozenset(value[-1] for value in self.values)


@dataclass(frozen=True)
class Attribute:
    """Something a sentence states: fields with text between them, e.g. ``"{month} {day}, {year}"``.

    Attributes
    ----------
    name : str
        An identifier; what templates write in braces.
    pattern : str
        Text with fields in braces, at least one, each once.
    """

    name: str
    pattern: str

    def __post_init__(self) -> None:
        _check_identifier(self.name, "attribute")
        where = f"attribute {self.name!r}"
        check_text(self.pattern, where)
        fields = self.fields
        if not fields:
            raise ValueError(f"{where}: {self.pattern!r} has no field")
        if len(set(fields)) < len(fields):
            raise ValueError(f"{where}: {self.pattern!r} names a field twice")

    @property
    def parts(self) -> tuple[Literal | Slot, ...]:
        """Literals and fields, in order."""
        return parse(self.pattern, f"attribute {self.name!r}")

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields, in order."""
        return tuple(part.name for part in self.parts if isinstance(part, Slot))


class Contents:
    """Fields, the attributes made of them, and which attribute is the name.

    Element k's name is the k-th point of a seeded one-to-one map of all combinations of the name's fields,
    so names never collide. Its other fields are uniform: field j (its place in ``fields``) takes 32-bit
    word j % 4 of Philox block (k, j // 4) of stream `streams.CONTENTS`, times its number of values,
    divided by 2^32 and rounded down. A value's probability is thus within 2^-32 of uniform, less than
    one part in 65,000 of itself.

    Parameters
    ----------
    fields : sequence of Field
        In any order; their order numbers the columns of `values`.
    attributes : sequence of Attribute
        At most 64. One is called ``name`` and tells elements apart; it may stand anywhere and is put first.
        Its fields are drawn on their own and used in no other attribute.
    pronoun : str or None
        A field that follows from a field of the name and stands for it in later statements of a sentence.

    Raises
    ------
    ValueError
        If fields or attributes are missing, appear twice or do not fit together, or an attribute's text
        would not tell its values.

    Examples
    --------
    >>> contents = Contents(
    ...     [Field("first", ("Ann", "Bob")), Field("last", ("Lee", "Ray")), Field("city", ("Rome", "Oslo"))],
    ...     [Attribute("name", "{first} {last}"), Attribute("city", "{city}")],
    ... )
    >>> contents.num_names, contents.bits
    (4, {'name': 2.0, 'city': 1.0})
    >>> sorted(contents.text("name", contents.values(range(4), seed=0)))
    ['Ann Lee', 'Ann Ray', 'Bob Lee', 'Bob Ray']
    """

    def __init__(
        self,
        fields: Iterable[Field],
        attributes: Iterable[Attribute],
        *,
        pronoun: str | None = None,
    ) -> None:
        self._fields = tuple(fields)
        listed = tuple(attributes)
        self._place = _places([field.name for field in self._fields], "field")
        _places([attribute.name for attribute in listed], "attribute")
        if len(listed) > MAX_ATTRIBUTES:
            raise ValueError(f"{len(listed)} attributes; at most {MAX_ATTRIBUTES} are allowed")
        names = [attribute for attribute in listed if attribute.name == NAME]
        if not names:
            raise ValueError(f"no attribute is called {NAME!r}")
        self._attributes = (*names, *(attribute for attribute in listed if attribute.name != NAME))
        self._pronoun = pronoun
        for field in self._fields:
            self._check_parent(field)
        for attribute in self._attributes:
            self._check_attribute(attribute)
        self._check_name()
        self._check_pronoun()

    # ---- what it is made of ----------------------------------------------------------------------

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields; column j of `values` belongs to ``fields[j]``."""
        return self._fields

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The attributes, the name first."""
        return self._attributes

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the attributes, the name first."""
        return tuple(attribute.name for attribute in self._attributes)

    @property
    def stated(self) -> tuple[Attribute, ...]:
        """The attributes that statements can be about: all but the name. Attribute number a of a
        `RenderPlan` and of counts is ``stated[a]``."""
        return self._attributes[1:]

    @property
    def pronoun(self) -> str | None:
        """The field that stands for the name in later statements, if there is one."""
        return self._pronoun

    @cached_property
    def name_fields(self) -> tuple[int, ...]:
        """Places of the name's fields, in the order of its pattern."""
        return self._columns(self._attributes[0])

    @cached_property
    def num_names(self) -> int:
        """How many elements there can be: the product of the sizes of the name's fields."""
        return math.prod(len(self._fields[place].values) for place in self.name_fields)

    def field_place(self, name: str) -> int:
        """The column of a field.

        Raises
        ------
        ValueError
            If there is no such field.
        """
        if name not in self._place:
            raise ValueError(f"no field is called {name!r}; there are {', '.join(self._place)}")
        return self._place[name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contents) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"<Contents: {', '.join(self.attribute_names)}; {self.num_names:,} names,"
            f" {self.total_bits:.2f} bits an element>"
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            "fields": [
                {"name": field.name, "values": list(field.values)}
                | ({} if field.mapping is None else {"of": field.of, "mapping": list(field.mapping)})
                for field in self._fields
            ],
            "attributes": [
                {"name": attribute.name, "pattern": attribute.pattern} for attribute in self._attributes
            ],
            "pronoun": self._pronoun,
        }

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Contents:
        """The contents that `to_dict` described."""
        return cls(
            [
                Field(
                    field["name"],
                    tuple(field["values"]),
                    field.get("of"),
                    None if field.get("mapping") is None else tuple(field["mapping"]),
                )
                for field in description["fields"]
            ],
            [Attribute(item["name"], item["pattern"]) for item in description["attributes"]],
            pronoun=description.get("pronoun"),
        )

    # ---- values and their text -------------------------------------------------------------------

    def values(
        self, elements: npt.ArrayLike, seed: int, *, threads: int | None = None
    ) -> npt.NDArray[np.uint16]:
        """Values of the fields of some elements.

        Parameters
        ----------
        elements : array_like of integers, shape (n,)
            Each from 0 to ``num_names`` - 1.
        seed : int
            Seed of the source.
        threads : int or None
            See `skmfast.settings.resolve_threads`. The values do not depend on it.

        Returns
        -------
        ndarray of uint16, shape (n, fields)
            Places in the fields' value lists.

        Raises
        ------
        ValueError
            If there are not so many names.
        """
        elements = _as_elements(elements, self.num_names)
        table = np.empty((elements.size, len(self._fields)), dtype=np.uint16)
        seed, workers = word(seed, "seed"), resolve_threads(threads)
        _contents.fill(elements, *self._drawn_columns, seed, NAMES, CONTENTS, table, workers)
        for place, field in enumerate(self._fields):
            if field.of is not None:
                table[:, place] = self._mapping(place)[table[:, self._place[field.of]]]
        return table

    @cached_property
    def _drawn_columns(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        """(column, size, word) of the name's fields, the last one first, and of the others that are drawn."""
        sizes = [len(field.values) for field in self._fields]
        digits = [(place, sizes[place], 0) for place in reversed(self.name_fields)]
        drawn = [
            (place, sizes[place], place)
            for place, field in enumerate(self._fields)
            if field.of is None and place not in self.name_fields
        ]
        names, others = (np.array(rows, dtype=np.uint32).reshape(-1, 3) for rows in (digits, drawn))
        return names, others

    def text(self, attribute: str, values: npt.NDArray[np.uint16]) -> list[str]:
        """Texts of an attribute, one for each row of `values`."""
        if attribute not in self.attribute_names:
            raise ValueError(
                f"no attribute is called {attribute!r}; there are {', '.join(self.attribute_names)}"
            )
        parts = self._attributes[self.attribute_names.index(attribute)].parts
        columns = [
            [part.text] * len(values)
            if isinstance(part, Literal)
            else [self._fields[self._place[part.name]].values[v] for v in values[:, self._place[part.name]]]
            for part in parts
        ]
        return ["".join(row) for row in zip(*columns, strict=True)]

    # ---- bits ------------------------------------------------------------------------------------

    @cached_property
    def bits(self) -> dict[str, float]:
        """Entropy of each attribute given those before it, the name's first; they add up to H0.

        The entropy of the name is that of a first draw, log2 of `num_names`; see `name_bits`.
        """
        known, result, before = 0, {}, 0.0
        for place, attribute in enumerate(self._attributes):
            known |= 1 << place
            total = self._entropy_bits(known)
            result[attribute.name] = total - before
            before = total
        return result

    @cached_property
    def total_bits(self) -> float:
        """H0: the entropy of an element's contents, in bits."""
        return self._entropy_bits((1 << len(self._attributes)) - 1)

    @cached_property
    def marginal_bits(self) -> dict[str, float]:
        """Entropy of each attribute alone, in bits."""
        return {name: self._entropy_bits(1 << place) for place, name in enumerate(self.attribute_names)}

    def name_bits(self, num_before: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Bits of the name of a new element when ``num_before`` names are taken: log2(names left).

        Raises
        ------
        ValueError
            If no name is left.
        """
        before = np.asarray(num_before, dtype=np.float64)
        if before.size and not (before.min() >= 0 and before.max() < self.num_names):
            raise ValueError(f"{before.max():,.0f} names are taken; there are {self.num_names:,}")
        return np.log2(self.num_names - before)

    def known_bits(self, values: npt.NDArray[np.uint16], known: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Bits of contents that a set of attributes tells about elements, the name's bits apart.

        Minus log2 of the probability of what those attributes say of the element, given its name.

        Parameters
        ----------
        values : ndarray of uint16, shape (n, fields)
            From `values`.
        known : array_like of uint64, shape (n,) or ()
            Sets of attributes: bit a stands for ``stated[a]``.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        known = np.broadcast_to(np.asarray(known, dtype=np.uint64), (len(values),))
        return self._told_bits({root: values[:, root] for root in self._joint_roots}, known)

    def first_statement_bits(
        self, values: npt.NDArray[np.uint16], known: npt.ArrayLike, attribute: npt.ArrayLike
    ) -> npt.NDArray[np.float64]:
        """Bits that a statement adds about an element whose name and some attributes are known.

        Zero for what was stated before or follows from it: for what follows from the name, for the work
        city of a known employer. Bits of successive statements add up to `known_bits` of all of them, in
        any order.

        Parameters
        ----------
        values : ndarray of uint16, shape (n, fields)
            Contents of the element of each statement.
        known : array_like of uint64, shape (n,) or ()
            Attributes stated of it before: bit a stands for ``stated[a]``.
        attribute : array_like of integers, shape (n,) or ()
            The attribute that is stated, a place in `stated`.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        attribute = np.asarray(attribute)
        if attribute.size and not (attribute.min() >= 0 and attribute.max() < len(self.stated)):
            raise ValueError(f"attribute numbers are 0 to {len(self.stated) - 1}")
        before, place = np.broadcast_arrays(np.asarray(known, dtype=np.uint64), attribute.astype(np.uint64))
        before, place = np.broadcast_to(before, len(values)), np.broadcast_to(place, len(values))
        after = before | np.uint64(1) << place
        rows = np.flatnonzero(after != before)
        bits = np.zeros(len(values))
        columns = {root: values[rows, root] for root in self._joint_roots}
        bits[rows] = self._told_bits(columns, after[rows]) - self._told_bits(columns, before[rows])
        return bits

    def _told_bits(
        self, columns: Mapping[int, npt.NDArray[np.uint16]], known: npt.NDArray[np.uint64]
    ) -> npt.NDArray[np.float64]:
        """`known_bits`; ``columns`` has the values of the roots that others follow from."""
        simple, groups = self._bits_parts
        bits = np.zeros(len(known))
        for tellers, told_bits in simple.items():
            bits += ((known & np.uint64(tellers)) != 0) * told_bits
        for group in groups:
            bits += group.bits(columns[group.root], known)
        return bits

    @property
    def _joint_roots(self) -> tuple[int, ...]:
        return tuple(group.root for group in self._bits_parts[1])

    def _entropy_bits(self, attributes: int) -> float:
        """Entropy of a set of attributes (bit 0: the name)."""
        bits = math.log2(self.num_names) if attributes & 1 else 0.0
        for group in self._all_groups:
            if attributes & 1 and group.root in self.name_fields:
                continue
            bits += group.entropy_bits(attributes >> 1)
        return bits

    @cached_property
    def _all_groups(self) -> tuple[RootBits, ...]:
        """One for each field that is drawn on its own."""
        roots = [place for place, field in enumerate(self._fields) if field.of is None]
        return tuple(self._group(root) for root in roots)

    @cached_property
    def roots(self) -> tuple[RootBits, ...]:
        """Bits of each field that is drawn on its own and not the name's, with those that follow from it."""
        return tuple(group for group in self._all_groups if group.root not in self.name_fields)

    @cached_property
    def _bits_parts(self) -> tuple[dict[int, float], tuple[RootBits, ...]]:
        """What the name does not tell: bits by the attributes that tell them; fields that hang together."""
        simple: dict[int, float] = {}
        groups = []
        for group in self.roots:
            if group.simple is None:
                groups.append(group)
            else:
                tellers, bits = group.simple
                simple[tellers] = simple.get(tellers, 0.0) + bits
        return simple, tuple(groups)

    def _group(self, root: int) -> RootBits:
        members = [
            place
            for place, field in enumerate(self._fields)
            if place == root or (field.of is not None and self._place[field.of] == root)
        ]
        size = len(self._fields[root].values)
        labels = [np.arange(size) if place == root else self._mapping(place) for place in members]
        tellers = [
            sum(1 << a for a, attribute in enumerate(self.stated) if place in self._columns(attribute))
            for place in members
        ]
        return RootBits(root, labels, tellers)

    # ---- checks ----------------------------------------------------------------------------------

    def _columns(self, attribute: Attribute) -> tuple[int, ...]:
        return tuple(self._place[name] for name in attribute.fields)

    def _mapping(self, place: int) -> npt.NDArray[np.uint16]:
        return np.array(self._fields[place].mapping, dtype=np.uint16)

    def _check_parent(self, field: Field) -> None:
        if field.of is None or field.mapping is None:
            return
        parent = self._fields[self.field_place(field.of)]
        if parent.of is not None:
            raise ValueError(f"field {field.name!r} is of {parent.name!r}, which is of another field itself")
        if len(field.mapping) != len(parent.values):
            raise ValueError(
                f"field {field.name!r}: a mapping of {len(field.mapping)} for the {len(parent.values)}"
                f" values of {parent.name!r}"
            )
        if sum(other.of == field.of for other in self._fields) > MAX_DERIVED:
            raise ValueError(f"more than {MAX_DERIVED} fields are of {field.of!r}")

    def _check_attribute(self, attribute: Attribute) -> None:
        """Fields exist, and the text between two of them shows where the first one ends."""
        for name in attribute.fields:
            if name not in self._place:
                raise ValueError(
                    f"attribute {attribute.name!r}: {attribute.pattern!r} has an unknown field {name!r}"
                )
        parts = attribute.parts
        for left, right in pairwise(parts):
            if isinstance(left, Literal):
                continue
            if isinstance(right, Slot):
                raise ValueError(
                    f"attribute {attribute.name!r}: no text between {left.name!r} and {right.name!r}"
                )
            for value in self._fields[self._place[left.name]].values:
                if (value + right.text).find(right.text) != len(value):
                    raise ValueError(
                        f"attribute {attribute.name!r}: the value {value!r} of {left.name!r} hides where"
                        f" {right.text!r} begins"
                    )

    def _check_name(self) -> None:
        name = self._attributes[0]
        for field in name.fields:
            if self._fields[self._place[field]].of is not None:
                raise ValueError(f"the name has field {field!r}, which follows from another field")
            for attribute in self.stated:
                if field in attribute.fields:
                    raise ValueError(f"attribute {attribute.name!r} states {field!r}, a field of the name")
        if self.num_names > MAX_SIZE:
            raise ValueError(f"{self.num_names:,} names; at most 2^62 are allowed")

    def _check_pronoun(self) -> None:
        if self._pronoun is None:
            return
        field = self._fields[self.field_place(self._pronoun)]
        if field.of not in self._attributes[0].fields:
            raise ValueError(f"the pronoun {field.name!r} does not follow from a field of the name")


def _check_identifier(name: str, what: str) -> None:
    if not (isinstance(name, str) and name.isidentifier()):
        raise ValueError(f"{what} {name!r}: a name is letters, digits and underscores")


def _places(names: Sequence[str], what: str) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in places:
            raise ValueError(f"two {what}s are called {name!r}")
        places[name] = place
    return places


def _as_elements(elements: npt.ArrayLike, num_names: int) -> npt.NDArray[np.uint64]:
    array = np.asarray(elements)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise TypeError("elements is a one-dimensional array of integers")
    if array.size and int(array.min()) < 0:
        raise ValueError(f"element {int(array.min())} is negative")
    if array.size and int(array.max()) >= num_names:
        raise ValueError(f"element {int(array.max()):,}: there are names for {num_names:,} elements")
    return array.astype(np.uint64)
