"""TemplateSyntax: parameters, code lengths from counts, and what it refuses."""

import json
import math

import numpy as np
import pytest
import renderer_twin as twin

from skmfast.sources.biographies import PATTERNS, Biographies, built_in_templates
from skmfast.sources.templates import TemplateSyntax

TEMPLATES = {
    "city": ["{name} lives in {city}.", "{name} likes {city}.", "In {city} lives {name}."],
    "job": ["{name} is {job}.", "{name} works as {job}."],
    "age": ["{name} is {age}."],
}


def statements(syntax, seed, number):
    """(kinds, attributes, templates) of sentences about elements of kinds 0, 1, ... in turn."""
    phi = syntax.probabilities(seed)
    kinds = np.arange(number) % syntax.kinds
    chosen = [
        twin.choices(
            seed,
            sentence,
            syntax.statements,
            syntax.order == "fixed",
            [phi[kind, a, :size].tolist() for a, size in enumerate(syntax.num_templates)],
        )
        for sentence, kind in enumerate(kinds)
    ]
    pairs = np.array(chosen)
    return kinds[:, None], pairs[..., 0], pairs[..., 1]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"kinds": 3, "statements": 2, "prior": 0.5},
        {"statements": 3, "order": "fixed", "prior": {"city": [1, 2, 3], "job": [0.5, 4], "age": [7]}},
    ],
)
def test_bits_of_sampled_statements(options):
    syntax = TemplateSyntax(TEMPLATES, **options)
    phi = syntax.probabilities(3)
    assert phi.shape == syntax.shape
    np.testing.assert_allclose(phi.sum(axis=-1), 1, rtol=1e-14)
    assert np.all((phi > 0) == (syntax.prior > 0))
    kinds, attributes, templates = statements(syntax, 3, 900)
    counts = syntax.count(kinds, attributes, templates)
    assert counts.sum() == 900 * syntax.statements
    each = syntax.sequential_bits(kinds, attributes, templates)
    assert each.shape == (900, syntax.statements)
    bits = syntax.code_length_bits(counts)
    assert each.sum() == pytest.approx(bits, rel=1e-11)
    # Sampled bits a sentence estimate the entropy.
    chosen = phi[kinds, attributes, templates]
    sentence = -np.log2(chosen).sum(axis=1) + syntax.choice_bits
    oracle = syntax.oracle_bits(counts, phi)
    assert oracle + 900 * syntax.choice_bits == pytest.approx(sentence.sum(), rel=1e-12)
    off = sentence - syntax.entropy_bits(phi)[kinds[:, 0]]
    assert abs(off.mean()) < 4 * off.std() / 30
    assert 0 < bits - oracle < syntax.num_parameters * math.log2(900)
    np.testing.assert_array_equal(syntax.posterior(counts), syntax.prior + counts)
    np.testing.assert_allclose(syntax.posterior_mean(counts), phi, atol=0.12)


def test_dimensions():
    syntax = TemplateSyntax(TEMPLATES, kinds=4, statements=2)
    assert syntax.shape == (4, 3, 3)
    assert (syntax.parameters_per_kind, syntax.num_parameters) == (3, 12)
    assert syntax.choice_bits == math.log2(6)
    assert TemplateSyntax(TEMPLATES, statements=3, order="fixed").choice_bits == 0
    drawn = [syntax.entropy_bits(syntax.probabilities(seed)).mean() for seed in range(300)]
    assert abs(np.mean(drawn) - syntax.expected_entropy_bits) < 4 * np.std(drawn) / math.sqrt(300)


def test_given_probabilities():
    known = {"city": [[0.5, 0.5, 0], [0.25, 0.25, 0.5]], "job": [0.125, 0.875], "age": [1.0]}
    syntax = TemplateSyntax(TEMPLATES, kinds=2, probabilities=known)
    for seed in (0, 1):
        phi = syntax.probabilities(seed)
        assert phi[:, 0].tolist() == known["city"]
        assert phi[1, 1].tolist() == [0.125, 0.875, 0]
    counts = np.zeros(syntax.shape, dtype=int)
    counts[0, 0] = [3, 1, 0]
    assert syntax.oracle_bits(counts, phi) == 4


def test_description():
    for syntax in (
        TemplateSyntax(TEMPLATES, kinds=2, statements=2, kind_field="last"),
        TemplateSyntax(TEMPLATES, prior={"city": [1, 2, 0.1], "job": [0.5, 4], "age": [7]}),
        TemplateSyntax(TEMPLATES, probabilities={"city": [0.1, 0.2, 0.7], "job": [0.3, 0.7], "age": [1]}),
    ):
        again = TemplateSyntax.from_dict(json.loads(json.dumps(syntax.to_dict())))
        assert again == syntax
        assert again.ordered(["job", "age", "city"]).attributes == ("job", "age", "city")
        assert again.ordered(["job", "age", "city"]).ordered(["city", "job", "age"]) == syntax


def change(**templates):
    return {**TEMPLATES, **templates}


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        ({}, "no attribute has templates"),
        (change(job=[]), "'job' has no templates"),
        (change(name=["{name}"]), "'name'"),
        (
            change(job=["{name} is {job}.", "{name} has {jobs}."]),
            r"template 1 of 'job'.*unknown slot \{jobs\}",
        ),
        (change(job=["{name} is {city}."]), r"template 0 of 'job'.*unknown slot \{city\}"),
        (change(job=["It is {job}."]), r"template 0 of 'job'.*no slot \{name\}"),
        (change(job=["{name} works."]), r"template 0 of 'job'.*no slot \{job\}"),
        (change(job=["{name} is {name}, {job}."]), r"more than one slot \{name\}"),
        (change(job=["{name} is {job}."] * 2), "template 1 of 'job'.*appears twice"),
        (change(job=["{name} is {job"]), "template 0 of 'job'"),
        (change(job=["{name} is {job}. "]), "white space"),
        (change(job=["{name}\nis {job}."]), "line end"),
    ],
)
def test_bad_templates(templates, message):
    with pytest.raises(ValueError, match=message):
        TemplateSyntax(templates)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": 0}, "kinds=0"),
        ({"statements": 0}, "statements=0"),
        ({"statements": 4}, "there are 3 attributes"),
        ({"order": "sorted"}, "order='sorted'"),
        ({"order": "fixed"}, "states all 3"),
        ({"prior": 0}, "prior of 'city'"),
        ({"prior": math.inf}, "positive and finite"),
        ({"prior": {"city": [1, 1, 1]}}, "prior of 'job': not given"),
        ({"prior": {"city": [1, 1], "job": [1, 1], "age": [1]}}, "2 numbers for 3 templates"),
        ({"prior": {"city": [1, 1, 1], "job": [1, 1], "age": [1], "x": [1]}}, "prior for 'x'"),
        ({"probabilities": {"city": [1, 0, 0]}}, "all attributes or for none"),
        ({"probabilities": {"city": [1, 0, 0], "job": [1], "age": [1]}}, "probabilities of 'job': shape"),
        ({"probabilities": {"city": [1, 1, -1], "job": [1, 0], "age": [1]}}, "of 'city': not probabilities"),
        ({"probabilities": {"city": [0.9, 0, 0], "job": [1, 0], "age": [1]}}, "of 'city': not probabilities"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        TemplateSyntax(TEMPLATES, **options)


def test_bad_types_and_counts():
    with pytest.raises(TypeError, match="not one text"):
        TemplateSyntax({"job": "{name} is {job}."})
    with pytest.raises(TypeError, match="kinds"):
        TemplateSyntax(TEMPLATES, kinds=1.5)
    syntax = TemplateSyntax(TEMPLATES)
    with pytest.raises(ValueError, match="statement 1: attribute 'job' has no template 2"):
        syntax.count(0, [0, 1], [2, 2])
    with pytest.raises(ValueError, match="kind outside"):
        syntax.count(1, [0], [0])
    counts = np.zeros(syntax.shape)
    counts[0, 2, 1] = 1
    with pytest.raises(ValueError, match=r"counts\[0, 2, 1\]"):
        syntax.code_length_bits(counts)
    with pytest.raises(ValueError, match="'age' has no templates"):
        TemplateSyntax({"job": TEMPLATES["job"]}).ordered(["job", "age"])
    with pytest.raises(ValueError, match="templates for 'age'"):
        syntax.ordered(["job", "city"])


# ---- the built-in ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize("attribute", PATTERNS)
def test_built_in_templates(attribute):
    texts = built_in_templates(attribute)
    assert len(texts) >= 40
    assert len(built_in_templates(attribute, "questions")) >= 4
    for text in texts:
        assert text.endswith(".")
        assert text.isascii()
        # The name is a subject, so that a pronoun can stand for it: no preposition before it, no 's after it.
        before = text.split("{name}")[0].split()
        assert not before or before[-1] not in {"of", "to", "for", "by", "with", "from", "at", "on", "in"}
        assert "{name}'" not in text


def test_biographies_are_as_described():
    source = Biographies(kinds=2)
    sizes = {field.name: len(field.values) for field in source.contents.fields}
    assert sizes["first"] >= 400
    assert sizes["middle"] >= 400
    assert sizes["last"] >= 1000
    assert (sizes["month"], sizes["day"], sizes["year"]) == (12, 28, 200)
    assert (sizes["birth_city"], sizes["university"], sizes["major"], sizes["employer"]) == (
        200,
        300,
        100,
        263,
    )
    pronouns = source.contents.fields[source.contents.field_place("pronoun")]
    assert sorted(np.bincount(pronouns.mapping).tolist()) == [200, 200]
    for field in source.contents.fields:
        assert all(value.isascii() for value in field.values)
    assert Biographies(templates={"major": ["{name} liked {major}."]}).syntax.templates["major"] == (
        "{name} liked {major}.",
    )
    with pytest.raises(ValueError, match="'hobby'"):
        Biographies(templates={"hobby": []})
