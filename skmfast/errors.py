"""Exceptions of skmfast: one class per kind of failure, so that callers can tell them apart.

Bad arguments raise the built-in `ValueError` and `TypeError`; the classes here are for bad data.
"""


class SkmfastError(Exception):
    """Base class of every exception that skmfast defines."""


class CorpusError(SkmfastError):
    """An input file or record cannot be read: the message names the file and the place in it."""


class CorruptStreamError(SkmfastError, ValueError):
    """A compressed stream was damaged, truncated, or never was one: the message says where."""


class UnsupportedStreamError(SkmfastError, ValueError):
    """A well-formed stream asks for a version or a code that this build does not have."""


class ModelFileError(CorpusError):
    """A model or tokenizer file is missing a part, damaged, or of another kind: the message says where."""
