"""Discovery: which of these crystals lie on, or near, the convex hull?

The model predicts a formation energy p; the hull is the frozen one of the dataset. With the true hull
distance E and formation energy F, the predicted hull distance is q = E + (p - F): its error is the
error of the formation energy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats
from matdisc.datasets.truth import Truth
from matdisc.metrics.stability import is_stable
from matdisc.physics.evaluation import Steps
from matdisc.physics.formation import formation_energy_per_atom
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


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Find the formation energy of a sample, eV/atom."""
    composition = sample.crystal.composition
    energies = {}
    for symbol in composition:
        energies[symbol] = yield from reference(symbol)
    end = yield from relaxation(sample.crystal, protocol)
    e_form = formation_energy_per_atom(end.energy, composition, energies.__getitem__, correction)
    return Outcome({"e_form_per_atom": e_form}, end.converged, end.steps)


def judge(truth: Truth, column: str, values: Floats, threshold: float) -> Verdicts:
    """Compare hull distances with the threshold; a `p_stable` of 0.5 or more calls a material stable.

    Materials whose distance to the hull is not known count in errors of the energy only.
    """
    e_form, e_hull = truth.target("e_form_per_atom"), truth.target("e_above_hull")
    labelled = np.isfinite(e_hull)
    e_true = np.where(labelled, e_hull, e_form)
    stable = is_stable(e_hull, threshold)
    if column == PROBABILITY:
        with np.errstate(invalid="ignore"):
            return Verdicts(stable, labelled & (values >= 0.5), e_true, np.full(len(values), np.nan), labelled)
    e_pred = e_true + (values - e_form)
    return Verdicts(stable, labelled & is_stable(e_pred, threshold), e_true, e_pred, labelled)


P_STABLE = AnswerColumn(PROBABILITY, "probability that the material is stable", low=0.0, high=1.0)

DISCOVERY = Task(
    key="discovery",
    title="Discovery",
    question="Which of these crystals are stable, that is on or near the convex hull?",
    description=(
        "A model gives the formation energy of each crystal. Its distance to the fixed reference hull follows as q = "
        "E + p − F, and a material is called stable if q is at or below the data set's threshold. A missing answer "
        "counts as “unstable”."
    ),
    scoring=StabilityScoring(
        columns=(AnswerColumn("e_form_per_atom", "formation energy", "eV/atom", -20.0, 20.0), P_STABLE),
        metrics=STABILITY,
        ranked=("f1", "mae"),
        baseline_text="Calling every material stable",
        baseline_label="all stable, or the mean",
        judge=judge,
        hull=True,
    ),
    simulate=simulate,
    needs=("energy",),
    answers=("formation energy", "stability"),
    relaxes=True,
    method=Path(__file__).with_name("method.html"),
    citations=(
        "J. Riebesell et al., Nat. Mach. Intell. 7, 836 (2025), doi:10.1038/s42256-025-01055-1 (Matbench Discovery).",
    ),
    rules=(
        Rule(
            about="Calling crystals stable",
            metric="precision",
            safe=(0.8, "right at least {percent} % of the time"),
            unsafe=(0.5, "wrong more often than right"),
            cases=("tp", "fp"),
        ),
        Rule(
            about="Finding stable crystals",
            metric="recall",
            safe=(0.8, "at least {percent} % are found"),
            unsafe=(0.5, "more than half are missed"),
            cases=("tp", "fn"),
        ),
        Rule(
            about="Formation energies",
            metric="mae",
            safe=(0.05, "within {limit} eV/atom on average"),
            unsafe=(0.1, "off by more than {limit} eV/atom on average: too far to tell stable from nearly stable"),
        ),
    ),
)
