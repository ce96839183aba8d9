"""Row terms and metrics of stability labels and of structures."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.metrics.bootstrap import bootstrap_intervals, group_totals
from matdisc.metrics.stability import COUNTS, TERMS, row_terms
from matdisc.metrics.structures import Compared, structure_terms
from matdisc.scoring.answers import Answers, Verdicts
from matdisc.tasks.task import Task

if TYPE_CHECKING:
    from matdisc.cards import DatasetCard
    from matdisc.scoring.answers import Answers


TP, FP, TN, FN = (TERMS.index(key) for key in COUNTS)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are taken: number of resamples of groups (0 for none), and the seed."""

    replicates: int = 1000
    seed: int = 0


DEFAULT_BOOTSTRAP = Bootstrap()


@dataclass(frozen=True)
class Judged:
    """Row terms, shape (n_materials, n_terms), and what they come from: verdicts at one threshold, or structures."""

    terms: Floats
    answered: Bools
    threshold: float
    verdicts: Verdicts | None = None
    compared: Compared | None = None


def judge(task: Task, truth: Truth, answers: Answers, threshold: float) -> Judged:
    """Return verdicts (at a threshold, eV/atom) or comparisons of structures, with the row terms of the answers."""
    if task.compare is not None:
        compared = task.compare(truth, answers)
        return Judged(structure_terms(compared), compared.answered, threshold, compared=compared)
    assert task.judge is not None
    verdicts = task.judge(truth, answers.column, answers.values, threshold)
    v = verdicts
    terms = row_terms(v.stable, v.predicted, v.e_true, v.e_pred, labelled=v.labelled)
    return Judged(terms, np.isfinite(answers.values), threshold, verdicts)


def judge_rounded(task: Task, card: DatasetCard, truth: Truth, answers: Answers) -> Judged | None:
    """Return the verdicts after rounding all energies as the card's population was scored; None where it was not."""
    if card.population is None or card.population.decimals is None:
        return None
    digits = card.population.decimals
    rounded = replace(truth, targets={name: np.round(values, digits) for name, values in truth.targets.items()})
    return judge(task, rounded, replace(answers, values=np.round(answers.values, digits)), card.stability.threshold)


def subset_mask(card: DatasetCard, truth: Truth, name: str | None) -> Bools:
    """Return which materials belong to the named subset of the card; None means all."""
    if name is None:
        return np.ones(len(truth), bool)
    subset = next(s for s in card.subsets if s.name == name)
    has = truth.flags.get(subset.flag, np.zeros(len(truth), bool))
    return has if subset.keep == "with" else ~has


def masked_sum(terms: Floats, keep: Bools) -> Floats:
    """Return the sum of the rows where `keep` is true, shape (n_terms,); one matrix product and no copy."""
    return np.asarray(keep.astype(float) @ terms)


def part_metrics(task: Task, truth: Truth, judged: Judged, keep: Bools, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the metrics of the rows where `keep` is true, JSON-ready; undefined is None."""
    sums = masked_sum(judged.terms, keep)
    point = task.from_totals(sums)
    n = int(np.count_nonzero(keep))
    n_groups = int(np.count_nonzero(np.bincount(truth.groups[keep]))) if n else 0
    intervals = dict.fromkeys(point, (math.nan, math.nan))
    if bootstrap.replicates and n_groups:
        totals = group_totals(judged.terms[keep], truth.groups[keep])
        intervals = bootstrap_intervals(totals, task.from_totals, replicates=bootstrap.replicates, seed=bootstrap.seed)
    metrics = {
        key: {"value": number(point[key]), "low": number(intervals[key][0]), "high": number(intervals[key][1])}
        for key in point
        if key != "prevalence"
    }
    if judged.verdicts is None:
        return {"n": n, "n_groups": n_groups, "metrics": metrics}
    counts = {key: {"value": int(n), "low": None, "high": None} for key, n in zip(COUNTS, sums, strict=False)}
    prevalence = number(point["prevalence"])
    labelled = judged.verdicts.labelled & keep
    n_labelled = int(np.count_nonzero(labelled))
    rounded = None
    if task.needs_references and n_labelled:
        rounded = np.count_nonzero((np.round(judged.verdicts.e_true, 3) <= judged.threshold) & labelled) / n_labelled
    if n_labelled < n:  # R2 compares errors with the spread of hull distances, which not all rows have
        metrics["r2"] = {"value": None, "low": None, "high": None}
    return {
        "threshold": judged.threshold if task.needs_references else None,
        "n": n,
        **({"n_labelled": n_labelled} if n_labelled < n else {}),
        "n_groups": n_groups,
        "n_stable": int(sums[TP] + sums[FN]),
        "prevalence": prevalence,
        "prevalence_rounded": rounded,
        "daf_max": 1 / prevalence if prevalence else None,
        "metrics": metrics | counts,
    }


def _cost(answers: Answers) -> dict[str, Any] | None:
    if not len(answers.seconds):
        return None
    return {
        "seconds_total": round(float(answers.seconds.sum()), 4),
        "seconds_per_material": round(float(answers.seconds.mean()), 6),
        "steps_median": float(np.median(answers.steps)) if len(answers.steps) else None,
    }


def number(value: Any) -> float | None:
    """Return a Python float, or None where it is not finite; JSON knows no nan."""
    value = float(value)
    return value if math.isfinite(value) else None
