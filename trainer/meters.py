"""Running means of the losses, kept on the device until somebody asks."""

import torch
from torch import Tensor

from trainer.distributed import Ranks


class Meters:
    """Adds up the shares of named losses; one reading is one wait for the device."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._total: Tensor | None = None
        self._steps = 0

    def add(self, losses: dict[str, Tensor]) -> None:
        """Add a step's shares."""
        values = torch.stack([loss.detach().double() for loss in losses.values()])
        if self._total is None:
            self._names, self._total = list(losses), torch.zeros_like(values)
        self._total += values
        self._steps += 1

    def read(self, ranks: Ranks) -> dict[str, float]:
        """Means over the steps since the last reading, of the losses of the global batch; starts anew."""
        if self._total is None:
            return {}
        means = (ranks.sum(self._total) / self._steps).tolist()
        self._total, self._steps = None, 0
        return dict(zip(self._names, means, strict=True))
