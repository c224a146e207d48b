"""The ranks of a run: wrapping, backward, sums and messages. The only file that imports accelerate."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor, nn
from torch.optim import Optimizer

from trainer.errors import Crash, UserError


class Ranks:
    """The processes that train together; one of them is main.

    Args:
        precision: fp32, bf16 or fp16.
        timeout: seconds after which a collective that does not end stops the run.

    Raises:
        UserError: fp16 without a GPU, or a launch whose processes do not see each other.
    """

    def __init__(self, precision: str = "fp32", timeout: float = 600.0) -> None:
        if precision == "fp16" and not torch.cuda.is_available():
            raise UserError("train.precision: fp16 needs a GPU; choose bf16 or fp32 on a CPU.")
        self.accelerator = Accelerator(
            mixed_precision="no" if precision == "fp32" else precision,
            kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(seconds=timeout))],
            step_scheduler_with_optimizer=False,
        )
        self.rank = int(self.accelerator.process_index)
        self.world = int(self.accelerator.num_processes)
        self.device = cast(torch.device, self.accelerator.device)
        self.main = bool(self.accelerator.is_main_process)
        launched = int(os.environ.get("WORLD_SIZE", 1))
        if launched != self.world:
            raise UserError(
                f"{launched} processes were launched but each believes to be rank {self.rank} of {self.world}: on CPUs "
                f"start them with ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes {launched}."
            )

    def wrap(self, method: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """The method and its optimiser, ready for these ranks and this precision."""
        method, optimizer = self.accelerator.prepare(method, optimizer)
        return method, optimizer

    def backward(self, share: Tensor) -> None:
        """Backward of this rank's share of a loss.

        Gradients are averaged over the ranks while shares add up, hence the factor.
        """
        self.accelerator.backward(share * self.world)

    def precision_region(self) -> Any:
        """Context manager: the run's autocast, for passes outside the wrapped method."""
        return self.accelerator.autocast()

    def sum(self, value: Tensor) -> Tensor:
        """Sum over the ranks, without gradient."""
        if self.world > 1:
            value = value.detach().clone()
            dist.all_reduce(value)
        return value

    def any_of(self, *flags: bool) -> list[bool]:
        """For each flag, whether any rank says yes; one reduction for all of them."""
        if self.world == 1:
            return list(flags)
        return [count > 0 for count in self.sum(torch.tensor(flags, dtype=torch.int32, device=self.device)).tolist()]

    def gather(self, thing: Any) -> list[Any]:
        """The things of all ranks, in rank order, on every rank."""
        if self.world == 1:
            return [thing]
        things: list[Any] = [None] * self.world
        dist.all_gather_object(things, thing)
        return things

    def from_main(self, thing: Any) -> Any:
        """The main rank's thing, on every rank."""
        box = [thing]
        if self.world > 1:
            dist.broadcast_object_list(box, src=0)
        return box[0]

    @contextmanager
    def agreed(self) -> Iterator[None]:
        """A stretch in which one rank alone may fail; all of them then raise the same UserError or Crash."""
        mistake = failure = None
        try:
            yield
        except UserError as error:
            mistake = str(error)
        except Crash as error:
            failure = str(error)
        except Exception as error:  # whatever it is, the other ranks must not wait for this one for ever
            failure = f"rank {self.rank}: {type(error).__name__}: {error}"
            traceback.print_exc()
        answers = self.gather((mistake, failure))
        mistakes, failures = ([m for m in dict.fromkeys(row) if m] for row in zip(*answers, strict=True))
        if failures:
            raise Crash("\n".join(failures), everywhere=True)
        if mistakes:
            raise UserError("\n".join(mistakes))

    def scaler_state(self) -> dict[str, Any]:
        """State of the fp16 gradient scaler; empty without one."""
        scaler = self.accelerator.scaler
        return scaler.state_dict() if scaler is not None else {}

    def restore_scaler(self, state: dict[str, Any]) -> None:
        """Put the scaler's state back."""
        if self.accelerator.scaler is not None and state:
            self.accelerator.scaler.load_state_dict(state)

    def close(self) -> None:
        """Leave the process group; another run in this process may have another precision."""
        if dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()
        AcceleratorState._reset_state(reset_partial_state=True)
