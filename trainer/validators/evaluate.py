"""Classify every image of a domain exactly once, whatever the number of ranks."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from trainer.distributed import Ranks
from trainer.validators.accuracy import Confusion, count

Views = tuple[Tensor, Tensor, Tensor]


@torch.no_grad()
def evaluate(predict: Callable[[Tensor], Tensor], batches: Iterable[Views], classes: int, ranks: Ranks) -> Confusion:
    """Confusion matrix over all ranks.

    Args:
        predict: images [n, 3, H, W] -> logits [n, K].
        batches: this rank's (images [b, crops, 3, H, W], labels [b], indices [b]); b may be 0.
        classes: K.
        ranks: the ranks that share the domain.
    """
    counts = torch.zeros(classes, classes, dtype=torch.int64, device=ranks.device)
    for images, labels, _ in batches:
        if len(labels):
            with ranks.precision_region():
                logits = predict(images.to(ranks.device).flatten(0, 1))
            chances = logits.float().softmax(dim=1).unflatten(0, images.shape[:2]).mean(dim=1)
            counts += count(labels.to(ranks.device), chances.argmax(dim=1), classes)
    return Confusion(ranks.sum(counts).cpu())
