"""Codes: predictive models whose length on given data is a number of bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skmfast.lazy import lazy_names
from skmfast.settings import check_isa

if TYPE_CHECKING:
    from skmfast.codes.base import Code, CodeLengths, DecodableCode
    from skmfast.codes.bayes_mixture import BayesMixture
    from skmfast.codes.context_tree import ContextTree
    from skmfast.codes.krichevsky_trofimov import KrichevskyTrofimov
    from skmfast.codes.language_model import LanguageModel
    from skmfast.codes.oracle import Oracle
    from skmfast.codes.uniform import Uniform

check_isa()

__all__ = [
    "BayesMixture",
    "Code",
    "CodeLengths",
    "ContextTree",
    "DecodableCode",
    "KrichevskyTrofimov",
    "LanguageModel",
    "Oracle",
    "Uniform",
]

_HOMES = {
    "BayesMixture": "skmfast.codes.bayes_mixture",
    "Code": "skmfast.codes.base",
    "CodeLengths": "skmfast.codes.base",
    "ContextTree": "skmfast.codes.context_tree",
    "DecodableCode": "skmfast.codes.base",
    "KrichevskyTrofimov": "skmfast.codes.krichevsky_trofimov",
    "LanguageModel": "skmfast.codes.language_model",
    "Oracle": "skmfast.codes.oracle",
    "Uniform": "skmfast.codes.uniform",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
