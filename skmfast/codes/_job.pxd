# What bindings of long computations share: the core's watch, and the job that it reports to.
from libc.stdint cimport uint64_t
from libcpp cimport bool as cbool

cdef extern from "<atomic>" namespace "std" nogil:
    cdef cppclass atomic_count "std::atomic<std::uint64_t>":
        atomic_count(uint64_t) except +
        uint64_t load()
    cdef cppclass atomic_flag "std::atomic<bool>":
        atomic_flag(cbool) except +
        cbool load()
        void store(cbool)

cdef extern from "skm/watch.hpp" namespace "skm" nogil:
    cdef cppclass Watch:
        Watch()
        atomic_count* progress
        const atomic_flag* cancel


cdef class Job:
    cdef atomic_count* count
    cdef atomic_flag* flag
    cdef Watch watch(self)
