"""The images of a run, with the steps that use them recorded."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from trainer.batch import Batch
from trainer.global_batch import Domain
from trainer.images import Images
from trainer.step_profile import Profile


@dataclass(frozen=True)
class ProfiledImages:
    """What trainer.loop.Supply asks for; asking for the next batch tells the profile that a step is over."""

    images: Images
    profile: Profile

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """See Images."""
        return self.profile.watch(self.images.batches(start, stop))

    def evaluation(self, domain: Domain) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """See Images."""
        return self.images.evaluation(domain)

    def unlabelled(self) -> Iterator[Tensor]:
        """See Images."""
        return self.images.unlabelled()
