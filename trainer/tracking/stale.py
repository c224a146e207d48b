"""Runs that a store believes to be running: which of them are dead, and how one of them is ended.

A process that is killed (SIGKILL, a lost node) cannot say so, and MLflow shows its run as RUNNING for ever.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from trainer.alive import place, started
from trainer.tracking import store
from trainer.tracking.refusal import answering

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

QUIET: Final = 900.0
"""Seconds without a metric after which a run on another host counts as stale: system metrics come every 10 s."""
HEARTBEATS: Final = ("system/system_memory_usage_megabytes", "loss/total")


@dataclass(frozen=True)
class Stale:
    """A run that is RUNNING in the store and dead, or long silent, in fact."""

    run_id: str
    name: str
    folder: str | None
    """The run's own folder, as its process saw it; replay.send takes it."""
    silent: float
    """Seconds since its last metric."""
    gone: bool
    """Its process was on this host and is no more; otherwise its silence is all that is known."""


def end_run(uri: str, run_id: str, status: Literal["FINISHED", "FAILED", "KILLED"]) -> bool:
    """End a run that the store believes to be running; False if it had an end already, which is kept.

    What its spool still holds is not sent by this: where the run's folder is at hand, use replay.send(status=...).

    Raises:
        StoreError: the store does not answer, or has no such run.
    """
    store.quiet_environment()
    from mlflow import MlflowClient

    with answering(uri):
        client = MlflowClient(uri)
        if client.get_run(run_id).info.status not in ("RUNNING", "SCHEDULED"):
            return False
        client.set_terminated(run_id, status=status)
    return True


def stale_runs(uri: str, experiment: str | None = None, parent: str | None = None, quiet: float = QUIET) -> list[Stale]:
    """The trainer's own runs that are RUNNING in the store while their process is gone or has long been silent.

    A process of this host is looked at; of another one only its silence tells, and an outage of the store is silence
    too: let `quiet` be longer than an outage that is to be forgiven.

    Args:
        experiment: name of the experiment to look through; None: all.
        parent: only children of this run.
        quiet: seconds.

    Raises:
        StoreError: the store does not answer.
    """
    store.quiet_environment()
    from mlflow import MlflowClient

    found = []
    with answering(uri):
        client = MlflowClient(uri)
        for run in _running(client, experiment, parent):
            tags = run.data.tags
            silent = time.time() - _last_sign(client, run) / 1000
            here = tags.get("trainer.host") == place()
            gone = here and _gone(tags.get("trainer.process", ""))
            if gone or (not here and silent > quiet):
                name = str(run.info.run_name)
                found.append(Stale(run.info.run_id, name, tags.get("trainer.folder"), silent, gone))
    return found


def _running(client: "MlflowClient", experiment: str | None, parent: str | None) -> "Iterator[Run]":
    experiments = client.search_experiments(filter_string=f"name = '{experiment}'" if experiment else None)
    asked = "attributes.status = 'RUNNING'" + (f" and tags.`mlflow.parentRunId` = '{parent}'" if parent else "")
    token = None
    while experiments:
        page = client.search_runs([e.experiment_id for e in experiments], asked, page_token=token)
        yield from (run for run in page if store.SPOOL_TAG in run.data.tags)
        token = page.token
        if not token:
            return


def _last_sign(client: "MlflowClient", run: "Run") -> int:
    """Time of the run's newest metric, or of its start (ms)."""
    known = [key for key in HEARTBEATS if key in run.data.metrics]
    times = [point.timestamp for key in known for point in client.get_metric_history(run.info.run_id, key)]
    return max([int(run.info.start_time), *times])


def _gone(process: str) -> bool:
    pid, _, began = process.partition(":")
    return pid.isdigit() and started(int(pid)) != began
