# cython: language_level=3
"""Job of a long computation of the core: binding of csrc's watch.hpp."""


cdef class Job:
    """Shared between the thread that computes and the one that watches: what is done, and a way to stop."""

    def __cinit__(self):
        self.count = new atomic_count(0)
        self.flag = new atomic_flag(False)

    def __dealloc__(self):
        del self.count
        del self.flag

    @property
    def done(self):
        """Symbols done so far."""
        return self.count.load()

    def cancel(self):
        """Ask the computation to stop; what it returns is meaningless then."""
        self.flag.store(True)

    cdef Watch watch(self):
        cdef Watch watch
        watch.progress = self.count
        watch.cancel = self.flag
        return watch
