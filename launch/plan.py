"""What a sweep is: its runs, in the order in which they are started, and the file that says so."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PLAN: Final = "sweep.json"


@dataclass(frozen=True)
class Job:
    """One run of a sweep: one transfer task, method and seed."""

    index: int
    """Its place in the sweep, from 0: the element of a Slurm array."""
    method: str
    """The method's title in tables."""
    task: str
    """Source and target as tables write them: art>clipart."""
    seed: int
    identity: str
    """Hash of the resolved settings (trainer.config.identity)."""
    folder: str
    """The run's own folder (trainer.folder.run_folder)."""
    words: tuple[str, ...]
    """Arguments of trainer/main.py."""


@dataclass(frozen=True)
class Plan:
    """A sweep as it was planned. It is written once, before the first run starts, and read by everything else."""

    name: str
    folder: str
    """<output>/sweeps/<name>: this file, exit records and logs."""
    uri: str
    """MLflow store."""
    experiment: str
    parent: str | None
    """MLflow id of the parent run; null until it was created."""
    jobs: tuple[Job, ...]

    def write(self) -> Path:
        """The plan as <folder>/sweep.json, in one move."""
        path = Path(self.folder) / PLAN
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(dataclasses.asdict(self), indent=1))
        return draft.replace(path)

    @classmethod
    def read(cls, folder: Path) -> "Plan":
        """The plan of a sweep's folder."""
        tree = json.loads((folder / PLAN).read_text())
        jobs = tuple(Job(**job | {"words": tuple(job["words"])}) for job in tree.pop("jobs"))
        return cls(**tree, jobs=jobs)

    @property
    def exits(self) -> Path:
        """Folder of exit records: <index>.json, what the last start of a run said when it ended."""
        return Path(self.folder) / "exits"

    @property
    def logs(self) -> Path:
        """Folder of the runs' output: <index>.log, appended to by every start."""
        return Path(self.folder) / "logs"
