"""The C++ renderer against its readable twin; plans and contents that must be refused."""

import os
import signal
import time
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
import renderer_twin as twin
from hypothesis import given, settings
from hypothesis import strategies as st
from random_plans import random_plan

from skmfast.sources._render import Renderer
from skmfast.sources.biographies import Biographies
from skmfast.sources.example import small_example
from skmfast.sources.frequencies import Uniform
from skmfast.sources.rendering import SentenceRenderer

SEED = 5
KEY = twin.stream_key(SEED, twin.SYNTAX_STREAM)
# One statement, two and more are laid out in different ways; so are one kind and several.
CASES = {
    "one": {},
    "two": {"statements": 2},
    "four of three kinds": {"statements": 4, "kinds": 3},
    "fixed": {"statements": 6, "order": "fixed"},
}


def sentences_of(rendered):
    """(text, tokens, labels, choices) of each sentence, as the twin gives them."""
    text, text_offsets, tokens, offsets, labels, statements = rendered
    for i in range(len(statements)):
        place = slice(int(offsets[i]), int(offsets[i + 1]))
        yield (
            text[int(text_offsets[i]) : int(text_offsets[i + 1])].tobytes(),
            tokens[place].tolist(),
            labels[place].tolist(),
            [tuple(choice) for choice in statements[i].tolist()],
        )


@pytest.mark.parametrize("tokens", ["words", "bytes"])
@pytest.mark.parametrize("case", CASES)
def test_biographies_as_the_twin_writes_them(case, tokens):
    source = Biographies(Uniform(100), **CASES[case])
    plan, contents = source.plan(SEED, tokens), source.contents.values(range(100), SEED)
    elements = np.random.default_rng(1).integers(0, 100, 300).astype(np.uint32)
    renderer = Renderer(plan)
    renderer.append_contents(contents)
    for i, sentence in enumerate(sentences_of(renderer.render(elements, 1000, KEY))):
        assert sentence == twin.render_plan(plan, contents[elements[i]], SEED, 1000 + i)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from([300, 65536, 65537]),
    st.sampled_from([3, 40, 300]),
    st.sampled_from([0, 2**40]),
)
def test_any_plan_as_the_twin_writes_it(seed, statements, fixed, vocabulary_size, longest, first):
    plan, contents = random_plan(
        seed, statements=statements, fixed=fixed, vocabulary_size=vocabulary_size, longest=longest
    )
    renderer = Renderer(plan)
    renderer.append_contents(contents[:4])
    renderer.append_contents(contents[4:])
    elements = np.random.default_rng(seed).integers(0, 7, 12).astype(np.uint32)
    rendered = renderer.render(elements, first, KEY)
    assert rendered[2].dtype == (np.uint16 if vocabulary_size <= 65536 else np.uint32)
    for i, sentence in enumerate(sentences_of(rendered)):
        assert sentence == twin.render_plan(plan, contents[elements[i]], SEED, first + i)


def test_any_split_and_any_threads_are_the_same(monkeypatch):
    renderer = SentenceRenderer(Biographies(Uniform(500), statements=2), SEED)
    elements = np.random.default_rng(2).integers(0, 500, 30_000).astype(np.uint32)
    whole = renderer.render(0, elements, threads=1)
    for threads in (2, 3, 7):
        again = renderer.render(0, elements, threads=threads)
        assert all(np.array_equal(getattr(whole, name), getattr(again, name)) for name in whole.columns())
    buffers = {}
    for begin, end in [(0, 1), (1, 17_001), (17_001, 17_001), (17_001, 30_000)]:
        part = renderer.render(begin, elements[begin:end], threads=2, buffers=buffers)
        expected = whole.part(begin, end)
        assert all(np.array_equal(getattr(part, name), getattr(expected, name)) for name in whole.columns())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_none_of_the_threads_and_starts_its_own():
    renderer = SentenceRenderer(Biographies(Uniform(500)), SEED)
    elements = np.random.default_rng(2).integers(0, 500, 20_000).astype(np.uint32)
    whole = renderer.render(0, elements, threads=2)
    child = os.fork()
    if child == 0:
        again = renderer.render(0, elements, threads=2)
        os._exit(0 if np.array_equal(again.text, whole.text) else 1)
    patience = time.monotonic() + 30
    ended, status = os.waitpid(child, os.WNOHANG)
    while ended == 0 and time.monotonic() < patience:
        time.sleep(0.01)
        ended, status = os.waitpid(child, os.WNOHANG)
    if ended == 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert (ended, status) == (child, 0)


def as_namespace(plan):
    return SimpleNamespace(**{field.name: getattr(plan, field.name) for field in fields(plan)})


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


WRONG = {
    "piece offsets fall": (
        "piece_byte_offsets[2]",
        lambda p: {"piece_byte_offsets": changed(p.piece_byte_offsets, 1, 2**32 - 1)},
    ),
    "piece offsets end elsewhere": ("piece_byte_offsets", lambda p: {"piece_bytes": p.piece_bytes[:-1]}),
    "no offsets": ("piece_token_offsets", lambda p: {"piece_token_offsets": np.empty(0, np.uint32)}),
    "fewer token offsets": (
        "piece_token_offsets",
        lambda p: {"piece_token_offsets": np.append(p.piece_token_offsets, p.piece_token_offsets[-1])},
    ),
    "token outside": ("piece_tokens", lambda p: {"vocabulary_size": int(p.piece_tokens.max())}),
    "end piece": ("end_piece", lambda p: {"end_piece": len(p.piece_byte_offsets) - 1}),
    "part leads outside": (
        "part_piece[0]",
        lambda p: {"part_piece": changed(p.part_piece, 0, len(p.piece_byte_offsets) - 1)},
    ),
    "part leads far outside": (
        "part_piece[3]",
        lambda p: {"part_piece": changed(p.part_piece, 3, 2**32 - 1)},
    ),
    "field outside": (
        "part_field[2]",
        lambda p: {"part_field": changed(p.part_field, 2, len(p.field_sizes))},
    ),
    "field below": ("part_field[2]", lambda p: {"part_field": changed(p.part_field, 2, -2)}),
    "fewer labels": ("part_label", lambda p: {"part_label": p.part_label[1:]}),
    "no fields": ("part_field", lambda p: {"field_sizes": p.field_sizes[:1]}),
    "a field without values": ("field_sizes", lambda p: {"field_sizes": changed(p.field_sizes, 0, 0)}),
    "fewer templates": ("template_parts", lambda p: {"template_parts": p.template_parts[:-1]}),
    "attribute without templates": (
        "choice_offsets[0]",
        lambda p: {"choice_offsets": changed(p.choice_offsets, 1, 0)},
    ),
    "other attributes": ("choice_offsets", lambda p: {"attributes": p.attributes + 1}),
    "no attributes": ("attributes", lambda p: {"attributes": 0}),
    "negative kinds": ("number", lambda p: {"kinds": -1}),
    "no kinds": ("kinds", lambda p: {"kinds": 0}),
    "kind field": ("kind_field", lambda p: {"kind_field": len(p.field_sizes)}),
    "no statements": ("statements", lambda p: {"statements": 0}),
    "too many statements": ("statements", lambda p: {"statements": p.attributes + 1}),
    "order": ("order", lambda p: {"order": 2}),
    "probability is nan": (
        "choice_probability[1]",
        lambda p: {"choice_probability": changed(p.choice_probability, 1, np.nan)},
    ),
    "probabilities sum to less": (
        "choice_probability[0]",
        lambda p: {"choice_probability": changed(p.choice_probability, 0, 0)},
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_plans_are_refused(case):
    told, change = WRONG[case]
    plan = as_namespace(small_example().plan(SEED))
    Renderer(plan)
    vars(plan).update(change(plan))
    with pytest.raises(ValueError, match=rf"plan: .*{told.replace('[', '.').replace(']', '.')}"):
        Renderer(plan)


def test_sentences_beyond_all_bounds_are_refused():
    """2^30 bytes are the most: here 40,000 parts of a piece of 65,535 bytes."""
    plan = as_namespace(small_example().plan(SEED))
    parts = 40_000
    plan.piece_bytes = np.full(65_535, 97, np.uint8)
    plan.piece_byte_offsets = np.array([0, 65_535], np.uint32)
    plan.piece_tokens = np.zeros(1, np.uint32)
    plan.piece_token_offsets = np.array([0, 1], np.uint32)
    plan.part_piece = np.zeros(parts, np.uint32)
    plan.part_field = np.full(parts, -1, np.int32)
    plan.part_label = np.zeros(parts, np.uint8)
    plan.template_parts = np.append(0, np.full(len(plan.template_parts) - 1, parts)).astype(np.uint32)
    plan.end_piece = 0
    with pytest.raises(ValueError, match=r"template_parts.0. begins a template that is too long"):
        Renderer(plan)


def test_plans_of_other_types_are_refused():
    plan = as_namespace(small_example().plan(SEED))
    plan.part_label = plan.part_label.astype(np.int64)
    with pytest.raises(TypeError, match="part_label"):
        Renderer(plan)


def test_wrong_contents_and_elements_are_refused():
    source = small_example(Uniform(36))
    renderer = Renderer(source.plan(SEED))
    contents = source.contents.values(range(36), SEED)
    with pytest.raises(ValueError, match="contents of element 2: field 0 has no value 4"):
        renderer.append_contents(changed(contents, (2, 0), 4))
    assert renderer.num_elements == 0
    with pytest.raises(ValueError, match="shape"):
        renderer.append_contents(contents[:, 1:])
    with pytest.raises(TypeError, match="uint16"):
        renderer.append_contents(contents.astype(np.int64))
    renderer.append_contents(contents)
    with pytest.raises(ValueError, match="sentence 11 is about element 36; 36 have contents"):
        renderer.render(np.array([0, 36], np.uint32), 10, KEY)
    with pytest.raises(ValueError, match="numbers from 0"):
        renderer.render(np.array([-1, 3]), 0, KEY)
    with pytest.raises(ValueError, match="threads"):
        renderer.render(np.array([0], np.uint32), 0, KEY, threads=0)
