"""Scoring of structures against their references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matdisc import predictions
from matdisc.arrays import Bools, Floats, Ints
from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.datasets import load
from matdisc.datasets.relaxation_starts import references_as_samples
from matdisc.datasets.truth import Truth, truth_of
from matdisc.formats.crystal_json import is_finite
from matdisc.metrics.structures import (
    LEVELS,
    UNMATCHED,
    Compared,
    matbench_discovery_geometry,
    structure_metrics,
    structure_terms,
)
from matdisc.predictions import Submission
from matdisc.schema import Crystal, Dataset
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap, Control, about, headline_mask, number, subset_mask
from matdisc.scoring.details import structure_artifacts
from matdisc.scoring.figures import Artifacts
from matdisc.scoring.per_material import Named, PerMaterial, chosen
from matdisc.scoring.plausibility import refuse_readings
from matdisc.scoring.stability import coverage_of
from matdisc.scoring.structure_plausibility import absurd_structures
from matdisc.scoring.totals import Judged, TotalsScoring, masked_sum

ENERGY = "energy_per_atom"
LOOSE = LEVELS.index("_loose")
NOT_OF_STARTS = ("converged", "fmax", "energy_mae")
"""Metrics that start structures, returned as they are, do not have."""


@dataclass(frozen=True, kw_only=True)
class StructureScoring(TotalsScoring):
    """Scoring of structures.

    Attributes:
        compare: Truth and answers to structures beside their references.
    """

    compare: Callable[[Truth, Answers], Compared]
    compared: tuple[str, ...] = (
        "rmsd", "matched", "symmetry_match_loose", "symmetry_match", "volume_error", "volume_abs_error",
        "lattice_error", "converged",
    )  # fmt: skip

    def read(self, path: Path) -> Submission:
        return predictions.read(path, [column.name for column in self.columns], structures=True)

    def truth(self, board: Board, card: DatasetCard) -> Truth:
        return truth_of(self.prepare(card, load(board, card.key)))

    def plausible(
        self, submission: Submission, truth: Truth, places: Ints, values: Floats, reported: Mapping[str, Floats]
    ) -> tuple[str, ...]:
        if ENERGY in reported:
            refuse_readings(submission, truth, ENERGY, reported[ENERGY], truth.target(ENERGY))
        return ()

    def usable(
        self, submission: Submission, truth: Truth, values: Floats, structures: Sequence[Crystal | None]
    ) -> tuple[Bools, Bools]:
        finite = np.array([crystal is not None and is_finite(crystal) for crystal in structures], bool)
        return finite, absurd_structures(submission, truth, structures, finite)

    def rows(self, card: DatasetCard, truth: Truth, answers: Answers, threshold: float | None = None) -> Judged:
        compared = self.compare(truth, answers)
        return Judged(structure_terms(compared), compared.answered, card.stability.threshold, compared=compared)

    def from_totals(self, totals: Any) -> Mapping[str, Floats]:
        return structure_metrics(totals)

    def labels(self, judged: Judged) -> tuple[Bools, Bools]:
        """Return which references have a space group, and which answers keep it."""
        assert judged.compared is not None
        groups = judged.compared.spacegroups[:, LOOSE]
        has = groups[:, 1] > 0
        return has, has & (groups[:, 0] == groups[:, 1])

    def score(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> dict[str, Any]:
        main, headline = self.rows(card, truth, answers), headline_mask(card, truth)
        result = self.part_of(main, truth, headline, bootstrap)
        parts = {} if card.headline_subset is None else {"all materials": np.ones(len(truth), bool)}
        others = [subset.name for subset in card.subsets if subset.name != card.headline_subset]
        parts |= {name: subset_mask(card, truth, name) for name in others}
        return {
            **result,
            "metrics": result["metrics"] | coverage_of(main, headline),
            "subset": card.headline_subset,
            "bounds": self._bounds(main, headline),
            "secondary": [{"name": name} | self.part_of(main, truth, keep, bootstrap) for name, keep in parts.items()],
            "baseline": self._baseline(card, truth, headline),
            **about(answers),
        }

    def _bounds(self, judged: Judged, keep: Bools) -> dict[str, dict[str, float | None]]:
        """Ranked metrics with missing answers as unmatched (the headline), and left out."""
        parts = {"headline": keep, "complete_case": keep & judged.answered}
        metrics = {name: self.from_totals(masked_sum(judged.terms, rows)) for name, rows in parts.items()}
        return {name: {key: number(found[key]) for key in self.ranked} for name, found in metrics.items()}

    def _baseline(self, card: DatasetCard, truth: Truth, keep: Bools) -> dict[str, float | None]:
        """Metrics of returning every start structure unchanged."""
        found = self.from_totals(masked_sum(self.rows(card, truth, unrelaxed(truth)).terms, keep))
        return {key: number(value) for key, value in found.items() if key not in NOT_OF_STARTS}

    def per_material(self, card: DatasetCard, truth: Truth, answers: Answers) -> PerMaterial | None:
        """Return the RMSD of each answer, 1 where it matches nothing, and whether the space group is kept."""
        judged = self.rows(card, truth, answers)
        assert judged.compared is not None
        ids, places = chosen(truth, headline_mask(card, truth))
        has, keeps = self.labels(judged)
        rmsd = np.where(np.isfinite(judged.compared.rmsd), judged.compared.rmsd, UNMATCHED)
        return PerMaterial(
            ids, places, Named("RMSD", "(V/N)^⅓"), np.where(judged.answered, rmsd, np.nan)[places],
            right=(has == keeps)[places], judged=has[places], right_name="Space group",
        )  # fmt: skip

    def artifacts(
        self, card: DatasetCard, truth: Truth, answers: Answers, control: Control, bootstrap: Bootstrap
    ) -> Artifacts:
        return structure_artifacts(card, truth, self.rows(card, truth, answers))

    def theory_matters(self, card: DatasetCard) -> bool:
        return True

    def references(self, card: DatasetCard, dataset: Dataset) -> Dataset:
        return references_as_samples(card, dataset)

    def published_procedure(
        self, truth: Truth, submission: Submission, answers: Answers, surplus: str
    ) -> dict[str, Any]:
        compared = self.compare(truth, answers)
        levels = {"symprec 1e-2": 1, "symprec 1e-5": 2}
        parts = {name: matbench_discovery_geometry(compared, level) for name, level in levels.items()}
        return {name: {key: number(value) for key, value in part.items()} for name, part in parts.items()}


def unrelaxed(truth: Truth) -> Answers:
    """Return the trivial answer: every start structure as it is."""
    assert truth.crystals is not None
    n, nothing = len(truth), np.empty(0)
    counts = {"expected": n, "answered": n}
    return Answers("structure", np.zeros(n), counts, None, nothing, nothing, (), truth.crystals)
