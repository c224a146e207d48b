"""Pillow in the worker processes of a torch DataLoader."""

import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from trainer.data.image import UnreadableError, read_rgb
from trainer.data.reader import Request
from trainer.data.transforms import Views
from trainer.errors import Crash

PATIENCE = 600
"""Seconds to wait for a batch before the storage is taken for dead."""


@dataclass(frozen=True)
class Failure:
    """What a worker sends instead of images."""

    path: str
    reason: str


class Decode(Dataset[Tensor]):
    """Turns requests into images; knows no list, so that a worker costs no memory however long the lists are."""

    def __init__(self, views: Views) -> None:
        self.views = views

    def __getitems__(self, requests: Sequence[Request]) -> Tensor | Failure:
        """A whole batch; the first image that cannot be read fails it."""
        images = []
        for path, draw in requests:
            try:
                image = read_rgb(path)
            except UnreadableError as error:
                return Failure(path, str(error))
            images.append(self.views.evaluate(image) if draw is None else self.views.train(image, draw))
        side = self.views.crop
        return torch.stack(images) if images else torch.empty(0, self.views.crops, 3, side, side)


class TorchReader:
    """Decodes with Pillow; leaves every global random generator as it is.

    Args:
        views: what becomes of an image.
        workers: processes; 0 decodes in the calling process.
        start_method: how workers are started (fork, forkserver, spawn); None: the system's default.
    """

    def __init__(self, views: Views, workers: int, start_method: str | None = None) -> None:
        self.views, self.workers = views, workers
        self.start_method = start_method if workers else None

    def read(self, batches: Iterable[Sequence[Request]]) -> Iterator[Tensor]:
        """See trainer.data.reader.Reader."""
        waiting: deque[Sequence[Request]] = deque()
        images = iter(self._loader(_remember(batches, waiting)))
        while True:
            try:
                found = next(images)
            except StopIteration:
                return
            except RuntimeError as error:  # what DataLoader raises when a worker is killed or hangs
                raise _worker_lost(waiting, error) from error
            waiting.popleft()
            if isinstance(found, Failure):
                raise Crash(
                    f"The image {found.path} could not be read: {found.reason}. Every image is checked when a run "
                    f"starts: mend or remove it, or start again to see all that cannot be read"
                )
            yield found

    def _loader(self, batches: Iterable[Sequence[Request]]) -> DataLoader[Any]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="This DataLoader will create")  # more workers than cores
            return DataLoader(
                Decode(self.views),
                batch_sampler=batches,  # type: ignore[arg-type]  # any iterable of batches of keys will do
                num_workers=self.workers,
                collate_fn=_identity,
                pin_memory=torch.cuda.is_available(),
                timeout=PATIENCE if self.workers else 0,
                multiprocessing_context=self.start_method,
                generator=torch.Generator().manual_seed(0),  # else the loader draws from the global generator
            )


def _remember(batches: Iterable[Sequence[Request]], waiting: deque[Sequence[Request]]) -> Iterator[Sequence[Request]]:
    for batch in batches:
        waiting.append(batch)
        yield batch


def _identity(batch: Any) -> Any:
    return batch


def _worker_lost(waiting: deque[Sequence[Request]], error: RuntimeError) -> Crash:
    batch = waiting[0] if waiting else ()
    files = ", ".join(request.path for request in batch[:3])
    more = f" and {len(batch) - 3} more" if len(batch) > 3 else ""
    return Crash(
        f"A decoding process was lost ({str(error).splitlines()[0]}) while these images were waited for: "
        f"{files}{more}. Often memory has run out: lower data.workers"
    )
