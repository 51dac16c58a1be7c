# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Random streams, Zipf numbers and alias tables: binding of skm/random_fill.hpp, skm/zipf.hpp and skm/alias.hpp.

Arrays come checked from generator.py: contiguous, writeable, of the type that the function names.
"""

import numpy as np

cimport numpy as cnp
from libc.stdint cimport uint32_t, uint64_t

cnp.import_array()


cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Doubles "std::span<double>":
        Doubles(double*, size_t)
    cdef cppclass Weights "std::span<const double>":
        Weights(const double*, size_t)
    cdef cppclass Floats "std::span<float>":
        Floats(float*, size_t)
    cdef cppclass Words "std::span<std::uint64_t>":
        Words(uint64_t*, size_t)
    cdef cppclass Slots "std::span<const std::uint64_t>":
        Slots(const uint64_t*, size_t)
    cdef cppclass HalfWords "std::span<std::uint32_t>":
        HalfWords(uint32_t*, size_t)


cdef extern from "skm/philox.hpp" namespace "skm" nogil:
    uint64_t key_of "skm::stream_key"(uint64_t, uint64_t)


cdef extern from "skm/random_fill.hpp" namespace "skm" nogil:
    void words_into "skm::fill_words"(uint64_t, uint64_t, Words, unsigned) except +
    void doubles_into "skm::fill_doubles"(uint64_t, uint64_t, Doubles, unsigned) except +
    void floats_into "skm::fill_floats"(uint64_t, uint64_t, Floats, unsigned) except +
    void integers_32 "skm::fill_integers<std::uint32_t>"(
        uint64_t, uint64_t, uint64_t, uint64_t, HalfWords, unsigned) except +
    void integers_64 "skm::fill_integers<std::uint64_t>"(
        uint64_t, uint64_t, uint64_t, uint64_t, Words, unsigned) except +


cdef extern from "skm/zipf.hpp" namespace "skm" nogil:
    cdef cppclass Zipf:
        Zipf(double, double, uint64_t)
        void fill_32 "fill<std::uint32_t>"(uint64_t, uint64_t, HalfWords, unsigned) except +
        void fill_64 "fill<std::uint64_t>"(uint64_t, uint64_t, Words, unsigned) except +


cdef extern from "skm/alias.hpp" namespace "skm" nogil:
    const size_t kMaxAliasCategories
    bint build_alias_table(Weights, Words)
    void add_alias_probabilities(Slots, Doubles)
    void alias_32 "skm::fill_alias<std::uint32_t>"(Slots, uint64_t, uint64_t, HalfWords, unsigned) except +
    void alias_64 "skm::fill_alias<std::uint64_t>"(Slots, uint64_t, uint64_t, Words, unsigned) except +


def stream_key(uint64_t seed, uint64_t stream):
    return key_of(seed, stream)


def fill_words(uint64_t key, uint64_t first, cnp.ndarray out, unsigned threads):
    cdef uint64_t* data = <uint64_t*> cnp.PyArray_DATA(out)
    cdef size_t count = out.size
    with nogil:
        words_into(key, first, Words(data, count), threads)


def fill_doubles(uint64_t key, uint64_t first, cnp.ndarray out, unsigned threads):
    cdef double* data = <double*> cnp.PyArray_DATA(out)
    cdef size_t count = out.size
    with nogil:
        doubles_into(key, first, Doubles(data, count), threads)


def fill_floats(uint64_t key, uint64_t first, cnp.ndarray out, unsigned threads):
    cdef float* data = <float*> cnp.PyArray_DATA(out)
    cdef size_t count = out.size
    with nogil:
        floats_into(key, first, Floats(data, count), threads)


def fill_integers(uint64_t key, uint64_t first, uint64_t low, uint64_t span, cnp.ndarray out, unsigned threads):
    """low + {0 ... span - 1} modulo the width of `out`, 32 or 64 bits; span 0 stands for 2**64."""
    cdef void* data = cnp.PyArray_DATA(out)
    cdef size_t count = out.size
    cdef bint narrow = cnp.PyArray_ITEMSIZE(out) == 4
    with nogil:
        if narrow:
            integers_32(key, first, low, span, HalfWords(<uint32_t*> data, count), threads)
        else:
            integers_64(key, first, low, span, Words(<uint64_t*> data, count), threads)


def fill_zipf(
    uint64_t key,
    uint64_t first,
    double exponent,
    double shift,
    uint64_t num_ranks,
    cnp.ndarray out,
    unsigned threads,
):
    cdef void* data = cnp.PyArray_DATA(out)
    cdef size_t count = out.size
    cdef bint narrow = cnp.PyArray_ITEMSIZE(out) == 4
    cdef Zipf* zipf
    with nogil:
        zipf = new Zipf(exponent, shift, num_ranks)
        try:
            if narrow:
                zipf.fill_32(key, first, HalfWords(<uint32_t*> data, count), threads)
            else:
                zipf.fill_64(key, first, Words(<uint64_t*> data, count), threads)
        finally:
            del zipf


def max_categories():
    return kMaxAliasCategories


def build_slots(cnp.ndarray weights):
    """Slots of checked weights (finite, not negative); None when their sum is out of range."""
    cdef cnp.ndarray slots = np.empty(weights.size, dtype=np.uint64)
    cdef const double* source = <const double*> cnp.PyArray_DATA(weights)
    cdef uint64_t* target = <uint64_t*> cnp.PyArray_DATA(slots)
    cdef size_t size = weights.size
    cdef bint built
    with nogil:
        built = build_alias_table(Weights(source, size), Words(target, size))
    return slots if built else None


def slot_probabilities(cnp.ndarray slots):
    cdef cnp.ndarray probabilities = np.zeros(slots.size)
    add_alias_probabilities(
        Slots(<const uint64_t*> cnp.PyArray_DATA(slots), slots.size),
        Doubles(<double*> cnp.PyArray_DATA(probabilities), slots.size),
    )
    return probabilities


def fill_alias(cnp.ndarray slots, uint64_t key, uint64_t first, cnp.ndarray out, unsigned threads):
    cdef const uint64_t* table = <const uint64_t*> cnp.PyArray_DATA(slots)
    cdef size_t size = slots.size
    cdef void* data = cnp.PyArray_DATA(out)
    cdef size_t count = out.size
    cdef bint narrow = cnp.PyArray_ITEMSIZE(out) == 4
    with nogil:
        if narrow:
            alias_32(Slots(table, size), key, first, HalfWords(<uint32_t*> data, count), threads)
        else:
            alias_64(Slots(table, size), key, first, Words(<uint64_t*> data, count), threads)
