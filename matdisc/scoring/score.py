"""From answers to a result: metrics with intervals, bounds, subsets, dummies, coverage, cost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.answers import Answers
from matdisc.scoring.folds import protocols, score_beliefs
from matdisc.scoring.measured import measured_part, measured_terms, trivial_metrics
from matdisc.scoring.stability import _dummy, bounds
from matdisc.scoring.structures import _unrelaxed, structure_bounds
from matdisc.scoring.verdicts import (
    DEFAULT_BOOTSTRAP,
    Bootstrap,
    _cost,
    judge,
    judge_rounded,
    number,
    part_metrics,
    subset_mask,
)
from matdisc.tasks.task import Task


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
