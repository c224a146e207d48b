"""torch.compile for the network under a method; one that cannot be compiled, forward and backward, runs as it is."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)


def compile_network(network: nn.Module, obstacle: str | None, attempt: Callable[[], Tensor]) -> bool:
    """Compile a network in place (its state-dict keys stay); a warning and False where that cannot be.

    The attempt compiles it before the first step, so that a compiler which fails, in the backward too, costs no run.
    Its buffers, gradients and random numbers are put back.

    Args:
        network: called with tensors alone.
        obstacle: why it cannot be compiled, where that is known already.
        attempt: calls it in training mode on what a step will give it; returns a scalar.
    """
    if obstacle is not None:
        reason: str | None = obstacle
    elif not torch.cuda.is_available() and shutil.which("c++") is None and shutil.which("g++") is None:
        reason = "there is no C++ compiler"
    else:
        reason = _tried(network, attempt)
    if reason is not None:
        log.warning("train.compile: %s; the network runs as it is", reason)
    return reason is None


def _tried(network: nn.Module, attempt: Callable[[], Tensor]) -> str | None:
    """Compile and go forward and backward once; what went wrong, in which case nothing stays compiled."""
    torch._dynamo.config.suppress_errors = False
    network.compile()
    try:
        with _untouched(network):
            attempt().backward()
    except Exception as error:  # compilers fail in as many ways as there are networks
        network._compiled_call_impl = None
        torch._dynamo.reset()
        first = str(error).strip().partition("\n")[0]
        return f"torch.compile fails ({type(error).__name__}: {first})"
    torch._dynamo.config.suppress_errors = True  # other shapes, in evaluations: said, and the forward runs as it is
    return None


@contextmanager
def _untouched(network: nn.Module) -> Iterator[None]:
    """Let a pass leave no trace: buffers, gradients, mode and random numbers are as before."""
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    training = network.training
    with torch.random.fork_rng():
        try:
            yield
        finally:
            with torch.no_grad():
                for name, buffer in network.named_buffers():
                    buffer.copy_(buffers[name])
            network.zero_grad(set_to_none=True)
            network.train(training)
