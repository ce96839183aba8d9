"""What a task is: a question to potentials, value columns, and a way to judge answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matdisc.arrays import Floats
from matdisc.datasets.truth import Truth
from matdisc.metrics.stability import metrics_from_totals
from matdisc.metrics.structures import Compared, structure_metrics
from matdisc.physics.evaluation import Steps
from matdisc.schema import Crystal, Dataset, Sample, Values
from matdisc.scoring.answers import Verdicts
from matdisc.scoring.figures import Artifacts
from matdisc.scoring.metric import Metric
from matdisc.scoring.stability_metrics import STABILITY

if TYPE_CHECKING:
    from matdisc.cards import DatasetCard
    from matdisc.physics.relaxation.relax import Protocol
    from matdisc.scoring.answers import Answers

Reference = Callable[[str], Steps[float]]
"""Finds the energy of an element, eV/atom; which may take evaluations of its own."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a potential answered: values, how the relaxation behind them ended, and where if the task asks."""

    values: Values
    converged: bool = True
    steps: int = 0
    structure: Crystal | None = None


def as_it_is(card: DatasetCard, dataset: Dataset) -> Dataset:
    """Return a dataset as it is: what most tasks ask."""
    return dataset


@dataclass(frozen=True, slots=True)
class Task:
    """A question put to models of any kind. Its answers are judged (stable or not), compared (structures), measured
    (numbers of each material), or scored fold by fold (beliefs).

    Attributes:
        key: Name in commands and folders.
        title: Heading on the site.
        question: What is asked, in one sentence.
        energy_column: The value column that holds an energy, eV/atom.
        value_columns: All accepted value columns; `p_stable` is a probability of being stable.
        measure: What is done with a potential: sample, protocol, reference energies and the correction of this
            material (eV per cell), to steps that end in an outcome.
        judge: Truth, name of the value column, values (nan = no answer) and threshold, to verdicts.
        needs_references: Whether it is about formation energies, and so about distances to a hull.
        limits: Smallest and largest believable value of the energy column, eV/atom.
        compare: Truth and answers to comparisons of structures, where structures are the answer.
        starts: A dataset to what is asked of it: other structures, fewer materials, or each fold's alloys apart.
        terms: Card, truth and answers to what each material says of each metric, by the metric's key, shape
            (n_materials,), nan where it says nothing; where numbers are the answer. A result has their means.
        medians: Keys of the metrics that are medians and no means.
        floor: Card and truth to the terms of the trivial answer.
        detail: Card, truth and answers to what is shown beside the metrics (`matdisc.scoring.figures.to_json`).
        together: Whether all value columns belong to one answer, the first of them being needed.
        replicates: Most resamples that intervals are taken from.
        unit: What is resampled; None for the groups of the dataset.
        null: The row that every other is compared with in pairs.
        metrics: What a result shows, in the order of columns.
        ranked: Keys of the metrics that rows are ranked by, the headline first.
        trivial: What the trivial answer is, in a sentence's words.
    """

    key: str
    title: str
    question: str
    energy_column: str
    value_columns: tuple[str, ...]
    measure: Callable[[Sample, Protocol, Reference, float], Steps[Outcome]]
    judge: Callable[[Truth, str, Floats, float], Verdicts] | None
    needs_references: bool
    limits: tuple[float, float]
    compare: Callable[[Truth, Answers], Compared] | None = None
    starts: Callable[[DatasetCard, Dataset], Dataset] = as_it_is
    terms: Callable[[DatasetCard, Truth, Answers], Mapping[str, Floats]] | None = None
    medians: tuple[str, ...] = ()
    floor: Callable[[DatasetCard, Truth], Mapping[str, Floats]] | None = None
    detail: Callable[[DatasetCard, Truth, Answers], Artifacts] | None = None
    multi_column: bool = False
    replicates: int = 1000
    unit: str | None = None
    null: str | None = None
    metrics: tuple[Metric, ...] = STABILITY
    ranked: tuple[str, ...] = ("f1", "mae")
    trivial: str = "Calling every material stable"

    @property
    def structures(self) -> bool:
        """Whether structures are the answer."""
        return self.compare is not None

    @property
    def beliefs(self) -> bool:
        """Whether probabilities between belief and plausibility are the answer, fold by fold."""
        return self.judge is None and self.compare is None and self.terms is None

    @property
    def measured(self) -> bool:
        """Whether numbers are the answer, each material's own."""
        return self.terms is not None

    @property
    def headline(self) -> Metric:
        """The metric that tables are sorted by."""
        return self.metric(self.ranked[0])

    def metric(self, key: str) -> Metric:
        """One of the task's metrics."""
        return next(metric for metric in self.metrics if metric.key == key)

    def from_totals(self, totals: Any) -> dict[str, Floats]:
        """Return the metrics that follow from summed row terms, shape (..., n_terms); undefined is nan."""
        return structure_metrics(totals) if self.structures else metrics_from_totals(totals)
