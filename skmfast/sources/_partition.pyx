# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Partitions draw by draw: binding of skm/partition_code.hpp."""

import numpy as np

from libc.stdint cimport uint32_t, uint64_t


cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Labels "std::span<const std::uint32_t>":
        Labels(const uint32_t*, size_t)
    cdef cppclass Counts "std::span<const std::uint64_t>":
        Counts(const uint64_t*, size_t)
    cdef cppclass CountsOut "std::span<std::uint64_t>":
        CountsOut(uint64_t*, size_t)
    cdef cppclass Doubles "std::span<const double>":
        Doubles(const double*, size_t)
    cdef cppclass DoublesOut "std::span<double>":
        DoublesOut(double*, size_t)


cdef extern from "skm/partition_code.hpp" namespace "skm" nogil:
    void seen_before_ "skm::seen_before"(Labels, CountsOut, CountsOut)
    void mixture_probabilities_ "skm::mixture_probabilities"(
        Counts, Doubles, Doubles, DoublesOut, uint64_t, uint64_t, DoublesOut
    )


def seen_before(labels, size_t num_labels):
    """How often each label came before, as uint64; labels are below ``num_labels``."""
    cdef const uint32_t[::1] given = np.ascontiguousarray(labels, dtype=np.uint32)
    cdef size_t n = given.shape[0]
    before = np.empty(n, dtype=np.uint64)
    cdef uint64_t[::1] out = before
    cdef uint64_t[::1] counts = np.zeros(num_labels, dtype=np.uint64)
    if n == 0:
        return before
    if np.max(labels) >= num_labels:
        raise ValueError(f"label {np.max(labels)}: not below {num_labels}")
    with nogil:
        seen_before_(Labels(&given[0], n), CountsOut(&counts[0], num_labels), CountsOut(&out[0], n))
    return before


def mixture_probabilities(seen, discount, concentration, weights, uint64_t draws, uint64_t elements):
    """Probability of each draw, and the weights after them."""
    cdef const uint64_t[::1] before = np.ascontiguousarray(seen, dtype=np.uint64)
    cdef const double[::1] d = np.ascontiguousarray(discount, dtype=np.float64)
    cdef const double[::1] theta = np.ascontiguousarray(concentration, dtype=np.float64)
    after = np.array(weights, dtype=np.float64)
    cdef double[::1] w = after
    cdef size_t n = before.shape[0], size = w.shape[0]
    probability = np.empty(n, dtype=np.float64)
    cdef double[::1] out = probability
    if d.shape[0] != size or theta.shape[0] != size or size == 0:
        raise ValueError(f"{d.shape[0]} discounts, {theta.shape[0]} concentrations, {size} weights")
    if n == 0:
        return probability, after
    with nogil:
        mixture_probabilities_(
            Counts(&before[0], n),
            Doubles(&d[0], size),
            Doubles(&theta[0], size),
            DoublesOut(&w[0], size),
            draws,
            elements,
            DoublesOut(&out[0], n),
        )
    return probability, after
