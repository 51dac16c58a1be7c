"""Corpora in memory and on disk: the same for any threads and blocks, however often generation is killed."""

import hashlib
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skmfast.corpora.growing import JOURNAL, GrowingCorpus
from skmfast.corpora.labelled import LabelledCorpus
from skmfast.errors import CorpusError
from skmfast.sources.biographies import Biographies
from skmfast.sources.elements import element_stream
from skmfast.sources.example import small_example
from skmfast.sources.frequencies import PitmanYor, Uniform, Zipf
from skmfast.sources.generate import generate, renderer_of, sample

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "biographies_corpus.json"
SENTENCES = 3000


def source(statements=2):
    return Biographies(PitmanYor(0.5, 2.0), statements=statements)


def hashes(folder):
    """SHA-256 of every file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The corpus as it is made in one go, by one thread."""
    folder = tmp_path_factory.mktemp("expected") / "corpus"
    generate(source(), SENTENCES, folder, 7, threads=1)
    return folder


def test_golden_corpus(expected):
    """Frozen: columns of a corpus stay the same for ever, on every processor. Parquet may be written anew."""
    frozen = json.loads(GOLDEN.read_text())
    found = hashes(expected)
    assert {name: found[name] for name in frozen} == frozen
    assert len(frozen) == 8


@pytest.mark.parametrize(("threads", "block"), [(1, 1), (1, 700), (2, 1024), (3, 10**6)])
def test_threads_and_blocks_change_nothing(expected, tmp_path, threads, block):
    if block == 1:  # a file operation for each sentence: fewer of them
        short = generate(source(), 100, tmp_path / "corpus", 7, threads=threads, block=block)
        whole = LabelledCorpus.open(expected).sentences.part(0, 100)
        assert all(
            np.array_equal(getattr(short.sentences, name), getattr(whole, name)) for name in whole.columns()
        )
        return
    generate(source(), SENTENCES, tmp_path / "corpus", 7, threads=threads, block=block)
    assert hashes(tmp_path / "corpus") == hashes(expected)


def test_in_memory_and_saved_is_the_same(expected, tmp_path):
    corpus = sample(source(), SENTENCES, 7, threads=2)
    opened = LabelledCorpus.open(expected)
    for name in corpus.sentences.columns():
        assert np.array_equal(getattr(corpus, name), getattr(opened, name)), name
    corpus.save(tmp_path / "corpus")
    assert hashes(tmp_path / "corpus") == hashes(expected)


def test_source_is_rebuilt_from_the_description(expected):
    corpus = LabelledCorpus.open(expected)
    corpus.verify(render=renderer_of(corpus), sample=None)
    as_bytes = sample(source(), 50, 7, tokens="bytes")
    as_bytes.verify(render=renderer_of(as_bytes))
    assert as_bytes.tokens.tolist() == as_bytes.text.tolist()


# The k-th call of a function kills the process that generates: while columns are half written, before and
# after the journal is replaced, between blocks, while the corpus is described, and before it has its name.
KILLER = """
import os, signal, sys
from skmfast.corpora import growing, layout
from skmfast.sources.biographies import Biographies
from skmfast.sources.frequencies import PitmanYor
from skmfast.sources.generate import generate

module, name, k, when = sys.argv[2:]
growing._CHECKPOINT_SECONDS = 0
home = {"growing": growing, "layout": layout, "os": os}[module]
original, calls = getattr(home, name), 0

def killing(*arguments, **options):
    global calls
    calls += 1
    if calls == int(k) and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*arguments, **options)
    if calls == int(k):
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(home, name, killing)
generate(Biographies(PitmanYor(0.5, 2.0), statements=2), 3000, sys.argv[1], 7, threads=2, block=200)
"""
KILLS = [
    ("layout", "write_json", 1, "before"),  # nothing but empty files
    ("layout", "checksum", 17, "after"),  # one column of the second block
    ("layout", "write_json", 5, "before"),
    ("os", "replace", 4, "after"),  # the journal has just been replaced
    ("layout", "file_checksum", 1, "after"),  # the table of elements has been written
    ("os", "rename", 1, "before"),  # all has been written
]


def test_killed_again_and_again(expected, tmp_path):
    out = tmp_path / "corpus"
    done = []
    for module, name, k, when in KILLS:
        command = [sys.executable, "-c", KILLER, out, module, name, str(k), when]
        killed = subprocess.run(command, capture_output=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        assert not out.exists()
        journal = tmp_path / "corpus.partial" / JOURNAL
        done.append(json.loads(journal.read_text())["num_sentences"] if journal.exists() else 0)
    assert done == sorted(done)
    assert done[0] == 0
    assert 0 < done[2] < done[3] < SENTENCES == done[-1]
    generate(source(), SENTENCES, out, 7, threads=1)
    assert hashes(out) == hashes(expected)
    assert not (tmp_path / "corpus.partial").exists()


FULL_DISK = """
import resource, signal, sys
from skmfast.corpora import growing
from skmfast.sources.biographies import Biographies
from skmfast.sources.frequencies import PitmanYor
from skmfast.sources.generate import generate

growing._CHECKPOINT_SECONDS = 0
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    generate(Biographies(PitmanYor(0.5, 2.0), statements=2), 3000, sys.argv[1], 7, block=200)
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit on file sizes here")
def test_goes_on_after_the_disk_took_no_more(expected, tmp_path):
    out = tmp_path / "corpus"
    done = subprocess.run([sys.executable, "-c", FULL_DISK, out], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("File too large\n", 0), done.stderr
    assert not out.exists()
    assert (tmp_path / "corpus.partial" / "text.txt").stat().st_size == 200_000  # the last write was cut
    generate(source(), SENTENCES, out, 7)
    assert hashes(out) == hashes(expected)


def interrupted(out, after=1):
    """Generate until ``after`` sentences are done."""

    def stop(done):
        if done >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(source(), SENTENCES, out, 7, block=500, progress=stop)


def test_interrupts_keep_what_is_done(expected, tmp_path):
    out = tmp_path / "corpus"
    interrupted(out)
    steps = []
    generate(source(), SENTENCES, out, 7, block=500, progress=steps.append)
    assert steps[0] >= 500
    assert steps == sorted(steps)
    assert steps[-1] == SENTENCES
    assert hashes(out) == hashes(expected)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 8}, "seed was 7 and is 8"),
        ({"num_sentences": 50}, "num_sentences was 3000 and is 50"),
        ({"tokens": "bytes"}, "tokens was 'words' and is 'bytes'"),
        ({"source": Biographies(PitmanYor(0.6, 2.0), statements=2)}, "'discount': 0.6"),
        ({"source": Biographies(PitmanYor(0.5, 2.0), statements=1)}, "source was"),
    ],
    ids=["seed", "sentences", "tokens", "frequencies", "statements"],
)
def test_another_corpus_is_not_gone_on_with(tmp_path, change, told):
    out = tmp_path / "corpus"
    interrupted(out)
    before = hashes(tmp_path / "corpus.partial")
    arguments = {"source": source(), "num_sentences": SENTENCES, "seed": 7, "out": out} | change
    with pytest.raises(ValueError, match=told):
        generate(**arguments)
    assert hashes(tmp_path / "corpus.partial") == before


def test_what_exists_is_not_overwritten(tmp_path):
    (tmp_path / "corpus").mkdir()
    with pytest.raises(FileExistsError, match="exists, and is not overwritten"):
        generate(source(), 10, tmp_path / "corpus", 7)
    assert list((tmp_path / "corpus").iterdir()) == []


def test_two_at_once_are_refused(tmp_path):
    configuration = {"any": 1}
    with (
        GrowingCorpus(tmp_path / "corpus", configuration, np.uint16),
        pytest.raises(FileExistsError, match="another process"),
        GrowingCorpus(tmp_path / "corpus", configuration, np.uint16),
    ):
        pass


def test_damaged_beginnings_are_refused(tmp_path):
    out, partial = tmp_path / "corpus", tmp_path / "corpus.partial"
    interrupted(out)
    tokens = (partial / "tokens.bin").read_bytes()
    (partial / "tokens.bin").write_bytes(tokens[:100])
    with pytest.raises(CorpusError, match=r"tokens\.bin: 100 bytes, and the journal tells of"):
        generate(source(), SENTENCES, out, 7)
    (partial / JOURNAL).write_text("{}")
    with pytest.raises(CorpusError, match="not the journal"):
        generate(source(), SENTENCES, out, 7)
    (partial / JOURNAL).unlink()
    (partial / "thesis.tex").write_text("years of work")
    with pytest.raises(CorpusError, match=r"thesis\.tex: does not belong"):
        generate(source(), SENTENCES, out, 7)
    assert (partial / "thesis.tex").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"num_sentences": 0}, "num_sentences=0"),
        ({"num_sentences": 2**48 + 1}, "num_sentences"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**64}, "seed"),
        ({"block": 0}, "block=0"),
        ({"threads": 0}, "threads"),
        ({"tokens": "letters"}, "letters"),
        ({"source": small_example(PitmanYor(0.9, 1.0))}, "there are names for 36 elements"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_arguments(tmp_path, change, told):
    arguments = {"source": small_example(Uniform(9)), "num_sentences": 500, "seed": 1, "out": tmp_path / "a"}
    with pytest.raises(ValueError, match=told):
        generate(**arguments | change)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "law", [PitmanYor(0.5, 1.0), Zipf(1.1, 500), Uniform(1000)], ids=lambda law: law.kind
)
def test_elements_do_not_depend_on_blocks(law):
    whole = element_stream(law, 3).next(5000, 2)
    stream = element_stream(law, 3)
    parts = [stream.next(count, 1) for count in (1, 999, 0, 3000, 1000)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(law.elements(5000, 3), whole)


def test_too_many_elements():
    with pytest.raises(ValueError, match=r"at most 2\^32"):
        element_stream(Uniform(2**32 + 1), 1)
