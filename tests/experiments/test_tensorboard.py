"""TensorBoard's files: one folder for a run, every step once, also after it was taken up again."""

from __future__ import annotations

import warnings

import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

import small_experiment

from skmfast.experiments.errors import Interrupted
from skmfast.experiments.runs import run
from skmfast.experiments.tensorboard import TensorBoard

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

FIRST = small_experiment.runs(small_experiment.Configuration())[0]


def test_steps_and_classes(tmp_path):
    watcher = TensorBoard(tmp_path / "board")
    asked = []
    with pytest.raises(Interrupted):
        run(FIRST, tmp_path / "runs", watcher=watcher, stop=lambda: asked.append(1) or len(asked) == 5)
    watcher.close()
    watcher = TensorBoard(tmp_path / "board")
    result = run(FIRST, tmp_path / "runs", watcher=watcher)
    watcher.ends(result)
    board = EventAccumulator(str(tmp_path / "board" / result.digest)).Reload()
    losses = board.Scalars("loss_bits_per_token")
    assert [each.step for each in losses] == list(range(1, 13))
    assert [each.value for each in losses] == pytest.approx(
        result.curve["loss_bits_per_token"].to_pylist(), rel=1e-6
    )
    known = board.Scalars("knowledge_bits/corpus 0, count 1")
    assert [each.step for each in known] == [0, 5, 12]
