"""Fits and figures of the experiments, from tables in which the law was planted."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import planted

from skmfast.experiments import (
    acquisition,
    data_scaling,
    fine_tuning,
    hallucination,
    model_scaling,
    structure,
)
from skmfast.experiments.fits import find_fit, fits_of

FITTED = {}


def fitted(module, table):
    """Fits of a table, found once: a planted one is the same object for the same arguments."""
    if id(table) not in FITTED:
        FITTED[id(table)] = table, module.fits(table)
    return FITTED[id(table)][1]


def found(module, table):
    return fits_of(fitted(module, table))


def drawn(module, table, folder):
    """The figure's text."""
    module.draw(table, fitted(module, table), folder / "figure.svg")
    return (folder / "figure.svg").read_text()


# ---- data scaling ------------------------------------------------------------------------------------------


def test_data_exponents_are_found():
    fits = found(data_scaling, planted.data_scaling_table())
    for d in (0.4, 0.6):
        for code in ("network", "bayes", "expected"):
            fit = find_fit(fits, f"{code} exponent", f"knowledge, d = {d:g}")
            assert fit.value == pytest.approx(1 - d, abs=0.03)
            assert fit.theory == 1 - d
        network = find_fit(fits, "network exponent", f"knowledge, d = {d:g}")
        assert network.low < network.value < network.high
        assert network.high - network.low < 0.1


def test_uniform_frequencies_fall_more_steeply_at_the_end():
    fits = found(data_scaling, planted.data_scaling_table())
    uniform = find_fit(fits, "last local exponent", "knowledge, uniform")
    power = find_fit(fits, "last local exponent", "knowledge, d = 0.6")
    assert uniform.value > 2
    assert uniform.low > power.high
    assert math.isnan(uniform.theory)


def test_the_gap_to_bayes_is_in_bits_a_sentence():
    fits = found(data_scaling, planted.data_scaling_table(noise=0.05))
    gap = find_fit(fits, "gap to Bayes at N = 1,000", "knowledge, d = 0.4")
    wanted = 0.2 * 10 * 1000**-0.6
    assert gap.value == pytest.approx(wanted, rel=0.2)
    assert gap.low < wanted < gap.high


def test_two_sizes_are_no_exponent():
    fits = found(data_scaling, planted.data_scaling_table(sentences=(1000, 3000)))
    fit = find_fit(fits, "network exponent", "knowledge, d = 0.4")
    assert math.isnan(fit.value)
    assert "2 points" in fit.note


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sentences", [(1000, 3000, 10_000, 30_000), (1000,)])
def test_data_scaling_is_drawn(sentences, tmp_path):
    drawn(data_scaling, planted.data_scaling_table(sentences=sentences), tmp_path)


# ---- acquisition -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("discount", [0.4, 0.6])
def test_the_frontier_grows_with_the_discount(discount):
    fits = found(acquisition, planted.acquisition_table(discount))
    fit = find_fit(fits, "frontier exponent", f"d = {discount:g}")
    assert fit.value == pytest.approx(discount, abs=0.05)
    assert fit.low < fit.value < fit.high
    late = find_fit(fits, "frontier exponent, last decade", f"d = {discount:g}")
    assert late.value == pytest.approx(discount, abs=0.05)
    assert 3 <= late.points < fit.points
    stated = find_fit(fits, "frontier exponent of what was stated", f"d = {discount:g}")
    assert stated.value == pytest.approx(discount, abs=0.04)


def test_evaluations_after_the_first_pass_do_not_count():
    table = planted.acquisition_table()
    half = table.set_column(table.column_names.index("sentences"), "sentences", [[40_000] * table.num_rows])
    fit = find_fit(found(acquisition, half), "frontier exponent", "d = 0.5")
    assert fit.points == len({n for n in table["seen"].to_pylist() if n <= 40_000})
    assert "first pass alone" in fit.note


def test_classes_are_learnt_in_order():
    fit = find_fit(found(acquisition, planted.acquisition_table()), "rank correlation", "d = 0.5")
    # Classes that the first evaluation finds known share their rank.
    assert fit.value > 0.95
    assert fit.low > 0.9


def test_a_single_evaluation_is_no_frontier(tmp_path):
    table = planted.acquisition_table(evaluations=1, repeats=1)
    fit = find_fit(found(acquisition, table), "frontier exponent", "d = 0.5")
    assert math.isnan(fit.value)
    drawn(acquisition, table, tmp_path)


def test_acquisition_is_drawn(tmp_path):
    drawn(acquisition, planted.acquisition_table(), tmp_path)


# ---- model scaling -----------------------------------------------------------------------------------------


def test_bits_per_parameter_are_found():
    fits = found(model_scaling, planted.model_scaling_table(bits_per_parameter=1.5))
    fit = find_fit(fits, "bits per parameter", "by the capacity law")
    assert fit.value == pytest.approx(1.5, rel=0.03)
    exponent = find_fit(fits, "exponent", "knowledge")
    assert exponent.value == pytest.approx(1.0, abs=0.02)
    assert exponent.theory == 1
    assert find_fit(fits, "exponent of the capacity law", "knowledge").value == pytest.approx(1, abs=0.02)


def test_classes_go_in_order_of_their_counts():
    fits = found(model_scaling, planted.model_scaling_table())
    fit = find_fit(fits, "rank correlation", "classes")
    assert fit.value > 0.9
    assert fit.points == 5
    # Half is gone where (p / p0)^2 doubles 1 + (p / p0)^2.
    frequent = find_fit(fits, "parameters with half gone", "16 to 31 training sentences")
    rare = find_fit(fits, "parameters with half gone", "4 to 7 training sentences")
    assert 2000 < frequent.value < rare.value < 20_000


def test_stored_bits_are_counted():
    """All of 1,000 / c elements in class c: 14 bits of name less 6 of identity, and 18 of values."""
    fits = found(model_scaling, planted.model_scaling_table())
    fit = find_fit(fits, "bits per parameter", "stored, 60,000 parameters")
    elements = sum(1000 // low for low in (1, 2, 4, 8, 16))
    assert 0.6 * elements * 26 / 60_000 < fit.value < elements * 26 / 60_000


def test_model_scaling_is_drawn(tmp_path):
    drawn(model_scaling, planted.model_scaling_table(), tmp_path)


# ---- fine-tuning -------------------------------------------------------------------------------------------


def test_forgetting_is_found_by_class():
    fits = found(fine_tuning, planted.fine_tuning_table())
    for low, high in ((4, 7), (16, 31)):
        fit = find_fit(fits, "accuracy lost", f"questions, replay 0, {low} to {high}")
        wanted = (1 - 0.7**low) / (1 + low / 8)
        assert fit.value == pytest.approx(wanted, abs=0.01)
        assert fit.low <= fit.value <= fit.high
        # Paired with the same sentences before, their hardness does not matter.
        assert fit.high - fit.low < 0.02


def test_rare_classes_are_forgotten_first_and_replay_spares_them():
    fits = found(fine_tuning, planted.fine_tuning_table())
    rare = find_fit(fits, "share lost", "new knowledge, replay 0, 1")
    frequent = find_fit(fits, "share lost", "new knowledge, replay 0, 32 to 63")
    assert rare.low > frequent.high
    order = find_fit(fits, "rank correlation", "new knowledge, replay 0")
    assert order.value == pytest.approx(1)
    assert order.low > 0.8
    spared = find_fit(fits, "accuracy spared", "new knowledge, replay 0.5")
    lost = find_fit(fits, "accuracy lost", "new knowledge, replay 0.5")
    # Of new knowledge no old element is a part, so half of the planted sentences (tuned) lose nothing.
    assert 0 < spared.low < spared.value < spared.high
    assert spared.value == pytest.approx(lost.value, abs=0.01)
    assert find_fit(fits, "accuracy in what is new", "same format, replay 0").value == pytest.approx(0.9)


def test_what_fine_tuning_is_about_does_not_count():
    fits = found(fine_tuning, planted.fine_tuning_table())
    untuned = find_fit(fits, "accuracy lost", "same format, replay 0, 4 to 7")
    everything = find_fit(fits, "accuracy lost", "new knowledge, replay 0, 4 to 7")
    assert untuned.value == pytest.approx(2 * everything.value, abs=0.02)


@pytest.mark.parametrize("kinds", [fine_tuning.KINDS, ()])
def test_fine_tuning_is_drawn(kinds, tmp_path):
    drawn(fine_tuning, planted.fine_tuning_table(kinds), tmp_path)


# ---- hallucination -----------------------------------------------------------------------------------------


def test_the_class_that_strays_is_named():
    fits = found(hallucination, planted.hallucination_table(offset=0.15))
    worst = find_fit(fits, "largest difference from the prediction", "classes")
    assert worst.value == pytest.approx(0.15, abs=1e-6)
    assert worst.low > 0.1
    assert "2 to 3" in worst.note
    unseen = find_fit(fits, "wrong answers", "unseen")
    assert unseen.value == pytest.approx(0.97)
    assert unseen.theory == pytest.approx(0.97)


def test_rates_on_fresh_sentences():
    fits = found(hallucination, planted.hallucination_table())
    assert find_fit(fits, "wrong answers", "fresh sentences").value == pytest.approx(0.11)
    assert find_fit(fits, "predicted for fresh sentences", "Good-Turing").value == pytest.approx(0.09)
    assert find_fit(fits, "calibration error", "queries").value == pytest.approx(0.03)


def test_hallucination_is_drawn(tmp_path):
    drawn(hallucination, planted.hallucination_table(), tmp_path)


# ---- structure ---------------------------------------------------------------------------------------------


def test_shortest_codes_and_precisions():
    fits = found(structure, planted.structure_table())
    shortest = find_fit(fits, "shortest code", "networks")
    assert shortest.value == pytest.approx((8e4 + 1e5 * (1 - 0.16)) / 9000)
    assert "10,000 parameters of 8 bits" in shortest.note
    assert find_fit(fits, "best precision", "40,000 parameters").value == 8
    assert find_fit(fits, "model bits over the exact curve's", "10,000 parameters").value == pytest.approx(10)
    # The exact curve is cheapest at its end: 4e4 model bits and 2e4 data bits.
    assert find_fit(fits, "shortest code", "Syntax-Knowledge").value == pytest.approx(6e4 / 9000)


def test_outside_of_the_exact_curve_there_is_no_ratio():
    table = planted.structure_table()
    few = table.filter([series != "exact" for series in table["series"].to_pylist()])
    fit = find_fit(found(structure, few), "model bits over the exact curve's", "10,000 parameters")
    assert math.isnan(fit.value)
    assert "outside" in fit.note


def test_structure_is_drawn(tmp_path):
    drawn(structure, planted.structure_table(), tmp_path)
