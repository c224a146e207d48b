"""Entropy conditioning: samples the classifier is sure of weigh more in the alignment."""

import torch
from torch import Tensor

from trainer.global_batch import BOTH, GlobalBatch
from trainer.models.reversal import reverse_gradient


def entropy(probabilities: Tensor) -> Tensor:
    """[b, K] -> [b]: -sum_k p_k log(p_k + 1e-5), in nats (microsoft/UDA utils/loss.py)."""
    return -(probabilities * torch.log(probabilities + 1e-5)).sum(dim=1)


def entropy_weights(probabilities: Tensor, coefficient: Tensor, split: int, over: GlobalBatch) -> Tensor:
    """Weights exp(-H_i) / sum_j exp(-H_j), normalised within each domain of the global batch.

    Only the numerator carries gradient, and that gradient passes a reversal of its own on H (microsoft/UDA
    utils/loss.py d_align_uda; the same in cuishuhao/GVB and cuishuhao/HDA).

    Args:
        probabilities: [b_s + b_t, K], source rows first.
        coefficient: 0-d, strength of the reversal.
        split: b_s.

    Returns:
        [b_s + b_t]; over all ranks the source rows sum to 1 and so do the target rows.
    """
    raw = torch.exp(-reverse_gradient(entropy(probabilities), coefficient))
    parts = raw[:split], raw[split:]
    totals = over.sum(torch.stack([part.detach().sum() for part in parts]))
    return torch.cat([part / total for part, total in zip(parts, totals, strict=True)])


def uniform_weights(split: int, rows: Tensor, over: GlobalBatch, pooled: bool = False) -> Tensor:
    """[b_s + b_t]: one over the rows of each domain in the global batch, or of both domains when pooled.

    Args:
        split: b_s.
        rows: any tensor with b_s + b_t rows; gives device and dtype.
        over: the global batch.
        pooled: 1 / (B_s + B_t) for every row (d_align_msda without entropy).
    """
    sizes = split, rows.shape[0] - split
    counts = [over.count(domain) if not pooled else over.count() for domain in BOTH]
    return torch.cat([rows.new_full((n,), 1.0 / count) for n, count in zip(sizes, counts, strict=True)])
