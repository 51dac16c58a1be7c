"""A trained network beside the Bayes mixture and the oracle, sentence by sentence.

The mixture's bits of a test sentence are exact, given the training corpus. In the mean over the prior no
predictor that has seen the training alone pays less for knowledge: a network that seems to has seen more, or
is measured wrongly. `check_not_below` says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from skmfast.codes.bayes_given import PredictiveBits
from skmfast.codes.bayes_mixture import BayesMixture
from skmfast.codes.oracle import Oracle
from skmfast.experiments.errors import ExperimentError
from skmfast.sources.frequencies import Zipf

if TYPE_CHECKING:
    import numpy.typing as npt

    from skmfast.codes.knowledge import KnowledgeLengths, SentenceBits
    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.experiments.evaluation import Evaluation
    from skmfast.experiments.runs import RunResult
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge

PARTS = ("knowledge", "syntax", "name", "value", "total")
_TOGETHER = {"knowledge": "knowledge_bits", "syntax": "syntax_bits", "total": "bits"}
STANDARD_ERRORS = 4.0  # by chance once in 30,000
SURPRISE_BITS = 20.0  # by chance at most once in a million


class BelowBayesError(ExperimentError):
    """A network pays less than the Bayes mixture: it knows what the training does not say."""


@dataclass(frozen=True)
class Gap:
    """What a network pays above the Bayes mixture.

    Attributes
    ----------
    part : str
        The part of sentences that is compared.
    mean_bits : float
        Mean difference, a sentence.
    error_bits : float
        Its standard error: the standard deviation times sqrt(1/M + 1/N). Test sentences share what N training
        sentences leave open, so that their mean strays even where their number M is without limit.
    sentences : int
        M.
    joint_bits : float
        What the network pays for all sentences above what the mixture pays that learns from one sentence for
        the next; nan where that was not asked for. Below -b with probability at most 2^-b.
    bound : bool
        Whether the mixture is a lower bound for this part: its prior is the source's, and the part can be
        told from the others.
    """

    part: str
    mean_bits: float
    error_bits: float
    sentences: int
    joint_bits: float = math.nan
    bound: bool = True

    def __str__(self) -> str:
        return f"{self.part}: {self.mean_bits:+.4f} ± {self.error_bits:.4f} bits a sentence"


def predictive_bits(training: LabelledCorpus, test: LabelledCorpus) -> PredictiveBits:
    """Bits of each test sentence under the Bayes mixture given the training corpus alone.

    Raises
    ------
    ValueError
        If the corpora are of different sources or seeds.
    CorpusError
        If one contradicts itself.
    """
    return BayesMixture().given(training).of_corpus(test)


def oracle_bits(test: LabelledCorpus) -> PredictiveBits:
    """Bits of each test sentence for one who knows the source: of knowledge, which element it is about."""
    each = cast("SentenceBits", Oracle().of_corpus(test, per_sentence=True).per_sentence)
    nothing = np.zeros(test.num_sentences)
    return PredictiveBits(each.partition, nothing, nothing, each.syntax)


def together_bits(training: LabelledCorpus, test: LabelledCorpus) -> KnowledgeLengths:
    """Bits of all test sentences under the Bayes mixture that learns from one for the next."""
    return BayesMixture().given(training).together(test)


def gap(
    evaluation: Evaluation,
    predictive: PredictiveBits,
    part: str = "knowledge",
    together: KnowledgeLengths | None = None,
) -> Gap:
    """Mean of what a network pays for a part of sentences above what a code pays, and its standard error.

    Parameters
    ----------
    evaluation : Evaluation
        Of test sentences.
    predictive : PredictiveBits
        Of the same sentences, from `predictive_bits` or `oracle_bits`.
    part : {"knowledge", "syntax", "name", "value", "total"}
    together : KnowledgeLengths, optional
        From `together_bits`; of "knowledge", "syntax" and "total" alone.

    Raises
    ------
    ValueError
        If the sentences are not as many, or the part is another.
    """
    if part not in PARTS:
        raise ValueError(f"part={part!r}: not one of {', '.join(PARTS)}")
    network, code = getattr(evaluation, f"{part}_bits"), getattr(predictive, part)
    if network.shape != code.shape:
        raise ValueError(f"{network.size:,} sentences of the network, {code.size:,} of the code")
    joint = math.nan
    if together is not None and part in _TOGETHER:
        joint = math.fsum(network) - getattr(together, _TOGETHER[part])
    mean, error = _mean_and_error(network - code, predictive.training_sentences)
    return Gap(part, mean, error, network.size, joint, is_bound(evaluation.corpus, part))


def check_not_below(found: Gap, standard_errors: float = STANDARD_ERRORS) -> None:
    """Refuse a network that pays less than the Bayes mixture.

    Parameters
    ----------
    found : Gap
        Of a network that was trained on the training corpus and on nothing else.
    standard_errors : float
        How far below 0 the mean may lie.

    Raises
    ------
    BelowBayesError
        If the mean lies further below, or all sentences together cost so little that chance does not
        explain it: the network has read what it was tested on, or is measured wrongly.
    ValueError
        If the mixture is no lower bound for the part.
    """
    if not found.bound:
        raise ValueError(f"part {found.part!r}: the mixture is no lower bound for it on this corpus")
    told = "the network, or its evaluation, knows what the training does not say"
    if found.mean_bits < -standard_errors * found.error_bits:
        raise BelowBayesError(
            f"{found}, more than {standard_errors:g} standard errors below the Bayes mixture: {told}"
        )
    if found.joint_bits < -SURPRISE_BITS:
        raise BelowBayesError(
            f"{found.part}: all {found.sentences:,} sentences cost {-found.joint_bits:,.0f} bits less than"
            f" under the mixture, by chance with probability 2^-{-found.joint_bits:.0f} at most: {told}"
        )


def gap_of_run(result: RunResult, part: str | None = None) -> Gap | None:
    """What the final network of a run pays above the Bayes mixture, from its table of test sentences.

    Parameters
    ----------
    result : RunResult
        Of a run that is done.
    part : {"knowledge", "syntax", "total"}, optional
        By default knowledge, and whole sentences where that is no part by itself.

    Returns
    -------
    Gap or None
        None where there is nothing to compare with: of a run that is not done, that went on from another or
        read several corpora, which say of each other, or whose corpus the mixture has no prior for.
    """
    trained = [place for place, each in enumerate(result.configuration.corpora) if each.share > 0]
    if result.status != "done" or result.configuration.initial is not None or len(trained) > 1:
        return None
    corpus = result.configuration.corpora[trained[0]].corpus
    source = corpus.syntax_knowledge()
    chosen = part or ("knowledge" if source.syntax.kinds == 1 else "total")
    if not _is_bound(source, chosen):
        return None
    columns = {name: result.sentences[name].to_numpy() for name in result.sentences.column_names}
    here = columns["corpus"] == trained[0]
    of = ("name", "value", "syntax") if chosen == "total" else (chosen,)
    above = sum(columns[f"network_{each}_bits"] - columns[f"bayes_{each}_bits"] for each in of)[here]
    return Gap(chosen, *_mean_and_error(above, corpus.sentences), above.size)


def below_bayes(found: Gap | None) -> str | None:
    """Why a run with this gap cannot be right; None if nothing speaks against it, or there is no gap."""
    if found is None:
        return None
    try:
        check_not_below(found)
    except BelowBayesError as error:
        return str(error)
    return None


def _mean_and_error(values: npt.NDArray[np.float64], training_sentences: float) -> tuple[float, float]:
    mean = math.fsum(values) / values.size
    if values.size < 2:
        return mean, math.nan
    return mean, float(np.std(values, ddof=1)) * math.sqrt(1 / values.size + 1 / training_sentences)


def is_bound(corpus: LabelledCorpus, part: str) -> bool:
    """Whether no network trained on a corpus of this source can pay less, in the mean, than the mixture.

    For whole sentences it cannot. For knowledge and for syntax it cannot where templates do not depend on the
    element (one kind), because then each is drawn by itself and a network's bits for the tokens of one are a
    code for it, given the other. For names and for values also the name must come first. The mixture must
    have the source's prior: it has not for Zipf frequencies, whose exponent it does not know, nor of syntax
    with given probabilities.
    """
    return _is_bound(BayesMixture().source_of(corpus), part) and (
        part not in ("name", "value") or _names_come_first(corpus)
    )


def _is_bound(source: SyntaxKnowledge, part: str) -> bool:
    if isinstance(source.frequencies, Zipf) and part != "syntax":
        return False
    if part in ("syntax", "total") and "probabilities" in source.syntax.to_dict():
        return False
    return part == "total" or source.syntax.kinds == 1


def _names_come_first(corpus: LabelledCorpus) -> bool:
    """Whether in every sentence the first token that is not syntax is the name's."""
    labels = np.asarray(corpus.labels)
    told = np.flatnonzero(labels)
    first = np.searchsorted(told, np.asarray(corpus.offsets[:-1]))
    return bool((labels[told[np.minimum(first, told.size - 1)]] == 1).all())
