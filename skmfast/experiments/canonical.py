"""Configurations as plain values: dicts and lists, the JSON that is the same for equal ones, its hash, YAML.

The hash names the folder of a run, so nothing here may change what is done and stored under a name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

from skmfast.experiments.configuration import field_of, fields_of, shape_of_kind
from skmfast.experiments.yaml_settings import Node, plain_to_yaml

_LATER = "added later"
ADDED_LATER = types.MappingProxyType({_LATER: True})
"""Metadata of a field that a dataclass did not always have; see `plain`."""

_DIGEST_DIGITS = 16


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
        for name, hint in fields_of(kind).items()
        if whole or not _as_before(field_of(kind, name), getattr(configuration, name))
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
        return _plain_value(next(kind for kind in kinds if shape_of_kind(kind) is shape), value, whole)
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


def of_plain(value: object, place: str) -> Node:
    """Nodes of what `json.loads` gives."""
    if isinstance(value, Mapping):
        return Node({str(name): of_plain(each, place) for name, each in value.items()}, place)
    if isinstance(value, list):
        return Node([of_plain(each, place) for each in value], place)
    return Node(value, place)
