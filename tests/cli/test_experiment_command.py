"""``skmfast experiment``: what it prints, what it refuses and with which words, and the time limit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")

sys.path.append(str(Path(__file__).parents[1] / "experiments"))
import small_experiment

import skmfast.cli.experiment  # noqa: F401  (registers the command)
from skmfast.cli.app import app
from skmfast.experiments.experiment import EXPERIMENTS


@pytest.fixture(scope="module", autouse=True)
def _registered():
    small_experiment.register()
    yield
    del EXPERIMENTS["small"]


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("learning_rates: [0.001]\ntunes: false\n")
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["experiment", *map(str, arguments)])


def test_help_and_list():
    shown = run("--help")
    assert shown.exit_code == 0
    options = (
        "--preset",
        "--out",
        "--config",
        "--set",
        "--plot-only",
        "--time-limit",
        "--show",
        "--tensorboard",
    )
    for option in options:
        assert option in shown.stdout
    listed = run("--list")
    assert listed.exit_code == 0
    for name in ("data-scaling", "model-scaling", "acquisition", "fine-tuning", "hallucination", "structure"):
        assert f"\n{name} " in f"\n{listed.stdout}"


def test_show(settings):
    shown = run("small", "--config", settings, "--set", "training.steps=40", "--show")
    assert shown.exit_code == 0, shown.stderr
    assert "steps: 40\n" in shown.stdout
    assert "# run " in shown.stdout
    assert "40 steps of 16, 300 sentences" in shown.stdout


def test_run_time_limit_and_drawing_again(settings, tmp_path):
    arguments = ["small", "--config", settings, "--out", tmp_path / "runs"]
    stopped = run(*arguments, "--time-limit", 0)
    assert stopped.exit_code == 3
    assert "time is over: 0 of 1 runs are done" in stopped.stderr
    assert "the same command goes on" in stopped.stderr
    nothing = run(*arguments, "--plot-only")
    assert nothing.exit_code == 1
    assert "nothing to draw before the experiment was run" in nothing.stderr
    done = run(*arguments, "--time-limit", 60)
    assert done.exit_code == 0, done.stderr
    page = Path(done.stdout.strip())
    assert page.name == "page.html"
    assert "run 1 of 1" in done.stderr
    page.unlink()
    drawn = run(*arguments, "--plot-only")
    assert (drawn.exit_code, drawn.stdout, drawn.stderr) == (0, done.stdout, "")
    assert page.exists()


def test_diverged_runs_are_told(settings, tmp_path):
    arguments = [
        "--set",
        "learning_rates=[0.001, 1e4]",
        "--set",
        "training.clip=0",
        "--set",
        "training.steps=30",
    ]
    shown = run("small", "--config", settings, *arguments, "--out", tmp_path)
    assert shown.exit_code == 0, shown.stderr
    assert "diverged: " in shown.stderr
    assert "1 of 2 runs diverged, and are left out of the fits" in shown.stderr


def test_out_of_memory(settings, tmp_path, monkeypatch):
    import skmfast.experiments.carrying_out

    def lacking(*arguments, **keywords):
        raise OutOfMemoryError("out of memory on cpu: raise training.accumulation")

    from skmfast.experiments.errors import OutOfMemoryError

    monkeypatch.setattr(skmfast.experiments.carrying_out, "train", lacking)
    shown = run("small", "--config", settings, "--out", tmp_path)
    assert shown.exit_code == 1
    assert "raise training.accumulation" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "which experiment? --list names them"),
        (["small"], 2, "which settings? --preset"),
        (["structur", "--preset", "tiny"], 2, "there is no such experiment; did you mean structure?"),
        (["data-scaling", "--preset", "tin"], 2, "data-scaling has no such preset; did you mean tiny?"),
        (["small", "--config", "no.yaml"], 2, "no.yaml: No such file"),
        (
            ["small", "--config", "CONFIG", "--set", "widht=1"],
            2,
            "--set widht=1: widht: there is no such setting; did you mean width?",
        ),
        (["small", "--config", "CONFIG", "--set", "width=x"], 2, "width: 'x' is not a whole number"),
        (["small", "--config", "CONFIG", "--set", "width=99"], 2, "width: 99 is no small model"),
        (
            ["small", "--config", "CONFIG", "--set", "learning_rates=[]"],
            2,
            "the grid has no run: learning_rates is empty",
        ),
        (
            ["small", "--config", "WRONG"],
            2,
            "wrong.yaml, line 2: trainign: there is no such setting; did you mean training?",
        ),
        (["small", "--config", "CONFIG", "--time-limit", "-1"], 2, "-1"),
    ],
)
def test_refusals(settings, tmp_path, arguments, code, message):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("width: 16\ntrainign:\n  steps: 3\n")
    files = {"CONFIG": settings, "WRONG": wrong}
    shown = run(*(files.get(each, each) for each in arguments), "--out", tmp_path / "runs")
    assert shown.exit_code == code, shown.stderr
    assert message in shown.stderr
    assert "Traceback" not in shown.stderr
    assert not (tmp_path / "runs").exists()


def test_folder_of_something_else(settings, tmp_path):
    (tmp_path / "runs").write_text("a file")
    shown = run("small", "--config", settings, "--out", tmp_path / "runs")
    assert shown.exit_code in (1, 2)
    assert "runs" in shown.stderr


def test_without_the_extra(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    shown = run("small", "--config", settings)
    assert shown.exit_code == 2
    assert (
        "yaml is not installed; experiments need the extra: pip install 'skmfast[experiments]'"
        in shown.stderr
    )
