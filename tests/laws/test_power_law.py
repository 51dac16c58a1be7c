"""Power laws with an offset: derivatives, golden values, twins that use a library's optimiser."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from skmfast.laws import fit
from skmfast.laws.huber import Problem, huber, minimise

# Besiroglu et al.'s fit of the points that they read off Hoffmann et al.'s figure.
GOLDEN = {"E": 1.81724, "A": 477.84, "B": 2143.86, "a": 0.34731, "b": 0.36718}


@pytest.fixture(scope="module")
def chinchilla(corpora_dir):
    """Parameters, tokens and losses, without the five outliers: the highest losses, the fewest tokens."""
    with open(corpora_dir.parent / "chinchilla.csv") as file:
        rows = list(csv.DictReader(file))
    size = np.array([float(row["Model Size"]) for row in rows])
    tokens = np.array([float(row["Training FLOP"]) for row in rows]) / (6 * size)
    loss = np.array([float(row["loss"]) for row in rows])
    kept = np.sort(np.argsort(loss)[:-5])
    assert set(np.argsort(tokens)[:5]) == set(np.argsort(loss)[-5:])
    return size[kept], tokens[kept], loss[kept]


def problem(offset: bool = True, num: int = 2, points: int = 30, delta: float = 1e-2) -> Problem:
    rng = np.random.default_rng(5)
    return Problem(rng.normal(size=(num, points)), rng.normal(0.5, 0.3, points), offset, delta)


@pytest.mark.parametrize("offset", [True, False])
@pytest.mark.parametrize("num", [1, 2, 3])
@pytest.mark.parametrize("delta", [1e-2, 1.0])
def test_derivatives_are_those_of_finite_differences(offset, num, delta):
    made = problem(offset, num, delta=delta)
    rng = np.random.default_rng(1)
    at = rng.normal(0, 0.5, (4, made.num_parameters))
    weights = rng.uniform(0.5, 2, (4, 30))
    value, gradient, hessian, majorant = made.derivatives(at, weights)
    assert value == pytest.approx(made.objective(at, weights))
    step = 1e-6
    for i in range(made.num_parameters):
        moved = np.zeros_like(at)
        moved[:, i] = step
        up, down = made.derivatives(at + moved, weights), made.derivatives(at - moved, weights)
        np.testing.assert_allclose((up[0] - down[0]) / (2 * step), gradient[:, i], rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose((up[1] - down[1]) / (2 * step), hessian[:, i], rtol=1e-5, atol=1e-6)
    assert (np.linalg.eigvalsh(majorant) > -1e-12).all()


def test_huber_is_smooth_at_delta():
    assert huber(np.array([1e-3, -1e-3, 0.0]), 1e-3).tolist() == [5e-7, 5e-7, 0.0]
    assert huber(np.array([3e-3]), 1e-3)[0] == pytest.approx(1e-3 * (3e-3 - 0.5e-3))


def test_golden_values_of_chinchilla(chinchilla):
    size, tokens, loss = chinchilla
    assert len(loss) == 240
    law = fit({"N": size, "D": tokens}, loss, resamples=300)
    assert list(law.parameters) == list(GOLDEN)
    for name, value in GOLDEN.items():
        assert law.parameters[name] == pytest.approx(value, rel=5e-3), name
        low, high = law.intervals[name]
        assert low < value < high
    # Besiroglu et al. give standard errors of 0.03, 0.02 and 0.02 for E, a and b.
    for name in ("E", "a", "b"):
        assert 0.01 < law.standard_errors[name] < 0.04
    assert law.samples.shape == (300, 5)
    assert np.abs(law.residuals).mean() < 0.01


def test_no_optimiser_does_better_on_chinchilla(chinchilla):
    """A naive objective, minimised by BFGS from several starts, ends at the same parameters."""
    size, tokens, loss = chinchilla
    x, y, z = np.log(size), np.log(tokens), np.log(loss)

    def naive(p):
        predicted = np.log(np.exp(p[0]) + np.exp(p[1] - p[3] * x) + np.exp(p[2] - p[4] * y))
        r = np.abs(predicted - z)
        return float(np.where(r <= 1e-3, r * r / 2, 1e-3 * (r - 5e-4)).sum())

    law = fit({"N": size, "D": tokens}, loss, resamples=0)
    p = law.parameters
    ours = np.array([np.log(p["E"]), np.log(p["A"]), np.log(p["B"]), p["a"], p["b"]])
    assert naive(ours) == pytest.approx(law.objective, rel=1e-9)
    theirs = min(
        (minimize(naive, ours + np.array([0.2, s, -s, s / 20, -s / 20]), method="BFGS") for s in (-1.0, 1.0)),
        key=lambda result: result.fun,
    )
    assert law.objective <= theirs.fun * (1 + 1e-9)


def test_resamples_need_no_further_starts(chinchilla):
    """From the estimate alone a resample's minimum is as low as from many starts."""
    size, tokens, loss = chinchilla
    logs = np.log([size, tokens])
    made = Problem(logs - logs.mean(axis=1, keepdims=True), np.log(loss), True, 1e-3)
    rng = np.random.default_rng(7)
    estimate = minimise(made, np.array([[0.6, -1.0, -1.0, 0.35, 0.35]]), np.ones(240))[0]
    for weights in rng.multinomial(240, np.full(240, 1 / 240), size=5).astype(float):
        near = minimise(made, estimate, weights)[1][0]
        far = minimise(made, estimate + rng.normal(0, 0.3, (20, 5)), weights)[1].min()
        assert near <= far * (1 + 1e-6)


@settings(max_examples=8, deadline=None)
@given(
    offset=st.floats(0.5, 3), height=st.floats(0.3, 3), exponent=st.floats(0.15, 1.2), seed=st.integers(0, 99)
)
def test_exact_data_give_their_law_back(offset, height, exponent, seed):
    n = np.sort(np.exp(np.random.default_rng(seed).uniform(np.log(1e5), np.log(1e10), 25)))
    law = fit(n, offset + height * (n / 1e5) ** -exponent, resamples=0)
    assert law.parameters["E"] == pytest.approx(offset, rel=1e-3)
    assert law.parameters["a"] == pytest.approx(exponent, rel=1e-2)


def test_law_without_offset_is_a_straight_line():
    n = np.geomspace(1, 1e6, 9)
    law = fit({"C": n}, 7 * n**-0.25, offset=False, resamples=10)
    assert law.parameters == pytest.approx({"A": 7.0, "a": 0.25})
    assert law.formula == "L = A/C^a"
    assert law.predict(16.0) == pytest.approx(3.5)


def test_intervals_cover():
    """The bootstrap's 90 % intervals hold the truth in 40 noisy repetitions about 36 times."""
    n = np.tile(np.geomspace(1e6, 1e9, 12), 3)
    inside = 0
    for seed in range(40):
        noise = np.random.default_rng(seed).normal(0, 0.01, len(n))
        law = fit(n, (2 + 400 * n**-0.34) * np.exp(noise), delta=0.1, level=0.9, resamples=80, seed=seed)
        low, high = law.intervals["a"]
        inside += low < 0.34 < high
    assert 30 <= inside <= 39


def test_runs_are_resampled_whole():
    """Points of one run share their noise: taken as independent, they would look twice as sure."""
    rng = np.random.default_rng(3)
    runs = np.repeat(np.arange(20), 8)
    n = np.repeat(np.geomspace(1e6, 1e9, 20), 8)
    loss = (2 + 400 * n**-0.34) * np.exp(rng.normal(0, 0.02, 20)[runs])
    whole = fit(n, loss, delta=0.1, runs=runs, resamples=200)
    apart = fit(n, loss, delta=0.1, resamples=200)
    assert whole.num_runs == 20
    assert whole.parameters == pytest.approx(apart.parameters)
    assert whole.standard_errors["E"] > 1.8 * apart.standard_errors["E"]


def test_result_predicts_and_shows_itself():
    n, d = np.meshgrid(np.geomspace(1e6, 1e9, 6), np.geomspace(1e8, 1e11, 6))
    n, d = n.ravel(), d.ravel()
    loss = 1.7 + 300 * n**-0.3 + 900 * d**-0.35
    law = fit({"N": n, "D": d}, loss, resamples=20)
    np.testing.assert_allclose(law.predict(n, d), loss, rtol=1e-4)
    assert law.predict(1e7, np.array([[1e9, 1e10]])).shape == (1, 2)
    low, high = law.predict_interval(n, d)
    assert (low <= law.predict(n, d) + 1e-9).all()
    assert (high >= law.predict(n, d) - 1e-9).all()
    assert law.covariance.shape == (5, 5)
    assert repr(law).startswith("PowerLaw(L = E + A/N^a + B/D^b; 36 points, 36 runs\n  E = 1.7")
    assert set(law.to_dict()["intervals"]) == set(law.parameters)
    with pytest.raises(TypeError, match=r"2 variable\(s\) \(N, D\), not 1"):
        law.predict(n)
    bare = fit({"N": n, "D": d}, loss, resamples=0)
    assert bare.intervals == {}
    assert np.isnan(bare.covariance).all()
    with pytest.raises(ValueError, match="without resamples"):
        bare.predict_interval(n, d)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"N": [1, 2, 3]}, [3, 2, 1]), "too little data: 3 parameters need at least 4 points, not 3"),
        (({"N": [1, 2, 3, 4]}, [3, 2, 1, -1]), "loss: value 3 is -1.0, not a positive finite number"),
        (({"N": [1, 2, 3, np.nan]}, [3, 2, 1, 1]), "N: value 3 is nan"),
        (({"N": [1, 1, 2, 2]}, [3, 2, 1, 1]), r"N: takes 2 distinct value\(s\)"),
        (({"N": [1, 2, 3]}, [4, 3, 2, 1]), "N: has 3 values for 4 losses"),
        (({}, [1, 2, 3]), "variables: there are 0"),
        (([[1, 2], [3, 4]], [1, 2]), "N: has 2 dimensions"),
    ],
)
def test_bad_data(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delta": 0}, "delta: 0 is not a positive number"),
        ({"level": 1}, "level: 1 is not between"),
        ({"resamples": -1}, "resamples: -1"),
        ({"runs": [1, 2]}, r"runs: has shape \(2,\) for 5 points"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        fit([1, 2, 3, 4, 5], [5, 4, 3, 2.5, 2.2], **options)
