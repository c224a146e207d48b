"""A run whose process died without a word: somebody else brings its end, and what it had not sent, to MLflow."""

from pathlib import Path

from trainer.tracking.__main__ import send
from trainer.tracking.spool import Spool
from trainer.tracking.tracker import Status


def end_dead_run(folder: Path, status: Status, seconds: float = 20.0) -> bool:
    """Give the run in a folder its last status, unless it has one; what the store does not take now waits in the spool.

    Only for a folder in which no process works any more.

    Args:
        folder: the run's own.
        status: what it shall be in MLflow.
        seconds: patience with the store.

    Returns:
        Whether the run was left without an end.
    """
    if not (folder / "tracking" / "address.json").exists() or last_status(folder) != "RUNNING":
        return False
    spool = Spool(folder / "tracking")
    spool.append("status", status=status)
    spool.close()
    send(folder, None, seconds)
    return True


def last_status(folder: Path) -> str | None:
    """The run's last status that was recorded, sent or not; None without any."""
    path = folder / "tracking" / "spool.jsonl"
    if not path.exists():
        return None
    spool = Spool(folder / "tracking")
    statuses = [str(entry["status"]) for entry, _ in spool.entries(0) if entry.get("op") == "status"]
    spool.close()
    return statuses[-1] if statuses else None
