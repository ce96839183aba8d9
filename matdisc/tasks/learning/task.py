"""Learning: which family learns formation energies best, from how much data, and does it hold for what is new?"""

from __future__ import annotations

from pathlib import Path

from matdisc.datasets.fold_by_fold import fold_by_fold
from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.pooled import PooledScoring
from matdisc.tasks.learning.compare import compare
from matdisc.tasks.learning.figures import draw
from matdisc.tasks.learning.metrics import LEARNING as METRICS
from matdisc.tasks.learning.metrics import QUANTITIES
from matdisc.tasks.task import Task

_E = ("eV/atom", -20.0, 20.0)

LEARNING = Task(
    key="learning",
    title="Learning formation energies",
    question="Which family learns formation energies best, from how much data, and does it hold for what is new?",
    description=(
        "Every family is trained on the same parts of a data set and tested on the others, so that the difference is "
        "the family's and not the data's. Rows are ranked by folds of whole chemical systems. Beside them stand folds "
        "of prototypes and of elements that were never seen, and the same test rows learnt from a tenth and a third of "
        "the training systems. The discovery task asks the same models whether the crystals are stable: a small error "
        "does not make a good judge near the hull. A missing answer counts as the median of the training part."
    ),
    scoring=PooledScoring(
        columns=(
            AnswerColumn("e_form_per_atom", "formation energy", *_E),
            AnswerColumn("e_form_low", "lower end of its central 90 % interval", *_E),
            AnswerColumn("e_form_high", "upper end of that interval", *_E),
            AnswerColumn(
                "training_seconds", "processor seconds of training for each crystal learnt from", "s", 0.0, 1e6
            ),
        ),
        metrics=METRICS,
        ranked=("e_form_mae",),
        baseline_text="The median of the training part",
        baseline_label="knows no crystal",
        prepare=fold_by_fold,
        quantities=QUANTITIES,
        titles={
            "grouped-5": "Chemical systems apart",
            "grouped-5-tenth": "A tenth of the training systems, not ranked",
            "grouped-5-third": "A third of the training systems, not ranked",
            "prototypes-5": "Prototypes apart, not ranked",
            "elements-5": "Elements apart, not ranked",
            "given-recorded": "The recorded split, not ranked",
        },
        draw=draw,
        compare=compare,
        formula_only=False,
    ),
    answers=("formation energy",),
    method=Path(__file__).with_name("method.html"),
)
