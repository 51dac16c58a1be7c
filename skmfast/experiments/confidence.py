"""How sure a network is of the value that it would give, whether that is right or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from skmfast.experiments.evaluation import check_reading, reading, sentence_batches

if TYPE_CHECKING:
    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.experiments.evaluation import HeadedModel

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network would say where each sentence states its value; arrays of shape (sentences,).

    Attributes
    ----------
    correct : ndarray of float64
        1 where the value is what it would say, token by token, else 0.
    confidence : ndarray of float64
        Probability of what it would say: product of the largest probability at each of the value's tokens.
    brier : ndarray of float64
        Sum over tokens of the squared difference of their probability and what is true, at the value's first
        token: 0 at best, 2 at worst.
    """

    correct: Floats
    confidence: Floats
    brier: Floats


def answers(
    model: HeadedModel, corpus: LabelledCorpus, *, batch_sentences: int = 256, precision: str = "float32"
) -> Answers:
    """Answers of a network to the beginnings of sentences, up to the value they state.

    Parameters
    ----------
    model : HeadedModel
    corpus : LabelledCorpus
        Sentences of one statement each.
    batch_sentences, precision
        As in `skmfast.experiments.evaluation.evaluate`.

    Raises
    ------
    ValueError
        If sentences state several values, or a setting is out of its range.
    """
    check_reading(batch_sentences, precision)
    if corpus.statements.shape[1] != 1:
        raise ValueError(f"corpus: {corpus.statements.shape[1]} statements a sentence, not one")
    number, tokens = corpus.num_sentences, np.asarray(corpus.tokens)
    is_value = np.asarray(corpus.labels) > 1
    sentence = np.repeat(np.arange(number), np.diff(np.asarray(corpus.offsets)).astype(np.int64))
    correct, confidence, brier = np.ones(number), np.ones(number), np.zeros(number)
    with reading(model, precision) as device:
        for inputs, places, real in sentence_batches(tokens, corpus.offsets, batch_sentences):
            here = is_value[places]
            states = model(torch.from_numpy(inputs).to(device))[torch.from_numpy(real).to(device)]
            chosen = states[torch.from_numpy(here).to(device)]
            shares = torch.softmax((chosen @ model.head.T).float(), dim=-1).cpu().numpy()
            at = places[here]
            about, targets = sentence[at], tokens[at].astype(np.int64)
            true = np.take_along_axis(shares, targets[:, None], 1)[:, 0]
            # Several tokens of one value come one after another: every one of them has to be right.
            np.multiply.at(correct, about, shares.argmax(axis=1) == targets)
            np.multiply.at(confidence, about, shares.max(axis=1))
            first = np.unique(about, return_index=True)[1]
            squares = np.einsum("nv,nv->n", shares, shares, dtype=np.float64)
            brier[about[first]] = (squares - 2.0 * true + 1.0)[first]
    return Answers(correct, confidence, brier)
