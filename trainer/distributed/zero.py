"""DeepSpeed ZeRO-1 and ZeRO-2: the optimiser's momentum (and, from 2 on, the gradients) split over the ranks."""

import logging
from typing import Any, cast

import deepspeed
import torch
from accelerate import Accelerator
from accelerate.utils import DeepSpeedPlugin
from deepspeed.utils import safe_get_full_optimizer_state, safe_set_full_optimizer_state
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from trainer.distributed.engine import Engine, State

MOMENTUM = "momentum_buffer"


def plugin(stage: int, precision: str, compression: str) -> DeepSpeedPlugin:
    """DeepSpeed's configuration: the same arithmetic as DDP's, autocast included.

    torch_autocast keeps the weights in float32, as DDP does; its list of modules whose gradients travel in half
    precision is empty unless gradients are to be compressed.
    """
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)  # it warns of optimisers that it was not tested with
    if not torch.cuda.is_available():  # on CPUs its own all-reduce would be compiled first; gloo needs nothing
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    split = DeepSpeedPlugin(zero_stage=stage, gradient_accumulation_steps=1)
    split.deepspeed_config |= {
        "gradient_clipping": 0.0,  # left alone, accelerate would clip to norm 1
        "train_micro_batch_size_per_gpu": 1,  # the trainer deals out the batch itself
        "zero_allow_untested_optimizer": True,
        "steps_per_print": 2**62,
    }
    if precision == "bf16":
        split.deepspeed_config["torch_autocast"] = {
            "enabled": True, "dtype": "bfloat16", "lower_precision_safe_modules": [],
        }  # fmt: skip
    if compression != "none":
        split.deepspeed_config["communication_data_type"] = compression
    return split


class ZeroEngine(Engine):
    """DeepSpeed's engine around the same method and the same optimiser.

    Its checkpoints hold what DDP's hold: the momentum of every parameter, whole. A run may therefore go on under DDP,
    ZeRO-1 or ZeRO-2 and on any number of ranks. Engine.update serves as it is: under DeepSpeed accelerate's backward
    makes the step, and its optimiser's own two calls do nothing.
    """

    def __init__(self, accelerator: Accelerator, method: nn.Module, optimizer: Optimizer) -> None:
        self.groups: list[list[nn.Parameter]] = [list(group["params"]) for group in optimizer.param_groups]
        self.parameters = [parameter for group in self.groups for parameter in group]
        for parameter in method.parameters():  # DeepSpeed lays weights flat, which channels-last ones are not
            parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
        super().__init__(accelerator, method, optimizer)
        self._allocate_momentum()

    @property
    def zero(self) -> Any:
        """DeepSpeed's optimiser, whose groups hold one flat tensor each."""
        return self.wrapped.optimizer

    def state(self) -> State:
        """See Engine.state; gathers the momentum from all ranks, so every rank has to call it."""
        momentum = {
            index: {MOMENTUM: cast(Tensor, safe_get_full_optimizer_state(parameter, MOMENTUM))}
            for index, parameter in enumerate(self.parameters)
        }
        return {"optimizer": {"state": momentum, "param_groups": self._group_settings()}, "scaler": {}}

    def restore(self, method: State, optimizer: State, scaler: State) -> None:
        """See Engine.restore."""
        self.method.load_state_dict(method)
        self.zero.refresh_fp32_params()
        for index, parameter in enumerate(self.parameters):
            saved = optimizer["state"].get(index, {}).get(MOMENTUM)
            value = torch.zeros_like(parameter) if saved is None else saved.to(parameter.device)
            safe_set_full_optimizer_state(parameter, value, MOMENTUM)

    def _group_settings(self) -> list[dict[str, Any]]:
        """The groups as torch.optim saves them: settings, and parameters by number."""
        numbers = iter(range(sum(map(len, self.groups))))
        return [
            {key: value for key, value in group.items() if key != "params"} | {"params": [next(numbers) for _ in own]}
            for group, own in zip(self.zero.param_groups, self.groups, strict=True)
        ]

    def _allocate_momentum(self) -> None:
        """SGD makes its momentum in the first step; DeepSpeed links to the parameters what is there before it."""
        inner = cast(SGD, self.zero.optimizer)
        for flat in self.zero.single_partition_of_fp32_groups:
            inner.state[flat][MOMENTUM] = torch.zeros_like(flat)
        self.zero._lazy_init_hp_params_optimizer_state()
