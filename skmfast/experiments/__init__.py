"""Experiments: source x training run -> table -> figure, each held against its exact Bayes-optimal code."""
