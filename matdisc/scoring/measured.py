"""Scoring of numbers given for each material: mean or median of each metric over the materials that have it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.metrics.bootstrap import percentile_interval
from matdisc.metrics.weighted import draws_of_materials, weighted_mean, weighted_median
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap, Control, Draws, Scoring, about, headline_mask, interval, number, subset_mask
from matdisc.scoring.figures import Artifacts
from matdisc.scoring.per_material import Named, PerMaterial, chosen, first_defined, of_one

Terms = Mapping[str, Floats]
"""What each material says of each metric, by the metric's key, shape (n_materials,); nan where it says nothing."""


def nothing(card: DatasetCard, truth: Truth, answers: Answers) -> Artifacts:
    """Return no figures and no tables."""
    return Artifacts()


@dataclass(frozen=True, kw_only=True)
class MeasuredScoring(Scoring):
    """Scoring of measured numbers.

    Attributes:
        terms: Card, truth and answers to what each material says of each metric. A result has their means.
        medians: Keys of the metrics that are medians and no means.
        baseline: Card and truth to the terms of the trivial answer; None for none.
        draw: Card, truth and answers to figures and tables.
        against_theory: Whether a card's references come from a level of theory.
    """

    terms: Callable[[DatasetCard, Truth, Answers], Terms]
    medians: tuple[str, ...] = ()
    baseline: Callable[[DatasetCard, Truth], Terms] | None = None
    draw: Callable[[DatasetCard, Truth, Answers], Artifacts] = nothing
    against_theory: Callable[[DatasetCard], bool] = lambda card: False

    def all_terms(self, card: DatasetCard, truth: Truth, answers: Answers) -> dict[str, Floats]:
        """Return the terms with `coverage` added: whether a material has a usable answer."""
        covered = {"coverage": np.isfinite(answers.values).astype(float)}
        return dict(self.terms(card, truth, answers)) | covered

    def averages(self, terms: Terms, weights: Floats) -> dict[str, Floats]:
        """Return mean or median of each metric, shape of `weights` without its last axis, (..., n_materials)."""
        return {
            key: (weighted_median if key in self.medians else weighted_mean)(values, weights)
            for key, values in terms.items()
        }

    def draws(self, terms: Terms, groups: Any, bootstrap: Bootstrap) -> dict[str, Floats]:
        """Return each metric in every resample of groups, shape (replicates,); nan throughout with fewer than two."""
        weights = draws_of_materials(groups, replicates=bootstrap.replicates, seed=bootstrap.seed)
        if weights is None:
            return {key: np.full(bootstrap.replicates, np.nan) for key in terms}
        return self.averages(terms, weights)

    def part(
        self, card: DatasetCard, truth: Truth, answers: Answers, keep: Bools, bootstrap: Bootstrap
    ) -> dict[str, Any]:
        """Return the metrics of the materials where `keep` is true; `n_defined` counts those that have each metric."""
        return self._part(self.all_terms(card, truth, answers), truth, keep, bootstrap)

    def _part(self, terms: Terms, truth: Truth, keep: Bools, bootstrap: Bootstrap) -> dict[str, Any]:
        kept = {key: values[keep] for key, values in terms.items()}
        groups = truth.groups[keep]
        point = self.averages(kept, np.ones(int(keep.sum())))
        draws = self.draws(kept, groups, bootstrap) if bootstrap.replicates else {}
        ends = {key: percentile_interval(draws[key]) if key in draws else (math.nan, math.nan) for key in point}
        return {
            "n": int(keep.sum()),
            "n_groups": len(np.unique(groups)),
            "metrics": {key: interval(point[key], *ends[key]) for key in point},
            "n_defined": {key: int(np.isfinite(values).sum()) for key, values in kept.items()},
        }

    def score(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> dict[str, Any]:
        terms, headline = self.all_terms(card, truth, answers), headline_mask(card, truth)
        others = [subset.name for subset in card.subsets if subset.name != card.headline_subset]
        parts = {name: self._part(terms, truth, subset_mask(card, truth, name), bootstrap) for name in others}
        return {
            **self._part(terms, truth, headline, bootstrap),
            "subset": card.headline_subset,
            "bounds": {},
            "secondary": [{"name": name} | part for name, part in parts.items()],
            "baseline": self._baseline(card, truth, headline),
            **about(answers),
        }

    def _baseline(self, card: DatasetCard, truth: Truth, keep: Bools) -> dict[str, float | None]:
        if self.baseline is None:
            return {}
        terms = {key: values[keep] for key, values in self.baseline(card, truth).items()}
        return {key: number(value) for key, value in self.averages(terms, np.ones(int(keep.sum()))).items()}

    def resample(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> Draws:
        keep = headline_mask(card, truth)
        every = self.all_terms(card, truth, answers)
        terms = {key: every[key][keep] for key in self.ranked}
        point = self.averages(terms, np.ones(int(keep.sum())))
        draws = self.draws(terms, truth.groups[keep], bootstrap)
        return {key: (float(point[key]), draws[key]) for key in self.ranked}

    def per_material(self, card: DatasetCard, truth: Truth, answers: Answers) -> PerMaterial | None:
        """Return each material's term of the first ranked metric that has terms and of which less is better.

        The number beside it is the first column of single numbers of which the dataset has the label.
        """
        ids, places = chosen(truth, headline_mask(card, truth))
        terms = self.all_terms(card, truth, answers)
        metrics = [metric for metric in self.metrics if metric.key in self.ranked and metric.better == "lower"]
        metrics.sort(key=lambda metric: self.ranked.index(metric.key))
        if not metrics:
            return None
        metric = metrics[first_defined([terms[metric.key][places] for metric in metrics])]
        scale = 100.0 if metric.form == "percent" else 1.0
        column = next((c for c in self.columns if not c.shape and c.name in truth.targets), None)
        name = values = truths = None
        if column is not None:
            name = Named(column.name.replace("_", " ").capitalize(), column.unit)
            values = answers.values if column.name == answers.column else answers.numbers(column.name)
            values, truths = values[places], truth.target(column.name)[places]
        return PerMaterial(
            ids, places, of_one(metric), scale * terms[metric.key][places],
            value_name=name, value=values, truth=truths,
        )  # fmt: skip

    def artifacts(
        self, card: DatasetCard, truth: Truth, answers: Answers, control: Control, bootstrap: Bootstrap
    ) -> Artifacts:
        return self.draw(card, truth, answers)

    def theory_matters(self, card: DatasetCard) -> bool:
        return self.against_theory(card)
