# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""The Pitman-Yor process: labels, sizes of tables, sticks.

Binding of skm/restaurant.hpp and skm/pitman_yor.hpp: allocate, one call, return. Arguments are checked by
skmfast/samplers/pitman_yor.py.
"""

import numpy as np

cimport numpy as cnp
from libc.stdint cimport uint32_t, uint64_t
from libcpp.memory cimport unique_ptr
from libcpp.vector cimport vector

cnp.import_array()


cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Labels "std::span<std::uint32_t>":
        Labels(uint32_t*, size_t)
    cdef cppclass Counts "std::span<const std::uint64_t>":
        Counts(const uint64_t*, size_t)
    cdef cppclass CountsOut "std::span<std::uint64_t>":
        CountsOut(uint64_t*, size_t)
    cdef cppclass DoublesOut "std::span<double>":
        DoublesOut(double*, size_t)


cdef extern from "skm/philox.hpp" namespace "skm" nogil:
    uint64_t stream_key(uint64_t, uint64_t)


cdef extern from "skm/restaurant.hpp" namespace "skm" nogil:
    const uint64_t kMaxCustomers
    const uint64_t kMaxTables
    cdef cppclass Restaurant:
        Restaurant(double, double, uint64_t, Counts) except +
        void seat(Labels, unsigned) except +
        uint64_t num_customers()
        uint64_t num_tables()
        void counts(CountsOut)
        uint64_t epoch_start()
        uint64_t epoch_tables()
        void epoch_counts(CountsOut)


cdef extern from "skm/pitman_yor.hpp" namespace "skm" nogil:
    vector[uint64_t] table_sizes_ "skm::table_sizes"(uint64_t, double, double, uint64_t, uint64_t) except +
    void stick_rests(double, double, uint64_t, uint64_t, double, DoublesOut, DoublesOut)


cdef extern from "skm/binomial.hpp" namespace "skm" nogil:
    const uint64_t kMaxTrials

MAX_CUSTOMERS = kMaxCustomers
MAX_TABLES = kMaxTables
MAX_SIZES_CUSTOMERS = kMaxTrials


cdef class Seating:
    """A skm::Restaurant."""

    cdef unique_ptr[Restaurant] restaurant

    def __cinit__(self, double discount, double concentration, uint64_t seed, uint64_t stream,
                  const uint64_t[::1] counts not None):
        cdef const uint64_t* first = &counts[0] if counts.size else NULL
        self.restaurant.reset(
            new Restaurant(discount, concentration, stream_key(seed, stream), Counts(first, counts.size)))

    def seat(self, uint32_t[::1] labels not None, unsigned threads):
        cdef uint32_t* first = &labels[0] if labels.size else NULL
        cdef size_t count = labels.size
        with nogil:
            self.restaurant.get().seat(Labels(first, count), threads)

    @property
    def num_customers(self):
        return self.restaurant.get().num_customers()

    @property
    def num_tables(self):
        return self.restaurant.get().num_tables()

    @property
    def counts(self):
        cdef cnp.ndarray counts = np.empty(self.restaurant.get().num_tables(), dtype=np.uint64)
        self.restaurant.get().counts(CountsOut(<uint64_t*> counts.data, counts.size))
        return counts

    @property
    def epoch_start(self):
        return self.restaurant.get().epoch_start()

    @property
    def epoch_counts(self):
        cdef cnp.ndarray counts = np.empty(self.restaurant.get().epoch_tables(), dtype=np.uint64)
        self.restaurant.get().epoch_counts(CountsOut(<uint64_t*> counts.data, counts.size))
        return counts


def table_sizes(uint64_t n, double discount, double concentration, uint64_t seed, uint64_t stream,
                uint64_t most):
    cdef vector[uint64_t] sizes
    cdef uint64_t key = stream_key(seed, stream)
    with nogil:
        sizes = table_sizes_(n, discount, concentration, key, most)
    cdef cnp.ndarray array = np.empty(sizes.size(), dtype=np.uint64)
    cdef uint64_t* to = <uint64_t*> array.data
    cdef size_t j
    for j in range(sizes.size()):
        to[j] = sizes[j]
    return array


def sticks(double discount, double concentration, uint64_t seed, uint64_t stream, uint64_t first, double rest,
           double[::1] weights not None, double[::1] rests not None):
    """The next weights and what is left after each."""
    cdef uint64_t key = stream_key(seed, stream)
    cdef size_t count = rests.size
    if count == 0:
        return
    with nogil:
        stick_rests(discount, concentration, key, first, rest, DoublesOut(&weights[0], count),
                    DoublesOut(&rests[0], count))
