"""Language models as codes: golden totals, windows, batches, lossless streams, files that are broken."""

import json

import llama_twin
import numpy as np
import pytest

from skmfast import compression
from skmfast.codes import language_model_stream, part_results
from skmfast.codes.language_model import LanguageModel
from skmfast.codes.llama2c import read_llama2c
from skmfast.codes.llama2c_tokenizer import Llama2cTokenizer
from skmfast.codes.registry import make_code
from skmfast.codes.windows import WindowPolicy
from skmfast.coding.container import unpack
from skmfast.compression import compress, decompress
from skmfast.errors import CorpusError, CorruptStreamError, ModelFileError, UnsupportedStreamError


@pytest.fixture(scope="module")
def golden(models):
    return json.loads((models / "stories260K_golden.json").read_text())["cases"]


@pytest.fixture(scope="module")
def code(models):
    return LanguageModel(str(models / "stories260K.bin"))


@pytest.fixture(scope="module")
def shakespeare(corpora_dir):
    return (corpora_dir / "tinyshakespeare.txt").read_bytes()


def test_golden_tokens_and_totals(code, golden):
    texts = [case["text"].encode() for case in golden]
    for case, found in zip(golden, code.token_lengths(texts), strict=True):
        assert found.tokens.tolist() == case["ids"]
        np.testing.assert_allclose(found.bits[:8], case["bits_first8"], atol=2e-5)
    totals = code.lengths(texts, per_document=True)
    np.testing.assert_allclose(totals.per_document, [case["total_bits"] for case in golden], atol=1e-3)
    assert totals.num_bytes == sum(case["bytes"] for case in golden)


def test_broken_weights_score_as_they_are(models, golden):
    code = make_code(f"lm:{models / 'stories260K_corrupt.bin'}")
    found = code.lengths([case["text"].encode() for case in golden], per_document=True)
    rates = found.per_document / found.document_bytes
    assert rates.min() > 6.6
    assert rates.max() < 9.1


def test_batch_size_and_order_do_not_matter(models, shakespeare):
    documents = [shakespeare[start : start + 20 + start % 130] for start in range(0, 6000, 200)]
    documents.append(b"")
    path = str(models / "stories260K.bin")
    first = LanguageModel(path, batch=1).lengths(documents, per_document=True).per_document
    order = np.random.default_rng(1).permutation(len(documents))
    for batch in (7, 64, None):
        code = LanguageModel(path, batch=batch)
        shuffled = code.lengths([documents[i] for i in order], per_document=True).per_document
        np.testing.assert_array_equal(shuffled, first[order])
    assert first[-1] == 0


def test_policies_against_each_token_alone(models, shakespeare):
    """Every token from the model run on its window up to it, one by one."""
    text = shakespeare[:60]
    model = read_llama2c(models / "stories260K.bin")
    for stride, bos in [(None, "window"), (5, "window"), (None, "document"), (3, "once")]:
        code = LanguageModel(str(models / "stories260K.bin"), context=12, stride=stride, bos=bos)
        (found,) = code.token_lengths([text])
        for window in code.policy.windows(len(found.tokens)):
            for place in range(window.new, window.end):
                seen = [1] * window.bos + found.tokens[window.first : place].tolist()
                targets = [*seen[1:], found.tokens[place]]
                bits = llama_twin.bits(*model, seen, targets)[-1]
                assert found.bits[place] == pytest.approx(bits, abs=1e-4)  # float32 beside float64


def test_one_sequence_of_all_documents(models):
    code = LanguageModel(str(models / "stories260K.bin"), bos="once")
    pair = [b"Once upon a time", b"Lily saw a dog."]
    assert code.lengths(pair).bits != pytest.approx(code.lengths(pair, per_document=True).bits)


@pytest.mark.parametrize("last", ["short", "full"])
@pytest.mark.parametrize("bos", ["window", "document"])
@pytest.mark.parametrize("stride", [None, 1, 4])
@pytest.mark.parametrize("num_tokens", [0, 1, 7, 8, 9, 40])
def test_windows_predict_every_token_once(last, bos, stride, num_tokens):
    windows = list(WindowPolicy(8, stride, bos, last).windows(num_tokens))
    assert [place for w in windows for place in range(w.new, w.end)] == list(range(num_tokens))
    for w in windows:
        size = w.end - w.first + w.bos
        assert size <= 8
        assert size == 8 or w is windows[-1]
        assert size == min(8, num_tokens + w.bos) or last == "short"
        assert w.first + (not w.bos) <= w.new


def test_part_results_are_not_computed_again(models, shakespeare, tmp_path, monkeypatch):
    """Windows of another document, or under another policy, are computed; order and batches do not count."""
    documents = [shakespeare[start : start + 90] for start in range(0, 2000, 100)]
    path = str(models / "stories260K.bin")
    parts = tmp_path / "parts"
    computed = []
    monkeypatch.setattr(part_results, "_SECONDS_BETWEEN_FILES", 1e9)  # files are written at the end alone

    class Counting(LanguageModel):
        def _bits(self, group, threads):
            computed.extend(group)
            if len(computed) > 8 and not parts.exists():
                raise KeyboardInterrupt
            return super()._bits(group, threads)

    with pytest.raises(KeyboardInterrupt):
        Counting(path, batch=4).lengths(documents, per_document=True, parts=parts)
    assert len(computed) == 12
    computed.clear()
    resumed = Counting(path).lengths(documents[::-1], per_document=True, parts=parts)
    assert len(computed) == 12
    whole = LanguageModel(path).lengths(documents, per_document=True)
    np.testing.assert_allclose(resumed.per_document[::-1], whole.per_document, rtol=0, atol=1e-9)
    computed.clear()
    Counting(path).lengths([*documents, b"one more"], per_document=True, parts=parts)
    assert len(computed) == 1
    computed.clear()
    Counting(path, context=256).lengths(documents[:3], per_document=True, parts=parts)
    assert len(computed) == 3
    for file in parts.iterdir():
        file.write_bytes(file.read_bytes()[:-40])
    computed.clear()
    Counting(path).lengths(documents, per_document=True, parts=parts)
    assert len(computed) == 20


def test_progress_reaches_the_end(code):
    seen = []
    code.lengths([b"Once upon a time"] * 3, per_document=True, progress=seen.append)
    assert seen[-1] == 1
    assert seen == sorted(seen)
    code.lengths([b""], progress=seen.append)


def test_lossless(models, code, shakespeare):
    text = shakespeare[:1500]
    short = LanguageModel(str(models / "stories260K.bin"), context=64)
    payload = short.encode(text)
    assert short.decode(payload, len(text)) == text
    bits = short.lengths([text]).bits
    assert bits - 1 < 8 * len(payload) < bits + 64
    file = compress([text, b"", "Ünï\0".encode()], short)
    assert decompress(file, code=short) == text + "Ünï\0".encode()
    for other in (LanguageModel(str(models / "stories260K_corrupt.bin"), context=64), code):
        with pytest.raises(UnsupportedStreamError, match="another model"):
            other.decode(payload, len(text))


@pytest.mark.parametrize("at_once", [256, 5, 1])
def test_documents_beside_each_other(models, shakespeare, monkeypatch, at_once):
    """Payloads do not depend on company: those of each alone, of any length, and some longer than a batch."""
    monkeypatch.setattr(language_model_stream, "_WINDOWS", at_once)
    code = LanguageModel(str(models / "stories260K.bin"), context=16)
    sizes = [40, 0, 7, 300, 1, 90, 33, 120]
    documents = [shakespeare[100 * number :][:size] for number, size in enumerate(sizes)]
    payloads = [code.encode(document) for document in documents]
    seen = []
    assert code.encode_documents(documents, progress=seen.append) == payloads
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert code.decode_documents(payloads, sizes) == documents
    monkeypatch.setattr(compression, "_TOGETHER_BYTES", 200)
    file = compress(documents, code)
    done = []
    assert decompress(file, code=code, progress=done.append) == b"".join(documents)
    assert done == sorted(done)
    damaged = bytearray(file)
    damaged[unpack(file).blocks[4].offset + 10] ^= 4
    with pytest.raises(CorruptStreamError, match="payload in block 5 of 7"):
        decompress(bytes(damaged), code=code)


def test_a_stream_names_its_model_and_not_where_it_was(models, monkeypatch, tmp_path):
    code = LanguageModel(str(models / "stories260K.bin"), context=32)
    file = compress(b"Once upon a time", code)
    assert str(models).encode() not in file
    assert str(models) not in str(code.lengths([b"abc"]).metadata)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnsupportedStreamError, match=r"stories260K.bin: No such file or folder"):
        decompress(file)
    assert decompress(file, code=code) == b"Once upon a time"
    with pytest.raises(UnsupportedStreamError, match="coded with context=32, the code given has 64"):
        decompress(file, code=LanguageModel(str(models / "stories260K.bin"), context=64))
    with pytest.raises(UnsupportedStreamError, match="coded with 'lm', not with 'uniform'"):
        decompress(file, code=make_code("uniform"))
    monkeypatch.setenv("SKMFAST_MODELS", f"{tmp_path}:{models}")
    assert decompress(file) == b"Once upon a time"


def test_damage_and_another_machine(models, shakespeare, monkeypatch):
    monkeypatch.setenv("SKMFAST_MODELS", str(models))
    code = LanguageModel(str(models / "stories260K.bin"), context=32)
    file = bytearray(compress(shakespeare[:200], code))
    for place in range(1, 60, 7):
        damaged = file.copy()
        damaged[-place] ^= 16
        with pytest.raises((CorruptStreamError, UnsupportedStreamError)):
            decompress(bytes(damaged))
    code.__class__ = type("Elsewhere", (LanguageModel,), {"runs_on": "torch 1.0, another processor"})
    with pytest.raises(UnsupportedStreamError, match="runs_on"):
        decompress(compress(b"abc", code))


@pytest.mark.parametrize(
    "policy",
    [{"stride": 10}, {"bos": "document"}, {"stride": 7, "bos": "once", "last": "full"}],
)
def test_streams_of_windows_that_overlap(models, shakespeare, policy):
    code = LanguageModel(str(models / "stories260K.bin"), context=24, **policy)
    for text in (shakespeare[:300], b"a", b""):
        payload = code.encode(text)
        assert code.decode(payload, len(text)) == text
        assert code.lengths([text]).bits - 1 < 8 * len(payload) < code.lengths([text]).bits + 64


@pytest.mark.parametrize(
    "data", [bytes(range(256)), b"\x80\x80", b" ", b"  a", b"<0x41>", b"a\x00b", b"\xff\xc3"]
)
def test_any_bytes_come_back(models, data):
    tokenizer = Llama2cTokenizer(models / "tok512.bin")
    assert tokenizer.decode(tokenizer.encode(data)) == data


def test_files_that_are_broken(models, tmp_path):
    model, tokenizer = (models / "stories260K.bin").read_bytes(), models / "tok512.bin"
    broken = tmp_path / "model.bin"
    for data, message in [
        (model[:-4], "truncated"),
        (model + b"\0", "too long"),
        (model[:20], "header alone"),
        (b"\x89PNG" * 20, "its header"),
        (b"24ka" + model, "versioned"),
        (b"PK\x03\x04" + model, "pickled weights"),
        (b"\x80\x02\x8a\x0a" + model, "pickled weights"),
        (b"\x80\x02" + model[2:], "truncated"),  # of width 640
        ((1000).to_bytes(8, "little") + b'{"a"', "give their folder"),
        (b"", "header alone"),
    ]:
        broken.write_bytes(data)
        with pytest.raises(ModelFileError, match=message):
            LanguageModel(str(broken), str(tokenizer))
    with pytest.raises(ModelFileError, match="No such file"):
        LanguageModel(str(tmp_path / "none.bin"))
    broken.write_bytes(model)
    with pytest.raises(ModelFileError, match=r"none.tok: No such file, nor beside .*model.bin"):
        LanguageModel(str(broken), "none.tok")
    with pytest.raises(ModelFileError, match="no tokenizer beside"):
        LanguageModel(str(broken))
    cut = tmp_path / "tokenizer.bin"
    cut.write_bytes(tokenizer.read_bytes()[:-3])
    with pytest.raises(ModelFileError, match="truncated"):
        LanguageModel(str(broken))


def test_a_model_that_gives_no_probability(models, tmp_path):
    data = bytearray((models / "stories260K.bin").read_bytes())
    data[28:32] = np.float32(np.nan).tobytes()
    path = tmp_path / "nan.bin"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="document 0, token 0"):
        LanguageModel(str(path), str(models / "tok512.bin")).lengths([b"abc"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"context": 1}, "context: 1"),
        ({"stride": 512}, "stride: 512"),
        ({"bos": "never"}, "bos: 'never'"),
        ({"last": "long"}, "last: 'long'"),
        ({"bos_token": 512}, "bos_token: 512 is not between 0 and 511"),
        ({"dtype": "int8"}, "dtype: 'int8'"),
        ({"batch": 0}, "batch: 0"),
        ({"model_sha256": "0"}, "model_sha256: another file"),
    ],
)
def test_wrong_parameters(models, settings, message):
    with pytest.raises(ValueError, match=message):
        LanguageModel(str(models / "stories260K.bin"), **settings)
