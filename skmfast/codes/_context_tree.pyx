# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Code lengths of context trees: binding of csrc's context_tree.hpp and ctw.hpp.

Check, allocate, one call without the GIL, return.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport unique_ptr
from libcpp.vector cimport vector

import numpy as np

from skmfast.codes._job cimport Job, Watch
from skmfast.errors import CorruptStreamError

cdef extern from "skm/context_sort.hpp" namespace "skm" nogil:
    const int max_context_depth
    const size_t context_padding

cdef extern from "skm/tree_model.hpp" namespace "skm" nogil:
    cdef cppclass CTreeModel "skm::TreeModel":
        CTreeModel(int) except +
        const float* chain()
        const float* leaf()
        const double* prior()

cdef extern from "skm/context_tree.hpp" namespace "skm" nogil:
    cdef struct Segment:
        uint64_t begin
        uint64_t end
    cdef cppclass ContextTreeOptions:
        ContextTreeOptions()
        int threads
        uint64_t memory
        Watch watch
    uint64_t context_tree_memory(int)
    double context_tree_bits(const CTreeModel&, const uint8_t*, const Segment*, size_t,
                             const ContextTreeOptions&) except +
    void context_tree_bits_each(const CTreeModel&, const uint8_t*, const Segment*, size_t,
                                const ContextTreeOptions&, double*) except +

cdef extern from "skm/ctw.hpp" namespace "skm" nogil:
    cdef struct CtwParameters:
        int depth
        double estimator
        double stop
    double ctw_bits(const CtwParameters&, const uint8_t*, const Segment*, size_t,
                    const ContextTreeOptions&) except +
    void ctw_bits_each(const CtwParameters&, const uint8_t*, const Segment*, size_t,
                       const ContextTreeOptions&, double*) except +

cdef extern from "skm/context_reference.hpp" namespace "skm" nogil:
    cdef cppclass ContextReference:
        double bits()
        uint64_t memory()
        double joint_bits(const uint8_t*, const Segment*, size_t, const ContextTreeOptions&) except +
        void joint_bits_each(const uint8_t*, const Segment*, size_t, const ContextTreeOptions&,
                             double*) except +
    unique_ptr[ContextReference] make_context_reference(
        const CTreeModel&, const uint8_t*, const Segment*, size_t, const ContextTreeOptions&) except +
    unique_ptr[ContextReference] make_ctw_reference(
        const CtwParameters&, const uint8_t*, const Segment*, size_t, const ContextTreeOptions&) except +

cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass bytes_view "std::span<const std::uint8_t>":
        bytes_view(const uint8_t*, size_t)
    cdef cppclass bytes_span "std::span<std::uint8_t>":
        bytes_span(uint8_t*, size_t)

cdef extern from "skm/adaptive_context_tree.hpp" namespace "skm" nogil:
    vector[uint8_t] context_tree_encode(const CTreeModel&, bytes_view, const Watch&) except +
    void context_tree_byte_bits(const CTreeModel&, bytes_view, double*, const Watch&) except +
    cbool context_tree_decode(const CTreeModel&, bytes_view, bytes_span, size_t&, const Watch&) except +

MAX_DEPTH = max_context_depth
PADDING = context_padding


def least_memory(int threads):
    """Least working memory in bytes that can be kept to with so many threads."""
    return context_tree_memory(threads)


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

    @property
    def chain(self):
        """Transition probabilities, float32 of shape (depth + 1, depth + 1, 16, 16).

        ``chain[a, b, p, q]`` is the probability of state p at depth b given state q at depth a < b.
        """
        cdef Py_ssize_t depths = self.depth + 1
        cdef const float[::1] values = <const float[:depths * depths * 128]>self.model.chain()
        lower = np.array(values).reshape(depths, depths, 8, 16)
        return np.concatenate([lower, lower[:, :, ::-1, ::-1]], axis=2)

    @property
    def leaf(self):
        """Probability of a one given the state at each depth, float32 of shape (depth + 1, 16)."""
        cdef const float[::1] values = <const float[:(self.depth + 1) * 16]>self.model.leaf()
        return np.array(values).reshape(self.depth + 1, 16)

    @property
    def prior(self):
        """Probabilities of the 16 states at the root."""
        cdef const double[::1] values = <const double[:16]>self.model.prior()
        return np.array(values)

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

    def encode(self, const uint8_t[::1] document, Job job):
        """Payload of ``document``."""
        cdef vector[uint8_t] payload
        cdef Watch watch = job.watch()
        cdef const uint8_t* start = &document[0] if document.shape[0] else NULL
        with nogil:
            payload = context_tree_encode(self.model[0], bytes_view(start, document.shape[0]), watch)
        return PyBytes_FromStringAndSize(<const char*>payload.data(), payload.size())

    def byte_bits(self, const uint8_t[::1] document, double[::1] out, Job job):
        """Bits of each byte given those before it, into ``out``."""
        cdef Watch watch = job.watch()
        if out.shape[0] != document.shape[0]:
            raise ValueError("out: one place for each byte")
        if document.shape[0] == 0:
            return
        with nogil:
            context_tree_byte_bits(self.model[0], bytes_view(&document[0], document.shape[0]), &out[0],
                                   watch)

    def decode(self, const uint8_t[::1] payload, Py_ssize_t num_bytes, Job job):
        """The document of ``num_bytes`` bytes whose payload this is."""
        cdef bytes document = PyBytes_FromStringAndSize(NULL, num_bytes)
        cdef uint8_t* start = <uint8_t*><char*>document
        cdef const uint8_t* data = &payload[0] if payload.shape[0] else NULL
        cdef size_t position = 0
        cdef cbool whole
        cdef Watch watch = job.watch()
        with nogil:
            whole = context_tree_decode(self.model[0], bytes_view(data, payload.shape[0]),
                                        bytes_span(start, num_bytes), position, watch)
        if not whole:
            raise CorruptStreamError(
                f"context-tree payload: damaged at or before byte {position:,} of {payload.shape[0]:,}"
            )
        return document


cdef class CtwModel:
    """Context-tree weighting of contexts of up to ``depth`` bytes."""

    cdef CtwParameters parameters

    def __cinit__(self, int depth, double estimator, double stop):
        if not 0 <= depth <= max_context_depth:
            raise ValueError(f"depth: {depth} is not between 0 and {max_context_depth}")
        if not 1e-6 <= estimator <= 1000:
            raise ValueError(f"estimator: {estimator} is not between 1e-6 and 1000")
        if not 0 <= stop <= 1:
            raise ValueError(f"stop: {stop} is not between 0 and 1")
        self.parameters = CtwParameters(depth, estimator, stop)

    def bits(self, const uint8_t[::1] text, const uint64_t[:, ::1] segments, int threads, uint64_t memory,
             Job job):
        """Bits of the segments ``[begin, end)`` of ``text``, coded as one."""
        cdef ContextTreeOptions options = _options(threads, memory, job)
        cdef double bits
        _check(text, segments)
        with nogil:
            bits = ctw_bits(self.parameters, &text[0], <const Segment*>&segments[0, 0], segments.shape[0],
                            options)
        return bits

    def bits_each(self, const uint8_t[::1] text, const uint64_t[:, ::1] segments, int threads,
                  uint64_t memory, Job job, double[::1] out):
        """Bits of each segment, coded alone, into ``out``."""
        cdef ContextTreeOptions options = _options(threads, memory, job)
        _check(text, segments)
        if out.shape[0] != segments.shape[0]:
            raise ValueError("out: one place for each segment")
        with nogil:
            ctw_bits_each(self.parameters, &text[0], <const Segment*>&segments[0, 0], segments.shape[0],
                          options, &out[0])


cdef class ReferenceTree:
    """Tree of the segments of ``text`` under ``model``, kept in memory; MemoryError where it exceeds it."""

    cdef unique_ptr[ContextReference] tree
    cdef object model
    cdef const uint8_t[::1] text

    def __cinit__(self, model, const uint8_t[::1] text, const uint64_t[:, ::1] segments, int threads,
                  uint64_t memory, Job job):
        cdef ContextTreeOptions options = _options(threads, memory, job)
        cdef const Segment* first
        cdef CTreeModel* markov
        cdef CtwParameters ctw
        _check(text, segments)
        self.model = model
        self.text = text
        first = <const Segment*>&segments[0, 0]
        if isinstance(model, TreeModel):
            markov = (<TreeModel>model).model
            with nogil:
                self.tree = make_context_reference(markov[0], &text[0], first, segments.shape[0], options)
        else:
            ctw = (<CtwModel?>model).parameters
            with nogil:
                self.tree = make_ctw_reference(ctw, &text[0], first, segments.shape[0], options)

    @property
    def bits(self):
        """Code length of the reference alone, coded as one."""
        return self.tree.get().bits()

    @property
    def memory(self):
        """Bytes that the tree takes, beside the text."""
        return self.tree.get().memory()

    def joint_bits(self, const uint8_t[::1] text, const uint64_t[:, ::1] segments, Job job):
        """Bits of the reference and the segments of ``text``, all coded as one."""
        cdef ContextTreeOptions options = _options(1, 0, job)
        cdef double bits
        _check(text, segments)
        with nogil:
            bits = self.tree.get().joint_bits(&text[0], <const Segment*>&segments[0, 0], segments.shape[0],
                                              options)
        return bits

    def joint_bits_each(self, const uint8_t[::1] text, const uint64_t[:, ::1] segments, int threads,
                        Job job, double[::1] out):
        """Bits of the reference and each segment of ``text`` together, coded as one, into ``out``."""
        cdef ContextTreeOptions options = _options(threads, 0, job)
        _check(text, segments)
        if out.shape[0] != segments.shape[0]:
            raise ValueError("out: one place for each segment")
        with nogil:
            self.tree.get().joint_bits_each(&text[0], <const Segment*>&segments[0, 0], segments.shape[0],
                                            options, &out[0])


cdef ContextTreeOptions _options(int threads, uint64_t memory, Job job):
    cdef ContextTreeOptions options
    options.threads = threads
    options.memory = memory
    options.watch = job.watch()
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
