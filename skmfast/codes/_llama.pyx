# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Llama decoders on numpy arrays. `skmfast.codes.llama` is the public face.

Binding of skm/llama.hpp: check, allocate, one call, return.
"""

import numpy as np

cimport numpy as cnp
from libc.stddef cimport size_t
from libc.stdint cimport int64_t

cnp.import_array()


cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Tokens "std::span<const std::int64_t>":
        Tokens(const int64_t*, size_t)

    cdef cppclass Offsets "std::span<const std::size_t>":
        Offsets(const size_t*, size_t)


cdef extern from "skm/llama.hpp" namespace "skm" nogil:
    struct LlamaSizes:
        size_t width, hidden_width, num_layers, num_heads, num_kv_heads, head_width, vocabulary
        double epsilon, rotation_base

    struct LlamaWeights:
        const float* embedding
        const float* attention_norm
        const float* query
        const float* key
        const float* value
        const float* output
        const float* feed_norm
        const float* gate
        const float* up
        const float* down
        const float* final_norm
        const float* head

    cdef cppclass Llama:
        Llama(const LlamaSizes&, const LlamaWeights&) except +
        void hidden(Tokens, Offsets, float*, unsigned) except +
        void bits(Tokens, Offsets, Tokens, double*, unsigned) except +

    cdef cppclass LlamaSteps:
        LlamaSteps(const Llama&, size_t, size_t) except +
        size_t windows()
        size_t length()
        size_t position()
        void logits(Tokens, float*) except +


cdef const float* floats(weights, str name, shape) except NULL:
    found = weights[name]
    if found.dtype != np.float32 or found.shape != shape or not found.flags.c_contiguous:
        raise ValueError(f"{name}: float32 {shape} in C order is needed, not {found.dtype} {found.shape}")
    return <const float*> cnp.PyArray_DATA(found)


cdef cnp.ndarray checked(tokens, size_t vocabulary):
    """Tokens as int64, each in the vocabulary."""
    cdef cnp.ndarray array = np.ascontiguousarray(tokens, dtype=np.int64)
    if array.ndim != 1:
        raise ValueError(f"tokens must be in one dimension, not {array.ndim}")
    if array.size and not 0 <= array.min() <= array.max() < vocabulary:
        raise ValueError(f"a token is not in the vocabulary of {vocabulary:,}")
    return array


cdef cnp.ndarray rising(offsets, Py_ssize_t end):
    cdef cnp.ndarray array = np.ascontiguousarray(offsets, dtype=np.uintp)
    rises = array.ndim == 1 and array.size and not array[0] and (array[1:] >= array[:-1]).all()
    if not rises or array[array.size - 1] != end:
        raise ValueError(f"offsets must rise from 0 to the number of tokens, {end}")
    return array


cdef class Decoder:
    """A model's packed weights.

    Parameters
    ----------
    width, hidden_width, num_layers, num_heads, num_kv_heads, head_width, vocabulary : int
    epsilon, rotation_base : float
    weights : dict of str to ndarray of float32
        Shapes as in ``skm/llama.hpp``.

    Raises
    ------
    ValueError
        If sizes or shapes do not fit.
    """

    cdef Llama* model
    cdef LlamaSizes sizes

    def __cinit__(
        self, *, size_t width, size_t hidden_width, size_t num_layers, size_t num_heads, size_t num_kv_heads,
        size_t head_width, size_t vocabulary, double epsilon, double rotation_base, weights,
    ):
        cdef LlamaWeights given
        cdef LlamaSizes sizes
        if (min(width, hidden_width, num_layers, num_heads, num_kv_heads, head_width, vocabulary) < 1
                or head_width % 2 or num_heads % num_kv_heads or not epsilon > 0 or not rotation_base > 0):
            raise ValueError("these are no sizes of a Llama model")
        sizes.width, sizes.hidden_width, sizes.num_layers = width, hidden_width, num_layers
        sizes.num_heads, sizes.num_kv_heads, sizes.head_width = num_heads, num_kv_heads, head_width
        sizes.vocabulary, sizes.epsilon, sizes.rotation_base = vocabulary, epsilon, rotation_base
        queries, keys = num_heads * head_width, num_kv_heads * head_width
        given.embedding = floats(weights, "embedding", (vocabulary, width))
        given.attention_norm = floats(weights, "attention_norm", (num_layers, width))
        given.query = floats(weights, "query", (num_layers, queries, width))
        given.key = floats(weights, "key", (num_layers, keys, width))
        given.value = floats(weights, "value", (num_layers, keys, width))
        given.output = floats(weights, "output", (num_layers, width, queries))
        given.feed_norm = floats(weights, "feed_norm", (num_layers, width))
        given.gate = floats(weights, "gate", (num_layers, hidden_width, width))
        given.up = floats(weights, "up", (num_layers, hidden_width, width))
        given.down = floats(weights, "down", (num_layers, width, hidden_width))
        given.final_norm = floats(weights, "final_norm", (width,))
        given.head = floats(weights, "head", (vocabulary, width))
        self.sizes = sizes
        with nogil:
            self.model = new Llama(sizes, given)

    def __dealloc__(self):
        del self.model

    def hidden(self, tokens, offsets, *, unsigned threads):
        """Hidden states (N, width) behind each token of windows that lie one behind the other.

        Parameters
        ----------
        tokens : array of integers, shape (N,)
        offsets : array of integers, shape (windows + 1,)
            Where windows begin and end: from 0 on, never falling, to N.
        threads : int
            Results do not depend on it.
        """
        cdef cnp.ndarray ids = checked(tokens, self.sizes.vocabulary)
        cdef cnp.ndarray ends = rising(offsets, ids.size)
        cdef cnp.ndarray out = np.empty((ids.size, self.sizes.width), dtype=np.float32)
        cdef const int64_t* from_tokens = <const int64_t*> cnp.PyArray_DATA(ids)
        cdef const size_t* from_offsets = <const size_t*> cnp.PyArray_DATA(ends)
        cdef float* to = <float*> cnp.PyArray_DATA(out)
        cdef size_t count = ids.size, num_offsets = ends.size
        with nogil:
            self.model.hidden(Tokens(from_tokens, count), Offsets(from_offsets, num_offsets), to, threads)
        return out

    def bits(self, tokens, offsets, targets, *, unsigned threads):
        """Bits (N,) of the target behind each token; 0 where it is negative, NaN where the model gives none.

        Parameters
        ----------
        targets : array of integers, shape (N,)
        tokens, offsets, threads
            As for ``hidden``.
        """
        cdef cnp.ndarray ids = checked(tokens, self.sizes.vocabulary)
        cdef cnp.ndarray ends = rising(offsets, ids.size)
        cdef cnp.ndarray wanted = np.ascontiguousarray(targets, dtype=np.int64)
        if wanted.ndim != 1 or wanted.size != ids.size or (wanted.size and wanted.max() >= self.sizes.vocabulary):
            raise ValueError(f"{ids.size} targets in the vocabulary of {self.sizes.vocabulary:,} are needed")
        cdef cnp.ndarray out = np.empty(ids.size, dtype=np.float64)
        cdef const int64_t* from_tokens = <const int64_t*> cnp.PyArray_DATA(ids)
        cdef const int64_t* from_targets = <const int64_t*> cnp.PyArray_DATA(wanted)
        cdef const size_t* from_offsets = <const size_t*> cnp.PyArray_DATA(ends)
        cdef double* to = <double*> cnp.PyArray_DATA(out)
        cdef size_t count = ids.size, num_offsets = ends.size
        with nogil:
            self.model.bits(
                Tokens(from_tokens, count), Offsets(from_offsets, num_offsets), Tokens(from_targets, count), to,
                threads)
        return out


cdef class Steps:
    """Windows side by side, one token of each at a time.

    Parameters
    ----------
    decoder : Decoder
    windows, length : int
        How many, and of how many tokens at most.
    """

    cdef LlamaSteps* steps
    cdef Decoder decoder

    def __cinit__(self, Decoder decoder not None, size_t windows, size_t length):
        self.decoder = decoder
        with nogil:
            self.steps = new LlamaSteps(decoder.model[0], windows, length)

    def __dealloc__(self):
        del self.steps

    def logits(self, tokens):
        """Logits (n, V) behind the next tokens (n,) of the first n windows.

        Raises
        ------
        ValueError
            If there are more tokens than windows, or the windows are full.
        """
        cdef cnp.ndarray ids = checked(tokens, self.decoder.sizes.vocabulary)
        if <size_t> ids.size > self.steps.windows() or self.steps.position() >= self.steps.length():
            raise ValueError(f"no room for {ids.size} tokens: {self.steps.windows()} windows of {self.steps.length()}")
        cdef cnp.ndarray out = np.empty((ids.size, self.decoder.sizes.vocabulary), dtype=np.float32)
        cdef const int64_t* from_tokens = <const int64_t*> cnp.PyArray_DATA(ids)
        cdef float* to = <float*> cnp.PyArray_DATA(out)
        cdef size_t count = ids.size
        with nogil:
            self.steps.logits(Tokens(from_tokens, count), to)
        return out
