"""Shared beginnings: the tree of a batch against its rows; its states and losses are those of the rows."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="experiments need the extra skmfast[experiments]")

import torch.nn.functional as F  # noqa: E402

from skmfast.experiments.batches import IGNORED, SentenceTokens, assemble  # noqa: E402
from skmfast.experiments.beginnings import beginnings_of  # noqa: E402
from skmfast.experiments.transformer import ModelConfiguration, Transformer, Tree  # noqa: E402

# Few tokens, 0 among them in the midst of sentences, so that beginnings are shared and end in each other.
SENTENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=12)


def batch_of(sentences):
    tokens = np.array([token for sentence in sentences for token in sentence], np.uint16)
    offsets = np.cumsum([0, *map(len, sentences)])
    number = np.arange(len(sentences))
    return assemble([SentenceTokens(tokens, offsets)], np.zeros_like(number), number)


def beginnings_in(batch):
    """All beginnings of all rows as tuples of tokens, and what follows each."""
    found = collections.Counter()
    for inputs, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        for place, target in enumerate(targets):
            if target != IGNORED:
                found[tuple(inputs[: place + 1]), target] += 1
    return found


def written_out(tree):
    """The tokens that each state comes after, and whether its place in the rows is its own."""
    flat = tree.rows.reshape(-1)
    assert flat[tree.places].tolist() == list(range(len(tree.tokens)))
    rows, columns = np.divmod(tree.places, tree.rows.shape[1])
    assert columns.tolist() == tree.positions.tolist()
    return [
        tuple(tree.tokens[tree.rows[row, : column + 1]].tolist())
        for row, column in zip(rows, columns, strict=True)
    ]


@settings(max_examples=150, deadline=None)
@given(SENTENCES)
def test_each_beginning_is_there_once(sentences):
    batch = batch_of(sentences)
    expected = beginnings_in(batch)
    tree = beginnings_of(batch)
    states = written_out(tree)
    assert len(set(states)) == len(states)
    assert set(states) == {beginning for beginning, _ in expected}
    pairs = zip(tree.predicting.tolist(), tree.targets.tolist(), tree.counts.tolist(), strict=True)
    assert {(states[state], target): count for state, target, count in pairs} == dict(expected)
    assert len(tree.rows) <= len(batch)
    # Each place of a row holds the beginning that ends there, up to the last state of its own.
    last = {}
    for place in tree.places.tolist():
        last[place // tree.rows.shape[1]] = place % tree.rows.shape[1]
    for row, column in last.items():
        for place in range(column + 1):
            state = states[tree.rows[row, place]]
            assert state == states[tree.rows[row, column]][: place + 1]


@settings(max_examples=50, deadline=None)
@given(SENTENCES)
def test_unshared_there_is_a_state_for_each_token(sentences):
    batch = batch_of(sentences)
    tree = beginnings_of(batch, shared=False)
    states = written_out(tree)
    pairs = zip((states[state] for state in tree.predicting), tree.targets.tolist(), strict=True)
    assert collections.Counter(pairs) == beginnings_in(batch)
    assert tree.counts.tolist() == [1] * batch.num_tokens


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_losses_and_gradients_are_those_of_the_rows(shared, padded):
    random = np.random.default_rng(4)
    batch = batch_of([random.integers(0, 3, random.integers(1, 9)).tolist() for _ in range(20)])
    model = Transformer(ModelConfiguration(3, 16, 2, 2, context=8), seed=1).double()
    tree = beginnings_of(batch, shared=shared)
    if padded:
        tree = tree.padded(32, 8)
        assert len(tree.tokens) % 32 == len(tree.rows) % 8 == 0
    else:
        assert not shared or len(tree.tokens) < 0.8 * batch.num_tokens
    tensors = {name: torch.from_numpy(array) for name, array in vars(tree).items()}
    places = Tree(tensors["positions"], tensors["rows"], tensors["places"])
    states = model.tree_states(F.embedding(tensors["tokens"], model.embedding), places)
    logits = states[tensors["predicting"]] @ model.head.T
    losses = F.cross_entropy(logits, tensors["targets"], reduction="none") * tensors["counts"]
    inputs, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
    whole = F.cross_entropy((model(inputs) @ model.head.T).flatten(0, 1), targets.flatten(), reduction="sum")
    assert losses.sum().item() == pytest.approx(whole.item(), rel=1e-12)
    weights = list(model.parameters())
    for one, two in zip(
        torch.autograd.grad(losses.sum(), weights), torch.autograd.grad(whole, weights), strict=True
    ):
        assert (one - two).norm() < 1e-10 * two.norm()


def test_a_tree_deeper_than_the_context():
    model = Transformer(ModelConfiguration(3, 16, 1, 2, context=4))
    tree = beginnings_of(batch_of([[1, 2, 1, 2, 0]]))
    places = Tree(*(torch.from_numpy(each) for each in (tree.positions, tree.rows, tree.places)))
    with pytest.raises(ValueError, match="rows of 5 tokens: the model's context is 4"):
        model.tree_states(torch.zeros(5, 16), places)
