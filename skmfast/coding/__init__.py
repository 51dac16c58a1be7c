"""Integers and frequencies into bits and back. Knows no model.

- `quantise`: probabilities to integer `Frequencies`, with what the rounding costs;
- `encode`, `decode`: whole arrays under one table (``"rans"`` for speed, ``"range"`` for the last bit);
- `RangeEncoder`, `RangeDecoder`: one message from many calls, each with a table of its own.
"""

# ---- static tables and the range coder (_coding) ----
from ._coding import Frequencies, RangeDecoder, RangeEncoder, decode, encode, quantise

__all__ = [
    "Frequencies",
    "RangeDecoder",
    "RangeEncoder",
    "decode",
    "encode",
    "quantise",
]
