"""The transformer against one written out by hand, position by position."""

import cmath
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="experiments need the extra skmfast[experiments]")

from skmfast.experiments.transformer import ModelConfiguration, Transformer, causal_attention  # noqa: E402

SMALL = {"vocabulary": 11, "width": 16, "layers": 2, "heads": 2, "context": 12}


def model_of(seed=1, **sizes):
    model = Transformer(ModelConfiguration(**{**SMALL, **sizes}), seed=seed)
    with torch.no_grad():  # weights that differ and norms that do not cancel
        for weight in model.parameters():
            weight += 0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel()))
    return model


def normed(x, weight):
    return [
        value / math.sqrt(np.mean(np.square(x)) + np.finfo(np.float32).eps) * w
        for value, w in zip(x, weight, strict=True)
    ]


def turned(x, position):
    """Pairs (x[i], x[i + half]) as complex numbers, turned by position * 10000^(-2 i / width)."""
    half = len(x) // 2
    pairs = [
        complex(x[i], x[i + half]) * cmath.exp(1j * position * 10_000 ** (-2 * i / len(x)))
        for i in range(half)
    ]
    return np.array([p.real for p in pairs] + [p.imag for p in pairs])


def twin(model, tokens):
    """Hidden states of one row of tokens, in float64, with no batch and no cleverness."""
    weights = {name: value.detach().double().numpy() for name, value in model.named_parameters()}
    shape = model.configuration
    size = shape.width // shape.heads
    states = [weights["embedding"][token] * math.sqrt(model.configuration.width) for token in tokens]
    for layer in range(shape.layers):
        own = {
            name.split(f"layers.blocks.{layer}.")[1]: w
            for name, w in weights.items()
            if f"blocks.{layer}." in name
        }
        made = [own["queries_keys_values.weight"] @ normed(x, own["attention_norm.weight"]) for x in states]
        query, key, value = ([m.reshape(3, shape.heads, size)[which] for m in made] for which in range(3))
        after = []
        for t, state in enumerate(states):
            heads = []
            for head in range(shape.heads):
                score = [
                    turned(query[t][head], t) @ turned(key[s][head], s) / math.sqrt(size)
                    for s in range(t + 1)
                ]
                weight = np.exp(np.array(score) - max(score))
                heads.append(sum(w * value[s][head] for s, w in enumerate(weight / weight.sum())))
            after.append(state + own["attended.weight"] @ np.concatenate(heads))
        states = []
        for state in after:
            raised = own["up.weight"] @ normed(state, own["feed_forward_norm.weight"])
            if shape.activation == "swiglu":
                gate, value = np.split(raised, 2)
                inner = gate / (1 + np.exp(-gate)) * value
            else:
                inner = np.array([0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in raised])
            states.append(state + own["down.weight"] @ inner)
    return np.array([normed(state, weights["layers.norm.weight"]) for state in states])


@pytest.mark.parametrize("activation", ["swiglu", "gelu"])
@pytest.mark.parametrize("tied", [True, False])
def test_hidden_states_are_those_of_the_twin(activation, tied):
    model = model_of(activation=activation, tied=tied)
    tokens = torch.randint(0, 11, (3, 12), generator=torch.Generator().manual_seed(2))
    found = model(tokens).detach().numpy()
    for row, hidden in zip(tokens.tolist(), found, strict=True):
        assert np.allclose(hidden, twin(model, row), atol=2e-5)


def test_short_and_long_rows_go_different_ways_to_the_same_place():
    generator = torch.Generator().manual_seed(6)
    for length in (1, 5, 64):
        states = [torch.randn(3, 2, length, 8, generator=generator).requires_grad_() for _ in range(3)]
        found = causal_attention(*states)
        expected = torch.nn.functional.scaled_dot_product_attention(*states, is_causal=True)
        assert torch.allclose(found, expected, atol=1e-5)
        upstream = torch.randn(found.shape, generator=generator)
        for one, two in zip(
            *(torch.autograd.grad(of, states, upstream) for of in (found, expected)), strict=True
        ):
            assert torch.allclose(one, two, atol=1e-5)
    model = model_of(context=100)
    tokens = torch.randint(0, 11, (1, 100), generator=generator)
    assert torch.allclose(model(tokens)[:, :30], model(tokens[:, :30]), atol=1e-5)


def test_compiled_in_one_piece_for_any_shape():
    """No break in the graph, and the numbers of what is not compiled, whatever the batch's shape."""
    model, plain = model_of(layers=1), model_of(layers=1)
    compiled = torch.compile(model.layers, backend="eager", fullgraph=True, dynamic=True)
    torch._dynamo.reset()
    for rows, length in ((3, 5), (4, 7)):
        # Every second row is the first half of the one before it, and has its states.
        places = torch.arange(rows * length).view(rows, length)
        places[1::2, : length // 2] = places[0 : rows - 1 : 2, : length // 2]
        own = torch.unique(places)
        tree = torch.searchsorted(own, places), own
        x = torch.randn(len(own), 16, generator=torch.Generator().manual_seed(rows))
        results = []
        for layers in (compiled, plain.layers):
            hidden = layers(x, own % length, length, *tree)
            hidden.square().sum().backward()
            results.append(hidden)
        assert torch.allclose(*results, atol=1e-5)
        for one, two in zip(model.layers.parameters(), plain.layers.parameters(), strict=True):
            assert (one.grad - two.grad).norm() < 1e-5 * two.grad.norm()


def test_later_tokens_change_nothing_before_them():
    model = model_of()
    tokens = torch.randint(0, 11, (1, 12), generator=torch.Generator().manual_seed(3))
    other = tokens.clone()
    other[0, 7:] = (tokens[0, 7:] + 1) % 11
    one, two = model(tokens), model(other)
    assert torch.allclose(one[:, :7], two[:, :7], atol=1e-6)
    assert not torch.allclose(one[:, 7:], two[:, 7:], atol=1e-2)


def test_weights_are_a_function_of_the_seed():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two, other = (Transformer(ModelConfiguration(**SMALL), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for name, weight in one.named_parameters():
        assert torch.equal(weight, two.get_parameter(name))
    assert not torch.equal(one.embedding, other.embedding)


def test_number_of_parameters():
    tied, untied = (Transformer(ModelConfiguration(**SMALL, tied=tied)) for tied in (True, False))
    hidden = tied.configuration.feed_forward_width
    assert hidden == 48  # 8/3 of 16 is 42.7
    block = 16 * 48 + 16 * 16 + 16 * 2 * hidden + hidden * 16 + 2 * 16
    assert tied.num_parameters(embeddings=False) == 2 * block + 16
    assert tied.num_parameters() == 2 * block + 16 + 11 * 16
    assert untied.num_parameters() == 2 * block + 16 + 2 * 11 * 16
    assert untied.head.shape == (11, 16)
    assert untied.head is not untied.embedding
    assert ModelConfiguration(**SMALL, activation="gelu").feed_forward_width == 64


def test_dropout_acts_in_training_alone():
    model = model_of(dropout=0.5)
    tokens = torch.tensor([[1, 2, 3]])
    assert not torch.equal(model.train()(tokens), model(tokens))
    assert torch.equal(model.eval()(tokens), model(tokens))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"vocabulary": 0}, "vocabulary=0"),
        ({"layers": 0}, "layers=0"),
        ({"heads": 16}, "heads=16"),
        ({"hidden": 0}, "hidden=0"),
        ({"activation": "relu"}, "relu"),
        ({"dropout": 1.0}, "dropout=1.0"),
    ],
)
def test_sizes_that_make_no_model(wrong, message):
    with pytest.raises(ValueError, match=message):
        ModelConfiguration(**{**SMALL, **wrong})


def test_rows_longer_than_the_context():
    with pytest.raises(ValueError, match="13 tokens"):
        model_of()(torch.zeros(1, 13, dtype=torch.int64))
