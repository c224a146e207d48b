"""Classifier heads: pooled features -> class logits, and the bridge or heuristic that some methods subtract."""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.losses.precision import full


@dataclass(frozen=True)
class HeadOutput:
    """What a head says of a batch."""

    logits: Tensor
    """[b, K], the logits used for classification."""
    bridge: Tensor | None
    """[b, K], what was subtracted from the main classifier (z in HDA and GVB), or None."""


class Linear(nn.Linear):
    """A linear layer that computes in at least float32, under autocast too.

    Heads and discriminators are a thousandth of a step's work, and theirs are the numbers that softmaxes, entropies,
    differences of logits and ToAlign's w are sensitive to; float16 ends at 65504, which such numbers can pass.
    """

    def forward(self, input: Tensor) -> Tensor:
        """[b, inputs] -> [b, outputs]."""
        with torch.autocast(input.device.type, enabled=False):
            return F.linear(full(input), full(self.weight), full(self.bias))


def linear(inputs: int, outputs: int, slope: float = 0.0) -> Linear:
    """Linear layer with kaiming-normal weights, std sqrt(2 / ((1 + slope^2) inputs)), and zero bias."""
    layer = Linear(inputs, outputs)
    nn.init.kaiming_normal_(layer.weight, a=slope)
    nn.init.zeros_(layer.bias)
    return layer


class Head(nn.Module):
    """logits = main(f) - sum_j bridges_j(f).

    Plain: no bridge. GVB (cuishuhao/GVB GVB-GD/network.py): one bridge, all slopes 0. HDA (cuishuhao/HDA
    network/network.py, microsoft/UDA models/base_model.py): three heuristics with slopes 0, 1, 2 and a main
    classifier that starts near zero (slope 100).
    """

    def __init__(self, kind: Literal["plain", "gvb", "hda"], features: int, classes: int) -> None:
        super().__init__()
        slopes = {"plain": (0,), "gvb": (0, 0), "hda": (100, 0, 1, 2)}[kind]
        self.main = linear(features, classes, slopes[0])
        self.bridges = nn.ModuleList(linear(features, classes, slope) for slope in slopes[1:])

    def forward(self, features: Tensor) -> HeadOutput:
        """[b, C] -> logits [b, K] and bridge [b, K]."""
        main = self.main(features)
        if not self.bridges:
            return HeadOutput(main, None)
        bridge = sum((layer(features) for layer in self.bridges[1:]), self.bridges[0](features))
        return HeadOutput(main - bridge, bridge)

    def class_weights(self, labels: Tensor) -> Tensor:
        """[b] -> [b, C]: the gradient of each sample's own class score with respect to its features, detached.

        The head is linear, so d y^k / d f is row k of the weights that make the logits (ToAlign eq. 3 in closed form).
        """
        weight: Tensor = self.main.weight.detach()
        for layer in self.bridges:
            weight = weight - layer.weight.detach()  # type: ignore[operator]  # ModuleList loses the element type
        return weight[labels]
