"""The seam at which readers plug in: a stream of requests goes in, a stream of image batches comes out."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol, get_args, get_type_hints

import torch
from torch import Tensor

from trainer.data.transforms import CropFlip, Views
from trainer.settings import Data


class Request(NamedTuple):
    """One image to decode."""

    path: str
    """Absolute, or relative to the working directory."""
    draw: CropFlip | None
    """Training view; None: the test views."""


class Reader(Protocol):
    """Decodes images; holds no random state of its own."""

    def read(self, batches: Iterable[Sequence[Request]]) -> Iterator[Tensor]:
        """One tensor for each batch of requests, in order.

        [b, 3, crop, crop] for training views, [b, eval_crops, 3, crop, crop] for test views; float32, normalised,
        pinned where CUDA is there. A batch may be empty if it is one of test views.

        Raises: Crash that names the file that could not be read.
        """


def open_reader(settings: Data, views: Views) -> Reader:
    """The reader the settings ask for."""
    from trainer.data.torch_reader import TorchReader

    return TorchReader(views, settings.workers)


def stand_in(settings: Data, device: torch.device) -> Data:
    """The settings with the reader that comes next when the images do not fit into memory: dali on a GPU, or torch."""
    known = get_args(get_type_hints(Data)["reader"])
    dali = "dali" in known and device.type == "cuda" and find_spec("nvidia") and find_spec("nvidia.dali")
    reader: Any = "dali" if dali else "torch"
    return dataclasses.replace(settings, reader=reader)
