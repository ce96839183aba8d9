"""Perovskites: what does the formula of an ABX3 compound tell of its energy, gap and crystal system?"""

from __future__ import annotations

from pathlib import Path

from matdisc.datasets.fold_by_fold import fold_by_fold
from matdisc.datasets.perovskites import SYSTEMS
from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.pooled import PooledScoring
from matdisc.tasks.perovskites.figures import draw
from matdisc.tasks.perovskites.metrics import P_SYSTEMS, PERMUTED, QUANTITIES
from matdisc.tasks.perovskites.metrics import PEROVSKITES as METRICS
from matdisc.tasks.task import Task

_E = ("eV/atom", -20.0, 20.0)
_GAP = ("eV", -30.0, 30.0)

PEROVSKITES = Task(
    key="perovskites",
    title="Perovskites",
    question="What does the formula of an ABX3 compound tell of its formation energy, band gap and crystal system?",
    description=(
        "A predictor sees formulas and the elements on A, B and X, and nothing that was computed. It answers what it "
        "can of the formation energy, the band gap, the crystal system and the distance to the hull, if it can with "
        "90 % intervals; where experiments are the labels, the probability of a perovskite. Each row is answered by a "
        "model that learnt from the other folds. Rows are ranked by folds of whole chemical systems. Folds of single "
        "rows let polymorphs of a tested formula into the training part; such numbers are shown beside, and not "
        "ranked. Polymorphs of one formula differ, so a composition cannot reach every score: the page of each row "
        "has the bounds. A missing answer counts as the trivial one."
    ),
    scoring=PooledScoring(
        columns=(
            AnswerColumn("e_form_per_atom", "formation energy", *_E),
            AnswerColumn("e_form_low", "lower end of its central 90 % interval", *_E),
            AnswerColumn("e_form_high", "upper end of that interval", *_E),
            AnswerColumn("band_gap", "band gap", *_GAP),
            AnswerColumn("band_gap_low", "lower end of its central 90 % interval", *_GAP),
            AnswerColumn("band_gap_high", "upper end of that interval", *_GAP),
            AnswerColumn("p_metal", "probability that there is no gap", "", 0.0, 1.0),
            *(
                AnswerColumn(name, f"probability that the crystal is {system}", "", 0.0, 1.0)
                for name, system in zip(P_SYSTEMS, SYSTEMS, strict=True)
            ),
            AnswerColumn("e_above_hull", "distance to the convex hull", *_E),
            AnswerColumn("p_perovskite", "probability that a perovskite can be made", "", 0.0, 1.0),
            *(
                AnswerColumn(name, f"formation energy by the same model if {inputs} are those of another row", *_E)
                for name, inputs in PERMUTED.items()
            ),
        ),
        metrics=METRICS,
        ranked=("e_form_mae", "gap_mae", "system_f1", "stability_f1", "perovskite_mcc"),
        baseline_text="The median, mean or most frequent class of the training part, and yes to every question",
        baseline_label="knows no formula",
        prepare=fold_by_fold,
        quantities=QUANTITIES,
        titles={
            "grouped-5": "Chemical systems apart",
            "anion-out": "One anion left out",
            "random-5": "Random rows, not ranked",
            "grouped-5-tenth": "A tenth of the training systems, not ranked",
            "grouped-5-third": "A third of the training systems, not ranked",
            "given-authors": "The authors' split",
        },
        draw=draw,
        looked_up=(
            ("e_form", "e_above_hull", "hull distance"),
            ("hull", "e_form_per_atom", "formation energy"),
        ),
    ),
    answers=("perovskite properties",),
    method=Path(__file__).with_name("method.html"),
)
