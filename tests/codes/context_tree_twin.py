"""Slow, readable twin of the hidden Markov context tree: the definition, over the whole tree, in float64."""

import numpy as np


def twin_bits(documents, model):
    """Bits of the documents coded as one, from the model's one-step transitions, prior and grid.

    For every binary node v of the byte, sums the hidden states out over the tree of all contexts of up to
    ``model.depth`` bytes; before a document begins the context is zero bytes.
    """
    chain, depth = model.chain.astype(np.float64), model.depth
    grid = model.leaf[depth].astype(np.float64)

    def message(decisions, d):
        """log-likelihood of (context, bit) pairs given each state at depth d, their contexts equal so far."""
        if d == depth:
            ones = sum(bit for _, bit in decisions)
            return ones * np.log2(grid) + (len(decisions) - ones) * np.log2(1 - grid)
        groups = {}
        for context, bit in decisions:
            groups.setdefault(context[d], []).append((context, bit))
        total = np.zeros(16)
        for group in groups.values():
            below = message(group, d + 1)
            top = below.max()
            total += top + np.log2(np.exp2(below - top) @ chain[d, d + 1])
        return total

    decisions = {}
    for document in documents:
        for i, symbol in enumerate(document):
            context = (bytes(depth) + document[:i])[::-1][:depth]
            v = 1
            for b in range(7, -1, -1):
                bit = symbol >> b & 1
                decisions.setdefault(v, []).append((context, bit))
                v = 2 * v + bit
    bits = 0.0
    for group in decisions.values():
        root = message(group, 0)
        top = root.max()
        bits -= top + np.log2(np.exp2(root - top) @ model.prior)
    return bits
