"""Laws: what the Syntax-Knowledge model predicts, and how it is measured on real data.

Formulas and fits alone: redundancy and its exponent, capacity-limited distortion, both together, the order in
which knowledge is acquired, hallucination, Heaps' and Zipf's laws, power laws fitted to losses. Everything is
loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skmfast.laws.fit import PowerLaw, fit

__all__ = ["PowerLaw", "fit"]

_HOMES = {
    "PowerLaw": "skmfast.laws.fit",
    "fit": "skmfast.laws.fit",
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
