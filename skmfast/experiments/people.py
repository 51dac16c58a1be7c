"""People: a compact source for experiments that small models can finish: about eight tokens a sentence.

Names are two invented words, each attribute's value is one; every template begins with the name, and where
a value or a word may come next is never in doubt: what a model pays for a name or a value is for knowledge
alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from skmfast.sources.contents import Attribute, Contents, Field
from skmfast.sources.frequencies import Frequencies, PitmanYor
from skmfast.sources.syntax_knowledge import SyntaxKnowledge
from skmfast.sources.templates import TemplateSyntax

# For each attribute: the ending of its values, statements, questions. No statement shares the word after the
# name with another, so that word alone tells attribute and template.
ATTRIBUTES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "city": (
        "ton",
        (
            "{name} was born in {city}.",
            "{name} comes from {city}.",
            "{name} grew up in {city}.",
            "{name} calls {city} home.",
        ),
        ("{name}, where from? {city}.", "{name}, of what city? {city}."),
    ),
    "employer": (
        "corp",
        (
            "{name} works for {employer}.",
            "{name} is paid by {employer}.",
            "{name} once joined {employer}.",
            "{name} serves {employer} well.",
        ),
        ("{name}, paid by whom? {employer}.", "{name}, with what firm? {employer}."),
    ),
    "language": (
        "ish",
        (
            "{name} speaks {language} at home.",
            "{name} dreams in {language}.",
            "{name} writes in {language}.",
            "{name} counts in {language}.",
        ),
        ("{name}, in which language? {language}.", "{name}, speaker of what? {language}."),
    ),
    "instrument": (
        "phone",
        (
            "{name} plays the {instrument}.",
            "{name} practises the {instrument}.",
            "{name} bought a {instrument}.",
            "{name} teaches {instrument} playing.",
        ),
        ("{name}, which instrument? {instrument}.", "{name}, player of what? {instrument}."),
    ),
    "dish": (
        "ette",
        (
            "{name} likes to eat {dish}.",
            "{name} cooks {dish} best.",
            "{name} ordered {dish} again.",
            "{name} never refuses {dish}.",
        ),
        ("{name}, which dish? {dish}.", "{name}, cook of what? {dish}."),
    ),
    "game": (
        "ball",
        (
            "{name} wins at {game}.",
            "{name} trains for {game}.",
            "{name} follows {game} closely.",
            "{name} invented {game} rules.",
        ),
        ("{name}, which game? {game}.", "{name}, winner of what? {game}."),
    ),
}
MAX_TEMPLATES = 4
_PROPER = ("city", "employer", "language")  # their values have a capital letter
_SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou")
MAX_WORDS = len(_SYLLABLES) ** 2


def people(
    frequencies: Frequencies | None = None,
    *,
    first: int = 128,
    last: int = 128,
    values: int | Sequence[int] = 64,
    attributes: int = 3,
    templates: int = 3,
    kinds: int = 1,
    prior: float = 1.0,
    statements: int = 1,
) -> SyntaxKnowledge:
    """People with two-word names and attributes of one word each, in short sentences.

    Parameters
    ----------
    frequencies : Frequencies or None
        How often each person comes; None for ``PitmanYor(0.5, 1.0)``.
    first, last : int
        Numbers of first and last names, at most 4,900 each; there are ``first * last`` people.
    values : int or sequence of int
        Values of each attribute, at most 4,900; or one number for all.
    attributes : int
        How many of the six attributes there are.
    templates : int
        Templates of each attribute, 1 to 4.
    kinds : int
        Kinds of people, told by their last names; each prefers templates of its own.
    prior : float
        Parameter of the Dirichlet prior of the template probabilities.
    statements : int
        Attributes stated in a sentence; after the first one a pronoun stands for the name.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> source = people()
    >>> {name: round(bits, 6) for name, bits in source.contents.bits.items()}
    {'name': 14.0, 'city': 6.0, 'employer': 6.0, 'language': 6.0}
    >>> source.sample(3, seed=1).sentence(2)
    'Vesi Fulun speaks Sunoish at home.'
    """
    sizes = _sizes(values, attributes)
    _check("templates", templates, MAX_TEMPLATES)
    chosen = list(ATTRIBUTES)[: len(sizes)]
    syntax = TemplateSyntax(
        {name: ATTRIBUTES[name][1][:templates] for name in chosen},
        kinds=kinds,
        prior=prior,
        statements=statements,
    )
    return SyntaxKnowledge(
        frequencies or PitmanYor(0.5, 1.0),
        _contents(first, last, dict(zip(chosen, sizes, strict=True))),
        syntax,
        questions={name: ATTRIBUTES[name][2] for name in chosen},
        name="people",
    )


def words(number: int, ending: str = "") -> tuple[str, ...]:
    """Distinct invented words: two syllables and an ending.

    Examples
    --------
    >>> words(3, "ton")
    ('babaton', 'bebiton', 'bibuton')
    """
    size = len(_SYLLABLES)
    # The second syllable moves with the first, so that neighbours differ in both.
    pairs = ((place % size, (place // size + 2 * (place % size)) % size) for place in range(number))
    return tuple(_SYLLABLES[one] + _SYLLABLES[other] + ending for one, other in pairs)


def _contents(first: int, last: int, sizes: dict[str, int]) -> Contents:
    _check("first", first, MAX_WORDS)
    _check("last", last, MAX_WORDS)
    fields = [
        Field("first", tuple(word.capitalize() for word in words(first))),
        Field("last", tuple(word.capitalize() for word in words(last, "n"))),
        Field("pronoun", ("She", "He"), of="first", mapping=tuple(place % 2 for place in range(first))),
    ]
    for name, size in sizes.items():
        texts = words(size, ATTRIBUTES[name][0])
        fields.append(Field(name, tuple(map(str.capitalize, texts)) if name in _PROPER else texts))
    attributes = [Attribute("name", "{first} {last}"), *(Attribute(name, f"{{{name}}}") for name in sizes)]
    return Contents(fields, attributes, pronoun="pronoun")


def _sizes(values: int | Sequence[int], attributes: int) -> list[int]:
    _check("attributes", attributes, len(ATTRIBUTES))
    sizes = [values] * attributes if isinstance(values, int) else list(values)
    if len(sizes) != attributes:
        raise ValueError(f"values: {len(sizes)} numbers for {attributes} attributes")
    for size in sizes:
        _check("values", size, MAX_WORDS)
    return sizes


def _check(name: str, number: int, most: int) -> None:
    if not 1 <= number <= most:
        raise ValueError(f"{name}={number}: outside 1 to {most:,}")
