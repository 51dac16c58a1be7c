"""Context-tree weighting in plain Python, twice: from counts of the whole tree, and predicting in sequence.

A document's context before its first byte is zero bytes. Binary nodes are named by the bits of the byte
before them: ``1``, then ``2 * node + bit``, down to ``256 + byte``.
"""

from collections import defaultdict
from math import exp, inf, lgamma, log, log1p, log2


def contexts_of(documents, depth):
    """For every byte of every document: the byte, and its context of ``depth`` bytes, nearest first."""
    for document in documents:
        padded = bytes(depth) + document
        for i in range(depth, len(padded)):
            yield padded[i], padded[i - depth : i][::-1]


def decisions_of(byte):
    """Binary nodes that ``byte`` passes, and the bit taken at each."""
    return [((256 | byte) >> (8 - level), byte >> (7 - level) & 1) for level in range(8)]


def log_beta(x, y):
    return lgamma(x) + lgamma(y) - lgamma(x + y)


def log_of_sum(x, y):
    """ln(e^x + e^y)."""
    larger, smaller = max(x, y), min(x, y)
    return larger if smaller == -inf else larger + log1p(exp(smaller - larger))


def batch_bits(documents, depth, estimator, stop):
    """Code length from the counts of every context of every length, as the definition has it."""
    counts = defaultdict(lambda: [0, 0])
    extensions = defaultdict(set)
    for byte, context in contexts_of(documents, depth):
        for node, bit in decisions_of(byte):
            for length in range(depth + 1):
                counts[context[:length], node][bit] += 1
                if length < depth:
                    extensions[context[:length], node].add(context[: length + 1])

    def log_weighted(context, node):
        zeros, ones = counts[context, node]
        estimate = log_beta(zeros + estimator, ones + estimator) - log_beta(estimator, estimator)
        if len(context) == depth:
            return estimate
        product = sum(log_weighted(extension, node) for extension in sorted(extensions[context, node]))
        stops = log(stop) + estimate if stop > 0 else -inf
        goes_on = log1p(-stop) + product if stop < 1 else -inf
        return log_of_sum(stops, goes_on)

    visited = sorted(node for context, node in counts if context == b"")
    return -sum(log_weighted(b"", node) for node in visited) / log(2)


def sequential_bits(documents, depth, estimator, stop):
    """Sum of -log2 of the predictions of an adaptive coder, bit after bit.

    At each context the prediction is a mean of its own estimator's and of the next longer context's,
    weighted by the probability, given everything so far, that the tree stops there.
    """
    counts = defaultdict(lambda: [0, 0])
    stopping = defaultdict(lambda: stop)
    bits = 0.0
    for byte, context in contexts_of(documents, depth):
        for node, bit in decisions_of(byte):
            prediction = None
            for length in range(depth, -1, -1):
                here = context[:length], node
                seen = counts[here]
                own = (seen[bit] + estimator) / (sum(seen) + 2 * estimator)
                if prediction is None:
                    prediction = own
                else:
                    weight = stopping[here]
                    longer = prediction
                    prediction = weight * own + (1 - weight) * longer
                    stopping[here] = weight * own / prediction
                seen[bit] += 1
            bits -= log2(prediction)
    return bits
