"""Scoring of labels, stable or not, from energies or from probabilities of being stable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.datasets.wbm import is_wbm
from matdisc.errors import CardError, SubmissionError
from matdisc.metrics.matbench_discovery import matbench_discovery
from matdisc.metrics.stability import COUNTS, TERMS, all_stable_baseline, metrics_from_totals, row_terms
from matdisc.predictions import Submission
from matdisc.schema import Crystal
from matdisc.scoring.align import aligned_values
from matdisc.scoring.answers import ABSURD, Answers, Verdicts
from matdisc.scoring.base import Bootstrap, Control, Lookup, Scoring, about, headline_mask, number, subset_mask
from matdisc.scoring.details import stability_artifacts
from matdisc.scoring.figures import Artifacts
from matdisc.scoring.per_material import Named, PerMaterial, chosen
from matdisc.scoring.plausibility import formation_energy_notes, probability_notes
from matdisc.scoring.structure_plausibility import compare_candidates
from matdisc.scoring.totals import Judged, TotalsScoring, masked_sum

BOUNDED = ("f1", "daf", "precision", "recall", "accuracy")
PROBABILITY = "p_stable"
TP, FP, TN, FN = (TERMS.index(key) for key in COUNTS)


@dataclass(frozen=True, kw_only=True)
class StabilityScoring(TotalsScoring):
    """Scoring of labels.

    Attributes:
        judge: Truth, name of the value column, values (nan = no answer) and threshold, to true and predicted labels.
    """

    judge: Callable[[Truth, str, Floats, float], Verdicts]
    positive: str = "stable"
    compared: tuple[str, ...] = ("f1", "daf", "precision", "recall", "accuracy", "mae", "rmse")

    def plausible(
        self, submission: Submission, truth: Truth, places: Ints, values: Floats, reported: Mapping[str, Floats]
    ) -> tuple[str, ...]:
        if submission.column == PROBABILITY:
            return probability_notes(submission, truth, values, self.judge(truth, PROBABILITY, values, 0.0))
        if self.hull:
            return formation_energy_notes(submission, truth, places, values)
        return compare_candidates(submission, truth, self.columns[0].high, values)

    def usable(
        self, submission: Submission, truth: Truth, values: Floats, structures: Sequence[Crystal | None]
    ) -> tuple[Bools, Bools]:
        finite, absurd = super().usable(submission, truth, values, structures)
        if submission.column == PROBABILITY:  # impossible ones have been refused
            return finite, np.zeros(len(values), bool)
        if self.hull:
            with np.errstate(invalid="ignore"):
                absurd |= finite & (np.abs(values - truth.target("e_form_per_atom")) > ABSURD)
        return finite, absurd

    def rows(self, card: DatasetCard, truth: Truth, answers: Answers, threshold: float | None = None) -> Judged:
        threshold = card.stability.threshold if threshold is None else threshold
        v = self.judge(truth, answers.column, answers.values, threshold)
        terms = row_terms(v.stable, v.predicted, v.e_true, v.e_pred, labelled=v.labelled)
        return Judged(terms, np.isfinite(answers.values), threshold, v)

    def rounded_rows(self, card: DatasetCard, truth: Truth, answers: Answers) -> Judged | None:
        """Return the rows after rounding all energies as the card's population was scored; None where it was not."""
        if card.population is None or card.population.decimals is None:
            return None
        digits = card.population.decimals
        rounded = replace(truth, targets={name: np.round(values, digits) for name, values in truth.targets.items()})
        return self.rows(card, rounded, replace(answers, values=np.round(answers.values, digits)))

    def from_totals(self, totals: Any) -> Mapping[str, Floats]:
        return metrics_from_totals(totals)

    def labels(self, judged: Judged) -> tuple[Bools, Bools]:
        assert judged.verdicts is not None
        return judged.verdicts.stable, judged.verdicts.predicted

    def about_part(self, judged: Judged, keep: Bools, sums: Floats) -> dict[str, Any]:
        assert judged.verdicts is not None
        prevalence = number(metrics_from_totals(sums)["prevalence"])
        labelled = judged.verdicts.labelled & keep
        n, n_labelled = int(np.count_nonzero(keep)), int(np.count_nonzero(labelled))
        rounded = None
        if self.hull and n_labelled:
            at_most = np.round(judged.verdicts.e_true, 3) <= judged.threshold
            rounded = np.count_nonzero(at_most & labelled) / n_labelled
        counts = {key: {"value": int(n), "low": None, "high": None} for key, n in zip(COUNTS, sums, strict=False)}
        # R2 compares errors with the spread of hull distances, which not all rows have
        no_r2 = {"r2": {"value": None, "low": None, "high": None}} if n_labelled < n else {}
        return {
            "threshold": judged.threshold if self.hull else None,
            **({"n_labelled": n_labelled} if n_labelled < n else {}),
            "n_positive": int(sums[TP] + sums[FN]),
            "prevalence": prevalence,
            "prevalence_rounded": rounded,
            "daf_max": 1 / prevalence if prevalence else None,
            "metrics": no_r2 | counts,
        }

    def score(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> dict[str, Any]:
        main, headline = self.rows(card, truth, answers), headline_mask(card, truth)
        result = self.part_of(main, truth, headline, bootstrap)
        parts = [(name, judged, keep) for name, judged, keep in self._parts(card, truth, answers, main, headline)]
        return {
            **result,
            "metrics": result["metrics"] | coverage_of(main, headline),
            "subset": card.headline_subset,
            "bounds": bounds(main, headline),
            "secondary": [
                {"name": name} | self.part_of(judged, truth, keep, bootstrap) for name, judged, keep in parts
            ],
            "baseline": self._baseline(truth, headline, result["prevalence"]),
            **about(answers),
        }

    def _parts(
        self, card: DatasetCard, truth: Truth, answers: Answers, main: Judged, headline: Bools
    ) -> list[tuple[str, Judged, Bools]]:
        """Name, rows and mask of everything that is scored beside the headline."""
        found: list[tuple[str, Judged, Bools]] = []
        if card.headline_subset is not None:
            found.append(("all materials", main, np.ones(len(truth), bool)))
        for other in card.stability.secondary if self.hull else ():
            found.append((f"threshold {other:g} eV/atom", self.rows(card, truth, answers, other), headline))
        rounded = self.rounded_rows(card, truth, answers)
        if rounded is not None and card.population is not None:
            found.append((f"energies rounded to {card.population.decimals} decimals", rounded, headline))
        others = [subset.name for subset in card.subsets if subset.name != card.headline_subset]
        return found + [(name, main, subset_mask(card, truth, name)) for name in others]

    def _baseline(self, truth: Truth, keep: Bools, prevalence: float | None) -> dict[str, float | None]:
        """Metrics of calling every material stable; MAE and RMSE of predicting the mean of the labels."""
        values = {key: number(value) for key, value in all_stable_baseline(prevalence or 0.0).items()}
        if self.hull:
            e_form = truth.target("e_form_per_atom")[keep]
            values["mae"] = number(np.abs(e_form - e_form.mean()).mean())
            values["rmse"] = number(e_form.std())
            values["r2"] = None
        return values

    def per_material(self, card: DatasetCard, truth: Truth, answers: Answers) -> PerMaterial | None:
        """Return distances to the hull, or to the lowest candidate, with their errors, and which labels are right."""
        v = self.judge(truth, answers.column, answers.values, card.stability.threshold)
        ids, places = chosen(truth, headline_mask(card, truth))
        error, known = v.e_pred - v.e_true, v.labelled
        name = Named("Energy above hull" if self.hull else "Energy above the lowest candidate", "eV/atom")
        return PerMaterial(
            ids, places, Named("Error", "eV/atom"), error[places], signed=True, value_name=name,
            value=np.where(known, v.e_pred, np.nan)[places], truth=np.where(known, v.e_true, np.nan)[places],
            right=(v.stable == v.predicted)[places], judged=known[places],
            right_name=f"{self.positive.capitalize()} or not",
        )  # fmt: skip

    def artifacts(
        self, card: DatasetCard, truth: Truth, answers: Answers, control: Control, bootstrap: Bootstrap
    ) -> Artifacts:
        return stability_artifacts(card, truth, answers, self.rows(card, truth, answers))

    def theory_matters(self, card: DatasetCard) -> bool:
        return self.hull

    def lookups(self, truth: Truth, answers: Answers) -> Sequence[Lookup]:
        if not self.hull or answers.column == PROBABILITY:
            return ()
        return (Lookup("hull distance", truth.target("e_above_hull"), answers.values),)

    def published_procedure(
        self, truth: Truth, submission: Submission, answers: Answers, surplus: str
    ) -> dict[str, Any]:
        unique = truth.flags.get("unique_prototype")
        if not self.hull or (unique is None and not is_wbm(truth.material_ids)):
            raise CardError(f"dataset {truth.key!r} is none of WBM, which this procedure is for (see wbm, wbm-sample)")
        if submission.column != self.columns[0].name:
            raise SubmissionError(
                f"{submission.path}: gives {submission.column!r}; this procedure needs formation energies"
            )
        raw = aligned_values(submission, truth, surplus=surplus)
        found = matbench_discovery(truth.target("e_form_per_atom"), truth.target("e_above_hull"), raw, unique)
        return {
            name: {key: number(value) if isinstance(value, float) else value for key, value in part.items()}
            for name, part in found.items()
        }


def hull_scoring(scoring: Scoring) -> StabilityScoring:
    """Return the scoring as one of distances to a hull.

    Raises:
        CardError: If it is another.
    """
    if isinstance(scoring, StabilityScoring) and scoring.hull:
        return scoring
    raise CardError("only tasks about distances to a hull have energies to compare with published ones")


def coverage_of(judged: Judged, keep: Bools) -> dict[str, dict[str, float | None]]:
    """Return the share of the kept materials that have a usable answer, as a metric."""
    share = float(judged.answered[keep].mean()) if keep.any() else np.nan
    return {"coverage": {"value": number(share), "low": None, "high": None}}


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
