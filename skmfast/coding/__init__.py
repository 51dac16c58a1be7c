"""Integers and frequencies into bits and back. Knows no model.

- `quantise`: probabilities to integer `Frequencies`, with what the rounding costs;
- `encode`, `decode`: whole arrays under one table (``"rans"`` for speed, ``"range"`` for the last bit);
- `RangeEncoder`, `RangeDecoder`: one message from many calls, each with a table of its own;
- `code_length`, `code_lengths`: bits under one table, without a stream;
- `logits_code_lengths`, `encode_logits`, `decode_logits`, ...: each symbol under a categorical of its own.
"""

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
from skmfast.coding._coding import Frequencies, RangeDecoder, RangeEncoder, decode, encode, quantise
from skmfast.settings import check_isa

__all__ = [
    "Frequencies",
    "LogitsDecoder",
    "LogitsEncoder",
    "RangeDecoder",
    "RangeEncoder",
    "code_length",
    "code_lengths",
    "decode",
    "decode_logits",
    "encode",
    "encode_logits",
    "logits_code_lengths",
    "logits_frequencies",
    "logits_intervals",
    "quantise",
]

check_isa()
