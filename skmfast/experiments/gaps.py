"""What a finished run pays above the Bayes mixture, from its table of sentences: a check on every run.

A network that was trained on one corpus and nothing else cannot know more than the mixture does. One that
seems to has read what it was tested on, or is measured wrongly; see `skmfast.experiments.bayes`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from skmfast.experiments.bayes import BelowBayesError, Gap, check_not_below

if TYPE_CHECKING:
    from skmfast.experiments.runs import RunResult


def gap_of(result: RunResult) -> Gap | None:
    """Knowledge bits of a run's test sentences above the Bayes mixture's; None where it is no bound for them.

    It is none for runs that start from another one or are trained on several corpora, for Zipf frequencies,
    whose exponent the mixture does not know, and where elements are of several kinds.
    """
    trained = [place for place, each in enumerate(result.configuration.corpora) if each.share > 0]
    corpus = result.configuration.corpora[trained[0]].corpus
    if result.configuration.initial is not None or len(trained) > 1:
        return None
    if corpus.frequencies == "zipf" or corpus.kinds > 1:
        return None
    columns = {name: result.sentences[name].to_numpy() for name in result.sentences.column_names}
    more = columns["network_knowledge_bits"] - columns["bayes_knowledge_bits"]
    more = more[columns["corpus"] == trained[0]]
    if more.size < 2:
        return None
    # Test sentences share what the training leaves open; see `skmfast.experiments.bayes.Gap`.
    error = float(np.std(more, ddof=1)) * math.sqrt(1 / more.size + 1 / corpus.sentences)
    return Gap("knowledge", math.fsum(more) / more.size, error, more.size)


def below_bayes(result: RunResult) -> str | None:
    """Why a run cannot be right; None if nothing speaks against it."""
    found = gap_of(result)
    if found is None:
        return None
    try:
        check_not_below(found)
    except BelowBayesError as error:
        return str(error)
    return None
