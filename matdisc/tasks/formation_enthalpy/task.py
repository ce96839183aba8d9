"""Formation enthalpy: how close does a potential come to calorimetry, with its own elements as the zero?"""

from __future__ import annotations

from pathlib import Path

from matdisc.datasets.formation_enthalpy import ENTHALPY
from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.measured import MeasuredScoring
from matdisc.tasks.formation_enthalpy.figures import draw
from matdisc.tasks.formation_enthalpy.metrics import ENTHALPIES
from matdisc.tasks.formation_enthalpy.scoring import baseline, terms
from matdisc.tasks.formation_enthalpy.simulation import simulate
from matdisc.tasks.rule import Rule
from matdisc.tasks.task import Task

FORMATION_ENTHALPY = Task(
    key="formation-enthalpy",
    title="Formation enthalpy",
    question="How close do formation enthalpies come to experiment?",
    description=(
        "A potential relaxes a compound and the crystals of its elements; the difference of their energies is compared "
        "with the measured enthalpy of formation. Errors are given in eV/atom, in units of the experiment's "
        "uncertainty, and after one offset for each element that was fitted to other chemical systems only.\n\nThe "
        "answer is not the potential's alone: plain PBE misses these enthalpies by some 0.2 eV/atom, since it binds "
        "molecules and anions wrongly. The MP2020 corrections mend that, and they were fitted to the very table that "
        "the measured values come from. Energies that hold them (energy_scale of the model's card) stay as they are, "
        "raw PBE energies get them added, and models of another theory go without. The second column is fairer."
    ),
    scoring=MeasuredScoring(
        columns=(AnswerColumn(ENTHALPY, "formation enthalpy", "eV/atom", -20.0, 20.0),),
        metrics=ENTHALPIES,
        ranked=("mae", "shifted_mae"),
        baseline_text="Zero enthalpy",
        baseline_label="zero",
        rows_noun="compounds",
        groups_noun="chemical systems",
        terms=terms,
        medians=("sigmas",),
        baseline=baseline,
        draw=draw,
    ),
    simulate=simulate,
    needs=("energy", "forces", "stress"),
    relaxes=True,
    method=Path(__file__).with_name("method.html"),
    rules=(
        Rule(
            about="Formation enthalpies against experiment",
            metric="mae",
            safe=(0.05, "within {limit} eV/atom on average"),
            unsafe=(0.1, "off by more than {limit} eV/atom on average"),
        ),
        Rule(
            about="Formation enthalpies with an offset for each element",
            metric="shifted_mae",
            safe=(0.05, "within {limit} eV/atom on average"),
            unsafe=(0.1, "off by more than {limit} eV/atom on average, even then"),
        ),
    ),
)
