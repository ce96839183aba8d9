"""Dimers: what does a potential make of two atoms, from half a bond length to 6 Å?"""

from __future__ import annotations

from pathlib import Path

from matdisc.datasets.dimers import POINTS
from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.measured import MeasuredScoring
from matdisc.tasks.dimers.figures import draw
from matdisc.tasks.dimers.metrics import DIMERS as METRICS
from matdisc.tasks.dimers.metrics import MEDIANS
from matdisc.tasks.dimers.simulation import simulate
from matdisc.tasks.dimers.terms import baseline, terms
from matdisc.tasks.rule import Rule
from matdisc.tasks.task import Task

DIMERS = Task(
    key="dimers",
    title="Dimers",
    question="What does a potential make of two atoms, pushed together and pulled apart?",
    description=(
        "Two atoms of one element in an empty box are evaluated at 50 distances, from 0.8 covalent radii to 6 Å; "
        "nothing is relaxed. Some measures need no reference: do the atoms repel each other, does the energy go up and "
        "down more than once, does the force follow it? Others compare the curve with those of two functionals, PBE "
        "and r2SCAN: depth and place of the well, the wall, and the energy where atoms bond. Formulas are those of "
        "Matbench Discovery, which takes other distances and PBE alone, so numbers are near its own and not equal.\n\n"
        "Potentials are trained on crystals, and few have seen two lone atoms: errors here are a matter of hot, "
        "broken or dilute matter, not of crystals near equilibrium. Reference curves that jump are left out."
    ),
    scoring=MeasuredScoring(
        columns=(
            AnswerColumn("answered", "distances that were evaluated; beyond them the curve is flat", "", 1.0, POINTS),
            AnswerColumn("energy", "energy of the pair at each distance", "eV", -1e6, 1e8, (POINTS,)),
            AnswerColumn(
                "axial_force",
                "force along the axis, positive where the atoms repel each other",
                "eV/Å",
                -1e9,
                1e9,
                (POINTS,),
            ),
        ),
        metrics=METRICS,
        ranked=("pbe_rmse", "repulsive"),
        baseline_text="Two atoms that do not interact",
        baseline_label="no interaction",
        one_answer=True,
        rows_noun="elements",
        groups_noun="elements",
        terms=terms,
        medians=MEDIANS,
        baseline=baseline,
        draw=draw,
    ),
    simulate=simulate,
    needs=("energy", "forces"),
    method=Path(__file__).with_name("method.html"),
    rules=(
        Rule(
            about="Two atoms far from a crystal",
            metric="pbe_rmse",
            safe=(0.2, "within {limit} eV where they bond (median)"),
            unsafe=(1.0, "off by more than {limit} eV where they bond (median): no gases, sputtering or dilute matter"),
        ),
        Rule(
            about="Short distances",
            metric="repulsive",
            safe=(0.95, "atoms repel each other for at least {percent} % of the elements"),
            unsafe=(0.8, "atoms of more than a fifth of the elements fall into each other: no hot or dense matter"),
        ),
    ),
)
