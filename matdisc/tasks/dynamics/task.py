"""Dynamics: is a potential's motion sound? Energy conserved, temperature kept, structure held, vibrations right.

Nothing but a potential and a start is needed, so any universal potential can be scored; where a card has reference
curves, arrangement and vibrations are compared with them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.cards import DatasetCard, Dynamics
from matdisc.datasets.dynamics import AMPLITUDE
from matdisc.datasets.truth import Truth
from matdisc.metrics.dynamics import timestep_exponent
from matdisc.physics.evaluation import Steps
from matdisc.schema import Sample
from matdisc.scoring.answers import Answers
from matdisc.scoring.measured import MeasuredScoring
from matdisc.tasks.dynamics.columns import (
    against_reference,
    answer_columns,
    curves,
    drift_noise,
    requested_ps,
    rule_of,
    spreads,
)
from matdisc.tasks.dynamics.figures import draw
from matdisc.tasks.dynamics.metrics import MOLTEN, MOTION
from matdisc.tasks.dynamics.simulation import box_atoms, trajectory
from matdisc.tasks.rule import Rule
from matdisc.tasks.seeds import seed_of
from matdisc.tasks.task import Outcome, Reference, Task

if TYPE_CHECKING:
    from matdisc.protocols import Protocol


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Run the dynamics that the sample asks for; relaxation protocol and reference energies are not used."""
    rule = Dynamics.model_validate(sample.inputs["dynamics"] | {"note": "of the card"})
    values, steps = yield from trajectory(box_atoms(sample), rule, seed_of(rule.seed, sample.material_id))
    return Outcome(values, converged=values["stop"] == 0, steps=steps)


def terms(card: DatasetCard, truth: Truth, answers: Answers) -> Mapping[str, Floats]:
    """Return what each material says of each metric, shape (n_materials,); nan where it says nothing."""
    rule = rule_of(card)
    n_atoms = truth.n_atoms if truth.n_atoms is not None else np.full(len(truth), np.nan)
    canonical = rule.temperature * np.sqrt(2 / (3 * n_atoms - 3))
    lasted = np.clip(np.nan_to_num(answers.values) / requested_ps(rule), 0, 1)
    drift = np.abs(answers.numbers("drift_0"))
    certain = np.maximum(0, drift - drift_noise(rule, answers))
    lindemann = answers.numbers("lindemann")
    return {
        "drift": certain,
        "drift_size": drift,
        "drift_share": _where(np.isfinite(certain), certain > 0),
        "exponent": np.array([timestep_exponent(rule.timesteps, row).value for row in spreads(rule, answers)]),
        "spread": answers.numbers("spread_0"),
        "survived": lasted,
        "survivors": (lasted > 1 - 1e-9).astype(float),
        "temperature_error": np.abs(answers.numbers("temperature_mean") / rule.temperature - 1),
        "temperature_ratio": answers.numbers("temperature_spread") / canonical,
        **against_reference(rule, truth, {name: answers.numbers(name) for name in curves(rule)}),
        "amplitude_error": np.abs(answers.numbers(AMPLITUDE) / truth.target(AMPLITUDE) - 1),
        "msd": answers.numbers("msd"),
        "lindemann": lindemann,
        "molten": _where(np.isfinite(lindemann), lindemann > MOLTEN),
    }


def baseline(card: DatasetCard, truth: Truth) -> Mapping[str, Floats]:
    """Return the errors of even curves: atoms anywhere, all frequencies alike."""
    rule = rule_of(card)
    return against_reference(rule, truth, {name: np.ones(len(truth)) for name in curves(rule)})


def _where(known: Bools, true: Bools) -> Floats:
    return np.where(known, true.astype(float), np.nan)


DYNAMICS = Task(
    key="dynamics",
    title="Dynamics",
    question="Is the motion sound: energy conserved, temperature kept, structure held, vibrations right?",
    description=(
        "A potential moves the atoms of a small periodic box: first a run at a temperature, then runs of constant "
        "energy with several time steps from one and the same start. Drift and the order of the time step tell "
        "whether the forces are the gradient of the energy; a watchdog with fixed limits tells how long the run is "
        "sound; temperature and its spread are compared with the canonical ensemble. Where a data set has a reference "
        "trajectory, the radial distribution and the vibrational spectrum are compared with it, at the reference's "
        "level of theory; elsewhere those columns stay empty. Runs are short, so every number has noise below which "
        "it says nothing: the potential that made the reference shows it."
    ),
    scoring=MeasuredScoring(
        columns=answer_columns(),
        metrics=MOTION,
        ranked=("drift", "rdf_error"),
        baseline_text="Even curves",
        baseline_label="even curves",
        one_answer=True,
        terms=terms,
        medians=("drift_size", "spread"),
        baseline=baseline,
        draw=draw,
        against_theory=lambda card: card.dynamics is not None and card.dynamics.reference is not None,
    ),
    simulate=simulate,
    needs=("energy", "forces"),
    method=Path(__file__).with_name("method.html"),
    rules=(
        Rule(
            about="Energy in molecular dynamics",
            metric="drift_share",
            safe=(0.0, "conserved in every box"),
            unsafe=(0.25, "drifts in more than a quarter of the boxes: no runs without a thermostat"),
            counted=True,
        ),
        Rule(
            about="Runs of molecular dynamics",
            metric="survivors",
            safe=(1.0, "sound to their end in every box"),
            unsafe=(0.75, "break before their end in more than a quarter of the boxes"),
            counted=True,
        ),
    ),
)
