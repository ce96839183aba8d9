"""From answers to a result: metrics with intervals, subsets, dummies, coverage, cost, and where it came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matdisc.cards import DatasetCard, ModelCard
from matdisc.metrics.inference import bootstrap_intervals, group_totals
from matdisc.metrics.stability import COUNTS, METRICS, all_stable_dummy, metrics_from_totals, row_terms
from matdisc.schema import Dataset, Sample
from matdisc.tasks.base import Floats, Task
from matdisc.tasks.check import Answers


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are taken: number of resamples of groups, and the seed."""

    replicates: int = 1000
    seed: int = 0


DEFAULT_BOOTSTRAP = Bootstrap()


def score(
    task: Task, card: DatasetCard, dataset: Dataset, answers: Answers, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP
) -> dict[str, Any]:
    """Return headline and secondary metrics of a set of answers as plain, JSON-ready data.

    An undefined number is None. `metrics` maps each key to value, low and high (95 % bootstrap interval over
    the dataset's groups; None where it makes no sense).
    """
    samples, threshold = dataset.samples, card.stability.threshold
    everything = np.ones(len(samples), bool)
    headline = _part(task, samples, answers, threshold, everything, bootstrap)
    share = answers.coverage["answered"] / answers.coverage["expected"]
    headline["metrics"]["coverage"] = {"value": share, "low": None, "high": None}
    secondary = [
        {"name": f"threshold {other:g} eV/atom"} | _part(task, samples, answers, other, everything, bootstrap)
        for other in card.stability.secondary
        if task.needs_references
    ]
    for subset in card.subsets:
        has = np.array([subset.flag in s.flags for s in samples])
        keep = has if subset.keep == "with" else ~has
        secondary.append({"name": subset.name} | _part(task, samples, answers, threshold, keep, bootstrap))
    return {
        **headline,
        "secondary": secondary,
        "dummy": _dummy(task, samples, headline["prevalence"]),
        "coverage": answers.coverage,
        "cost": _cost(answers),
    }


def flags(model: ModelCard | None, card: DatasetCard, task: Task) -> list[str]:
    """Return what a reader has to know before trusting a row, one plain sentence each."""
    found: list[str] = []
    if model is None or model.reference_row:
        return found
    for overlap in card.known_overlaps:
        if overlap.training_set in model.training_sets:
            found.append(f"training overlap {overlap.degree}: trained on {overlap.training_set}; {overlap.note}")
    if not model.training_sets and model.kind == "potential" and model.energy_scale != "own":
        found.append("training data unknown: overlap with this set cannot be excluded")
    if card.key in model.used_in_construction_of:
        found.append("used in construction: this model helped to decide the structures of this set")
    theory = model.level_of_theory
    if task.needs_references and theory and theory != card.level_of_theory:
        found.append(f"level of theory differs: model {theory}; labels {card.level_of_theory}")
    return found


def _part(
    task: Task, samples: Sequence[Sample], answers: Answers, threshold: float, keep: Any, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Metrics of the rows where `keep` is true."""
    verdicts = task.judge(samples, answers.column, answers.values, threshold)
    terms = row_terms(verdicts.stable, verdicts.called, verdicts.e_true, verdicts.e_pred)[keep]
    groups = [s.group for s, kept in zip(samples, keep, strict=True) if kept]
    totals = group_totals(terms, groups)
    sums: Floats = terms.sum(axis=0)
    point = metrics_from_totals(sums)
    intervals = bootstrap_intervals(totals, metrics_from_totals, replicates=bootstrap.replicates, seed=bootstrap.seed)
    metrics = {
        key: {"value": number(point[key]), "low": number(intervals[key][0]), "high": number(intervals[key][1])}
        for key in METRICS
        if key != "prevalence"
    }
    counts = {key: {"value": int(n), "low": None, "high": None} for key, n in zip(COUNTS, sums, strict=False)}
    prevalence = number(point["prevalence"])
    return {
        "threshold": threshold if task.needs_references else None,
        "n": len(groups),
        "n_groups": len(totals),
        "n_stable": int(verdicts.stable[keep].sum()),
        "prevalence": prevalence,
        "daf_max": 1 / prevalence if prevalence else None,
        "metrics": metrics | counts,
    }


def _dummy(task: Task, samples: Sequence[Sample], prevalence: float | None) -> dict[str, float | None]:
    """All-stable values of the classification metrics; MAE and RMSE of predicting the mean of the labels."""
    values = {key: number(value) for key, value in all_stable_dummy(prevalence or 0.0).items()}
    if task.needs_references:
        e_form = np.array([s.target["e_form_per_atom"] for s in samples])
        values["mae"] = number(np.abs(e_form - e_form.mean()).mean())
        values["rmse"] = number(e_form.std())
        values["r2"] = None
    return values


def _cost(answers: Answers) -> dict[str, Any] | None:
    if not answers.seconds:
        return None
    return {
        "seconds_total": round(sum(answers.seconds), 4),
        "seconds_per_material": round(sum(answers.seconds) / len(answers.seconds), 6),
        "steps_median": float(np.median(answers.steps)) if answers.steps else None,
    }


def number(value: Any) -> float | None:
    """Return a Python float, or None where it is not finite; JSON knows no nan."""
    value = float(value)
    return value if math.isfinite(value) else None
