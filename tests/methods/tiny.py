"""A network and batches small enough to run every method in float64 in a blink."""

import torch
from torch import Tensor, nn

from trainer import methods
from trainer.batch import Batch, Labelled, Unlabelled
from trainer.global_batch import GlobalBatch, share
from trainer.methods.base import Method
from trainer.models.backbone import Backbone, Normalisation
from trainer.settings import Optim

CLASSES = 4
STEPS = 200


def backbone() -> Backbone:
    body = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return Backbone(body, 16, Normalisation())


def build(config: Method.Config, seed: int = 0) -> Method:
    torch.manual_seed(seed)
    return methods.find(config.name)(config, backbone(), CLASSES).double()


def images(step: int, rows: int, domain: int) -> Tensor:
    generator = torch.Generator().manual_seed(1000 * domain + step)
    return torch.randn(rows, 3, 16, 16, generator=generator, dtype=torch.float64) + 0.5 * domain


def batch(
    step: int, source: int, target: int, rank: int = 0, world: int = 1, dtype: torch.dtype = torch.float64
) -> Batch:
    """Rank's share of the step's global batch."""
    s, t = share(source, rank, world), share(target, rank, world)
    labels = torch.arange(source) % CLASSES
    return Batch(
        Labelled(images(step, source, 0)[s].to(dtype), labels[s], torch.arange(source)[s]),
        Unlabelled(images(step, target, 1)[t].to(dtype), torch.arange(target)[t]),
    )


def single(data: Batch) -> Batch:
    """The same batch in float32."""
    source, target = data.source, data.target
    return Batch(
        Labelled(source.images.float(), source.labels, source.index), Unlabelled(target.images.float(), target.index)
    )


def global_batch(source: int, target: int, rank: int = 0, world: int = 1) -> GlobalBatch:
    return GlobalBatch(source, target, rank, world, seed=7)


OPTIM = Optim(lr=1e-3, horizon=STEPS)
