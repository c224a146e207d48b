"""The adversarial family: one text for every method that aligns by a domain discriminator behind a gradient reversal.

DANN, DANNP, GVB, HDA and ToAlign differ in the head, in what the discriminator sees, in the weights of the samples
and in what they penalise besides; each of these is a setting here, and each method file says which.
"""

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor

from trainer import schedules
from trainer.batch import Batch
from trainer.global_batch import GlobalBatch
from trainer.losses import domain
from trainer.losses.classification import source_cross_entropy
from trainer.losses.entropy import entropy_weights, uniform_weights
from trainer.losses.precision import full
from trainer.methods import base
from trainer.models.backbone import Backbone
from trainer.models.discriminator import Discriminator
from trainer.models.heads import HeadOutput


class Adversarial(base.Method):
    """L = CE(l_s, y_s) + a L_alg + b mean|z| + d mean|sigma|."""

    @dataclass(frozen=True)
    class Config(base.Method.Config):
        """Settings of an adversarial method."""

        discriminate: Literal["features", "predictions"] = "predictions"
        """What the discriminator sees: pooled features, or softmax predictions."""
        entropy: bool = False
        """Weigh samples by exp(-entropy) of their prediction, normalised per domain (entropy conditioning)."""
        alignment_weight: float = 1.0
        """Factor a on the domain loss; it scales the discriminator's own gradient too."""
        alignment: Literal["binary", "categorical"] = "binary"
        """Domain loss: binary (single source) or categorical over two outputs without the 1/2 (multi-source)."""
        bridge_weight: float = 1.0
        """Factor b on mean|z|, the bridge or heuristic of the head, if it has one."""
        domain_bridge: bool = False
        """Give the discriminator a bridge of its own (GVB-GD)."""
        domain_bridge_weight: float = 1.0
        """Factor d on mean|sigma|, the discriminator's bridge."""
        reversal_horizon: int | None = None
        """Steps over which the reversals rise; null: the length of the run (ToAlign); 10000 in GVB and HDA."""
        reversal_ahead: int = 0
        """Steps by which the discriminator's reversal is ahead of the entropy's (1 in GVB and HDA)."""
        hidden: int = 1024
        """Width of the discriminator."""
        dropout: float = 0.5
        """Dropout in the discriminator."""

    config: Config

    def __init__(self, config: Config, backbone: Backbone, classes: int, sync_bn: bool = True) -> None:
        super().__init__(config, backbone, classes, sync_bn)
        inputs = classes if config.discriminate == "predictions" else backbone.num_features
        outputs = 1 if config.alignment == "binary" else 2
        self.discriminator = Discriminator(inputs, outputs, config.hidden, config.dropout, config.domain_bridge)

    def coefficients(self, step: int, steps: int) -> dict[str, float]:
        """The two reversals: of the discriminator's input, and of the entropy."""
        horizon = self.config.reversal_horizon or steps
        return {
            "reversal": schedules.reversal_coefficient(step + self.config.reversal_ahead, horizon),
            "entropy_reversal": schedules.reversal_coefficient(step, horizon),
        }

    def forward(self, phase: str, batch: Batch, progress: base.Progress, over: GlobalBatch) -> base.Losses:
        """One pass a domain, one call of the discriminator on both."""
        features_s, features_t = self.features(batch)
        source, target = self.head(features_s), self.head(features_t)
        aligned_features, aligned = self.aligned_source(features_s, source, batch.source.labels)
        losses = {"classification": source_cross_entropy(source.logits, batch.source.labels, over)}
        probabilities = torch.softmax(full(torch.cat([aligned.logits, target.logits])), dim=1)
        seen = probabilities
        if self.config.discriminate == "features":
            seen = torch.cat([aligned_features, features_t.to(aligned_features.dtype)])
        losses |= self.alignment_losses(seen, probabilities, features_s.shape[0], progress, over)
        if source.bridge is not None:
            size = full(torch.cat([source.bridge, target.bridge])).abs()
            losses["bridge"] = self.config.bridge_weight * over.mean(size)
        return losses

    def aligned_source(self, features: Tensor, output: HeadOutput, labels: Tensor) -> tuple[Tensor, HeadOutput]:
        """The source features, and what the head says of them, that meet the discriminator. ToAlign's seam."""
        return features, output

    def alignment_losses(
        self, seen: Tensor, probabilities: Tensor, split: int, progress: base.Progress, over: GlobalBatch
    ) -> base.Losses:
        """The domain loss and the discriminator's bridge.

        Args:
            seen: [b_s + b_t, C or K], what the discriminator is shown, source rows first.
            probabilities: [b_s + b_t, K], for the entropy weights.
            split: b_s.
            progress: holds the two reversal coefficients.
            over: the global batch.
        """
        score = self.discriminator(seen, progress.coefficients["reversal"], over)
        binary = self.config.alignment == "binary"
        if self.config.entropy:
            weights = entropy_weights(probabilities, progress.coefficients["entropy_reversal"], split, over)
        else:
            weights = uniform_weights(split, probabilities, over, pooled=not binary)
        loss = domain.binary_domain_loss if binary else domain.categorical_domain_loss
        losses = {"alignment": self.config.alignment_weight * loss(score.logits, weights, split)}
        if score.bridge is not None:
            size = full(cast(Tensor, score.bridge)).abs()
            losses["domain_bridge"] = self.config.domain_bridge_weight * over.mean(size)
        return losses
