"""ChainPlan: contents and chain words as pieces with their tokens, what the rendering of chains works from.

A sentence is the name, the words of a Markov chain with a space before each, a space and the value of one
attribute, and the line end. The text shows where the words begin and end because no chain word is a word of
a name or a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from skmfast.sources.compiler import Part, PlanBuilder, compile_attribute, kind_column
from skmfast.sources.plan import LITERAL
from skmfast.sources.vocabulary import LINE_END, Vocabulary, split

if TYPE_CHECKING:
    from skmfast.sources.contents import Contents
    from skmfast.sources.markov import MarkovSyntax


@dataclass(frozen=True, eq=False)
class ChainPlan:
    """Everything that the rendering of a sentence depends on besides the contents and the seed.

    Sentence i about element e: its kind is ``contents[e, kind_field] % kinds``; its words are those of
    `MarkovSyntax.sample` for that kind; its attribute is the high half of the product of ``attributes`` and
    the first number of ``Draw(stream_key(seed, streams.ATTRIBUTES), i)``. Its parts are those of run 0, the
    name, the words, and those of run 1 + attribute.

    Attributes
    ----------
    piece_bytes, piece_byte_offsets, piece_tokens, piece_token_offsets, part_piece, part_field, part_label
        As in `RenderPlan`.
    template_parts : ndarray of uint32, shape (attributes + 2,)
        Where the parts of each run begin.
    word_pieces : ndarray of uint32, shape (S,)
        The piece of each chain word, its space included.
    probabilities : ndarray of float64, shape (kinds, S + 1, S)
        φ.
    field_sizes, kind_field, kinds, attributes, end_piece, vocabulary_size
        As in `RenderPlan`.
    length, mean_length
        As in `MarkovSyntax`.
    """

    piece_bytes: npt.NDArray[np.uint8]
    piece_byte_offsets: npt.NDArray[np.uint32]
    piece_tokens: npt.NDArray[np.uint32]
    piece_token_offsets: npt.NDArray[np.uint32]
    part_piece: npt.NDArray[np.uint32]
    part_field: npt.NDArray[np.int32]
    part_label: npt.NDArray[np.uint8]
    template_parts: npt.NDArray[np.uint32]
    word_pieces: npt.NDArray[np.uint32]
    probabilities: npt.NDArray[np.float64]
    field_sizes: npt.NDArray[np.uint32]
    kind_field: int
    kinds: int
    attributes: int
    end_piece: int
    vocabulary_size: int
    length: str
    mean_length: float


def chain_plan(
    contents: Contents,
    syntax: MarkovSyntax,
    probabilities: npt.NDArray[np.float64],
    vocabulary: Vocabulary,
) -> ChainPlan:
    """The plan of a source.

    Parameters
    ----------
    contents : Contents
    syntax : MarkovSyntax
    probabilities : ndarray of float64, shape ``syntax.shape``
        φ.
    vocabulary : Vocabulary
        Must know every piece.
    """
    builder = PlanBuilder(contents, vocabulary)
    for parts in _runs(contents, by_words=vocabulary.mode == "words"):
        builder.add_template(parts)
    word_pieces = [builder.literal(" " + word) for word in syntax.words]
    end_piece = builder.literal(LINE_END)
    return ChainPlan(
        **builder.arrays(),
        word_pieces=np.array(word_pieces, dtype=np.uint32),
        probabilities=probabilities,
        field_sizes=np.array([len(field.values) for field in contents.fields], dtype=np.uint32),
        kind_field=kind_column(contents, syntax),
        kinds=syntax.kinds,
        attributes=len(contents.stated),
        end_piece=end_piece,
        vocabulary_size=len(vocabulary),
        length=syntax.length,
        mean_length=syntax.mean_length,
    )


def chain_texts(contents: Contents, syntax: MarkovSyntax) -> Iterable[str]:
    """Every text that a part of a sentence can be: what a vocabulary has to know."""
    name, *values = _runs(contents)
    for part in name:
        yield from part.texts(contents)
    for word in syntax.words:
        yield " " + word
    for run in values:
        for part in run:
            yield from part.texts(contents)


def check_words(contents: Contents, syntax: MarkovSyntax) -> None:
    """Refuse chain words that could not be told from names and values, and ones of several tokens.

    Raises
    ------
    ValueError
        Which word, and where else it is.
    """
    if not contents.stated:
        raise ValueError("there is no attribute but the name: sentences have nothing to state")
    for place, word in enumerate(syntax.words):
        if split(" " + word) != [" " + word]:
            raise ValueError(f"chain word {place}, {word!r}: {len(split(word))} tokens instead of one")
    words = set(syntax.words)
    for attribute, run in zip(contents.attribute_names, _runs(contents), strict=True):
        for part in run:
            for text in part.texts(contents):
                for piece in split(text):
                    if piece.removeprefix(" ") in words:
                        raise ValueError(_confusable(contents, attribute, part, text, piece, syntax))


def _confusable(
    contents: Contents, attribute: str, part: Part, text: str, piece: str, syntax: MarkovSyntax
) -> str:
    word = piece.removeprefix(" ")
    where = f"the pattern of attribute {attribute!r}"
    if part.field != LITERAL:
        where = f"value {text.removeprefix(' ')!r} of field {contents.fields[part.field].name!r}"
    return (
        f"chain word {syntax.words.index(word)}, {word!r}, is also in {where}: sentences would not show where"
        " their words end"
    )


def _runs(contents: Contents, *, by_words: bool = True) -> list[tuple[Part, ...]]:
    """Parts of the name, and with a space before it, of each attribute that can be stated."""
    name, *stated = contents.attribute_names
    return [
        compile_attribute(contents, name, space=False, by_words=by_words),
        *(compile_attribute(contents, each, space=True, by_words=by_words) for each in stated),
    ]
