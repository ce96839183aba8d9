"""From measured numbers to a result: mean or median of each metric over the materials that have it, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.metrics.bootstrap import percentile_interval
from matdisc.metrics.weighted import draws_of_materials, weighted_mean, weighted_median
from matdisc.tasks.task import Task

if TYPE_CHECKING:
    from matdisc.scoring.answers import Answers

Terms = Mapping[str, Floats]


def measured_terms(task: Task, card: DatasetCard, truth: Truth, answers: Answers) -> dict[str, Floats]:
    """Return what each material says of each metric, shape (n_materials,); nan where it says nothing.

    `coverage` is added: whether a material has a usable answer.
    """
    assert task.terms is not None
    found = dict(task.terms(card, truth, answers))
    return found | {"coverage": np.isfinite(answers.values).astype(float)}


def averages(task: Task, terms: Terms, weights: Floats) -> dict[str, Floats]:
    """Return mean or median of each metric, shape of `weights` without its last axis, (..., n_materials)."""
    return {
        key: (weighted_median if key in task.medians else weighted_mean)(values, weights)
        for key, values in terms.items()
    }


def drawn(task: Task, terms: Terms, groups: Any, replicates: int, seed: int) -> dict[str, Floats]:
    """Return each metric in every resample of groups, shape (replicates,); nan throughout with fewer than two."""
    weights = draws_of_materials(groups, replicates=replicates, seed=seed)
    if weights is None:
        return {key: np.full(replicates, np.nan) for key in terms}
    return averages(task, terms, weights)


def measured_part(task: Task, truth: Truth, terms: Terms, keep: Bools, replicates: int, seed: int) -> dict[str, Any]:
    """Return the metrics of the materials where `keep` is true, JSON-ready; undefined is None.

    `n_defined` tells how many materials have each metric.
    """
    kept = {key: values[keep] for key, values in terms.items()}
    groups = truth.groups[keep]
    point = averages(task, kept, np.ones(int(keep.sum())))
    draws = drawn(task, kept, groups, replicates, seed) if replicates else {}
    intervals = {key: percentile_interval(draws[key]) if key in draws else (math.nan, math.nan) for key in point}
    return {
        "n": int(keep.sum()),
        "n_groups": len(np.unique(groups)),
        "metrics": {
            key: {"value": _number(point[key]), "low": _number(intervals[key][0]), "high": _number(intervals[key][1])}
            for key in point
        },
        "n_defined": {key: int(np.isfinite(values).sum()) for key, values in kept.items()},
    }


def trivial_metrics(task: Task, card: DatasetCard, truth: Truth, keep: Bools) -> dict[str, float | None]:
    """Return the metrics of the trivial answer; empty where the task has none."""
    if task.floor is None:
        return {}
    terms = {key: values[keep] for key, values in task.floor(card, truth).items()}
    return {key: _number(value) for key, value in averages(task, terms, np.ones(int(keep.sum()))).items()}


def _number(value: Any) -> float | None:
    value = float(value)
    return value if math.isfinite(value) else None
