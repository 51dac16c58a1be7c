"""Beginnings that the sentences of a batch share: what a causal model computes for them is computed once.

The state after a token depends on the tokens before it in its sentence and on nothing else. Sentences that
begin alike, which those of one syntax about few names often do, have the same states there, so that a batch
is a tree: a node for each distinct beginning, and loss and gradient are those of the rows written out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skmfast.experiments.batches import IGNORED, Batch

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Beginnings:
    """The distinct beginnings of a batch of B rows of T places, n of them, and what follows them.

    Attributes
    ----------
    tokens : ndarray of int64, shape (n,)
        The last token of each.
    positions : ndarray of int64, shape (n,)
        Its place in the sentence; the first is 0.
    rows : ndarray of int64, shape (R, T)
        The beginning that ends at each place of the distinct rows; where there is none, some number below n.
        R <= B: a row that has no beginning of its own is not among them.
    places : ndarray of int64, shape (n,)
        A place among the R T of ``rows`` where each ends.
    predicting : ndarray of int64, shape (m,)
        Pairs of a beginning and the token after it, each once: the beginning.
    targets : ndarray of int64, shape (m,)
        The token.
    counts : ndarray of int64, shape (m,)
        Sentences that have the pair.
    """

    tokens: Ints
    positions: Ints
    rows: Ints
    places: Ints
    predicting: Ints
    targets: Ints
    counts: Ints

    def padded(self, states: int, rows: int) -> Beginnings:
        """With so many idle states and rows more that their numbers are multiples of ``states`` and ``rows``.

        What is compiled for each shape anew is then compiled a few times. Nothing is predicted from what is
        added, and it changes nothing.
        """
        more = -len(self.tokens) % states
        return Beginnings(
            np.pad(self.tokens, (0, more)),
            np.pad(self.positions, (0, more)),
            np.pad(self.rows, ((0, -len(self.rows) % rows), (0, 0))),
            np.pad(self.places, (0, more)),
            self.predicting,
            self.targets,
            self.counts,
        )


def beginnings_of(batch: Batch, *, shared: bool = True) -> Beginnings:
    """The distinct beginnings of a batch.

    Parameters
    ----------
    batch : Batch
    shared : bool
        Whether equal beginnings are one; otherwise each token of each sentence has a state of its own.

    Returns
    -------
    Beginnings

    Examples
    --------
    >>> tokens = np.array([[0, 5, 6], [0, 5, 7]])
    >>> targets = np.array([[5, 6, 0], [5, 7, 0]])
    >>> found = beginnings_of(Batch(tokens, targets, np.zeros(2, int), np.arange(2)))
    >>> found.tokens.tolist()
    [0, 5, 6, 7]
    >>> found.rows.tolist()
    [[0, 1, 2], [0, 1, 3]]
    >>> found.predicting.tolist(), found.targets.tolist(), found.counts.tolist()
    ([0, 1, 1, 2, 3], [5, 6, 7, 0, 0], [2, 1, 1, 1, 1])
    """
    real, targets = batch.targets != IGNORED, batch.targets
    inputs = np.where(real, batch.inputs, -1)  # no token: a sentence that ends is not like one that goes on
    new = real
    if shared:
        order = np.lexsort(inputs.T[::-1])
        inputs, real, targets = inputs[order], real[order], targets[order]
        new = np.ones(inputs.shape, bool)
        np.logical_or.accumulate(inputs[1:] != inputs[:-1], axis=1, out=new[1:])
        new &= real
    number = np.cumsum(new).reshape(new.shape) - 1
    # In order, an old beginning is the last new one above it.
    rows = np.maximum.accumulate(np.where(new, number, 0), axis=0)
    pairs = rows[real], targets[real]
    kept = new.any(axis=1)
    places = np.flatnonzero(new[kept])
    return Beginnings(
        inputs[new],
        places % inputs.shape[1],
        rows[kept],
        places,
        *(_counted(*pairs) if shared else _once(*pairs)),
    )


def _counted(states: Ints, targets: Ints) -> tuple[Ints, Ints, Ints]:
    """Each pair once, and how often it is there."""
    above = int(targets.max(initial=0)) + 1
    pairs, counts = np.unique(states * above + targets, return_counts=True)
    return pairs // above, pairs % above, counts


def _once(states: Ints, targets: Ints) -> tuple[Ints, Ints, Ints]:
    return states, targets, np.ones(len(states), np.int64)
