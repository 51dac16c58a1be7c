"""SyntaxKnowledge: how often elements come, what there is to know of them, and how it is said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from skmfast.sources.chain_plan import chain_plan, chain_texts, check_words
from skmfast.sources.compiler import all_texts, check_templates, kind_column, render_plan
from skmfast.sources.contents import Contents
from skmfast.sources.expectations import (
    ExpectedSentence,
    expected_chain_size,
    expected_size,
    kind_shares,
)
from skmfast.sources.frequencies import Frequencies, frequencies_from_dict
from skmfast.sources.markov import MarkovSyntax
from skmfast.sources.plan import LITERAL
from skmfast.sources.templates import TemplateSyntax
from skmfast.sources.vocabulary import Vocabulary

if TYPE_CHECKING:
    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.sources.chain_plan import ChainPlan
    from skmfast.sources.plan import RenderPlan

TOKENS = ("words", "bytes")
_Part = TypeVar("_Part")


class SyntaxKnowledge:
    """The Syntax-Knowledge model of Pan, Wang and Li (arXiv 2504.09597).

    A sentence's element is drawn by its frequency, and the syntax says some of the element's contents. All
    that is random follows from one seed; see `streams`.

    Parameters
    ----------
    frequencies : Frequencies
        `PitmanYor`, `Zipf` or `Uniform`.
    contents : Contents
        Fields and attributes.
    syntax : TemplateSyntax or MarkovSyntax
        Templates for every attribute but the name; or chains of words, between the name and the value of an
        attribute that is drawn uniformly.
    questions : mapping from str to sequence of str, or None
        Question-answer templates for the same attributes; see `questions`.
    name : str
        What reports call the source.

    Raises
    ------
    ValueError
        If the syntax does not fit the contents, or there are more elements than names. A chain word must not
        be a word of a name or a value: a sentence would not show where its words end.
    TypeError
        If the syntax is something else.
    """

    def __init__(
        self,
        frequencies: Frequencies,
        contents: Contents,
        syntax: TemplateSyntax | MarkovSyntax,
        *,
        questions: Mapping[str, Sequence[str]] | None = None,
        name: str = "syntax-knowledge",
    ) -> None:
        if not isinstance(syntax, TemplateSyntax | MarkovSyntax):
            raise TypeError(f"syntax: {syntax!r} is neither templates nor chains of words")
        self.frequencies = frequencies
        self.contents = contents
        stated = [attribute.name for attribute in contents.stated]
        self.syntax = syntax.ordered(stated) if isinstance(syntax, TemplateSyntax) else syntax
        self.name = name
        self._questions = None
        if questions is not None:
            self._questions = self._question_syntax(questions).ordered(stated)
        self._check_kind_field()
        number = frequencies.num_elements
        if number is not None and number > contents.num_names:
            raise ValueError(f"{number:,} elements; there are names for {contents.num_names:,}")
        for checked in (self.syntax, self._questions):
            if isinstance(checked, TemplateSyntax):
                check_templates(contents, checked)
            elif checked is not None:
                check_words(contents, checked)

    def __repr__(self) -> str:
        return f"<SyntaxKnowledge {self.name}: {self.frequencies!r}, {self.contents!r}, {self.syntax!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SyntaxKnowledge) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            "source": "syntax-knowledge",
            "version": 1,
            "name": self.name,
            "frequencies": self.frequencies.to_dict(),
            "contents": self.contents.to_dict(),
            "syntax": self.syntax.to_dict(),
            "questions": None
            if self._questions is None
            else {attribute: list(texts) for attribute, texts in self._questions.templates.items()},
        }

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> SyntaxKnowledge:
        """The source that `to_dict` described.

        Raises
        ------
        ValueError
            If it is no such description.
        """
        if not isinstance(description, Mapping) or description.get("source") != "syntax-knowledge":
            raise ValueError("not a description of a Syntax-Knowledge source")
        if description.get("version") != 1:
            raise ValueError(f"a source of version {description.get('version')}; 1 is known")
        return SyntaxKnowledge(
            _read(frequencies_from_dict, description, "frequencies"),
            _read(Contents.from_dict, description, "contents"),
            _read(_syntax_from_dict, description, "syntax"),
            questions=description.get("questions"),
            name=str(description.get("name", "syntax-knowledge")),
        )

    @cached_property
    def words(self) -> Vocabulary:
        """The word vocabulary of all sentences, questions and answers included."""
        if isinstance(self.syntax, TemplateSyntax):
            texts = list(all_texts(self.contents, self.syntax))
        else:
            texts = list(chain_texts(self.contents, self.syntax))
        if self._questions is not None:
            texts.extend(all_texts(self.contents, self._questions))
        return Vocabulary.of_texts(texts)

    def vocabulary(self, tokens: str = "words") -> Vocabulary:
        """The vocabulary of a corpus whose tokens are ``"words"`` or ``"bytes"``."""
        if tokens not in TOKENS:
            raise ValueError(f"tokens={tokens!r}: neither 'words' nor 'bytes'")
        return self.words if tokens == "words" else Vocabulary.of_bytes()

    def plan(self, seed: int, tokens: str = "words") -> RenderPlan | ChainPlan:
        """What the renderer needs; the probabilities of templates or words are drawn with ``seed``."""
        probabilities, vocabulary = self.syntax.probabilities(seed), self.vocabulary(tokens)
        if isinstance(self.syntax, TemplateSyntax):
            return render_plan(self.contents, self.syntax, probabilities, vocabulary)
        return chain_plan(self.contents, self.syntax, probabilities, vocabulary)

    @property
    def choice_bits(self) -> float:
        """Bits of a sentence's choice of attributes and their order, which is not learnt."""
        if isinstance(self.syntax, TemplateSyntax):
            return self.syntax.choice_bits
        return math.log2(len(self.contents.stated))

    def sample(
        self, num_sentences: int, seed: int = 0, *, tokens: str = "words", threads: int | None = None
    ) -> LabelledCorpus:
        """A corpus in memory; see `skmfast.sources.generate.sample`.

        Examples
        --------
        >>> from skmfast.sources.example import small_example
        >>> small_example().sample(10, seed=1).num_sentences
        10
        """
        from skmfast.sources.generate import sample

        return sample(self, num_sentences, seed, tokens=tokens, threads=threads)

    def expected_sentence(self, seed: int, tokens: str = "words") -> ExpectedSentence:
        """Mean bytes, tokens and entropy of a sentence, given the syntax's probabilities of ``seed``.

        Examples
        --------
        >>> from skmfast.sources import Biographies, Uniform
        >>> mean = Biographies(Uniform(1000)).expected_sentence(seed=1)
        >>> round(mean.num_bytes, 1), round(mean.num_tokens, 1)
        (64.1, 12.6)
        """
        plan, probabilities = self.plan(seed, tokens), self.syntax.probabilities(seed)
        syntax_bits = self.syntax.entropy_bits(probabilities)
        if isinstance(self.syntax, MarkovSyntax):
            visits = self.syntax.expected_visits(probabilities)
            syntax_bits = syntax_bits + self.choice_bits
            size = expected_chain_size(self.contents, cast("ChainPlan", plan), visits)
        else:
            size = expected_size(self.contents, cast("RenderPlan", plan))
        entropy_bits = self.frequencies.entropy_bits + float(kind_shares(plan) @ syntax_bits)
        return ExpectedSentence(*size, entropy_bits)

    def kinds(self, values: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
        """Kind of each row of ``contents.values``, shape (n,)."""
        place = kind_column(self.contents, self.syntax)
        if place == LITERAL:
            return np.zeros(len(values), dtype=np.int64)
        return values[:, place].astype(np.int64) % self.syntax.kinds

    def questions(self, frequencies: Frequencies | None = None) -> SyntaxKnowledge:
        """The same facts as questions with their answers, one to a sentence.

        With the seed of a corpus it asks about that corpus's elements: contents depend on the seed alone.

        Parameters
        ----------
        frequencies : Frequencies or None
            How often each element is asked about; None for as often as it is stated.

        Raises
        ------
        ValueError
            If the source has no question templates.
        """
        if self._questions is None:
            raise ValueError(f"source {self.name!r} has no question templates")
        return SyntaxKnowledge(
            frequencies or self.frequencies, self.contents, self._questions, name=f"{self.name}-questions"
        )

    def _question_syntax(self, questions: Mapping[str, Sequence[str]]) -> TemplateSyntax:
        return TemplateSyntax(questions, kinds=self.syntax.kinds, kind_field=self.syntax.kind_field)

    def _check_kind_field(self) -> None:
        field = self.syntax.kind_field
        if field is not None and self.contents.field_place(field) not in self.contents.name_fields:
            raise ValueError(f"kind_field={field!r} is not a field of the name")


def _syntax_from_dict(description: Mapping[str, Any]) -> TemplateSyntax | MarkovSyntax:
    kind = description["syntax"]
    if kind not in ("templates", "markov"):
        raise ValueError(f"syntax {kind!r}: neither 'templates' nor 'markov'")
    return (TemplateSyntax if kind == "templates" else MarkovSyntax).from_dict(description)


def _read(reader: Callable[[Any], _Part], description: Mapping[str, Any], name: str) -> _Part:
    """A part of a source from its description; ValueError that names the part if it cannot be."""
    try:
        return reader(description[name])
    except KeyError as error:
        raise ValueError(f"{name} of the source: {error} is missing") from None
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{name} of the source: {error}") from error
