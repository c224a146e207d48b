"""Endless source and target batches, a pure function of (seed, step), whatever the number of ranks and workers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from trainer.batch import Batch, Labelled, Unlabelled
from trainer.data.domains import Domains
from trainer.data.listing import Listing
from trainer.data.order import batch_indices
from trainer.data.reader import Reader, Request, open_reader
from trainer.data.transforms import Views
from trainer.errors import UserError
from trainer.global_batch import share
from trainer.settings import Data


@dataclass(frozen=True)
class Stream:
    """One rank's part of the training batches of one listing."""

    name: str
    """source or target: keys the order and the views."""
    listing: Listing
    root: Path
    views: Views
    batch: int
    """Size of the global batch."""
    seed: int
    part: slice
    """This rank's part of the global batch."""

    def positions(self, step: int) -> Tensor:
        """[b] int64 positions in the listing."""
        indices = batch_indices(len(self.listing), self.batch, step, self.seed, self.name)
        return torch.from_numpy(indices[self.part].copy())

    def requests(self, step: int) -> list[Request]:
        """This rank's images of a step, with their views."""
        draws = self.views.draws(self.batch, self.seed, step, self.name)[self.part]
        paths = [self.listing.paths[i] for i in self.positions(step).tolist()]
        return [Request(str(self.root / path), draw) for path, draw in zip(paths, draws, strict=True)]


class Pairs:
    """Source batches with labels, target batches without.

    Args:
        domains: checked listings.
        settings: root, batch sizes, reader.
        views: what becomes of an image.
        seed: of order and views.
        rank: this rank.
        world: number of ranks.

    Raises: UserError if a rank would see no image.
    """

    def __init__(self, domains: Domains, settings: Data, views: Views, seed: int, rank: int, world: int) -> None:
        sizes = (settings.batch_size, settings.target_batch_size or settings.batch_size)
        if min(sizes) < world:
            raise UserError(
                f"{world} ranks cannot share a batch of {min(sizes)} images: give data.batch_size and "
                f"data.target_batch_size at least {world}, or start fewer ranks"
            )
        self.source, self.target = (
            Stream(name, listing, settings.root, views, size, seed, share(size, rank, world))
            for name, listing, size in (("source", domains.source, sizes[0]), ("target", domains.target, sizes[1]))
        )
        self._labels = torch.tensor(domains.source.labels, dtype=torch.int64)
        self._reader: Reader = open_reader(settings, views)

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """This rank's batches of the steps start to stop - 1; nothing that came before start is decoded.

        Raises: Crash that names an image that cannot be read, or those that were waited for when a worker was lost.
        """
        sources = self._reader.read(self.source.requests(step) for step in range(start, stop))
        targets = self._reader.read(self.target.requests(step) for step in range(start, stop))
        for step, source, target in zip(range(start, stop), sources, targets, strict=True):
            index = self.source.positions(step)
            labelled = Labelled(source, _pinned(self._labels[index]), _pinned(index))
            yield Batch(labelled, Unlabelled(target, _pinned(self.target.positions(step))))


def _pinned(tensor: Tensor) -> Tensor:
    return tensor.pin_memory() if torch.cuda.is_available() else tensor
