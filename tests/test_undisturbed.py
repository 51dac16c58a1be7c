"""Which rounds of a bench count."""

import itertools
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"


@pytest.fixture
def undisturbed(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    import undisturbed

    return undisturbed


def stolen_during(monkeypatch, undisturbed, ticks):
    """Lets the host take so many seconds during the first rounds, and nothing later."""
    taken = itertools.chain.from_iterable([0.0, tick] for tick in itertools.chain(ticks, itertools.repeat(0)))
    total = itertools.accumulate(taken)
    monkeypatch.setattr(undisturbed, "stolen_s", lambda: next(total))


def test_rounds_in_which_nothing_was_taken_count(monkeypatch, undisturbed):
    stolen_during(monkeypatch, undisturbed, [0.01, 0, 0.5, 0])
    rounds = undisturbed.run_rounds(itertools.count().__next__, 3, 60.0)
    assert rounds.undisturbed == [1, 3, 4]
    assert rounds.all == [0, 1, 2, 3, 4]
    assert rounds.stolen_s == pytest.approx(0.51)


def test_patience_ends(monkeypatch, undisturbed):
    stolen_during(monkeypatch, undisturbed, itertools.repeat(0.01))
    rounds = undisturbed.run_rounds(itertools.count().__next__, 4, 0.0)
    assert rounds.undisturbed == []
    assert rounds.all == [0, 1, 2, 3]


def test_stolen_time_never_falls(undisturbed):
    assert 0.0 <= undisturbed.stolen_s() <= undisturbed.stolen_s()
