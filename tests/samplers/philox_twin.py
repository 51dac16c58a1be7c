"""Philox4x32-10 and the layout of streams, slowly: what skm/philox.hpp must equal."""

from __future__ import annotations

from collections.abc import Iterator

_LOW32 = (1 << 32) - 1
_LOW64 = (1 << 64) - 1


def mix64(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & _LOW64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _LOW64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _LOW64
    return x ^ (x >> 31)


def stream_key(seed: int, stream: int) -> int:
    return mix64(seed ^ mix64(stream))


def random_block(key: int, index: int, attempt: int = 0) -> tuple[int, int]:
    c = [index & _LOW32, index >> 32, attempt & _LOW32, attempt >> 32]
    k0, k1 = key & _LOW32, key >> 32
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k0, b & _LOW32, (a >> 32) ^ c[3] ^ k1, a & _LOW32]
        k0, k1 = (k0 + 0x9E3779B9) & _LOW32, (k1 + 0xBB67AE85) & _LOW32
    return c[0] | c[1] << 32, c[2] | c[3] << 32


def word(key: int, index: int, attempt: int = 0) -> int:
    """Attempt `attempt` of draw `index`."""
    return random_block(key, index // 2, attempt)[index % 2]


def words(key: int, index: int) -> Iterator[int]:
    """All attempts of draw `index`."""
    attempt = 0
    while True:
        yield word(key, index, attempt)
        attempt += 1


def unit_double(bits: int) -> float:
    return (bits >> 11) * 2.0**-53


def open_unit_double(bits: int) -> float:
    return ((bits >> 12) + 0.5) * 2.0**-52


def integer(key: int, index: int, low: int, span: int) -> int:
    """Uniform on low ... low + span - 1 (Lemire 2019)."""
    for bits in words(key, index):
        if bits * span % 2**64 >= 2**64 % span:
            return low + (bits * span >> 64)
    raise AssertionError
