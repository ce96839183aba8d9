"""Scoring of energies, forces and stresses: sums over frames, from which all metrics follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.datasets import load
from matdisc.datasets.truth import Truth, truth_of
from matdisc.errors import DataError, SubmissionError
from matdisc.predictions import Submission
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap, Control, about, headline_mask, number, subset_mask
from matdisc.scoring.figures import Artifacts
from matdisc.scoring.per_material import PerMaterial, chosen, first_defined, of_one
from matdisc.scoring.totals import Judged, SumsScoring, masked_sum
from matdisc.tasks.static.figures import draw
from matdisc.tasks.static.frames import RATIOS, TERMS, frame_terms, frames, metrics_of, trivial
from matdisc.tasks.static.suspects import refuse_slips


@dataclass(frozen=True, kw_only=True)
class StaticScoring(SumsScoring):
    """Scoring of energies, forces and stresses. Offsets of the elements are fitted once and held in resamples."""

    def read(self, path: Path) -> Submission:
        found = super().read(path)
        if found.column_name.lower().startswith("energy_per_atom"):
            raise SubmissionError(
                f"{path}: column {found.column_name!r} is an energy per atom; give 'energy', eV per cell"
            )
        return found

    def truth(self, board: Board, card: DatasetCard) -> Truth:
        truth = truth_of(load(board, card.key))
        if "energy" not in truth.targets:
            raise DataError(f"dataset {card.key!r}: no label is called 'energy' (eV per cell), which task static needs")
        return truth

    def plausible(
        self, submission: Submission, truth: Truth, places: Ints, values: Floats, reported: Mapping[str, Floats]
    ) -> tuple[str, ...]:
        return refuse_slips(submission, truth, places, values)

    def rows(self, card: DatasetCard, truth: Truth, answers: Answers, threshold: float | None = None) -> Judged:
        found = frames(card, truth, answers)
        return Judged(frame_terms(found), found.answered)

    def from_totals(self, totals: Any) -> Mapping[str, Floats]:
        return metrics_of(totals)

    def about_part(self, judged: Judged, keep: Bools, sums: Floats) -> dict[str, Any]:
        has = {key: judged.terms[keep, TERMS.index(under)] > 0 for key, (_, under) in RATIOS.items()}
        return {"n_defined": {key: int(frames.sum()) for key, frames in has.items()}}

    def score(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> dict[str, Any]:
        main, headline = self.rows(card, truth, answers), headline_mask(card, truth)
        parts = {} if card.headline_subset is None else {"all frames": np.ones(len(truth), bool)}
        others = [subset.name for subset in card.subsets if subset.name != card.headline_subset]
        parts |= {name: subset_mask(card, truth, name) for name in others}
        bounds = {"headline": headline, "complete_case": headline & main.answered}
        return {
            **self.part_of(main, truth, headline, bootstrap),
            "subset": card.headline_subset,
            "bounds": {name: self._point(main, keep, self.ranked) for name, keep in bounds.items()},
            "secondary": [{"name": name} | self.part_of(main, truth, keep, bootstrap) for name, keep in parts.items()],
            "baseline": self._point(self.rows(card, truth, trivial(card, truth)), headline, tuple(RATIOS)),
            **about(answers),
        }

    def _point(self, judged: Judged, keep: Bools, keys: tuple[str, ...]) -> dict[str, float | None]:
        found = {key: number(value) for key, value in self.from_totals(masked_sum(judged.terms, keep)).items()}
        return {key: found[key] for key in keys if key not in ("coverage", "force_gap", "not_conserving")}

    def per_material(self, card: DatasetCard, truth: Truth, answers: Answers) -> PerMaterial | None:
        """Return each frame's mean error of what rows are ranked by, or of what comes after it in a file without."""
        ids, places = chosen(truth, headline_mask(card, truth))
        terms = self.rows(card, truth, answers).terms[places]
        metrics = [metric for metric in self.metrics if metric.key in self.ranked and metric.better == "lower"]
        with np.errstate(invalid="ignore", divide="ignore"):
            errors = [np.divide(*(terms[:, TERMS.index(name)] for name in RATIOS[m.key])) for m in metrics]
        first = first_defined(errors)
        return PerMaterial(ids, places, of_one(metrics[first]), errors[first])

    def artifacts(
        self, card: DatasetCard, truth: Truth, answers: Answers, control: Control, bootstrap: Bootstrap
    ) -> Artifacts:
        return draw(card, truth, frames(card, truth, answers))

    def theory_matters(self, card: DatasetCard) -> bool:
        return True
