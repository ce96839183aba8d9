"""Polymorphs: which of the candidate structures of a compound is the one that nature chooses?

Only the order within one compound counts, so no elemental references are needed and any energy zero will do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats, Ints
from matdisc.datasets.truth import Truth
from matdisc.physics.evaluation import Steps
from matdisc.physics.relaxation.relax import relaxation
from matdisc.schema import Sample
from matdisc.scoring.answers import Verdicts
from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.stability import PROBABILITY, StabilityScoring
from matdisc.scoring.stability_metrics import STABILITY
from matdisc.tasks.rule import Rule
from matdisc.tasks.task import Outcome, Reference, Task

if TYPE_CHECKING:
    from matdisc.protocols import Protocol

TIE = 1e-6
"""eV/atom within which two candidates count as equally low; all of them are then called stable."""


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Find the total energy of a candidate, eV/atom; references and correction cancel and are not used."""
    end = yield from relaxation(sample.crystal, protocol)
    return Outcome({"energy_per_atom": end.energy / len(sample.crystal.symbols)}, end.converged, end.steps)


def judge(truth: Truth, column: str, values: Floats, threshold: float) -> Verdicts:
    """Call the lowest candidate of each compound stable (of `p_stable`: the highest); ties are all called.

    The threshold is not used. Candidates without an answer are not called; a compound without any answer has
    no stable candidate. Where the truth holds energies, they are compared as distances to the lowest candidate.
    """
    assert truth.compounds is not None, "a dataset of polymorphs names the compound of each candidate"
    stable = truth.target("stable") > 0.5
    score = -values if column == PROBABILITY else values
    above = above_lowest(score, truth.compounds)
    with np.errstate(invalid="ignore"):
        predicted = above <= TIE
    e_true = above_lowest(truth.target("energy_per_atom"), truth.compounds)
    e_pred = np.full(len(values), np.nan) if column == PROBABILITY else above
    return Verdicts(stable, predicted, e_true, e_pred, np.ones(len(stable), bool))


def above_lowest(energies: Floats, compounds: Ints) -> Floats:
    """Return each energy minus the lowest finite one of its compound; nan stays nan."""
    lowest = np.full(compounds.max() + 1 if len(compounds) else 0, np.inf)
    np.minimum.at(lowest, compounds, np.where(np.isfinite(energies), energies, np.inf))
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(energies), energies - lowest[compounds], np.nan)


POLYMORPHS = Task(
    key="polymorphs",
    title="Polymorphs",
    question="Which of the candidate structures of a compound is the observed one?",
    description=(
        "A model gives the energy of each candidate structure of a compound, or a predictor the probability that it "
        "is the stable one. The candidate with the lowest energy (the highest probability) is called stable, so only "
        "the order within one compound counts. Learned predictors never see the compound they are asked about. A "
        "candidate without an answer is not called."
    ),
    scoring=StabilityScoring(
        columns=(
            AnswerColumn("energy_per_atom", "total energy; any zero of energy will do", "eV/atom", -1000.0, 1000.0),
            AnswerColumn(PROBABILITY, "probability that the candidate is the observed one", low=0.0, high=1.0),
        ),
        metrics=STABILITY,
        ranked=("f1", "mae"),
        baseline_text="Calling every material stable",
        baseline_label="all stable, or the mean",
        judge=judge,
    ),
    simulate=simulate,
    needs=("energy",),
    answers=("formation energy", "stability"),
    relaxes=True,
    method=Path(__file__).with_name("method.html"),
    rules=(
        Rule(
            about="Choosing among polymorphs",
            metric="recall",
            safe=(0.8, "the observed structure comes out lowest for at least {percent} % of the compounds"),
            unsafe=(0.5, "another structure comes out lowest for more than half of the compounds"),
        ),
    ),
)
