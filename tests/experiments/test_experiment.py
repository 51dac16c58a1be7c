"""Experiments as wholes: what they write, what is left out, what is refused, and the page."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")

import pyarrow.compute as pc
import pyarrow.parquet as pq
import small_experiment

from skmfast.experiments.bayes import below_bayes, gap_of_run
from skmfast.experiments.errors import (
    ConfigurationError,
    EmptyGridError,
    ExperimentError,
    FolderError,
    Interrupted,
    UnknownNameError,
)
from skmfast.experiments.experiment import EXPERIMENTS, find_experiment, grid_of
from skmfast.experiments.experiment_results import draw_experiment
from skmfast.experiments.experiment_settings import folder_name, preset_names, read_configuration
from skmfast.experiments.experiment_work import run_experiment
from skmfast.experiments.folders import write_table
from skmfast.experiments.grid_work import in_order
from skmfast.experiments.runs import run
from skmfast.experiments.watching import Watcher, Watchers

sys.path.append(str(Path(__file__).parents[1] / "report"))
import browser
import page_checks

CONFIGURATION = small_experiment.Configuration()
FILES = [
    "configuration.json",
    "figure.png",
    "figure.svg",
    "fits.parquet",
    "page.html",
    "results.parquet",
    "runs.parquet",
    "settings.yaml",
]


@pytest.fixture(scope="module", autouse=True)
def _registered():
    small_experiment.register()
    yield
    del EXPERIMENTS["small"]


@pytest.fixture(scope="module")
def wild():
    """A grid with a run that diverges."""
    training = replace(small_experiment.TRAINING, steps=30, clip=0.0, learning_rate=1e-3)
    return replace(CONFIGURATION, training=training, learning_rates=(1e-3, 1e4), tunes=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, wild):
    return run_experiment("small", wild, tmp_path_factory.mktemp("runs"))


def test_what_an_experiment_leaves(finished, wild):
    assert sorted(path.name for path in finished.folder.iterdir() if path.name[0] != ".") == FILES
    assert finished.folder.name == folder_name("small", wild)
    assert (finished.num_runs, finished.num_diverged) == (2, 1)
    settings = finished.folder / "settings.yaml"
    assert read_configuration("small", files=[settings]) == wild


def test_diverged_runs_are_marked_and_left_out(finished):
    runs = pq.read_table(finished.folder / "runs.parquet")
    assert runs["status"].to_pylist() == ["done", "diverged"]
    assert finished.table["learning_rate"].to_pylist() == [1e-3]
    page = (finished.folder / "page.html").read_text()
    assert runs["run"][1].as_py() in page
    assert "left out of results and fits" in page


def test_gap_to_the_mixture_is_told_and_checked(finished, tmp_path):
    runs = pq.read_table(finished.folder / "runs.parquet")
    assert runs["gap_bits"][0].as_py() > runs["gap_error_bits"][0].as_py() > 0
    assert runs["gap_bits"][1].as_py() is None
    assert finished.warnings == ()
    result = run(in_order(grid_of("small", CONFIGURATION))[0], tmp_path)
    assert below_bayes(gap_of_run(result)) is None
    # A network that has read the test knows what nobody can know.
    table = result.sentences
    place = table.column_names.index("network_knowledge_bits")
    write_table(
        result.folder / "sentences.parquet",
        table.set_column(place, "network_knowledge_bits", pc.subtract(table["bayes_knowledge_bits"], 3.0)),
    )
    told = run_experiment("small", replace(CONFIGURATION, learning_rates=(1e-3,), tunes=False), tmp_path)
    assert "standard errors below the Bayes mixture" in told.warnings[0]
    assert result.digest in told.warnings[0]


def test_every_run_diverged(tmp_path, wild):
    with pytest.raises(ExperimentError, match="every run diverged"):
        run_experiment("small", replace(wild, learning_rates=(1e4,)), tmp_path)


def test_again_it_is_the_same_and_trains_nothing(finished, wild):
    class Counting(Watcher):
        steps = 0

        def advances(self, step, loss_bits, sentences):
            self.steps += 1

    before = {name: (finished.folder / name).read_bytes() for name in FILES if name != "figure.svg"}
    count = Counting()
    run_experiment("small", wild, finished.folder.parent, watcher=Watchers([count]))
    assert count.steps == 0
    assert {name: (finished.folder / name).read_bytes() for name in before if name != "page.html"} == {
        name: content for name, content in before.items() if name != "page.html"
    }


def test_plot_only_draws_from_the_tables(finished, tmp_path):
    folder = tmp_path / finished.folder.name
    folder.mkdir()
    for name in ("configuration.json", "fits.parquet", "results.parquet", "runs.parquet"):
        (folder / name).write_bytes((finished.folder / name).read_bytes())
    draw_experiment("small", folder)
    assert (folder / "figure.png").read_bytes() == (finished.folder / "figure.png").read_bytes()
    assert (folder / "page.html").exists()
    assert not [path for path in tmp_path.iterdir() if path != folder]


def test_plot_only_before_anything_was_run(tmp_path):
    with pytest.raises(FolderError, match=r"holds no results\.parquet: nothing to draw"):
        run_experiment("small", CONFIGURATION, tmp_path, plot_only=True)
    assert list(tmp_path.iterdir()) == []


def test_damaged_table(finished, tmp_path):
    for name in FILES:
        (tmp_path / name).write_bytes((finished.folder / name).read_bytes())
    (tmp_path / "fits.parquet").write_bytes(b"no table")
    with pytest.raises(FolderError, match=r"fits\.parquet: cannot be read"):
        draw_experiment("small", tmp_path)


def test_time_limit_between_runs(tmp_path):
    with pytest.raises(Interrupted, match="0 of 3 runs are done"):
        run_experiment("small", CONFIGURATION, tmp_path, stop=lambda: True)


def test_runs_that_others_start_from_come_first():
    grid = grid_of("small", CONFIGURATION)
    first, second, tuned = grid
    assert in_order([tuned, second, first]) == [first, tuned, second]


def test_folder_of_another_configuration(tmp_path, wild):
    folder = tmp_path / folder_name("small", wild)
    folder.mkdir()
    (folder / "configuration.json").write_text('{"format": 1, "configuration": {}}')
    with pytest.raises(FolderError, match="belongs to another configuration"):
        run_experiment("small", wild, tmp_path)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: find_experiment("data-scalling"), UnknownNameError, "did you mean data-scaling"),
        (lambda: read_configuration("data-scaling", "tini"), UnknownNameError, "did you mean tiny"),
        (
            lambda: grid_of("small", replace(CONFIGURATION, learning_rates=())),
            EmptyGridError,
            "learning_rates is empty",
        ),
        (
            lambda: read_configuration("small", assignments=["width=99"]),
            ConfigurationError,
            "width=99: .*no small",
        ),
        (
            lambda: grid_of(
                "small", replace(CONFIGURATION, evaluation=replace(small_experiment.EVALUATION, at=(99,)))
            ),
            ConfigurationError,
            "small: evaluation.at: 99",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_folders_are_named_after_presets():
    assert preset_names("structure") == ["tiny", "small", "gpu"]
    tiny = read_configuration("structure", "tiny")
    assert folder_name("structure", tiny) == "structure-tiny"
    assert folder_name("structure", replace(tiny, repeats=7)).startswith("structure-")
    assert folder_name("structure", replace(tiny, repeats=7)) not in ("structure-tiny", "structure-small")


# ---- the page ----------------------------------------------------------------------------------------------


def test_page_is_well_formed_and_whole(finished):
    page = page_checks.Page((finished.folder / "page.html").read_text())
    assert page.problems == []
    assert page.tables <= set(FILES)
    for words in (
        "Figure",
        "Fits",
        "Results",
        "Runs",
        "Configuration",
        "Run it again",
        "skmfast experiment small",
    ):
        assert words in page.text
    assert "learning_rates:" in page.text


@pytest.mark.skipif(browser.find() is None, reason="no Chromium is installed (or set SKMFAST_CHROMIUM)")
def test_page_in_chromium(finished):
    with browser.Browser(browser.find()) as opened:
        for name, view in browser.VIEWS.items():
            found = opened.open(finished.folder / "page.html", **view)
            assert found["figures"] == 1, name
            assert found["hidden"] == found["unlabelled"] == found["scripts"] == 0, name
            assert found["width"] <= found["window"], f"{name}: wider than the window"
        assert opened.complaints == []
