"""Boxes of molecules before a simulation: scaled to a density, and freed of the worst by steepest descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats
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


def scaled_by_molecules(atoms: Atoms, scale: float) -> Atoms:
    """Return a box whose edges are `scale` times as long; molecules are moved as wholes, by their centres of mass."""
    found = atoms.copy()
    ids = np.asarray(atoms.arrays["molecule"], int)
    found.positions += (scale - 1) * centres(atoms.positions, ids, atoms.get_masses())[ids]
    found.set_cell(atoms.cell.array * scale)
    return found


def centres(positions: Floats, ids: NDArray[np.int64], weights: Floats) -> Floats:
    """Return the mean position of each molecule, shape (n_molecules, 3), by the number of each atom's molecule."""
    total = np.bincount(ids, weights)
    return np.stack([np.bincount(ids, weights * x) / total for x in positions.T], axis=1)
