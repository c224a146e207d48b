"""The parent run of a sweep in MLflow: made once, before any of its runs starts."""

import time
from collections.abc import Mapping
from typing import Literal

from trainer.errors import UserError
from trainer.tracking import store

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


def open_sweep(uri: str, experiment: str, known: str | None, name: str, tags: Mapping[str, str]) -> str:
    """The id of a sweep's parent run, with these tags and status RUNNING; database and experiment are made if missing.

    Args:
        known: the run's id, if it was made before; one that the store no longer has is replaced.
        name: of the run.
        tags: `sweep.plan` among them finds a run again whose creation was never answered.

    Raises:
        UserError: the store does not answer or refuses.
    """
    try:
        number = store.prepare_experiment(uri, experiment)
        from mlflow import MlflowClient
        from mlflow.entities import RunTag

        client = MlflowClient(uri)
        parent = store.adopt_run(client, known)
        if parent is None:
            identity = f"sweep {tags['sweep.plan']}".replace("'", "_")
            parent = store.create_run(client, number, identity, name, None, time.time_ns() // 1_000_000)
        client.log_batch(parent, tags=[RunTag(key, value) for key, value in tags.items()])
        client.update_run(parent, status="RUNNING")
        return parent
    except Exception as error:  # a store has its own ways to fail; nothing was started, so all of them end here
        raise _away(uri, error) from error


def set_status(uri: str, parent: str, status: Status) -> None:
    """Set the parent run's status: RUNNING, or an end.

    Raises:
        UserError: the store does not answer or refuses.
    """
    store.quiet_environment()
    try:
        from mlflow import MlflowClient

        client = MlflowClient(uri)
        if status == "RUNNING":
            client.update_run(parent, status=status)
        else:
            client.set_terminated(parent, status=status)
    except Exception as error:  # as above: a sentence, since the runs themselves are done
        raise _away(uri, error) from error


def _away(uri: str, error: Exception) -> UserError:
    what = str(error).strip().partition("\n")[0][:300]
    return UserError(
        f"MLflow at {uri} does not answer or refuses ({type(error).__name__}: {what}): start it, name another store "
        f"with --tracking.uri, or do without it: --tracking.enabled false"
    )
