"""Sources: distributions over corpora that can be sampled and whose entropy is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skmfast.lazy import lazy_names
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

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
