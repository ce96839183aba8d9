"""Scoring fold by fold: each fold has a training part of its own, and a protocol's number is the mean over folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.datasets import load
from matdisc.datasets.fetch import dataset_files
from matdisc.datasets.load import input_hash
from matdisc.datasets.truth import Truth, truth_of
from matdisc.metrics.belief_bootstrap import mean_draws, scores
from matdisc.predictions import Submission
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap, Control, Draws, Prepare, Scoring, about, subset_mask
from matdisc.scoring.figures import Artifacts
from matdisc.scoring.fold_details import TITLES, fold_artifacts
from matdisc.scoring.folds import protocols, resampled, score_beliefs
from matdisc.scoring.per_material import Named, PerMaterial, each_once, means
from matdisc.scoring.plausibility import refuse_impossible_beliefs


@dataclass(frozen=True, kw_only=True)
class FoldScoring(Scoring):
    """Scoring of probabilities of a class, with an interval from belief to plausibility, fold by fold.

    The first protocol of a dataset's card is the headline.
    """

    by_fold: bool = True
    one_answer: bool = True
    rows_noun: str = "answers"
    groups_noun: str = "alloys"

    def truth(self, board: Board, card: DatasetCard) -> Truth:
        dataset_files(board, card)  # their hashes are on the card, so that the card says what the labels are
        return fold_truth(board, card.model_dump_json(), self.prepare)

    def size(self, result: Any) -> int:
        return int(result.n_groups)

    def part_title(self, name: str) -> str:
        return TITLES.get(name, name)

    def truth_hash(self, card: DatasetCard, task: str) -> str | None:
        return input_hash(card.sha256, card.splits) if card.sha256 else None

    def plausible(
        self, submission: Submission, truth: Truth, places: Ints, values: Floats, reported: Mapping[str, Floats]
    ) -> tuple[str, ...]:
        refuse_impossible_beliefs(submission, truth, np.isfinite(values), values, reported)
        return ()

    def score(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> dict[str, Any]:
        found = protocols(truth, answers)
        first = next(iter(found))
        masks = {s.name: subset_mask(card, truth, s.name) for s in card.subsets}
        parts = {name: protocols(truth, answers, keep, only=first).get(first) for name, keep in masks.items()}
        subsets = {name: part for name, part in parts.items() if part}
        rest = about(answers)
        abstained = {"abstained": sum(protocol.n_abstained for protocol in found.values())}
        return {
            **score_beliefs(found, subsets, bootstrap.replicates, bootstrap.seed),
            "subset": None,
            **rest,
            "coverage": rest["coverage"] | abstained,
        }

    def part(
        self, card: DatasetCard, truth: Truth, answers: Answers, keep: Bools, bootstrap: Bootstrap
    ) -> dict[str, Any]:
        found = protocols(truth, answers, keep)
        return dict(score_beliefs(dict([next(iter(found.items()))]), {}, bootstrap.replicates, bootstrap.seed))

    def resample(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> Draws:
        """Return the metrics of the headline protocol; undefined for a row that does not answer it."""
        headline = next(iter(protocols(truth, answers).values()))
        if not headline.answered:
            return {key: (np.nan, np.full(bootstrap.replicates, np.nan)) for key in self.ranked}
        known = resampled(headline, bootstrap.replicates, bootstrap.seed)
        point = scores(known)
        return {key: (point[key].value, mean_draws(known, key)) for key in self.ranked}

    def n_drawn(self, card: DatasetCard, truth: Truth) -> int | None:
        return None  # drawing alloys and folds errs on the wide side already

    def per_material(self, card: DatasetCard, truth: Truth, answers: Answers) -> PerMaterial | None:
        """Return the probability of the class for each alloy, the mean over the folds of the headline protocol."""
        keep = np.zeros(len(truth), bool)
        for fold in truth.tested:
            keep[fold.rows] = fold.protocol == truth.tested[0].protocol
        ids, places, which = each_once(truth, keep)
        value, high = means(answers.values[keep], which, len(ids)), truth.target("high")[places]
        return PerMaterial(
            ids, places, Named("Error of the probability"), value - high, signed=True,
            value_name=Named(f"Probability of {self.positive}"), value=value, truth=high,
        )  # fmt: skip

    def artifacts(
        self, card: DatasetCard, truth: Truth, answers: Answers, control: Control, bootstrap: Bootstrap
    ) -> Artifacts:
        other = (control[0], protocols(truth, control[1])) if control else None
        how = (bootstrap.replicates, bootstrap.seed)
        return fold_artifacts(self.metrics, self.ranked, protocols(truth, answers), other, *how)


@lru_cache(maxsize=2)
def fold_truth(board: Board, card: str, prepare: Prepare) -> Truth:
    """Labels fold by fold; kept, for to make them takes as long as to score one model."""
    found = DatasetCard.model_validate_json(card)
    return truth_of(prepare(found, load(board, found.key)))
