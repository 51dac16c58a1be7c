"""The record of bits a byte in several windows: what is stated of SmolLM2-135M, and beside the harness."""

import json
from pathlib import Path

import pytest

RECORD = Path(__file__).resolve().parents[2] / "bench" / "results" / "lm_windows.json"


@pytest.fixture(scope="module")
def record():
    return json.loads(RECORD.read_text())


def test_figures_are_those_stated(record):
    assert record["text"]["bytes"] == 20_000
    assert [row["stated_bits_per_byte"] for row in record["windows"]] == [1.139, 1.181, 1.319]
    for row in record["windows"]:
        assert row["bits_per_byte"] == pytest.approx(row["stated_bits_per_byte"], abs=0.003)
        assert row["bits_per_byte"] == pytest.approx(row["bits"] / 20_000, abs=1e-5)


def test_the_harness_says_the_same_where_policies_coincide(record):
    for row in record["beside_harness"]:
        assert (row["context"], row["bos"], row["last"]) == (row["max_length"] + 1, "document", "full")
        assert row["bits"] == pytest.approx(row["harness_bits"], rel=1e-5)
