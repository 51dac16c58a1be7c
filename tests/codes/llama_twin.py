"""A Llama decoder as its paper has it, in numpy and float64, one window at a time."""

import numpy as np

EPSILON = 1e-5
ROTATION_BASE = 10000.0


def hidden(sizes, weights, tokens):
    """Hidden states (T, D) behind each of the tokens (T,) of a window."""
    x = weights["embedding"].astype(np.float64)[tokens]
    for layer in range(sizes.num_layers):
        w = {name: weights[name][layer].astype(np.float64) for name in LAYER_WEIGHTS}
        normed = normalised(x, w["attention_norm"])
        x = x + attention(sizes, normed, w) @ w["output"].T
        normed = normalised(x, w["feed_norm"])
        gate = normed @ w["gate"].T
        x = x + (gate / (1 + np.exp(-gate)) * (normed @ w["up"].T)) @ w["down"].T
    return normalised(x, weights["final_norm"].astype(np.float64))


LAYER_WEIGHTS = ("attention_norm", "query", "key", "value", "output", "feed_norm", "gate", "up", "down")


def normalised(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * weight


def attention(sizes, x, w):
    """Heads' mixed values side by side, (T, heads * head width)."""
    length, width = len(x), sizes.head_width
    shared = sizes.num_heads // sizes.num_kv_heads
    queries = rotated((x @ w["query"].T).reshape(length, sizes.num_heads, width))
    keys = rotated((x @ w["key"].T).reshape(length, sizes.num_kv_heads, width))
    values = (x @ w["value"].T).reshape(length, sizes.num_kv_heads, width)
    hidden_from = np.triu(np.ones((length, length), dtype=bool), 1)
    mixed = []
    for head in range(sizes.num_heads):
        scores = queries[:, head] @ keys[:, head // shared].T / np.sqrt(width)
        scores[hidden_from] = -np.inf
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        mixed.append(shares / shares.sum(-1, keepdims=True) @ values[:, head // shared])
    return np.concatenate(mixed, -1)


def rotated(heads):
    """Neighbouring entries (2i, 2i + 1) turned by position times a frequency that falls with i."""
    length, _, width = heads.shape
    angles = np.outer(np.arange(length), ROTATION_BASE ** -(np.arange(0, width, 2) / width))
    turned = (heads[..., ::2] + 1j * heads[..., 1::2]) * np.exp(1j * angles)[:, None]
    return np.stack([turned.real, turned.imag], -1).reshape(heads.shape)


def bits(sizes, weights, tokens, targets):
    """Bits of the target behind each token."""
    logits = hidden(sizes, weights, tokens) @ weights["head"].astype(np.float64).T
    top = logits.max(-1, keepdims=True)
    log_sum = np.log(np.exp(logits - top).sum(-1)) + top[:, 0]
    return (log_sum - logits[np.arange(len(targets)), targets]) / np.log(2)
