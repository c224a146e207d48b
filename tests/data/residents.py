"""Resident feeds for tests, and requests to build a cache from other processes."""

from pathlib import Path

import torch
from torch import Tensor

from trainer.data import scan
from trainer.data.domains import Domains, load
from trainer.data.resident.cache import opened
from trainer.data.resident.feed import ResidentFeed
from trainer.data.resident.shelves import Shelves, plan
from trainer.data.resident.wanted import Wanted
from trainer.data.transforms import Views
from trainer.settings import Data

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CPU = torch.device("cpu")


def feed(
    settings: Data, cache: Path, domains: Domains | None = None, device: torch.device = CPU, views: Views | None = None
) -> ResidentFeed:
    """A feed on a cache, which is built if need be."""
    domains, views = domains or load(settings), views or Views(settings, MEAN, STD)
    digests = scan.digests(domains.listings, settings.root, None)
    shelves = plan(domains, digests, settings.root, views)
    files = {wanted.key: opened(wanted, cache, progress=False) for shelf in shelves for wanted in shelf}
    return ResidentFeed(Shelves(shelves, digests, files, device), views)


def wanted(settings: Data) -> Wanted:
    """What the target of a task needs."""
    listing = load(settings).target
    digests = scan.digests([listing], settings.root, None)
    return Wanted.of([listing], digests, settings.root, settings.resize, "BILINEAR")


def by_path(one: Wanted, pixels: Tensor) -> dict[str, Tensor]:
    """The pixels of each image by its file's name."""
    return {str(path): image for path, image in zip(one.paths, pixels, strict=True)}
