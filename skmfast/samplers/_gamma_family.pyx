# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Gamma, beta, Dirichlet and binomial draws.

Binding of skm/gamma.hpp and skm/binomial.hpp: one call each. Arguments are checked by skmfast/samplers/gamma_family.py;
a parameter is an array of one value for all draws or of one value a draw.
"""

from libc.stdint cimport uint64_t
from libcpp cimport bool as cbool


cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass DoublesOut "std::span<double>":
        DoublesOut(double*, size_t)
    cdef cppclass DoublesIn "std::span<const double>":
        DoublesIn(const double*, size_t)
    cdef cppclass CountsOut "std::span<std::uint64_t>":
        CountsOut(uint64_t*, size_t)


cdef extern from "skm/philox.hpp" namespace "skm" nogil:
    uint64_t stream_key(uint64_t, uint64_t)


cdef extern from "skm/gamma.hpp" namespace "skm" nogil:
    const double kMinShape
    const double kMaxShape
    cdef struct Shapes:
        const double* values
        size_t stride
    void gamma_draws(uint64_t, uint64_t, Shapes, bint, DoublesOut, unsigned) except +
    void beta_draws(uint64_t, uint64_t, Shapes, Shapes, DoublesOut, unsigned) except +
    void dirichlet_draws(uint64_t, uint64_t, DoublesIn, DoublesOut, unsigned) except +
    cbool values_within "skm::all_within"(DoublesIn, double, double, unsigned) except +


cdef extern from "skm/binomial.hpp" namespace "skm" nogil:
    const uint64_t kMaxTrials
    void binomial_draws(uint64_t, uint64_t, const uint64_t*, size_t, Shapes, CountsOut, unsigned) except +

MIN_SHAPE = kMinShape
MAX_SHAPE = kMaxShape
MAX_TRIALS = kMaxTrials


cdef Shapes shapes_of(const double[::1] values) noexcept:
    cdef Shapes shapes
    shapes.values = &values[0]
    shapes.stride = 0 if values.size == 1 else 1
    return shapes


def gamma(uint64_t seed, uint64_t stream, uint64_t first, const double[::1] shape not None, bint log,
          double[::1] out not None, unsigned threads):
    if out.size == 0:
        return
    cdef Shapes shapes = shapes_of(shape)
    cdef size_t count = out.size
    with nogil:
        gamma_draws(stream_key(seed, stream), first, shapes, log, DoublesOut(&out[0], count), threads)


def beta(uint64_t seed, uint64_t stream, uint64_t first, const double[::1] a not None, const double[::1] b not None,
         double[::1] out not None, unsigned threads):
    if out.size == 0:
        return
    cdef Shapes first_shapes = shapes_of(a)
    cdef Shapes second_shapes = shapes_of(b)
    cdef size_t count = out.size
    with nogil:
        beta_draws(stream_key(seed, stream), first, first_shapes, second_shapes, DoublesOut(&out[0], count), threads)


def dirichlet(uint64_t seed, uint64_t stream, uint64_t first, const double[::1] shapes not None,
              double[::1] out not None, unsigned threads):
    """Draws of shapes.size numbers each, one behind the other."""
    if out.size == 0:
        return
    cdef size_t size = shapes.size
    cdef size_t count = out.size
    with nogil:
        dirichlet_draws(
            stream_key(seed, stream), first, DoublesIn(&shapes[0], size), DoublesOut(&out[0], count), threads)


def all_within(const double[::1] values not None, double least, double most, unsigned threads):
    if values.size == 0:
        return True
    cdef size_t count = values.size
    cdef cbool every
    with nogil:
        every = values_within(DoublesIn(&values[0], count), least, most, threads)
    return every


def binomial(uint64_t seed, uint64_t stream, uint64_t first, const uint64_t[::1] trials not None,
             const double[::1] probability not None, uint64_t[::1] out not None, unsigned threads):
    if out.size == 0:
        return
    cdef Shapes chances = shapes_of(probability)
    cdef size_t stride = 0 if trials.size == 1 else 1
    cdef size_t count = out.size
    with nogil:
        binomial_draws(stream_key(seed, stream), first, &trials[0], stride, chances, CountsOut(&out[0], count),
                       threads)
