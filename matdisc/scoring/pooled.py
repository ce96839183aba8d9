"""Scoring of out-of-fold answers: every protocol of a data set is one part, pooled over the answers of all its folds.

The first protocol of the card is the headline, and rows are ranked by it. The others stand beside it; one whose folds
share compounds says so in its name, with the share of rows that have a sibling in the training part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from matdisc import predictions
from matdisc.arrays import Bools, Floats, Ints
from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.datasets.fetch import dataset_files
from matdisc.datasets.load import input_hash
from matdisc.datasets.truth import Truth
from matdisc.errors import SubmissionError
from matdisc.metrics.bootstrap import group_totals, pool_groups
from matdisc.predictions import Submission
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap, Control, Lookup, about, number, subset_mask
from matdisc.scoring.bounds import bounds_table, suspicions
from matdisc.scoring.cross_validated import fold_truth
from matdisc.scoring.figures import Artifacts, Table
from matdisc.scoring.per_material import Named, PerMaterial, each_once, means
from matdisc.scoring.quantities import Number, OneOf, Quantity
from matdisc.scoring.totals import Judged, SumsScoring, masked_sum

SUMS = 2
"""Rows and answered rows come first among the terms."""
SLACK = 0.01
"""How far probabilities may add up to something else than 1."""
Draw = Callable[["PooledScoring", DatasetCard, Truth, Answers, Bootstrap], Artifacts]
Compare = Callable[["PooledScoring", DatasetCard, Truth, Sequence[tuple[str, Answers]], Bootstrap], Artifacts]


def no_artifacts(
    scoring: PooledScoring, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap
) -> Artifacts:
    """Return nothing to show beside the metrics."""
    return Artifacts()


@dataclass(frozen=True, kw_only=True)
class PooledScoring(SumsScoring):
    """Scoring of several quantities, any of which a model may answer.

    Attributes:
        quantities: What is answered; the key of a metric is a quantity's key and the metric's name.
        titles: Headings of protocols.
        looked_up: Pairs of quantity and label: answers that follow this label but for a constant of each formula
            were looked up. Each label with its name in words.
        draw: Figures and tables beside the metrics.
        compare: Figures and tables about all rows of a dataset.
        formula_only: Whether models see the formula and no structure, so that polymorphs bound every score.
    """

    quantities: tuple[Quantity, ...]
    titles: Mapping[str, str] = field(default_factory=dict)
    looked_up: tuple[tuple[str, str, str], ...] = ()
    draw: Draw = no_artifacts
    compare: Compare | None = None
    formula_only: bool = True
    by_fold: bool = True
    optional_labels: bool = True
    rows_noun: str = "answers"
    groups_noun: str = "chemical systems"

    def read(self, path: Path) -> Submission:
        return predictions.read(path, [column.name for column in self.columns], any_column=True)

    def truth(self, board: Board, card: DatasetCard) -> Truth:
        dataset_files(board, card)  # their hashes are on the card, so that the card says what the labels are
        return fold_truth(board, card.model_dump_json(), self.prepare)

    def truth_hash(self, card: DatasetCard, task: str) -> str | None:
        return input_hash(card.sha256, card.splits) if card.sha256 else None

    def size(self, result: Any) -> int:
        return int(result.n_groups)

    def part_title(self, name: str) -> str:
        protocol, *rest = name.split(": ", 1)
        return ": ".join([self.titles.get(protocol, protocol), *rest])

    def plausible(
        self, submission: Submission, truth: Truth, places: Ints, values: Floats, reported: Mapping[str, Floats]
    ) -> tuple[str, ...]:
        for column in self.columns:
            given = reported.get(column.name, np.empty(0))
            with np.errstate(invalid="ignore"):
                wrong = (given < column.low) | (given > column.high)
            if wrong.any():
                unit = f" {column.unit}" if column.unit else ""
                self._refuse(
                    submission, truth, wrong,
                    f"{column.name!r} is {given[wrong.argmax()]:g}{unit}, believable is {column.low:g} to "
                    f"{column.high:g}; check the unit, and leave the cell empty where there is no answer",
                )  # fmt: skip
        for quantity in self.quantities:
            self._refuse_contradictions(submission, truth, quantity, reported)
        return ()

    def rows(self, card: DatasetCard, truth: Truth, answers: Answers, threshold: float | None = None) -> Judged:
        answered = np.isfinite(answers.values)
        found = [np.ones(len(truth)), answered]
        for quantity in self.quantities:
            said, asked = quantity.answered(answers), np.zeros(len(truth), bool)
            for rows in protocol_rows(truth).values():
                asked[rows] = said[rows].any()
            found.append(quantity.terms(truth, answers, asked))
        return Judged(np.column_stack(found), answered)

    def from_totals(self, totals: Any) -> Mapping[str, Floats]:
        totals = np.asarray(totals, float)
        found: dict[str, Floats] = {"coverage": totals[..., 1] / np.maximum(totals[..., 0], 1)}
        shown, start = {metric.key for metric in self.metrics}, SUMS
        for quantity in self.quantities:
            metrics = quantity.metrics(totals[..., start : start + quantity.n_terms])
            found |= {key: values for name, values in metrics.items() if (key := f"{quantity.key}_{name}") in shown}
            start += quantity.n_terms
        return found

    def score(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> dict[str, Any]:
        judged, parts = self.rows(card, truth, answers), self._parts(card, truth)
        (_, headline), *others = parts.items()
        bounds = {"headline": headline, "complete_case": headline & judged.answered}
        known = self._with_labels(truth)

        def part(keep: Bools) -> dict[str, Any]:
            found = self.part_of(judged, truth, keep, bootstrap)
            return found | {"metrics": {key: found["metrics"][key] for key in found["metrics"] if key in known}}

        return {
            **part(headline),
            "subset": None,
            "bounds": {name: self._ranked_of(judged, keep, known) for name, keep in bounds.items()},
            "secondary": [{"name": name} | part(keep) for name, keep in others],
            "baseline": {key: number(value) for key, value in self.baseline(truth, headline).items()},
            **about(answers),
        }

    def about_part(self, judged: Judged, keep: Bools, sums: Floats) -> dict[str, Any]:
        """Say how many rows each metric is of, where not all have the label."""
        n, start = int(sums[0]), SUMS
        found: dict[str, int] = {}
        for quantity in self.quantities:
            with_label = int(quantity.count(sums[start : start + quantity.n_terms]))
            if 0 < with_label < n:
                found |= {m.key: with_label for m in self.metrics if m.key.startswith(f"{quantity.key}_")}
            start += quantity.n_terms
        share = {"value": number(sums[1] / n) if n else None, "low": None, "high": None}
        return {"n_defined": found, "metrics": {"coverage": share}}

    def part(
        self, card: DatasetCard, truth: Truth, answers: Answers, keep: Bools, bootstrap: Bootstrap
    ) -> dict[str, Any]:
        return super().part(card, truth, answers, keep & first_protocol(truth), bootstrap)

    def group_sums(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> Floats:
        keep = first_protocol(truth)
        terms = self.rows(card, truth, answers).terms
        return pool_groups(group_totals(terms[keep], truth.groups[keep]), bootstrap.seed)

    def n_drawn(self, card: DatasetCard, truth: Truth) -> int | None:
        return len(np.unique(truth.groups[first_protocol(truth)]))

    def per_material(self, card: DatasetCard, truth: Truth, answers: Answers) -> PerMaterial | None:
        """Return the first number that the dataset has labels of, in the headline protocol; None without a number."""
        numbers = [q for q in self.quantities if isinstance(q, Number) and np.isfinite(truth.target(q.target)).any()]
        if not numbers:
            return None
        name = numbers[0].columns[0]
        keep = first_protocol(truth)
        ids, places, which = each_once(truth, keep)
        value, true = means(answers.numbers(name)[keep], which, len(ids)), truth.target(numbers[0].target)[places]
        unit = self.column(name).unit
        return PerMaterial(
            ids, places, Named("Error", unit), value - true, signed=True,
            value_name=Named(self.column(name).help.capitalize(), unit), value=value, truth=true,
        )  # fmt: skip

    def artifacts(
        self, card: DatasetCard, truth: Truth, answers: Answers, control: Control, bootstrap: Bootstrap
    ) -> Artifacts:
        return self.draw(self, card, truth, answers, bootstrap)

    def compare_rows(
        self, card: DatasetCard, truth: Truth, named: Sequence[tuple[str, Answers]], bootstrap: Bootstrap
    ) -> Artifacts:
        return Artifacts() if self.compare is None else self.compare(self, card, truth, named, bootstrap)

    def baseline(self, truth: Truth, keep: Bools) -> dict[str, float]:
        """Return the metrics of answers that ask for nothing, by key; nan where undefined."""
        return self._of_each(lambda quantity: quantity.baseline(truth, keep))

    def best(self, truth: Truth, keep: Bools) -> dict[str, float]:
        """Return the best that a model can have that sees the composition alone, by key; nan where undefined."""
        return self._of_each(lambda quantity: quantity.best(truth, keep))

    def label_tables(self, truth: Truth) -> Sequence[Table]:
        if not self.formula_only:
            return []
        alone = truth.compounds is None or len(np.unique(truth.compounds)) == first_protocol(truth).sum()
        table = self.bounds(truth)
        return [table] if table.rows and not alone else []

    def bounds(self, truth: Truth, totals: Floats | None = None) -> Table:
        """Return the table of trivial and best possible scores of the headline, beside those of sums of answers."""
        keep = first_protocol(truth)
        columns: dict[str, Mapping[str, float]] = {"Knows no formula": self.baseline(truth, keep)}
        if totals is not None:
            columns = {"This row": {key: float(value) for key, value in self.from_totals(totals).items()}} | columns
        return bounds_table(self.metrics, columns, self.best(truth, keep))

    def lookups(self, truth: Truth, answers: Answers) -> Sequence[Lookup]:
        found = []
        for key, target, name in self.looked_up:
            values = answers.numbers(next(q for q in self.quantities if q.key == key).columns[0])
            for rows in protocol_rows(truth).values():
                known = rows[np.isfinite(truth.target(target)[rows])]
                if np.isfinite(values[known]).any():
                    found.append(Lookup(name, truth.target(target)[known], values[known], known))
        return found

    def suspicions(self, truth: Truth, answers: Answers, scored: Mapping[str, Any]) -> Sequence[str]:
        """Return sentences about a headline with shared compounds, and protocols with scores too good to be true."""
        if not self.formula_only:
            return []
        (first, at_first), *_ = shared = list(siblings(truth).items())
        said = f"optimistic: {100 * at_first:.0f} % of the tested rows have their formula in the training part"
        found = [said] if at_first else []
        for (protocol, share), part in zip(shared, (scored, *scored["secondary"]), strict=False):
            keep = np.zeros(len(truth), bool)
            keep[protocol_rows(truth)[protocol]] = True
            where = "" if protocol == first else f" ({protocol})"
            found += suspicions(self.metrics, part["metrics"], self.best(truth, keep), where, shared=share > 0)
        return found

    def _parts(self, card: DatasetCard, truth: Truth) -> dict[str, Bools]:
        """Rows of every protocol by the name of its part, the headline first; then subsets of the headline."""
        found, shared = {}, siblings(truth)
        for protocol, rows in protocol_rows(truth).items():
            known = f": optimistic, {100 * shared[protocol]:.0f} % of the formulas are known"
            name = protocol + (known if shared[protocol] else "")
            found[name] = np.zeros(len(truth), bool)
            found[name][rows] = True
        for subset in card.subsets:
            found[subset.name] = subset_mask(card, truth, subset.name) & first_protocol(truth)
        return found

    def _with_labels(self, truth: Truth) -> set[str]:
        """Keys of the metrics that the dataset has labels for."""
        there = [q.key for q in self.quantities if np.isfinite(truth.target(q.target)).any()]
        return {m.key for m in self.metrics if m.key == "coverage" or m.key.startswith(tuple(f"{k}_" for k in there))}

    def _ranked_of(self, judged: Judged, keep: Bools, known: set[str]) -> dict[str, float | None]:
        found = self.from_totals(masked_sum(judged.terms, keep))
        return {key: number(found[key]) for key in self.ranked if key in known}

    def _of_each(self, metrics: Callable[[Quantity], Mapping[str, float]]) -> dict[str, float]:
        shown = {metric.key for metric in self.metrics}
        found = {f"{q.key}_{name}": value for q in self.quantities for name, value in metrics(q).items()}
        return {key: value for key, value in found.items() if key in shown}

    def _refuse_contradictions(
        self, submission: Submission, truth: Truth, quantity: Quantity, reported: Mapping[str, Floats]
    ) -> None:
        """Refuse intervals whose ends are exchanged, and probabilities of all classes that do not add up to 1."""
        none = np.full(len(truth), np.nan)
        if isinstance(quantity, Number):
            low, high = (reported.get(name, none) for name in quantity.interval)
            with np.errstate(invalid="ignore"):
                wrong = low > high
            if wrong.any():
                self._refuse(submission, truth, wrong, f"{quantity.interval[0]!r} lies above {quantity.interval[1]!r}")
        elif isinstance(quantity, OneOf) and quantity.complete and all(name in reported for name in quantity.columns):
            total = np.sum([reported[name] for name in quantity.columns], axis=0)
            with np.errstate(invalid="ignore"):
                wrong = np.abs(total - 1) > SLACK
            if wrong.any():
                first, *_, last = quantity.columns
                said = f"{first} to {last} add up to {total[wrong.argmax()]:.3g} and not 1"
                self._refuse(submission, truth, wrong, said)

    def _refuse(self, submission: Submission, truth: Truth, wrong: Bools, said: str) -> None:
        name = truth.material_ids[int(wrong.argmax())].as_py()
        raise SubmissionError(f"{submission.path}: {name}: {said} ({int(wrong.sum()):,} such rows)")


def protocol_rows(truth: Truth) -> dict[str, Ints]:
    """Return the places of the answers of each protocol, the headline first."""
    found: dict[str, list[Ints]] = {}
    for fold in truth.tested:
        found.setdefault(fold.protocol, []).append(fold.rows)
    return {protocol: np.concatenate(rows) for protocol, rows in found.items()}


def first_protocol(truth: Truth) -> Bools:
    """Return which answers belong to the headline protocol, shape (n_rows,)."""
    keep = np.zeros(len(truth), bool)
    keep[next(iter(protocol_rows(truth).values()))] = True
    return keep


def siblings(truth: Truth) -> dict[str, float]:
    """Return for each protocol the share of its rows that have a row of the same compound in the training part."""
    found: dict[str, list[tuple[int, float]]] = {}
    for fold in truth.tested:
        found.setdefault(fold.protocol, []).append((len(fold.rows), fold.siblings * len(fold.rows)))
    return {protocol: sum(s for _, s in parts) / sum(n for n, _ in parts) for protocol, parts in found.items()}
