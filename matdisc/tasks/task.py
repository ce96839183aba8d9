"""What a task is: a question to models, what is done with a potential, and how the answers are scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from matdisc.cards import ModelCard
from matdisc.physics.evaluation import Steps
from matdisc.schema import Arrays, Crystal, Sample, Values
from matdisc.scoring.base import AnswerColumn, Prepare, Scoring
from matdisc.scoring.metric import Metric
from matdisc.tasks.rule import Rule, rule_faults

if TYPE_CHECKING:
    from matdisc.protocols import Protocol

Reference = Callable[[str], Steps[float]]
"""Finds the energy of an element, eV/atom; which may take evaluations of its own."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a potential answered: values, how the relaxation behind them ended, and where and of each atom if asked.

    `earlier_seconds` is wall-clock time that processes before this one have spent on it.
    """

    values: Values
    converged: bool = True
    steps: int = 0
    structure: Crystal | None = None
    arrays: Arrays = field(default_factory=dict)
    earlier_seconds: float = 0.0


Simulate = Callable[[Sample, "Protocol", Reference, float], Steps[Outcome]]
Resume = Callable[[Sample, ModelCard, Path], Steps[Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A question put to models, with the words that the site and the command line say about it.

    Attributes:
        key: Name in commands and folders.
        title: Heading on the site.
        question: What is asked, in one sentence.
        description: How it is answered and what to bear in mind, in plain text; paragraphs are divided by empty lines.
        scoring: How answers are scored.
        simulate: What is done with a potential: sample, protocol, reference energies and the correction of this
            material (eV per cell), to steps that end in an outcome. None where only predictors can answer.
        resume: Likewise, where it takes hours: with the card of the potential, and a folder of this sample under it in
            which it keeps what it has and from which it goes on. A time limit then holds for each evaluation, not for
            all of them.
        needs: What a potential has to give, e.g. `energy`, `forces` and `stress`.
        answers: What a predictor has to predict, one of these, e.g. `formation energy`.
        relaxes: Whether a relaxation protocol matters.
        method: An HTML fragment with definitions and limits, for the methods page of the site.
        rules: What its numbers let a model's page say in plain sentences; none, and it tells places only.
        citations: Whom to thank for the question and its metrics, as data set cards write it (`matdisc cite`).
    """

    key: str
    title: str
    question: str
    description: str
    scoring: Scoring
    simulate: Simulate | None = None
    resume: Resume | None = None
    needs: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    relaxes: bool = False
    method: Path | None = None
    rules: tuple[Rule, ...] = ()
    citations: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[AnswerColumn, ...]:
        """Accepted value columns, the main one first."""
        return self.scoring.columns

    @property
    def prepare(self) -> Prepare:
        """A dataset to what is asked about it."""
        return self.scoring.prepare

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What a result shows, in the order of columns."""
        return self.scoring.metrics

    @property
    def ranked(self) -> tuple[str, ...]:
        """Keys of the metrics that rows are ranked by, the headline first."""
        return self.scoring.ranked

    @property
    def headline(self) -> Metric:
        """The metric that tables are sorted by."""
        return self.metric(self.ranked[0])

    def headline_of(self, baseline: Mapping[str, object]) -> Metric:
        """The metric that the table of a dataset is sorted by, given the metrics of the trivial answer there.

        It is the first ranked one that is defined, where a dataset may lack labels; else the first.
        """
        ranked = self.ranked if self.scoring.optional_labels else ()
        return self.metric(next((key for key in ranked if baseline.get(key) is not None), self.ranked[0]))

    def metric(self, key: str) -> Metric:
        """One of the task's metrics."""
        return next(metric for metric in self.metrics if metric.key == key)


def faults(task: object, key: str) -> list[str]:
    """Return what keeps an object from being used as the task of that key, in words; empty for a good one."""
    if not isinstance(task, Task):
        return [f"it is a {type(task).__name__} and no matdisc.tasks.task.Task"]
    found = [] if task.key == key else [f"its key is {task.key!r}, and its entry point's name has to be the same"]
    found += [
        f"its {name} is empty" for name in ("title", "question", "description") if not getattr(task, name).strip()
    ]
    keys = [metric.key for metric in task.metrics]
    found += [f"it is ranked by {name!r}, which is none of its metrics" for name in task.ranked if name not in keys]
    found += rule_faults(task.rules, task.metrics)
    if not task.columns or not task.ranked:
        found.append("it needs an answer column and a metric that rows are ranked by")
    if not (task.simulate or task.answers):
        found.append("nobody can answer it: give 'simulate' for potentials, or 'answers' for predictors")
    return found
