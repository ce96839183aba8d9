"""Static: what energies, forces and stresses does a model give for structures as they are?"""

from __future__ import annotations

from pathlib import Path

from matdisc.scoring.answers import FARTHEST
from matdisc.scoring.base import AnswerColumn
from matdisc.tasks.rule import Rule
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
    rules=(
        Rule(
            about="Forces",
            metric="force_mae",
            safe=(0.05, "within {limit} eV/Å on average"),
            unsafe=(0.2, "off by more than {limit} eV/Å on average: barriers and vibrations will be wrong"),
        ),
        Rule(
            about="Energy differences",
            metric="shifted_mae",
            safe=(0.01, "within {limit} eV/atom on average"),
            unsafe=(0.05, "off by more than {limit} eV/atom on average"),
        ),
        Rule(
            about="Forces as the gradient of the energy",
            metric="force_gap",
            safe=(0.01, "within {limit} eV/Å on average"),
            unsafe=(0.05, "off by more than {limit} eV/Å on average: energy will drift in molecular dynamics"),
        ),
    ),
)
