"""The contract of a method: one module that holds every net, and losses whose sum is the objective."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from torch import Tensor, nn

from trainer.batch import Batch
from trainer.global_batch import Domain, GlobalBatch
from trainer.models import batch_norm
from trainer.models.backbone import Backbone
from trainer.models.heads import Head

Losses = dict[str, Tensor]
GroupName = Literal["backbone", "head", "discriminator"]


@dataclass(frozen=True)
class Progress:
    """Where the run stands, as the losses see it."""

    step: int
    """Updates done so far."""
    steps: int
    """Updates of the whole run."""
    coefficients: Mapping[str, Tensor] = field(default_factory=dict)
    """What Method.coefficients said of this step, as 0-d tensors on the device."""


class Method(nn.Module):
    """One adaptation method. The whole module is what DDP wraps, so nothing passes gradient synchronisation by.

    A subclass in methods/<name>.py adds its nets in __init__ and returns its losses from forward. Every loss is this
    rank's share of the loss of the global batch (see trainer.global_batch), which makes the same text exact on any
    number of ranks.

    Args:
        config: the method's settings.
        backbone: images to pooled features; its batch norms are replaced by ones that span the ranks.
        classes: K.
        sync_bn: batch norm over all ranks.
    """

    @dataclass(frozen=True)
    class Config:
        """Settings of every method."""

        name: str = ""
        """File in trainer/methods/ that holds the method."""
        title: str = ""
        """Name in tables and in MLflow, for instance HDA+ToAlign; empty: the file name."""
        head: Literal["plain", "gvb", "hda"] = "plain"
        """Classifier: plain (one linear layer), gvb (minus one bridge) or hda (minus three heuristics)."""
        source_bn_momentum: float = 0.1
        """Momentum of the running statistics in the source pass (0.19: as if the source were passed twice)."""
        target_bn_momentum: float = 0.1
        """Momentum of the running statistics in the target pass."""

    joint_pass: bool = False
    """One pass of the backbone over both domains, each a batch-norm group of its own, in place of two passes."""
    adapts_before_evaluation = False
    """Whether adapt() wants to see the unlabelled target before every evaluation."""

    def __init__(self, config: "Method.Config", backbone: Backbone, classes: int, sync_bn: bool = True) -> None:
        super().__init__()
        self.config = config
        self.classes = classes
        self.head = Head(config.head, backbone.num_features, classes)
        self.backbone = cast(Backbone, batch_norm.convert(backbone, sync_bn))

    def forward(self, phase: str, batch: Batch, progress: Progress, over: GlobalBatch) -> Losses:
        """Named losses of a phase: shares whose sum over names and ranks is the objective."""
        raise NotImplementedError

    def predict(self, images: Tensor, domain: Domain = "target") -> Tensor:
        """[b, 3, H, W] of either domain -> logits [b, K]; call in eval mode."""
        return self.head(self.backbone(images)).logits  # type: ignore[no-any-return]

    def coefficients(self, step: int, steps: int) -> dict[str, float]:
        """Numbers that move with the step (reversal coefficients); forward finds them in progress.coefficients."""
        return {}

    def parameter_groups(self) -> dict[GroupName, list[nn.Parameter]]:
        """Parameters by kind; the run's settings give each kind its learning-rate factor."""
        groups: dict[GroupName, list[nn.Parameter]] = {"backbone": [], "head": [], "discriminator": []}
        for name, parameter in self.named_parameters():
            first = name.split(".")[0]
            kind = cast(GroupName, first) if first in ("backbone", "discriminator") else "head"
            groups[kind].append(parameter)
        return {kind: parameters for kind, parameters in groups.items() if parameters}

    def adapt(self, target: Iterator[Tensor]) -> None:
        """See the unlabelled target (images [b, 3, H, W] in the test view) before an evaluation."""

    def adapted_network(self) -> nn.Module:
        """A copy of what the target needs at test time: images [b, 3, H, W] -> logits [b, K], in eval mode."""
        return copy.deepcopy(Classifier(self.backbone, self.head)).eval()

    def source_features(self, batch: Batch) -> Tensor:
        """[b_s, C]: the source pass, whose running statistics move with their own momentum."""
        with batch_norm.momentum(self.backbone, self.config.source_bn_momentum):
            return cast(Tensor, self.backbone(batch.source.images))

    def features(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """[b_s, C] and [b_t, C]: each domain normalised by its own batch; the source comes first."""
        if self.joint_pass:
            return self.joint_features(batch)
        source = self.source_features(batch)
        with batch_norm.momentum(self.backbone, self.config.target_bn_momentum):
            return source, self.backbone(batch.target.images)

    def joint_features(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What features() gives, from one pass: fewer and larger kernels."""
        images = batch.source.images, batch.target.images
        groups = tuple(
            batch_norm.Group(len(part), momentum)
            for part, momentum in zip(
                images, (self.config.source_bn_momentum, self.config.target_bn_momentum), strict=True
            )
        )
        with batch_norm.grouped(self.backbone, groups):
            source, target = self.backbone(torch.cat(images)).split([group.rows for group in groups])
        return source, target


class Classifier(nn.Module):
    """A backbone and a head, without anything that only training needs."""

    def __init__(self, backbone: nn.Module, head: Head) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """[b, 3, H, W] -> logits [b, K]."""
        return self.head(self.backbone(images)).logits  # type: ignore[no-any-return]


def progress_of(method: Method, step: int, steps: int, device: torch.device | str = "cpu") -> Progress:
    """The progress a method sees at a step."""
    numbers = method.coefficients(step, steps).items()  # filled on the device: a copy would make the host wait
    return Progress(step, steps, {name: torch.full((), value, device=device) for name, value in numbers})
