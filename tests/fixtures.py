"""Fixed inputs of the golden tests: element n of fill(shape, phi, amp) is amp * sin(0.7 (n + 1) + phi)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def fill(shape: int | Sequence[int], phi: float, amp: float = 1.0) -> Tensor:
    """A float64 tensor that any language can reproduce."""
    size = (shape,) if isinstance(shape, int) else tuple(shape)
    n = torch.arange(1, math.prod(size) + 1, dtype=torch.float64)
    return (amp * torch.sin(0.7 * n + phi)).reshape(size)


def set_linear(layer: nn.Module, weight: tuple[float, float], bias: tuple[float, float]) -> None:
    """Fill a linear layer, in float64, from (phi, amp) of weight and bias."""
    layer.double()
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        layer.weight.copy_(fill(layer.weight.shape, *weight))
        layer.bias.copy_(fill(layer.bias.shape, *bias))
