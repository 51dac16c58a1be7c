# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Code lengths without a stream, and categorical distributions from logits.

Binding of skm/code_length.hpp and skm/categorical.hpp: check, allocate, one call, return.
"""

import numpy as np

from skmfast.errors import CorruptStreamError
from skmfast.settings import resolve_threads

cimport numpy as cnp
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libcpp.memory cimport unique_ptr

cnp.import_array()


cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Bytes "std::span<const std::uint8_t>":
        Bytes()
        Bytes(const uint8_t*, size_t)
        const uint8_t* data()
        size_t size()
    cdef cppclass Doubles "std::span<const double>":
        Doubles(const double*, size_t)
    cdef cppclass DoublesOut "std::span<double>":
        DoublesOut(double*, size_t)
    cdef cppclass Symbols8 "std::span<const std::uint8_t>":
        Symbols8(const uint8_t*, size_t)
    cdef cppclass Symbols16 "std::span<const std::uint16_t>":
        Symbols16(const uint16_t*, size_t)
    cdef cppclass Symbols32 "std::span<const std::uint32_t>":
        Symbols32(const uint32_t*, size_t)
    cdef cppclass Symbols64 "std::span<const std::int64_t>":
        Symbols64(const int64_t*, size_t)
    cdef cppclass Intervals "std::span<const skm::Interval>":
        Intervals(const Interval*, size_t)


cdef extern from "skm/code_length.hpp" namespace "skm" nogil:
    enum class ProbabilityFaultKind "skm::ProbabilityFaultKind":
        none
        negative
        not_finite
        sum
    struct ProbabilityFault:
        ProbabilityFaultKind kind
        size_t index
        double sum
    struct CodeLength:
        double bits
        size_t out_of_range
    cdef cppclass CodeLengthTable:
        CodeLengthTable(Doubles) except +
    const size_t kNoIndex
    const size_t kMaxTableSize
    ProbabilityFault check_probabilities(Doubles, double)
    CodeLength code_length_8 "skm::code_length<std::uint8_t>"(Symbols8, const CodeLengthTable&, unsigned) except +
    CodeLength code_length_16 "skm::code_length<std::uint16_t>"(Symbols16, const CodeLengthTable&, unsigned) except +
    CodeLength code_length_32 "skm::code_length<std::uint32_t>"(Symbols32, const CodeLengthTable&, unsigned) except +
    CodeLength code_length_64 "skm::code_length<std::int64_t>"(Symbols64, const CodeLengthTable&, unsigned) except +
    size_t code_lengths_8 "skm::code_lengths<std::uint8_t>"(
        Symbols8, const CodeLengthTable&, DoublesOut, unsigned) except +
    size_t code_lengths_16 "skm::code_lengths<std::uint16_t>"(
        Symbols16, const CodeLengthTable&, DoublesOut, unsigned) except +
    size_t code_lengths_32 "skm::code_lengths<std::uint32_t>"(
        Symbols32, const CodeLengthTable&, DoublesOut, unsigned) except +
    size_t code_lengths_64 "skm::code_lengths<std::int64_t>"(
        Symbols64, const CodeLengthTable&, DoublesOut, unsigned) except +


cdef extern from "skm/categorical.hpp" namespace "skm" nogil:
    cdef cppclass Floats "skm::LogitMatrix<float>":
        pass
    cdef cppclass Halves "skm::LogitMatrix<std::uint16_t>":
        pass
    Floats floats "skm::LogitMatrix<float>"(const float*, size_t, size_t)
    Halves halves "skm::LogitMatrix<std::uint16_t>"(const uint16_t*, size_t, size_t)
    enum class LogitFaultKind "skm::LogitFaultKind":
        none
        not_a_number
        infinite
        no_possible
        symbol_range
        impossible_symbol
        too_many
    struct LogitFault:
        LogitFaultKind kind
        size_t row
        size_t column
    struct Interval:
        uint32_t cum
        uint32_t freq
    cdef cppclass RangeEncoder:
        RangeEncoder() except +
        Bytes finish() except +
    cdef cppclass RangeDecoder:
        RangeDecoder(Bytes)
        bint failed()
        bint at_end()
        size_t position()
    cdef cppclass LogitDecoder:
        LogitDecoder(size_t) except +
        LogitFault decode_float "decode<float>"(Floats, unsigned, RangeDecoder&, int64_t*)
        LogitFault decode_half "decode<std::uint16_t>"(Halves, unsigned, RangeDecoder&, int64_t*)
    const size_t kMaxCategories
    const unsigned kRangeMaxTotalBits
    void encode_intervals(Intervals, unsigned, RangeEncoder&) except +
    LogitFault lengths_float "skm::logit_code_lengths<float>"(Floats, const int64_t*, double*, unsigned) except +
    LogitFault lengths_half "skm::logit_code_lengths<std::uint16_t>"(
        Halves, const int64_t*, double*, unsigned) except +
    LogitFault intervals_float "skm::logit_intervals<float>"(
        Floats, const int64_t*, unsigned, Interval*, unsigned) except +
    LogitFault intervals_half "skm::logit_intervals<std::uint16_t>"(
        Halves, const int64_t*, unsigned, Interval*, unsigned) except +
    LogitFault frequencies_float "skm::logit_frequencies<float>"(Floats, unsigned, uint32_t*, unsigned) except +
    LogitFault frequencies_half "skm::logit_frequencies<std::uint16_t>"(
        Halves, unsigned, uint32_t*, unsigned) except +


# ---- arguments -----------------------------------------------------------------------------------


cdef cnp.ndarray symbol_array(symbols):
    """`symbols` as a C-contiguous array of one of the types that have a kernel."""
    if isinstance(symbols, (bytes, bytearray, memoryview)):
        array = np.frombuffer(symbols, dtype=np.uint8)
    else:
        array = np.asarray(symbols)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"symbols must be integers, got {array.dtype}")
    if array.dtype in (np.uint8, np.uint16, np.uint32, np.int64):
        return np.ascontiguousarray(array)
    return np.ascontiguousarray(array, dtype=np.int64)


cdef cnp.ndarray probability_array(probabilities, double tolerance):
    cdef cnp.ndarray array = np.ascontiguousarray(probabilities, dtype=np.float64)
    cdef ProbabilityFault fault
    if array.ndim != 1 or not 1 <= array.size <= kMaxTableSize:
        raise ValueError(
            f"probabilities must be one-dimensional with 1 to {kMaxTableSize} entries, "
            f"got shape {np.shape(probabilities)}"
        )
    fault = check_probabilities(Doubles(<const double*> cnp.PyArray_DATA(array), array.size), tolerance)
    if fault.kind == ProbabilityFaultKind.negative:
        raise ValueError(f"probability {fault.index} is negative: {array[fault.index]}")
    if fault.kind == ProbabilityFaultKind.not_finite:
        raise ValueError(f"probability {fault.index} is {array[fault.index]}")
    if fault.kind == ProbabilityFaultKind.sum:
        raise ValueError(f"probabilities sum to {fault.sum:.17g}, further than {tolerance:g} from 1")
    return array


cdef int raise_out_of_range(symbols, size_t index, size_t size) except -1:
    value = np.asarray(symbols).ravel()[index] if not isinstance(symbols, (bytes, bytearray)) else symbols[index]
    raise ValueError(f"symbol {index} is {value}, outside the table of {size}")


cdef class Logits:
    """Checked logits: two-dimensional, contiguous, float32 or the upper halves of float32."""

    cdef cnp.ndarray array
    cdef const void* data
    cdef bint half
    cdef size_t rows, cols

    def __init__(self, logits, bint bfloat16):
        array = np.asarray(logits)
        if array.dtype.name == "bfloat16":
            array = array.view(np.uint16)
            self.half = True
        elif array.dtype == np.uint16:
            if not bfloat16:
                raise TypeError("logits are uint16: pass bfloat16=True if they hold bfloat16 values")
            self.half = True
        elif array.dtype == np.float16:
            array = array.astype(np.float32)
        elif array.dtype != np.float32:
            raise TypeError(
                f"logits must be float32, float16 or bfloat16, got {array.dtype}: both sides of a code must "
                "round alike, so convert first"
            )
        if array.ndim != 2 or not 1 <= array.shape[1] <= kMaxCategories:
            raise ValueError(f"logits must have shape (rows, 1 to {kMaxCategories}), got {array.shape}")
        self.array = np.ascontiguousarray(array)
        self.data = cnp.PyArray_DATA(self.array)
        self.rows, self.cols = array.shape

    cdef Floats floats(self) noexcept nogil:
        return floats(<const float*> self.data, self.rows, self.cols)

    cdef Halves halves(self) noexcept nogil:
        return halves(<const uint16_t*> self.data, self.rows, self.cols)

    cdef int check(self, LogitFault fault, symbols, unsigned bits) except -1:
        if fault.kind == LogitFaultKind.none:
            return 0
        row, column = fault.row, fault.column
        if fault.kind == LogitFaultKind.not_a_number:
            raise ValueError(f"logit at row {row}, column {column} is NaN")
        if fault.kind == LogitFaultKind.infinite:
            raise ValueError(f"logit at row {row}, column {column} is +inf")
        if fault.kind == LogitFaultKind.no_possible:
            raise ValueError(f"row {row} has no possible symbol: every logit is -inf")
        if fault.kind == LogitFaultKind.symbol_range:
            raise ValueError(f"symbol {row} is {symbols[row]}, outside the {self.cols} columns of its row")
        if fault.kind == LogitFaultKind.impossible_symbol:
            raise ValueError(f"symbol {row} is {column}, of probability zero: its logit is -inf")
        raise ValueError(f"row {row} has more than 2**{bits} possible symbols: ask for more bits")


cdef cnp.ndarray row_symbols(symbols, Logits logits):
    array = np.asarray(symbols)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"symbols must be integers, got {array.dtype}")
    if array.shape != (logits.rows,):
        raise ValueError(f"symbols must have shape ({logits.rows},) to match the logits, got {array.shape}")
    return np.ascontiguousarray(array, dtype=np.int64)


cdef unsigned total_bits(bits) except 0:
    if not 1 <= bits <= kRangeMaxTotalBits:
        raise ValueError(f"bits must be from 1 to {kRangeMaxTotalBits}, got {bits}")
    return bits


# ---- code lengths under one table ----------------------------------------------------------------


def code_length(symbols, probabilities, *, double tolerance=1e-6, threads=None):
    """Bits that `symbols` cost under `probabilities`, without writing a stream.

    Parameters
    ----------
    symbols : bytes-like or array of integers, any shape
        uint8, uint16, uint32 and int64 are read in place; other integers are converted.
    probabilities : array of float64, shape (K,)
        1 <= K <= 2**20. They must sum to one within `tolerance` and are used as they are.
    tolerance : float
        How far from one the sum may be.
    threads : int, optional
        Default: every core the process may run on. The result does not depend on it.

    Returns
    -------
    float
        Bits; infinity when a symbol of probability zero occurs. Lengths are rounded to multiples of
        2**-F bits, F >= 40 for probabilities down to 2**-64, and summed exactly, so any split of the
        symbols, any number of threads and any processor give the same sum.

    Raises
    ------
    ValueError
        A probability is negative or not finite (with its index), the sum is not one, or a symbol lies
        outside the table (with its index and value).
    TypeError
        Symbols are not integers.

    Notes
    -----
    The naive equivalent is ``-np.log2(probabilities)[symbols].sum()``.

    Examples
    --------
    >>> code_length([0, 1, 1, 2], [0.5, 0.25, 0.25])
    7.0
    """

    cdef cnp.ndarray array = symbol_array(symbols)
    cdef cnp.ndarray table_of = probability_array(probabilities, tolerance)
    cdef const double* values = <const double*> cnp.PyArray_DATA(table_of)
    cdef size_t size = table_of.size
    cdef const void* data = cnp.PyArray_DATA(array)
    cdef size_t count = array.size
    cdef int kind = cnp.PyArray_TYPE(array)
    cdef unsigned workers = resolve_threads(threads)
    cdef unique_ptr[CodeLengthTable] table
    cdef CodeLength result
    with nogil:
        table.reset(new CodeLengthTable(Doubles(values, size)))
        if kind == cnp.NPY_UINT8:
            result = code_length_8(Symbols8(<const uint8_t*> data, count), table.get()[0], workers)
        elif kind == cnp.NPY_UINT16:
            result = code_length_16(Symbols16(<const uint16_t*> data, count), table.get()[0], workers)
        elif kind == cnp.NPY_UINT32:
            result = code_length_32(Symbols32(<const uint32_t*> data, count), table.get()[0], workers)
        else:
            result = code_length_64(Symbols64(<const int64_t*> data, count), table.get()[0], workers)
    if result.out_of_range != kNoIndex:
        raise_out_of_range(symbols, result.out_of_range, size)
    return result.bits


def code_lengths(symbols, probabilities, *, double tolerance=1e-6, threads=None):
    """Bits of every symbol under `probabilities`: the terms of `code_length`.

    Parameters, errors and rounding are those of `code_length`.

    Returns
    -------
    ndarray of float64, the shape of `symbols`
        Bits; infinity where the probability is zero. The naive equivalent is
        ``-np.log2(probabilities)[symbols]``.
    """

    cdef cnp.ndarray array = symbol_array(symbols)
    cdef cnp.ndarray table_of = probability_array(probabilities, tolerance)
    cdef const double* values = <const double*> cnp.PyArray_DATA(table_of)
    cdef size_t size = table_of.size
    cdef const void* data = cnp.PyArray_DATA(array)
    cdef size_t count = array.size
    cdef int kind = cnp.PyArray_TYPE(array)
    cdef unsigned workers = resolve_threads(threads)
    cdef cnp.ndarray lengths = np.empty((<object> array).shape, dtype=np.float64)
    cdef double* bits = <double*> cnp.PyArray_DATA(lengths)
    cdef unique_ptr[CodeLengthTable] table
    cdef size_t outside
    with nogil:
        table.reset(new CodeLengthTable(Doubles(values, size)))
        if kind == cnp.NPY_UINT8:
            outside = code_lengths_8(
                Symbols8(<const uint8_t*> data, count), table.get()[0], DoublesOut(bits, count), workers)
        elif kind == cnp.NPY_UINT16:
            outside = code_lengths_16(
                Symbols16(<const uint16_t*> data, count), table.get()[0], DoublesOut(bits, count), workers)
        elif kind == cnp.NPY_UINT32:
            outside = code_lengths_32(
                Symbols32(<const uint32_t*> data, count), table.get()[0], DoublesOut(bits, count), workers)
        else:
            outside = code_lengths_64(
                Symbols64(<const int64_t*> data, count), table.get()[0], DoublesOut(bits, count), workers)
    if outside != kNoIndex:
        raise_out_of_range(symbols, outside, size)
    return lengths


# ---- categorical distributions from logits -------------------------------------------------------


def logits_code_lengths(logits, symbols, *, bint bfloat16=False, threads=None):
    """Bits of one symbol per row of logits: log-sum-exp of the row less the symbol's logit, in bits.

    Parameters
    ----------
    logits : array of float32, float16 or bfloat16, shape (N, K)
        Unnormalised natural logarithms of probabilities, 1 <= K <= 2**20. -inf is an impossible symbol.
    symbols : array of integers, shape (N,)
    bfloat16 : bool
        Says that a uint16 array holds bfloat16 values. Arrays of ``ml_dtypes.bfloat16`` need no flag.
    threads : int, optional
        Default: every core the process may run on. The result does not depend on it.

    Returns
    -------
    ndarray of float64, shape (N,)
        Bits; infinity for an impossible symbol. Within 5e-6 bits of exact arithmetic, plus 1.45 * 2**-31
        for each symbol that is less probable than 2**-31 times the most probable. The same on every
        processor.

    Raises
    ------
    ValueError
        A logit is NaN or +inf (with row and column), a row is -inf throughout, a symbol is out of range.
    TypeError
        Logits of another type (float64: convert, so that both sides of a code round alike).

    Notes
    -----
    The naive equivalent is ``-log_softmax(logits)[arange(N), symbols] / log(2)``.
    """

    cdef Logits matrix = Logits(logits, bfloat16)
    cdef cnp.ndarray chosen = row_symbols(symbols, matrix)
    cdef const int64_t* chosen_data = <const int64_t*> cnp.PyArray_DATA(chosen)
    cdef cnp.ndarray lengths = np.empty(matrix.rows, dtype=np.float64)
    cdef double* bits = <double*> cnp.PyArray_DATA(lengths)
    cdef unsigned workers = resolve_threads(threads)
    cdef LogitFault fault
    with nogil:
        if matrix.half:
            fault = lengths_half(matrix.halves(), chosen_data, bits, workers)
        else:
            fault = lengths_float(matrix.floats(), chosen_data, bits, workers)
    matrix.check(fault, symbols, 0)
    return lengths


cdef cnp.ndarray intervals_of(Logits matrix, symbols, unsigned width, threads):
    """Array of shape (rows, 2): cum and freq."""
    cdef cnp.ndarray chosen = row_symbols(symbols, matrix)
    cdef const int64_t* chosen_data = <const int64_t*> cnp.PyArray_DATA(chosen)
    cdef cnp.ndarray intervals = np.empty((matrix.rows, 2), dtype=np.uint32)
    cdef Interval* out = <Interval*> cnp.PyArray_DATA(intervals)
    cdef unsigned workers = resolve_threads(threads)
    cdef LogitFault fault
    with nogil:
        if matrix.half:
            fault = intervals_half(matrix.halves(), chosen_data, width, out, workers)
        else:
            fault = intervals_float(matrix.floats(), chosen_data, width, out, workers)
    matrix.check(fault, symbols, width)
    return intervals


def logits_intervals(logits, symbols, *, bits=31, bint bfloat16=False, threads=None):
    """Interval of one symbol per row, for an entropy coder of one's own.

    Parameters and errors are those of `encode_logits`.

    Returns
    -------
    cum, freq : ndarray of uint32, shape (N,)
        Symbol i has [cum, cum + freq) of [0, 2**bits): with ``f = logits_frequencies(logits, bits=bits)``,
        ``cum[i] == f[i, :symbols[i]].sum()`` and ``freq[i] == f[i, symbols[i]]``, without computing f.
    """

    intervals = intervals_of(Logits(logits, bfloat16), symbols, total_bits(bits), threads)
    return intervals[:, 0].copy(), intervals[:, 1].copy()


def logits_frequencies(logits, *, bits=31, bint bfloat16=False, threads=None):
    """Integer frequencies proportional to the softmax of every row, the same on every processor.

    Parameters
    ----------
    logits : array of float32, float16 or bfloat16, shape (K,) or (N, K)
    bits : int
        Frequencies of a row sum to 2**bits, 1 <= bits <= 31 and 2**bits at least the number of possible
        symbols. Each costs at most K / 2**bits * 1.45 bits a symbol over the ideal.
    bfloat16, threads
        As for `logits_code_lengths`.

    Returns
    -------
    ndarray of uint32, the shape of `logits`
        At least 1 for every logit above -inf, 0 for -inf, and exactly 2**bits in total.

    Raises
    ------
    ValueError, TypeError
        As `logits_code_lengths`, and where `bits` is too small for the row.

    Notes
    -----
    Library exponentials differ in the last place between processors, which breaks decoding. These come
    from one float32 subtraction and one multiplication, which IEEE 754 fixes, then from integers:
    skm/fixed_exp.hpp gives the exponential, skm/categorical.hpp the frequencies.
    """

    array = np.asarray(logits)
    cdef bint single = array.ndim == 1
    cdef Logits matrix = Logits(array[np.newaxis] if single else array, bfloat16)
    cdef unsigned width = total_bits(bits)
    cdef unsigned workers = resolve_threads(threads)
    cdef cnp.ndarray frequencies = np.empty((matrix.rows, matrix.cols), dtype=np.uint32)
    cdef uint32_t* out = <uint32_t*> cnp.PyArray_DATA(frequencies)
    cdef LogitFault fault
    with nogil:
        if matrix.half:
            fault = frequencies_half(matrix.halves(), width, out, workers)
        else:
            fault = frequencies_float(matrix.floats(), width, out, workers)
    matrix.check(fault, None, width)
    return frequencies[0] if single else frequencies


cdef class LogitsEncoder:
    """Codes symbols under logits that come row by row or batch by batch, into one message.

    Parameters
    ----------
    bits, bfloat16, threads
        As for `encode_logits`.

    Examples
    --------
    >>> encoder = LogitsEncoder()
    >>> encoder.encode(np.zeros(8, dtype=np.float32), 5)
    >>> LogitsDecoder(encoder.finish()).decode(np.zeros(8, dtype=np.float32))
    5
    """

    cdef RangeEncoder coder
    cdef unsigned width
    cdef bint bfloat16, finished
    cdef object threads

    def __init__(self, *, bits=31, bint bfloat16=False, threads=None):
        self.width = total_bits(bits)
        self.bfloat16 = bfloat16
        self.threads = threads

    def encode(self, logits, symbols):
        """Append the symbol of one row, shape (K,), or one per row of shape (N, K).

        An error leaves the message as it was.
        """

        cdef cnp.ndarray intervals
        cdef const Interval* data
        cdef size_t count
        if self.finished:
            raise ValueError("the message is finished: use a new encoder")
        array = np.asarray(logits)
        if array.ndim == 1:
            array, symbols = array[np.newaxis], np.asarray(symbols)[np.newaxis]
        intervals = intervals_of(Logits(array, self.bfloat16), symbols, self.width, self.threads)
        data = <const Interval*> cnp.PyArray_DATA(intervals)
        count = intervals.shape[0]
        with nogil:
            encode_intervals(Intervals(data, count), self.width, self.coder)

    def finish(self):
        """The whole message. Ends the encoder."""
        if self.finished:
            raise ValueError("the message is finished already")
        self.finished = True
        cdef Bytes message = self.coder.finish()
        return (<const char*> message.data())[:message.size()]


cdef class LogitsDecoder:
    """Decodes a message of `LogitsEncoder` or `encode_logits` as its logits become known.

    Parameters
    ----------
    payload : bytes-like
    bits, bfloat16
        Those of the encoder.
    """

    cdef unique_ptr[RangeDecoder] coder
    cdef unique_ptr[LogitDecoder] rows
    cdef const uint8_t[::1] payload
    cdef unsigned width
    cdef bint bfloat16, stopped
    cdef size_t cols, decoded

    def __init__(self, payload, *, bits=31, bint bfloat16=False):
        self.width = total_bits(bits)
        self.bfloat16 = bfloat16
        self.payload = payload
        cdef Bytes message
        if self.payload.shape[0]:
            message = Bytes(&self.payload[0], self.payload.shape[0])
        self.coder.reset(new RangeDecoder(message))

    def decode(self, logits):
        """Next symbol, an int, under one row of shape (K,); or an array of N under shape (N, K).

        Raises CorruptStreamError as soon as the damage is certain. After an error the decoder is of no use.
        """

        if self.stopped:
            raise ValueError("an earlier error left this decoder in the middle of the message: use a new one")
        array = np.asarray(logits)
        cdef bint single = array.ndim == 1
        cdef Logits matrix = Logits(array[np.newaxis] if single else array, self.bfloat16)
        cdef cnp.ndarray symbols = np.empty(matrix.rows, dtype=np.int64)
        cdef int64_t* out = <int64_t*> cnp.PyArray_DATA(symbols)
        cdef LogitFault fault
        if self.cols != matrix.cols:
            self.rows.reset(new LogitDecoder(matrix.cols))
            self.cols = matrix.cols
        with nogil:
            if matrix.half:
                fault = self.rows.get().decode_half(matrix.halves(), self.width, self.coder.get()[0], out)
            else:
                fault = self.rows.get().decode_float(matrix.floats(), self.width, self.coder.get()[0], out)
        self.stopped = fault.kind != LogitFaultKind.none or self.coder.get().failed()
        matrix.check(fault, None, self.width)
        self.decoded += matrix.rows
        if self.stopped:
            raise CorruptStreamError(
                f"payload of {self.payload.shape[0]} bytes is damaged or was coded under other logits: found at "
                f"byte {self.coder.get().position()}, within the first {self.decoded} symbols"
            )
        return int(symbols[0]) if single else symbols

    def finish(self):
        """Check that the message ends here; raises CorruptStreamError where it does not."""
        if not self.coder.get().at_end():
            raise CorruptStreamError(
                f"payload of {self.payload.shape[0]} bytes does not end after {self.decoded} symbols (at byte "
                f"{self.coder.get().position()}): it is damaged, truncated or was coded under other logits"
            )


def encode_logits(logits, symbols, *, bits=31, bint bfloat16=False, threads=None):
    """Message of one symbol per row, each coded under the softmax of its own row.

    Parameters
    ----------
    logits : array of float32, float16 or bfloat16, shape (N, K)
    symbols : array of integers, shape (N,)
    bits : int
        Precision of the frequencies, see `logits_frequencies`. The decoder must use the same.
    bfloat16, threads
        As for `logits_code_lengths`.

    Returns
    -------
    bytes
        Longer than ``logits_code_lengths(logits, symbols).sum()`` by what `logits_frequencies` states
        and up to 8 bits at the end.

    Raises
    ------
    ValueError, TypeError
        As `logits_frequencies`, and for a symbol that is out of range or has probability zero.

    See Also
    --------
    LogitsEncoder : for rows that come one after the other.
    """

    encoder = LogitsEncoder(bits=bits, bfloat16=bfloat16, threads=threads)
    array = np.asarray(logits)
    if array.ndim != 2:
        raise ValueError(f"logits must have two dimensions, got shape {array.shape}")
    encoder.encode(array, symbols)
    return encoder.finish()


def decode_logits(payload, logits, *, bits=31, bint bfloat16=False):
    """Symbols of a message that `encode_logits` wrote under the same logits.

    Parameters
    ----------
    payload : bytes-like
    logits : array, shape (N, K)
        Those of the encoder, to the last bit. Where a row depends on symbols decoded before it, use
        `LogitsDecoder`.
    bits, bfloat16
        Those of the encoder.

    Returns
    -------
    ndarray of int64, shape (N,)

    Raises
    ------
    CorruptStreamError
        The payload does not end where N symbols end: damaged, truncated, or other logits.
    ValueError, TypeError
        As `logits_frequencies`.
    """

    decoder = LogitsDecoder(payload, bits=bits, bfloat16=bfloat16)
    array = np.asarray(logits)
    if array.ndim != 2:
        raise ValueError(f"logits must have two dimensions, got shape {array.shape}")
    symbols = decoder.decode(array)
    decoder.finish()
    return symbols
