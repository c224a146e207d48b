"""The ranks of a run and what moves between them. The only room that imports accelerate and deepspeed."""

from trainer.distributed.engine import Engine
from trainer.distributed.ranks import Ranks

__all__ = ["Engine", "Ranks"]
