"""What scoring is: from a predictions file and the labels of a dataset to metrics, intervals, figures and comparisons.

A task is data plus one of these objects. Nobody else asks what kind of task it is.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from matdisc import predictions
from matdisc.arrays import Bools, Floats, Ints
from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets import load_truth
from matdisc.datasets.truth import Truth
from matdisc.errors import CardError
from matdisc.predictions import Submission
from matdisc.schema import Crystal, Dataset
from matdisc.scoring.answers import Answers
from matdisc.scoring.figures import Artifacts, Table
from matdisc.scoring.metric import Metric
from matdisc.scoring.per_material import PerMaterial


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are taken: number of resamples of groups (0 for none), and the seed."""

    replicates: int = 1000
    seed: int = 0


DEFAULT_BOOTSTRAP = Bootstrap()


@dataclass(frozen=True, slots=True)
class AnswerColumn:
    """A value column of a predictions file: what it holds, its unit, and the smallest and largest believable value.

    With a `shape`, each cell holds an array: `(6,)`, or `("atoms", 3)` for three numbers of each atom.
    """

    name: str
    help: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    shape: tuple[int | str, ...] = ()

    def length(self, n_atoms: int) -> int:
        """Return the number of numbers in a cell of a material of so many atoms."""
        return math.prod(n_atoms if isinstance(size, str) else size for size in self.shape)


Draws = Mapping[str, tuple[float, Floats]]
"""Metrics by key: the value, and the replicates, shape (n_replicates,); nan where undefined."""
Control = tuple[str, Answers] | None
"""The control row, by its printed name, with its answers; None where there is none, or it is this row."""
Prepare = Callable[[DatasetCard, Dataset], Dataset]


class Lookup(NamedTuple):
    """Labels that a model on tables might have looked up instead of predicting: answers would follow them.

    Attributes:
        name: What the labels are, in a sentence's words.
        labels, values: True labels and answers, eV/atom, shape (n_rows,); answers may be nan.
        rows: Places of these rows, or None for all.
    """

    name: str
    labels: Floats
    values: Floats
    rows: Ints | None = None


def unchanged(card: DatasetCard, dataset: Dataset) -> Dataset:
    """Return a dataset as it is: what most tasks ask about."""
    return dataset


@dataclass(frozen=True, kw_only=True)
class Scoring(ABC):
    """How answers are scored.

    Attributes:
        columns: Accepted value columns, the main one first.
        metrics: What a result shows, in the order of columns.
        ranked: Keys of the metrics that rows are ranked by, the headline first.
        baseline_text: What the trivial answer is, in a sentence's words.
        baseline_label: The same in a table's row.
        prepare: A dataset to what is asked about it: other structures, or each fold's alloys apart.
        replicates: Most resamples that intervals are taken from.
        unit: What is resampled; None for the groups of the dataset.
        control: The row that every other is compared with in pairs; None for none.
        hull: Whether answers are distances to a convex hull, which needs elemental references.
        one_answer: Whether all value columns belong to one answer, the first of them being needed.
        positive: Name of the positive class; empty where there are no classes.
        rows_noun, groups_noun: What `n` and `n_groups` of a result count.
        by_fold: Whether the dataset says for each answer what may be learnt from.
        optional_labels: Whether a dataset may lack the labels of some metrics; its table then goes by the first ranked
            metric that it has.
    """

    columns: tuple[AnswerColumn, ...]
    metrics: tuple[Metric, ...]
    ranked: tuple[str, ...]
    baseline_text: str
    baseline_label: str
    prepare: Prepare = unchanged
    replicates: int = 1000
    unit: str | None = None
    control: str | None = None
    hull: bool = False
    one_answer: bool = False
    positive: str = ""
    rows_noun: str = "materials"
    groups_noun: str = "groups"
    by_fold: bool = False
    optional_labels: bool = False

    def column(self, name: str) -> AnswerColumn:
        """Return the answer column of that name; a longer name of the main column means that one."""
        return next((column for column in self.columns if column.name == name), self.columns[0])

    def read(self, path: Path) -> Submission:
        """Return the content of a predictions file.

        Raises:
            SubmissionError: If it is damaged or has none of the answer columns.
        """
        names = [column.name for column in self.columns if not column.shape]
        return predictions.read(path, names, multi_column=self.one_answer, arrays=self.array_columns)

    @property
    def array_columns(self) -> list[str]:
        """Names of the columns whose cells hold arrays."""
        return [column.name for column in self.columns if column.shape]

    def truth(self, board: Board, card: DatasetCard) -> Truth:
        """Return the labels that answers are scored against."""
        return load_truth(board, card.key)

    def truth_hash(self, card: DatasetCard, task: str) -> str | None:
        """Return the hash of what is scored, as results bear it; None where the card has none."""
        return card.sha256_of(task)

    def plausible(
        self, submission: Submission, truth: Truth, places: Ints, values: Floats, reported: Mapping[str, Floats]
    ) -> tuple[str, ...]:
        """Return what is odd about the numbers of a file, in sentences, where it might be honest all the same.

        Raises:
            SubmissionError: If they cannot mean what they say.
        """
        return ()

    def usable(
        self, submission: Submission, truth: Truth, values: Floats, structures: Sequence[Crystal | None]
    ) -> tuple[Bools, Bools]:
        """Return which answers are finite, and which of these nobody can mean, each of shape (n_materials,)."""
        finite = np.isfinite(values)
        column = self.column(submission.column)
        with np.errstate(invalid="ignore"):
            return finite, finite & ((values < column.low) | (values > column.high))

    @abstractmethod
    def score(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> dict[str, Any]:
        """Return headline and secondary metrics as plain, JSON-ready data; an undefined number is None.

        `metrics` maps each key to value, low and high (95 % bootstrap interval over the dataset's groups; None where
        it makes no sense). `bounds` gives what missing answers could change, `baseline` the trivial answer's metrics.
        """

    @abstractmethod
    def part(
        self, card: DatasetCard, truth: Truth, answers: Answers, keep: Bools, bootstrap: Bootstrap
    ) -> dict[str, Any]:
        """Return the metrics of the materials where `keep` is true, JSON-ready."""

    @abstractmethod
    def resample(self, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> Draws:
        """Return the ranked metrics with their replicates; those of all rows come from the same resamples."""

    def n_drawn(self, card: DatasetCard, truth: Truth) -> int | None:
        """Return how many groups `resample` draws from, which p-values allow for; None if that is not due."""
        return len(np.unique(truth.groups[headline_mask(card, truth)]))

    @abstractmethod
    def artifacts(
        self, card: DatasetCard, truth: Truth, answers: Answers, control: Control, bootstrap: Bootstrap
    ) -> Artifacts:
        """Return figures and tables that stand beside the metrics."""

    def per_material(self, card: DatasetCard, truth: Truth, answers: Answers) -> PerMaterial | None:
        """Return what the answers say of each material of the headline; None where no single one has an error."""
        return None

    def label_tables(self, truth: Truth) -> Sequence[Table]:
        """Return tables about the labels alone, shown once for all rows of a dataset."""
        return ()

    def compare_rows(
        self, card: DatasetCard, truth: Truth, named: Sequence[tuple[str, Answers]], bootstrap: Bootstrap
    ) -> Artifacts:
        """Return figures and tables about all rows of a dataset together, given with their printed names."""
        return Artifacts()

    def size(self, result: Any) -> int:
        """Return the number of independent materials behind the headline metrics of a result."""
        return int(result.n_labelled or result.n)

    def part_title(self, name: str) -> str:
        """Return the heading of a part of a result."""
        return name

    def theory_matters(self, card: DatasetCard) -> bool:
        """Whether a model of another level of theory than the labels' starts with a handicap."""
        return False

    def lookups(self, truth: Truth, answers: Answers) -> Sequence[Lookup]:
        """Return what a model on tables might have looked up."""
        return ()

    def suspicions(self, truth: Truth, answers: Answers, scored: Mapping[str, Any]) -> Sequence[str]:
        """Return what is too good, or seen in training, to be read as the scores of `score` say, in sentences."""
        return ()

    def references(self, card: DatasetCard, dataset: Dataset) -> Dataset:
        """Return the dataset with the structures that training data could share."""
        return dataset

    def published_procedure(
        self, truth: Truth, submission: Submission, answers: Answers, surplus: str
    ) -> dict[str, Any]:
        """Return the metrics by Matbench Discovery's own order of operations, part by part.

        Raises:
            CardError: If there is no such procedure for this scoring or dataset.
            SubmissionError: If the file lacks what it needs.
        """
        raise CardError("this procedure is for discovery and relaxation; other tasks have none of another board's")


def theory_differs(model: ModelCard, card: DatasetCard) -> bool:
    """Whether the labels were computed by another level of theory than the model's."""
    return bool(model.level_of_theory) and model.level_of_theory != card.level_of_theory


def subset_mask(card: DatasetCard, truth: Truth, name: str | None) -> Bools:
    """Return which materials belong to the named subset of the card; None means all."""
    if name is None:
        return np.ones(len(truth), bool)
    subset = next(s for s in card.subsets if s.name == name)
    has = truth.flags.get(subset.flag, np.zeros(len(truth), bool))
    return has if subset.keep == "with" else ~has


def headline_mask(card: DatasetCard, truth: Truth) -> Bools:
    """Return which materials the headline metrics are over, shape (n_materials,)."""
    return subset_mask(card, truth, card.headline_subset)


def about(answers: Answers) -> dict[str, Any]:
    """Return what every result says of the file: coverage, surplus ids and cost, JSON-ready."""
    return {"coverage": answers.coverage, "surplus_ids": list(answers.surplus), "cost": _cost(answers)}


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


def interval(value: Any, low: Any, high: Any) -> dict[str, float | None]:
    """Return a value with its interval, JSON-ready."""
    return {"value": number(value), "low": number(low), "high": number(high)}
