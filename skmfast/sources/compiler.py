"""From contents and templates to a RenderPlan: pieces with their tokens, templates as runs of parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from skmfast.sources.contents import NAME, Contents
from skmfast.sources.patterns import Literal, parse
from skmfast.sources.plan import LITERAL, SYNTAX, RenderPlan
from skmfast.sources.templates import ORDERS, TemplateSyntax
from skmfast.sources.vocabulary import LINE_END, Vocabulary, joins

if TYPE_CHECKING:
    from skmfast.sources.markov import MarkovSyntax

FIRST, LATER = 0, 1  # forms of a template


@dataclass(frozen=True)
class Part:
    """A literal, or a field's value, with its label and whether a space stands before it."""

    label: int
    text: str = ""
    field: int = LITERAL
    space: bool = False
    lowered: bool = False  # a pronoun inside a sentence: its first letter is small

    def texts(self, contents: Contents) -> list[str]:
        """What may stand here."""
        if self.field == LITERAL:
            values: Sequence[str] = [self.text]
        else:
            values = contents.fields[self.field].values
        if self.lowered:
            values = [value[:1].lower() + value[1:] for value in values]
        return [" " * self.space + value for value in values]

    def begins(self, contents: Contents) -> frozenset[str]:
        """First characters of `texts`."""
        if self.space:
            return frozenset(" ")
        if self.field == LITERAL:
            return frozenset(self.text[0])
        firsts = contents.fields[self.field].firsts
        return frozenset(first.lower()[0] for first in firsts) if self.lowered else firsts

    def ends(self, contents: Contents) -> frozenset[str]:
        """Last characters of `texts`."""
        return frozenset(self.text[-1]) if self.field == LITERAL else contents.fields[self.field].lasts


def compile_template(
    contents: Contents, attribute: str, template: str, form: int, *, by_words: bool = True
) -> tuple[Part, ...]:
    """Parts of a template in one of its forms.

    For word tokens, a space before a word belongs to the part that the word is in, so that parts can be cut
    into tokens one by one: "in {city}" is "in" and " Rome", not "in " and "Rome".

    Parameters
    ----------
    contents : Contents
        What the slots mean.
    attribute, template : str
        The attribute and its template.
    form : int
        0 to open a sentence: with the full name. 1 to follow a statement: with a space before it and the
        pronoun for the name, if there is one. The pronoun's first letter is made small unless the template
        begins with it.
    by_words : bool
        Whether spaces belong to the words after them; False for byte tokens.

    Raises
    ------
    ValueError
        If words run into each other at the edge of a slot, so that the text would not show where it ends.
    """
    where = f"template {template!r} of {attribute!r}"
    parts = [Part(SYNTAX, text=" ")] if form == LATER else []
    for place, item in enumerate(parse(template, where)):
        if isinstance(item, Literal):
            parts.append(Part(SYNTAX, text=item.text))
        elif item.name == NAME and form == LATER and contents.pronoun is not None:
            field = contents.field_place(contents.pronoun)
            parts.append(Part(1, field=field, lowered=place > 0))
        else:
            parts.extend(_attribute_parts(contents, item.name))
    if by_words:
        parts = _move_spaces(parts)
        for left, right in pairwise(parts):
            _check_boundary(contents, left, right, where)
    return tuple(parts)


def render_plan(
    contents: Contents,
    syntax: TemplateSyntax,
    probabilities: npt.NDArray[np.float64],
    vocabulary: Vocabulary,
) -> RenderPlan:
    """The plan of a source.

    Parameters
    ----------
    contents : Contents
    syntax : TemplateSyntax
        Its attributes are those of ``contents.stated``, in that order.
    probabilities : ndarray of float64, shape ``syntax.shape``
        φ.
    vocabulary : Vocabulary
        Must know every piece.
    """
    builder = PlanBuilder(contents, vocabulary)
    compiled: list[list[tuple[Part, ...]]] = [
        [
            compile_template(contents, attribute, text, form, by_words=vocabulary.mode == "words")
            for text in syntax.templates[attribute]
            for form in (FIRST, LATER)
        ]
        for attribute in syntax.attributes
    ]
    for _ in range(syntax.kinds):
        for templates in compiled:
            for parts in templates:
                builder.add_template(parts)
    end_piece = builder.literal(LINE_END)
    present = np.arange(syntax.shape[2]) < syntax.num_templates[:, None]
    return RenderPlan(
        **builder.arrays(),
        choice_offsets=_offsets(np.tile(syntax.num_templates, syntax.kinds)),
        choice_probability=np.concatenate([table[present] for table in probabilities]),
        field_sizes=np.array([len(field.values) for field in contents.fields], dtype=np.uint32),
        kind_field=kind_column(contents, syntax),
        kinds=syntax.kinds,
        attributes=len(syntax.attributes),
        statements=syntax.statements,
        order=ORDERS.index(syntax.order),
        end_piece=end_piece,
        vocabulary_size=len(vocabulary),
    )


def check_templates(contents: Contents, syntax: TemplateSyntax) -> None:
    """Compile every template and throw the parts away.

    Raises
    ------
    ValueError
        If one cannot be compiled; see `compile_template`.
    """
    for attribute in syntax.attributes:
        for template in syntax.templates[attribute]:
            for form in (FIRST, LATER):
                compile_template(contents, attribute, template, form)


def all_texts(contents: Contents, syntax: TemplateSyntax) -> Iterable[str]:
    """Every text that a part of a sentence can be: what a vocabulary has to know."""
    seen: set[tuple[int, bool, bool]] = set()
    for attribute in syntax.attributes:
        for template in syntax.templates[attribute]:
            for form in (FIRST, LATER):
                for part in compile_template(contents, attribute, template, form):
                    block = part.field, part.space, part.lowered
                    if part.field == LITERAL or block not in seen:
                        yield from part.texts(contents)
                        seen.add(block)


class PlanBuilder:
    """Collects pieces, each once, and parts."""

    def __init__(self, contents: Contents, vocabulary: Vocabulary) -> None:
        self._contents = contents
        self._vocabulary = vocabulary
        self._texts: list[str] = []
        self._literals: dict[str, int] = {}
        self._blocks: dict[tuple[int, bool, bool], int] = {}
        self._parts: list[tuple[int, int, int]] = []
        self._templates: list[int] = []

    def literal(self, text: str) -> int:
        """The piece of a literal."""
        if text not in self._literals:
            self._literals[text] = len(self._texts)
            self._texts.append(text)
        return self._literals[text]

    def add_template(self, parts: Sequence[Part]) -> None:
        """Append a compiled template."""
        for part in parts:
            if part.field == LITERAL:
                piece = self.literal(part.texts(self._contents)[0])
            else:
                piece = self._block(part)
            self._parts.append((piece, part.field, part.label))
        self._templates.append(len(parts))

    def _block(self, part: Part) -> int:
        """The first of the consecutive pieces of a field's values."""
        key = part.field, part.space, part.lowered
        if key not in self._blocks:
            self._blocks[key] = len(self._texts)
            self._texts.extend(part.texts(self._contents))
        return self._blocks[key]

    def arrays(self) -> dict[str, Any]:
        """The plan's arrays of pieces and parts."""
        encoded = [text.encode() for text in self._texts]
        tokens = [self._vocabulary.encode(text) for text in self._texts]
        parts = np.array(self._parts, dtype=np.int64).reshape(-1, 3)
        return {
            "piece_bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8),
            "piece_byte_offsets": _offsets([len(text) for text in encoded]),
            "piece_tokens": np.concatenate(tokens).astype(np.uint32),
            "piece_token_offsets": _offsets([len(ids) for ids in tokens]),
            "part_piece": parts[:, 0].astype(np.uint32),
            "part_field": parts[:, 1].astype(np.int32),
            "part_label": parts[:, 2].astype(np.uint8),
            "template_parts": _offsets(self._templates),
        }


def compile_attribute(
    contents: Contents, attribute: str, *, space: bool, by_words: bool = True
) -> tuple[Part, ...]:
    """Parts of an attribute's text alone; with ``space``, of a space and the text.

    Parameters and exceptions are those of `compile_template`.
    """
    parts = [Part(SYNTAX, text=" ")] * space + _attribute_parts(contents, attribute)
    if by_words:
        parts = _move_spaces(parts)
        for left, right in pairwise(parts):
            _check_boundary(contents, left, right, f"attribute {attribute!r}")
    return tuple(parts)


def kind_column(contents: Contents, syntax: TemplateSyntax | MarkovSyntax) -> int:
    """Column of contents that decides the kind; -1 when there is one kind."""
    if syntax.kinds == 1:
        return LITERAL
    if syntax.kind_field is None:
        return contents.name_fields[-1]
    return contents.field_place(syntax.kind_field)


def _attribute_parts(contents: Contents, name: str) -> list[Part]:
    place = contents.attribute_names.index(name)
    return [
        Part(1 + place, text=item.text)
        if isinstance(item, Literal)
        else Part(1 + place, field=contents.field_place(item.name))
        for item in contents.attributes[place].parts
    ]


def _move_spaces(parts: Sequence[Part]) -> list[Part]:
    """One space at the end of a literal goes to the part after it; what is left empty goes."""
    result: list[Part] = []
    space = False
    for place, part in enumerate(parts):
        part = replace(part, space=space)
        space = part.text.endswith(" ") and place + 1 < len(parts)
        if space:
            part = replace(part, text=part.text[:-1])
        if part.text or part.field != LITERAL:
            result.append(part)
        elif part.space:
            result.append(replace(part, text=" ", space=False))
    return result


def _check_boundary(contents: Contents, left: Part, right: Part, where: str) -> None:
    """Whether two parts can be cut into tokens apart: that depends on the characters at the boundary."""
    for before in left.ends(contents):
        for after in right.begins(contents):
            if joins(before, after):
                raise ValueError(f"{where}: at the edge of a slot {before!r} runs into {after!r}")


def _offsets(lengths: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    ends = np.cumsum(np.asarray(lengths, dtype=np.uint64), dtype=np.uint64)
    if ends.size and int(ends[-1]) >= 1 << 32:
        raise ValueError("pieces and parts are numbered with 32 bits; these are more")
    return np.concatenate([np.zeros(1, dtype=np.uint32), ends.astype(np.uint32)])
