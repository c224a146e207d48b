"""The runs below a parent run, as MLflow knows them."""

from collections.abc import Mapping
from dataclasses import dataclass

from trainer.errors import UserError
from trainer.tracking import store


@dataclass(frozen=True)
class Child:
    """One run of a sweep."""

    run_id: str
    name: str
    status: str
    """RUNNING, FINISHED, FAILED or KILLED."""
    step: int
    """Of its newest loss."""
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    """The last value of each."""


def children(uri: str, parent: str) -> list[Child]:
    """The runs below a parent run, in the order they were started.

    Raises:
        UserError: the store does not answer, or has no such run.
    """
    store.quiet_environment()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient(uri)
        experiment = client.get_run(parent).info.experiment_id
        found, token = [], None
        while True:
            where = f"tags.`mlflow.parentRunId` = '{parent}'"
            page = client.search_runs([experiment], where, order_by=["attributes.start_time"], page_token=token)
            for run in page:
                losses = client.get_metric_history(run.info.run_id, "loss/total")
                step = max((point.step for point in losses), default=0)
                values = (run.data.tags, run.data.params, run.data.metrics)
                found.append(Child(run.info.run_id, str(run.info.run_name), str(run.info.status), step, *values))
            token = page.token
            if not token:
                return found
    except MlflowException as error:
        what = str(error).strip().partition("\n")[0][:300]
        raise UserError(f"MLflow at {uri} does not answer, or has no run {parent} ({what})") from error
