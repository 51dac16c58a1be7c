# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Names and values of elements.

Binding of skm/contents.hpp: one call each. Arguments are checked by skmfast/sources/contents.py and permutation.py.
"""

from libc.stdint cimport uint16_t, uint32_t, uint64_t


cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Elements "std::span<const std::uint64_t>":
        Elements(const uint64_t*, size_t)


cdef extern from "skm/philox.hpp" namespace "skm" nogil:
    uint64_t stream_key(uint64_t, uint64_t)


cdef extern from "skm/contents.hpp" namespace "skm" nogil:
    cdef cppclass Permutation:
        Permutation(uint64_t, uint64_t)
        uint64_t apply "operator()"(uint64_t)
    cdef struct ContentsColumn:
        uint32_t column
        uint32_t size
        uint32_t word
    cdef cppclass Columns "std::span<const skm::ContentsColumn>":
        Columns(const ContentsColumn*, size_t)
    void fill_contents(Elements, Columns, Columns, uint64_t, uint64_t, uint16_t*, size_t, unsigned) except +


def permute(uint64_t[::1] points not None, uint64_t size, uint64_t seed, uint64_t stream):
    """Replaces each point by its image."""
    cdef Permutation* permutation = new Permutation(size, stream_key(seed, stream))
    cdef Py_ssize_t i
    cdef Py_ssize_t count = points.shape[0]
    with nogil:
        for i in range(count):
            points[i] = permutation.apply(points[i])
    del permutation


def fill(const uint64_t[::1] elements not None, const uint32_t[:, ::1] digits not None,
         const uint32_t[:, ::1] drawn not None, uint64_t seed, uint64_t names_stream, uint64_t contents_stream,
         uint16_t[:, ::1] table not None, unsigned threads):
    """Fills the columns of `digits` (least significant first) and `drawn`: rows of (column, size, word)."""
    if elements.shape[0] == 0:
        return
    cdef size_t count = elements.shape[0]
    cdef size_t stride = table.shape[1]
    cdef const ContentsColumn* no_columns = NULL
    cdef const ContentsColumn* digit_columns = <const ContentsColumn*>&digits[0, 0]
    cdef const ContentsColumn* drawn_columns = <const ContentsColumn*>&drawn[0, 0] if drawn.shape[0] else no_columns
    cdef size_t num_digits = digits.shape[0]
    cdef size_t num_drawn = drawn.shape[0]
    with nogil:
        fill_contents(Elements(&elements[0], count), Columns(digit_columns, num_digits),
                      Columns(drawn_columns, num_drawn), stream_key(seed, names_stream),
                      stream_key(seed, contents_stream), &table[0, 0], stride, threads)
