"""Configurations: frozen dataclasses, filled from YAML and the command line, and named by a hash.

`configure` is strict: a setting that does not exist, or has the wrong type, is an error that says where it
stands and which names are near. `canonical` writes a configuration as JSON that is the same for equal ones,
and `digest` is the hash of that, which names the folder of a run.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import os
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from skmfast.experiments.errors import ConfigurationError
from skmfast.experiments.nearest import suggestion

T = TypeVar("T")

_LATER = "added later"
ADDED_LATER = types.MappingProxyType({_LATER: True})
"""Metadata of a field that a dataclass did not always have; see `plain`."""

_DIGEST_DIGITS = 16
# Beyond these a file is no configuration; aliases of YAML can make few lines into a great many.
_MOST_NODES, _MOST_LEVELS = 100_000, 40
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


@dataclasses.dataclass(frozen=True, slots=True)
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


# ---- reading -----------------------------------------------------------------------------------------------


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


def of_plain(value: object, place: str) -> Node:
    """Nodes of what `json.loads` gives."""
    if isinstance(value, Mapping):
        return Node({str(name): of_plain(each, place) for name, each in value.items()}, place)
    if isinstance(value, list):
        return Node([of_plain(each, place) for each in value], place)
    return Node(value, place)


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


# ---- from settings to dataclasses --------------------------------------------------------------------------


def configure(kind: type[T], *sources: Node) -> T:
    """A configuration from settings, later sources over earlier ones, and defaults for the rest.

    Parameters
    ----------
    kind : type
        A frozen dataclass whose fields are numbers, text, booleans, other such dataclasses, tuples of these,
        or one of them or None.
    *sources : Node
        See `read_yaml`, `parse_yaml` and `parse_assignment`.

    Raises
    ------
    ConfigurationError
        If there is no such setting, it is of another type, one without a default is missing, or the
        dataclass refuses a value.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Walk:
    ...     steps: int = 10
    ...     pace: float = 1.5
    >>> configure(Walk, parse_yaml("pace: 2", "walk.yaml"), parse_assignment("steps=1e3"))
    Walk(steps=1000, pace=2.0)
    >>> configure(Walk, parse_yaml("step: 2", "walk.yaml"))
    Traceback (most recent call last):
    skmfast.experiments.errors.ConfigurationError: walk.yaml, line 1: step: there is no such setting; ...
    """
    node = functools.reduce(merged, sources, Node({}, "configuration"))
    made = _dataclass(kind, node, "", None)
    return typing.cast("T", made)


def _dataclass(kind: Any, node: Node, path: str, base: object) -> object:
    """``base``, or a new ``kind``, with the settings of ``node``."""
    if not isinstance(node.value, dict):
        raise _wrong(node, path, "settings, one to a line, name: value")
    fields = _fields(kind)
    values: dict[str, object] = {}
    for name, each in node.value.items():
        if name not in fields:
            raise ConfigurationError(
                f"{each.place}: {_join(path, name)}: there is no such setting{suggestion(name, fields)}"
            )
        old = _base_value(kind, name, base)
        values[name] = _value(fields[name], each, _join(path, name), old)
    missing = [name for name in fields if name not in values and base is None and _required(kind, name)]
    if missing:
        raise ConfigurationError(f"{node.place}: {_join(path, missing[0])}: has no default and is not set")
    try:
        return kind(**values) if base is None else dataclasses.replace(base, **values)  # type: ignore[type-var]
    except (ValueError, TypeError, OverflowError) as error:
        named = [each for name, each in node.value.items() if name in str(error)]
        where = named[0].place if named else node.place
        raise ConfigurationError(f"{where}: {path + ': ' if path else ''}{error}") from None


def _value(hint: Any, node: Node, path: str, old: object) -> object:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _optional(hint, node, path, old)
    if origin is tuple:
        return _tuple(hint, node, path)
    if origin is typing.Literal:
        choices = typing.get_args(hint)
        if node.value not in choices:
            raise _wrong(node, path, f"one of {', '.join(map(str, choices))}")
        return node.value
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, node, path, old if type(old) is hint else None)
    if hint not in _KINDS:
        raise TypeError(f"{path}: a field of type {hint!r} cannot be set from outside")
    return _scalar(hint, node, path)


def _optional(hint: Any, node: Node, path: str, old: object) -> object:
    kinds = [each for each in typing.get_args(hint) if each is not type(None)]
    if node.value is None and len(kinds) < len(typing.get_args(hint)):
        return None
    shape = _shape(node.value)
    chosen = [kind for kind in kinds if _kind_shape(kind) is shape] or kinds
    return _value(chosen[0], node, path, old)


def _shape(value: object) -> type:
    return type(value) if type(value) in (dict, list) else object


def _kind_shape(kind: Any) -> type:
    """What settings of this type look like: dict, list, or object for a scalar."""
    if dataclasses.is_dataclass(kind):
        return dict
    return list if typing.get_origin(kind) is tuple else object


def _tuple(hint: Any, node: Node, path: str) -> tuple[object, ...]:
    kinds = typing.get_args(hint)
    if not isinstance(node.value, list):
        raise _wrong(node, path, "a list, such as [1, 2]")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(node.value)
    if len(kinds) != len(node.value):
        raise _wrong(node, path, f"a list of {len(kinds)}")
    return tuple(
        _value(kind, each, f"{path}.{place}", None)
        for place, (kind, each) in enumerate(zip(kinds, node.value, strict=True))
    )


def _scalar(kind: type, node: Node, path: str) -> object:
    value = node.value
    if kind in (bool, str):
        if type(value) is kind:
            return value
    elif type(value) in (int, float, str):
        # YAML 1.1 takes 1e-3 and 1_000.5 for text.
        number = _number(value)
        if number is not None and (kind is float or number == int(number)):
            return int(value) if kind is int and type(value) is int else kind(number)
    raise _wrong(node, path, _KINDS[kind])


def _number(value: int | float | str) -> float | None:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _wrong(node: Node, path: str, wanted: str) -> ConfigurationError:
    shown = node.value
    if isinstance(shown, dict):
        shown = "settings" if shown else "nothing"
    elif isinstance(shown, list):
        shown = f"a list of {len(shown)}"
    else:
        shown = "nothing" if shown is None else repr(shown)
    return ConfigurationError(
        f"{node.place}: {path}: {shown} is not {wanted}" if path else f"{node.place}: {shown} is not {wanted}"
    )


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:
    """Names and types of the fields of a dataclass."""
    hints = typing.get_type_hints(kind)
    return {each.name: hints[each.name] for each in dataclasses.fields(kind) if each.init}


def _field(kind: Any, name: str) -> dataclasses.Field[Any]:
    return next(each for each in dataclasses.fields(kind) if each.name == name)


def _required(kind: Any, name: str) -> bool:
    field = _field(kind, name)
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _base_value(kind: Any, name: str, base: object) -> object:
    """What a setting is before it is set."""
    if base is not None:
        return getattr(base, name)
    field = _field(kind, name)
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


# ---- and back ----------------------------------------------------------------------------------------------


def plain(configuration: Any, *, whole: bool = False) -> dict[str, Any]:
    """A configuration as dicts, lists, numbers and text, each number of the type that its field has.

    A field of the metadata `ADDED_LATER` is left out where it has its default, unless ``whole`` is set:
    configurations from before it was there keep their names and their folders.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Walk:
    ...     pace: float = 2
    >>> plain(Walk())
    {'pace': 2.0}
    """
    kind: Any = type(configuration)
    return {
        name: _plain_value(hint, getattr(configuration, name), whole)
        for name, hint in _fields(kind).items()
        if whole or not _as_before(_field(kind, name), getattr(configuration, name))
    }


def _as_before(field: dataclasses.Field[Any], value: object) -> bool:
    """Whether a field that was added later says what was the case without it."""
    return _LATER in field.metadata and value == field.default


def _plain_value(hint: Any, value: Any, whole: bool) -> Any:
    if value is None:
        return None
    kinds = [each for each in typing.get_args(hint) if each not in (type(None), Ellipsis)]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        shape = dict if dataclasses.is_dataclass(value) else list if isinstance(value, tuple) else object
        return _plain_value(next(kind for kind in kinds if _kind_shape(kind) is shape), value, whole)
    if typing.get_origin(hint) is tuple:
        kinds = kinds if len(kinds) == len(value) else kinds * len(value)
        return [_plain_value(kind, each, whole) for kind, each in zip(kinds, value, strict=True)]
    if dataclasses.is_dataclass(value):
        return plain(value, whole=whole)
    return hint(value) if hint in (int, float) else value


def canonical(configuration: Any) -> str:
    """A configuration as JSON: the same text for equal configurations.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    return json.dumps(plain(configuration), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(configuration: Any) -> str:
    """First 16 hexadecimal digits of the SHA-256 of `canonical` and the name of the dataclass.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Walk:
    ...     steps: int = 10
    >>> digest(Walk()) == digest(Walk(10)) != digest(Walk(11))
    True
    """
    text = f"{type(configuration).__name__}:{canonical(configuration)}"
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_DIGITS]


def to_yaml(configuration: Any) -> str:
    """A configuration as YAML, all settings in the order of the dataclass."""
    return plain_to_yaml(plain(configuration, whole=True))


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
