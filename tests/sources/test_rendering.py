"""Plans against the templates they were compiled from; and sentences tell what they state."""

import functools
import re

import numpy as np
import pytest
import renderer_twin as twin
from hypothesis import given, settings
from hypothesis import strategies as st

from skmfast.sources import philox
from skmfast.sources.biographies import Biographies
from skmfast.sources.compiler import compile_template
from skmfast.sources.contents import Attribute, Contents, Field
from skmfast.sources.example import small_example
from skmfast.sources.frequencies import Uniform
from skmfast.sources.syntax_knowledge import SyntaxKnowledge
from skmfast.sources.templates import TemplateSyntax

SEED = 5


@functools.cache
def source(name, statements, order, kinds):
    if name == "questions":
        return Biographies(kinds=kinds).questions()
    if name == "example":
        return small_example(kinds=kinds, statements=statements)
    return Biographies(statements=statements, order=order, kinds=kinds)


@functools.cache
def plan(name, statements, order, kinds, tokens):
    return source(name, statements, order, kinds).plan(SEED, tokens)


@functools.cache
def phi(case):
    return source(*case).syntax.probabilities(SEED)


CASES = [
    ("example", 1, "random", 1),
    ("example", 3, "random", 2),
    ("biographies", 1, "random", 1),
    ("biographies", 3, "random", 4),
    ("biographies", 6, "fixed", 1),
    ("questions", 1, "random", 1),
]


@pytest.mark.parametrize("tokens", ["words", "bytes"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}-{case[3]}")
def test_plan_renders_what_the_templates_say(case, tokens):
    made, compiled = source(*case), plan(*case, tokens)
    vocabulary = made.vocabulary(tokens)
    contents = made.contents.values(range(36), SEED)
    for sentence in range(60):
        values = contents[sentence % 36]
        text, ids, labels, chosen = twin.render_plan(compiled, values, SEED, sentence)
        expected, spans, directly = twin.render_templates(made, phi(case), values, SEED, sentence)
        assert text.decode() == expected
        assert chosen == directly
        # Cut as a whole the text has the same tokens as its parts.
        assert ids == vocabulary.encode(expected).tolist()
        assert vocabulary.decode(ids) == text
        assert labels == span_labels(vocabulary, ids, spans)


def span_labels(vocabulary, ids, spans):
    """A token is knowledge if its last character is in a slot's span."""
    labels, end = [], 0
    for piece in ids:
        end += len(vocabulary.pieces[piece])  # these texts are ASCII: bytes are characters
        labels.append(next((label for begin, stop, label in spans if begin < end <= stop), 0))
    return labels


def test_ids_agree_with_independent_philox():
    for seed, stream, index, attempt in [(0, 0, 0, 0), (1, 2, 3, 4), (2**64 - 1, 7, 2**40 + 1, 2**33)]:
        key = philox.stream_key(seed, stream)
        assert key == twin.stream_key(seed, stream)
        assert tuple(philox.random_blocks(key, [index], attempt)[0].tolist()) == twin.random_block(
            key, index, attempt
        )


# ---- reading a sentence ------------------------------------------------------------------------------


@functools.cache
def readers(name, statements, order, kinds, form):
    """For each template a regular expression that its sentences match; `fields_of` looks at the values."""
    made = source(name, statements, order, kinds)
    contents, syntax = made.contents, made.syntax
    result = []
    for attribute, texts in enumerate(syntax.templates.values()):
        for template, text in enumerate(texts):
            pattern = ""
            opening = True
            for literal, slot in twin.slots(text):
                pattern += re.escape(literal)
                opening = opening and not literal
                if slot == "name" and form and contents.pronoun:
                    pronoun = contents.fields[contents.field_place(contents.pronoun)]
                    pattern += f"(?P<{pronoun.name}>{'[A-Z]' if opening else '[a-z]'}[a-z]*)"
                elif slot is not None:
                    pattern += attribute_pattern(contents, slot)
                opening = False
            result.append((attribute, template, re.compile(pattern)))
    return result


def attribute_pattern(contents, name):
    attribute = next(item for item in contents.attributes if item.name == name)
    return "".join(
        re.escape(literal)
        + (f"(?P<{field}>{any_of(contents.fields[contents.field_place(field)].values)})" if field else "")
        for literal, field in twin.slots(attribute.pattern)
    )


def any_of(values):
    """At most one field of a template has spaces in its values, so a match can be had in one way."""
    return ".+" if any(" " in value for value in values) else "[^ ]+"


def fields_of(made, match):
    """The values that were read, or None if one of them is not in its field's list."""
    if match is None:
        return None
    for name, value in match.groupdict().items():
        values = made.contents.fields[made.contents.field_place(name)].values
        if value not in values and not (name == made.contents.pronoun and value.capitalize() in values):
            return None
    return match.groupdict()


def read(case, text):
    """Every way of reading a sentence: lists of (attribute, template, {field: text})."""
    made = source(*case)

    def statements_from(place, form, left):
        if not left:
            if text[place:] == "\n":
                yield []
            return
        for attribute, template, reader in readers(*case, form):
            for stop in ends[place]:
                fields = fields_of(made, reader.fullmatch(text, place, stop))
                if fields is not None:
                    after = stop + (text[stop : stop + 1] == " " and left > 1)
                    for rest in statements_from(after, 1, left - 1):
                        yield [(attribute, template, fields), *rest]

    stops = [match.end() for match in re.finditer(r"[.?](?=[ \n])", text)]
    ends = {place: [stop for stop in stops if stop > place] for place in range(len(text) + 1)}
    return list(statements_from(0, 0, made.syntax.statements))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}-{case[3]}")
@given(sentence=st.integers(0, 2**63), element=st.integers(0, 35))
@settings(max_examples=15, deadline=None)
def test_a_sentence_tells_its_element_and_statements(case, sentence, element):
    made = source(*case)
    values = made.contents.values([element], SEED)[0]
    text, _, chosen = twin.render_templates(made, phi(case), values, SEED, sentence)
    readings = read(case, text)
    assert [[(a, t) for a, t, _ in reading] for reading in readings] == [chosen]
    for attribute, _, fields in readings[0]:
        for name, value in fields.items():
            column = made.contents.field_place(name)
            expected = made.contents.fields[column].values[values[column]]
            assert value == expected or (name == made.contents.pronoun and value == expected.lower())
        told = made.contents.stated[attribute].fields
        assert set(told) <= set(fields)
    # The name's fields give back the element: names are one-to-one.
    names = made.contents.values(range(36), SEED)[:, list(made.contents.name_fields)]
    same = np.flatnonzero((names == values[list(made.contents.name_fields)]).all(axis=1))
    assert same.tolist() == [element]


def test_every_built_in_template_is_read_back_alone():
    """No sentence of one template can be one of another: each is rendered and read, in both forms."""
    case = ("biographies", 1, "random", 1)
    made = source(*case)
    for element, values in enumerate(made.contents.values(range(3), SEED)):
        for attribute, (name, texts) in enumerate(made.syntax.templates.items()):
            for template, text in enumerate(texts):
                for form in (0, 1):
                    written = "".join(
                        part.texts(made.contents)[0 if part.field < 0 else values[part.field]]
                        for part in compile_template(made.contents, name, text, form)
                    ).removeprefix(" ")
                    found = [
                        (a, t)
                        for a, t, reader in readers(*case, form)
                        if fields_of(made, reader.fullmatch(written)) is not None
                    ]
                    assert found == [(attribute, template)], (element, written)


# ---- corners of the compiler -----------------------------------------------------------------------------


def tiny(template, pattern="{city}", values=("Rome", "San Jose"), pronoun="pronoun"):
    contents = Contents(
        [
            Field("first", ("Ann", "Bo")),
            Field("pronoun", ("She", "He"), "first", (0, 1)),
            Field("city", values),
        ],
        [Attribute("name", "{first}"), Attribute("city", pattern)],
        pronoun=pronoun,
    )
    syntax = TemplateSyntax({"city": [template]})
    return SyntaxKnowledge(Uniform(2), contents, syntax)


@pytest.mark.parametrize(
    ("template", "pattern", "first", "later"),
    [
        ("{name} saw {city}.", "{city}", "Ann saw Rome.", " She saw Rome."),
        ("{city} saw {name}.", "{city}", "Rome saw Ann.", " Rome saw she."),
        ("In  {city} was  {name} .", "{city}", "In  Rome was  Ann .", " In  Rome was  she ."),
        ("({name}'s {city})", "the {city}!", "(Ann's the Rome!)", " (she's the Rome!)"),
        ("{name} {city}", "{city}", "Ann Rome", " She Rome"),
        ("{{{name}}} {city}", "{city}", "{Ann} Rome", " {she} Rome"),
    ],
)
def test_forms(template, pattern, first, later):
    made = tiny(template, pattern)
    compiled = made.plan(0)
    for form, expected in enumerate([first, later]):
        parts = range(*compiled.template_parts[form : form + 2])
        written = b"".join(compiled.piece_text(compiled.part_piece[part]) for part in parts)
        assert written.decode() == expected
        ids = np.concatenate([compiled.piece_ids(compiled.part_piece[part]) for part in parts])
        assert ids.tolist() == made.words.encode(expected).tolist()


def test_without_a_pronoun_the_name_is_repeated():
    compiled = tiny("{name} saw {city}.", pronoun=None).plan(0)
    assert compiled.part_label.tolist() == [1, 0, 2, 0] * 2
    assert compiled.part_field.tolist() == [0, -1, 2, -1] * 2


@pytest.mark.parametrize(
    ("template", "values"),
    [("{name}s saw {city}.", ("Rome",)), ("{name} saw {city}7.", ("Room 5",)), ("x{city} {name}", ("Rome",))],
)
def test_words_must_not_run_into_slots(template, values):
    with pytest.raises(ValueError, match="at the edge of a slot"):
        tiny(template, values=values)
