"""The main job on a CUDA device: every precision trains, and a resumed run equals an uninterrupted one."""

import json
from pathlib import Path

import pytest
import torch

from tests import runs
from trainer.main import main

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_precisions_train(digits: Path, tmp_path: Path, precision: str) -> None:
    assert torch.cuda.is_available()
    assert main(runs.words(digits, tmp_path, train__precision=precision)) == 0
    (summary,) = tmp_path.rglob("summary.json")
    assert json.loads(summary.read_text())["step"] == 9


def test_killed_and_resumed_equals_uninterrupted(digits: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert runs.launch(runs.words(digits, whole)).returncode == 0
    arguments = runs.words(digits, broken)
    runs.kill_at_checkpoint(arguments, broken, step=3)
    assert runs.launch(arguments).returncode == 0
    runs.assert_identical(runs.checkpoint(whole, 9), runs.checkpoint(broken, 9))
