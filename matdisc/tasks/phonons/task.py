"""Phonons: what frequencies do a crystal's atoms vibrate with, and how much heat do they hold?"""

from __future__ import annotations

from pathlib import Path

from matdisc.physics.phonons import SLICES
from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.measured import MeasuredScoring
from matdisc.tasks.phonons.figures import draw
from matdisc.tasks.phonons.metrics import PHONONS as METRICS
from matdisc.tasks.phonons.simulation import simulate
from matdisc.tasks.phonons.terms import baseline, terms
from matdisc.tasks.rule import Rule
from matdisc.tasks.task import Task

FASTEST = 500.0
"""THz; a proton on a spring as stiff as any bond has 130."""

PHONONS = Task(
    key="phonons",
    title="Phonons",
    question="With what frequencies do the atoms of a crystal vibrate, and how much heat do they hold?",
    description=(
        "A potential relaxes each crystal to 1e-4 eV/Å with its symmetry kept, and gives the forces on all atoms of a "
        "supercell in which one atom is displaced; from these follow the harmonic frequencies on a mesh of wave "
        "vectors and the heat capacity, entropy and free energy of vibration at 300 K. Spectra are compared by their "
        "Wasserstein distance: how far modes have to be moved on average. Potentials trained near equilibrium tend to "
        "be too soft, which the mean bias shows, and imaginary modes tell where a potential has no minimum. A missing "
        "answer counts as atoms that do not vibrate. A run needs phonopy (extra `phonons`); scoring does not."
    ),
    scoring=MeasuredScoring(
        columns=(
            AnswerColumn("max_frequency", "largest frequency on the mesh", "THz", -1.0, FASTEST),
            AnswerColumn("min_frequency", "lowest frequency on the mesh, negative where imaginary", "THz"),
            AnswerColumn("mean_frequency", "mean frequency, imaginary ones as negative numbers", "THz"),
            AnswerColumn("last_peak", "last peak of the density of states", "THz"),
            AnswerColumn("imaginary_share", "share of the modes below −0.1 THz", "", 0.0, 1.0),
            AnswerColumn("heat_capacity", "at 300 K and constant volume, per mole of atoms", "J/mol/K"),
            AnswerColumn("entropy", "of vibration at 300 K, per mole of atoms", "J/mol/K"),
            AnswerColumn("free_energy", "of vibration at 300 K, zero point included, per mole of atoms", "kJ/mol"),
            AnswerColumn("symmetry_changed", "1 if the relaxed crystal has another space group", "", 0.0, 1.0),
            AnswerColumn(
                "spectrum",
                f"mean frequency of each of {SLICES} equal parts of the ordered modes, negative where imaginary",
                "THz",
                -FASTEST,
                FASTEST,
                (SLICES,),
            ),
        ),
        metrics=METRICS,
        ranked=("spectrum_w1", "cv_error", "peak_error"),
        baseline_text="The mean of the references for every crystal",
        baseline_label="mean of references",
        one_answer=True,
        optional_labels=True,
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
    rules=(
        Rule(
            about="Phonon frequencies",
            metric="spectrum_w1",
            safe=(0.2, "spectra within {limit} THz on average"),
            unsafe=(1.0, "spectra off by more than {limit} THz on average"),
        ),
        Rule(
            about="Dynamical stability",
            metric="stability_error",
            safe=(0.05, "as the reference says for all but {percent} % of the crystals"),
            unsafe=(0.2, "wrong for more than a fifth of the crystals: do not trust imaginary modes, or their absence"),
        ),
        Rule(
            about="Heat capacities at 300 K",
            metric="cv_error",
            safe=(0.25, "within {limit} J/mol/K on average, 1 % of the classical limit"),
            unsafe=(1.25, "off by more than {limit} J/mol/K on average, 5 % of the classical limit"),
        ),
    ),
)
