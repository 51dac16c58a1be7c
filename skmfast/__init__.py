"""skmfast: compression and scaling-law experiments at the speed of the hardware.

A model that predicts is a code, and a code has a length::

    import skmfast as skm

    skm.code_length("book.txt").bits_per_byte

A language-model head and its loss, without the logits (with the extra ``skmfast[torch]``)::

    skm.linear_cross_entropy(hidden, head.weight, targets)

What stands below is loaded when it is first used: `import skmfast` itself costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skmfast.lazy import lazy_names

if TYPE_CHECKING:
    from skmfast import codes, coding, corpora, experiments, laws, report, samplers, sources, structure
    from skmfast.codes.base import Code, CodeLengths
    from skmfast.codes.measure import code_length
    from skmfast.codes.registry import make_code
    from skmfast.operators import LinearCrossEntropy as LinearCrossEntropy
    from skmfast.operators import linear_cross_entropy as linear_cross_entropy
    from skmfast.structure.function import structure_function

__version__ = "0.1.0"

__all__ = [
    "Code",
    "CodeLengths",
    "__version__",
    "code_length",
    "codes",
    "coding",
    "corpora",
    "experiments",
    "laws",
    "make_code",
    "report",
    "samplers",
    "sources",
    "structure",
    "structure_function",
]

# Two more names need an extra, and so are not among those that `from skmfast import *` brings.
_HOMES = {
    "Code": "skmfast.codes.base",
    "CodeLengths": "skmfast.codes.base",
    "LinearCrossEntropy": "skmfast.operators",
    "code_length": "skmfast.codes.measure",
    "linear_cross_entropy": "skmfast.operators",
    "make_code": "skmfast.codes.registry",
    "structure_function": "skmfast.structure.function",
    **{
        room: f"skmfast.{room}"
        for room in (
            "codes",
            "coding",
            "corpora",
            "experiments",
            "laws",
            "report",
            "samplers",
            "sources",
            "structure",
        )
    },
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
