"""Static: what energies, forces and stresses does a model give for structures as they are?"""

from __future__ import annotations

from pathlib import Path

from matdisc.scoring.answers import FARTHEST
from matdisc.scoring.base import AnswerColumn
from matdisc.tasks.static.metrics import STATIC as METRICS
from matdisc.tasks.static.scoring import StaticScoring
from matdisc.tasks.static.simulation import GAP, sampled, simulate
from matdisc.tasks.task import Task

STATIC = Task(
    key="static",
    title="Energies and forces",
    question="How good are a model's energies, forces and stresses on structures as they are?",
    description=(
        "A model evaluates each structure once, and nothing is relaxed. Its energy, its forces and, where the data set "
        "has it, its stress are compared with the reference calculation's. Energies are compared as they are, and "
        "after one energy for each element was fitted, so that the zero of a code does not matter. On 20 structures "
        "the forces are also held to the energy: are they its gradient? A missing answer counts as zero forces and the "
        "energy of the composition. Where a model was trained on another level of theory than the labels', part of "
        "the error is the theory's and not the model's."
    ),
    scoring=StaticScoring(
        columns=(
            AnswerColumn("energy", "total energy of the cell", "eV", -1e8, 1e8),
            AnswerColumn("forces", "x y z of each atom in turn", "eV/Å", -FARTHEST, FARTHEST, ("atoms", 3)),
            AnswerColumn(
                "stress", "xx yy zz yz xz xy, positive where the cell wants to shrink", "eV/Å³", -100.0, 100.0, (6,)
            ),
            AnswerColumn(GAP, "force along a random direction less the fall of the energy along it", "eV/Å"),
        ),
        metrics=METRICS,
        ranked=("force_mae", "shifted_mae"),
        baseline_text="Zero forces and stress, and energies of the elements fitted to the labels",
        baseline_label="composition only",
        prepare=sampled,
        one_answer=True,
        rows_noun="frames",
    ),
    simulate=simulate,
    needs=("energy", "forces"),
    method=Path(__file__).with_name("method.html"),
)
