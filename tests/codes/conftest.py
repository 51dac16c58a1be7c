"""Shared fixtures: where the models are."""

import pytest


@pytest.fixture(scope="session")
def models(corpora_dir):
    """Folder of model files; tests that need it skip where it is absent."""
    folder = corpora_dir.parent / "models"
    if not folder.is_dir():
        pytest.skip(f"no models in {folder}")
    return folder
