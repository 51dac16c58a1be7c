"""Configurations: what is read, what is refused and with which words, and that the hash tells them apart."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("yaml", reason="experiments need the extra skmfast[experiments]")

from skmfast.experiments.canonical import canonical, digest, of_plain, plain, to_yaml
from skmfast.experiments.configuration import configure
from skmfast.experiments.errors import ConfigurationError
from skmfast.experiments.yaml_settings import parse_assignment, parse_yaml, read_yaml


@dataclass(frozen=True)
class Shoe:
    size: float = 40.0
    colour: Literal["red", "blue"] = "red"

    def __post_init__(self):
        if self.size <= 0:
            raise ValueError(f"size: {self.size} is not above 0")


@dataclass(frozen=True)
class Walk:
    name: str
    steps: int = 10
    paces: tuple[float, ...] = (1.0,)
    range: tuple[int, float] = (1, 2.0)
    left: Shoe = Shoe()
    pairs: tuple[Shoe, ...] = (Shoe(), Shoe(41))
    spare: Shoe | None = None
    load: int | tuple[int, ...] = 3
    rests: bool = False
    limit: float | None = None


def walk(text="", *assignments):
    return configure(
        Walk,
        parse_yaml("name: one", "base"),
        parse_yaml(text, "walk.yaml"),
        *map(parse_assignment, assignments),
    )


def test_defaults_and_order():
    assert walk() == Walk("one")
    assert walk("name: two\nsteps: 7") == Walk("two", 7)
    assert walk("steps: 7", "steps=8") == Walk("one", 8)


def test_settings_that_are_not_given_keep_their_values():
    made = configure(
        Walk,
        parse_yaml("name: x\nleft: {size: 5}\nspare: {size: 3}", "a"),
        parse_yaml("left: {colour: blue}", "b"),
    )
    assert made.left == Shoe(5.0, "blue")
    assert walk("", "pairs.1.colour=blue", "pairs=[{size: 1}, {size: 2}]").pairs == (Shoe(1.0), Shoe(2.0))
    assert walk("pairs: [{size: 1}, {size: 2}]", "pairs.1.colour=blue").pairs == (
        Shoe(1.0),
        Shoe(2.0, "blue"),
    )
    assert walk("left: {size: 5}", "left.colour=blue").left == Shoe(5.0, "blue")


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("steps: 1e3", "steps", 1000),
        ("steps: 1_000", "steps", 1000),
        ("steps: 9007199254740993", "steps", 9007199254740993),
        ("limit: 3e-4", "limit", 3e-4),
        ("limit: 2", "limit", 2.0),
        ("limit: null", "limit", None),
        ("paces: [1, 2.5]", "paces", (1.0, 2.5)),
        ("paces: []", "paces", ()),
        ("range: [3, 4]", "range", (3, 4.0)),
        ("load: [1, 2]", "load", (1, 2)),
        ("load: 5", "load", 5),
        ("rests: yes", "rests", True),
        ("spare: {}", "spare", Shoe()),
        ("left: {}", "left", Shoe()),
    ],
)
def test_values(text, field, value):
    found = getattr(walk(text), field)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: 1\nstepz: 2", "walk.yaml, line 2: stepz: there is no such setting; did you mean steps?"),
        ("left:\n  sice: 2", "walk.yaml, line 2: left.sice: there is no such setting; did you mean size?"),
        ("left:\n  xyz: 2", "walk.yaml, line 2: left.xyz: there is no such setting; there are colour, size"),
        ("steps: many", "walk.yaml, line 1: steps: 'many' is not a whole number"),
        ("steps: 1.5", "steps: 1.5 is not a whole number"),
        ("steps: true", "steps: True is not a whole number"),
        ("steps: .inf", "steps: inf is not a whole number"),
        ("steps:", "steps: nothing is not a whole number"),
        ("limit: .nan", "limit: nan is not a number"),
        ("limit: [1]", "limit: a list of 1 is not a number"),
        ("paces: 1", "paces: 1 is not a list"),
        ("paces: [1, x]", "paces.1: 'x' is not a number"),
        ("range: [1]", "range: a list of 1 is not a list of 2"),
        ("load: {a: 1}", "load: settings is not a whole number"),
        ("rests: 1", "rests: 1 is not true or false"),
        ("name: 1", "name: 1 is not text"),
        ("left: 5", "left: 5 is not settings"),
        ("left: {colour: green}", "left.colour: 'green' is not one of red, blue"),
        ("\n\nleft:\n  size: -1", "walk.yaml, line 4: left: size: -1.0 is not above 0"),
        ("[1, 2]", "walk.yaml, line 1: a list of 2 is not settings"),
        ("steps: 1\nsteps: 2", "walk.yaml, line 2: steps is set twice"),
        ("? [a]\n: 1", "walk.yaml, line 1: the name of a setting is one word"),
        ("steps: 2026-13-01", "walk.yaml, line 1: '2026-13-01' is no value"),
        ("steps: [1", "walk.yaml, line 1: is no YAML"),
        ("left: &a [*a]", "deeper ones, than a configuration has"),
        ("a: &a {x: 1}\nb: *c", "walk.yaml, line 2: is no YAML"),
        ("name: !!python/object:os.system x", "walk.yaml, line 1: is no YAML"),
        ("[" * 60 + "]" * 60, "deeper ones, than a configuration has"),
        ("\x00", "is no YAML"),
        ("[" * 3000, "is no YAML"),
    ],
)
def test_refusals(text, message):
    with pytest.raises(ConfigurationError) as caught:
        walk(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("steps", "--set steps: is not of the form name=value"),
        ("=3", "is not of the form name=value"),
        ("left..size=3", "is not of the form name=value"),
        ("steps=", "--set steps=: has no value"),
        ("steps=x", "--set steps=x: steps: 'x' is not a whole number"),
        ("left.sice=3", "--set left.sice=3: left.sice: there is no such setting"),
        ("steps.x=3", "--set steps.x=3: steps: settings is not a whole number"),
        ("steps=[", "is no YAML"),
        ("pairs.0.size=1", "pairs: settings is not a list"),
    ],
)
def test_refused_assignments(assignment, message):
    with pytest.raises(ConfigurationError) as caught:
        walk("", assignment)
    assert message in str(caught.value)


def test_missing_setting_and_entry():
    with pytest.raises(ConfigurationError, match="name: has no default and is not set"):
        configure(Walk, parse_yaml("steps: 1", "walk.yaml"))
    with pytest.raises(ConfigurationError, match="there is no entry 2: there are 1"):
        walk("pairs: [{size: 1}]", "pairs.2.size=1")


def test_many_aliases_are_refused():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigurationError, match="more settings"):
        parse_yaml("\n".join(lines), "laughs.yaml")


def test_files(tmp_path):
    path = tmp_path / "walk.yaml"
    with pytest.raises(ConfigurationError, match=r"walk\.yaml: No such file"):
        read_yaml(path)
    path.write_bytes(b"name: \xff")
    with pytest.raises(ConfigurationError, match="is no UTF-8"):
        read_yaml(path)
    path.write_text("name: x")
    assert configure(Walk, read_yaml(path)) == Walk("x")


shoes = st.builds(Shoe, st.floats(0.001, 1e300), st.sampled_from(["red", "blue"]))
walks = st.builds(
    Walk,
    st.text(max_size=5),
    st.integers(-(10**20), 10**20),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3).map(tuple),
    st.tuples(st.integers(-9, 9), st.floats(-9, 9)),
    shoes,
    st.lists(shoes, max_size=2).map(tuple),
    st.none() | shoes,
    st.integers(-9, 9) | st.lists(st.integers(-9, 9), max_size=2).map(tuple),
    st.booleans(),
    st.none() | st.floats(-9, 9),
)


@given(walks)
def test_json_and_yaml_give_the_same_back(made):
    assert configure(Walk, of_plain(json.loads(canonical(made)), "json")) == made
    if made.name.isprintable():
        assert configure(Walk, parse_yaml(to_yaml(made), "yaml")) == made


@given(walks, walks)
def test_digest_is_of_the_value(one, other):
    assert (digest(one) == digest(other)) == (one == other)


def test_canonical_does_not_depend_on_how_it_was_written():
    assert canonical(Walk("x", limit=2)) == canonical(configure(Walk, parse_yaml("limit: 2.0\nname: x", "a")))
    assert plain(Walk("x", paces=(1,)))["paces"] == [1.0]
    assert digest(Walk("x")) != digest(replace(Walk("x"), left=Shoe(39)))
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(Walk("x", limit=float("inf")))


def test_digest_is_frozen():
    """Folders of runs are named so: another name would make every run that is done be done again."""
    assert digest(Shoe(40.5, "blue")) == "72b6fd3e07e62d9e"
