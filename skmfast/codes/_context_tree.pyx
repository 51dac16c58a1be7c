# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Code lengths of context trees: binding of csrc's context_tree.hpp.

Check, allocate, one call without the GIL, return.
"""

from libc.stdint cimport uint8_t, uint64_t
from libcpp cimport bool as cbool

cdef extern from "<atomic>" namespace "std" nogil:
    cdef cppclass atomic_count "std::atomic<std::uint64_t>":
        atomic_count(uint64_t) except +
        uint64_t load()
    cdef cppclass atomic_flag "std::atomic<bool>":
        atomic_flag(cbool) except +
        cbool load()
        void store(cbool)

cdef extern from "skm/context_sort.hpp" namespace "skm" nogil:
    const int max_context_depth
    const size_t context_padding

cdef extern from "skm/tree_model.hpp" namespace "skm" nogil:
    cdef cppclass CTreeModel "skm::TreeModel":
        CTreeModel(int) except +

cdef extern from "skm/context_tree.hpp" namespace "skm" nogil:
    cdef struct Segment:
        uint64_t begin
        uint64_t end
    cdef cppclass ContextTreeOptions:
        ContextTreeOptions()
        int threads
        uint64_t memory
        atomic_count* progress
        const atomic_flag* cancel
    uint64_t context_tree_memory(int)
    double context_tree_bits(const CTreeModel&, const uint8_t*, const Segment*, size_t,
                             const ContextTreeOptions&) except +
    void context_tree_bits_each(const CTreeModel&, const uint8_t*, const Segment*, size_t,
                                const ContextTreeOptions&, double*) except +

MAX_DEPTH = max_context_depth
PADDING = context_padding


def least_memory(int threads):
    """Least working memory in bytes that can be kept to with so many threads."""
    return context_tree_memory(threads)


cdef class Job:
    """Shared between the thread that computes and the one that watches: what is done, and a way to stop."""

    cdef atomic_count* count
    cdef atomic_flag* flag

    def __cinit__(self):
        self.count = new atomic_count(0)
        self.flag = new atomic_flag(False)

    def __dealloc__(self):
        del self.count
        del self.flag

    @property
    def done(self):
        """Bytes counted so far."""
        return self.count.load()

    def cancel(self):
        """Ask the computation to stop; what it returns is meaningless then."""
        self.flag.store(True)


cdef class TreeModel:
    """Tables of the hidden Markov tree for contexts of up to ``depth`` bytes."""

    cdef CTreeModel* model
    cdef readonly int depth

    def __cinit__(self, int depth):
        if not 0 <= depth <= max_context_depth:
            raise ValueError(f"depth: {depth} is not between 0 and {max_context_depth}")
        self.model = new CTreeModel(depth)
        self.depth = depth

    def __dealloc__(self):
        del self.model

    def bits(self, const uint8_t[::1] text, const uint64_t[:, ::1] segments, int threads, uint64_t memory,
             Job job):
        """Bits of the segments ``[begin, end)`` of ``text``, coded as one."""
        cdef ContextTreeOptions options = _options(threads, memory, job)
        cdef double bits
        _check(text, segments)
        with nogil:
            bits = context_tree_bits(self.model[0], &text[0], <const Segment*>&segments[0, 0],
                                     segments.shape[0], options)
        return bits

    def bits_each(self, const uint8_t[::1] text, const uint64_t[:, ::1] segments, int threads,
                  uint64_t memory, Job job, double[::1] out):
        """Bits of each segment, coded alone, into ``out``."""
        cdef ContextTreeOptions options = _options(threads, memory, job)
        _check(text, segments)
        if out.shape[0] != segments.shape[0]:
            raise ValueError("out: one place for each segment")
        with nogil:
            context_tree_bits_each(self.model[0], &text[0], <const Segment*>&segments[0, 0],
                                   segments.shape[0], options, &out[0])


cdef ContextTreeOptions _options(int threads, uint64_t memory, Job job):
    cdef ContextTreeOptions options
    options.threads = threads
    options.memory = memory
    options.progress = job.count
    options.cancel = job.flag
    return options


cdef _check(const uint8_t[::1] text, const uint64_t[:, ::1] segments):
    cdef Py_ssize_t i
    if segments.shape[0] == 0 or segments.shape[1] != 2:
        raise ValueError("segments: an array of shape (segments, 2) with at least one row")
    if text.shape[0] >= 1 << 32:
        raise ValueError(f"text: {text.shape[0]} bytes; at most 2^32 - 1")
    for i in range(segments.shape[0]):
        if not context_padding <= segments[i, 0] <= segments[i, 1] <= <uint64_t>text.shape[0]:
            raise ValueError(f"segments[{i}]: [{segments[i, 0]}, {segments[i, 1]}) is out of place")
