"""Structure function over neural models that were measured: bits of parameters, and bits of the data."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skmfast.structure.curve import StructureFunction, lower_hull


@dataclass(frozen=True)
class NeuralModel:
    """A trained model, as a two-part code of a corpus.

    Attributes
    ----------
    parameters : float
        How many the model has.
    bits_per_parameter : float
        The precision that they are kept at, and at which the data was coded.
    data_bits : float
        Code length of the corpus under the model.
    name : str

    Raises
    ------
    ValueError
        If a number is negative or not finite.
    """

    parameters: float
    bits_per_parameter: float
    data_bits: float
    name: str = ""

    def __post_init__(self) -> None:
        for field in ("parameters", "bits_per_parameter", "data_bits"):
            value = getattr(self, field)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{field}: {value!r} is not a finite number of at least 0")

    @property
    def model_bits(self) -> float:
        """Parameters times bits of each."""
        return self.parameters * self.bits_per_parameter


def neural_curve(
    models: Sequence[NeuralModel | tuple[float, float, float]],
    *,
    prequential: Mapping[str, float] | float | None = None,
    num_symbols: int = 0,
    unit: str = "token",
) -> StructureFunction:
    """Structure function over given models: the lower hull of their (model bits, data bits).

    Parameters
    ----------
    models : sequence of NeuralModel, or of (parameters, bits per parameter, data bits)
    prequential : float, or mapping from str to float, optional
        Code length of the corpus as a training run meets it, each batch coded before it is learnt, in bits: a
        one-part code, which needs no parameter bits. Drawn as a line to compare with.
    num_symbols : int
        Tokens, or whatever ``unit`` says, of the corpus; figures are then per symbol.

    Raises
    ------
    ValueError
        If there are no models, or a number is negative or not finite.

    Examples
    --------
    >>> curve = neural_curve([(1e3, 16, 9e5), (1e4, 16, 5e5), (1e4, 32, 5e5), (1e5, 16, 3e5)])
    >>> curve.model_bits.tolist(), curve.minimum
    ([16000.0, 160000.0, 1600000.0], 1)
    """
    made = [model if isinstance(model, NeuralModel) else NeuralModel(*model) for model in models]
    if not made:
        raise ValueError("models: there are none")
    references = prequential if isinstance(prequential, Mapping) else {"prequential": prequential}
    lines = {name: float(bits) for name, bits in references.items() if bits is not None}
    for name, bits in lines.items():
        if not (math.isfinite(bits) and bits >= 0):
            raise ValueError(f"prequential: {name} {bits!r} is not a finite number of at least 0")
    kept = lower_hull([model.model_bits for model in made], [model.data_bits for model in made])

    def describe(place: int, most: int) -> tuple[tuple[str, ...], int]:
        model = made[kept[place]]
        label = model.name or f"{model.parameters:,.0f} parameters"
        return ((f"{label}, {model.bits_per_parameter:g} bits each",) if most else ()), 1

    return StructureFunction(
        "neural",
        np.array([made[k].model_bits for k in kept]),
        np.array([made[k].data_bits for k in kept]),
        num_symbols,
        unit,
        describe,
        references=lines,
        metadata={"models": len(made)},
    )


def read_models(path: str | os.PathLike[str]) -> list[NeuralModel]:
    """Models from a CSV or Parquet file with columns parameters, bits_per_parameter, data_bits; perhaps name.

    Raises
    ------
    CorpusError
        If the file is none, or has not these columns.
    ValueError
        If a number is negative.
    """
    from pathlib import Path

    from skmfast.laws import measurements

    columns = measurements.read(Path(path))
    label = os.path.basename(path)
    names = ("parameters", "bits_per_parameter", "data_bits")
    numbers = [measurements.numbers(columns, name, label).tolist() for name in names]
    titles = [str(each) for each in columns["name"]] if "name" in columns else [""] * len(numbers[0])
    rows = zip(*numbers, titles, strict=True)
    return [NeuralModel(count, bits, data, title) for count, bits, data, title in rows]
