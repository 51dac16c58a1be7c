"""Small models and tokenizers of Hugging Face's kind, with random weights, written to folders."""

import tokenizers
import torch
import transformers

SIZES = {
    "vocab_size": 272,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "head_dim": 8,
    "initializer_range": 0.3,
    "bos_token_id": 256,
    "eos_token_id": 256,
    "pad_token_id": 256,
}


def save_tokenizer(folder, normalizer=None):
    """A tokenizer of bytes with two merges, and a BOS."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {unit: number for number, unit in enumerate(alphabet)}
    vocabulary |= {"<bos>": 256, "th": 257, "the": 258}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, [("t", "h"), ("th", "e")]))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    if normalizer is not None:
        made.normalizer = normalizer
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<bos>", eos_token="<bos>"
    ).save_pretrained(folder)


def save_model(folder, kind="llama", **others):
    torch.manual_seed(5)
    settings = transformers.AutoConfig.for_model(kind, **{**SIZES, **others})
    transformers.AutoModelForCausalLM.from_config(settings).save_pretrained(folder)
