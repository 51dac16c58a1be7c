"""skmfast: compression and scaling-law experiments at the speed of the hardware.

A model that predicts is a code, and a code has a length::

    import skmfast as skm

    skm.code_length("book.txt").bits_per_byte

What stands below is loaded when it is first used: `import skmfast` itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skmfast.codes.base import Code, CodeLengths
    from skmfast.codes.measure import code_length
    from skmfast.codes.registry import make_code

__version__ = "0.1.0"

__all__ = ["Code", "CodeLengths", "__version__", "code_length", "make_code"]

_HOMES = {
    "Code": "skmfast.codes.base",
    "CodeLengths": "skmfast.codes.base",
    "code_length": "skmfast.codes.measure",
    "make_code": "skmfast.codes.registry",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
