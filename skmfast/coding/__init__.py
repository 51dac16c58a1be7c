"""Integers and frequencies into bits and back. Knows no model."""

from skmfast.coding._categorical import (
    LogitsDecoder,
    LogitsEncoder,
    code_length,
    code_lengths,
    decode_logits,
    encode_logits,
    logits_code_lengths,
    logits_frequencies,
    logits_intervals,
)

__all__ = [
    "LogitsDecoder",
    "LogitsEncoder",
    "code_length",
    "code_lengths",
    "decode_logits",
    "encode_logits",
    "logits_code_lengths",
    "logits_frequencies",
    "logits_intervals",
]
