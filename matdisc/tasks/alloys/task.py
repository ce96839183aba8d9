"""Alloys: do these elements, in equal parts, form one solid solution? A model says how sure it is, and when it is not.

Every protocol of a dataset is asked in one run. What is asked is an alloy in one fold: its id is
`<alloy>@<protocol>/<fold>`, e.g. `Al|Co|Cr|Fe@loeo/Al`, and it is answered from the training part of that fold alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from matdisc.cache import CacheKey
from matdisc.datasets.load import input_hash
from matdisc.datasets.splits import checked_folds, pool
from matdisc.schema import Dataset, Sample
from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.cross_validated import FoldScoring
from matdisc.tasks.alloys.metrics import BELIEFS
from matdisc.tasks.task import Task

if TYPE_CHECKING:
    from matdisc.cards import DatasetCard


def fold_by_fold(card: DatasetCard, dataset: Dataset) -> Dataset:
    """Return every alloy of every fold of the card's protocols, with what each fold learns from.

    `fold` numbers the folds of all protocols on, in the card's order; `training` has the labelled samples of each.

    Raises:
        DataError: If the folds of a protocol are not those whose hash is on the card.
    """
    if not dataset.sha256:  # not verified, so two of them cannot be told apart
        return _fold_by_fold(tuple(card.splits.items()), CacheKey("", dataset))
    return _kept(tuple(card.splits.items()), CacheKey(f"{dataset.key} {dataset.sha256}", dataset))


def _fold_by_fold(splits: tuple[tuple[str, str], ...], known: CacheKey[Dataset]) -> Dataset:
    dataset = known.value
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
    description=(
        "An alloy is a set of elements in equal parts. It is High if it forms one solid solution, else Low. A "
        "predictor answers with a probability of High and, if it can, with the interval from belief to plausibility "
        "within which it holds that probability to lie; an interval from 0 to 1 is an abstention. It is asked under "
        "several protocols that say what it may learn from, down to alloys with an element that it never saw. The "
        "first protocol of a data set makes the table below; its page has them all. An abstention counts as the "
        "majority class of the training part and as the probability 0.5, and is never hidden: coverage stands beside "
        "every score."
    ),
    scoring=FoldScoring(
        columns=(
            AnswerColumn("p_high", "probability of a single solid solution", low=0.0, high=1.0),
            AnswerColumn("belief", "lower end of that probability", low=0.0, high=1.0),
            AnswerColumn("plausibility", "upper end of that probability", low=0.0, high=1.0),
            AnswerColumn("conflict", "conflict between the sources of evidence", low=0.0, high=1.0),
        ),
        metrics=BELIEFS,
        ranked=("brier", "macro_f1"),
        baseline_text="Answering the share of single-phase alloys in the training part",
        baseline_label="class rate of training",
        prepare=fold_by_fold,
        replicates=200,
        unit="alloy and fold",
        control="alloys-constant",
        positive="High",
    ),
    answers=("phase",),
    method=Path(__file__).with_name("method.html"),
)
