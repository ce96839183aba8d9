"""From answers to a result: metrics with intervals, bounds, subsets, dummies, coverage, cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets.truth import Truth
from matdisc.metrics.inference import bootstrap_intervals, group_totals
from matdisc.metrics.stability import COUNTS, TERMS, all_stable_dummy, metrics_from_totals, row_terms
from matdisc.metrics.structures import Compared, structure_terms
from matdisc.tasks.base import Bools, Floats, Task, Verdicts
from matdisc.tasks.beliefs import protocols, score_beliefs
from matdisc.tasks.check import ABSURD, Answers
from matdisc.tasks.measured import measured_part, measured_terms, trivial_metrics
from matdisc.tasks.relaxation import unrelaxed

BOUNDED = ("f1", "daf", "precision", "recall", "accuracy")
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
    terms = row_terms(v.stable, v.called, v.e_true, v.e_pred, labelled=v.labelled)
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


def score(
    task: Task, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP
) -> dict[str, Any]:
    """Return headline and secondary metrics of a set of answers as plain, JSON-ready data.

    An undefined number is None. `metrics` maps each key to value, low and high (95 % bootstrap interval over
    the dataset's groups; None where it makes no sense). `bounds` gives what missing answers could change.
    """
    if task.beliefs:
        return _score_beliefs(card, truth, answers, bootstrap)
    if task.measured:
        return _score_measured(task, card, truth, answers, bootstrap)
    main = judge(task, truth, answers, card.stability.threshold)
    everything = np.ones(len(truth), bool)
    headline = subset_mask(card, truth, card.headline_subset)
    result = part_metrics(task, truth, main, headline, bootstrap)
    share = float(main.answered[headline].mean()) if headline.any() else math.nan
    result["metrics"]["coverage"] = {"value": number(share), "low": None, "high": None}
    secondary = []
    if card.headline_subset is not None:
        secondary.append({"name": "all materials"} | part_metrics(task, truth, main, everything, bootstrap))
    if task.needs_references:
        for other in card.stability.secondary:
            judged = judge(task, truth, answers, other)
            part = part_metrics(task, truth, judged, headline, bootstrap)
            secondary.append({"name": f"threshold {other:g} eV/atom"} | part)
    rounded = judge_rounded(task, card, truth, answers)
    if rounded is not None and card.population is not None:
        part = part_metrics(task, truth, rounded, headline, bootstrap)
        secondary.append({"name": f"energies rounded to {card.population.decimals} decimals"} | part)
    for subset in card.subsets:
        if subset.name != card.headline_subset:
            part = part_metrics(task, truth, main, subset_mask(card, truth, subset.name), bootstrap)
            secondary.append({"name": subset.name} | part)
    return {
        **result,
        "subset": card.headline_subset,
        "bounds": structure_bounds(task, main, headline) if task.structures else bounds(main, headline),
        "secondary": secondary,
        "dummy": _unrelaxed(task, truth, headline) if task.structures else _dummy(task, truth, headline, result),
        "coverage": answers.coverage,
        "surplus_ids": list(answers.surplus),
        "cost": _cost(answers),
    }


def _score_beliefs(card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the metrics of each protocol, the first being the headline, and of the card's subsets in that one."""
    found = protocols(truth, answers)
    first = next(iter(found))
    subsets = {s.name: protocols(truth, answers, subset_mask(card, truth, s.name)).get(first) for s in card.subsets}
    return {
        **score_beliefs(found, {k: v for k, v in subsets.items() if v}, bootstrap.replicates, bootstrap.seed),
        "subset": None,
        "coverage": answers.coverage | {"abstained": sum(protocol.n_abstained for protocol in found.values())},
        "surplus_ids": list(answers.surplus),
        "cost": _cost(answers),
    }


def _score_measured(
    task: Task, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Return the metrics of measured numbers on the headline subset, and on the card's other subsets."""
    terms = measured_terms(task, card, truth, answers)
    masks = {subset.name: subset_mask(card, truth, subset.name) for subset in card.subsets}
    headline = masks.pop(card.headline_subset or "", np.ones(len(truth), bool))
    how = (bootstrap.replicates, bootstrap.seed)
    return {
        **measured_part(task, truth, terms, headline, *how),
        "subset": card.headline_subset,
        "bounds": {},
        "secondary": [{"name": name} | measured_part(task, truth, terms, keep, *how) for name, keep in masks.items()],
        "dummy": trivial_metrics(task, card, truth, headline),
        "coverage": answers.coverage,
        "surplus_ids": list(answers.surplus),
        "cost": _cost(answers),
    }


def bounds(judged: Judged, keep: Bools) -> dict[str, dict[str, float | None]]:
    """Return the classification metrics if missing answers were all wrong, left out, or all right; and MAE at worst.

    `pessimistic`: a missing row gets the wrong label, and 5 eV/atom of error. `headline`: missing means unstable.
    `complete_case`: missing rows are removed, and the prevalence is taken anew. `optimistic`: the right label.
    F1 grows in this order.
    """
    assert judged.verdicts is not None
    totals = masked_sum(judged.terms, keep)
    missing = keep & ~judged.answered
    stable = int((missing & judged.verdicts.stable).sum())
    unstable = int((missing & judged.verdicts.labelled).sum()) - stable
    variants = {name: totals.copy() for name in ("pessimistic", "headline", "complete_case", "optimistic")}
    variants["pessimistic"][[TN, FP]] += [-unstable, unstable]
    variants["complete_case"][[FN, TN]] -= [stable, unstable]
    variants["optimistic"][[FN, TP]] += [-stable, stable]
    found: dict[str, dict[str, float | None]] = {}
    for name, sums in variants.items():
        metrics = metrics_from_totals(sums)
        found[name] = {key: number(metrics[key]) for key in BOUNDED}
    n, error = totals[TERMS.index("n_error")], totals[TERMS.index("abs_error")]
    lost = int(missing.sum())
    found["pessimistic"]["mae"] = number((error + ABSURD * lost) / (n + lost)) if n else None
    found["complete_case"]["mae"] = number(error / n) if n else None
    return found


def structure_bounds(task: Task, judged: Judged, keep: Bools) -> dict[str, dict[str, float | None]]:
    """Return the ranked metrics with missing answers as unmatched (the headline), and left out."""
    parts = {"headline": keep, "complete_case": keep & judged.answered}
    metrics = {name: task.from_totals(masked_sum(judged.terms, rows)) for name, rows in parts.items()}
    return {name: {key: number(found[key]) for key in task.ranked} for name, found in metrics.items()}


def masked_sum(terms: Floats, keep: Bools) -> Floats:
    """Return the sum of the rows where `keep` is true, shape (n_terms,); one matrix product and no copy."""
    return np.asarray(keep.astype(float) @ terms)


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
    if model.aligned_densities and "aligned" in task.value_columns:
        found.append(f"aligned: fitted to the density of {', '.join(model.aligned_densities)}, which are shown apart")
    theory = model.level_of_theory
    compared = card.dynamics is not None and card.dynamics.reference is not None if task.measured else task.structures
    if (model.energy_scale, card.energy_scale) == ("pbe_raw", "mp2020_corrected") and task.needs_references:
        found.append("corrections: MP2020 corrections were added to the uncorrected energies of this model")
    elif (task.needs_references or compared) and theory and theory != card.level_of_theory:
        found.append(f"level of theory differs: model {theory}; labels {card.level_of_theory}")
    return found


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


def _unrelaxed(task: Task, truth: Truth, keep: Bools) -> dict[str, float | None]:
    """Metrics of returning every start structure unchanged; nothing has converged, and no force is told."""
    found = task.from_totals(masked_sum(judge(task, truth, unrelaxed(truth), 0.0).terms, keep))
    return {key: number(value) for key, value in found.items() if key not in ("converged", "fmax", "energy_mae")}


def _dummy(task: Task, truth: Truth, keep: Bools, result: dict[str, Any]) -> dict[str, float | None]:
    """All-stable values of the classification metrics; MAE and RMSE of predicting the mean of the labels."""
    values = {key: number(value) for key, value in all_stable_dummy(result["prevalence"] or 0.0).items()}
    if task.needs_references:
        e_form = truth.target("e_form_per_atom")[keep]
        values["mae"] = number(np.abs(e_form - e_form.mean()).mean())
        values["rmse"] = number(e_form.std())
        values["r2"] = None
    return values


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
