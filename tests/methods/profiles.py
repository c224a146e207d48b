"""Every published profile of every method: the method sections of configs/methods/*.yaml."""

from functools import cache
from pathlib import Path

from trainer import config
from trainer.methods.base import Method

FOLDER = Path(__file__).parents[2] / "configs" / "methods"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def settings(name: str) -> Method.Config:
    words = ["--config", str(FOLDER / f"{name}.yaml"), "--data.source", "a", "--data.target", "b"]
    method: Method.Config = config.read(words).method
    return method
