"""What a predictions file of the dynamics task tells, as arrays in the dataset's order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard, Dynamics
from matdisc.datasets.dynamics import AMPLITUDE, curve_columns
from matdisc.datasets.truth import Truth
from matdisc.errors import CardError
from matdisc.metrics.dynamics import rdf_error, spectrum_error
from matdisc.scoring.base import AnswerColumn
from matdisc.tasks.dynamics.simulation import MOST_BINS, MOST_TIMESTEPS

if TYPE_CHECKING:
    from matdisc.scoring.answers import Answers

SLOW = 4.5
"""Standard deviations over the length of a run that a slow vibration may look like."""


def rule_of(card: DatasetCard) -> Dynamics:
    """Return the table `dynamics` of a card.

    Raises:
        CardError: If there is none.
    """
    if card.dynamics is None:
        raise CardError(f"dataset {card.key!r}: no table 'dynamics' on its card; add it, or leave out this task")
    return card.dynamics


def requested_ps(rule: Dynamics) -> float:
    """Return the time at a temperature that is asked for, in whole steps, ps."""
    steps = sum(round(1000 * length / rule.timestep) for length in (rule.equilibration_ps, rule.sampled_ps))
    return steps * rule.timestep / 1000


def per_step(rule: Dynamics, answers: Answers, name: str) -> Floats:
    """Return the columns `name_0`, `name_1`, ... of the time steps, shape (n_materials, n_timesteps)."""
    return np.stack([answers.numbers(f"{name}_{i}") for i in range(len(rule.timesteps))], axis=1)


def spreads(rule: Dynamics, answers: Answers) -> Floats:
    """Return the fluctuation of the energy at each time step, meV/atom, shape (n_materials, n_timesteps)."""
    return per_step(rule, answers, "spread")


def drift_noise(rule: Dynamics, answers: Answers) -> Floats:
    """Return the drift at the shortest time step, meV/atom/ps, that tells nothing, shape (n_materials,).

    The larger of half the interval and SLOW fluctuations over the length of the run: a vibration that is as slow as the
    run looks like a drift, and the interval, which takes its blocks as independent, does not know. A sine wave of one
    period makes a slope of 4.3 standard deviations about the line, over the length.
    """
    half = (answers.numbers("drift_high_0") - answers.numbers("drift_low_0")) / 2
    return np.fmax(half, SLOW * answers.numbers("spread_0") / rule.conserved_ps)


def curves(rule: Dynamics) -> list[str]:
    """Return the names of all bins, those of the radial distribution first."""
    distances, frequencies = curve_columns(rule)
    return [*distances, *frequencies]


def against_reference(rule: Dynamics, truth: Truth, found: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return `rdf_error` and `spectrum_error` of each material; nan without reference or curve.

    Args:
        rule: What was run.
        truth: Holds the reference curves.
        found: The bins of all materials, by name, shape (n_materials,) each.
    """
    distances, frequencies = curve_columns(rule)
    errors = {}
    for key, columns, error in (("rdf_error", distances, rdf_error), ("spectrum_error", frequencies, spectrum_error)):
        reference = np.stack([truth.target(name) for name in columns], axis=1)
        answer = np.stack([found[name] for name in columns], axis=1)
        errors[key] = np.array([error(*pair) for pair in zip(reference, answer, strict=True)])
    return errors


def answer_columns() -> tuple[AnswerColumn, ...]:
    """Return every column that a predictions file of this task may have, the first being the answer."""
    steps = [
        column
        for i in range(MOST_TIMESTEPS)
        for column in (
            AnswerColumn(f"drift_{i}", f"drift of the conserved energy, time step {i}", "meV/atom/ps"),
            AnswerColumn(f"drift_low_{i}", "lower end of its 95 % interval", "meV/atom/ps"),
            AnswerColumn(f"drift_high_{i}", "upper end of its 95 % interval", "meV/atom/ps"),
            AnswerColumn(f"spread_{i}", "fluctuation about that drift", "meV/atom"),
        )
    ]
    curves = [
        AnswerColumn(f"{key}_{i:02d}", f"{name}, bin {i}")
        for key, name in (("g", "radial distribution"), ("v", "vibrational spectrum"))
        for i in range(MOST_BINS)
    ]
    return (
        AnswerColumn("survived_ps", "simulated time until the end or the watchdog's stop", "ps", 0.0, 1e6),
        AnswerColumn("stop", "reason of that stop, 0 for none"),
        AnswerColumn("temperature_mean", "mean temperature", "K"),
        AnswerColumn("temperature_spread", "standard deviation of the temperature", "K"),
        AnswerColumn("msd", "mean square displacement", "Å²"),
        AnswerColumn(AMPLITUDE, "mean square distance from the mean places", "Å²"),
        AnswerColumn("lindemann", "Lindemann ratio"),
        *steps,
        *curves,
    )
