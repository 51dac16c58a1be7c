"""LabelledCorpus: sentences as text and tokens, where every token says what it is and whom it is about."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from skmfast.corpora import layout
from skmfast.corpora.element_table import ElementTable
from skmfast.corpora.growing import GrowingCorpus
from skmfast.corpora.sentences import Sentences
from skmfast.corpora.verification import Render, verify
from skmfast.errors import CorpusError

_SAVE_SENTENCES = 1 << 18


class LabelledCorpus:
    """A corpus of n sentences about K elements, in memory or mapped from a folder.

    Made by `open`, or by a source's ``sample`` and `skmfast.sources.generate.generate`.

    Parameters
    ----------
    sentences : Sentences
        The sentences, all of them.
    element_table : ElementTable
        The elements.
    vocabulary : mapping
        Description of the vocabulary, the content of vocabulary.json.
    source : mapping
        Description of the source that the corpus is from.
    seed : int
        Its seed.

    Attributes
    ----------
    text : ndarray of uint8, shape (bytes,)
        UTF-8; each sentence ends with a line end.
    text_offsets : ndarray of uint64, shape (n + 1,)
        First byte of each sentence.
    tokens : ndarray of uint16 or uint32, shape (tokens,)
        Token ids.
    labels : ndarray of uint8, shape (tokens,)
        0 for syntax, 1 + a for knowledge of ``attributes[a]``.
    offsets : ndarray of uint64, shape (n + 1,)
        First token of each sentence.
    elements : ndarray of uint32, shape (n,)
        Element of each sentence.
    statements : ndarray of uint16, shape (n, s, 2)
        What each of its s statements says: place of the attribute in ``attributes[1:]``, and number of the
        template within the element's kind and that attribute.
    attributes : tuple of str
        Names of the attributes, the name's first.
    counts : ndarray of uint64, shape (K,)
        Sentences about each element.
    frequencies : ndarray of float64, shape (K,)
        True probability of each element; what is missing to 1 belongs to elements not seen.
    source : dict
        Description of the source.
    seed : int
    num_sentences : int
    path : Path or None
        The folder that it is mapped from.

    Raises
    ------
    CorpusError
        If the arrays do not belong together: their sizes contradict each other.
    """

    def __init__(
        self,
        sentences: Sentences,
        element_table: ElementTable,
        vocabulary: Mapping[str, Any],
        source: Mapping[str, Any],
        seed: int,
        path: Path | None = None,
    ) -> None:
        self.sentences = sentences
        self.text = sentences.text
        self.text_offsets = sentences.text_offsets
        self.tokens = sentences.tokens
        self.labels = sentences.labels
        self.offsets = sentences.offsets
        self.elements = sentences.elements
        self.statements = sentences.statements
        self.element_table = element_table
        self.attributes = element_table.attributes
        self.counts = element_table.counts
        self.frequencies = element_table.frequencies
        self.vocabulary = dict(vocabulary)
        self.source = dict(source)
        self.seed = seed
        self.num_sentences = len(sentences)
        self.path = path
        self._check_sizes()

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> LabelledCorpus:
        """Map a corpus from its folder; nothing is read but its description and the elements' frequencies.

        Raises
        ------
        CorpusError
            If the folder is no corpus, or a file is missing, of the wrong size or of another version. The
            message names the file. What the files say is not looked at: see `verify`.
        """
        folder = Path(path)
        description = layout.read_description(folder)
        sentences = Sentences(
            **{column: layout.map_column(folder, column, description) for column in Sentences.columns()}
        )
        table = ElementTable.open(folder / layout.ELEMENTS_TABLE, description["attributes"])
        if len(table) != description["num_elements"]:
            raise CorpusError(
                f"{folder / layout.ELEMENTS_TABLE}: {len(table):,} elements instead of"
                f" {description['num_elements']:,}"
            )
        vocabulary = layout.read_json(folder / layout.VOCABULARY)
        return cls(sentences, table, vocabulary, description["source"], description["seed"], folder)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the corpus as a folder, the same bytes that generating it there writes.

        Raises
        ------
        FileExistsError
            If ``path`` exists.
        OSError
            If the disk does not take it.
        """
        dtype = self.tokens.dtype
        with GrowingCorpus(path, self._configuration(), dtype) as folder:
            for begin in range(folder.num_sentences, self.num_sentences, _SAVE_SENTENCES):
                folder.append(self.sentences.part(begin, min(begin + _SAVE_SENTENCES, self.num_sentences)))
            finish(
                folder, self.element_table, self.vocabulary, self.source, self.seed, self.statements.shape[1]
            )

    def __len__(self) -> int:
        return self.num_sentences

    def __repr__(self) -> str:
        return (
            f"<LabelledCorpus: {self.num_sentences:,} sentences, {len(self.tokens):,} tokens,"
            f" {len(self.text):,} bytes, {len(self.counts):,} elements>"
        )

    def sentence(self, number: int) -> str:
        """Text of a sentence, without its line end.

        Raises
        ------
        IndexError
            If there is no such sentence.
        """
        if not -self.num_sentences <= number < self.num_sentences:
            raise IndexError(f"sentence {number:,} of {self.num_sentences:,}")
        begin, end = self.text_offsets[number % self.num_sentences :][:2]
        return bytes(self.text[int(begin) : int(end)]).decode().removesuffix("\n")

    def token_elements(self, first: int = 0, last: int | None = None) -> npt.NDArray[np.uint32]:
        """Element that each token is about.

        Parameters
        ----------
        first, last : int
            Sentences first, ..., last - 1 alone; by default all.

        Returns
        -------
        ndarray of uint32, shape (tokens of these sentences,)
        """
        chosen = slice(*slice(first, last).indices(self.num_sentences)[:2])
        sizes = np.diff(self.offsets[chosen.start : max(chosen.stop, chosen.start) + 1]).astype(np.int64)
        return np.repeat(self.elements[chosen], sizes)

    def token_frequencies(self, first: int = 0, last: int | None = None) -> npt.NDArray[np.float64]:
        """True probability of the element that each token is about; see `token_elements`.

        Returns
        -------
        ndarray of float64, shape (tokens of these sentences,)
        """
        return self.frequencies[self.token_elements(first, last)]

    def verify(self, *, render: Render | None = None, sample: int | None = 10_000) -> None:
        """Check the corpus against itself, and where the source is at hand, against the source.

        Sizes and checksums of the files; offsets; tokens that spell the text; labels that belong to what the
        sentence states; and, for a sample of sentences, that the tokens labelled with an attribute spell its
        text in the table of elements.

        Parameters
        ----------
        render : callable, optional
            ``render(first, elements) -> Sentences`` makes sentences first, first + 1, ... anew; every column
            must then be the same. `skmfast.sources.generate.renderer_of` has one.
        sample : int or None
            Sentences to compare with the table of elements and with ``render``; None for all.

        Raises
        ------
        CorpusError
            At the first contradiction; the message names the file and the sentence.
        """
        verify(self, render=render, sample=sample)

    def to_bin(self, path: str | os.PathLike[str], *, first: int = 0, last: int | None = None) -> None:
        """Write the tokens of sentences first, ..., last - 1 as a flat array, as nanoGPT reads it."""
        from skmfast.corpora.export import write_bin

        write_bin(self, path, first, last)

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write a row for each sentence: text, tokens, labels, element."""
        from skmfast.corpora.export import write_parquet

        write_parquet(self, path)

    def where(self, column: str) -> str:
        """What messages call a column: its file, or its name where there is no file."""
        return str(self.path / layout.COLUMNS[column]) if self.path is not None else column

    def pieces(self) -> Sequence[bytes]:
        """Text of each token."""
        if self.vocabulary.get("mode") == "bytes":
            return [bytes([byte]) for byte in range(256)]
        pieces = self.vocabulary.get("pieces")
        if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
            raise CorpusError(f"{self.path or ''}/{layout.VOCABULARY}: holds no list of pieces")
        return [piece.encode() for piece in pieces]

    def _configuration(self) -> dict[str, Any]:
        """What tells this corpus from others when saving is taken up again."""
        checksums = {
            column: layout.checksum(np.ascontiguousarray(getattr(self, column)).data)
            for column in ("tokens", "elements")
        }
        return {"saved": checksums, "seed": self.seed, "num_sentences": self.num_sentences}

    def _check_sizes(self) -> None:
        n = self.num_sentences
        for column, expected in (
            ("text_offsets", n + 1),
            ("offsets", n + 1),
            ("statements", n),
            ("labels", len(self.tokens)),
        ):
            found = len(getattr(self, column))
            if found != expected:
                raise CorpusError(f"{self.where(column)}: {found:,} entries instead of {expected:,}")
        for column, of in (("text_offsets", "text"), ("offsets", "tokens")):
            end, size = int(getattr(self, column)[-1]), len(getattr(self, of))
            if end != size:
                raise CorpusError(f"{self.where(column)}: ends at {end:,}, and there are {size:,} {of}")


def finish(
    folder: GrowingCorpus,
    table: ElementTable,
    vocabulary: Mapping[str, Any],
    source: Mapping[str, Any],
    seed: int,
    statements: int,
) -> None:
    """Write what a folder of sentences lacks to be a corpus, and give it its name."""
    table.write(folder.folder / layout.ELEMENTS_TABLE)
    layout.write_json(folder.folder / layout.VOCABULARY, vocabulary)
    folder.finish(
        {
            "num_elements": len(table),
            "statements": statements,
            "attributes": list(table.attributes),
            "seed": seed,
            "source": dict(source),
        }
    )
