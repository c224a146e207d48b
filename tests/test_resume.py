"""A killed run ends as if nobody had killed it: every tensor of the last checkpoint, bit for bit."""

from pathlib import Path

import pytest

from tests import runs


@pytest.mark.parametrize("ranks", [1, pytest.param(2, marks=pytest.mark.two)])
def test_killed_and_resumed_equals_uninterrupted(digits: Path, tmp_path: Path, ranks: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert runs.launch(runs.words(digits, whole), ranks).returncode == 0
    arguments = runs.words(digits, broken)
    runs.kill_at_checkpoint(arguments, broken, step=3, ranks=ranks)
    assert not list(broken.rglob("summary.json"))
    assert runs.launch(arguments, ranks).returncode == 0
    expected, actual = runs.checkpoint(whole, 9), runs.checkpoint(broken, 9)
    assert {"method", "optimizer", "scaler", *(f"rng_{rank}" for rank in range(ranks))} == set(expected)
    runs.assert_identical(expected, actual)
