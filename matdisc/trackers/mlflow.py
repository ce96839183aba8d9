"""Results as runs of MLflow."""

from __future__ import annotations

import os

from matdisc.trackers.result import TrackedResult

EXPERIMENT = "matdisc"
RETRIES = ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
"""MLflow asks a server that is away seven times, which takes minutes; a board has many results."""


def log(result: TrackedResult) -> str:
    """Log a result as a run of MLflow, unless a run has it, and return which.

    MLflow's own variables say where: `MLFLOW_TRACKING_URI`, `MLFLOW_EXPERIMENT_NAME` (default: `matdisc`). The tag
    `matdisc.result`, by which a run is known again, comes last: a run that broke off has none.
    """
    os.environ.setdefault(*RETRIES)
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.utils.time import get_current_time_millis

    client = MlflowClient()
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    experiment = client.get_experiment_by_name(name)
    key = experiment.experiment_id if experiment else client.create_experiment(name)
    where = f"experiment {name!r} at {client.tracking_uri}"
    same = client.search_runs([key], f"tags.`matdisc.result` = '{result.sha256}'", max_results=1)
    if same:
        return f"run {same[0].info.run_id} of {where}, as before"
    run = client.create_run(key, run_name=result.name)
    status = "FAILED"
    try:
        now = get_current_time_millis()
        client.log_batch(
            run.info.run_id,
            metrics=[Metric(metric, value, now, 0) for metric, value in result.metrics.items()],
            params=[Param(param, value) for param, value in result.params.items()],
        )
        with result.files() as files:
            for path in files:
                client.log_artifact(run.info.run_id, str(path))
        client.log_batch(run.info.run_id, tags=[RunTag(tag, value) for tag, value in result.tags.items()])
        status = "FINISHED"
    finally:
        client.set_terminated(run.info.run_id, status)
    return f"run {run.info.run_id} of {where}"
