"""Configurations: frozen dataclasses, filled from settings.

`configure` is strict: a setting that does not exist, or has the wrong type, is an error that says where it
stands and which names are near. Where settings come from is in yaml_settings.py, and what a configuration is
called in canonical.py.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from typing import Any, TypeVar

from skmfast.experiments.errors import ConfigurationError
from skmfast.experiments.nearest import suggestion
from skmfast.experiments.yaml_settings import Node, merged

T = TypeVar("T")

_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


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
    >>> from skmfast.experiments.yaml_settings import parse_assignment, parse_yaml
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
    fields = fields_of(kind)
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
    chosen = [kind for kind in kinds if shape_of_kind(kind) is shape] or kinds
    return _value(chosen[0], node, path, old)


def _shape(value: object) -> type:
    return type(value) if type(value) in (dict, list) else object


def shape_of_kind(kind: Any) -> type:
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
def fields_of(kind: Any) -> dict[str, Any]:
    """Names and types of the fields of a dataclass."""
    hints = typing.get_type_hints(kind)
    return {each.name: hints[each.name] for each in dataclasses.fields(kind) if each.init}


def field_of(kind: Any, name: str) -> dataclasses.Field[Any]:
    return next(each for each in dataclasses.fields(kind) if each.name == name)


def _required(kind: Any, name: str) -> bool:
    field = field_of(kind, name)
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _base_value(kind: Any, name: str, base: object) -> object:
    """What a setting is before it is set."""
    if base is not None:
        return getattr(base, name)
    field = field_of(kind, name)
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default
