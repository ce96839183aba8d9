"""Metrics that follow from sums over rows: resampled by groups, compared in pairs, taken of any part of a dataset."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.metrics.bootstrap import bootstrap_intervals, bootstrap_sums, group_totals, pool_groups
from matdisc.metrics.structures import Compared
from matdisc.scoring.answers import Answers, Verdicts
from matdisc.scoring.base import Bootstrap, Draws, Scoring, headline_mask, interval


@dataclass(frozen=True)
class Judged:
    """Row terms, shape (n_materials, n_terms), and what they come from: labels at one threshold, or structures.

    Attributes:
        terms: What each material adds to the sums that metrics follow from.
        answered: Which materials have a usable answer.
        threshold: Largest hull distance that is stable, eV/atom.
        verdicts: True and predicted labels, where labels are the answer.
        compared: Structures beside their references, where structures are the answer.
    """

    terms: Floats
    answered: Bools
    threshold: float = 0.0
    verdicts: Verdicts | None = None
    compared: Compared | None = None


@dataclass(frozen=True, kw_only=True)
class SumsScoring(Scoring):
    """Scoring whose metrics follow from summed row terms."""

    @abstractmethod
    def rows(self, card: DatasetCard, truth: Truth, answers: Answers, threshold: float | None = None) -> Judged:
        """Return the row terms of the answers; `threshold` in eV/atom, default: the card's."""

    @abstractmethod
    def from_totals(self, totals: Any) -> Mapping[str, Floats]:
        """Return the metrics that follow from summed row terms, shape (..., n_terms); undefined is nan."""

    def about_part(self, judged: Judged, keep: Bools, sums: Floats) -> dict[str, Any]:
        """Return what a part says beside its metrics: counts and the prevalence."""
        return {}

    def part(
        self, card: DatasetCard, truth: Truth, answers: Answers, keep: Bools, bootstrap: Bootstrap
    ) -> dict[str, Any]:
        return self.part_of(self.rows(card, truth, answers), truth, keep, bootstrap)

    def part_of(self, judged: Judged, truth: Truth, keep: Bools, bootstrap: Bootstrap) -> dict[str, Any]:
        """Return the metrics of the rows where `keep` is true, JSON-ready; undefined is None."""
        sums = masked_sum(judged.terms, keep)
        point = self.from_totals(sums)
        n = int(np.count_nonzero(keep))
        n_groups = int(np.count_nonzero(np.bincount(truth.groups[keep]))) if n else 0
        ends = dict.fromkeys(point, (math.nan, math.nan))
        if bootstrap.replicates and n_groups:
            totals = group_totals(judged.terms[keep], truth.groups[keep])
            how = {"replicates": bootstrap.replicates, "seed": bootstrap.seed}
            ends = bootstrap_intervals(totals, self.from_totals, **how)
        metrics = {key: interval(point[key], *ends[key]) for key in point if key != "prevalence"}
        more = self.about_part(judged, keep, sums)
        return {"n": n, "n_groups": n_groups} | more | {"metrics": metrics | more.get("metrics", {})}

    def resample(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> Draws:
        totals = self.group_sums(card, truth, answers, bootstrap)
        drawn = self.from_totals(bootstrap_sums(totals, replicates=bootstrap.replicates, seed=bootstrap.seed))
        point = self.from_totals(totals.sum(axis=0))
        return {key: (float(point[key]), drawn[key]) for key in self.ranked}

    def group_sums(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> Floats:
        """Return the summed row terms of each resampling unit of the headline subset, shape (n_units, n_terms)."""
        keep = headline_mask(card, truth)
        judged = self.rows(card, truth, answers)
        return pool_groups(group_totals(judged.terms[keep], truth.groups[keep]), bootstrap.seed)


@dataclass(frozen=True, kw_only=True)
class TotalsScoring(SumsScoring):
    """Scoring by sums that also calls each material right or wrong.

    Attributes:
        compared: Keys of the metrics whose difference between two rows is taken.
    """

    compared: tuple[str, ...] = ()

    @abstractmethod
    def labels(self, judged: Judged) -> tuple[Bools, Bools]:
        """Return the true and the predicted label of each material."""


def masked_sum(terms: Floats, keep: Bools) -> Floats:
    """Return the sum of the rows where `keep` is true, shape (n_terms,); one matrix product and no copy."""
    return np.asarray(keep.astype(float) @ terms)
