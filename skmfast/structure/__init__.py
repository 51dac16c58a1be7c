"""Structure functions: how many bits of data each bit of model saves, over a class of models.

`structure_function` gives the lower hull of (model bits, data bits), the MDL minimum, and what each step
buys. Three classes: context trees (exact, `skmfast.codes.tree_hull`), what is known of a labelled corpus
(exact, `skmfast.structure.knowledge`), and neural models that were measured (`skmfast.structure.neural`).
`skmfast.structure.tokens` tells which tokens of a labelled corpus a context tree's bits pay for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skmfast.lazy import lazy_names

if TYPE_CHECKING:
    from skmfast.structure.curve import StructureFunction
    from skmfast.structure.function import structure_function
    from skmfast.structure.knowledge import knowledge_curve
    from skmfast.structure.neural import NeuralModel

_HOMES = {
    "NeuralModel": "skmfast.structure.neural",
    "knowledge_curve": "skmfast.structure.knowledge",
    "StructureFunction": "skmfast.structure.curve",
    "structure_function": "skmfast.structure.function",
}

__all__ = ["NeuralModel", "StructureFunction", "knowledge_curve", "structure_function"]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
