"""Settings of an experiment: presets, files and assignments over them, and the folder that they name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import resources
from typing import TYPE_CHECKING, Any

from skmfast.experiments.canonical import digest
from skmfast.experiments.configuration import configure
from skmfast.experiments.errors import UnknownNameError
from skmfast.experiments.experiment import find_experiment
from skmfast.experiments.nearest import suggestion
from skmfast.experiments.yaml_settings import Node, parse_assignment, parse_yaml, read_yaml

if TYPE_CHECKING:
    from importlib.abc import Traversable

PRESETS = ("tiny", "small", "gpu")
_LABEL_DIGITS = 8


def preset_settings(name: str, preset: str) -> Node:
    """Settings of a preset, from the package.

    Raises
    ------
    UnknownNameError
        If the experiment has no such preset; the message has near ones.
    """
    known = preset_names(name)
    if preset not in known:
        raise UnknownNameError(f"{preset}: {name} has no such preset{suggestion(preset, known)}")
    text = _presets(name).joinpath(f"{preset}.yaml").read_text("utf-8")
    return parse_yaml(text, f"{name}/{preset}.yaml")


def preset_names(name: str) -> list[str]:
    """The presets that an experiment has, small ones first."""
    folder = _presets(name)
    return [each for each in PRESETS if folder.joinpath(f"{each}.yaml").is_file()]


def _presets(name: str) -> Traversable:
    return resources.files("skmfast.experiments").joinpath("presets").joinpath(name)


def read_configuration(
    name: str,
    preset: str | None = None,
    files: Iterable[str | os.PathLike[str]] = (),
    assignments: Iterable[str] = (),
) -> Any:
    """Configuration of an experiment: preset, then files, then assignments, each over what came before.

    Raises
    ------
    UnknownNameError
        If there is no such experiment or preset.
    ConfigurationError
        If a setting does not exist or has a wrong value; the message says where.
    """
    experiment = find_experiment(name)
    sources = [preset_settings(name, preset)] if preset is not None else []
    sources += [read_yaml(path) for path in files]
    sources += [parse_assignment(text) for text in assignments]
    return configure(experiment.Configuration, *sources)


def folder_name(name: str, configuration: Any) -> str:
    """Name of the folder of an experiment's results: its preset's, or one with a hash for other settings."""
    for preset in preset_names(name):
        if configuration == read_configuration(name, preset):
            return f"{name}-{preset}"
    return f"{name}-{digest(configuration)[:_LABEL_DIGITS]}"
