"""From a run's settings to a trained network: builds the parts, hands them to the loop, records the outcome."""

import contextlib
import dataclasses
import json
import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer import methods, tracking
from trainer.checkpoint import Checkpoints, Loaded
from trainer.config import flatten
from trainer.distributed import Ranks
from trainer.errors import Crash, UserError
from trainer.folder import open_run_folder
from trainer.global_batch import GlobalBatch
from trainer.images import Images, open_images
from trainer.loop import Loop
from trainer.models.backbone import Backbone, build_backbone
from trainer.optimizer import build_optimizer
from trainer.settings import Run
from trainer.stopping import StopRequest
from trainer.tracking.confusion import confusion_picture
from trainer.tracking.model import Preprocess, log_adapted_model
from trainer.watchdog import Watchdog

log = logging.getLogger(__name__)


@dataclass
class Session:
    """One process's part in a run."""

    run: Run
    ranks: Ranks
    folder: Path
    images: Images
    loop: Loop
    tracker: tracking.Tracker | tracking.NullTracker

    @classmethod
    @contextlib.contextmanager
    def open(cls, run: Run) -> Iterator["Session"]:
        """Build everything a run needs; mistakes of the user surface here, before step 0, on all ranks alike."""
        make_reproducible(run)
        ranks = Ranks(run.train.precision, run.train.timeout)
        run = with_global_batch(run, ranks)
        with ExitStack() as stack:
            stack.callback(ranks.close)
            with ranks.agreed():
                folder = stack.enter_context(open_run_folder(run)) if ranks.main else None
            folder = ranks.from_main(folder)
            with ranks.agreed():
                backbone = build_backbone(run.model.backbone, run.model.weights)
            images = open_images(run, backbone.normalisation, ranks, folder)
            checkpoints = Checkpoints(folder / "checkpoints", run.train.keep)
            saved = find_checkpoint(run, checkpoints, ranks)
            tracker = open_tracker(run, folder, saved, ranks)
            tracker.start()
            watchdog = stack.enter_context(Watchdog(run.train.timeout, ranks.rank))
            loop = build_loop(run, backbone, images, ranks, checkpoints, tracker, watchdog)
            if saved is not None:
                loop.resume(saved)
            session = cls(run, ranks, folder, images, loop, tracker)
            session.describe()
            try:
                yield session
            except Crash:
                tracker.close("FAILED")
                raise
            except BaseException as error:
                tracker.close("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
                raise

    def describe(self) -> None:
        """Record what is run, on what."""
        self.tracker.params(flatten(self.run))
        ranks = {"ranks": str(self.ranks.world), "method": title(self.run), "task": self.images.task}
        self.tracker.tags(tracking.environment_tags(self.ranks.world) | ranks | self.images.tags())
        self.tracker.artifact(self.folder / "config.yaml")

    def train(self) -> bool:
        """Train to the end and write summary, pictures and model; False when asked to stop before."""
        if self.finished():
            return True
        started = time.monotonic()
        with StopRequest() as stop:
            finished = self.loop.train(stop)
        if not finished:
            self.tracker.close("KILLED")
            return False
        if not self.loop.confusion:
            self.loop.evaluate()
        self.summarise(time.monotonic() - started)
        self.tracker.close("FINISHED")
        return True

    def finished(self) -> bool:
        """Whether an earlier start brought this run to its end; said once."""
        outcome = self.folder / "summary.json"
        done = self.loop.standing.step >= self.run.train.steps and outcome.exists()
        if done and self.ranks.main:
            self.tracker.close("FINISHED")
            print(f"{title(self.run)}, {self.images.task}: finished already; see {outcome}")
        return done

    def summarise(self, seconds: float) -> None:
        """The outcome in one file, the confusion matrices as pictures, the network as a model."""
        if not self.ranks.main:
            return
        summary = asdict(self.loop.standing) | {
            "method": title(self.run),
            "dataset": self.run.data.dataset,
            "task": self.images.task,
            "seed": self.run.seed,
            "seconds": round(seconds, 1),
        }
        matrices: dict[str, Any] = {}
        for domain, matrix in self.loop.confusion.items():
            picture = self.folder / f"confusion_{domain}.png"
            heading = f"{title(self.run)}, {self.images.task}: {domain} {matrix.top1:.1f} %"
            confusion_picture(matrix.counts, self.images.classes, picture, heading)
            self.tracker.artifact(picture)
            matrices[domain] = {"counts": matrix.counts.tolist(), "per_class": matrix.per_class.tolist()}
        (self.folder / "confusion.json").write_text(json.dumps({"classes": self.images.classes} | matrices))
        (self.folder / "summary.json").write_text(json.dumps(summary, indent=1))
        for name in ("summary.json", "confusion.json"):
            self.tracker.artifact(self.folder / name)
        if self.run.tracking.log_model:
            self.log_model()

    def log_model(self) -> None:
        """The adapted network as an MLflow model, and the checkpoint it is from."""
        data, normalisation = self.run.data, self.loop.method.backbone.normalisation
        preprocess = Preprocess(data.resize, data.crop, normalisation.mean, normalisation.std)
        example = torch.zeros(2, 3, data.crop, data.crop)
        network = self.loop.method.adapted_network().cpu()
        log_adapted_model(self.tracker, network, example, self.images.classes, preprocess)
        if self.loop.newest is not None:
            for name in ("method.pt", "manifest.json"):
                self.tracker.artifact(self.loop.newest / name, "checkpoint")


def run_format(run: Run) -> torch.memory_format:
    """Memory layout of images and convolutions."""
    return torch.channels_last if run.train.channels_last else torch.contiguous_format


def title(run: Run) -> str:
    """The method's name in tables."""
    return str(run.method.title or run.method.name)


def make_reproducible(run: Run) -> None:
    """Seed the global generators alike on all ranks, so that all build the same network."""
    random.seed(run.seed)
    np.random.seed(run.seed % 2**32)
    torch.manual_seed(run.seed)
    torch.backends.cudnn.benchmark = not run.train.deterministic
    torch.backends.cudnn.deterministic = run.train.deterministic
    if torch.cuda.is_available() and run.train.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)


def with_global_batch(run: Run, ranks: Ranks) -> Run:
    """The run with data.batch_per_rank turned into the batch over all ranks; said, since no other setting follows."""
    if run.data.batch_per_rank is None:
        return run
    size = run.data.batch_per_rank * ranks.world
    if ranks.main:
        text = "data.batch_per_rank %d on %d ranks: %d source and %d target images a step; optim.lr stays %g"
        log.warning(text, run.data.batch_per_rank, ranks.world, size, size, run.optim.lr)
    data = dataclasses.replace(run.data, batch_size=size, target_batch_size=None, batch_per_rank=None)
    return dataclasses.replace(run, data=data)


def find_checkpoint(run: Run, checkpoints: Checkpoints, ranks: Ranks) -> Loaded | None:
    """What to resume, by run.resume; the main rank looks, the others load what it found."""
    newest = None
    with ranks.agreed():
        newest = checkpoints.newest() if ranks.main else None
    path = ranks.from_main(newest.path if newest else None)
    if path is None and run.resume == "must":
        raise UserError(f"resume: must, but there is no checkpoint in {checkpoints.folder}.")
    if path is not None and run.resume == "never":
        raise UserError(f"resume: never, but {checkpoints.folder} holds checkpoints; choose another output or seed.")
    with ranks.agreed():
        return newest or (checkpoints.load(path) if path else None)


def open_tracker(run: Run, folder: Path, saved: Loaded | None, ranks: Ranks) -> tracking.Tracker | tracking.NullTracker:
    """The run's tracker, on the MLflow run a checkpoint names."""
    name = f"{title(run)} {'+'.join(run.data.source)}>{run.data.target} seed {run.seed}"
    run_id = saved.meta.get("mlflow_run") if saved else None
    return tracking.open_tracker(run.tracking, folder, name, run_id, ranks.main, run.output)


def build_loop(
    run: Run,
    backbone: Backbone,
    images: Images,
    ranks: Ranks,
    checkpoints: Checkpoints,
    tracker: tracking.Tracker | tracking.NullTracker,
    watchdog: Watchdog,
) -> Loop:
    """The method on its device, its optimiser, and the loop around them."""
    method = methods.find(run.method.name)(run.method, backbone, len(images.classes), run.train.sync_bn)
    method.to(device=ranks.device, memory_format=run_format(run))  # type: ignore[call-overload]
    source, target = run.data.batch_size, run.data.target_batch_size or run.data.batch_size
    over = GlobalBatch(source, target, ranks.rank, ranks.world, run.seed)
    optimizer = build_optimizer(method, run.optim)
    return Loop(run, method, optimizer, images, over, ranks, checkpoints, tracker, watchdog.beat)
