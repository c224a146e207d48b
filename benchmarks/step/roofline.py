"""Lower bounds of a step's time: its FLOPs at the device's matrix rate, its bytes at the device's copy rate.

The bytes are counted from the shapes: every element once for each kernel that must touch it, forward and backward.
"""

from dataclasses import dataclass

import torch
import torchvision
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.resnet import BasicBlock, Bottleneck

UPDATE = 5 * 4
"""Bytes a parameter that the update moves: weight, gradient, momentum read, weight, momentum written, in float32."""


@dataclass
class Traffic:
    """What a network needs for one image, forward and backward; elements unless said otherwise."""

    convolutions: int = 0
    """Input and output of each convolution: forward, gradient of the input, gradient of the weight."""
    norms: int = 0
    """Batch norm: read twice, written once; backward read four times, written once. A fused ReLU or sum is free."""
    rest: int = 0
    """ReLUs, sums of branches and the pooling, where they are kernels of their own."""
    weights: int = 0
    """Weights of the convolutions read twice and their gradients written, once a pass whatever its size."""
    parameters: int = 0
    """Weights that the update moves."""
    flops: int = 0
    """By torch.utils.flop_counter."""

    def bytes(self, images: int, passes: int, width: int, fused: bool) -> float:
        """Of a step that passes so many images at so many times in elements of so many bytes, and of its update."""
        each = self.convolutions + self.norms + (0 if fused else self.rest)
        return float((each * images + self.weights * passes) * width + self.parameters * UPDATE)


def traffic(backbone: str, pixels: int) -> Traffic:
    """Of a ResNet of torchvision; computed from shapes alone, on no device."""
    found = Traffic()
    with torch.device("meta"):
        net = torchvision.models.get_model(backbone, weights=None)
        net.fc = nn.Identity()
        images = torch.zeros(1, 3, pixels, pixels)
    for module in net.modules():
        module.register_forward_hook(lambda m, x, out: note(found, m, x[0], out))
    with FlopCounterMode(display=False) as counter:
        net(images).sum().backward()
    found.flops = counter.get_total_flops()
    found.parameters = sum(p.numel() for p in net.parameters())
    return found


def note(found: Traffic, module: nn.Module, x: Tensor, out: Tensor) -> None:
    """Add what one module moves."""
    if isinstance(module, nn.Conv2d):
        kernels = 2 if module.in_channels == 3 else 3  # nobody wants the gradient of the pixels
        found.convolutions += kernels * (x.numel() + out.numel())
        found.weights += kernels * module.weight.numel()
    elif isinstance(module, nn.BatchNorm2d):
        found.norms += 8 * out.numel()
    elif isinstance(module, nn.ReLU):
        found.rest += 5 * out.numel()  # forward in and out; backward in, gradient in and out
    elif isinstance(module, nn.MaxPool2d):
        found.rest += 2 * (x.numel() + out.numel())
    elif isinstance(module, BasicBlock | Bottleneck):
        found.rest += 6 * out.numel()  # the sum of two branches forward, of two gradients backward
