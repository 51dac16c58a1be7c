"""Code lengths of a training run: its corpus under the final network, as it was first met, and in two parts.

The final network is no code by itself, since nobody else has its weights: with the weights sent ahead it is
(two-part), and so is the training run, in which each batch is coded before it is learnt (prequential).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from skmfast.experiments.evaluation import evaluate

if TYPE_CHECKING:
    import pyarrow as pa

    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.experiments.evaluation import HeadedModel

FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class TwoPart:
    """A corpus and the network that codes it.

    Attributes
    ----------
    parameters : int
        Numbers that are sent ahead; a matrix that is used twice counts once.
    bits_per_parameter : int
    syntax_bits, knowledge_bits : float
        Of the corpus under the network as it was sent.
    """

    parameters: int
    bits_per_parameter: int
    syntax_bits: float
    knowledge_bits: float

    @property
    def model_bits(self) -> float:
        """What is sent ahead."""
        return float(self.parameters * self.bits_per_parameter)

    @property
    def data_bits(self) -> float:
        """The corpus under the network."""
        return self.syntax_bits + self.knowledge_bits

    @property
    def bits(self) -> float:
        """Both parts."""
        return self.model_bits + self.data_bits


def two_part(
    model: HeadedModel, corpus: LabelledCorpus, *, weights: str = "float32", batch_sentences: int = 256
) -> TwoPart:
    """A corpus as a network and the corpus under it; with 32-bit weights, data bits are those of the network.

    Parameters
    ----------
    model : HeadedModel and nn.Module
        Left as it is.
    corpus : LabelledCorpus
        Usually the training corpus.
    weights : {"float32", "bfloat16", "float16"}
        What weights are rounded to. They are computed with in float32.
    batch_sentences : int
        See `skmfast.experiments.evaluation.evaluate`.

    Raises
    ------
    TypeError
        If the model is no module: its parameters cannot be counted.
    ValueError
        If ``weights`` is none of these.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: a {type(model).__name__} is no torch module")
    if weights not in FORMATS:
        raise ValueError(f"weights={weights!r}: not one of {', '.join(FORMATS)}")
    kept = FORMATS[weights]
    rounded = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in rounded.parameters():
            parameter.copy_(parameter.to(kept))
    found = evaluate(rounded, corpus, batch_sentences=batch_sentences)
    return TwoPart(
        sum(parameter.numel() for parameter in rounded.parameters()),
        kept.itemsize * 8,
        math.fsum(found.syntax_bits),
        math.fsum(found.knowledge_bits),
    )


def prequential_bits(curve: pa.Table, num_sentences: int) -> float:
    """Bits of a training corpus as the run first met it: each batch under the network before its step.

    Parameters
    ----------
    curve : pyarrow.Table
        Of a run on one corpus: ``sentences``, ``tokens`` and ``loss_bits_per_token`` of each step.
    num_sentences : int
        Sentences of the corpus.

    Raises
    ------
    ValueError
        If the run did not read all of the corpus once, or no step ends where the first epoch does.

    Examples
    --------
    >>> import pyarrow as pa
    >>> columns = {"sentences": [2, 2, 2], "tokens": [10, 12, 9], "loss_bits_per_token": [4.0, 3.0, 1.0]}
    >>> prequential_bits(pa.table(columns), 4)  # the third step begins the second epoch
    76.0
    """
    read = np.cumsum(curve["sentences"].to_numpy())
    if not read.size or read[-1] < num_sentences:
        raise ValueError(
            f"the run read {int(read[-1]) if read.size else 0:,} sentences; the corpus has {num_sentences:,}"
        )
    last = int(np.searchsorted(read, num_sentences))
    if read[last] != num_sentences:
        raise ValueError(
            f"no step ends after {num_sentences:,} sentences: the run is not of one corpus in epochs"
        )
    bits = curve["loss_bits_per_token"].to_numpy() * curve["tokens"].to_numpy()
    return math.fsum(bits[: last + 1])
