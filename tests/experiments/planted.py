"""Tables of experiments in which the law is known: what networks would leave if theory were exact."""

from __future__ import annotations

import functools

import numpy as np

from skmfast.experiments import (
    acquisition,
    data_scaling,
    fine_tuning,
    hallucination,
    model_scaling,
    structure,
)
from skmfast.experiments.gathering import table_of

BLOCKS = 10


def _noisy(mean, relative, generator):
    return mean * (1 + relative * generator.standard_normal(BLOCKS))


@functools.cache
def data_scaling_table(
    discounts=(0.4, 0.6), uniform=True, sentences=(1000, 3000, 10_000, 30_000), noise=0.1, gap=1.2
):
    """Knowledge excess 10 N^-(1-d), or e^(-N/5000) where uniform; the network pays ``gap`` times that."""
    generator, parts = np.random.default_rng(0), []
    laws = [("pitman-yor", d, lambda n, d=d: 10 * n ** -(1 - d)) for d in discounts]
    if uniform:
        laws.append(("uniform", np.nan, lambda n: 8 * np.exp(-n / 5000)))
    for frequencies, discount, law in laws:
        for n in sentences:
            for repeat in range(2):
                parts.append(
                    {
                        "series": "test",
                        "run": f"{frequencies}-{discount}-{n}-{repeat}",
                        "repeat": repeat,
                        "parameters": 1000,
                        "sentences": n,
                        "frequencies": frequencies,
                        "discount": discount,
                        "block": np.arange(BLOCKS),
                        "number": 100,
                        "network_syntax_bits": 3 + _noisy(20 * np.log2(n) / n, noise, generator),
                        "network_name_bits": 4 + _noisy(gap * 0.6 * law(n), noise, generator),
                        "network_value_bits": _noisy(gap * 0.4 * law(n), noise, generator),
                        "bayes_syntax_bits": 3 + 10 * np.log2(n) / n,
                        "bayes_name_bits": 4 + 0.6 * law(n),
                        "bayes_value_bits": 0.4 * law(n),
                        "oracle_syntax_bits": 3.0,
                        "oracle_name_bits": 4.0,
                        "oracle_value_bits": 0.0,
                    }
                )
        grid = np.geomspace(min(sentences), max(sentences), 8).astype(np.int64)
        parts.append(
            {
                "series": "expected",
                "frequencies": frequencies,
                "discount": discount,
                "sentences": grid,
                "bayes_syntax_bits": 10 * np.log2(grid) / grid,
                "bayes_name_bits": 0.6 * law(grid),
                "bayes_value_bits": 0.4 * law(grid),
                "oracle_syntax_bits": 0.0,
                "oracle_name_bits": 0.0,
                "oracle_value_bits": 0.0,
            }
        )
    return table_of(parts, data_scaling.SCHEMA)


@functools.cache
def acquisition_table(discount=0.5, evaluations=9, classes=10, error=0.01, repeats=2):
    """Rank k is known with probability 1 - exp(-(n / 20) k^(-1/d)); the frontier is ((n / 20) / ln 2)^d."""
    generator, parts = np.random.default_rng(0), []
    first = 1 << np.arange(classes)
    middle = np.sqrt(first * (2.0 * first - 1))
    for repeat in range(repeats):
        for step in np.geomspace(10, 5000, evaluations).astype(np.int64):
            seen = 32 * step
            known = 1 - np.exp(-seen / 20 * middle ** (-1 / discount))
            parts.append(
                {
                    "run": str(repeat),
                    "repeat": repeat,
                    "parameters": 1000,
                    "sentences": 32 * 5000,
                    "frequencies": "pitman-yor",
                    "discount": discount,
                    "step": step,
                    "seen": seen,
                    "first_rank": first,
                    "last_rank": 2 * first - 1,
                    "number": 100,
                    "value_bits": 6 * (1 - known),
                    "value_error": 0.1,
                    "accuracy": np.clip(known + error * generator.standard_normal(classes), 0, 1),
                    "accuracy_error": error,
                    "known": known,
                }
            )
    return table_of(parts, acquisition.SCHEMA)


@functools.cache
def model_scaling_table(bits_per_parameter=1.5, discount=0.5, noise=0.02, content=(14.0, 18.0), attributes=3):
    """Networks that follow the capacity law C^-(1/d-1) at so many bits a parameter, over a floor of zero."""
    generator, parts = np.random.default_rng(0), []
    capacity = np.geomspace(1e3, 1e6, 40)
    law = lambda c: 5 * (c / 1e3) ** -(1 / discount - 1)  # noqa: E731
    about = {"frequencies": "pitman-yor", "discount": discount, "sentences": 10**5}
    for parameters in (2000, 6000, 20_000, 60_000):
        for low in (0, 1, 2, 4, 8, 16):
            share = law(bits_per_parameter * parameters)
            # A class is half gone at parameters that fall with its frequency.
            missing = 0.0 if low == 0 else 6 / (1 + (parameters * low / 40_000) ** 2)
            parts.append(
                {
                    **about,
                    "series": "test",
                    "run": str(parameters),
                    "parameters": parameters,
                    "low_count": low,
                    "high_count": max(2 * low - 1, low),
                    "elements": 0 if low == 0 else 1000 // low,
                    "block": np.arange(BLOCKS),
                    "number": 100 if low else 10**7,
                    "network_name_bits": 6 + (_noisy(share, noise, generator) if low == 0 else 0.0),
                    "network_value_bits": missing,
                    "bayes_name_bits": 6.0,
                    "bayes_value_bits": 0.0,
                    "oracle_name_bits": 6.0,
                    "oracle_value_bits": 0.0,
                }
            )
    parts.append({**about, "series": "capacity", "capacity_bits": capacity, "excess_bits": law(capacity)})
    parts.append(
        {
            "series": "content",
            "name_content_bits": content[0],
            "value_content_bits": content[1],
            "attributes": attributes,
        }
    )
    return table_of(parts, model_scaling.SCHEMA)


@functools.cache
def fine_tuning_table(kinds=fine_tuning.KINDS, replay=(0.0, 0.5), noise=0.01, repeats=2):
    """Of what was known of elements of c sentences, the share (1 - replay) / (1 + c / 8) is lost."""
    generator, parts = np.random.default_rng(0), []
    lows = np.array([0, 1, 2, 4, 8, 16, 32])
    for repeat in range(repeats):
        about = {
            "repeat": repeat,
            "parameters": 1000,
            "sentences": 9000,
            "frequencies": "pitman-yor",
            "discount": 0.5,
            "corpus": "old",
        }
        hardness = 0.05 * generator.standard_normal((len(lows), BLOCKS))
        for kind, share in [("before", np.nan), *((kind, share) for kind in kinds for share in replay)]:
            for place, low in enumerate(lows):
                before = 0.03 if low == 0 else 1 - 0.7**low
                lost = 0.0 if kind == "before" else (1 - share) / (1 + low / 8)
                for tuned in (0, 1):
                    # What fine-tuning is about is not forgotten: it must not count.
                    known = before * (1 - lost * (1 - tuned)) + hardness[place]
                    parts.append(
                        {
                            **about,
                            "run": f"{repeat}-{kind}-{share}",
                            "kind": kind,
                            "replay": share,
                            "low_count": low,
                            "high_count": max(2 * low - 1, low),
                            "tuned": tuned,
                            "block": np.arange(BLOCKS),
                            "number": 50,
                            "accuracy": known + noise * generator.standard_normal(BLOCKS),
                            "value_bits": 5 * (1 - known),
                        }
                    )
            if kind != "before":
                parts.append(
                    {
                        **about,
                        "corpus": "new",
                        "run": f"{repeat}-{kind}-{share}",
                        "kind": kind,
                        "replay": share,
                        "block": np.arange(BLOCKS),
                        "number": 100,
                        "accuracy": 0.9,
                    }
                )
    return table_of(parts, fine_tuning.SCHEMA)


@functools.cache
def hallucination_table(offset=0.05, repeats=2):
    """Wrong answers at the predicted rate; about elements seen twice or thrice ``offset`` more."""
    parts = []
    for repeat in range(repeats):
        about = {"run": str(repeat), "repeat": repeat, "sentences": 9000, "frequencies": "pitman-yor"}
        for low in (0, 1, 2, 4, 8):
            predicted = 0.97 * (2 / 3) ** (1.5 * low)
            parts.append(
                {
                    **about,
                    "series": "queries",
                    "low_count": low,
                    "high_count": max(2 * low - 1, low),
                    "block": np.arange(BLOCKS),
                    "number": 40,
                    "wrong": predicted + offset * (low == 2) + np.linspace(-0.02, 0.02, BLOCKS),
                    "confident_wrong": 0.1,
                    "confidence": 0.4,
                    "brier": 0.5,
                    "predicted": predicted,
                    "predicted_fitted": predicted,
                }
            )
        places = np.arange(hallucination.BINS) / hallucination.BINS
        calibrated = {"confidence": places + 0.05, "wrong": 1 - (places + 0.05) + 0.03}
        parts.append({**about, "series": "calibration", "bin": places, "number": 100, **calibrated})
        fresh = {"wrong": 0.11 + np.linspace(-0.02, 0.02, BLOCKS), "predicted": 0.1, "predicted_fitted": 0.1}
        parts.append({**about, "series": "test", "block": np.arange(BLOCKS), "number": 100, **fresh})
        for name, value in zip(hallucination.RATES, (0.1, 0.09, 0.0, 0.3), strict=True):
            parts.append(
                {**about, "series": "rate", "rate": name, "value": value, "low": value, "high": value}
            )
    return table_of(parts, hallucination.SCHEMA)


@functools.cache
def structure_table():
    """The exact curve falls as 1e5 (1 - m / 5e4) with m model bits; networks need ten times as many."""
    about = {"run": "a", "sentences": 9000, "frequencies": "pitman-yor", "discount": 0.5}
    model = np.linspace(0, 4e4, 30)
    parts = [
        {**about, "series": "exact", "model_bits": model, "data_bits": 1e5 * (1 - model / 5e4)},
        {**about, "series": "prequential", "data_bits": 9e4},
        {**about, "series": "bayes", "data_bits": 5e4},
        {**about, "series": "oracle", "data_bits": 2e4},
    ]
    for parameters in (10_000, 40_000):
        for precision in (4, 8, 16):
            bits = float(parameters * precision)
            # Below 8 bits the data pays for the rounding.
            data = 1e5 * (1 - parameters * 8 / 10 / 5e4) + (2e5 if precision == 4 else 0)
            parts.append(
                {
                    **about,
                    "series": "network",
                    "parameters": parameters,
                    "precision_bits": precision,
                    "model_bits": bits,
                    "data_bits": data,
                }
            )
    return table_of(parts, structure.SCHEMA)
