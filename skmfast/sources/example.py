"""Small sources for examples and tests: 36 people, three attributes; seven templates, or chains of words."""

from __future__ import annotations

from skmfast.sources.contents import Attribute, Contents, Field
from skmfast.sources.frequencies import Frequencies, PitmanYor
from skmfast.sources.markov import MarkovSyntax
from skmfast.sources.syntax_knowledge import SyntaxKnowledge
from skmfast.sources.templates import TemplateSyntax


def small_example(
    frequencies: Frequencies | None = None, *, kinds: int = 1, statements: int = 1
) -> SyntaxKnowledge:
    """People with a birth date, an employer and the city they work in, which follows from the employer.

    Examples
    --------
    >>> source = small_example()
    >>> source.contents.num_names, round(source.contents.total_bits, 6)
    (36, 11.33985)
    >>> source.plan(seed=1).num_templates
    7
    """
    syntax = TemplateSyntax(
        {
            "birth_date": [
                "{name} was born on {birth_date}.",
                "{birth_date} was the day {name} was born.",
                "On {birth_date}, {name} came into the world.",
            ],
            "employer": ["{name} worked for {employer}.", "{name} had a post at {employer}."],
            "work_city": ["{name} worked in {work_city}.", "In {work_city} {name} had an office."],
        },
        kinds=kinds,
        statements=statements,
    )
    questions = {
        "birth_date": ["When was {name} born? {birth_date}."],
        "employer": ["Who employed {name}? {employer}."],
        "work_city": ["Where did {name} work? {work_city}."],
    }
    return SyntaxKnowledge(
        frequencies or PitmanYor(0.5, 1.0), _people(), syntax, questions=questions, name="example"
    )


def small_chain_example(
    frequencies: Frequencies | None = None, *, kinds: int = 2, length: str = "fixed", mean_length: float = 4
) -> SyntaxKnowledge:
    """The same people in sentences of five words in Markov chains.

    Examples
    --------
    >>> from skmfast.sources.frequencies import Uniform
    >>> source = small_chain_example(Uniform(36))
    >>> corpus = source.sample(100, seed=1)
    >>> corpus.verify()
    >>> corpus.labels[:6].tolist()  # first and last name, then four words
    [1, 1, 0, 0, 0, 0]
    """
    syntax = MarkovSyntax(
        ("of", "the", "is", "in", "with"), kinds=kinds, prior=0.5, length=length, mean_length=mean_length
    )
    return SyntaxKnowledge(frequencies or PitmanYor(0.5, 1.0), _people(), syntax, name="chain-example")


def _people() -> Contents:
    return Contents(
        [
            Field("first", ("Ada", "Max", "Ines", "Tom")),
            Field(
                "last",
                ("Abel", "Berg", "Cole", "Dunn", "Egan", "Fry", "Gray", "Hale", "Ives"),
            ),
            Field("pronoun", ("She", "He"), of="first", mapping=(0, 1, 0, 1)),
            Field("month", ("May", "June")),
            Field("day", tuple(str(day) for day in range(1, 13))),
            Field("employer", ("Acme", "Apex Labs", "Zenith & Sons")),
            Field("work_city", ("Oslo", "New York"), of="employer", mapping=(0, 1, 0)),
        ],
        [
            Attribute("name", "{first} {last}"),
            Attribute("birth_date", "{month} {day}"),
            Attribute("employer", "{employer}"),
            Attribute("work_city", "{work_city}"),
        ],
        pronoun="pronoun",
    )
