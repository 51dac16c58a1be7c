"""Settings as YAML: read from files and from the command line, each with its place, and written.

Places are for messages: a setting that does not exist, or has the wrong type, is said where it stands.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skmfast.experiments.errors import ConfigurationError

# Beyond these a file is no configuration; aliases of YAML can make few lines into a great many.
_MOST_NODES, _MOST_LEVELS = 100_000, 40


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the place it was read at: settings in a dict, entries in a list, or a scalar.

    Attributes
    ----------
    value : dict of str to Node, list of Node, or scalar
    place : str
        For messages: ``"tiny.yaml, line 3"``.
    """

    value: Any
    place: str


def read_yaml(path: str | os.PathLike[str]) -> Node:
    """Settings of a YAML file.

    Raises
    ------
    ConfigurationError
        If it cannot be read, is no YAML, or names a setting twice; the message says where.
    """
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{os.fspath(path)}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{os.fspath(path)}: is no UTF-8 (byte {error.start:,})") from None
    return parse_yaml(text, os.fspath(path))


def parse_yaml(text: str, name: str) -> Node:
    """Settings of YAML text, which messages call ``name``.

    Examples
    --------
    >>> parse_yaml("training:\\n  steps: 100", "tiny.yaml").value["training"].value["steps"]
    Node(value=100, place='tiny.yaml, line 2')
    """
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        return Node({}, name) if root is None else _Reader(loader, name).read(root, f"{name}, line 1", 0)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError(f"{name}{line}: is no YAML: {error.problem}") from None
    except RecursionError:
        raise ConfigurationError(f"{name}: is no YAML: too many brackets within each other") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name}: is no YAML: {error}") from None


class _Reader:
    """From nodes of PyYAML, which know their lines, to nodes of ours."""

    def __init__(self, loader: Any, name: str) -> None:
        self._loader = loader
        self._name = name
        self._nodes = 0

    def read(self, node: Any, place: str, level: int) -> Node:
        self._nodes += 1
        if self._nodes > _MOST_NODES or level > _MOST_LEVELS:
            raise ConfigurationError(f"{place}: more settings, or deeper ones, than a configuration has")
        if node.id == "mapping":
            return Node(self._settings(node, level), place)
        if node.id == "sequence":
            return Node([self.read(each, self._place(each), level + 1) for each in node.value], place)
        try:
            return Node(self._loader.construct_object(node), place)
        except ValueError as error:  # 2026-13-01 is taken for a date
            raise ConfigurationError(f"{place}: {node.value!r} is no value: {error}") from None

    def _settings(self, node: Any, level: int) -> dict[str, Node]:
        settings: dict[str, Node] = {}
        for key, value in node.value:
            place = self._place(key)
            if key.id != "scalar":
                raise ConfigurationError(f"{place}: the name of a setting is one word")
            if key.value in settings:
                raise ConfigurationError(f"{place}: {key.value} is set twice")
            settings[key.value] = self.read(value, place, level + 1)
        return settings

    def _place(self, node: Any) -> str:
        return f"{self._name}, line {node.start_mark.line + 1}"


def parse_assignment(text: str) -> Node:
    """A setting as the command line gives it: ``training.steps=100``; the value is YAML.

    Examples
    --------
    >>> node = parse_assignment("discounts=[0.3, 0.5]")
    >>> [each.value for each in node.value["discounts"].value]
    [0.3, 0.5]
    """
    place = f"--set {text}"
    path, equals, value = text.partition("=")
    names = [name.strip() for name in path.split(".")]
    if not equals or not all(names):
        raise ConfigurationError(f"{place}: is not of the form name=value, such as training.steps=100")
    node = _placed(parse_yaml(value, place), place)
    if not value.strip():
        raise ConfigurationError(f"{place}: has no value; an absent one is null")
    for name in reversed(names):
        node = Node({name: node}, place)
    return node


def _placed(node: Node, place: str) -> Node:
    if isinstance(node.value, dict):
        return Node({name: _placed(each, place) for name, each in node.value.items()}, place)
    if isinstance(node.value, list):
        return Node([_placed(each, place) for each in node.value], place)
    return Node(node.value, place)


def merged(first: Node, second: Node) -> Node:
    """``first`` with the settings of ``second`` over it; numbers name the entries of a list."""
    if not isinstance(second.value, dict):
        return second
    if isinstance(first.value, list) and all(name.isdigit() for name in second.value):
        entries = list(first.value)
        for name, node in second.value.items():
            if int(name) >= len(entries):
                raise ConfigurationError(f"{node.place}: there is no entry {name}: there are {len(entries)}")
            entries[int(name)] = merged(entries[int(name)], node)
        return Node(entries, first.place)
    if not isinstance(first.value, dict):
        return second
    settings = dict(first.value)
    for name, node in second.value.items():
        settings[name] = merged(settings[name], node) if name in settings else node
    return Node(settings, second.place)


def plain_to_yaml(settings: Mapping[str, Any]) -> str:
    """Settings as YAML, in their order.

    Examples
    --------
    >>> print(plain_to_yaml({"training": {"steps": 5}, "discounts": [0.3, 0.5]}), end="")
    training:
      steps: 5
    discounts: [0.3, 0.5]
    """
    import yaml

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]
        """Writes a list of scalars on one line."""

        def represent_list(self, data: list[Any]) -> Any:
            flow = not any(isinstance(each, (dict, list)) for each in data)
            return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)

    Dumper.add_representer(list, Dumper.represent_list)
    text = yaml.dump(dict(settings), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
    return str(text)
