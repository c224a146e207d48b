"""CDAN's multilinear maps: features conditioned on predictions (Long et al. 2018, section 3.2)."""

import math

import torch
from torch import Tensor, nn

from trainer.losses.precision import product


def outer_product(features: Tensor, probabilities: Tensor) -> Tensor:
    """[b, C], [b, K] -> [b, K C]: vec(p f^T), class-major (eq. 5; thuml/CDAN pytorch/loss.py)."""
    return (probabilities.unsqueeze(2) * features.unsqueeze(1)).flatten(1)


class RandomProduct(nn.Module):
    """(R_f f) * (R_p p) / sqrt(width): inner products as the outer product has them, in the mean, at a width of choice.

    Eq. 6; thuml/CDAN pytorch/network.py RandomLayer. R_f and R_p are drawn once from N(0, 1) and stay; as buffers they
    are part of every checkpoint.
    """

    of_features: Tensor
    of_probabilities: Tensor

    def __init__(self, features: int, classes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("of_features", torch.randn(features, width))
        self.register_buffer("of_probabilities", torch.randn(classes, width))

    def forward(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """[b, C], [b, K] -> [b, width]."""
        width = self.of_features.shape[1]
        projected = product(features, self.of_features) * product(probabilities, self.of_probabilities)
        return projected / math.sqrt(width)
