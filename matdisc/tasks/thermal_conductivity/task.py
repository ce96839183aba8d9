"""Thermal conductivity: how well do the vibrations of a crystal carry heat?"""

from __future__ import annotations

from pathlib import Path

from matdisc.physics.conductivity import MODES
from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.measured import MeasuredScoring
from matdisc.tasks.rule import Rule
from matdisc.tasks.task import Task
from matdisc.tasks.thermal_conductivity.figures import draw
from matdisc.tasks.thermal_conductivity.metrics import THERMAL_CONDUCTIVITY as METRICS
from matdisc.tasks.thermal_conductivity.simulation import simulate
from matdisc.tasks.thermal_conductivity.terms import baseline, terms

MOST = 1e6
"""W/m/K; isotopically pure diamond has 3,300 at 300 K."""

THERMAL_CONDUCTIVITY = Task(
    key="thermal-conductivity",
    title="Thermal conductivity",
    question="How well do the vibrations of a crystal carry heat at 300 K?",
    description=(
        "A potential relaxes each crystal, symmetry kept, and gives the forces of supercells in which one atom, and "
        "then two, are displaced; from these follow the harmonic modes, how they scatter each other, and by the Wigner "
        "transport equation what each mode conducts. SRME compares modes, so that errors cannot cancel as they do in "
        "the conductivity; SRD tells whether heat is carried too well or too badly. A crystal with an imaginary mode "
        "conducts nothing and has the worst error, and so has one without an answer. Sequence and settings are those "
        "of Matbench Discovery, so that its numbers can be run again. A run needs phono3py 3.30.0, which "
        "--env isolated installs beside each model; scoring does not."
    ),
    scoring=MeasuredScoring(
        columns=(
            AnswerColumn("kappa", "at 300 K, a third of the trace; 0 where none is taken", "W/m/K", 0.0, MOST),
            AnswerColumn("imaginary", "1 if a mode is imaginary", "", 0.0, 1.0),
            AnswerColumn("symmetry_changed", "1 if the relaxed crystal has another space group", "", 0.0, 1.0),
            AnswerColumn(
                "mode_conductivity",
                "what each mode adds to the conductivity, irreducible wave vectors in the order of phono3py, bands "
                "fastest, with their weights; zeros fill the rest",
                "W/m/K",
                shape=(MODES,),
            ),
        ),
        metrics=METRICS,
        ranked=("srme", "sre"),
        baseline_text="The geometric mean of the references for every crystal, shared by modes as in its prototype",
        baseline_label="mean of references",
        one_answer=True,
        rows_noun="crystals",
        terms=terms,
        baseline=baseline,
        draw=draw,
        against_theory=lambda card: True,
    ),
    simulate=simulate,
    needs=("energy", "forces", "stress"),
    relaxes=True,
    method=Path(__file__).with_name("method.html"),
    citations=(
        "B. Póta, P. Ahlawat, G. Csányi and M. Simoncelli, arXiv:2408.00755 (the benchmark and SRME).",
        "M. Simoncelli, N. Marzari and F. Mauri, Nat. Phys. 15, 809 (2019), doi:10.1038/s41567-019-0520-x (transport).",
    ),
    rules=(
        Rule(
            about="Thermal conductivities",
            metric="sre",
            safe=(0.2, "within {percent} % on average"),
            unsafe=(0.667, "off as if by a factor of two on average"),
        ),
        Rule(
            about="Which vibrations carry the heat",
            metric="srme",
            safe=(0.2, "conductivities of single modes within {percent} % on average"),
            unsafe=(1.0, "single modes differ from the reference by more than half of what both conduct together"),
        ),
    ),
)
