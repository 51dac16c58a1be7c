"""Llama's trunk against its twin: shapes of all kinds, whole windows and step by step, instruction sets."""

import os

import llama_twin
import numpy as np
import pytest

from skmfast.codes.llama import Llama
from skmfast.codes.llama2c import LlamaSizes, read_llama2c
from skmfast.errors import ModelFileError
from skmfast.settings import ISAS

SHAPES = {
    "stories260K": LlamaSizes(64, 172, 5, 8, 4, 512, 512, True),
    "one head": LlamaSizes(6, 5, 1, 1, 1, 9, 64, True),
    "multi-query, odd widths": LlamaSizes(30, 37, 2, 5, 1, 41, 64, False),
    "wide heads": LlamaSizes(96, 100, 2, 2, 2, 77, 64, False),
    "head of two": LlamaSizes(14, 33, 3, 7, 7, 300, 64, True),
}


def random_weights(sizes, seed=1):
    generator = np.random.default_rng(seed)
    layers, width, hidden = sizes.num_layers, sizes.width, sizes.hidden_width
    keys = sizes.num_kv_heads * sizes.head_width
    shapes = {
        "embedding": (sizes.vocabulary_size, width),
        "query": (layers, width, width),
        "key": (layers, keys, width),
        "value": (layers, keys, width),
        "output": (layers, width, width),
        "gate": (layers, hidden, width),
        "down": (layers, width, hidden),
        "up": (layers, hidden, width),
        "head": (sizes.vocabulary_size, width),
    }
    scaled = {name: generator.normal(size=shape) * 2 / np.sqrt(shape[-1]) for name, shape in shapes.items()}
    for name, shape in (
        ("attention_norm", (layers, width)),
        ("feed_norm", (layers, width)),
        ("final_norm", (width,)),
    ):
        scaled[name] = generator.uniform(0.5, 1.5, shape)
    weights = {name: array.astype(np.float32) for name, array in scaled.items()}
    if sizes.tied:
        weights["head"] = weights["embedding"]
    return weights


def windows_of(sizes, lengths, seed=2):
    generator = np.random.default_rng(seed)
    return [generator.integers(0, sizes.vocabulary_size, length) for length in lengths]


@pytest.mark.parametrize("name", SHAPES)
def test_states_and_bits_against_the_twin(name):
    """Lengths around panels of 8, 32 and 128 and windows of several chunks; the first of them alone."""
    sizes = SHAPES[name]
    weights = random_weights(sizes)
    model = Llama(sizes, weights)
    windows = windows_of(sizes, [1, 7, 8, 33, 2, 129, 300, 31])
    hidden = np.split(model.hidden(windows), np.cumsum([len(window) for window in windows])[:-1])
    targets = windows_of(sizes, [len(window) for window in windows], seed=3)
    bits = model.window_bits(windows, targets)
    for window, wanted, states, found in zip(windows, targets, hidden, bits, strict=True):
        np.testing.assert_allclose(states, llama_twin.hidden(sizes, weights, window), rtol=0, atol=2e-4)
        np.testing.assert_allclose(found, llama_twin.bits(sizes, weights, window, wanted), rtol=0, atol=1e-3)


def test_only_the_last_tokens_have_targets():
    sizes = SHAPES["one head"]
    model = Llama(sizes, random_weights(sizes))
    windows, targets = windows_of(sizes, [5, 9]), windows_of(sizes, [5, 9], seed=3)
    whole = model.window_bits(windows, targets)
    some = model.window_bits(windows, [targets[0][2:], targets[1][8:]])
    np.testing.assert_array_equal(some[0], whole[0][2:])
    np.testing.assert_array_equal(some[1], whole[1][8:])


def test_neither_company_nor_threads_nor_what_follows_change_a_bit():
    sizes = SHAPES["stories260K"]
    model = Llama(sizes, random_weights(sizes))
    windows = windows_of(sizes, [3, 200, 64, 511, 1, 1, 90, 512])
    alone = [model.hidden([window]) for window in windows]
    for order in (range(8), [7, 0, 4, 2, 6, 1, 5, 3]):
        for threads in (1, 3):
            together = model.hidden([windows[i] for i in order], threads=threads)
            np.testing.assert_array_equal(together, np.concatenate([alone[i] for i in order]))
    for length in (1, 31, 100, 129, 300):
        np.testing.assert_array_equal(model.hidden([windows[3][:length]]), alone[3][:length])


@pytest.mark.parametrize("name", ["stories260K", "multi-query, odd widths"])
def test_steps_give_the_states_of_whole_windows(name):
    sizes = SHAPES[name]
    weights = random_weights(sizes)
    # With a head that picks out the states' entries, logits are the states.
    weights["head"] = np.eye(sizes.vocabulary_size, sizes.width, dtype=np.float32)
    model = Llama(sizes, weights)
    windows = windows_of(sizes, [140] * 3 + [137])
    whole = np.split(model.hidden(windows), np.cumsum([len(window) for window in windows])[:-1])
    steps = model.stepper(4, 140)
    for step in range(140):
        active = 4 if step < 137 else 3
        logits = steps.logits([window[step] for window in windows[:active]])
        stepped = logits[:, : sizes.width]
        np.testing.assert_array_equal(stepped, np.stack([states[step] for states in whole[:active]]))
    with pytest.raises(ValueError, match="no room"):
        steps.logits([0])


def test_more_windows_in_steps_than_a_chunk_has_lanes():
    sizes = SHAPES["one head"]
    model = Llama(sizes, random_weights(sizes))
    windows = np.array(windows_of(sizes, [5] * 150))
    many, one = model.stepper(150, 5), model.stepper(1, 5)
    for step in range(5):
        found = many.logits(windows[:, step])
        np.testing.assert_array_equal(found[140], one.logits(windows[140:141, step])[0])


_DIGEST = """
import hashlib, sys
sys.path.insert(0, {folder!r})
from test_llama import SHAPES, random_weights, windows_of
from skmfast.codes.llama import Llama
digest = hashlib.sha256()
for sizes in SHAPES.values():
    model = Llama(sizes, random_weights(sizes))
    windows = windows_of(sizes, [40, 1, 150])
    digest.update(model.hidden(windows).tobytes())
    digest.update(model.stepper(2, 1).logits([1, 2]).tobytes())
print(digest.hexdigest())
"""


def test_every_instruction_set_gives_the_same_bits(on_isa):
    program = _DIGEST.format(folder=os.path.dirname(__file__))
    assert len({on_isa(isa, "-c", program) for isa in ISAS}) == 1


def test_tokens_outside_the_vocabulary():
    sizes = SHAPES["one head"]
    model = Llama(sizes, random_weights(sizes))
    for token in (-1, 9):
        with pytest.raises(ValueError, match="vocabulary of 9"):
            model.hidden([np.array([token])])
        with pytest.raises(ValueError, match="vocabulary of 9"):
            model.stepper(1, 1).logits([token])
    assert model.hidden([]).shape == (0, 6)


@pytest.mark.parametrize(
    "header",
    [
        (1 << 24, 1 << 24, 1 << 24, 1, 1, 1 << 24, 1 << 24),
        (64, 172, 5, 8, 4, 1 << 30, 512),
        (64, 172, -5, 8, 4, 512, 512),
        (64, 172, 5, 0, 4, 512, 512),
        (63, 172, 5, 9, 3, 512, 512),
    ],
)
def test_headers_that_ask_for_anything(tmp_path, header):
    path = tmp_path / "model.bin"
    path.write_bytes(np.array(header, dtype="<i4").tobytes() + bytes(1000))
    with pytest.raises(ModelFileError, match=r"truncated|header"):
        read_llama2c(path)
