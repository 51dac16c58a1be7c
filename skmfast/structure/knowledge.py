"""Structure function over what is known of a labelled corpus: its syntax, and its k most frequent elements.

A model says how often each template was used, or nothing of that; and of the k elements that most sentences
are about: name, all attributes, and number of sentences. Sentences about other elements spell out name and
attributes each time. docs/theory.md gives the bits; both parts are exact and decodable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from skmfast.corpora.labelled import LabelledCorpus
from skmfast.laws.weights import FiniteWeights
from skmfast.sources.syntax_knowledge import SyntaxKnowledge
from skmfast.sources.templates import TemplateSyntax
from skmfast.structure.curve import StructureFunction, lower_hull

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Elements:
    """Elements from the most frequent on: what keeping each costs and saves, and those it is."""

    numbers: Ints
    counts: Ints
    model_bits: Floats
    saved_bits: Floats


def knowledge_curve(corpus: LabelledCorpus) -> StructureFunction:
    """Structure function of a labelled corpus over the k most frequent elements and the syntax.

    Parameters
    ----------
    corpus : LabelledCorpus
        Of a source with templates.

    Returns
    -------
    StructureFunction
        With the capacity law as ``overlay``: the same curve expected from the true frequencies, when every
        element kept costs the bits of a content and saves what a sentence tells of it.

    Raises
    ------
    TypeError
        If the corpus is none, or its source's syntax has no templates.
    ValueError
        If it has no sentences.
    CorpusError
        If it contradicts itself.
    """
    if not isinstance(corpus, LabelledCorpus):
        raise TypeError(f"corpus: {type(corpus).__name__} is no LabelledCorpus")
    if corpus.num_sentences == 0:
        raise ValueError("corpus: it is empty")
    source = SyntaxKnowledge.from_dict(corpus.source)
    if not isinstance(source.syntax, TemplateSyntax):
        raise TypeError(f"corpus: its syntax is a {type(source.syntax).__name__}, which has no templates")
    stated = _stated_bits(source, corpus)
    elements = _elements(source, corpus, stated)
    plain, syntax_model, syntax_saved = _syntax_bits(source, corpus)
    base = plain + corpus.num_sentences * float(source.contents.name_bits(0)) + stated.sum()

    model = np.append(0.0, np.cumsum(elements.model_bits))
    data = np.append(0.0, -np.cumsum(elements.saved_bits))
    kept = np.array(lower_hull(model.tolist(), data.tolist()))
    steps = np.stack([np.diff(model[kept]), -np.diff(data[kept])], axis=1)
    place = (
        int(np.searchsorted(-steps[:, 1] / steps[:, 0], -syntax_saved / syntax_model)) if syntax_model else -1
    )
    if place >= 0:
        steps = np.insert(steps, place, [syntax_model, syntax_saved], axis=0)
    model_bits = np.cumsum(np.append(_size_bits(corpus), steps[:, 0]))
    data_bits = base - np.append(0.0, np.cumsum(steps[:, 1]))
    return StructureFunction(
        "syntax-knowledge",
        model_bits,
        data_bits,
        corpus.num_sentences,
        "sentence",
        _describer(source, corpus, elements, kept, place),
        overlay=_capacity_law(source, corpus, stated, plain - syntax_saved, model_bits[0] + syntax_model),
        metadata={
            "elements": len(elements.numbers),
            "syntax_point": place + 1,
            "content_bits": source.contents.total_bits,
            "seed": corpus.seed,
        },
    )


def _size_bits(corpus: LabelledCorpus) -> float:
    """How many elements are kept, of all sentences' number: none. More of them: see `_elements`."""
    n = corpus.num_sentences + 1
    return float(np.log2(2) + np.log2(n / (n + 1)))


def _stated_bits(source: SyntaxKnowledge, corpus: LabelledCorpus) -> Floats:
    """Bits of the attributes that each sentence states, drawn from the base measure."""
    from skmfast.codes.sentence_syntax import statements_of

    attributes, _ = statements_of(source, corpus)
    masks = np.bitwise_or.reduce(np.uint64(1) << attributes.astype(np.uint64), axis=1)
    values = source.contents.values(np.arange(len(corpus.counts)), corpus.seed)
    return source.contents.known_bits(values[np.asarray(corpus.elements)], masks)


def _elements(source: SyntaxKnowledge, corpus: LabelledCorpus, stated: Floats) -> _Elements:
    about = np.asarray(corpus.elements).astype(np.int64)
    found = np.bincount(about, minlength=1)
    told = np.bincount(about, weights=stated, minlength=1)
    order = np.lexsort((np.arange(found.size), -found))
    numbers = order[found[order] > 0]
    counts = found[numbers]
    rank = np.arange(len(numbers))
    left = corpus.num_sentences - np.append(0, np.cumsum(counts)[:-1])
    most = np.minimum(np.append(corpus.num_sentences, counts[:-1]), left)
    everything = np.full(len(numbers), (1 << len(source.contents.stated)) - 1, np.uint64)
    contents = source.contents.known_bits(source.contents.values(numbers, corpus.seed), everything)
    model = source.contents.name_bits(rank) + contents + np.log2(most) + np.log2((rank + 3) / (rank + 1))
    saved = counts * float(source.contents.name_bits(0)) + told[numbers] - _log2_choose(left, counts)
    return _Elements(numbers, counts, model, saved)


def _log2_choose(n: Ints, k: Ints) -> Floats:
    from scipy.special import gammaln

    nats = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return np.asarray(nats / np.log(2))


def _syntax_bits(source: SyntaxKnowledge, corpus: LabelledCorpus) -> tuple[float, float, float]:
    """Data bits of the syntax without a model; and what one costs and saves."""
    from skmfast.codes.sentence_syntax import syntax_code

    syntax = source.syntax
    assert isinstance(syntax, TemplateSyntax)
    counts = syntax_code(source).count(corpus, slice(None)).astype(np.int64)
    choices = np.broadcast_to(np.asarray(syntax.num_templates), counts.shape[:2])
    used = counts.sum(axis=2)
    uniform = used * np.log2(choices)
    cost = _log2_choose(used + choices - 1, choices - 1)
    from scipy.special import gammaln

    counted = (gammaln(used + 1.0) - gammaln(counts + 1.0).sum(axis=2)) / np.log(2)
    plain = corpus.num_sentences * syntax.choice_bits + float(uniform.sum())
    return plain, float(cost.sum()), float((uniform - counted).sum())


def _describer(
    source: SyntaxKnowledge, corpus: LabelledCorpus, elements: _Elements, kept: Ints, syntax_place: int
) -> Callable[[int, int], tuple[tuple[str, ...], int]]:
    name = source.contents.attribute_names[0]

    def describe(place: int, most: int) -> tuple[tuple[str, ...], int]:
        step = place - 1
        if step == syntax_place:
            return ("syntax",), 1
        step -= 0 <= syntax_place < step
        first, last = int(kept[step]), int(kept[step + 1])
        shown = slice(first, min(last, first + most))
        values = source.contents.values(elements.numbers[shown], corpus.seed)
        texts = source.contents.text(name, values)
        counts = elements.counts[shown].tolist()
        return tuple(f"{text} ({n:,})" for text, n in zip(texts, counts, strict=True)), last - first

    return describe


def _capacity_law(
    source: SyntaxKnowledge, corpus: LabelledCorpus, stated: Floats, syntax_bits: float, model_bits: float
) -> dict[str, object]:
    """C bits keep the C / H0 most frequent elements; a sentence about another one tells all it states."""
    n, content = corpus.num_sentences, float(source.contents.total_bits)
    told = float(source.contents.name_bits(0)) + float(stated.mean())
    frequencies = np.asarray(corpus.frequencies)
    weights = FiniteWeights(frequencies[frequencies > 0])
    count = len(weights.values)
    rank = np.unique(np.geomspace(1, count, 200).astype(np.int64))
    unseen = max(1.0 - float(frequencies.sum()), 0.0)
    kept = weights.values * (1 - unseen)
    rest = np.maximum(1.0 - np.cumsum(kept), 0.0)[rank - 1]
    identity = np.cumsum(-kept * np.log2(kept))[rank - 1]
    identity -= np.where(rest > 0, rest * np.log2(np.where(rest > 0, rest, 1)), 0.0)
    return {
        "name": "capacity law",
        "model_bits": model_bits + rank * content,
        "data_bits": syntax_bits + n * (identity + rest * told),
    }
