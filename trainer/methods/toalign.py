"""ToAlign: align only the task-relevant part of the source features, on top of any adversarial method."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from trainer.methods._adversarial import Adversarial
from trainer.models.decomposition import task_features
from trainer.models.heads import HeadOutput


class Method(Adversarial):
    """Wei et al. 2021, Task-oriented Alignment. Source: microsoft/UDA trainer/da/toalign.py, models/base_model.py.

    The source feature that meets the discriminator is s w * f, w the gradient of its ground-truth class score. The
    classification and the heuristics' penalty see the whole feature, the entropy weights the logits of the part. The
    defaults are the released method, on HDA; a plain head gives DANNP+ToAlign, features instead of predictions
    DANN+ToAlign. The source is passed once: the released code passes it twice, which moves nothing but the running
    statistics, and momentum 0.19 = 1 - (1 - 0.1)^2 moves them alike.
    """

    @dataclass(frozen=True)
    class Config(Adversarial.Config):
        """Settings of ToAlign."""

        head: Literal["plain", "gvb", "hda"] = "hda"
        """Classifier: plain (one linear layer), gvb (minus one bridge) or hda (minus three heuristics)."""
        entropy: bool = True
        """Weigh samples by exp(-entropy) of their prediction, normalised per domain (entropy conditioning)."""
        source_bn_momentum: float = 0.19
        """Momentum of the running statistics in the source pass (0.19: as if the source were passed twice)."""
        part: Literal["relevant", "irrelevant"] = "relevant"
        """Part of the source feature that is aligned: s w * f, or its task-irrelevant counterpart -s w * f."""
        scale: float | None = None
        """Scale s: null keeps each feature's energy (adaptive); the paper's ablation fixes 1, 8, 16, 64 or 128."""

    config: Config

    def aligned_source(self, features: Tensor, output: HeadOutput, labels: Tensor) -> tuple[Tensor, HeadOutput]:
        """s w * f in place of f, and the head's word on it."""
        part = task_features(features, self.head.class_weights(labels), self.config.scale)
        if self.config.part == "irrelevant":
            part = -part
        return part, self.head(part)
