"""Results as runs of Weights & Biases."""

from __future__ import annotations

import os

from matdisc.errors import TrackerError
from matdisc.trackers.result import TrackedResult

PROJECT = "matdisc"


def log(result: TrackedResult) -> str:
    """Log a result as a run of Weights & Biases, whose id is the result's hash, and return which.

    Where the server has the run it is gone on with, and ends with the same values. The variables of wandb say where:
    `WANDB_PROJECT` (default: `matdisc`), `WANDB_ENTITY`, `WANDB_MODE`, `WANDB_DIR`. A run that is active stays so.

    Raises:
        TrackerError: If wandb would have to ask for a key: nobody may be there to answer.
    """
    import wandb

    offline = wandb.setup().settings.mode in ("offline", "disabled")
    if not offline and not wandb.login(prompt=False):
        raise TrackerError("tracker 'wandb' has no API key; run `wandb login`, or set WANDB_MODE=offline")
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT") or PROJECT,
        id=result.sha256[:32],
        name=result.name,
        tags=[str(result.content["task"]), str(result.content["dataset"])],
        notes=result.tags.get("matdisc.flags"),
        config=dict(result.params),
        resume=None if offline else "allow",
        reinit="create_new",
        settings=wandb.Settings(silent=True),
    )
    with run:
        run.summary.update(result.metrics)
        files = wandb.Artifact(f"result-{result.sha256[:12]}", type="result")
        with result.files() as paths:
            for path in paths:
                files.add_file(str(path))
            run.log_artifact(files)
        return f"run {run.id} at {run.url or run.dir}"
