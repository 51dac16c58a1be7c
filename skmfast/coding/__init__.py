"""Integers and frequencies into bits and back. Knows no model.

- `quantise`: probabilities to integer `Frequencies`, with what the rounding costs;
- `encode`, `decode`: whole arrays under one table (``"rans"`` for speed, ``"range"`` for the last bit);
- `RangeEncoder`, `RangeDecoder`: one message from many calls, each with a table of its own;
- `code_length`, `code_lengths`: what symbols cost under one table, without a stream;
- `encode_logits`, `decode_logits`, `LogitsEncoder`, `LogitsDecoder`: each symbol under the softmax of its
  own logits; `logits_code_lengths`, `logits_frequencies` and `logits_intervals` give the numbers alone.
"""

# ---- code lengths and categoricals from logits (_categorical) ----
from ._categorical import (
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

# ---- static tables and the range coder (_coding) ----
from ._coding import Frequencies, RangeDecoder, RangeEncoder, decode, encode, quantise

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
