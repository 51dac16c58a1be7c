"""Which codes there are, and how a string such as ``context-tree:depth=12`` names one."""

from __future__ import annotations

import importlib
import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skmfast.codes.base import Code

_EXTERNAL = "skmfast.codes.external:"


@dataclass(frozen=True, slots=True)
class Entry:
    """A name on the command line and the class behind it.

    Attributes
    ----------
    name : str
        What a spec begins with.
    target : str
        ``module:attribute``, imported when the code is asked for.
    about : str
        One line for ``skmfast codes``.
    shorthand : str or None
        The parameter that a bare value sets: ``zstd:19`` is ``zstd:level=19``.
    compare : tuple of str
        Parameters of the specs that a comparison of all codes shows.
    """

    name: str
    target: str
    about: str
    shorthand: str | None = None
    compare: tuple[str, ...] = ("",)

    @property
    def external(self) -> bool:
        """Whether it is a compression library, a peer."""
        return self.target.startswith(_EXTERNAL)


ENTRIES = {
    entry.name: entry
    for entry in (
        Entry(
            "context-tree",
            "skmfast.codes.context_tree:ContextTree",
            "all contexts up to DEPTH bytes, mixed exactly from counts; weighting=ctw: classical",
        ),
        Entry(
            "kt",
            "skmfast.codes.krichevsky_trofimov:KrichevskyTrofimov",
            "Krichevsky-Trofimov (Dirichlet) estimator given the last ORDER bytes",
            "order",
            ("order=0", "order=1", "order=2", "order=3"),
        ),
        Entry(
            "two-part",
            "skmfast.codes.two_part:TwoPart",
            "the best context tree of at most MODEL_BITS bits, then the text given its counts",
            "model_bits",
        ),
        Entry("uniform", "skmfast.codes.uniform:Uniform", "eight bits a byte"),
        Entry("zlib", "skmfast.codes.external:Zlib", "zlib's deflate, zlib format", "level", ("9",)),
        Entry("gzip", "skmfast.codes.external:Gzip", "zlib's deflate, gzip format", "level", ()),
        Entry("bz2", "skmfast.codes.external:Bz2", "libbzip2", "level", ("9",)),
        Entry(
            "zstd",
            "skmfast.codes.external:Zstd",
            "libzstd; 20 to 22 are its --ultra levels",
            "level",
            ("22",),
        ),
        Entry("brotli", "skmfast.codes.external:Brotli", "libbrotli", "level", ("11",)),
        Entry("xz", "skmfast.codes.external:Xz", "liblzma, xz format; 9e is xz -9e", "preset", ("9e",)),
        Entry(
            "oracle",
            "skmfast.codes.oracle:Oracle",
            "of a generated corpus's text.txt: knows the source's parameters and contents",
            compare=(),
        ),
        Entry(
            "bayes-mixture",
            "skmfast.codes.bayes_mixture:BayesMixture",
            "of a generated corpus's text.txt: learns them; hyperparameters=known, estimated, integrated",
            "hyperparameters",
            (),
        ),
        Entry(
            "lm",
            "skmfast.codes.language_model:LanguageModel",
            "a language model of tokens, in windows: a llama2.c file, its tokenizer beside it; needs torch",
            "path",
            (),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a code: its name, the kind of its values, and the default (as a spec writes them)."""

    name: str
    kind: str
    default: str


def make_code(spec: str | Code) -> Code:
    """The code that ``spec`` names; a code is returned as it is.

    Parameters
    ----------
    spec : str or Code
        ``name`` or ``name:parameter=value,parameter=value``; codes with one main parameter take its value
        alone, as in ``zstd:19``.

    Raises
    ------
    ValueError
        If the name, a parameter or a value is unknown; the message lists what there is.
    TypeError
        If ``spec`` is neither a string nor a code.

    Examples
    --------
    >>> make_code("zstd:19").parameters["level"]
    19
    >>> make_code("zstd:19,long=27").parameters["long"]
    27
    >>> make_code("zstd:speed=9")
    Traceback (most recent call last):
    ValueError: code 'zstd:speed=9': 'zstd' has no parameter 'speed'; it has: level, long
    """
    if not isinstance(spec, str):
        if isinstance(spec, Code):
            return spec
        raise TypeError(f"code: {spec!r} is neither a code nor a string that names one")
    name, _, settings = spec.partition(":")
    entry = ENTRIES.get(name.strip())
    if entry is None:
        raise ValueError(f"code {spec!r}: there is no {name!r}; codes: {', '.join(ENTRIES)}")
    try:
        return code_from(entry.name, _arguments(entry, _load(entry), settings))
    except ValueError as error:
        raise ValueError(f"code {spec!r}: {error}") from None


def code_from(name: str, parameters: Mapping[str, object]) -> Code:
    """The code called ``name`` with these parameters: the inverse of its ``name`` and ``parameters``.

    Raises
    ------
    KeyError
        If there is no such code.
    TypeError, ValueError
        If the code does not take a parameter, or not its value.
    """
    entry = ENTRIES[name]
    made = _load(entry)(**parameters)
    if entry.external:
        from skmfast.codes.external import External

        made = External(made)
    return typing.cast("Code", made)


def parameters_of(name: str) -> list[Parameter]:
    """Parameters of the code called ``name``, in the order of its constructor."""
    kinds = _kinds(_load(ENTRIES[name]))
    return [
        Parameter(parameter, " or ".join(_name_of(kind) for kind in kinds_), written(default))
        for parameter, (kinds_, default) in kinds.items()
    ]


def comparison() -> list[str]:
    """Specs that cover every code once, in a sensible setting: what a comparison shows."""
    return [
        f"{entry.name}:{settings}" if settings else entry.name
        for entry in ENTRIES.values()
        for settings in entry.compare
    ]


def _load(entry: Entry) -> Any:
    module, _, attribute = entry.target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _arguments(entry: Entry, factory: Any, settings: str) -> dict[str, object]:
    kinds = _kinds(factory)
    arguments: dict[str, object] = {}
    for position, setting in enumerate(settings.split(",") if settings.strip() else []):
        key, equals, value = (part.strip() for part in setting.partition("="))
        if not equals:
            if position > 0 or entry.shorthand is None:
                raise ValueError(f"{setting!r} is not parameter=value; {_offer(entry, kinds)}")
            key, value = entry.shorthand, key
        if key not in kinds:
            raise ValueError(f"{entry.name!r} has no parameter {key!r}; {_offer(entry, kinds)}")
        if key in arguments:
            raise ValueError(f"parameter {key!r} is given twice")
        arguments[key] = _parsed(key, value, kinds[key][0])
    return arguments


def _offer(entry: Entry, kinds: dict[str, Any]) -> str:
    return f"it has: {', '.join(kinds)}" if kinds else "it has none"


def _kinds(factory: Any) -> dict[str, tuple[tuple[type, ...], object]]:
    """Types and default of each constructor parameter that a spec can write."""
    hints = typing.get_type_hints(factory.__init__)
    found = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        hint = hints.get(name)
        options = typing.get_args(hint) if _is_union(hint) else (hint,)
        kinds = tuple(kind for kind in (bool, int, float, str, type(None)) if kind in options)
        if kinds and parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            found[name] = (kinds, parameter.default)
    return found


def _is_union(hint: object) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _parsed(key: str, value: str, kinds: tuple[type, ...]) -> object:
    for kind in kinds:
        if kind is bool and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if kind is type(None) and value.lower() == "none":
            return None
        if kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
    if str in kinds:
        return value
    raise ValueError(f"{key}={value}: not {' or '.join(_name_of(kind) for kind in kinds)}")


def _name_of(kind: type) -> str:
    return {type(None): "none", bool: "true or false", int: "integer", float: "number", str: "text"}[kind]


def written(value: object) -> str:
    """``value`` as a spec writes it."""
    if value is inspect.Parameter.empty:
        return "(required)"
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
