"""A private Slurm cluster for the tests that need a real one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm import cluster


@pytest.fixture(scope="session")
def slurm() -> Iterator[Path]:
    """A cluster of two emulated nodes, as SLURM_CONF says; its folder. Nothing of it is left behind."""
    folder = cluster.start()
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    try:
        yield folder
    finally:
        if before is None:
            del os.environ["SLURM_CONF"]
        else:
            os.environ["SLURM_CONF"] = before
        cluster.end(folder)
