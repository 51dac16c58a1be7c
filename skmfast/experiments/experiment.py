"""Experiments: what one is, the six that there are, and the runs that they ask for.

An experiment is a module with five names (`Experiment`). experiment_settings.py reads its settings,
experiment_work.py carries it out, and experiment_results.py writes its tables and draws them.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from skmfast.experiments.canonical import plain
from skmfast.experiments.errors import ConfigurationError, EmptyGridError, UnknownNameError
from skmfast.experiments.nearest import suggestion

if TYPE_CHECKING:
    import pyarrow as pa

    from skmfast.experiments.runs import RunConfiguration, RunResult


class Experiment(Protocol):
    """What an experiment has; a module with these names is one."""

    Configuration: type
    """Frozen dataclass of all settings; see `skmfast.experiments.configuration.configure`."""

    def runs(self, configuration: Any) -> list[RunConfiguration]:
        """The grid of runs; runs that others start from need not be named."""

    def table(self, configuration: Any, results: Sequence[RunResult]) -> pa.Table:
        """Results of the runs that are done; those that diverged are not among them."""

    def fits(self, table: pa.Table) -> pa.Table:
        """Laws fitted to the results, with intervals."""

    def draw(self, table: pa.Table, fits: pa.Table, path: str | os.PathLike[str]) -> None:
        """Draw the figure to a file whose suffix says the format: .svg or .png."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An experiment that has a name.

    Attributes
    ----------
    experiment : str or Experiment
        The module that is one, by its name, or an object.
    summary : str
        What it is about, in one line.
    """

    experiment: str | Experiment
    summary: str


EXPERIMENTS: dict[str, Entry] = {
    "data-scaling": Entry(
        "skmfast.experiments.data_scaling", "loss against sentences, for power-law and uniform frequencies"
    ),
    "model-scaling": Entry(
        "skmfast.experiments.model_scaling", "loss against parameters, and what is learnt at which size"
    ),
    "acquisition": Entry(
        "skmfast.experiments.acquisition", "which frequencies are known after how many sentences"
    ),
    "fine-tuning": Entry("skmfast.experiments.fine_tuning", "what new data make a model forget"),
    "hallucination": Entry(
        "skmfast.experiments.hallucination", "confident wrong answers, and their prediction"
    ),
    "structure": Entry("skmfast.experiments.structure", "model bits against data bits of trained models"),
}


def find_experiment(name: str) -> Experiment:
    """The experiment of a name.

    Raises
    ------
    UnknownNameError
        If there is none of that name; the message has near ones.
    """
    if name not in EXPERIMENTS:
        raise UnknownNameError(f"{name}: there is no such experiment{suggestion(name, EXPERIMENTS)}")
    found = EXPERIMENTS[name].experiment
    return cast("Experiment", importlib.import_module(found)) if isinstance(found, str) else found


def grid_of(name: str, configuration: Any) -> list[RunConfiguration]:
    """The runs that an experiment asks for.

    Raises
    ------
    ConfigurationError
        If a run would have settings that do not go together.
    EmptyGridError
        If there is none; the message names the settings that are empty.
    """
    try:
        grid = find_experiment(name).runs(configuration)
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    if not grid:
        raise EmptyGridError(f"{name}: the grid has no run{_empty_settings(configuration)}")
    return grid


def _empty_settings(configuration: Any) -> str:
    """Which settings are empty lists, for a message."""
    empty = [key for key, value in plain(configuration).items() if value == []]
    return f": {', '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty" if empty else ""
