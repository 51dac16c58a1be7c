"""Classes of elements by how frequent they are: by their count in the training, or by their true rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FrequencyClasses:
    """Elements in classes that double in what they span.

    Attributes
    ----------
    by : str
        ``"count"`` or ``"rank"``: what ``low`` and ``high`` are.
    low, high : ndarray of int64, shape (classes,)
        Least and greatest count or rank of each class.
    of_elements : ndarray of int64, shape (elements,)
        Class of each element.
    """

    by: str
    low: Ints
    high: Ints
    of_elements: Ints

    def __len__(self) -> int:
        return self.low.size


def classes_by_count(counts: npt.ArrayLike) -> FrequencyClasses:
    """Classes of elements that the training mentions 0, 1, 2 to 3, 4 to 7, ... times.

    Parameters
    ----------
    counts : array_like of integers, shape (elements,)
        Training sentences about each; of a training corpus, its ``counts``.

    Examples
    --------
    >>> classes = classes_by_count([9, 3, 0, 1, 2])
    >>> classes.of_elements.tolist(), classes.low.tolist(), classes.high.tolist()
    ([4, 2, 0, 1, 2], [0, 1, 2, 4, 8], [0, 1, 3, 7, 15])
    """
    number = _octaves(np.asarray(counts).astype(np.int64))
    places = np.arange(int(number.max(initial=0)) + 1)
    return FrequencyClasses("count", (1 << places) // 2, (1 << places) - 1, number)


def classes_by_rank(frequencies: npt.ArrayLike) -> FrequencyClasses:
    """Classes of elements of true rank 1, 2 to 3, 4 to 7, ...

    Parameters
    ----------
    frequencies : array_like of float, shape (elements,)
        True probability of each; of a corpus, its ``frequencies``. Equal ones keep their order.

    Examples
    --------
    >>> classes_by_rank([0.1, 0.5, 0.2, 0.05]).of_elements.tolist()
    [1, 0, 1, 2]
    """
    given = np.asarray(frequencies, np.float64)
    rank = np.empty(given.size, np.int64)
    rank[np.argsort(-given, kind="stable")] = np.arange(1, given.size + 1)
    number = _octaves(rank) - 1
    places = np.arange(int(number.max(initial=0)) + 1)
    return FrequencyClasses("rank", 1 << places, (2 << places) - 1, number)


def _octaves(numbers: Ints) -> Ints:
    """Binary digits of each number."""
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int64)
