"""What a predictions file of the dynamics task tells, as arrays in the dataset's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matdisc.cards import DatasetCard, Dynamics
from matdisc.errors import CardError
from matdisc.physics.evaluation import Floats

if TYPE_CHECKING:
    from matdisc.tasks.check import Answers


def rule_of(card: DatasetCard) -> Dynamics:
    """Return the table `dynamics` of a card.

    Raises:
        CardError: If there is none.
    """
    if card.dynamics is None:
        raise CardError(f"dataset {card.key!r}: no table 'dynamics' on its card; add it, or leave out this task")
    return card.dynamics


def asked_ps(rule: Dynamics) -> float:
    """Return the time at a temperature that is asked for, in whole steps, ps."""
    steps = sum(round(1000 * length / rule.timestep) for length in (rule.equilibration_ps, rule.sampled_ps))
    return steps * rule.timestep / 1000


def reported(answers: Answers, name: str) -> Floats:
    """Return a column, nan where there is nothing."""
    found = answers.reported.get(name)
    return np.full(len(answers.values), np.nan) if found is None else found


def per_step(rule: Dynamics, answers: Answers, name: str) -> Floats:
    """Return the columns `name_0`, `name_1`, ... of the time steps, shape (n_materials, n_timesteps)."""
    return np.stack([reported(answers, f"{name}_{i}") for i in range(len(rule.timesteps))], axis=1)


def spreads(rule: Dynamics, answers: Answers) -> Floats:
    """Return the fluctuation of the energy at each time step, meV/atom, shape (n_materials, n_timesteps)."""
    return per_step(rule, answers, "spread")
