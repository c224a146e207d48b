"""torch.compile for the network under a method; a forward that cannot be compiled runs as it is."""

import logging
import shutil

import torch
from torch import nn

log = logging.getLogger(__name__)


def compile_network(network: nn.Module, over_ranks: bool) -> bool:
    """Compile a network in place (its state-dict keys stay); a warning and False where that cannot be.

    Args:
        network: called with tensors alone.
        over_ranks: whether its batch norms talk to other ranks between their two halves, which no graph holds.
    """
    reason = None
    if over_ranks:
        reason = "batch norm over several ranks cannot be part of a graph (train.sync_bn false could)"
    elif not torch.cuda.is_available() and shutil.which("c++") is None and shutil.which("g++") is None:
        reason = "there is no C++ compiler"
    if reason is not None:
        log.warning("train.compile: %s; the network runs as it is", reason)
        return False
    torch._dynamo.config.suppress_errors = True  # said, and the forward runs as it is; not so a backward
    network.compile()
    return True
