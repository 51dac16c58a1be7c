"""CorpusConfiguration: what a corpus of an experiment is, in plain values; its training and test sentences.

A corpus is sentences in the order of one stream, fixed by the seed. Sentences of a stream are exchangeable,
so those after the training sentences are a test set: fresh sentences about the same elements, in the same
syntax.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from skmfast.corpora.element_table import ElementTable
from skmfast.corpora.labelled import LabelledCorpus
from skmfast.corpora.sentences import Sentences
from skmfast.experiments.people import people
from skmfast.sources.biographies import Biographies
from skmfast.sources.frequencies import Frequencies, PitmanYor, Uniform, Zipf
from skmfast.sources.generate import generate
from skmfast.sources.rendering import SentenceRenderer

if TYPE_CHECKING:
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge
    from skmfast.sources.vocabulary import Vocabulary

SOURCES = ("people", "biographies")
FREQUENCIES = ("pitman-yor", "zipf", "uniform")
FORMS = ("statements", "questions")


@dataclass(frozen=True)
class CorpusConfiguration:
    """What a corpus is: everything that decides it.

    Attributes
    ----------
    source : {"people", "biographies"}
        `skmfast.experiments.people.people` or `skmfast.sources.biographies.Biographies`.
    frequencies : {"pitman-yor", "zipf", "uniform"}
    discount, concentration : float
        Of Pitman-Yor frequencies.
    exponent : float
        Of Zipf frequencies.
    elements : int
        Number of elements of Zipf and of uniform frequencies.
    sentences : int
        Sentences of the corpus.
    seed : int
        Contents of the elements, template probabilities and sentences follow from it: configurations with
        the same seed and source are about the same elements, whatever their frequencies and form.
    form : {"statements", "questions"}
        The same facts as statements, or as questions with their answers. Tokens mean the same in both.
    statements : int
        Attributes stated in a sentence.
    first_sentence : int
        Place of the first sentence in the stream.
    first_element : int
        Number of the first element: another one makes a corpus about others of the same people.
    kinds : int
        Kinds of elements; each prefers templates of its own.
    prior : float
        Parameter of the Dirichlet prior of the template probabilities.
    first, last, values, attributes, templates
        Of "people" alone: numbers of names, of values, attributes and templates.

    Raises
    ------
    ValueError
        If a value is out of its domain; the message names it.

    Examples
    --------
    >>> configuration = CorpusConfiguration(discount=0.5, sentences=1000, seed=1)
    >>> training, test = training_and_test(configuration, 200)
    >>> training.num_sentences, test.num_sentences, len(training.counts) == len(test.counts)
    (1000, 200, True)
    >>> bool((training.counts[test.elements] == 0).any())  # some elements come in the test alone
    True
    """

    source: str = "people"
    frequencies: str = "pitman-yor"
    discount: float = 0.5
    concentration: float = 1.0
    exponent: float = 2.0
    elements: int = 1000
    sentences: int = 100_000
    seed: int = 0
    form: str = "statements"
    statements: int = 1
    first_sentence: int = 0
    first_element: int = 0
    kinds: int = 1
    prior: float = 1.0
    first: int = 128
    last: int = 128
    values: int | tuple[int, ...] = 64
    attributes: int = 3
    templates: int = 3

    def __post_init__(self) -> None:
        for name, known in (("source", SOURCES), ("frequencies", FREQUENCIES), ("form", FORMS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r}: not one of {', '.join(known)}")
        for name, least in (("sentences", 1), ("elements", 1), ("first_sentence", 0), ("first_element", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)}: less than {least}")
        if not 0 <= self.seed < 1 << 64:
            raise ValueError(f"seed={self.seed}: outside 0 to 2^64 - 1")
        if not isinstance(self.values, int):
            object.__setattr__(self, "values", tuple(self.values))
        if self.form == "questions" and self.statements != 1:
            raise ValueError(f"statements={self.statements}: a question asks for one attribute")
        names = self.stating().contents.num_names
        needed = self.first_element + (0 if self.frequencies == "pitman-yor" else self.elements)
        if needed > names:
            raise ValueError(f"first_element, elements: {needed:,} elements; there are {names:,} names")

    def law(self) -> Frequencies:
        """How often each element comes."""
        if self.frequencies == "pitman-yor":
            return PitmanYor(self.discount, self.concentration)
        return Zipf(self.exponent, self.elements) if self.frequencies == "zipf" else Uniform(self.elements)

    def stating(self) -> SyntaxKnowledge:
        """The source of the statements, which knows the questions too."""
        law = cast("Hashable", self.law())
        sizes = self.first, self.last, self.values, self.attributes, self.templates
        return _stating(self.source, law, self.statements, self.kinds, self.prior, sizes)

    def syntax_knowledge(self) -> SyntaxKnowledge:
        """The source that sentences are from: that of the statements, or of the questions."""
        source = self.stating()
        return source if self.form == "statements" else source.questions()

    def vocabulary(self) -> Vocabulary:
        """The vocabulary of statements and questions together; token 0 is the line end."""
        return self.stating().words

    def corpus(self, sentences: int | None = None, first: int | None = None) -> LabelledCorpus:
        """The corpus, in memory.

        Parameters
        ----------
        sentences, first : int, optional
            In place of ``sentences`` and ``first_sentence``.

        Raises
        ------
        ValueError
            If a number is out of range, or there are not enough names for the elements drawn.
        """
        number = self.sentences if sentences is None else sentences
        begin = self.first_sentence if first is None else first
        if number < 1 or begin < 0:
            raise ValueError(f"sentences={number}, first={begin}: not at least 1 and 0")
        law = self.law()
        drawn = law.elements(begin + number, self.seed)
        weights, _ = law.weights(np.bincount(drawn), self.seed)
        return _about(self, drawn[begin:], begin, weights)

    def corpus_about(self, elements: npt.ArrayLike, first: int = 0) -> LabelledCorpus:
        """Sentences about given elements, one about each, whether the stream would meet them or not.

        Parameters
        ----------
        elements : array_like of integers, shape (n,)
            Counted from ``first_element``.
        first : int
            Number of the first sentence, which decides attributes and templates.
        """
        chosen = np.asarray(elements, np.uint32)
        known = 0 if chosen.size == 0 else int(chosen.max()) + 1
        return _about(self, chosen, first, np.zeros(known))


@functools.lru_cache(maxsize=16)
def _stating(
    source: str, law: Any, statements: int, kinds: int, prior: float, sizes: tuple[Any, ...]
) -> SyntaxKnowledge:
    if source == "biographies":
        return Biographies(law, statements=statements, kinds=kinds, prior=prior)
    first, last, values, attributes, templates = sizes
    return people(
        law,
        first=first,
        last=last,
        values=values,
        attributes=attributes,
        templates=templates,
        kinds=kinds,
        prior=prior,
        statements=statements,
    )


def training_and_test(
    configuration: CorpusConfiguration, test_sentences: int, folder: Path | None = None
) -> tuple[LabelledCorpus, LabelledCorpus]:
    """A corpus, and the sentences that follow it in its stream.

    Parameters
    ----------
    configuration : CorpusConfiguration
        Of the training corpus.
    test_sentences : int
        At least 1.
    folder : path, optional
        Where both lie as one corpus, or will; they are mapped from there, and need no memory.

    Returns
    -------
    training, test : LabelledCorpus
        Both have the same elements with the same frequencies; ``counts`` are those of each, 0 for elements
        that it does not mention.

    Raises
    ------
    ValueError
        If a number is out of range, or the folder holds another corpus; or if a corpus in a folder is to be
        questions, or to begin elsewhere than at the first sentence and element.
    CorpusError
        If the folder is no corpus.
    """
    if test_sentences < 1:
        raise ValueError(f"test_sentences={test_sentences}: less than 1")
    total = configuration.sentences + test_sentences
    if folder is None:
        return split(configuration.corpus(total), configuration.sentences)
    if configuration.form != "statements" or configuration.first_sentence or configuration.first_element:
        raise ValueError("a corpus in a folder is of statements, from the first sentence and element on")
    source = configuration.syntax_knowledge()
    if not folder.exists():
        generate(source, total, folder, configuration.seed)
    corpus = LabelledCorpus.open(folder)
    if (corpus.source, corpus.seed, corpus.num_sentences) != (source.to_dict(), configuration.seed, total):
        raise ValueError(f"{folder}: holds another corpus than the configuration's")
    return split(corpus, configuration.sentences)


def split(corpus: LabelledCorpus, at: int) -> tuple[LabelledCorpus, LabelledCorpus]:
    """Sentences 0, ..., at - 1 and the others, as two corpora about the same elements.

    Raises
    ------
    ValueError
        If one of them would be empty.
    """
    if not 0 < at < corpus.num_sentences:
        raise ValueError(f"at={at:,}: not inside of {corpus.num_sentences:,} sentences")
    return _part(corpus, 0, at), _part(corpus, at, corpus.num_sentences)


def _part(corpus: LabelledCorpus, begin: int, end: int) -> LabelledCorpus:
    sentences = corpus.sentences.part(begin, end)
    counts = np.bincount(sentences.elements, minlength=len(corpus.counts)).astype(np.uint64)
    table = corpus.element_table
    return LabelledCorpus(
        sentences,
        ElementTable(table.attributes, counts, table.frequencies, table.texts),
        corpus.vocabulary,
        corpus.source,
        corpus.seed,
    )


def _about(
    configuration: CorpusConfiguration,
    elements: npt.NDArray[np.uint32],
    first: int,
    weights: npt.NDArray[np.float64],
) -> LabelledCorpus:
    """Sentences first, first + 1, ... about these elements, whose frequencies are ``weights``."""
    source, seed = configuration.syntax_knowledge(), configuration.seed
    shifted = elements + np.uint32(configuration.first_element)
    sentences = SentenceRenderer(source, seed).render(first, shifted)
    vocabulary = configuration.vocabulary()
    if configuration.form == "questions":
        sentences = _in_vocabulary(sentences, source.words, vocabulary)
    frequencies = np.concatenate([np.zeros(configuration.first_element), weights])
    counts = np.bincount(shifted, minlength=frequencies.size).astype(np.uint64)
    table = ElementTable(source.contents.attribute_names, counts, frequencies, _Texts(source, seed))
    return LabelledCorpus(sentences, table, vocabulary.to_dict(), source.to_dict(), seed)


def _in_vocabulary(sentences: Sentences, own: Vocabulary, other: Vocabulary) -> Sentences:
    """The same sentences with the token ids of another vocabulary that has the same pieces and more."""
    places = {piece: place for place, piece in enumerate(other.pieces)}
    table = np.array([places[piece] for piece in own.pieces], dtype=other.dtype)
    columns = {name: getattr(sentences, name) for name in Sentences.columns()}
    return Sentences(**{**columns, "tokens": table[sentences.tokens]})


class _Texts:
    """Texts of elements, made when they are asked for."""

    def __init__(self, source: SyntaxKnowledge, seed: int) -> None:
        self._contents, self._seed = source.contents, seed

    def __call__(self, begin: int, end: int) -> dict[str, list[str]]:
        values = self._contents.values(np.arange(begin, end, dtype=np.uint64), self._seed)
        return {name: self._contents.text(name, values) for name in self._contents.attribute_names}
