"""Alloys: do these elements, in equal parts, form one solid solution? A model says how sure it is, and when it is not.

Every protocol of a dataset is asked in one run. What is asked is an alloy in one fold: its id is
`<alloy>@<protocol>/<fold>`, e.g. `Al|Co|Cr|Fe@loeo/Al`, and it is answered from the training part of that fold alone.
"""

from __future__ import annotations

from pathlib import Path

from matdisc.datasets.fold_by_fold import fold_by_fold
from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.cross_validated import FoldScoring
from matdisc.tasks.alloys.metrics import BELIEFS
from matdisc.tasks.task import Task

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
