# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Entropy coders over tables of integer frequencies: binding of csrc's range coder, rANS and quantiser.

Check, allocate, one call without the GIL, return. The streams are described in range_coder.hpp and
rans.hpp.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

import operator

import numpy as np

from skmfast.errors import CorruptStreamError

cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass bytes_view "std::span<const std::uint8_t>":
        bytes_view()
        bytes_view(const uint8_t*, size_t)
        const uint8_t* data()
        size_t size()
    cdef cppclass bytes_span "std::span<std::uint8_t>":
        bytes_span()
        bytes_span(uint8_t*, size_t)
        uint8_t* data()
        size_t size()
    cdef cppclass words_view "std::span<const std::uint16_t>":
        words_view(const uint16_t*, size_t)
    cdef cppclass words_span "std::span<std::uint16_t>":
        words_span(uint16_t*, size_t)
    cdef cppclass longs_view "std::span<const std::uint32_t>":
        longs_view()
        longs_view(const uint32_t*, size_t)
    cdef cppclass longs_span "std::span<std::uint32_t>":
        longs_span(uint32_t*, size_t)
    cdef cppclass doubles_view "std::span<const double>":
        doubles_view(const double*, size_t)

cdef extern from "skm/symbols.hpp" namespace "skm" nogil:
    size_t narrow_symbols[W, N](const W*, size_t, N*)

cdef extern from "skm/quantise.hpp" namespace "skm" nogil:
    const double kSumTolerance
    ctypedef enum QuantiseStatus "skm::QuantiseStatus":
        quantise_ok "skm::QuantiseStatus::ok"
        not_a_probability "skm::QuantiseStatus::not_a_probability"
        not_normalised "skm::QuantiseStatus::not_normalised"
    cdef struct QuantiseResult:
        QuantiseStatus status
        size_t index
        double value
    QuantiseResult quantise_to "skm::quantise"(doubles_view, unsigned int, longs_span) except +

cdef extern from "skm/range_coder.hpp" namespace "skm" nogil:
    const unsigned int kRangeMaxTotalBits
    cdef cppclass CRangeEncoder "skm::RangeEncoder":
        CRangeEncoder() except +
        bytes_view finish()
        size_t size()
    cdef cppclass CRangeDecoder "skm::RangeDecoder":
        CRangeDecoder()
        CRangeDecoder(bytes_view)
        bint at_end()
        size_t position()

cdef extern from "skm/range_table.hpp" namespace "skm" nogil:
    const size_t kRangeMaxSymbols
    cdef cppclass RangeTable:
        RangeTable()
        RangeTable(longs_view) except +
    size_t range_encode8 "skm::range_encode<std::uint8_t>"(
        CRangeEncoder&, const RangeTable&, bytes_view) except +
    size_t range_encode16 "skm::range_encode<std::uint16_t>"(
        CRangeEncoder&, const RangeTable&, words_view) except +
    size_t range_encode32 "skm::range_encode<std::uint32_t>"(
        CRangeEncoder&, const RangeTable&, longs_view) except +
    size_t range_decode8 "skm::range_decode<std::uint8_t>"(CRangeDecoder&, const RangeTable&, bytes_span)
    size_t range_decode16 "skm::range_decode<std::uint16_t>"(CRangeDecoder&, const RangeTable&, words_span)
    size_t range_decode32 "skm::range_decode<std::uint32_t>"(CRangeDecoder&, const RangeTable&, longs_span)

cdef extern from "skm/rans.hpp" namespace "skm" nogil:
    const unsigned int kRansMaxBits
    const size_t kRansMaxSymbols
    cdef cppclass RansEncoderTable:
        pass
    cdef cppclass RansDecoderTable:
        pass
    ctypedef enum RansStatus "skm::RansStatus":
        rans_ok "skm::RansStatus::ok"
        rans_truncated "skm::RansStatus::truncated"
        rans_trailing_bytes "skm::RansStatus::trailing_bytes"
        rans_wrong_state "skm::RansStatus::wrong_state"
    cdef struct RansResult:
        RansStatus status
        size_t byte
        size_t symbols
    RansEncoderTable encoder_table8 "skm::RansEncoderTable::build<std::uint8_t>"(
        longs_view, unsigned int) except +
    RansEncoderTable encoder_table16 "skm::RansEncoderTable::build<std::uint16_t>"(
        longs_view, unsigned int) except +
    RansDecoderTable decoder_table8 "skm::RansDecoderTable::build<std::uint8_t>"(
        longs_view, unsigned int) except +
    RansDecoderTable decoder_table16 "skm::RansDecoderTable::build<std::uint16_t>"(
        longs_view, unsigned int) except +
    size_t rans_encoded_bound(size_t)
    bytes_span rans_encode8 "skm::rans_encode<std::uint8_t>"(bytes_view, const RansEncoderTable&, bytes_span)
    bytes_span rans_encode16 "skm::rans_encode<std::uint16_t>"(
        words_view, const RansEncoderTable&, bytes_span)
    RansResult rans_decode8 "skm::rans_decode<std::uint8_t>"(bytes_view, const RansDecoderTable&, bytes_span)
    RansResult rans_decode16 "skm::rans_decode<std::uint16_t>"(
        bytes_view, const RansDecoderTable&, words_span)

ctypedef fused Wide:
    int8_t
    int16_t
    int32_t
    int64_t
    uint64_t

ctypedef fused Narrow:
    uint16_t
    uint32_t


@cython.final
cdef class Frequencies:
    """Integer frequencies of the symbols 0, 1, ... of an alphabet: what the coders code with.

    Parameters
    ----------
    counts : array_like of int, shape (alphabet,)
        Frequency of each symbol; 0 for symbols that cannot occur. At most 2**20 symbols; the sum is
        1 to 2**31. Counts that come straight from data are fine.

    Attributes
    ----------
    counts : ndarray of uint32, shape (alphabet,)
        Read-only.
    total : int
        Their sum.
    bits : int or None
        log2(total) if that is whole. rANS needs it whole and at most 15.
    excess_bits : float
        From `quantise`: expected bits a symbol beyond the entropy of the probabilities; otherwise nan.

    Raises
    ------
    TypeError
        If the counts are not integers.
    ValueError
        If one is negative (the message says where) or a limit is exceeded.
    """

    cdef readonly object counts
    cdef readonly object total
    cdef readonly object bits
    cdef readonly double excess_bits
    cdef const uint32_t[::1] _view
    cdef RangeTable _range

    def __cinit__(self, counts):
        self.counts = _checked_counts(counts)
        self.counts.flags.writeable = False
        self.total = int(self.counts.sum(dtype=np.uint64))
        self.bits = self.total.bit_length() - 1 if self.total & (self.total - 1) == 0 else None
        self.excess_bits = float("nan")
        self._view = self.counts
        self._range = RangeTable(self._span())

    cdef longs_view _span(self) noexcept nogil:
        return longs_view(&self._view[0], <size_t>self._view.shape[0])

    def __len__(self):
        return self._view.shape[0]

    def __repr__(self):
        excess = "" if np.isnan(self.excess_bits) else f", excess_bits={self.excess_bits:.3g}"
        return f"Frequencies(alphabet={len(self)}, total={self.total}{excess})"

    def __reduce__(self):
        return _restore, (self.counts, self.excess_bits)


def _restore(counts, excess_bits):
    cdef Frequencies frequencies = Frequencies(counts)
    frequencies.excess_bits = excess_bits
    return frequencies


def _checked_counts(counts):
    given = np.asarray(counts)
    if given.dtype.kind not in "iu":
        raise TypeError(f"frequencies must be integers, not {given.dtype}")
    if given.ndim != 1 or not 1 <= given.size <= kRangeMaxSymbols:
        raise ValueError(
            f"frequencies must have shape (alphabet,), 1 to {kRangeMaxSymbols}, not {given.shape}"
        )
    wrong = np.flatnonzero((given < 0) | (given > 2**kRangeMaxTotalBits))
    if wrong.size:
        raise ValueError(
            f"frequencies[{wrong[0]}] = {given[wrong[0]]} is not in 0 to 2**{kRangeMaxTotalBits}"
        )
    total = int(given.sum(dtype=np.uint64))
    if not 1 <= total <= 2**kRangeMaxTotalBits:
        raise ValueError(f"frequencies add up to {total}, not to 1 to 2**{kRangeMaxTotalBits}")
    return np.array(given, dtype=np.uint32)


def quantise(probabilities, bits=14):
    """Best integer frequencies of total ``2**bits`` for the given probabilities.

    Every symbol of positive probability gets at least 1, every other 0, the sum is exact, and no
    other such frequencies have a lower expected code length. The same on every machine.

    Parameters
    ----------
    probabilities : array_like of float, shape (alphabet,)
        Converted to float64. The sum may differ from one by 1e-5 at most and is then scaled to one.
    bits : int, default 14
        0 to 31. 12 to 15 for rANS (12 decodes fastest), 24 or more to be near-exact with the range
        coder. Large alphabets need more: for Zipf's law over 50,257 symbols, 16 bits cost 0.8 bits a
        symbol, 20 bits 0.0007, 24 bits 0.000003.

    Returns
    -------
    Frequencies
        Its ``excess_bits`` is what the rounding costs, in bits per symbol.

    Raises
    ------
    ValueError
        If a probability is negative, infinite or nan (the message says where), if the sum is not one,
        or if more symbols are possible than ``2**bits``.

    Notes
    -----
    Roughly ``numpy.maximum(1, numpy.round(p * 2**bits))``, corrected until the sum is exact and no unit
    moved from one symbol to another shortens the code.
    """
    given = np.ascontiguousarray(probabilities, dtype=np.float64)
    if given.ndim != 1 or not 1 <= given.size <= kRangeMaxSymbols:
        raise ValueError(
            f"probabilities must have shape (alphabet,), 1 to {kRangeMaxSymbols}, not {given.shape}"
        )
    cdef int total_bits = operator.index(bits)
    if not 0 <= total_bits <= <int>kRangeMaxTotalBits:
        raise ValueError(f"bits = {bits} is not in 0 to {kRangeMaxTotalBits}")
    counts = np.empty(given.size, dtype=np.uint32)
    cdef const double[::1] p = given
    cdef uint32_t[::1] out = counts
    cdef QuantiseResult result
    with nogil:
        result = quantise_to(doubles_view(&p[0], p.shape[0]), total_bits, longs_span(&out[0], out.shape[0]))
    if result.status == not_a_probability:
        raise ValueError(f"probabilities[{result.index}] = {result.value} is not a probability")
    if result.status == not_normalised:
        raise ValueError(f"probabilities add up to {result.value}, not to 1 (within {kSumTolerance})")
    if result.status != quantise_ok:
        raise ValueError(f"{result.index} possible symbols do not fit in a total of 2**{total_bits}")
    return _restore(counts, result.value)


cdef Frequencies _as_frequencies(frequencies):
    return <Frequencies>frequencies if isinstance(frequencies, Frequencies) else Frequencies(frequencies)


def _narrow(const Wide[::1] symbols, Narrow[::1] out):
    cdef size_t count = symbols.shape[0]
    cdef size_t done
    with nogil:
        done = narrow_symbols(&symbols[0], count, &out[0])
    return done


cdef _as_symbols(symbols, Frequencies frequencies):
    """One-dimensional, contiguous, of an unsigned type that the coders take for this alphabet."""
    given = np.asarray(symbols)
    if given.dtype.kind not in "iu" and given.size:
        raise TypeError(f"symbols must be integers, not {given.dtype}")
    if given.ndim != 1:
        raise ValueError(f"symbols must have shape (count,), not {given.shape}")
    alphabet = len(frequencies)
    if not given.size:
        return np.empty(0, dtype=_symbol_type(alphabet))
    given = np.ascontiguousarray(given, dtype=given.dtype.newbyteorder("="))
    if given.dtype == np.uint8 and alphabet > 256:
        return given.astype(np.uint16)
    if given.dtype in (np.uint8, np.uint16) or (given.dtype == np.uint32 and alphabet > 65536):
        return given
    if given.dtype == np.uint32:
        given = given.astype(np.uint64)
    out = np.empty(given.size, dtype=np.uint16 if alphabet <= 65536 else np.uint32)
    done = _narrow(given, out)
    if done < given.size:
        raise _outside(given, done, frequencies)
    return out


cdef _outside(symbols, index, Frequencies frequencies):
    symbol = symbols[index]
    if not 0 <= symbol < len(frequencies):
        return ValueError(f"symbols[{index}] = {symbol} is outside the alphabet of {len(frequencies)}")
    return ValueError(f"symbols[{index}] = {symbol} has frequency 0")


cdef _symbol_type(alphabet):
    return np.uint8 if alphabet <= 256 else np.uint16 if alphabet <= 65536 else np.uint32


cdef size_t _checked_count(num_symbols) except? 0:
    count = operator.index(num_symbols)
    if count < 0:
        raise ValueError(f"num_symbols = {count} is negative")
    if count > 2**48:
        raise ValueError(f"num_symbols = {count} is more than any memory holds")
    return count


cdef const uint8_t[::1] _as_bytes(data):
    view = memoryview(data)
    return view.cast("B") if view.nbytes else b""  # cast refuses empty arrays


cdef bytes_view _bytes_view(const uint8_t[::1] data) noexcept:
    return bytes_view(&data[0], <size_t>data.shape[0]) if data.shape[0] else bytes_view()


@cython.final
cdef class RangeEncoder:
    """Range coder: arrays of symbols, each under frequencies of its own, into one message.

    Exact to 2**-24 bits a symbol; the whole message ends within 8 bits of the sum of
    ``-log2(counts[symbol] / total)``.

    Examples
    --------
    >>> encoder = RangeEncoder()
    >>> encoder.encode([0, 1, 1], [1, 3])
    >>> encoder.encode([2, 0], [5, 0, 5])
    >>> message = encoder.finish()
    >>> decoder = RangeDecoder(message)
    >>> decoder.decode(3, [1, 3]), decoder.decode(2, [5, 0, 5])
    (array([0, 1, 1], dtype=uint8), array([2, 0], dtype=uint8))
    >>> decoder.finish()
    """

    cdef CRangeEncoder _encoder
    cdef bint _finished
    cdef bint _busy  # some thread is coding without the GIL

    @property
    def num_bytes(self):
        """Bytes written so far; `finish` adds one at most."""
        return self._encoder.size()

    def encode(self, symbols, frequencies):
        """Append symbols.

        Parameters
        ----------
        symbols : array_like of int, shape (count,)
            Any integer type.
        frequencies : Frequencies or array_like of int
            The decoder needs the same. Making `Frequencies` once is faster than giving counts often.

        Raises
        ------
        ValueError
            If a symbol is outside the alphabet or has frequency 0: the message says where. The
            symbols before it are then part of the message.
        RuntimeError
            After `finish`, or while another thread is in `encode`.
        """
        self._check_usable()
        cdef Frequencies table = _as_frequencies(frequencies)
        given = _as_symbols(symbols, table)
        cdef size_t count = given.size
        if count == 0:
            return
        self._check_usable()
        self._busy = True
        try:
            done = self._encode(given, table)
        finally:
            self._busy = False
        if done < count:
            raise _outside(given, done, table)

    cdef size_t _encode(self, given, Frequencies table) except? 0:
        cdef size_t count = given.size
        cdef const uint8_t[::1] small
        cdef const uint16_t[::1] medium
        cdef const uint32_t[::1] large
        if given.dtype == np.uint8:
            small = given
            with nogil:
                return range_encode8(self._encoder, table._range, bytes_view(&small[0], count))
        if given.dtype == np.uint16:
            medium = given
            with nogil:
                return range_encode16(self._encoder, table._range, words_view(&medium[0], count))
        large = given
        with nogil:
            return range_encode32(self._encoder, table._range, longs_view(&large[0], count))

    cdef _check_usable(self):
        if self._finished:
            raise RuntimeError("the message is finished: use a new RangeEncoder")
        if self._busy:
            raise RuntimeError("another thread is using this RangeEncoder")

    def finish(self):
        """End the message and return it; the encoder takes no more.

        Returns
        -------
        bytes
        """
        self._check_usable()
        self._finished = True
        cdef bytes_view message = self._encoder.finish()
        return PyBytes_FromStringAndSize(<const char*>message.data(), <Py_ssize_t>message.size())


@cython.final
cdef class RangeDecoder:
    """Reads what `RangeEncoder` wrote, call by call.

    Parameters
    ----------
    data : bytes-like
        One whole message. Not copied: do not change it meanwhile.
    """

    cdef const uint8_t[::1] _data
    cdef CRangeDecoder _decoder
    cdef bint _busy  # some thread is decoding without the GIL

    def __cinit__(self, data):
        self._data = _as_bytes(data)
        self._decoder = CRangeDecoder(_bytes_view(self._data))

    def decode(self, num_symbols, frequencies):
        """Next symbols.

        Parameters
        ----------
        num_symbols : int
            How many; memory for as many is allocated.
        frequencies : Frequencies or array_like of int
            As given to the encoder.

        Returns
        -------
        ndarray of uint8, uint16 or uint32, shape (num_symbols,)
            The narrowest of these that holds the alphabet.

        Raises
        ------
        CorruptStreamError
            If the message ends too early or names a place where no symbol is.
        RuntimeError
            While another thread is in `decode`.
        """
        cdef Frequencies table = _as_frequencies(frequencies)
        cdef size_t count = _checked_count(num_symbols)
        symbols = np.empty(count, dtype=_symbol_type(len(table)))
        if count == 0:
            return symbols
        self._check_usable()
        self._busy = True
        try:
            done = self._decode(symbols, table)
        finally:
            self._busy = False
        if done < count:
            raise CorruptStreamError(
                f"damaged or truncated at byte {self._decoder.position()} of {self._data.shape[0]}: "
                f"symbol {done} of {num_symbols}"
            )
        return symbols

    cdef size_t _decode(self, symbols, Frequencies table) except? 0:
        cdef size_t count = symbols.size
        cdef uint8_t[::1] small
        cdef uint16_t[::1] medium
        cdef uint32_t[::1] large
        if symbols.dtype == np.uint8:
            small = symbols
            with nogil:
                return range_decode8(self._decoder, table._range, bytes_span(&small[0], count))
        if symbols.dtype == np.uint16:
            medium = symbols
            with nogil:
                return range_decode16(self._decoder, table._range, words_span(&medium[0], count))
        large = symbols
        with nogil:
            return range_decode32(self._decoder, table._range, longs_span(&large[0], count))

    cdef _check_usable(self):
        if self._busy:
            raise RuntimeError("another thread is using this RangeDecoder")

    def finish(self):
        """Check that the message ends here.

        Raises
        ------
        CorruptStreamError
            If bytes are left, or the end is not as `RangeEncoder.finish` writes it.
        """
        self._check_usable()
        if not self._decoder.at_end():
            raise CorruptStreamError(
                f"not at the end of the message: at byte {self._decoder.position()} of {self._data.shape[0]}"
            )


def encode(symbols, frequencies, method="rans"):
    """Symbols to bytes under one table of frequencies.

    Parameters
    ----------
    symbols : array_like of int, shape (count,)
        Any integer type; uint8 or uint16 (as the alphabet needs) are taken without a copy.
    frequencies : Frequencies or array_like of int, shape (alphabet,)
        For rANS the total is a power of two, 2**15 at most, and the alphabet at most 65,536.
    method : {"rans", "range"}, default "rans"
        ``"rans"``: 32 interleaved coders; fastest; 128 bytes of states, and within 0.03 % of the ideal
        (0.01 % with 14 bits or less). ``"range"``: one range coder; within 8 bits of the ideal.

    Returns
    -------
    bytes
        Neither the count nor the frequencies are part of it.

    Raises
    ------
    ValueError
        If a symbol is outside the alphabet or has frequency 0 (the message says where), or the
        frequencies do not suit the method.

    Notes
    -----
    The ideal is ``-numpy.log2(counts[symbols] / total).sum()`` bits. rANS: Duda (2013), interleaved as in
    Giesen (2014).
    """
    cdef Frequencies table = _as_frequencies(frequencies)
    if _checked_method(method) == "rans":
        return _rans_encode(symbols, table)
    encoder = RangeEncoder()
    encoder.encode(symbols, table)
    return encoder.finish()


def decode(data, num_symbols, frequencies, method="rans"):
    """The symbols that `encode` wrote.

    Parameters
    ----------
    data : bytes-like
        All of what `encode` returned.
    num_symbols : int
        How many symbols it holds; memory for as many is allocated.
    frequencies : Frequencies or array_like of int, shape (alphabet,)
        As given to `encode`.
    method : {"rans", "range"}, default "rans"
        As given to `encode`.

    Returns
    -------
    ndarray of uint8, uint16 or uint32, shape (num_symbols,)
        The narrowest of these that holds the alphabet.

    Raises
    ------
    CorruptStreamError
        If the data are truncated, have bytes left over, or cannot have been written with these
        frequencies. Most damage is noticed, not all: add a checksum where that matters.
    """
    cdef Frequencies table = _as_frequencies(frequencies)
    if _checked_method(method) == "rans":
        return _rans_decode(data, _checked_count(num_symbols), table)
    decoder = RangeDecoder(data)
    symbols = decoder.decode(num_symbols, table)
    decoder.finish()
    return symbols


def _checked_method(method):
    if method not in ("rans", "range"):
        raise ValueError(f'method must be "rans" or "range", not {method!r}')
    return method


cdef unsigned int _rans_bits(Frequencies table) except? 99:
    if table.bits is None or table.bits > <int>kRansMaxBits:
        raise ValueError(
            f"rANS needs a total of 2**{kRansMaxBits} or a lower power of two, not {table.total}"
        )
    if len(table) > kRansMaxSymbols:
        raise ValueError(f"rANS takes {kRansMaxSymbols} symbols at most, not {len(table)}")
    return table.bits


cdef _rans_encode(symbols, Frequencies table):
    cdef unsigned int bits = _rans_bits(table)
    given = _as_symbols(symbols, table)
    cdef size_t count = given.size
    if count == 0:
        return b""
    cdef const uint8_t[::1] small
    cdef const uint16_t[::1] medium
    cdef size_t room = rans_encoded_bound(count)
    cdef bytes_span stream
    cdef uint8_t* buffer = <uint8_t*>PyMem_RawMalloc(room)
    if buffer == NULL:
        raise MemoryError(f"{room} bytes for encoding")
    try:
        if given.dtype == np.uint8:
            small = given
            with nogil:
                stream = rans_encode8(bytes_view(&small[0], count), encoder_table8(table._span(), bits),
                                      bytes_span(buffer, room))
        else:
            medium = given
            with nogil:
                stream = rans_encode16(words_view(&medium[0], count), encoder_table16(table._span(), bits),
                                       bytes_span(buffer, room))
        if stream.size() == 0:
            raise _outside(given, _first_impossible(given, table), table)
        return PyBytes_FromStringAndSize(<const char*>stream.data(), <Py_ssize_t>stream.size())
    finally:
        PyMem_RawFree(buffer)


def _first_impossible(symbols, Frequencies table):
    possible = np.zeros(65536, dtype=bool)
    possible[: len(table)] = table.counts > 0
    return int(np.argmin(possible[symbols]))


cdef _rans_decode(data, size_t count, Frequencies table):
    cdef unsigned int bits = _rans_bits(table)
    cdef const uint8_t[::1] stream = _as_bytes(data)
    cdef bytes_view view = _bytes_view(stream)
    symbols = np.empty(count, dtype=_symbol_type(len(table)))
    cdef uint8_t[::1] small
    cdef uint16_t[::1] medium
    cdef RansResult result
    if count == 0:
        if stream.shape[0]:
            raise CorruptStreamError(f"{stream.shape[0]} bytes are left after symbol 0, the last")
        return symbols
    if symbols.dtype == np.uint8:
        small = symbols
        with nogil:
            result = rans_decode8(view, decoder_table8(table._span(), bits), bytes_span(&small[0], count))
    else:
        medium = symbols
        with nogil:
            result = rans_decode16(view, decoder_table16(table._span(), bits), words_span(&medium[0], count))
    if result.status != rans_ok:
        raise _rans_damage(result, stream.shape[0], count)
    return symbols


cdef _rans_damage(RansResult result, size_t size, size_t count):
    if result.status == rans_truncated:
        return CorruptStreamError(f"truncated: {size} bytes end within symbol {result.symbols} of {count}")
    if result.status == rans_trailing_bytes:
        return CorruptStreamError(f"{size - result.byte} bytes are left after symbol {count}, the last")
    return CorruptStreamError(f"damaged: a coder's state at byte {result.byte} of {size} is impossible")
