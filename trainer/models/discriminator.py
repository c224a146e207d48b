"""The domain discriminator: three linear layers behind a gradient reversal."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from trainer.global_batch import GlobalBatch
from trainer.models.heads import linear
from trainer.models.reversal import reverse_gradient


class DomainScore(NamedTuple):
    """What the discriminator says of a batch."""

    logits: Tensor
    """[b, outputs], before the sigmoid or softmax."""
    bridge: Tensor | None
    """[b, outputs], the discriminator's own bridge (sigma in GVB), already subtracted; or None."""


class Discriminator(nn.Module):
    """in -> 1024 -> 1024 -> outputs with ReLU and dropout 0.5 (microsoft/UDA models/discriminator.py).

    With a bridge (GVB-GD/network.py) a second output layer is subtracted from the first.
    """

    def __init__(
        self, inputs: int, outputs: int = 1, hidden: int = 1024, dropout: float = 0.5, bridge: bool = False
    ) -> None:
        super().__init__()
        self.first = linear(inputs, hidden)
        self.second = linear(hidden, hidden)
        self.score = linear(hidden, outputs)
        self.bridge = linear(hidden, outputs) if bridge else None
        self.p = dropout

    def forward(self, inputs: Tensor, coefficient: Tensor, over: GlobalBatch) -> DomainScore:
        """[b_s + b_t, in] (source rows first) -> scores; gradients leave reversed by the coefficient.

        One call for both domains: the dropout mask is drawn for the whole batch, source rows first.
        """
        hidden = reverse_gradient(inputs, coefficient)
        for layer in (self.first, self.second):
            hidden = torch.relu(layer(hidden))
            if self.training:
                hidden = over.dropout(hidden, self.p)
        logits = self.score(hidden)
        if self.bridge is None:
            return DomainScore(logits, None)
        bridge = self.bridge(hidden)
        return DomainScore(logits - bridge, bridge)
