"""Parts of the report: figures, fingerprints, samples, passages, jobs."""

import math
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skmfast.report.excerpts import decoded, excerpt_html, visible
from skmfast.report.gathering import Gathered
from skmfast.report.jobs import Job, run_all
from skmfast.report.settings import Settings
from skmfast.report.shingles import KEPT, WINDOW_BYTES, fingerprints, longest_shared, repeats
from skmfast.report.svg import HEIGHT, WIDTH, Axis, Plot

numbers = st.floats(-1e12, 1e12)


@given(st.lists(numbers, min_size=1, max_size=50), st.booleans(), st.booleans())
@example([5e-324], True, False)
@example([5e-324], False, True)
@example([1e12, math.nextafter(1e12, math.inf)], False, False)
def test_axes_hold_their_values(values, log, zero):
    axis = Axis.over("x", values, log=log, zero=zero)
    assert axis.low < axis.high
    kept = np.array([each for each in values if each > 0 or not log])
    inside = axis.place(kept)
    assert ((inside > -1e-9) & (inside < 1 + 1e-9)).all()
    ticks = axis.ticks()
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= 20


@given(st.integers(-6, 12), st.floats(1.01, 1e6))
def test_ticks_lie_on_the_axis(power, ratio):
    low = 10.0**power
    for log in (True, False):
        axis = Axis("x", low, low * ratio, log)
        ticks = axis.ticks()
        assert len(ticks) >= 2
        places = axis.place(ticks)
        assert ((places > -1e-6) & (places < 1 + 1e-6)).all()


@settings(max_examples=50)
@given(st.lists(st.tuples(numbers, st.one_of(numbers, st.just(math.nan))), min_size=1, max_size=600))
def test_lines_stay_in_the_picture(points):
    x, y = np.array(sorted(points, key=lambda point: point[0])).T
    plot = Plot(Axis.over("x", x), Axis.over("y", y), "t", "some alternative text")
    plot.line(x, y, "s1")
    plot.dots(x, y, "s2")
    drawn = re.findall(r' d="([^"]*)"', plot.svg())
    assert "nan" not in "".join(drawn)
    line = re.findall(r"[ML](-?[\d.]+),(-?[\d.]+)", drawn[-2])
    assert len(line) <= 260
    assert all(0 <= float(a) <= WIDTH and 0 <= float(b) <= HEIGHT for a, b in line)


def test_labels_are_escaped():
    plot = Plot(Axis("<x>", 0, 1), Axis('"y"', 0, 1), "t", 'a "quoted" <alt>')
    assert "<x>" not in plot.svg()
    assert 'aria-label="a &quot;quoted&quot; &lt;alt&gt;"' in plot.svg()


# ---- fingerprints -----------------------------------------------------------------------------------------


def twin_longest(earlier, later):
    """Longest run of the later document whose every window is in the earlier one, by looking."""
    windows = {earlier[at : at + WINDOW_BYTES] for at in range(len(earlier) - WINDOW_BYTES + 1)}
    best, run = 0, 0
    for at in range(len(later) - WINDOW_BYTES + 1):
        run = run + 1 if later[at : at + WINDOW_BYTES] in windows else 0
        best = max(best, run)
    return best + WINDOW_BYTES - 1 if best else 0


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(0, 400), st.integers(0, 400))
def test_shared_run_is_the_longest(seed, letters, first, second):
    rng = np.random.default_rng(seed)
    common = rng.integers(0, 256, 80, np.uint8).tobytes()
    earlier, later = (rng.integers(0, letters, size, np.uint8).tobytes() + common for size in (first, second))
    shared = longest_shared(earlier, later)
    assert shared.num_bytes == twin_longest(earlier, later)
    start = slice(shared.later, shared.later + WINDOW_BYTES)
    assert earlier[shared.earlier : shared.earlier + WINDOW_BYTES] == later[start]


def test_fingerprints_do_not_depend_on_the_place():
    """The same text behind another beginning, and across the border of pieces, keeps its fingerprints."""
    text = np.random.default_rng(3).bytes(20_000)
    own = fingerprints(text)
    assert 0.7 < len(own) * KEPT / len(text) < 1.3
    for before in (b"x" * 13, np.random.default_rng(4).bytes((1 << 20) - 5000)):
        assert np.isin(own, fingerprints(before + text)).all()
    assert not np.isin(own, fingerprints(np.random.default_rng(5).bytes(20_000))).any()


@pytest.mark.parametrize("size", [0, 1, WINDOW_BYTES - 1])
def test_short_documents_have_no_fingerprints(size):
    assert len(fingerprints(b"a" * size)) == 0
    assert repeats([b"a" * size] * 3).partner.tolist() == [-1] * 3


# ---- the corpus -------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=40), st.integers(1, 500))
def test_sample_is_no_larger_than_asked(documents, size):
    corpus = Gathered(documents, [str(at) for at in range(len(documents))], [])
    sample, words = corpus.sample(size)
    total = sum(map(len, sample))
    assert total <= size or (words == "the whole corpus" and total <= 2 * size)
    assert words != "the whole corpus" or sample is documents


@given(st.text(max_size=2000), st.integers(4, 200))
def test_passages_join_up_and_are_text(text, size):
    data = text.encode("utf-8", "replace")
    passages = Gathered([data], ["x"], []).passages(Settings(passage_bytes=size))
    assert b"".join(bytes(each) for each in passages.data) == data
    if passages.cut:
        for each, name in zip(passages.data, passages.names, strict=True):
            bytes(each).decode()
            start = int(name.split("byte ")[1].replace(",", ""))
            assert data[start:].startswith(bytes(each))
            assert len(each) <= 2 * size


@given(st.binary(max_size=500))
def test_excerpts_are_markup_of_nothing(data):
    shown = excerpt_html(data)
    assert shown.count("<") == 2
    inside = shown[shown.index(">") + 1 : shown.rindex("<")]
    assert "<" not in inside
    assert all(each in "\n\t" or each.isprintable() or each.isspace() for each in inside)


@given(st.text(max_size=100))
def test_visible_text_has_nothing_hidden(text):
    shown = visible(text)
    assert not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200b\x00\x1b\x7f\u2028")


def test_a_character_cut_in_two_does_not_make_it_binary():
    data = "наука".encode()
    assert decoded(data[:-1]) == "наук"
    assert "аука" in excerpt_html(data[1:])


# ---- jobs -------------------------------------------------------------------------------------------------


def test_long_jobs_start_first_and_defects_go_up():
    order = []
    jobs = {
        str(seconds): Job("x", seconds, lambda seconds=seconds: order.append(seconds))
        for seconds in (1, 3, 2)
    }
    told = []
    assert list(run_all(jobs, 1, lambda about, fraction: told.append(fraction))) == ["1", "3", "2"]
    assert order == [3, 2, 1]
    assert told == [0.5, pytest.approx(5 / 6), 1.0]
    assert run_all({}, 2) == {}
    with pytest.raises(KeyError):
        run_all({"x": Job("x", 1, lambda: {}["missing"])}, 2)
