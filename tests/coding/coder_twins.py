"""The coders again, slow and readable: what the fast ones must match byte for byte."""

import heapq
import math


def cumulated(counts):
    """0, counts[0], counts[0] + counts[1], ..."""
    cums = [0]
    for count in counts:
        cums.append(cums[-1] + int(count))
    return cums


class RangeTwin:
    """Range encoder on integers of any size: no carry to worry about."""

    def __init__(self):
        self.low = 0  # grows by 8 bits with each byte written
        self.width = 2**64 - 1
        self.num_bytes = 0

    def encode(self, symbol, counts):
        cums = cumulated(counts)
        unit = self.width // cums[-1]
        self.low += unit * cums[symbol]
        self.width = unit * int(counts[symbol])
        while self.width < 2**56:
            self.low, self.width, self.num_bytes = self.low << 8, self.width << 8, self.num_bytes + 1

    def finish(self):
        if self.num_bytes == 0 and self.width == 2**64 - 1:
            return b""
        return (-(-self.low // 2**56)).to_bytes(self.num_bytes + 1, "big")


def range_decode(message, tables):
    """Symbols of a message under one table of counts each; the message is one long fraction."""
    code = int.from_bytes(message + bytes(8), "big")
    unread = 8 * len(message)  # bits of code below the 64 that count
    width = 2**64 - 1
    symbols = []
    for counts in tables:
        cums = cumulated(counts)
        unit = width // cums[-1]
        target = (code >> unread) // unit
        symbol = max(s for s in range(len(counts)) if cums[s] <= target)
        symbols.append(symbol)
        code -= (unit * cums[symbol]) << unread
        width = unit * int(counts[symbol])
        while width < 2**56:
            width, unread = width << 8, unread - 8
    return symbols


WAYS = 32
LOW = 2**16


def rans_encode(symbols, counts):
    """Interleaved rANS: the last symbol first, words pushed on a stack."""
    bits = sum(counts).bit_length() - 1
    scale = 2 ** max(12 - bits, 0)
    bits = max(bits, 12)
    counts = [count * scale for count in counts]
    cums = cumulated(counts)
    states = [LOW] * WAYS
    words = []
    for i in reversed(range(len(symbols))):
        state, freq = states[i % WAYS], counts[symbols[i]]
        if state >= freq << (32 - bits):
            words.append(state & 0xFFFF)
            state >>= 16
        states[i % WAYS] = (state // freq << bits) + state % freq + cums[symbols[i]]
    head = b"".join(state.to_bytes(4, "little") for state in states[: len(symbols)])
    return head + b"".join(word.to_bytes(2, "little") for word in reversed(words))


def rans_decode(stream, num_symbols, counts):
    bits = sum(counts).bit_length() - 1
    scale = 2 ** max(12 - bits, 0)
    bits = max(bits, 12)
    counts = [count * scale for count in counts]
    cums = cumulated(counts)
    symbol_of = [symbol for symbol, count in enumerate(counts) for _ in range(count)]
    ways = min(WAYS, num_symbols)
    states = [int.from_bytes(stream[4 * way : 4 * way + 4], "little") for way in range(ways)]
    at = 4 * ways
    symbols = []
    for i in range(num_symbols):
        state = states[i % WAYS]
        slot = state % 2**bits
        symbol = symbol_of[slot]
        symbols.append(symbol)
        state = counts[symbol] * (state >> bits) + slot - cums[symbol]
        if state < LOW:
            state = state << 16 | int.from_bytes(stream[at : at + 2], "little")
            at += 2
        states[i % WAYS] = state
    assert at == len(stream)
    assert states == [LOW] * ways
    return symbols


def quantise(probabilities, total):
    """One unit each, then the others one by one to where each shortens the code most."""
    counts = [1 if p > 0 else 0 for p in probabilities]
    gains = [(-p * math.log1p(1), s, 1) for s, p in enumerate(probabilities) if p > 0]
    heapq.heapify(gains)
    for _ in range(total - sum(counts)):
        _, symbol, count = heapq.heappop(gains)
        counts[symbol] = count + 1
        heapq.heappush(gains, (-probabilities[symbol] * math.log1p(1 / (count + 1)), symbol, count + 1))
    return counts


def code_length_bits(probabilities, counts):
    """Expected bits a symbol when coding with counts."""
    total = sum(int(count) for count in counts)
    return math.fsum(
        -p * math.log2(count / total) for p, count in zip(probabilities, counts, strict=True) if p > 0
    )
