"""What one training step sees. The target type has no label field: leakage is a type error, not a promise."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Labelled:
    """Source images of one rank: its share of the global batch."""

    images: Tensor
    """[b, 3, H, W], normalised."""
    labels: Tensor
    """[b] int64 class indices."""
    index: Tensor
    """[b] int64 positions in the domain's list."""


@dataclass(frozen=True)
class Unlabelled:
    """Target images of one rank."""

    images: Tensor
    """[b, 3, H, W], normalised."""
    index: Tensor
    """[b] int64 positions in the domain's list."""


@dataclass(frozen=True)
class Batch:
    """One rank's share of a step: b of the B source images and b' of the B' target images."""

    source: Labelled
    target: Unlabelled

    def to(self, device: torch.device) -> "Batch":
        """Copy to a device; asynchronous where the memory is pinned."""

        def move(x: Tensor) -> Tensor:
            return x.to(device, non_blocking=True)

        s, t = self.source, self.target
        return Batch(
            Labelled(move(s.images), move(s.labels), move(s.index)),
            Unlabelled(move(t.images), move(t.index)),
        )
