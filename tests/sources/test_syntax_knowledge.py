"""SyntaxKnowledge: descriptions, kinds, questions, and plans that are checked."""

import dataclasses
import functools
import itertools
import json

import numpy as np
import pytest

from skmfast.sources.biographies import Biographies
from skmfast.sources.contents import Attribute, Contents, Field
from skmfast.sources.example import small_example
from skmfast.sources.frequencies import PitmanYor, Uniform, Zipf
from skmfast.sources.syntax_knowledge import SyntaxKnowledge
from skmfast.sources.templates import TemplateSyntax


@pytest.mark.parametrize(
    "source",
    [
        small_example(),
        small_example(Zipf(1.1, 20), kinds=3, statements=2),
        Biographies(Uniform(1000), statements=6, order="fixed", prior=0.5),
        Biographies(templates={"major": ["{name} chose {major}."]}).questions(),
    ],
    ids=["example", "zipf", "biographies", "questions"],
)
def test_description(source):
    again = SyntaxKnowledge.from_dict(json.loads(json.dumps(source.to_dict())))
    assert again == source
    assert again.words == source.words
    one, two = source.plan(7), again.plan(7)
    for field in dataclasses.fields(one):
        assert np.array_equal(getattr(one, field.name), getattr(two, field.name)), field.name


def test_attributes_take_the_order_of_the_contents():
    source = small_example()
    templates = dict(reversed(source.syntax.templates.items()))
    turned = SyntaxKnowledge(source.frequencies, source.contents, TemplateSyntax(templates))
    assert turned.syntax.attributes == ("birth_date", "employer", "work_city")


def test_kinds():
    source = small_example(kinds=4)
    values = source.contents.values(range(36), 0)
    last = values[:, source.contents.field_place("last")]
    assert source.kinds(values).tolist() == (last % 4).tolist()
    by_first = SyntaxKnowledge(
        Uniform(5), source.contents, TemplateSyntax(source.syntax.templates, kinds=2, kind_field="first")
    )
    assert by_first.kinds(values).tolist() == (values[:, 0] % 2).tolist()
    assert by_first.plan(0).kind_field == 0
    assert small_example().kinds(values).tolist() == [0] * 36


def test_questions_are_about_the_same_facts():
    source = Biographies(statements=3)
    questions = source.questions(Uniform(10))
    assert questions.frequencies == Uniform(10)
    assert source.questions().frequencies == source.frequencies
    assert questions.contents is source.contents
    assert questions.syntax.statements == 1
    for texts in questions.syntax.templates.values():
        assert all(text.startswith("Question: ") and " Answer: {" in text for text in texts)
    # One vocabulary serves both.
    for text in ("Question: Where did", " Answer:"):
        assert source.words.decode(source.words.encode(text)).decode() == text
    with pytest.raises(ValueError, match="no question templates"):
        questions.questions()


def test_plans_depend_on_the_seed_by_their_probabilities_alone():
    source = small_example(kinds=2)
    one, two = source.plan(1), source.plan(2)
    assert not np.array_equal(one.choice_probability, two.choice_probability)
    for field in dataclasses.fields(one):
        if field.name != "choice_probability":
            assert np.array_equal(getattr(one, field.name), getattr(two, field.name))


@pytest.mark.parametrize(
    ("tokens", "statements", "order", "kinds", "kind_field"),
    [
        ("bytes", 1, "random", 1, None),
        ("words", 2, "random", 3, None),
        ("words", 3, "fixed", 2, "first"),
    ],
)
def test_expected_sentence_is_the_mean_of_all(tokens, statements, order, kinds, kind_field):
    """All elements, attributes and templates, weighted: against the twin's parts one by one."""
    example = small_example()
    syntax = TemplateSyntax(
        example.syntax.templates, kinds=kinds, kind_field=kind_field, statements=statements, order=order
    )
    source = SyntaxKnowledge(Uniform(36), example.contents, syntax)
    mean, plan, phi = source.expected_sentence(3, tokens), source.plan(3, tokens), syntax.probabilities(3)
    worlds = all_worlds(source.contents)
    assert len(worlds) == 36 * 2 * 12 * 3
    orders = [(0, 1, 2)] if order == "fixed" else list(itertools.permutations(range(3), statements))
    size = np.zeros(2)
    for values in worlds:
        kind = source.kinds(values[None])[0]
        for attributes in orders:
            for statement, attribute in enumerate(attributes):
                first = plan.choice_offsets[kind * 3 + attribute]
                for template in range(syntax.num_templates[attribute]):
                    weight = phi[kind, attribute, template] / len(orders) / len(worlds)
                    size += weight * compiled_size(plan, 2 * (first + template) + (statement > 0), values)
    size += [1, 1]  # the line end
    assert [mean.num_bytes, mean.num_tokens] == pytest.approx(size.tolist(), rel=1e-12)
    kinds_of_all = source.kinds(worlds)
    assert mean.entropy_bits == pytest.approx(
        np.log2(36) + syntax.entropy_bits(phi)[kinds_of_all].mean(), rel=1e-12
    )


def all_worlds(contents):
    """Values of all equally likely elements."""
    roots = [place for place, field in enumerate(contents.fields) if field.of is None]
    sizes = [len(contents.fields[place].values) for place in roots]
    table = np.zeros((int(np.prod(sizes)), len(contents.fields)), dtype=np.uint16)
    table[:, roots] = list(itertools.product(*map(range, sizes)))
    for place, field in enumerate(contents.fields):
        if field.of is not None:
            table[:, place] = np.array(field.mapping)[table[:, contents.field_place(field.of)]]
    return table


@functools.cache
def piece_sizes(plan):
    return [np.array([len(plan.piece_text(p)), len(plan.piece_ids(p))]) for p in range(plan.num_pieces)]


def compiled_size(plan, number, values):
    size = np.zeros(2)
    for part in range(plan.template_parts[number], plan.template_parts[number + 1]):
        piece = int(plan.part_piece[part])
        if plan.part_field[part] >= 0:
            piece += int(values[plan.part_field[part]])
        size += piece_sizes(plan)[piece]
    return size


# ---- bad input -------------------------------------------------------------------------------------------


def test_more_elements_than_names():
    with pytest.raises(ValueError, match="37 elements; there are names for 36"):
        small_example(Uniform(37))
    with pytest.raises(ValueError, match="160,000,001 elements"):
        Biographies(Zipf(1.0, 160_000_001))


def test_syntax_that_does_not_fit():
    contents = Contents(
        [Field("f", ("x", "y")), Field("c", ("z",))], [Attribute("name", "{f}"), Attribute("city", "{c}")]
    )
    good = {"city": ["{name} saw {city}."]}
    with pytest.raises(ValueError, match="attribute 'name' has no templates"):
        SyntaxKnowledge(
            Uniform(2), contents, TemplateSyntax({"city": good["city"]}).ordered(["city", "name"])
        )
    with pytest.raises(ValueError, match="templates for 'job'"):
        SyntaxKnowledge(Uniform(2), contents, TemplateSyntax(good | {"job": ["{name} {job}"]}))
    with pytest.raises(ValueError, match="no field is called 'g'"):
        SyntaxKnowledge(Uniform(2), contents, TemplateSyntax(good, kinds=2, kind_field="g"))
    with pytest.raises(ValueError, match="not a field of the name"):
        SyntaxKnowledge(Uniform(2), contents, TemplateSyntax(good, kinds=2, kind_field="c"))
    with pytest.raises(ValueError, match="templates for 'x'"):
        SyntaxKnowledge(Uniform(2), contents, TemplateSyntax(good), questions={"x": ["{name} {x}"]})
    with pytest.raises(ValueError, match="tokens='letters'"):
        small_example().plan(0, "letters")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "other"}, "not a description"),
        ({"version": 2}, "version 2"),
        ({"contents": None}, "contents"),
        ({"frequencies": {"kind": "zipf"}}, "frequencies"),
        ({"syntax": {}}, "syntax"),
        ({"syntax": {"syntax": "grammar"}}, "neither 'templates' nor 'markov'"),
    ],
)
def test_bad_descriptions(change, message):
    with pytest.raises(ValueError, match=message):
        SyntaxKnowledge.from_dict(small_example().to_dict() | change)
    with pytest.raises(ValueError, match="not a description"):
        SyntaxKnowledge.from_dict([])


# ---- plans that do not fit together ----------------------------------------------------------------------


def changed(name, change):
    plan = small_example(kinds=2).plan(0)
    value = getattr(plan, name)
    if isinstance(value, np.ndarray):
        value = value.copy()
    return dataclasses.replace(plan, **{name: change(value)})


def at(place, new):
    def change(array):
        array[place] = new
        return array

    return change


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("piece_byte_offsets", at(0, 1), "piece_byte_offsets"),
        ("piece_byte_offsets", at(-1, 0), "piece_byte_offsets"),
        ("piece_token_offsets", at(2, 10**6), "piece_token_offsets"),
        ("piece_token_offsets", lambda a: np.delete(a, 1), "one length"),
        ("piece_tokens", at(0, 10**6), "token 1000000"),
        ("part_field", at(0, 7), "part_field"),
        ("part_field", at(0, -2), "part_field"),
        ("part_piece", at(0, 10**6), "part_piece"),
        ("part_label", at(0, 9), "part_label"),
        ("part_label", lambda a: a[1:], "one length"),
        ("template_parts", at(-1, 3), "template_parts"),
        ("template_parts", lambda a: a[[0, -1]], "two entries"),
        ("choice_offsets", lambda a: a[1:] - a[1], "choice_offsets"),
        ("choice_offsets", at(1, 0), "without templates"),
        ("choice_probability", at(0, 2.0), "add up to one"),
        ("choice_probability", at(0, np.nan), "no probability"),
        ("kinds", lambda _: 0, "kinds=0"),
        ("kind_field", lambda _: -1, "2 kinds"),
        ("kind_field", lambda _: 7, "kind_field=7"),
        ("statements", lambda _: 4, "statements=4"),
        ("order", lambda _: 2, "order=2"),
        ("order", lambda _: 1, "fixed order"),
        ("end_piece", lambda _: 10**6, "end_piece"),
    ],
)
def test_plan_is_checked(name, change, message):
    with pytest.raises(ValueError, match=message):
        changed(name, change)


def test_plan_types_are_checked():
    with pytest.raises(TypeError, match="part_field is not a one-dimensional array of int32"):
        changed("part_field", lambda a: a.astype(np.int64))
    with pytest.raises(TypeError, match="piece_bytes is not contiguous"):
        changed("piece_bytes", lambda a: np.repeat(a, 2)[::2])


def test_default_frequencies():
    assert Biographies().frequencies == PitmanYor(0.5, 1.0)


def test_other_syntax():
    with pytest.raises(TypeError, match="neither templates nor chains"):
        SyntaxKnowledge(Uniform(2), small_example().contents, ["a"])
