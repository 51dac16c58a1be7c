"""Exceptions of experiments: a training run that cannot go on, and folders that belong to something else."""

from __future__ import annotations

from skmfast.errors import SkmfastError


class ExperimentError(SkmfastError):
    """Base class: an experiment or one of its runs cannot be carried out. The message says what to change."""


class ConfigurationError(ExperimentError, ValueError):
    """A setting that does not exist, is missing, or has a value it cannot have; the message says where."""


class UnknownNameError(ExperimentError, ValueError):
    """There is no experiment, or no preset, of that name; the message has near ones."""


class DivergedError(ExperimentError):
    """The loss of a training run is not finite, or far above what knowing nothing costs."""


class OutOfMemoryError(ExperimentError, MemoryError):
    """Memory did not suffice; the message says which setting to lower."""


class Interrupted(ExperimentError):
    """A run stopped because it was asked to; its folder holds a checkpoint, from which it goes on."""


class FolderError(ExperimentError):
    """A run's folder holds another configuration, is damaged, or is being written by another process."""


class BusyError(FolderError):
    """Another process is at work in a folder."""


class EmptyGridError(ExperimentError, ValueError):
    """A configuration whose grid has no run; the message names the empty settings."""
