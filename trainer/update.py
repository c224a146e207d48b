"""One update of a method: forward, backward and optimiser, as they stand or as one recorded CUDA graph."""

import logging

import torch

from trainer.batch import Batch
from trainer.cuda_graph import GraphedUpdate, Update
from trainer.distributed import Engine, Ranks
from trainer.global_batch import GlobalBatch
from trainer.methods.base import Losses, Progress
from trainer.settings import Run

log = logging.getLogger(__name__)


def open_update(run: Run, engine: Engine, over: GlobalBatch, ranks: Ranks) -> Update:
    """The update as the run wants it; a graph that cannot be had is said once, and the update runs as it is."""
    update = eager(engine, over)
    if not run.train.cuda_graph:
        return update
    reason = ungraphable(run, ranks)
    if reason is not None:
        if ranks.main:
            log.warning("train.cuda_graph: %s; each step is launched kernel by kernel", reason)
        return update
    return GraphedUpdate(update, engine.optimizer, over)


def eager(engine: Engine, over: GlobalBatch) -> Update:
    """Forward, one backward over the sum of the losses, one step."""

    def update(batch: Batch, progress: Progress) -> Losses:
        losses: Losses = engine("train", batch, progress, over)
        engine.update(torch.stack(list(losses.values())).sum())
        return losses

    return update


def ungraphable(run: Run, ranks: Ranks) -> str | None:
    """Why an update of this run cannot be one CUDA graph; None if it can."""
    if ranks.device.type != "cuda":
        return "there is no GPU"
    if ranks.world > 1 or ranks.launch.zero:
        return "a step over several ranks, or under DeepSpeed, is not recorded"
    if run.train.precision == "fp16":
        return "the gradient scaler of fp16 asks the device after every step (train.precision bf16 does not)"
    if not run.optim.fused:
        return "the learning rate of plain SGD is a number of the host (optim.fused true keeps it on the device)"
    return None
