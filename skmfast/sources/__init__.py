"""Sources: distributions over corpora that can be sampled and whose entropy is known."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from skmfast.settings import check_isa

if TYPE_CHECKING:
    from skmfast.sources.biographies import Biographies
    from skmfast.sources.contents import Attribute, Contents, Field
    from skmfast.sources.frequencies import PitmanYor, Uniform, Zipf
    from skmfast.sources.markov import MarkovSyntax
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge
    from skmfast.sources.templates import TemplateSyntax
    from skmfast.sources.vocabulary import Vocabulary

check_isa()

__all__ = [
    "Attribute",
    "Biographies",
    "Contents",
    "Field",
    "MarkovSyntax",
    "PitmanYor",
    "SyntaxKnowledge",
    "TemplateSyntax",
    "Uniform",
    "Vocabulary",
    "Zipf",
]

_HOMES = {
    "Attribute": "skmfast.sources.contents",
    "Biographies": "skmfast.sources.biographies",
    "Contents": "skmfast.sources.contents",
    "Field": "skmfast.sources.contents",
    "MarkovSyntax": "skmfast.sources.markov",
    "PitmanYor": "skmfast.sources.frequencies",
    "SyntaxKnowledge": "skmfast.sources.syntax_knowledge",
    "TemplateSyntax": "skmfast.sources.templates",
    "Uniform": "skmfast.sources.frequencies",
    "Vocabulary": "skmfast.sources.vocabulary",
    "Zipf": "skmfast.sources.frequencies",
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
