"""Numbers as LEB128: seven bits a byte, the lowest first; the eighth says that more follow."""

from __future__ import annotations


def varint(number: int) -> bytes:
    """The bytes of ``number``, which is at least 0.

    Examples
    --------
    >>> varint(300)
    b'\\xac\\x02'
    """
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
