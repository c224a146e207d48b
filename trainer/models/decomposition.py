"""ToAlign's heart: split a source feature into what serves the classification and what does not."""

from typing import Literal

import torch
from torch import Tensor

from trainer.losses.precision import full

Weights = Literal["gradient", "gradcam_pp", "gradcam_pp_released"]


def channel_weights(gradients: Tensor, features: Tensor, kind: Weights) -> Tensor:
    """[b, C] ToAlign's w of each channel, detached.

    With global average pooling and a linear head, Grad-CAM++ of exp(score) has a closed form: relu(w) / (2 + w f) up
    to a factor per sample, which the adaptive scale cancels. The authors' program (adityac94/Grad_CAM_plus_plus
    misc/utils.py) normalises its pixel weights to sum 1, which leaves relu(w): positive Grad-CAM. The closed form is of
    features behind a rectifier; one that is negative (a linear bottleneck) counts as 0 in the denominator.

    Args:
        gradients: [b, C] d y^k / d f, see Head.class_weights.
        features: [b, C].
        kind: gradient (ToAlign eq. 3), gradcam_pp (Chattopadhay et al. 2018, eq. 19) or gradcam_pp_released.
    """
    if kind == "gradient":
        return gradients
    positive = full(gradients).relu()
    if kind == "gradcam_pp_released":
        return positive
    return positive / (2 + positive * full(features).detach().relu())


def task_features(features: Tensor, weights: Tensor, scale: float | None = None) -> Tensor:
    """f_p = s w * f, the task-relevant part of a feature (ToAlign eq. 4 and 5).

    The adaptive scale s = sqrt(sum_m f_m^2 / sum_m (w_m f_m)^2) keeps the feature's energy; gradient flows through it,
    as in microsoft/UDA models/base_model.py. A sample whose f or w * f has no energy at all keeps its feature, where
    the released code divides zero by zero. The task-irrelevant counterpart is -f_p.

    Args:
        features: [b, C].
        weights: [b, C] detached gradients of the own class score, see Head.class_weights.
        scale: a constant s (the paper's ablation: 1, 8, 16, 64, 128), or None for the adaptive one.

    Returns:
        [b, C] in at least float32.
    """
    features, weights = full(features), full(weights)
    if scale is not None:
        return scale * weights * features
    largest = (weights * features).detach().abs().amax(1, keepdim=True)
    weighted = weights / torch.where(largest > 0, largest, 1.0) * features  # s w is the same, its squares stay in range
    energy, kept = features.square().sum(1, keepdim=True), weighted.square().sum(1, keepdim=True)
    usable = (energy > 0) & (kept > 0)
    ratio = torch.where(usable, energy, 1.0) / torch.where(usable, kept, 1.0)
    return torch.where(usable, ratio.sqrt() * weighted, features)
