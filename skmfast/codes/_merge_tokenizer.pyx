# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Byte-pair merges by score. `skmfast.codes.llama2c_tokenizer` is the public face."""

import numpy as np

cimport numpy as cnp
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy
from libcpp.string cimport string
from libcpp.vector cimport vector

cnp.import_array()


cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Bytes "std::span<const std::uint8_t>":
        Bytes(const uint8_t*, size_t)


cdef extern from "skm/merge_tokenizer.hpp" namespace "skm" nogil:
    cdef cppclass CxxTokenizer "skm::MergeTokenizer":
        CxxTokenizer(vector[string], vector[float], size_t) except +
        void encode(Bytes, vector[int64_t]&) except +


cdef class MergeTokenizer:
    """Texts and scores of the tokens, ready for merging.

    Parameters
    ----------
    texts : list of bytes
    scores : list of float
    first_byte : int
        Token of byte 0 where it has no other; those of the others are behind it.

    Raises
    ------
    ValueError
        If a score is NaN or there are not as many as texts, or bytes have no tokens.
    """

    cdef CxxTokenizer* tokenizer

    def __cinit__(self, texts, scores, size_t first_byte):
        if len(texts) != len(scores) or len(texts) < first_byte + 256 or any(score != score for score in scores):
            raise ValueError("every token needs a score, and every byte a token")
        cdef vector[string] all_texts = texts
        cdef vector[float] all_scores = scores
        with nogil:
            self.tokenizer = new CxxTokenizer(all_texts, all_scores, first_byte)

    def __dealloc__(self):
        del self.tokenizer

    def encode(self, const uint8_t[::1] text):
        """Tokens of ``text``."""
        cdef vector[int64_t] found
        cdef const uint8_t* start = &text[0] if text.shape[0] else NULL
        cdef size_t size = text.shape[0]
        with nogil:
            self.tokenizer.encode(Bytes(start, size), found)
        cdef cnp.ndarray out = np.empty(found.size(), dtype=np.int64)
        if found.size():
            memcpy(cnp.PyArray_DATA(out), found.data(), found.size() * sizeof(int64_t))
        return out
