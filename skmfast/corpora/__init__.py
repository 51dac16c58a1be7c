"""Corpora: documents (bytes) read from files, folders, globs and standard input."""

from skmfast.corpora.documents import Document, Failure
from skmfast.corpora.reading import Source, expand, read

__all__ = ["Document", "Failure", "Source", "expand", "read"]
