"""Data that tests share."""

from pathlib import Path

import pytest

from trainer.data.digits4 import generate


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits-4, eight images a digit and domain."""
    return generate(tmp_path_factory.mktemp("digits4") / "data", per_class=8)
