# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Two-part codes of context trees: binding of csrc's structure_function.hpp and two_part.hpp.

Check, allocate, one call without the GIL, return.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy
from libcpp cimport bool as cbool
from libcpp.vector cimport vector

import numpy as np

from skmfast.codes._job cimport Job, Watch
from skmfast.errors import CorruptStreamError

cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass segment_view "std::span<const skm::Segment>":
        segment_view(const Segment*, size_t)
    cdef cppclass span8 "std::span<const std::uint8_t>":
        span8(const uint8_t*, size_t)
    cdef cppclass out8 "std::span<std::uint8_t>":
        out8(uint8_t*, size_t)
    cdef cppclass out32 "std::span<std::uint32_t>":
        out32(uint32_t*, size_t)
    cdef cppclass split_view "std::span<const skm::ContextSplit>":
        split_view()
        split_view(const ContextSplit*, size_t)
    cdef cppclass span16 "std::span<const std::uint16_t>":
        span16(const uint16_t*, size_t)
    cdef cppclass span32 "std::span<const std::uint32_t>":
        span32(const uint32_t*, size_t)

cdef extern from "skm/context_sort.hpp" namespace "skm" nogil:
    const int max_context_depth
    const size_t context_padding

cdef extern from "skm/context_tree.hpp" namespace "skm" nogil:
    cdef struct Segment:
        uint64_t begin
        uint64_t end

cdef extern from "skm/structure_function.hpp" namespace "skm" nogil:
    cdef cppclass StructureOptions:
        StructureOptions()
        int depth
        uint64_t alphabet
        double least_slope
        int threads
        Watch watch
    cdef struct ContextSplit:
        uint64_t position
        uint32_t count
        uint16_t first_depth
        uint16_t depth
        uint64_t block
    cdef cppclass StructureHull:
        StructureHull() except +
        double root_model_bits
        double root_data_bits
        vector[double] model_bits
        vector[double] data_bits
        vector[ContextSplit] splits
        vector[uint64_t] block_begin
    uint64_t structure_memory(uint64_t, uint64_t, int)
    StructureHull structure_hull8 "skm::structure_hull<std::uint8_t>" (
        span8, segment_view, const StructureOptions&) except +
    StructureHull structure_hull16 "skm::structure_hull<std::uint16_t>" (
        span16, segment_view, const StructureOptions&) except +
    StructureHull structure_hull32 "skm::structure_hull<std::uint32_t>" (
        span32, segment_view, const StructureOptions&) except +

    uint32_t structure_leaves8 "skm::structure_leaves<std::uint8_t>" (
        span8, segment_view, split_view, out32) except +
    uint32_t structure_leaves16 "skm::structure_leaves<std::uint16_t>" (
        span16, segment_view, split_view, out32) except +
    uint32_t structure_leaves32 "skm::structure_leaves<std::uint32_t>" (
        span32, segment_view, split_view, out32) except +

cdef extern from "skm/two_part.hpp" namespace "skm" nogil:
    cdef cppclass TwoPartPayload:
        TwoPartPayload() except +
        vector[uint8_t] model
        vector[uint8_t] data
    TwoPartPayload two_part_encode(span8, split_view, int, const Watch&) except +
    cbool two_part_decode(span8, span8, int, out8, const Watch&) except +

MAX_DEPTH_BYTES = max_context_depth
PADDING = context_padding
SPLIT = np.dtype([("position", "u8"), ("count", "u4"), ("first_depth", "u2"), ("depth", "u2"), ("block", "u8")])

ctypedef fused symbol_t:
    uint8_t
    uint16_t
    uint32_t


def least_memory(uint64_t num_symbols, uint64_t largest_group, int threads):
    """Working memory in bytes before any block is kept; see skm/structure_function.hpp."""
    return structure_memory(num_symbols, largest_group, threads)


def hull(const symbol_t[::1] text, const uint64_t[:, ::1] segments, int depth, uint64_t alphabet,
         double least_slope, int threads, Job job):
    """Hull of the segments ``[begin, end)`` of ``text``.

    Returns (root model bits, root data bits, model bits by block, data bits saved by block, splits, first
    split of each block).
    """
    cdef StructureOptions options
    cdef StructureHull result
    cdef const Segment* parts = NULL
    cdef size_t num_parts = segments.shape[0]
    _check(text.shape[0], sizeof(symbol_t), segments)
    if not 0 <= depth * <int>sizeof(symbol_t) <= max_context_depth:
        raise ValueError(f"depth: {depth} is not between 0 and {max_context_depth // sizeof(symbol_t)}")
    if num_parts:
        parts = <const Segment*>&segments[0, 0]
    options.depth = depth
    options.alphabet = alphabet
    options.least_slope = least_slope
    options.threads = threads
    options.watch = job.watch()
    with nogil:
        if symbol_t is uint8_t:
            result = structure_hull8(span8(&text[0], text.shape[0]), segment_view(parts, num_parts), options)
        elif symbol_t is uint16_t:
            result = structure_hull16(span16(&text[0], text.shape[0]), segment_view(parts, num_parts), options)
        else:
            result = structure_hull32(span32(&text[0], text.shape[0]), segment_view(parts, num_parts), options)
    model = _copied(result.model_bits.data(), 8 * result.model_bits.size(), np.float64)
    data = _copied(result.data_bits.data(), 8 * result.data_bits.size(), np.float64)
    splits = _copied(result.splits.data(), sizeof(ContextSplit) * result.splits.size(), SPLIT)
    begin = _copied(result.block_begin.data(), 8 * result.block_begin.size(), np.uint64)
    return result.root_model_bits, result.root_data_bits, model, data, splits, begin


def leaves(const symbol_t[::1] text, const uint64_t[:, ::1] segments, splits, uint32_t[::1] out):
    """Leaf of every position of the segments into ``out``, of the tree that ``splits`` make; how many."""
    cdef const Segment* parts = NULL
    cdef const uint8_t[::1] raw = _split_bytes(splits)
    cdef split_view chosen = split_view(<const ContextSplit*>(&raw[0] if raw.shape[0] else NULL),
                                        raw.shape[0] // sizeof(ContextSplit))
    cdef size_t num_parts = segments.shape[0]
    cdef Py_ssize_t i
    cdef uint64_t positions = 0
    cdef uint32_t count
    _check(text.shape[0], sizeof(symbol_t), segments)
    _check_splits(splits, text.shape[0])
    for i in range(segments.shape[0]):
        positions += segments[i, 1] - segments[i, 0]
    if positions != <uint64_t>out.shape[0]:
        raise ValueError("out: one place for each position")
    if positions == 0:
        return 0
    parts = <const Segment*>&segments[0, 0]
    with nogil:
        if symbol_t is uint8_t:
            count = structure_leaves8(span8(&text[0], text.shape[0]), segment_view(parts, num_parts), chosen,
                                      out32(&out[0], out.shape[0]))
        elif symbol_t is uint16_t:
            count = structure_leaves16(span16(&text[0], text.shape[0]), segment_view(parts, num_parts), chosen,
                                       out32(&out[0], out.shape[0]))
        else:
            count = structure_leaves32(span32(&text[0], text.shape[0]), segment_view(parts, num_parts), chosen,
                                       out32(&out[0], out.shape[0]))
    return count


def encode(const uint8_t[::1] text, splits, int depth, Job job):
    """Model message and data message of what stands behind PADDING zeros in ``text``."""
    cdef TwoPartPayload payload
    cdef Watch watch = job.watch()
    cdef const uint8_t[::1] raw = _split_bytes(splits)
    cdef split_view chosen = split_view(<const ContextSplit*>(&raw[0] if raw.shape[0] else NULL),
                                        raw.shape[0] // sizeof(ContextSplit))
    if <size_t>text.shape[0] < context_padding or text.shape[0] >= 1 << 31:
        raise ValueError(f"text: {text.shape[0]} bytes; at least {context_padding} and below 2^31")
    _check_splits(splits, text.shape[0])
    with nogil:
        payload = two_part_encode(span8(&text[0], text.shape[0]), chosen, depth, watch)
    return (PyBytes_FromStringAndSize(<const char*>payload.model.data(), payload.model.size()),
            PyBytes_FromStringAndSize(<const char*>payload.data.data(), payload.data.size()))


def decode(const uint8_t[::1] model, const uint8_t[::1] data, int depth, Py_ssize_t num_bytes, Job job):
    """The document of ``num_bytes`` bytes with these two messages."""
    cdef bytes document = PyBytes_FromStringAndSize(NULL, num_bytes)
    cdef uint8_t* start = <uint8_t*><char*>document
    cdef const uint8_t* model_start = &model[0] if model.shape[0] else NULL
    cdef const uint8_t* data_start = &data[0] if data.shape[0] else NULL
    cdef Watch watch = job.watch()
    cdef cbool whole
    with nogil:
        whole = two_part_decode(span8(model_start, model.shape[0]), span8(data_start, data.shape[0]), depth,
                                out8(start, num_bytes), watch)
    if not whole:
        raise CorruptStreamError(
            f"two-part payload: not a model and data of {num_bytes:,} bytes (messages of {model.shape[0]:,}"
            f" and {data.shape[0]:,} bytes)"
        )
    return document


cdef _split_bytes(splits):
    if splits.dtype != SPLIT:
        raise TypeError(f"splits: an array of {SPLIT}, not of {splits.dtype}")
    return np.ascontiguousarray(splits).view(np.uint8)


cdef _check_splits(splits, size):
    if len(splits) and (splits["position"].max() > size or (splits["depth"] > splits["position"]).any()):
        raise ValueError("splits: positions that the text does not have")


cdef _copied(const void* data, size_t num_bytes, dtype):
    """An array with a copy of these bytes."""
    cdef uint8_t[::1] raw
    made = np.empty(num_bytes // np.dtype(dtype).itemsize, dtype)
    if num_bytes:
        raw = made.view(np.uint8)
        memcpy(&raw[0], data, num_bytes)
    return made


cdef _check(Py_ssize_t size, size_t symbol_bytes, const uint64_t[:, ::1] segments):
    cdef Py_ssize_t i
    cdef uint64_t padding = (context_padding + symbol_bytes - 1) // symbol_bytes
    if segments.shape[1] != 2:
        raise ValueError("segments: an array of shape (segments, 2)")
    if not 0 < size * symbol_bytes < 1 << 32:
        raise ValueError(f"text: {size * symbol_bytes} bytes; at least 1, at most 2^32 - 1")
    for i in range(segments.shape[0]):
        if not padding <= segments[i, 0] <= segments[i, 1] <= <uint64_t>size:
            raise ValueError(f"segments[{i}]: [{segments[i, 0]}, {segments[i, 1]}) is out of place")
