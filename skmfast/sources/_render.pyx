# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Sentences from a render plan. Binding of skm/render.hpp: check, allocate, one call, return."""

import numpy as np

from skmfast.settings import resolve_threads

cimport numpy as cnp
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport unique_ptr

cnp.import_array()


cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Bytes "std::span<const std::uint8_t>":
        Bytes()
        Bytes(const uint8_t*, size_t)
    cdef cppclass Halves "std::span<const std::uint16_t>":
        Halves(const uint16_t*, size_t)
    cdef cppclass Words "std::span<const std::uint32_t>":
        Words()
        Words(const uint32_t*, size_t)
    cdef cppclass Integers "std::span<const std::int32_t>":
        Integers()
        Integers(const int32_t*, size_t)
    cdef cppclass Doubles "std::span<const double>":
        Doubles()
        Doubles(const double*, size_t)


cdef extern from "skm/render.hpp" namespace "skm" nogil:
    cdef cppclass Plan "skm::RenderPlan":
        Bytes piece_bytes
        Words piece_byte_offsets
        Words piece_tokens
        Words piece_token_offsets
        Words part_piece
        Integers part_field
        Bytes part_label
        Words template_parts
        Words choice_offsets
        Doubles choice_probability
        Words field_sizes
        int32_t kind_field
        uint32_t kinds
        uint32_t attributes
        uint32_t statements
        cbool fixed_order
        uint32_t end_piece
        uint64_t vocabulary_size
    struct RenderFault:
        const char* array
        size_t index
        const char* problem
    struct ContentsFault:
        size_t row
        size_t field
    RenderFault check_plan(const Plan&)
    cdef cppclass Drawn:
        Drawn() except +
        uint64_t text_size()
        uint64_t num_tokens()
    cdef cppclass CxxRenderer "skm::Renderer":
        CxxRenderer(const Plan&) except +
        ContentsFault append_contents(Halves) except +
        size_t num_fields()
        size_t num_elements()
        size_t statements()
        cbool wide_tokens()
        size_t draw(Words elements, uint64_t first, uint64_t key, uint16_t* choices, uint64_t* text_offsets,
                    uint64_t* token_offsets, Drawn& drawn, unsigned threads) except +
        void write16 "write<std::uint16_t>"(
            Drawn& drawn, uint8_t* text, uint64_t* text_offsets, uint16_t* tokens,
            uint64_t* token_offsets, uint8_t* labels) except +
        void write32 "write<std::uint32_t>"(
            Drawn& drawn, uint8_t* text, uint64_t* text_offsets, uint32_t* tokens,
            uint64_t* token_offsets, uint8_t* labels) except +


cdef cnp.ndarray plan_array(plan, str name, dtype):
    array = getattr(plan, name)
    if not (isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == 1):
        raise TypeError(f"plan: {name} is not a one-dimensional array of {np.dtype(dtype).name}")
    return np.ascontiguousarray(array)


cdef Words words(cnp.ndarray array) noexcept:
    return Words(<const uint32_t*> cnp.PyArray_DATA(array), cnp.PyArray_SIZE(array))


cdef Bytes octets(cnp.ndarray array) noexcept:
    return Bytes(<const uint8_t*> cnp.PyArray_DATA(array), cnp.PyArray_SIZE(array))


cdef cnp.ndarray output(dict buffers, str name, size_t size, dtype):
    """An array of `size`, cut from the buffer of that name, which grows where it is too small."""
    if buffers is None:
        return np.empty(size, dtype=dtype)
    held = buffers.get(name)
    if held is None or held.size < size or held.dtype != dtype:
        held = buffers[name] = np.empty(size + size // 8, dtype=dtype)
    return held[:size]


cdef class Renderer:
    """What makes sentences of a render plan.

    Parameters
    ----------
    plan : RenderPlan
        The arrays of `skmfast.sources.plan.RenderPlan`; they are copied.

    Raises
    ------
    ValueError
        The plan is wrong; the message says which array and entry. Every index that rendering follows is
        checked here, so a plan that passes cannot lead outside its arrays.
    TypeError
        An array is of another type.
    """

    cdef unique_ptr[CxxRenderer] core
    cdef unique_ptr[Drawn] spare  # kept between calls, with its memory

    def __init__(self, plan):
        piece_bytes = plan_array(plan, "piece_bytes", np.uint8)
        piece_byte_offsets = plan_array(plan, "piece_byte_offsets", np.uint32)
        piece_tokens = plan_array(plan, "piece_tokens", np.uint32)
        piece_token_offsets = plan_array(plan, "piece_token_offsets", np.uint32)
        part_piece = plan_array(plan, "part_piece", np.uint32)
        cdef cnp.ndarray part_field = plan_array(plan, "part_field", np.int32)
        part_label = plan_array(plan, "part_label", np.uint8)
        template_parts = plan_array(plan, "template_parts", np.uint32)
        choice_offsets = plan_array(plan, "choice_offsets", np.uint32)
        cdef cnp.ndarray probability = plan_array(plan, "choice_probability", np.float64)
        field_sizes = plan_array(plan, "field_sizes", np.uint32)
        if plan.order not in (0, 1):
            raise ValueError(f"plan: order is {plan.order}, neither 0 (random) nor 1 (fixed)")
        cdef Plan view
        view.piece_bytes = octets(piece_bytes)
        view.piece_byte_offsets = words(piece_byte_offsets)
        view.piece_tokens = words(piece_tokens)
        view.piece_token_offsets = words(piece_token_offsets)
        view.part_piece = words(part_piece)
        view.part_field = Integers(<const int32_t*> cnp.PyArray_DATA(part_field), part_field.size)
        view.part_label = octets(part_label)
        view.template_parts = words(template_parts)
        view.choice_offsets = words(choice_offsets)
        view.choice_probability = Doubles(<const double*> cnp.PyArray_DATA(probability), probability.size)
        view.field_sizes = words(field_sizes)
        try:
            view.kind_field = plan.kind_field
            view.kinds = plan.kinds
            view.attributes = plan.attributes
            view.statements = plan.statements
            view.fixed_order = plan.order == 1
            view.end_piece = plan.end_piece
            view.vocabulary_size = plan.vocabulary_size
        except OverflowError as error:
            raise ValueError(f"plan: a number is out of range: {error}") from None
        cdef RenderFault fault = check_plan(view)
        if fault.array is not NULL:
            raise ValueError(f"plan: {fault.array.decode()}[{fault.index}] {fault.problem.decode()}")
        self.core.reset(new CxxRenderer(view))

    @property
    def num_elements(self):
        """Elements whose contents are known."""
        return self.core.get().num_elements()

    @property
    def token_dtype(self):
        """uint16, or uint32 where the vocabulary needs it."""
        return np.dtype(np.uint32 if self.core.get().wide_tokens() else np.uint16)

    def append_contents(self, rows):
        """Add the contents of the next elements: uint16, shape (elements, fields).

        Raises
        ------
        ValueError
            A value is outside its field (the message says which), or the shape is wrong.
        """
        cdef cnp.ndarray table = np.ascontiguousarray(rows)
        if table.dtype != np.uint16:
            raise TypeError(f"contents must be uint16, got {table.dtype}")
        if table.ndim != 2 or table.shape[1] != <Py_ssize_t> self.core.get().num_fields():
            raise ValueError(
                f"contents must have shape (elements, {self.core.get().num_fields()}), got {np.shape(rows)}"
            )
        cdef size_t count = table.shape[0]
        cdef size_t before = self.core.get().num_elements()
        cdef const uint16_t* values = <const uint16_t*> cnp.PyArray_DATA(table)
        cdef size_t size = table.size
        cdef ContentsFault fault
        with nogil:
            fault = self.core.get().append_contents(Halves(values, size))
        if fault.row != count:
            raise ValueError(
                f"contents of element {before + fault.row}: field {fault.field} has no value "
                f"{table[fault.row, fault.field]}"
            )

    def render(self, elements, first, key, *, threads=None, dict buffers=None):
        """Sentences first, first + 1, ... about `elements`.

        Parameters
        ----------
        elements : array of uint32, shape (n,)
            Element of each sentence; its contents have been appended.
        first : int
            Number of the first sentence.
        key : int
            Key of the random stream that decides what sentences say.
        threads : int, optional
            See `skmfast.settings.resolve_threads`. The result does not depend on it.
        buffers : dict, optional
            Where arrays are kept between calls: the next call with the same dict overwrites the results of
            this one, and needs no new memory.

        Returns
        -------
        text : ndarray of uint8, shape (bytes,)
        text_offsets : ndarray of uint64, shape (n + 1,)
            Where the text of each sentence begins; the first is 0.
        tokens : ndarray of `token_dtype`, shape (tokens,)
        offsets : ndarray of uint64, shape (n + 1,)
            Where the tokens of each sentence begin.
        labels : ndarray of uint8, shape (tokens,)
        statements : ndarray of uint16, shape (n, statements, 2)
            (attribute among those that can be stated, template within kind and attribute).

        Raises
        ------
        ValueError
            An element has no contents.
        """
        cdef cnp.ndarray chosen = np.ascontiguousarray(elements, dtype=np.uint32)
        if chosen.ndim != 1 or np.asarray(elements).dtype.kind not in "iu":
            raise TypeError("elements must be a one-dimensional array of integers")
        if chosen.dtype != np.asarray(elements).dtype and np.any(chosen != elements):
            raise ValueError("elements must be numbers from 0 to 2^32 - 1")
        cdef CxxRenderer* core = self.core.get()
        cdef size_t count = chosen.size
        cdef Words subjects = words(chosen)
        cdef uint64_t begin = first, stream = key
        cdef unsigned workers = resolve_threads(threads)
        cdef cnp.ndarray statements = output(buffers, "statements", count * core.statements() * 2, np.uint16)
        cdef cnp.ndarray text_offsets = output(buffers, "text_offsets", count + 1, np.uint64)
        cdef cnp.ndarray offsets = output(buffers, "offsets", count + 1, np.uint64)
        cdef uint16_t* choices = <uint16_t*> cnp.PyArray_DATA(statements)
        cdef uint64_t* text_places = <uint64_t*> cnp.PyArray_DATA(text_offsets)
        cdef uint64_t* places = <uint64_t*> cnp.PyArray_DATA(offsets)
        cdef size_t known
        # Taken away while in use: a call from another thread makes its own.
        cdef unique_ptr[Drawn] drawn
        drawn.swap(self.spare)
        if not drawn:
            drawn.reset(new Drawn())
        with nogil:
            known = core.draw(subjects, begin, stream, choices, text_places, places, drawn.get()[0], workers)
        if known != count:
            raise ValueError(
                f"sentence {first + known} is about element {chosen[known]}; {core.num_elements()} have contents"
            )
        cdef cnp.ndarray text = output(buffers, "text", drawn.get().text_size(), np.uint8)
        cdef cnp.ndarray tokens = output(buffers, "tokens", drawn.get().num_tokens(), self.token_dtype)
        cdef cnp.ndarray labels = output(buffers, "labels", drawn.get().num_tokens(), np.uint8)
        cdef uint8_t* characters = <uint8_t*> cnp.PyArray_DATA(text)
        cdef uint8_t* marks = <uint8_t*> cnp.PyArray_DATA(labels)
        cdef void* ids = cnp.PyArray_DATA(tokens)
        with nogil:
            if core.wide_tokens():
                core.write32(drawn.get()[0], characters, text_places, <uint32_t*> ids, places, marks)
            else:
                core.write16(drawn.get()[0], characters, text_places, <uint16_t*> ids, places, marks)
        drawn.swap(self.spare)
        shaped = (<object> statements).reshape(count, -1, 2) if count else (
            np.empty((0, core.statements(), 2), dtype=np.uint16))
        return text, text_offsets, tokens, offsets, labels, shaped
