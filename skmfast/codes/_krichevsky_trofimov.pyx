# distutils: language = c++
"""Krichevsky-Trofimov counts, lengths and streams. `skmfast.codes.krichevsky_trofimov` is the public face."""

import numpy as np

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from libcpp cimport bool as cbool
from libcpp.vector cimport vector


cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Bytes "std::span<const uint8_t>":
        Bytes()
        Bytes(const uint8_t*, size_t)

    cdef cppclass MutableBytes "std::span<uint8_t>":
        MutableBytes(uint8_t*, size_t)

    cdef cppclass Words "std::span<const uint64_t>":
        Words()
        Words(const uint64_t*, size_t)

    cdef cppclass Documents "std::span<const skm::kt::Document>":
        Documents(const Document*, size_t)


cdef extern from "skm/krichevsky_trofimov.hpp" namespace "skm::kt" nogil:
    cdef cppclass Parameters:
        int order
        uint32_t numerator
        uint32_t denominator

    cdef cppclass Document:
        Bytes bytes
        uint64_t context

    cdef cppclass Counts:
        vector[uint64_t] contexts
        vector[uint8_t] symbols
        vector[uint64_t] counts

    cdef cppclass CountsView:
        Words contexts
        Bytes symbols
        Words counts

    uint64_t next_context(uint64_t context, uint8_t byte, int order)
    Counts cxx_count "skm::kt::count"(Documents, int order, int threads, uint64_t memory) except +
    Counts cxx_add "skm::kt::add"(const CountsView&, const CountsView&) except +
    double cxx_bits "skm::kt::bits"(const CountsView&, const Parameters&) except +
    double cxx_bits_of "skm::kt::bits"(Documents, const Parameters&, int threads, uint64_t memory) except +
    void cxx_bits_each "skm::kt::bits_each"(
        Documents, const Parameters&, int threads, uint64_t memory, double* out) except +
    void cxx_sequential_bits "skm::kt::sequential_bits"(Documents, const Parameters&, double* out) except +
    vector[uint8_t] cxx_encode "skm::kt::encode"(Bytes document, const Parameters&) except +
    cbool cxx_decode "skm::kt::decode"(
        Bytes payload, const Parameters&, MutableBytes out, uint64_t* place) except +
    const int kMaxOrder
    const uint32_t kMaxNumerator
    const uint32_t kMaxDenominator
    const uint64_t kMaxStreamBytes


MAX_ORDER = kMaxOrder
MAX_NUMERATOR = kMaxNumerator
MAX_DENOMINATOR = kMaxDenominator
MAX_STREAM_BYTES = kMaxStreamBytes


cdef Bytes span_of(const uint8_t[::1] view) noexcept:
    return Bytes(&view[0] if view.shape[0] else NULL, <size_t>view.shape[0])


cdef Words words_of(const uint64_t[::1] view) noexcept:
    return Words(&view[0] if view.shape[0] else NULL, <size_t>view.shape[0])


cdef Parameters parameters_of(int order, uint32_t numerator, uint32_t denominator) noexcept:
    cdef Parameters parameters
    parameters.order = order
    parameters.numerator = numerator
    parameters.denominator = denominator
    return parameters


cdef vector[Document] documents_of(list documents) except *:
    # The caller's list keeps the buffers alive.
    cdef vector[Document] result
    cdef Document document
    cdef const uint8_t[::1] view
    document.context = 0
    for source in documents:
        view = source
        document.bytes = span_of(view)
        result.push_back(document)
    return result


cdef CountsView view_of(
    const uint64_t[::1] contexts, const uint8_t[::1] symbols, const uint64_t[::1] counts
) noexcept:
    cdef CountsView view
    view.contexts = words_of(contexts)
    view.symbols = span_of(symbols)
    view.counts = words_of(counts)
    return view


cdef tuple arrays_of(const Counts& counts):
    cdef size_t rows = counts.counts.size()
    contexts = np.empty(rows, dtype=np.uint64)
    symbols = np.empty(rows, dtype=np.uint8)
    numbers = np.empty(rows, dtype=np.uint64)
    cdef uint64_t[::1] contexts_view = contexts
    cdef uint8_t[::1] symbols_view = symbols
    cdef uint64_t[::1] numbers_view = numbers
    if rows:
        memcpy(&contexts_view[0], counts.contexts.data(), rows * sizeof(uint64_t))
        memcpy(&symbols_view[0], counts.symbols.data(), rows)
        memcpy(&numbers_view[0], counts.counts.data(), rows * sizeof(uint64_t))
    return contexts, symbols, numbers


def count(list documents, const uint8_t[::1] preceding, int order, int threads, uint64_t memory):
    """(contexts, symbols, counts) of ``documents``; ``preceding`` stands before the first."""
    cdef vector[Document] parts = documents_of(documents)
    cdef Counts counts
    cdef Py_ssize_t i
    if parts.size():
        for i in range(preceding.shape[0]):
            parts[0].context = next_context(parts[0].context, preceding[i], order)
    with nogil:
        counts = cxx_count(Documents(parts.data(), parts.size()), order, threads, memory)
    return arrays_of(counts)


def add(tuple left, tuple right):
    """Sum of two (contexts, symbols, counts)."""
    cdef CountsView a = view_of(left[0], left[1], left[2])
    cdef CountsView b = view_of(right[0], right[1], right[2])
    cdef Counts counts
    with nogil:
        counts = cxx_add(a, b)
    return arrays_of(counts)


def bits_of_counts(tuple counts, int order, uint32_t numerator, uint32_t denominator):
    """Code length in bits."""
    cdef CountsView view = view_of(counts[0], counts[1], counts[2])
    cdef Parameters parameters = parameters_of(order, numerator, denominator)
    cdef double result
    with nogil:
        result = cxx_bits(view, parameters)
    return result


def bits(list documents, int order, uint32_t numerator, uint32_t denominator, int threads, uint64_t memory):
    """Code length in bits of the documents coded as one."""
    cdef vector[Document] parts = documents_of(documents)
    cdef Parameters parameters = parameters_of(order, numerator, denominator)
    cdef double result
    with nogil:
        result = cxx_bits_of(Documents(parts.data(), parts.size()), parameters, threads, memory)
    return result


def bits_each(
    list documents, int order, uint32_t numerator, uint32_t denominator, int threads, uint64_t memory
):
    """Code length in bits of each document alone."""
    cdef vector[Document] parts = documents_of(documents)
    cdef Parameters parameters = parameters_of(order, numerator, denominator)
    out = np.empty(len(documents), dtype=np.float64)
    cdef double[::1] view = out
    if parts.size():
        with nogil:
            cxx_bits_each(Documents(parts.data(), parts.size()), parameters, threads, memory, &view[0])
    return out


def sequential_bits(list documents, int order, uint32_t numerator, uint32_t denominator):
    """Bits of every byte given those before it."""
    cdef vector[Document] parts = documents_of(documents)
    cdef Parameters parameters = parameters_of(order, numerator, denominator)
    out = np.empty(sum([len(document) for document in documents]), dtype=np.float64)
    cdef double[::1] view = out
    if view.shape[0]:
        with nogil:
            cxx_sequential_bits(Documents(parts.data(), parts.size()), parameters, &view[0])
    return out


def encode(const uint8_t[::1] document, int order, uint32_t numerator, uint32_t denominator):
    """Payload of ``document``."""
    cdef Parameters parameters = parameters_of(order, numerator, denominator)
    cdef Bytes source = span_of(document)
    cdef vector[uint8_t] payload
    with nogil:
        payload = cxx_encode(source, parameters)
    return PyBytes_FromStringAndSize(<const char*>payload.data(), <Py_ssize_t>payload.size())


def decode(
    const uint8_t[::1] payload, int order, uint32_t numerator, uint32_t denominator, Py_ssize_t num_bytes
):
    """(sound, document, payload bytes read): ``document`` means nothing unless ``sound``."""
    cdef Parameters parameters = parameters_of(order, numerator, denominator)
    cdef Bytes source = span_of(payload)
    # Pages that are never written take no memory, so a false num_bytes costs address space alone.
    cdef bytes document = PyBytes_FromStringAndSize(NULL, num_bytes)
    cdef uint8_t* out = <uint8_t*>PyBytes_AS_STRING(document)
    cdef uint64_t place = 0
    cdef cbool sound
    with nogil:
        sound = cxx_decode(source, parameters, MutableBytes(out, <size_t>num_bytes), &place)
    return sound, document, place
