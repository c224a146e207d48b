"""A killed run ends as if nobody had killed it: every tensor of the last checkpoint, bit for bit."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import runs
from trainer.errors import STOPPED


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


def test_stopped_on_request_saves_first_and_goes_on_bit_for_bit(digits: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    long = {"train__steps": "60", "train__eval_every": "60"}
    assert runs.launch(runs.words(digits, whole, **long)).returncode == 0
    command = [sys.executable, str(runs.REPOSITORY / "trainer/main.py"), *runs.words(digits, broken, **long)]
    process = subprocess.Popen(command, env=runs.environment())
    runs.wait_for_checkpoint(process, broken, step=3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == STOPPED
    assert not list(broken.rglob("summary.json"))
    assert runs.launch(runs.words(digits, broken, **long)).returncode == 0
    runs.assert_identical(runs.checkpoint(whole, 60), runs.checkpoint(broken, 60))
