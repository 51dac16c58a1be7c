"""Specs: what they name, and what a wrong one is told."""

import pytest

from skmfast.codes.base import Code, FileCode
from skmfast.codes.registry import ENTRIES, comparison, make_code, parameters_of
from skmfast.codes.uniform import Uniform


@pytest.mark.parametrize("name", sorted(set(ENTRIES) - {"lm"}))  # a language model needs a file
def test_every_code_follows_the_protocol(name):
    code = make_code(name)
    assert isinstance(code, Code)
    assert code.name == name
    if isinstance(code, FileCode):  # it needs a corpus's labels beside the text
        return
    lengths = code.lengths([b"abracadabra", b"abra"], per_document=True, threads=1)
    assert lengths.num_bytes == 15
    assert list(lengths.document_bytes) == [11, 4]
    assert lengths.bits == pytest.approx(lengths.per_document.sum())
    assert code.lengths([b"abracadabra", b"abra"]).per_document is None


@pytest.mark.parametrize("name", sorted(set(ENTRIES) - {"lm"}))  # a language model needs a file
def test_defaults_are_what_the_listing_says(name):
    """Writing every default out gives the same code."""
    settings = [f"{each.name}={each.default}" for each in parameters_of(name)]
    assert make_code(f"{name}:{','.join(settings)}").parameters == make_code(name).parameters


def test_comparison_covers_every_code_of_any_bytes_but_gzip():
    specs = comparison()
    labelled = {"oracle", "bayes-mixture", "lm"}
    assert {spec.partition(":")[0] for spec in specs} == set(ENTRIES) - {"gzip"} - labelled
    assert all(isinstance(make_code(spec), Code) for spec in specs)


def test_spaces_and_shorthand():
    assert make_code(" zstd : 3 , long = 20 ").parameters == {"level": 3, "long": 20}
    assert make_code("zstd:").parameters == make_code("zstd").parameters
    assert make_code("xz:preset=6e").parameters == {"preset": "6e"}


def test_a_code_is_returned_as_it_is():
    code = Uniform()
    assert make_code(code) is code


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "there is no ''; codes: context-tree, kt, two-part, uniform, "),
        ("zpaq:5", "code 'zpaq:5': there is no 'zpaq'; codes: context-tree, kt, "),
        ("zstd:speed=5", "'zstd' has no parameter 'speed'; it has: level, long"),
        ("zstd:level=3,long=20,level=4", "parameter 'level' is given twice"),
        ("zstd:3,4", "'4' is not parameter=value; it has: level, long"),
        ("zstd:level=high", "level=high: not integer"),
        ("zstd:1.5", "level=1.5: not integer"),
        ("uniform:3", "'3' is not parameter=value; it has none"),
        ("uniform:bits=3", "'uniform' has no parameter 'bits'; it has none"),
    ],
)
def test_bad_spec(spec, message):
    with pytest.raises(ValueError, match=message):
        make_code(spec)


@pytest.mark.parametrize("spec", [None, 3, object()])
def test_not_a_spec(spec):
    with pytest.raises(TypeError, match="neither a code nor a string that names one"):
        make_code(spec)


# ---- how values are written, on a class that has every kind -----------------------------------------------


class Kinds(Uniform):
    def __init__(
        self,
        number: float = 0.5,
        count: int | None = None,
        flag: bool = False,
        word: str = "a",
        *,
        other: list = (),
    ) -> None:
        self.values = (number, count, flag, word)


@pytest.fixture
def kinds(monkeypatch):
    from skmfast.codes.registry import Entry

    monkeypatch.setitem(ENTRIES, "kinds", Entry("kinds", f"{__name__}:Kinds", "a test's"))


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ("", (0.5, None, False, "a")),
        ("number=1e-3,count=7,flag=true,word=b", (0.001, 7, True, "b")),
        ("number=2,count=none,flag=False,word=none", (2.0, None, False, "none")),
    ],
)
def test_values(kinds, settings, values):
    assert make_code(f"kinds:{settings}").values == values


def test_listing(kinds):
    assert [(each.name, each.kind, each.default) for each in parameters_of("kinds")] == [
        ("number", "number", "0.5"),
        ("count", "integer or none", "none"),
        ("flag", "true or false", "false"),
        ("word", "text", "a"),
    ]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("count=x", "not integer or none"),
        ("flag=1", "not true or false"),
        ("other=1", "no parameter 'other'"),
    ],
)
def test_bad_values(kinds, setting, message):
    with pytest.raises(ValueError, match=message):
        make_code(f"kinds:{setting}")
