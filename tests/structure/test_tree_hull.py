"""Hull over context trees: against every pruned tree of short texts; random data; sources that are trees."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from structure_twin import Twin

from skmfast.codes.tree_hull import tree_hull

BENCH = Path(__file__).resolve().parents[2] / "bench"


def hull_points(hull):
    return hull.model_bits, hull.data_bits


def random_corpus(rng):
    """One or two documents of at most 24 symbols in all, over two or three letters."""
    letters = int(rng.integers(2, 4))
    sizes = [int(rng.integers(1, 25))]
    if rng.random() < 0.5:
        sizes = [sizes[0] // 2, sizes[0] - sizes[0] // 2]
    return [rng.integers(0, letters, size) + int(rng.integers(0, 2)) for size in sizes]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_hull_of_short_texts_is_that_of_all_trees(dtype):
    rng = np.random.default_rng([1, np.dtype(dtype).itemsize])
    for _ in range(100):
        documents, depth = random_corpus(rng), int(rng.integers(0, 4))
        model, data = hull_points(tree_hull([d.astype(dtype) for d in documents], depth=depth, alphabet=256))
        true_model, true_data = np.array(Twin(documents, depth).hull()).T
        assert abs(model[0] - true_model[0]) < 1e-9
        assert np.abs(np.interp(model, true_model, true_data) - data).max() < 1e-9
        assert np.abs(np.interp(true_model, model, data) - true_data).max() < 1e-9


def test_deep_contexts_with_one_extension():
    # Two words that differ in their first letter alone: worth a context of the whole word, bought at once.
    rng = np.random.default_rng(2)
    text = b"".join([b"xabcdefX", b"yabcdefY"][k] for k in rng.integers(0, 2, 300))
    hull = tree_hull([text])
    at_best = hull.splits_of(hull.minimum)
    assert (at_best["first_depth"] < at_best["depth"]).any()
    assert hull.data_bits[hull.minimum] < 320


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_matter(threads):
    text = np.random.default_rng(3).integers(97, 101, 20000).astype(np.uint8).tobytes()
    first, second = tree_hull([text], threads=1), tree_hull([text], threads=threads)
    assert (first.model_bits == second.model_bits).all()
    assert (first.splits == second.splits).all()


def test_least_slope_cuts_the_hull():
    text = (b"it was the best of times, it was the worst of times; " * 20)[:900]
    whole, cut = tree_hull([text]), tree_hull([text], least_slope=1.0)
    kept = len(cut.model_bits)
    assert 1 < kept < len(whole.model_bits)
    assert np.allclose(cut.model_bits, whole.model_bits[:kept], rtol=1e-12)
    assert -np.diff(cut.data_bits)[-1] >= np.diff(cut.model_bits)[-1]
    assert cut.minimum == whole.minimum
    assert (np.sort(cut.splits, order=["position", "depth"]) == np.sort(
        whole.splits[: len(cut.splits)], order=["position", "depth"])).all()  # fmt: skip


def test_random_bytes_have_the_empty_tree():
    for seed in range(5):
        text = np.random.default_rng(seed).integers(0, 256, 100_000).astype(np.uint8).tobytes()
        hull = tree_hull([text])
        assert hull.minimum == 0
        # The counts of one leaf: 255 parameters at half a logarithm each.
        assert hull.model_bits[0] + hull.data_bits[0] < 8 * len(text) + 255 / 2 * np.log2(len(text) / 256)
        steepest = -np.diff(hull.data_bits)[0] / np.diff(hull.model_bits)[0]
        assert steepest < 0.9  # no model bit pays for itself


@pytest.mark.parametrize(
    ("documents", "points"),
    [([], 1), ([b""], 1), ([b"", b""], 1), ([b"a"], 1), ([b"a" * 1000], 1), ([b"a", b"b"], 1), ([b"ab"], 2)],
)
def test_nothing_to_buy(documents, points):
    hull = tree_hull(documents)
    assert len(hull.model_bits) == points
    assert hull.minimum == 0
    assert hull.num_symbols == sum(map(len, documents))


def test_leaves_of_a_tree():
    text = (b"abracadabra " * 40)[:400]
    hull = tree_hull([text, text[::-1]])
    for point in (0, 1, len(hull.model_bits) - 1):
        leaves, number = hull.leaves(point)
        assert set(leaves.tolist()) == set(range(number))
        symbols = np.frombuffer(text + text[::-1], np.uint8)
        bits = 0.0
        for leaf in range(number):
            counts = np.bincount(symbols[leaves == leaf])
            bits += sum(np.log2(np.arange(1, counts.sum() + 1)))
            bits -= sum(np.log2(np.arange(1, n + 1)).sum() for n in counts)
        assert abs(bits - hull.data_bits[point]) < 1e-6


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"documents": ["text"]}, TypeError, "neither bytes nor"),
        ({"documents": [np.zeros(3)]}, TypeError, "holds no tokens"),
        ({"documents": [np.array([-1, 2])]}, ValueError, "0 to 2"),
        ({"documents": [np.array([5])], "alphabet": 5}, ValueError, "alphabet: 5"),
        ({"documents": [b"a"], "depth": 65}, ValueError, "depth: 65"),
        ({"documents": [np.array([300])], "depth": 33}, ValueError, "depth: 33"),
        ({"documents": [b"a"], "least_slope": -1.0}, ValueError, "least_slope"),
        ({"documents": [b"a"], "least_slope": float("nan")}, ValueError, "least_slope"),
        ({"documents": [b"a" * 100], "memory": 1000}, ValueError, "memory: 1,000"),
    ],
)
def test_arguments_are_checked(arguments, error, message):
    with pytest.raises(error, match=message):
        tree_hull(**arguments)


# ---- sources that are trees -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trees():
    """Names of bench/recover_trees.py, which draws the 100 sources of the record."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        yield SimpleNamespace(**runpy.run_path(str(BENCH / "recover_trees.py")))


@pytest.mark.parametrize("letters", [2, 3, 4])
def test_trees_whose_splits_can_be_told_are_recovered(trees, letters):
    """The family of the record, with fewer draws: each is found, with no split too many."""
    tally = trees.recover(letters, 100_000, 8, seed=2, identifiable=True)
    assert tally["two_part_right"] == 8
    assert tally["two_part_missing"] == tally["two_part_extra"] == 0


def test_trees_of_any_draw_lack_splits_that_do_not_pay(trees):
    """Where the tree is not found, splits are missing; BIC misses most of them, too."""
    tally = trees.recover(2, 100_000, 24, seed=2, identifiable=False)
    assert tally["two_part_extra"] == 0
    assert tally["two_part_missing"] >= tally["bic_missing"] > 0


def test_bic_tree_of_a_text_by_hand(trees):
    """A letter that is drawn by the letter two before it needs the contexts of length one split."""
    rng = np.random.default_rng(4)
    letters = [0, 1]
    for u in rng.random(3000):
        letters.append(int(u < (0.9 if letters[-2] else 0.2)))
    text = bytes(1 + letter for letter in letters)
    assert trees.bic_contexts(text, 2) == trees.two_part_contexts(text) == {(), (0,), (1,)}
