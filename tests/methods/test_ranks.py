"""N ranks compute what one computes: every profile, float64, uneven shards of 7 source and 5 target rows."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.methods import profiles

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    for world in (1, 2, 3):
        command = [sys.executable, "-m", "tests.methods.ranks_worker", str(world), str(folder)]
        subprocess.run(command, cwd=REPOSITORY, check=True, timeout=240)
    return folder


@pytest.mark.two
@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("name", profiles.NAMES)
def test_ranks_compute_what_one_computes(results: Path, name: str, world: int) -> None:
    one, many = (torch.load(results / f"{name}_{n}.pt", weights_only=True) for n in (1, world))
    assert set(one) == set(many)
    for key, expected in one.items():
        torch.testing.assert_close(many[key], expected, atol=1e-10, rtol=1e-10, msg=lambda m, k=key: f"{k}: {m}")
