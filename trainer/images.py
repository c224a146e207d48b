"""The images of a run as the loop draws them: checked listings, views and readers, dealt out to the ranks."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from trainer.batch import Batch
from trainer.data import domains as domains_of
from trainer.data import evaluation, scan
from trainer.data.domains import Domains
from trainer.data.pairs import Pairs
from trainer.data.scan import BadImage
from trainer.data.transforms import Views
from trainer.distributed import Ranks
from trainer.global_batch import Domain
from trainer.models.backbone import Normalisation
from trainer.settings import Data, Run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Images:
    """What trainer.loop.Supply asks for."""

    settings: Data
    domains: Domains
    bad: list[BadImage]
    views: Views
    pairs: Pairs
    rank: int
    world: int

    @property
    def classes(self) -> list[str]:
        """Class names by label."""
        return list(self.domains.classes)

    @property
    def task(self) -> str:
        """For instance art>clipart."""
        return f"{'+'.join(source.domain for source in self.domains.sources)}>{self.domains.target.domain}"

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """This rank's shares of steps start to stop - 1."""
        return self.pairs.batches(start, stop)

    def evaluation(self, domain: Domain) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """This rank's part of a domain's test images: views [b, crops, 3, H, W], labels [b], indices [b]."""
        tests = self.domains.source_test if domain == "source" else (self.domains.target_test,)
        for listing in tests:
            yield from evaluation.evaluation_batches(listing, self.settings, self.views, self.rank, self.world)

    def unlabelled(self) -> Iterator[Tensor]:
        """This rank's part of the target's training images in the test view: [b, 3, H, W]."""
        return evaluation.unlabelled_batches(self.domains.target, self.settings, self.views, self.rank, self.world)

    def tags(self) -> dict[str, str]:
        """What MLflow should know of the data: task, counts, fingerprint, images left out."""
        counts = {listing.domain: len(listing) for listing in (*self.domains.sources, self.domains.target)}
        return {
            "task": self.task,
            "dataset": self.settings.dataset,
            "dataset.fingerprint": self.domains.fingerprint,
            "dataset.images": ", ".join(f"{domain} {count}" for domain, count in counts.items()),
            "dataset.skipped": ", ".join(str(bad.path) for bad in self.bad) or "none",
        }


def verified_by_main(
    domains: Domains, run: Run, cache: Path, report: Path, ranks: Ranks
) -> tuple[Domains, list[BadImage]] | None:
    """What the main rank finds; the others get None, and hear from it often enough not to take it for dead."""
    if not ranks.main:
        while ranks.from_main(None):
            pass
        return None
    try:
        beat = partial(ranks.from_main, True)
        checked = scan.verify(domains, run.data, cache, run.seed, progress=True, report=report, beat=beat)
    finally:
        ranks.from_main(False)
    for remark in checked[0].remarks:
        log.warning(remark)
    return checked


def open_images(run: Run, normalisation: Normalisation, ranks: Ranks, folder: Path) -> Images:
    """List, check and decode-test the images of a run; every mistake is raised on all ranks alike.

    The main rank decodes every image once and remembers the verdicts beside the runs; the others read them there.
    """
    cache = run.output / "image_scan.json"
    with ranks.agreed():
        domains = domains_of.load(run.data, run.seed)
    checked: tuple[Domains, list[BadImage]] | None = None
    with ranks.agreed():
        checked = verified_by_main(domains, run, cache, folder / "bad_images.txt", ranks)
    with ranks.agreed():
        domains, bad = checked or scan.verify(domains, run.data, cache, run.seed)
        views = Views(run.data, normalisation.mean, normalisation.std)
        pairs = Pairs(domains, run.data, views, run.seed, ranks.rank, ranks.world)
    return Images(run.data, domains, bad, views, pairs, ranks.rank, ranks.world)
