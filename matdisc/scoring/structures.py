"""Bounds and baselines of structures."""

from __future__ import annotations

from matdisc.arrays import Bools
from matdisc.datasets.truth import Truth
from matdisc.scoring.verdicts import (
    Judged,
    judge,
    masked_sum,
    number,
)
from matdisc.tasks.relaxation.task import unrelaxed
from matdisc.tasks.task import Task


def structure_bounds(task: Task, judged: Judged, keep: Bools) -> dict[str, dict[str, float | None]]:
    """Return the ranked metrics with missing answers as unmatched (the headline), and left out."""
    parts = {"headline": keep, "complete_case": keep & judged.answered}
    metrics = {name: task.from_totals(masked_sum(judged.terms, rows)) for name, rows in parts.items()}
    return {name: {key: number(found[key]) for key in task.ranked} for name, found in metrics.items()}


def _unrelaxed(task: Task, truth: Truth, keep: Bools) -> dict[str, float | None]:
    """Metrics of returning every start structure unchanged; nothing has converged, and no force is told."""
    found = task.from_totals(masked_sum(judge(task, truth, unrelaxed(truth), 0.0).terms, keep))
    return {key: number(value) for key, value in found.items() if key not in ("converged", "fmax", "energy_mae")}
