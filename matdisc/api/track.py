"""Results to experiment trackers, from Python."""

from __future__ import annotations

from matdisc.api.evaluation import Evaluation
from matdisc.trackers import TrackedResult, Tracker, send


def track(result: Evaluation, tracker: str | Tracker) -> str:
    """Log a result to an experiment tracker, which keeps it once, and return where it is.

    Parameters, metrics with their intervals, flags as tags, and the files `result.json` and predictions are logged.

    Args:
        result: What `evaluate` or `score` returned.
        tracker: `mlflow`, `wandb`, the name of one that an installed package brings (entry point group
            `matdisc.trackers`), or a function of a `matdisc.trackers.TrackedResult`.

    Raises:
        UnknownName: If there is no tracker of that name.
        ExtraError: If its package is not installed.
        TrackerError: If it does not take the result, which is kept all the same.
    """
    return send(TrackedResult(result.content, result.checked.submission.path if result.checked else None), tracker)
