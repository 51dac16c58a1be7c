"""Whether a labelled corpus contradicts itself, or its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from skmfast.corpora import layout
from skmfast.corpora.sentences import Sentences
from skmfast.errors import CorpusError

if TYPE_CHECKING:
    from skmfast.corpora.labelled import LabelledCorpus

Render = Callable[[int, npt.NDArray[np.uint32]], Sentences]

_CHUNK = 1 << 16  # sentences looked at together
_RUN = 256  # sentences in a row that a sample takes


def verify(corpus: LabelledCorpus, *, render: Render | None = None, sample: int | None = 10_000) -> None:
    """Raise CorpusError at the first contradiction; see `LabelledCorpus.verify`."""
    _check_offsets(corpus, "text_offsets")
    _check_offsets(corpus, "offsets")
    pieces = _Pieces(corpus)
    for begin in range(0, corpus.num_sentences, _CHUNK):
        _check_chunk(corpus, pieces, begin, min(begin + _CHUNK, corpus.num_sentences))
    _check_counts(corpus)
    for begin, end in _runs(corpus.num_sentences, sample):
        if render is not None:
            _check_rendered(corpus, render, begin, end)
        _check_values(corpus, pieces, begin, end)
    if corpus.path is not None:
        _check_files(corpus)


def _runs(num_sentences: int, sample: int | None) -> Iterator[tuple[int, int]]:
    """Runs of sentences, evenly spread, that hold about ``sample`` of them."""
    if sample is None or sample >= num_sentences:
        for begin in range(0, num_sentences, _CHUNK):
            yield begin, min(begin + _CHUNK, num_sentences)
        return
    count = max(1, sample // _RUN)
    for run in range(count):
        begin = run * (num_sentences - _RUN) // max(1, count - 1) if num_sentences > _RUN else 0
        yield max(begin, 0), min(max(begin, 0) + _RUN, num_sentences)


def _check_offsets(corpus: LabelledCorpus, column: str) -> None:
    offsets = getattr(corpus, column)
    if int(offsets[0]) != 0:
        raise CorpusError(f"{corpus.where(column)}: sentence 0 begins at {int(offsets[0]):,}")
    for begin in range(0, corpus.num_sentences, _CHUNK):
        part = offsets[begin : begin + _CHUNK + 1]
        wrong = np.flatnonzero(part[1:] <= part[:-1])
        if wrong.size:
            number = begin + int(wrong[0])
            raise CorpusError(
                f"{corpus.where(column)}: sentence {number:,} goes from {int(offsets[number]):,} to"
                f" {int(offsets[number + 1]):,}"
            )


class _Pieces:
    """The vocabulary's texts laid flat, to spell many tokens at once."""

    def __init__(self, corpus: LabelledCorpus) -> None:
        pieces = corpus.pieces()
        self.sizes = np.array([len(piece) for piece in pieces], dtype=np.int64)
        self.begins = np.concatenate([[0], np.cumsum(self.sizes)])[:-1]
        self.text = np.frombuffer(b"".join(pieces), dtype=np.uint8)
        self.pieces = pieces

    def spell(self, tokens: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        sizes = self.sizes[tokens]
        ends = np.cumsum(sizes)
        places = np.arange(int(ends[-1]) if ends.size else 0)
        spelled: npt.NDArray[np.uint8] = self.text[
            places + np.repeat(self.begins[tokens] - (ends - sizes), sizes)
        ]
        return spelled


def _check_chunk(corpus: LabelledCorpus, pieces: _Pieces, begin: int, end: int) -> None:
    part = corpus.sentences.part(begin, end)
    token_sentences = np.repeat(np.arange(begin, end), np.diff(part.offsets).astype(np.int64))

    def refuse(column: str, wrong: npt.NDArray[Any], what: str) -> None:
        """At the first token that is wrong."""
        if wrong.any():
            token = int(np.argmax(wrong))
            sentence = int(token_sentences[token])
            place = token - int(part.offsets[sentence - begin])
            value = int(getattr(part, column)[token])
            raise CorpusError(
                f"{corpus.where(column)}: sentence {sentence:,}, token {place:,}: " + what.format(value)
            )

    refuse(
        "tokens", part.tokens >= len(pieces.sizes), f"{{}} is not in the vocabulary of {len(pieces.sizes):,}"
    )
    refuse(
        "labels", part.labels > len(corpus.attributes), f"label {{}} of {len(corpus.attributes)} attributes"
    )
    _check_spelling(corpus, pieces, part, begin)
    wrong = part.elements >= len(corpus.counts)
    if wrong.any():
        raise CorpusError(
            f"{corpus.where('elements')}: sentence {begin + int(np.argmax(wrong)):,}: element"
            f" {int(part.elements[np.argmax(wrong)]):,} of {len(corpus.counts):,}"
        )
    stated = _stated(corpus, part, begin)
    allowed = np.repeat(stated, np.diff(part.offsets).astype(np.int64))
    contradicts = (allowed & _attribute_bit(part.labels) == 0) & (part.labels > 0)
    refuse("labels", contradicts, "label {} is of an attribute that the sentence does not state")
    _check_all_labelled(corpus, part, stated, begin)


def _stated(corpus: LabelledCorpus, part: Sentences, begin: int) -> npt.NDArray[np.uint64]:
    """The attributes of each sentence, the name being bit 0."""
    attributes = part.statements[:, :, 0]
    wrong = (attributes >= len(corpus.attributes) - 1).any(axis=1)
    if wrong.any():
        sentence = begin + int(np.argmax(wrong))
        raise CorpusError(
            f"{corpus.where('statements')}: sentence {sentence:,} states an attribute that there is not"
        )
    sets = np.bitwise_or.reduce(np.uint64(2) << attributes.astype(np.uint64), axis=1)
    return np.asarray(sets | np.uint64(1), dtype=np.uint64)


def _attribute_bit(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """The attribute that each label stands for, as a bit; of syntax, 0."""
    shifts = (labels.astype(np.uint64) - np.uint64(1)) & np.uint64(63)
    return np.asarray(np.where(labels > 0, np.uint64(1) << shifts, np.uint64(0)), dtype=np.uint64)


def _check_all_labelled(
    corpus: LabelledCorpus, part: Sentences, stated: npt.NDArray[np.uint64], begin: int
) -> None:
    """Every attribute that a sentence states, and the name, has a token with its label."""
    seen = np.bitwise_or.reduceat(_attribute_bit(part.labels), part.offsets[:-1].astype(np.int64))
    missing = stated & ~seen
    if missing.any():
        sentence = int(np.argmax(missing != 0))
        attribute = int(missing[sentence]).bit_length() - 1
        raise CorpusError(
            f"{corpus.where('labels')}: sentence {begin + sentence:,}: no token is labelled"
            f" {corpus.attributes[attribute]!r}, which the sentence states"
        )


def _check_spelling(corpus: LabelledCorpus, pieces: _Pieces, part: Sentences, begin: int) -> None:
    spelled_sizes = np.add.reduceat(pieces.sizes[part.tokens], part.offsets[:-1].astype(np.int64))
    wrong = spelled_sizes != np.diff(part.text_offsets).astype(np.int64)
    if not wrong.any():
        different = np.flatnonzero(pieces.spell(part.tokens) != part.text)
        if not different.size:
            return
        sentence = int(np.searchsorted(part.text_offsets, different[0], side="right")) - 1
    else:
        sentence = int(np.argmax(wrong))
    raise CorpusError(
        f"{corpus.where('tokens')}: sentence {begin + sentence:,}: the tokens do not spell the text"
    )


def _check_counts(corpus: LabelledCorpus) -> None:
    counts = np.zeros(len(corpus.counts), dtype=np.uint64)
    for begin in range(0, corpus.num_sentences, max(_CHUNK, 4 * len(counts))):
        part = corpus.elements[begin : begin + max(_CHUNK, 4 * len(counts))]
        counts += np.bincount(part, minlength=len(counts)).astype(np.uint64)
    wrong = np.flatnonzero(counts != corpus.counts)
    if wrong.size:
        element = int(wrong[0])
        told, found = int(corpus.counts[element]), int(counts[element])
        raise CorpusError(
            f"{corpus.where('elements')}: {found:,} sentences are about element {element:,};"
            f" {layout.ELEMENTS_TABLE} counts {told:,}"
        )


def _check_values(corpus: LabelledCorpus, pieces: _Pieces, begin: int, end: int) -> None:
    """Tokens with the label of an attribute spell what the table of elements says of it."""
    part = corpus.sentences.part(begin, end)
    texts = _texts_of(corpus, np.unique(part.elements))
    stated_of = part.statements[:, :, 0].tolist()
    for i, (element, stated) in enumerate(zip(part.elements.tolist(), stated_of, strict=True)):
        tokens = slice(int(part.offsets[i]), int(part.offsets[i + 1]))
        spelled: dict[int, bytes] = {}
        for token, label in zip(part.tokens[tokens].tolist(), part.labels[tokens].tolist(), strict=True):
            spelled[label] = spelled.get(label, b"") + pieces.pieces[token]
        for attribute in stated:
            name = corpus.attributes[attribute + 1]
            found = spelled.get(attribute + 2, b"").decode(errors="replace").strip()
            if found != texts[name][element]:
                raise CorpusError(
                    f"{corpus.where('labels')}: sentence {begin + i:,}: what is labelled {name!r} reads"
                    f" {found!r}; of element {element:,} it is {texts[name][element]!r}"
                )


def _texts_of(corpus: LabelledCorpus, elements: npt.NDArray[np.uint32]) -> dict[str, dict[int, str]]:
    from skmfast.corpora.element_table import ROW_GROUP

    texts: dict[str, dict[int, str]] = {name: {} for name in corpus.attributes}
    for group in np.unique(elements // ROW_GROUP).tolist():
        first, last = group * ROW_GROUP, min((group + 1) * ROW_GROUP, len(corpus.counts))
        for name, column in corpus.element_table.texts(first, last).items():
            texts[name].update(
                (element, column[element - first])
                for element in elements[elements // ROW_GROUP == group].tolist()
            )
    return texts


def _check_rendered(corpus: LabelledCorpus, render: Render, begin: int, end: int) -> None:
    part = corpus.sentences.part(begin, end)
    expected = render(begin, part.elements)
    wrong = []
    for column in Sentences.columns():
        sentence = _first_difference(part, expected, column)
        if sentence is not None:
            wrong.append((sentence, column))
    if wrong:
        sentence, column = min(wrong)
        raise CorpusError(
            f"{corpus.where(column)}: sentence {begin + sentence:,} is not what the source makes"
        )


def _first_difference(part: Sentences, expected: Sentences, column: str) -> int | None:
    """The first sentence where a column is another one, if there is any."""
    found, wanted = getattr(part, column), getattr(expected, column)
    size = min(len(found), len(wanted))
    if size == 0:
        return None if found.shape == wanted.shape else 0
    different = np.flatnonzero((found[:size] != wanted[:size]).reshape(size, -1).any(axis=1))
    if not different.size:
        return None if found.shape == wanted.shape else len(part) - 1
    place = int(different[0])
    if column in ("text", "tokens", "labels"):
        bounds = expected.text_offsets if column == "text" else expected.offsets
        return int(np.searchsorted(bounds, place, side="right")) - 1
    return place - (column in ("offsets", "text_offsets"))


def _check_files(corpus: LabelledCorpus) -> None:
    assert corpus.path is not None
    files = layout.read_description(corpus.path)["files"]
    for name in layout.FILES:
        told: Any = files.get(name)
        path = corpus.path / name
        if not isinstance(told, dict) or not isinstance(told.get("crc32"), str):
            raise CorpusError(f"{corpus.path / layout.DESCRIPTION}: has no checksum of {name}")
        size = layout.file_size(path)
        if size != told.get("bytes"):
            raise CorpusError(f"{path}: {size:,} bytes instead of {told.get('bytes'):,}")
        found = f"{layout.file_checksum(path):08x}"
        if found != told["crc32"]:
            raise CorpusError(f"{path}: its checksum is {found} instead of {told['crc32']}: it was altered")
