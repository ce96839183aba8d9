"""Equations of state: are equilibrium volume and stiffness of a crystal right, and is its curve sound?"""

from __future__ import annotations

from pathlib import Path

from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.measured import MeasuredScoring
from matdisc.tasks.eos.figures import draw
from matdisc.tasks.eos.metrics import CURVES, GOOD
from matdisc.tasks.eos.simulation import FAULTS, SEVEN, simulate
from matdisc.tasks.eos.terms import MEDIANS, baseline, terms
from matdisc.tasks.rule import Rule
from matdisc.tasks.task import Task

COLUMNS = (
    AnswerColumn("fault", ", ".join(f"{code} {name}" for code, name in enumerate(FAULTS)), "", 0.0, len(FAULTS) - 1.0),
    AnswerColumn("v0", "equilibrium volume; empty without a minimum", "Å³/atom"),
    AnswerColumn("b0", "bulk modulus there", "GPa"),
    AnswerColumn("b1", "its pressure derivative"),
    AnswerColumn("roughness", "largest distance of an energy from the fitted curve over the range of the energies"),
    AnswerColumn("centre", "volume about which the seven lie, over the given one"),
    *(
        AnswerColumn(f"e_{i}", f"energy at {factor:.0%} of that volume, above the lowest of the seven", "meV/atom")
        for i, factor in enumerate(SEVEN)
    ),
)
EOS = Task(
    key="eos",
    title="Equations of state",
    question="Does a model know how large and how stiff a crystal is?",
    description=(
        "A potential gives the energy of a crystal at seven volumes, 94 to 106 % of the given one; atoms keep their "
        "fractional coordinates. A Birch-Murnaghan curve through them has the equilibrium volume V0, the bulk modulus "
        "B0 and its pressure derivative B′, which are compared with density functional theory by the measures and the "
        "limits with which codes of density functional theory are verified. Where the minimum lies elsewhere, it is "
        "looked for downhill between 60 and 160 % of the given volume, and seven volumes about it are taken. Curves "
        "without a minimum, with several, or with jumps or kinks are counted and not dropped. Where a model was "
        "trained on another level of theory than the labels', part of the error is the theory's and not the model's."
    ),
    scoring=MeasuredScoring(
        columns=COLUMNS,
        metrics=CURVES,
        ranked=("epsilon", "nu"),
        baseline_text="One curve for all crystals: the medians of V0, B0 and B′ over the data set",
        baseline_label="median curve",
        one_answer=True,
        terms=terms,
        medians=MEDIANS,
        baseline=baseline,
        draw=draw,
        against_theory=lambda card: True,
        rows_noun="crystals",
    ),
    simulate=simulate,
    needs=("energy",),
    method=Path(__file__).with_name("method.html"),
    citations=(
        "E. Bosoni et al., Nat. Rev. Phys. 6, 45 (2024), doi:10.1038/s42254-023-00655-3 (epsilon and nu).",
        "K. Lejaeghere et al., Science 351, aad3000 (2016), doi:10.1126/science.aad3000 (Delta gauge).",
    ),
    rules=(
        Rule(
            about="Energy against volume",
            metric="epsilon",
            safe=(GOOD["epsilon"], "median ε within {limit}, as good codes agree"),
            unsafe=(1.0, "median ε above {limit}: the curves have little to do with the reference's"),
        ),
        Rule(
            about="Equilibrium volumes",
            metric="v0_error",
            safe=(0.02, "within {percent} % on average"),
            unsafe=(0.05, "off by more than {percent} % on average: densities and pressures will be wrong"),
        ),
        Rule(
            about="Bulk moduli from volumes",
            metric="b0_error",
            safe=(0.1, "within {percent} % on average"),
            unsafe=(0.25, "off by more than {percent} % on average"),
        ),
        Rule(
            about="Shape of energy curves",
            metric="sound",
            safe=(0.95, "one minimum and no jumps for at least {percent} % of the crystals"),
            unsafe=(0.8, "no minimum, several, or jumps for more than a fifth: expect relaxations to fail"),
        ),
    ),
)
