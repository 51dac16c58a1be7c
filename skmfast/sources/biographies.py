"""Biographies: people, in the manner of the bioS corpora.

After Allen-Zhu and Li, "Physics of language models" (ICML 2024), with word lists and templates of our own:
first, middle and last name, birth date, birth city, university, major, employer, and the work city that
follows from the employer. Names, companies and universities are made up of common parts; the cities exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from skmfast.sources.contents import Attribute, Contents, Field
from skmfast.sources.frequencies import Frequencies, PitmanYor
from skmfast.sources.syntax_knowledge import SyntaxKnowledge
from skmfast.sources.templates import TemplateSyntax

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAYS = 28
YEARS = range(1800, 2000)
PATTERNS = {
    "birth_date": "{month} {day}, {year}",
    "birth_city": "{birth_city}",
    "university": "{university}",
    "major": "{major}",
    "employer": "{employer}",
    "work_city": "{work_city}",
}


class Biographies(SyntaxKnowledge):
    """People and what is told about them.

    There are 160 million names (27.25 bits), and a person's other attributes are 46.59 bits.

    Parameters
    ----------
    frequencies : Frequencies or None
        How often each person comes; None for ``PitmanYor(0.5, 1.0)``.
    statements : int
        Attributes stated in a sentence, 1 to 6.
    order : {"random", "fixed"}
        Order of the statements; ``"fixed"`` states all six.
    kinds : int
        Kinds of people, told by their last names; each prefers templates of its own.
    prior : float or mapping
        Parameter of the Dirichlet prior of the template probabilities; see `TemplateSyntax`.
    templates : mapping from str to sequence of str, or None
        Templates in place of the built-in ones, for some or all attributes.

    Raises
    ------
    ValueError
        If an argument is out of its domain or a template is wrong.

    Examples
    --------
    >>> source = Biographies(statements=6, order="fixed")
    >>> source.contents.num_names
    160000000
    >>> {name: round(bits, 2) for name, bits in source.contents.bits.items()}
    {'name': 27.25, 'birth_date': 16.04, 'birth_city': 7.64, 'university': 8.23, 'major': 6.64, 'employer': 8.04, 'work_city': 0.0}
    """  # noqa: E501

    def __init__(
        self,
        frequencies: Frequencies | None = None,
        *,
        statements: int = 1,
        order: str = "random",
        kinds: int = 1,
        prior: float | Mapping[str, Sequence[float]] = 1.0,
        templates: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        given = dict(templates or {})
        for attribute in given:
            if attribute not in PATTERNS:
                raise ValueError(f"templates for {attribute!r}; the attributes are {', '.join(PATTERNS)}")
        syntax = TemplateSyntax(
            {name: given.get(name) or built_in_templates(name) for name in PATTERNS},
            kinds=kinds,
            prior=prior,
            statements=statements,
            order=order,
        )
        super().__init__(
            frequencies or PitmanYor(0.5, 1.0),
            biography_contents(),
            syntax,
            questions={name: built_in_templates(name, "questions") for name in PATTERNS},
            name="biographies",
        )


def biography_contents() -> Contents:
    """Fields and attributes of people, from the built-in word lists."""
    first, pronouns = zip(*_pairs("first_names"), strict=True)
    employers, homes = zip(*_pairs("employers"), strict=True)
    fields = [
        Field("first", first),
        Field("middle", _lines("words", "middle_names")),
        Field("last", _lines("words", "last_names")),
        _follows("pronoun", "first", pronouns, ("She", "He")),
        Field("month", MONTHS),
        Field("day", tuple(str(day) for day in range(1, DAYS + 1))),
        Field("year", tuple(str(year) for year in YEARS)),
        Field("birth_city", _lines("words", "cities")),
        Field("university", _lines("words", "universities")),
        Field("major", _lines("words", "majors")),
        Field("employer", employers),
        _follows("work_city", "employer", homes, sorted(set(homes))),
    ]
    attributes = [Attribute("name", "{first} {middle} {last}")]
    attributes += [Attribute(name, pattern) for name, pattern in PATTERNS.items()]
    return Contents(fields, attributes, pronoun="pronoun")


def built_in_templates(attribute: str, form: str | None = None) -> tuple[str, ...]:
    """The templates that come with skmfast; with ``form="questions"`` those of `questions`."""
    return _lines("templates", attribute) if form is None else _lines("templates", form, attribute)


def _follows(name: str, of: str, values: Sequence[str], distinct: Iterable[str]) -> Field:
    """A field with the given value for each value of another one."""
    distinct = tuple(distinct)
    return Field(name, distinct, of, tuple(distinct.index(value) for value in values))


def _lines(*path: str) -> tuple[str, ...]:
    *folders, name = path
    folder = files("skmfast.sources")
    for step in folders:
        folder = folder / step
    file = folder / f"{name}.txt"
    return tuple(file.read_text(encoding="utf-8").splitlines())


def _pairs(name: str) -> list[tuple[str, str]]:
    """Lines of two columns with a tab between."""
    pairs = []
    for line in _lines("words", name):
        left, right = line.split("\t")
        pairs.append((left, right))
    return pairs
