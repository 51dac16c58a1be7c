"""Weights in files, and checkpoints: all that a training run needs to go on as if it had never stopped.

Both are safetensors files, which hold tensors and text and nothing that could be run. A checkpoint is one
file, written whole: what step it is of stands in it, so that a kill cannot part the two.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from skmfast.experiments.errors import FolderError
from skmfast.files import whole_file

_WEIGHT, _MOMENT, _CURVE = "weight.", "moment.", "curve."


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State of a training run after a step.

    Attributes
    ----------
    step : int
        Steps that are done.
    seconds : float
        Time that they took.
    weights : dict of str to Tensor
        By name of the parameter.
    moments : dict of str to Tensor
        What the optimiser keeps, by ``kind.parameter``.
    curve : dict of str to Tensor
        Columns of the curve, one entry a step.
    """

    step: int
    seconds: float
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]
    curve: dict[str, Tensor]

    def write(self, path: str | os.PathLike[str], owner: Mapping[str, Any]) -> None:
        """Write the checkpoint; ``owner`` says, in values that JSON has, what run it belongs to.

        Raises
        ------
        OSError
            If the disk does not take it; an older checkpoint there stays.
        """
        tensors = {
            **{_WEIGHT + name: tensor for name, tensor in self.weights.items()},
            **{_MOMENT + name: tensor for name, tensor in self.moments.items()},
            **{_CURVE + name: tensor for name, tensor in self.curve.items()},
        }
        about = {"step": self.step, "seconds": self.seconds, "owner": dict(owner)}
        _write(path, tensors, {"checkpoint": json.dumps(about, sort_keys=True)})

    @classmethod
    def read(cls, path: str | os.PathLike[str], owner: Mapping[str, Any]) -> Checkpoint:
        """Read a checkpoint of the run ``owner``.

        Raises
        ------
        FolderError
            If it is damaged, or another run's: the message names what differs.
        """
        tensors, metadata = _read(path)
        try:
            about = json.loads(metadata["checkpoint"])
            step, seconds, found = int(about["step"]), float(about["seconds"]), dict(about["owner"])
        except (KeyError, TypeError, ValueError) as error:
            raise FolderError(f"{path}: no checkpoint of a training run: {error}") from error
        expected = json.loads(json.dumps(dict(owner)))
        differing = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
        if differing:
            raise FolderError(
                f"{path}: the checkpoint of another run: "
                + ", ".join(
                    f"{name}={found.get(name)!r} there, {expected.get(name)!r} here" for name in differing
                )
            )
        parts = [
            {name.removeprefix(part): tensor for name, tensor in tensors.items() if name.startswith(part)}
            for part in (_WEIGHT, _MOMENT, _CURVE)
        ]
        return cls(step, seconds, *parts)


def save_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write a model's weights as safetensors."""
    _write(path, dict(model.state_dict()), {})


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Read a model's weights; its sizes must be those of the model that was written.

    Raises
    ------
    FolderError
        If the file is damaged, or another model's: the message names the weights that do not fit.
    """
    copy_weights(model, _read(path)[0], path)


def copy_weights(model: nn.Module, weights: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Copy weights by name; ``path``, where they are from, is for the message."""
    own = model.state_dict()
    wrong = sorted(
        name
        for name in {*own, *weights}
        if name not in own or name not in weights or own[name].shape != weights[name].shape
    )
    if wrong:
        raise FolderError(f"{path}: weights of another model: {', '.join(wrong[:5])} do not fit")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])


def _write(path: str | os.PathLike[str], tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata)
    with whole_file(path) as file:
        file.write(data)


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(Path(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise FolderError(f"{path}: damaged: {error}") from error
