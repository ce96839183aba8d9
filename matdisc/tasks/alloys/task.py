"""Alloys: do these elements, in equal parts, form one solid solution? A model says how sure it is, and when it is not.

Every protocol of a dataset is asked in one run. What is asked is an alloy in one fold: its id is
`<alloy>@<protocol>/<fold>`, e.g. `Al|Co|Cr|Fe@loeo/Al`, and it is answered from the training part of that fold alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from matdisc.datasets.load import canonical_hash
from matdisc.datasets.splits import checked_folds, pool
from matdisc.errors import CardError
from matdisc.physics.evaluation import Steps
from matdisc.schema import Dataset, Sample
from matdisc.tasks.alloys.metrics import BELIEFS
from matdisc.tasks.task import Outcome, Reference, Task

if TYPE_CHECKING:
    from matdisc.cards import DatasetCard
    from matdisc.physics.relaxation.relax import Protocol


def measure(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Refuse: a potential has no crystal to work on here.

    Raises:
        CardError: Always.
    """
    raise CardError("the task 'alloys' asks predictors; remove 'alloys' from the tasks of the potential's card")
    yield  # a generator, as the work on every material is


def fold_by_fold(card: DatasetCard, dataset: Dataset) -> Dataset:
    """Return every alloy of every fold of the card's protocols, with what each fold learns from.

    `fold` numbers the folds of all protocols on, in the card's order; `training` has the labelled samples of each.

    Raises:
        DataError: If the folds of a protocol are not those whose hash is on the card.
    """
    if not dataset.sha256:  # not verified, so two of them cannot be told apart
        return _fold_by_fold(tuple(card.splits.items()), _Known(dataset, ""))
    return _kept(tuple(card.splits.items()), _Known(dataset, f"{dataset.key} {dataset.sha256}"))


def input_hash(sha256: str, splits: Mapping[str, str]) -> str:
    """Return the hash of what is asked of a dataset of that hash under protocols in this order, each with its hash."""
    return canonical_hash({"dataset": sha256, "splits": [list(split) for split in splits.items()]})


class _Known:
    """A dataset that is told from others by its name."""

    def __init__(self, dataset: Dataset, name: str) -> None:
        self.dataset, self.name = dataset, name

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and other.name == self.name


def _fold_by_fold(splits: tuple[tuple[str, str], ...], known: _Known) -> Dataset:
    dataset = known.dataset
    alloys = pool(dataset)
    asked: list[Sample] = []
    training: dict[int, tuple[Sample, ...]] = {}
    for protocol, sha256 in splits:
        for fold in checked_folds(dataset, protocol, sha256):
            number = len(training)
            training[number] = tuple(alloys[i] for i in fold.train)
            for sample in (alloys[i] for i in fold.test):
                name = f"{sample.material_id}@{protocol}/{fold.name}"
                asked.append(Sample(name, sample.inputs, sample.target, sample.group, number, sample.flags))
    return replace(
        dataset, samples=tuple(asked), train=(), training=training, sha256=input_hash(dataset.sha256, dict(splits))
    )


_kept = lru_cache(maxsize=2)(_fold_by_fold)


ALLOYS = Task(
    key="alloys",
    title="Alloys",
    question="Do these elements, in equal parts, form one solid solution, and how sure is the answer?",
    energy_column="p_high",
    value_columns=("p_high", "belief", "plausibility", "conflict"),
    measure=measure,
    judge=None,
    needs_references=False,
    limits=(0.0, 1.0),
    starts=fold_by_fold,
    multi_column=True,
    replicates=200,
    unit="alloy and fold",
    null="alloys-constant",
    metrics=BELIEFS,
    ranked=("brier", "macro_f1"),
    trivial="Answering the share of single-phase alloys in the training part",
)
