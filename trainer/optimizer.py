"""The one optimiser: SGD whose groups follow the learning-rate law with a factor each."""

from torch import nn
from torch.optim import SGD, Optimizer

from trainer.methods.base import Method
from trainer.schedules import inverse_decay
from trainer.settings import Optim


def build_optimizer(method: Method, settings: Optim) -> SGD:
    """SGD over the method's parameter groups; 'factor' of a group multiplies the learning rate.

    All parameters decay, batch norm and biases included, as in microsoft/UDA trainer/base_trainer.py.
    """
    factors = {
        "backbone": settings.backbone_factor,
        "head": settings.head_factor,
        "discriminator": settings.discriminator_factor,
    }
    groups: list[dict[str, str | float | list[nn.Parameter]]] = [
        {"name": name, "params": parameters, "factor": factors[name]}
        for name, parameters in method.parameter_groups().items()
    ]
    return SGD(
        groups,
        lr=settings.lr,
        momentum=settings.momentum,
        nesterov=settings.nesterov and settings.momentum > 0,
        weight_decay=settings.weight_decay,
        fused=settings.fused,
    )


def set_learning_rate(optimizer: Optimizer, settings: Optim, step: int, steps: int) -> float:
    """Write the learning rate of a step into the groups; returns that of factor 1."""
    rate = settings.lr * inverse_decay(step, settings.horizon or steps, settings.gamma, settings.power)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    return rate
