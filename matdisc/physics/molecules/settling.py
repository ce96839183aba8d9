"""Taking the worst out of a packed box by steepest descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matdisc.physics.evaluation import Steps

if TYPE_CHECKING:
    from ase import Atoms

    from matdisc.physics.evaluation import Evaluation

SETTLING_STEPS, SETTLED = 300, 1.0
"""Steepest descent ends after so many evaluations, or at so small a largest force, eV/Å."""
LONGEST = 0.1
"""Å that an atom may move in a step of the descent."""


def settled(atoms: Atoms) -> Steps[Atoms]:
    """Return atoms moved downhill until the largest force is 1 eV/Å, or for 300 evaluations: a packed box is rough."""
    best = atoms.copy()
    reach, found = LONGEST / 2, (yield best)
    for _ in range(SETTLING_STEPS):
        largest = float(np.linalg.norm(found.forces, axis=1).max())
        if largest < SETTLED:
            break
        trial = best.copy()
        trial.positions += found.forces * (reach / largest)
        answer: Evaluation = yield trial
        if answer.energy < found.energy:
            best, found, reach = trial, answer, min(1.2 * reach, LONGEST)
        else:
            reach /= 2
    return best
