"""Runs: done once, taken up where they were killed with the same tables, diverged ones kept."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import pyarrow.parquet as pq
import small_experiment
import torch

import skmfast.files
from skmfast.experiments.canonical import of_plain, plain
from skmfast.experiments.configuration import configure
from skmfast.experiments.errors import ConfigurationError, FolderError, Interrupted
from skmfast.experiments.folders import locked
from skmfast.experiments.grid_work import in_order, work_through
from skmfast.experiments.runs import TABLES, RunConfiguration, run, run_folder
from skmfast.experiments.watching import Watcher

GRID = small_experiment.runs(small_experiment.Configuration())
FIRST, TUNED = GRID[0], GRID[-1]


class Count(Watcher):
    def __init__(self):
        self.steps = []
        self.begun = 0

    def begins(self, configuration):
        self.begun += 1

    def advances(self, step, loss_bits, sentences):
        self.steps.append(step)


def tables(folder):
    """All that must be the same, whatever happened on the way."""
    found = {name: pq.read_table(folder / f"{name}.parquet") for name in TABLES}
    found["curve"] = found["curve"].drop_columns(["seconds"])
    return {
        # As text: nan is then equal to nan.
        **{name: json.dumps(each.to_pydict()) for name, each in found.items()},
        "weights": (folder / "model.safetensors").read_bytes(),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    root = tmp_path_factory.mktemp("undisturbed")
    run(TUNED, root)
    return root


def test_what_a_run_leaves(undisturbed):
    result = run(FIRST, undisturbed)
    assert result.status == "done"
    assert sorted(path.name for path in result.folder.iterdir() if not path.name.startswith(".")) == [
        "answers.parquet",
        "classes.parquet",
        "configuration.json",
        "curve.parquet",
        "model.safetensors",
        "sentences.parquet",
        "status.json",
    ]
    assert result.curve["step"].to_pylist() == list(range(1, 13))
    assert sorted(set(result.classes["step"].to_pylist())) == [0, 5, 12]
    assert set(result.classes["grouping"].to_pylist()) == {"count", "rank"}
    assert result.sentences.num_rows == 60
    assert result.facts["parameters"] == result.model().num_parameters()
    stored = json.loads((result.folder / "configuration.json").read_text())
    assert configure(RunConfiguration, of_plain(stored["configuration"], "file")) == FIRST


def test_done_runs_are_skipped(undisturbed):
    count = Count()
    before = tables(run_folder(TUNED, undisturbed))
    result = run(TUNED, undisturbed, watcher=count)
    assert (count.begun, count.steps) == (0, [])
    assert tables(result.folder) == before


def test_a_corpus_without_share_is_evaluated_and_not_trained_on(undisturbed):
    result = run(TUNED, undisturbed)
    assert set(result.sentences["corpus"].to_pylist()) == {0, 1}
    new, old = result.corpora()
    assert old[0].tokens.tolist() == run(FIRST, undisturbed).corpora()[0][0].tokens.tolist()
    assert new[0].tokens.tolist() != old[0].tokens.tolist()
    first, tuned = run(FIRST, undisturbed).classes.to_pylist(), result.classes.to_pylist()
    at_end = [each["knowledge_bits"] for each in first if each["step"] == 12]
    at_start = [each["knowledge_bits"] for each in tuned if each["step"] == 0 and each["corpus"] == 1]
    assert at_end == pytest.approx(at_start, rel=0, abs=0, nan_ok=True)


class Killed(BaseException):
    """Ends a process's work as a kill does: at once."""


def test_killed_at_any_file_it_goes_on(undisturbed, tmp_path, monkeypatch):
    """Whatever files are there and whatever are not, the tables are those of the undisturbed run."""
    rename, left = os.replace, [0]

    def dying(source, target):
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        rename(source, target)

    monkeypatch.setattr(skmfast.files.os, "replace", dying)
    deaths = 0
    while True:
        # Each life writes one file more than the one before, and dies at another one.
        left[0] = deaths + 1
        try:
            result = run(FIRST, tmp_path)
            break
        except Killed:
            deaths += 1
            assert deaths < 12
    assert deaths >= 5
    assert tables(result.folder) == tables(run_folder(FIRST, undisturbed))


def test_killed_process(undisturbed, tmp_path):
    """The same with a real process and SIGKILL, in the midst of the training."""
    script = Path(small_experiment.__file__)
    settings = tmp_path / "settings.yaml"
    settings.write_text("learning_rates: [0.001]\ntunes: false\n")
    command = [
        sys.executable,
        str(script),
        "experiment",
        "small",
        "--config",
        str(settings),
        "--out",
        str(tmp_path),
    ]
    folder = run_folder(FIRST, tmp_path)
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while not (folder / "training" / "checkpoint.safetensors").exists():
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (folder / "status.json").exists()
    assert tables(run(FIRST, tmp_path).folder) == tables(run_folder(FIRST, undisturbed))


def test_stopped_it_goes_on(undisturbed, tmp_path):
    count = Count()
    with pytest.raises(Interrupted, match="after step 7 of 12"):
        run(FIRST, tmp_path, watcher=count, stop=lambda: len(count.steps) >= 7)
    result = run(FIRST, tmp_path, watcher=count)
    assert count.steps == list(range(1, 13))
    assert tables(result.folder) == tables(run_folder(FIRST, undisturbed))


def test_half_written_files_are_swept_away(tmp_path):
    stopped = iter([True])
    with pytest.raises(Interrupted):
        run(FIRST, tmp_path, stop=lambda: next(stopped))
    left = run_folder(FIRST, tmp_path) / ".model.safetensors.abc.tmp"
    left.write_bytes(b"x")
    assert run(FIRST, tmp_path).status == "done"
    assert not left.exists()


def test_diverged_runs_are_kept_and_not_repeated(tmp_path):
    wild = replace(
        FIRST,
        training=replace(FIRST.training, learning_rate=1e4, clip=0.0, steps=40),
        evaluation=replace(FIRST.evaluation, at=()),
    )
    count = Count()
    result = run(wild, tmp_path, watcher=count)
    assert result.status == "diverged"
    assert "bits per token" in result.reason
    assert run(wild, tmp_path, watcher=count).reason == result.reason
    assert count.begun == 1
    after = run(replace(TUNED, initial=wild), tmp_path, watcher=count)
    assert (after.status, count.begun) == ("diverged", 1)
    assert result.digest in after.reason


def test_folder_of_another_configuration(tmp_path):
    folder = run_folder(FIRST, tmp_path)
    folder.mkdir()
    other = plain(replace(FIRST, model=replace(FIRST.model, width=32)))
    (folder / "configuration.json").write_text(json.dumps({"format": 1, "configuration": other}))
    with pytest.raises(
        FolderError, match=r"belongs to another configuration: model\.width is 32 there, not 16"
    ):
        run(FIRST, tmp_path)
    (folder / "configuration.json").write_text(json.dumps({"format": 9, "configuration": other}))
    with pytest.raises(FolderError, match="has format 9"):
        run(FIRST, tmp_path)
    (folder / "configuration.json").write_text("{")
    with pytest.raises(FolderError, match=r"configuration\.json: cannot be read"):
        run(FIRST, tmp_path)
    (folder / "configuration.json").rename(folder / "letters.txt")
    with pytest.raises(FolderError, match=r"holds letters\.txt and no configuration\.json"):
        run(FIRST, tmp_path)


def test_two_processes_at_once(tmp_path):
    folder = run_folder(FIRST, tmp_path)
    folder.mkdir()
    with locked(folder), pytest.raises(FolderError, match="another process is at work there"):
        run(FIRST, tmp_path)


def test_done_and_yet_not_whole(undisturbed, tmp_path):
    folder = run_folder(FIRST, tmp_path)
    folder.mkdir()
    for name in ("configuration.json", "status.json", "curve.parquet", "model.safetensors"):
        (folder / name).write_bytes((run_folder(FIRST, undisturbed) / name).read_bytes())
    with pytest.raises(FolderError, match=r"is marked as done and lacks classes\.parquet"):
        run(FIRST, tmp_path)


def test_damaged_checkpoint(tmp_path):
    stopped = iter([True])
    with pytest.raises(Interrupted):
        run(FIRST, tmp_path, stop=lambda: next(stopped))
    (run_folder(FIRST, tmp_path) / "training" / "checkpoint.safetensors").write_bytes(b"no checkpoint")
    with pytest.raises(FolderError, match=r"checkpoint\.safetensors"):
        run(FIRST, tmp_path)


class Patient(Count):
    """Does nothing before somebody else has finished a run."""

    def __init__(self, root):
        super().__init__()
        self.root = root

    def begins(self, configuration):
        super().begins(configuration)
        end = time.monotonic() + 120
        while not list(self.root.glob("*/status.json")) and time.monotonic() < end:
            time.sleep(0.02)


def test_processes_share_a_grid(tmp_path):
    """Two processes do each run once, and what starts from another run after it."""
    grid = [*GRID, replace(FIRST, repeat=1)]
    count = Patient(tmp_path)
    results = work_through(grid, tmp_path, workers=2, watcher=count)
    assert list(results) == in_order(grid)
    assert 1 <= count.begun < len(grid)
    assert {each.status for each in results.values()} == {"done"}
    again = Count()
    assert work_through(grid, tmp_path, watcher=again) == results
    assert again.begun == 0
    with pytest.raises(ValueError, match="workers: 0"):
        work_through(grid, tmp_path, workers=0)


def test_another_process_may_do_it(undisturbed, tmp_path):
    """A run whose folder is held is waited for."""
    folder = run_folder(FIRST, tmp_path)
    folder.mkdir()
    asked = []
    with locked(folder), pytest.raises(Interrupted, match="0 of 1 runs are done"):
        work_through([FIRST], tmp_path, stop=lambda: asked.append(1) or len(asked) > 2)
    shutil.copytree(run_folder(FIRST, undisturbed), folder, dirs_exist_ok=True)
    assert work_through([FIRST], tmp_path)[FIRST].status == "done"


def test_threads_are_the_settings_and_not_the_machines(undisturbed, tmp_path):
    """A run computes on its own number of threads, whatever torch is set to, and leaves that as it was."""
    seen = []

    class Looks(Watcher):
        def advances(self, step, loss_bits, sentences):
            seen.append(torch.get_num_threads())

        def phase(self, name):
            if name == "evaluating":
                seen.append(torch.get_num_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        result = run(FIRST, tmp_path, watcher=Looks())
        assert torch.get_num_threads() == 3
        assert set(seen) == {1}
        assert tables(result.folder) == tables(run_folder(FIRST, undisturbed))
        seen.clear()
        for threads in (2, None):
            run(replace(FIRST, training=replace(FIRST.training, threads=threads)), tmp_path, watcher=Looks())
        assert set(seen) == {2, 3}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_runs_from_before_threads_were_a_setting_keep_their_folders():
    other = replace(FIRST, training=replace(FIRST.training, threads=2))
    assert "threads" not in plain(FIRST)["training"]
    assert plain(other)["training"]["threads"] == 2
    assert run_folder(other, ".") != run_folder(FIRST, ".")


def test_repeats_differ(undisturbed, tmp_path):
    one, two = run(FIRST, undisturbed), run(replace(FIRST, repeat=1), tmp_path)
    assert one.digest != two.digest
    assert not torch.equal(one.model().embedding, two.model().embedding)
    assert one.sentences["element"] == two.sentences["element"]


def test_unfit_runs_are_refused(tmp_path):
    with pytest.raises(ValueError, match="none has a share above 0"):
        replace(FIRST, corpora=(replace(FIRST.corpora[0], share=0.0),))
    with pytest.raises(ValueError, match=r"evaluation\.at: 99 is more than 12 steps"):
        replace(FIRST, evaluation=replace(FIRST.evaluation, at=(99,)))
    with pytest.raises(ValueError, match="share: -1"):
        replace(FIRST.corpora[0], share=-1)
    for changed in ({"test_sentences": 0}, {"at": (-1,)}, {"precision": "float8"}, {"batch_sentences": 0}):
        with pytest.raises(ValueError, match=next(iter(changed))):
            replace(FIRST.evaluation, **changed)
    corpus = replace(FIRST.corpora[0].corpus, first=2, last=2, discount=0.9)
    for changed, message in (
        (
            {"model": replace(FIRST.model, vocabulary=7)},
            r"model\.vocabulary: 7, and .* \d+ tokens",
        ),
        ({"model": replace(FIRST.model, context=3)}, r"model\.context: 3, and .* \d+ tokens in a sentence"),
        (
            {"training": replace(FIRST.training, device="abacus")},
            r"device: 'abacus' cannot be used here",
        ),
        ({"corpora": (replace(FIRST.corpora[0], corpus=corpus),)}, "corpora: "),
    ):
        with pytest.raises(ConfigurationError, match=message):
            run(replace(FIRST, **changed), tmp_path)


def test_damaged_results(undisturbed, tmp_path):
    shutil.copytree(run_folder(FIRST, undisturbed), run_folder(FIRST, tmp_path))
    result = run(FIRST, tmp_path)
    for name in ("curve.parquet", "model.safetensors"):
        (result.folder / name).write_bytes(b"nothing")
    with pytest.raises(FolderError, match=r"curve\.parquet"):
        _ = result.curve
    with pytest.raises(FolderError, match=r"model\.safetensors"):
        result.model()


def test_every_field_decides_the_folder():
    """A setting that did not would let two runs share a folder."""
    names = {each.name for each in dataclasses.fields(RunConfiguration)}
    changed = {
        "corpora": FIRST.corpora * 2,
        "model": replace(FIRST.model, layers=2),
        "training": replace(FIRST.training, clip=0.5),
        "evaluation": replace(FIRST.evaluation, at=()),
        "initial": FIRST,
        "repeat": 3,
    }
    assert set(changed) == names
    folders = {run_folder(replace(FIRST, **{name: value}), ".") for name, value in changed.items()}
    assert len(folders | {run_folder(FIRST, ".")}) == len(names) + 1
