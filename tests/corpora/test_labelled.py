"""Labelled corpora: read, written, exported; and every way to damage one is found and told."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from skmfast.corpora import layout
from skmfast.corpora.element_table import ElementTable
from skmfast.corpora.labelled import LabelledCorpus
from skmfast.corpora.reading import expand, read
from skmfast.corpora.sentences import Sentences
from skmfast.errors import CorpusError
from skmfast.sources.example import small_example
from skmfast.sources.frequencies import Uniform, Zipf
from skmfast.sources.generate import renderer_of, sample

N = 400


@pytest.fixture(scope="module")
def corpus():
    return sample(small_example(Zipf(1.0, 30), kinds=2, statements=2), N, seed=3)


@pytest.fixture(scope="module")
def saved(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora") / "saved"
    corpus.save(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy to damage."""
    return shutil.copytree(saved, tmp_path / "corpus")


def test_every_column_comes_back(corpus, saved):
    opened = LabelledCorpus.open(saved)
    for name in Sentences.columns():
        column = getattr(opened, name)
        assert np.array_equal(column, getattr(corpus, name)), name
        assert column.dtype == getattr(corpus, name).dtype
        assert isinstance(column, np.memmap)
        assert not column.flags.writeable
    assert np.array_equal(opened.counts, corpus.counts)
    assert np.array_equal(opened.frequencies, corpus.frequencies)
    assert opened.attributes == corpus.attributes == ("name", "birth_date", "employer", "work_city")
    assert (opened.seed, opened.num_sentences, len(opened)) == (3, N, N)
    assert opened.source == corpus.source == small_example(Zipf(1.0, 30), kinds=2, statements=2).to_dict()
    assert opened.element_table.texts(3, 7) == corpus.element_table.texts(3, 7)
    opened.verify(sample=None)


def test_counts_and_frequencies_are_of_the_elements(corpus):
    assert np.array_equal(np.bincount(corpus.elements), corpus.counts)
    assert corpus.frequencies == pytest.approx((1 / np.arange(1, 31)) / (1 / np.arange(1, 31)).sum())


def test_sentences_as_text(corpus):
    lines = corpus.text.tobytes().decode().split("\n")
    assert lines.pop() == ""
    assert [corpus.sentence(i) for i in range(N)] == lines
    assert corpus.sentence(-1) == lines[-1]
    for number in (N, -N - 1):
        with pytest.raises(IndexError, match="400"):
            corpus.sentence(number)


def test_every_token_knows_its_element(corpus):
    elements = corpus.token_elements()
    frequencies = corpus.token_frequencies()
    assert elements.shape == frequencies.shape == corpus.tokens.shape
    for i in (0, 17, N - 1):
        place = slice(int(corpus.offsets[i]), int(corpus.offsets[i + 1]))
        assert set(elements[place].tolist()) == {int(corpus.elements[i])}
        assert set(frequencies[place].tolist()) == {float(corpus.frequencies[corpus.elements[i]])}
        assert np.array_equal(corpus.token_elements(i, i + 1), elements[place])
    assert np.array_equal(corpus.token_elements(5), elements[int(corpus.offsets[5]) :])
    assert corpus.token_elements(9, 3).size == 0


def test_labels_tell_name_and_statements(corpus):
    """Spelled out for one sentence: the tokens of each label are the texts in the table of elements."""
    pieces = corpus.pieces()
    element = int(corpus.elements[0])
    texts = {name: column[0] for name, column in corpus.element_table.texts(element, element + 1).items()}
    place = slice(0, int(corpus.offsets[1]))
    for attribute, _ in corpus.statements[0].tolist():
        label = 2 + attribute
        spelled = b"".join(pieces[t] for t in corpus.tokens[place][corpus.labels[place] == label].tolist())
        assert spelled.decode().strip() == texts[corpus.attributes[1 + attribute]]


def test_to_bin_is_flat_little_endian(corpus, tmp_path):
    corpus.to_bin(tmp_path / "train.bin", last=300)
    corpus.to_bin(tmp_path / "val.bin", first=300)
    train, val = (np.fromfile(tmp_path / f"{name}.bin", dtype="<u2") for name in ("train", "val"))
    assert np.array_equal(np.concatenate([train, val]), corpus.tokens)
    assert len(train) == corpus.offsets[300]


def test_to_parquet_has_a_row_for_each_sentence(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("skmfast.corpora.export._ROW_GROUP", 150)
    corpus.to_parquet(tmp_path / "corpus.parquet")
    file = pq.ParquetFile(tmp_path / "corpus.parquet")
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (N, 3)
    for i, row in enumerate(file.read().to_pylist()):
        place = slice(int(corpus.offsets[i]), int(corpus.offsets[i + 1]))
        assert row["text"] == corpus.sentence(i) + "\n"
        assert row["tokens"] == corpus.tokens[place].tolist()
        assert row["labels"] == corpus.labels[place].tolist()
        assert row["element"] == corpus.elements[i]


def test_wide_tokens(corpus, tmp_path):
    """Token ids of 32 bits, as a vocabulary of more than 65,536 pieces needs them."""
    columns = {name: getattr(corpus, name) for name in Sentences.columns()}
    columns["tokens"] = corpus.tokens.astype(np.uint32)
    wide = Sentences(**columns)
    LabelledCorpus(wide, corpus.element_table, corpus.vocabulary, corpus.source, 3).save(tmp_path / "corpus")
    opened = LabelledCorpus.open(tmp_path / "corpus")
    assert opened.tokens.dtype == np.uint32
    assert np.array_equal(opened.tokens, corpus.tokens)
    opened.verify()
    opened.to_bin(tmp_path / "all.bin")
    assert np.array_equal(np.fromfile(tmp_path / "all.bin", dtype="<u4"), corpus.tokens)


def test_saving_goes_on_where_it_was_stopped(corpus, saved, tmp_path, monkeypatch):
    monkeypatch.setattr("skmfast.corpora.labelled._SAVE_SENTENCES", 90)
    monkeypatch.setattr("skmfast.corpora.labelled.finish", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        corpus.save(tmp_path / "again")
    monkeypatch.undo()
    corpus.save(tmp_path / "again")
    for path in saved.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_saving_does_not_overwrite(corpus, saved):
    with pytest.raises(FileExistsError, match="not overwritten"):
        corpus.save(saved)


# ---- damage ----------------------------------------------------------------------------------------


def rewrite(folder, name, change):
    """Change a file, and its checksum too: what it says must be found wrong, not only that it changed."""
    path = folder / name
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    description = json.loads((folder / layout.DESCRIPTION).read_text())
    description["files"][name] = {"bytes": len(data), "crc32": f"{layout.file_checksum(path):08x}"}
    (folder / layout.DESCRIPTION).write_text(json.dumps(description))


def word(data, place, value, size):
    data[place * size : (place + 1) * size] = int(value).to_bytes(size, "little")


@pytest.mark.parametrize("name", layout.FILES)
def test_any_flipped_bit_is_found(folder, name):
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=name.replace(".", r"\.") + r"|tokens\.bin"):
        LabelledCorpus.open(folder).verify(sample=None)


@pytest.mark.parametrize("name", layout.FILES)
@pytest.mark.parametrize("change", ["cut", "longer", "missing", "empty"])
def test_files_of_the_wrong_size_are_told(folder, name, change):
    path = folder / name
    data = path.read_bytes()
    changed = {"cut": data[:-1], "longer": data + b" ", "empty": b""}
    if change == "missing":
        path.unlink()
    else:
        path.write_bytes(changed[change])
    with pytest.raises(CorpusError, match=name.replace(".", r"\.")):
        LabelledCorpus.open(folder).verify()


def sentence_of(corpus, token):
    return int(np.searchsorted(corpus.offsets, token, side="right")) - 1


def test_labels_that_contradict_the_tokens(corpus, folder):
    """An attribute that the sentence does not state; one label more, or less; two labels exchanged."""
    missing = (set(range(3)) - set(corpus.statements[9, :, 0].tolist())).pop()
    first = int(corpus.offsets[9])

    def told(change, message):
        copy = shutil.copytree(folder, folder.with_name("copy"))
        rewrite(copy, "labels.bin", change)
        with pytest.raises(CorpusError, match=message):
            LabelledCorpus.open(copy).verify(sample=None)
        shutil.rmtree(copy)

    told(
        lambda data: word(data, first, 2 + missing, 1),
        r"labels\.bin: sentence 9, token 0: label \d is of an attribute",
    )
    told(
        lambda data: word(data, first, 200, 1), r"labels\.bin: sentence 9, token 0: label 200 of 4 attributes"
    )
    stated = 2 + int(corpus.statements[9, 0, 0])
    of_attribute = [t for t in range(first, int(corpus.offsets[10])) if corpus.labels[t] == stated]

    def forget(data):
        for token in of_attribute:
            word(data, token, 0, 1)

    told(forget, r"labels\.bin: sentence 9: no token is labelled")
    syntax = next(t for t in range(first, int(corpus.offsets[10])) if corpus.labels[t] == 0)
    told(lambda data: word(data, syntax, stated, 1), r"labels\.bin: sentence 9: what is labelled '\w+' reads")


def test_tokens_that_do_not_spell_the_text(corpus, folder):
    rewrite(folder, "tokens.bin", lambda data: word(data, 1000, int(corpus.tokens[1000]) ^ 1, 2))
    with pytest.raises(
        CorpusError, match=rf"tokens\.bin: sentence {sentence_of(corpus, 1000)}: the tokens do not spell"
    ):
        LabelledCorpus.open(folder).verify()


def test_tokens_outside_the_vocabulary(corpus, folder):
    rewrite(folder, "tokens.bin", lambda data: word(data, 1000, 65535, 2))
    sentence = sentence_of(corpus, 1000)
    with pytest.raises(CorpusError, match=rf"sentence {sentence}, token \d+: 65535 is not in the vocabulary"):
        LabelledCorpus.open(folder).verify()


def test_text_that_was_edited(corpus, folder):
    place = int(corpus.text_offsets[123]) + 2
    rewrite(folder, "text.txt", lambda data: word(data, place, ord("#"), 1))
    with pytest.raises(CorpusError, match="sentence 123: the tokens do not spell the text"):
        LabelledCorpus.open(folder).verify()


@pytest.mark.parametrize("name", ["offsets.bin", "text_offsets.bin"])
def test_offsets_that_fall(folder, name):
    rewrite(folder, name, lambda data: word(data, 51, 2**63, 8))
    with pytest.raises(CorpusError, match=rf"{name[:-4]}\.bin: sentence 51 goes from"):
        LabelledCorpus.open(folder).verify()
    rewrite(folder, name, lambda data: word(data, 0, 3, 8))
    with pytest.raises(CorpusError, match=rf"{name[:-4]}\.bin: sentence 0 begins at 3"):
        LabelledCorpus.open(folder).verify()
    rewrite(folder, name, lambda data: word(data, N, 1, 8))
    with pytest.raises(CorpusError, match=rf"{name[:-4]}\.bin: ends at 1, and there are"):
        LabelledCorpus.open(folder)


def test_elements_of_others(corpus, folder):
    other = (int(corpus.elements[77]) + 1) % 30
    rewrite(folder, "elements.bin", lambda data: word(data, 77, other, 4))
    with pytest.raises(CorpusError, match=r"elements\.bin: \d+ sentences are about element"):
        LabelledCorpus.open(folder).verify()
    rewrite(folder, "elements.bin", lambda data: word(data, 77, 30, 4))
    with pytest.raises(CorpusError, match=r"elements\.bin: sentence 77: element 30 of 30"):
        LabelledCorpus.open(folder).verify()


def test_exchanged_elements_are_found_by_their_texts(corpus, folder):
    """Two sentences exchange their elements: counts stay, and what is said belongs to another."""
    i, j = 5, next(j for j in range(6, N) if corpus.elements[j] != corpus.elements[5])

    def exchange(data):
        word(data, i, corpus.elements[j], 4)
        word(data, j, corpus.elements[i], 4)

    rewrite(folder, "elements.bin", exchange)
    damaged = LabelledCorpus.open(folder)
    with pytest.raises(CorpusError, match="sentence 5 is not"):
        damaged.verify(render=renderer_of(damaged), sample=None)


def test_statements_of_others(corpus, folder):
    rewrite(folder, "statements.bin", lambda data: word(data, 4 * 33, 3, 2))
    with pytest.raises(
        CorpusError, match=r"statements\.bin: sentence 33 states an attribute that there is not"
    ):
        LabelledCorpus.open(folder).verify()
    template = int(corpus.statements[33, 1, 1])
    rewrite(folder, "statements.bin", lambda data: word(data, 4 * 33, corpus.statements[33, 0, 0], 2))
    rewrite(folder, "statements.bin", lambda data: word(data, 4 * 33 + 3, template + 1, 2))
    damaged = LabelledCorpus.open(folder)
    damaged.verify()  # a template number alone contradicts nothing but the source
    with pytest.raises(CorpusError, match=r"statements\.bin: sentence 33 is not what the source makes"):
        damaged.verify(render=renderer_of(damaged))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": "something"}, "does not describe"),
        ({"version": 2}, "version 2"),
        ({"num_sentences": -1}, "num_sentences is -1"),
        ({"num_sentences": "many"}, "num_sentences is 'many'"),
        ({"num_sentences": N + 1}, r"\d bytes instead of"),
        ({"token_dtype": "float64"}, "token_dtype"),
        ({"attributes": []}, "attributes"),
        ({"source": None}, "source"),
        ({"files": {}}, "no checksum of text.txt"),
        ({"num_elements": 7}, "30 elements instead of 7"),
    ],
    ids=str,
)
def test_wrong_descriptions(folder, change, told):
    path = folder / layout.DESCRIPTION
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CorpusError, match=told):
        LabelledCorpus.open(folder).verify()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_descriptions_that_are_no_json(folder, content):
    (folder / layout.DESCRIPTION).write_bytes(content)
    with pytest.raises(CorpusError, match=r"corpus\.json: not"):
        LabelledCorpus.open(folder)


def test_no_corpus_at_all(tmp_path):
    with pytest.raises(CorpusError, match=r"corpus\.json: No such file"):
        LabelledCorpus.open(tmp_path)


def test_arrays_that_do_not_belong_together(corpus):
    part = corpus.sentences.part(0, 10)
    table = corpus.element_table
    wrong = {
        "labels": part.labels[:-1],
        "tokens": part.tokens[:-1],
        "offsets": part.offsets[:-1],
        "text_offsets": part.text_offsets[1:],
        "text": part.text[:-1],
        "statements": part.statements[1:],
    }
    LabelledCorpus(part, table, corpus.vocabulary, corpus.source, 3)
    for name, array in wrong.items():
        columns = {each: getattr(part, each) for each in Sentences.columns()} | {name: array}
        with pytest.raises(CorpusError, match=r"entries instead of|ends at"):
            LabelledCorpus(Sentences(**columns), table, corpus.vocabulary, corpus.source, 3)
    with pytest.raises(ValueError, match="shape"):
        ElementTable(table.attributes, table.counts[1:], table.frequencies, table.texts)


def test_samples_are_spread_over_the_corpus(monkeypatch):
    """A corpus with one sentence altered in the middle: a large sample finds it, of many runs."""
    corpus = sample(small_example(Uniform(36)), 5000, seed=2)
    renderer = renderer_of(corpus)
    looked_at = []

    def render(first, elements):
        looked_at.append((first, first + len(elements)))
        return renderer(first, elements)

    corpus.verify(render=render, sample=1024)
    assert len(looked_at) == 4
    assert looked_at[0][0] == 0
    assert looked_at[-1][1] == 5000
    assert sum(end - begin for begin, end in looked_at) == 1024


# ---- a corpus among other inputs -------------------------------------------------------------------


def test_a_corpus_folder_counts_as_its_text(corpus, saved, tmp_path):
    shutil.copytree(saved, tmp_path / "b_corpus")
    (tmp_path / "a.txt").write_text("before")
    (tmp_path / "c.txt").write_text("after")
    names = [source.name.removeprefix(f"{tmp_path}/") for source in expand(tmp_path)]
    assert names == ["a.txt", "c.txt", "b_corpus/text.txt"]
    assert [source.name for source in expand(saved)] == [str(saved / "text.txt")]
    (document,) = read(saved)
    assert bytes(document.data) == corpus.text.tobytes()


def test_other_folders_with_a_corpus_json_are_read_whole(tmp_path):
    for content in ("{}", "not json", '{"format": "another"}'):
        (tmp_path / "corpus.json").write_text(content)
        (tmp_path / "text.txt").write_text("text")
        (tmp_path / "more.txt").write_text("text")
        assert len(list(expand(tmp_path))) == 3
