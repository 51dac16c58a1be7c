"""Streams under models of torch: what comes back, what they cost, what they depend on, damage."""

import hashlib
import math
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from tiny_models import save_model, save_tokenizer  # noqa: E402

from skmfast.codes import byte_escapes, torch_steps  # noqa: E402
from skmfast.codes.language_model import LanguageModel  # noqa: E402
from skmfast.codes.registry import make_code  # noqa: E402
from skmfast.coding import logits_code_lengths  # noqa: E402
from skmfast.coding.container import unpack  # noqa: E402
from skmfast.compression import compress, decompress, decompress_documents  # noqa: E402
from skmfast.errors import CorpusError, CorruptStreamError, UnsupportedStreamError  # noqa: E402

TEXT = "the théâtre, then the other thing\r\n".encode() * 2
KINDS = [
    ("llama", {}),
    ("gpt2", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}),
    ("gemma2", {"final_logit_softcapping": 3.0, "query_pre_attn_scalar": 8, "sliding_window": 8}),
    ("rwkv", {"attention_hidden_size": 16, "context_length": 64}),  # keeps what is known by no name
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("models") / "tiny"
    save_model(made)
    save_tokenizer(made)
    return made


@pytest.fixture(scope="module")
def code(folder):
    return LanguageModel(str(folder), context=24)


@pytest.fixture(scope="module")
def composing(tmp_path_factory):
    """A model whose tokenizer puts accents onto their letters, and drops spaces before a special token."""
    made = tmp_path_factory.mktemp("models") / "composing"
    save_model(made)
    save_tokenizer(made, tokenizers.normalizers.NFC())
    tokenizer = transformers.AutoTokenizer.from_pretrained(made)
    tokenizer.add_special_tokens({"mask_token": tokenizers.AddedToken("<mask>", lstrip=True, special=True)})
    tokenizer.save_pretrained(made)
    return LanguageModel(str(made), context=24)


class Bigrams(torch.nn.Module):
    """Each byte from the one before it alone."""

    def __init__(self, seed=1):
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.embedding = torch.nn.Parameter(torch.randn((257, 16), generator=random))
        self.head = torch.nn.Parameter(torch.randn((257, 16), generator=random))

    def hidden(self, tokens):
        return self.embedding[tokens]


class Bytes:
    """Bytes as tokens."""

    bos = 256

    def __len__(self):
        return 257

    def encode(self, data):
        return np.frombuffer(bytes(data), np.uint8).astype(np.int64)

    def decode(self, tokens):
        return bytes(int(token) for token in tokens)


# ---- what comes back, and what it costs --------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "others"), KINDS)
def test_steps_beside_whole_windows(tmp_path, kind, others):
    """Logits step by step, of three windows of which one ends, are those of the model on all tokens."""
    save_model(tmp_path, kind, **others)
    save_tokenizer(tmp_path)
    trunk = LanguageModel(str(tmp_path)).trunk
    tokens = np.random.default_rng(4).integers(0, 272, (3, 20))
    with torch.inference_mode():
        wanted = trunk.model(torch.from_numpy(tokens)).logits.numpy()
        stepper = torch_steps.stepper_of(trunk, 3, 20)
        found = [stepper.logits(tokens[:, :4])]
        found += [stepper.logits(tokens[: 3 - (step > 9), step]) for step in range(4, 20)]
    assert isinstance(stepper, torch_steps.RecomputedSteps) == (kind == "rwkv")
    for place, logits in enumerate(found, 3):
        np.testing.assert_allclose(logits, wanted[: len(logits), place], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"context": 4},
        {"context": 24},
        {"context": 24, "stride": 10},
        {"context": 24, "bos": "document"},
        {"context": 20, "stride": 7, "bos": "once", "last": "full"},
    ],
)
def test_lossless_under_every_policy(folder, policy):
    code = LanguageModel(str(folder), **policy)
    payload = code.encode(TEXT)
    assert code.decode(payload, len(TEXT)) == TEXT
    bits = code.lengths([TEXT]).bits
    # A mark of two bytes, the number of tokens, none of the escapes, and the coder's end.
    assert bits + 24 < 8 * len(payload) < bits + 72


def test_a_stream_holds_the_integer_frequencies_of_plain_logits(folder):
    code = LanguageModel(str(folder), dtype="float32")
    (found,) = code.token_lengths([TEXT])
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        logits = model(torch.tensor([[256, *found.tokens[:40]]])).logits[0, :-1].numpy()
    wanted = logits_code_lengths(logits, found.tokens[:40]).sum()
    text = code.tokenizer.decode(found.tokens[:40])
    assert wanted < 8 * len(code.encode(text)) < wanted + 72


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_types(folder, dtype):
    threads = min(2, os.cpu_count()) if dtype == "float64" else 1
    code = make_code(f"lm:{folder},dtype={dtype},context=16,device=cpu,stream_threads={threads}")
    assert code.stream_parameters["stream_threads"] == threads
    assert decompress(compress(TEXT, code), code=code) == TEXT
    assert code.parameters["dtype"] == dtype
    assert code.lengths([TEXT]).bits == pytest.approx(
        LanguageModel(str(folder), context=16).lengths([TEXT]).bits, rel=0.01
    )


def test_documents_are_blocks_with_checksums(code):
    documents = [TEXT, b"", b"the other", TEXT[:5]]
    file = compress(documents, code)
    assert decompress_documents(file, code=code) == documents
    blocks = unpack(file).blocks
    assert [block.original_bytes for block in blocks] == [len(TEXT), 9, 5]
    damaged = bytearray(file)
    damaged[blocks[1].offset + len(blocks[1].payload) - 2] ^= 1
    with pytest.raises(CorruptStreamError, match="block 2 of 3"):
        decompress(bytes(damaged), code=code)
    assert code.decode(bytes(blocks[2].payload), 5) == TEXT[:5]
    assert decompress_documents(compress([], code), code=code) == []


def test_any_module_with_a_head():
    code = LanguageModel.of(Bigrams(), Bytes(), context=50)
    data = bytes(range(256)) + b"abc" * 20
    file = compress(data, code)
    assert decompress(file, code=code) == data
    bits = code.lengths([data]).bits
    assert bits < 8 * len(code.encode(data)) < bits + 72
    other = LanguageModel.of(Bigrams(2), Bytes(), context=50)
    with pytest.raises(UnsupportedStreamError, match="coded with model_sha256="):
        decompress(file, code=other)
    with pytest.raises(UnsupportedStreamError, match="lm needs a model"):
        decompress(file)


class BigramSteps:
    """Steps of `Bigrams`, which need no token but the last."""

    def __init__(self, trunk):
        self.trunk, self.calls = trunk, []

    def logits(self, tokens):
        self.calls.append(tokens.shape)
        last = tokens if tokens.ndim == 1 else tokens[:, -1]
        return (self.trunk.embedding[last] @ self.trunk.head.T).numpy()


@pytest.mark.parametrize("stride", [None, 4])
def test_a_module_with_steps_of_its_own(stride):
    steps = []

    class Stepping(Bigrams):
        def stepper(self, windows, length):
            assert length <= 10
            steps.append(BigramSteps(self))
            return steps[-1]

    code = LanguageModel.of(Stepping(), Bytes(), context=10, stride=stride)
    payload = code.encode(bytes(range(25)))
    calls = steps[-1].calls
    # Windows of 9, 9 and 7 tokens beside each other; or, after 9, of 4, of which the last sees six first.
    assert calls == ([(3,)] * 7 + [(2,)] * 2 if stride is None else [(1, 6)] + [(1,)] * 3)
    assert code.decode(payload, 25) == bytes(range(25))
    assert 0 < 8 * len(payload) - code.lengths([bytes(range(25))]).bits < 72


# ---- bytes that tokens do not give -------------------------------------------------------------------------


def test_bytes_between_tokens(code):
    whole = code.tokenizer.encode(b"the other thing, ")
    [first, second] = byte_escapes.split(code.tokenizer, b"the other thing, \xff\xfethe other thing, ", 272)
    assert first.tokens.tolist() == second.tokens.tolist() == whole.tolist()
    assert (first.escaped, second.escaped) == (b"\xff\xfe", b"")
    [alone] = byte_escapes.split(code.tokenizer, TEXT, 272)
    assert alone.escaped == b""


def test_accents_and_special_tokens_come_back(composing, code):
    accent = "the other e\N{COMBINING ACUTE ACCENT} is another thing altogether, then".encode()
    for document in (accent, b"the  <mask> and <bos>", b"<bos>", b"<mask>", b" <mask>"):
        assert decompress(compress(document, composing), code=composing) == document
    assert code.decode(code.encode(b"a <bos> b"), 9) == b"a <bos> b"
    pieces = byte_escapes.split(composing.tokenizer, accent * 3, 272)
    assert 0 < sum(len(piece.escaped) for piece in pieces) < len(accent)
    with pytest.raises(CorpusError, match="does not give the bytes back"):
        composing.lengths([accent])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.text(max_size=20).map(str.encode),
            st.sampled_from([b"e\xcc\x81", b" <mask>", b"<bos>", b"the other", b"\xed\xa0\x80", b"\0"]),
        ),
        max_size=12,
    ).map(b"".join)
)
def test_pieces_of_any_bytes(composing, document):
    pieces = byte_escapes.split(composing.tokenizer, document, 272)
    assert byte_escapes.join(composing.tokenizer, pieces) == document
    assert sum(len(piece.tokens) for piece in pieces) <= len(document) + len(pieces)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.binary(max_size=40))
def test_any_bytes_are_written(composing, document):
    assert composing.decode(composing.encode(document), len(document)) == document


def test_a_token_that_the_model_lacks_is_written_as_bytes(tmp_path):
    save_model(tmp_path, vocab_size=260)
    save_tokenizer(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.add_tokens(["hurrah", "hooray"])  # 259, and 260
    tokenizer.save_pretrained(tmp_path)
    code = LanguageModel(str(tmp_path))
    document = b"the hurrah is no hooray, then the other thing"
    assert code.decode(code.encode(document), len(document)) == document


# ---- what a stream depends on ------------------------------------------------------------------------------


def test_a_stream_says_what_it_depends_on(code, folder, monkeypatch):
    file = compress(TEXT, code)
    named = unpack(file).parameters
    weights = "".join(
        f"{name} {hashlib.sha256((folder / name).read_bytes()).hexdigest()}\n"
        for name in ("config.json", "model.safetensors")
    )
    assert named["model_sha256"] == hashlib.sha256(weights.encode()).hexdigest()
    assert (named["context"], named["bos"], named["dtype"], named["device"]) == (
        24,
        "window",
        "float64",
        "cpu",
    )
    assert named["stream_threads"] == 1
    for library in (torch, transformers, tokenizers):
        assert f"{library.__name__} {library.__version__}" in named["runs_on"]
    assert torch.backends.cpu.get_cpu_capability() in named["runs_on"]
    assert len(named["tokenizer_sha256"]) == 64
    assert str(folder.parent).encode() not in file
    monkeypatch.setenv("SKMFAST_MODELS", str(folder.parent))
    assert decompress(file) == TEXT


def test_elsewhere_it_is_refused(code, folder, monkeypatch):
    monkeypatch.setenv("SKMFAST_MODELS", str(folder.parent))
    file = compress(TEXT[:20], code)
    monkeypatch.setattr(torch_steps, "machine", lambda device: "torch 1.0, another processor")
    with pytest.raises(
        UnsupportedStreamError, match=r"runs_on: asked for is .*, this is .*another processor"
    ):
        decompress(file)
    with pytest.raises(UnsupportedStreamError, match="coded with runs_on="):
        decompress(file, code=LanguageModel(str(folder), context=24))
    with pytest.raises(UnsupportedStreamError, match="or on another machine"):
        code.decode(unpack(file).blocks[0].payload, 20)


def test_other_logits_are_refused(code, folder, monkeypatch):
    """As where an instruction set is switched off, which no version shows."""
    monkeypatch.setenv("SKMFAST_MODELS", str(folder.parent))
    file = compress(TEXT[:20], code)
    plain = torch_steps.head_logits
    monkeypatch.setattr(
        torch_steps,
        "head_logits",
        lambda *given: np.nextafter(plain(*given), np.float32(9), dtype=np.float32),
    )
    with pytest.raises(UnsupportedStreamError, match="probe: this machine computes other logits"):
        decompress(file)
    with pytest.raises(UnsupportedStreamError, match="coded with probe="):
        decompress(file, code=LanguageModel(str(folder), context=24))


def test_another_model_policy_or_number_of_threads_is_refused(code, folder, tmp_path):
    file = compress(TEXT[:20], code)
    save_model(tmp_path, tie_word_embeddings=True)
    save_tokenizer(tmp_path)
    for other, message in [
        (LanguageModel(str(tmp_path), context=24), "model_sha256="),
        (LanguageModel(str(folder), context=24, stride=5), "stride=None, the code given has 5"),
        (LanguageModel(str(folder), context=24, dtype="float32"), "dtype='float64'"),
    ]:
        with pytest.raises(UnsupportedStreamError, match=message):
            decompress(file, code=other)
    threads = LanguageModel(str(folder), context=24)
    threads._stream_threads = 2
    with pytest.raises(UnsupportedStreamError, match="stream_threads=1, the code given has 2"):
        decompress(file, code=threads)
    for number in (0, 1 << 20):
        with pytest.raises(ValueError, match=f"stream_threads: {number} is not between 1 and"):
            LanguageModel(str(folder), stream_threads=number)


# ---- damage ------------------------------------------------------------------------------------------------


def test_flipped_bits_and_missing_ends(code):
    file = compress([TEXT[:12], TEXT[5:9]], code)
    start = unpack(file).blocks[0].offset
    for place in range(start, len(file)):
        damaged = bytearray(file)
        damaged[place] ^= 1 << (place % 8)
        with pytest.raises((CorruptStreamError, UnsupportedStreamError)):
            decompress(bytes(damaged), code=code)
    for size in range(start, len(file), 3):
        with pytest.raises((CorruptStreamError, UnsupportedStreamError)):
            decompress(file[:size], code=code)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.binary(max_size=30), st.integers(0, 60))
def test_payloads_of_any_bytes(code, payload, num_bytes):
    mark = code.encode(b"")[:2]
    try:
        found = code.decode(mark + payload, num_bytes)
    except CorruptStreamError:
        return
    assert len(found) == num_bytes


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"\xff\xff\xff\x7f\x00", "tokens for 10 bytes"),
        (b"\xff" * 11, "a number has no end"),
        (b"\x80", "truncated in a number"),
        (b"\x04\xff\xff\x7f", "escapes in"),
        (b"\x04\x01\x02\x09abc", "truncated in an escape"),
        (b"\x04\x01\x05\x01abc", "escapes beyond the end"),
        (b"\x04\x01\x05\x0babcdefghijklmn", "escapes beyond the end"),
    ],
)
def test_declared_sizes(code, payload, message):
    with pytest.raises(CorruptStreamError, match=message):
        code.decode(code.encode(b"")[:2] + payload, 10)


@pytest.mark.parametrize("stride", [None, 10])
@pytest.mark.parametrize("message", [b"", b"\0" * 20, b"\xff" * 20])
def test_a_message_that_is_over_ends_the_work(folder, message, stride):
    code = LanguageModel(str(folder), context=24, stride=stride)
    done = [0.0]
    with pytest.raises(CorruptStreamError, match=rf"payload of {len(message)} bytes is damaged"):
        code.decode(code.encode(b"")[:2] + b"\xff\xff\x3f\0" + message, 1 << 20, progress=done.append)
    assert done[-1] * (1 << 20) < 1000


def test_models_without_probabilities(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    weights["model.norm.weight"][3] = math.nan
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    broken = LanguageModel(str(tmp_path))
    with pytest.raises(CorpusError, match="token 0 or one beside it: logit at row 0, column 0 is NaN"):
        broken.encode(b"abc")
    with pytest.raises(CorruptStreamError, match="token 0: logit at row 0"):
        broken.decode(broken.encode(b"")[:2] + b"\x03\x00abc", 3)


# ---- devices -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("granite", "'granite' is no device of torch"),
        ("cpu:x", "'cpu:x' is no device of torch"),
        ("meta", "'meta': torch .* cannot say whether it is there"),
        ("cuda:999", "'cuda:999' is not there: torch"),
    ],
)
def test_devices_that_are_not_there(folder, device, message):
    with pytest.raises(ValueError, match=f"device: {message}"):
        make_code(f"lm:{folder},device={device}")


def test_devices_and_types(folder, monkeypatch):
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match=r"device: 'cuda' is not there: torch .* finds no cuda"):
            LanguageModel(str(folder), device="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="device: 'cuda:1' is not there: torch finds 1, from cuda:0 on"):
        LanguageModel(str(folder), device="cuda:1")
    with pytest.raises(ValueError, match="dtype: float64 is for processors; on cuda: float32"):
        LanguageModel(str(folder), device="cuda", dtype="float64")


def test_llama2c_files_are_computed_on_the_processor(models):
    with pytest.raises(ValueError, match=r"a llama2\.c file, is computed on the processor, not on cuda"):
        LanguageModel(str(models / "stories260K.bin"), device="cuda")
    assert LanguageModel(str(models / "stories260K.bin"), device="cpu").encode(b"abc")
