"""Presets: every one can be read and asks for runs that make sense."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("yaml")

from skmfast.experiments.canonical import digest
from skmfast.experiments.experiment import EXPERIMENTS, find_experiment
from skmfast.experiments.experiment_settings import PRESETS, read_configuration

# Other tests add experiments of their own.
NAMES = ("data-scaling", "model-scaling", "acquisition", "fine-tuning", "hallucination", "structure")


def grid(name, preset):
    return find_experiment(name).runs(read_configuration(name, preset))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_a_grid_of_different_runs(name, preset):
    assert name in EXPERIMENTS
    digests = [digest(run) for run in grid(name, preset)]
    assert digests
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("preset", PRESETS)
def test_structure_is_of_the_networks_of_model_scaling(preset):
    structure, sizes = (grid(name, preset) for name in ("structure", "model-scaling"))
    assert structure == sizes


@pytest.mark.parametrize("preset", PRESETS)
def test_one_pass_is_acquired(preset):
    first, *_ = grid("acquisition", preset)
    seen = first.training.steps * first.training.batch_sentences
    assert seen <= first.corpora[0].corpus.sentences
    assert first.evaluation.at[-1] == first.training.steps


@pytest.mark.parametrize("preset", PRESETS)
def test_fine_tuning_is_about_elements_that_are_there(preset):
    before, *after = grid("fine-tuning", preset)
    old = before.corpora[0].corpus
    known = old.law().elements(old.sentences, old.seed).max() if preset != "gpu" else None
    kinds = set()
    for run in after:
        if run.initial is None:  # the pre-training of a repeat
            continue
        assert run.initial.corpora[0].corpus.seed == run.corpora[1].corpus.seed
        new = run.corpora[1].corpus
        kinds.add((new.form, new.first_element))
        last = new.first_element + new.elements
        if known is not None and last < old.stating().contents.num_names:
            assert last <= known
        elif known is not None:
            assert new.first_element > known
    assert len(kinds) == 3
