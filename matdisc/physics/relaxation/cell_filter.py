"""Filters of ASE for structures that are evaluated elsewhere: FrechetCellFilter without its cost, and a fixed cell.

The filter takes a matrix logarithm for every question and nine Fréchet derivatives for every force: 4 ms a step, as
much as the potential itself. Both are avoidable. The logarithm of the deformation is what the optimiser has set, and
the derivative by all nine of its components is one Fréchet derivative in the opposite direction (the adjoint).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.filters import Filter, FrechetCellFilter
from ase.stress import voigt_6_to_full_3x3_stress
from scipy.linalg import expm

if TYPE_CHECKING:
    from ase import Atoms

    from matdisc.arrays import Floats
    from matdisc.physics.evaluation import Evaluation


class EvaluatedCell(FrechetCellFilter):
    """Positions and cell as one set of coordinates for ASE's optimisers; forces as FrechetCellFilter defines them.

    Coordinates, shape (n_atoms + 3, 3): positions in the undeformed cell, Å, and n_atoms times the logarithm of the
    deformation (ASE adds a constant to the latter, which no optimiser sees). `accept` an evaluation after each move.
    """

    def __init__(self, atoms: Atoms) -> None:
        super().__init__(atoms)
        self.place: Floats = np.vstack([atoms.get_positions(), np.zeros((3, 3))])
        self.energy = float("nan")
        self.forces: Floats | None = None

    def accept(self, found: Evaluation) -> None:
        """Take the evaluation of the structure as it is now."""
        n = len(self.atoms)
        log = self.place[n:] / n
        deformation = expm(log)
        virial = -self.atoms.cell.volume * voigt_6_to_full_3x3_stress(found.stress)
        slope = virial @ np.linalg.inv(deformation.T)
        block = np.zeros((6, 6))
        block[:3, :3] = block[3:, 3:] = log.T
        block[:3, 3:] = slope
        self.energy = found.energy
        self.forces = np.vstack([found.forces @ deformation, expm(block)[:3, 3:] / n])

    def get_potential_energy(self, force_consistent: bool = True) -> float:
        """Return the energy of the accepted evaluation, eV."""
        return self.energy

    def get_forces(self, **kwargs: Any) -> Floats:
        """Return forces, shape (n_atoms + 3, 3), eV/Å; raises ValueError after a move that nobody has evaluated."""
        if self.forces is None:
            raise ValueError("the structure has moved since it was evaluated")
        return self.forces.copy()

    def get_positions(self) -> Floats:
        """Return the coordinates."""
        return self.place.copy()

    def set_positions(self, new: Floats, **kwargs: Any) -> None:
        """Set the coordinates, and the structure with them."""
        n = len(self.atoms)
        self.place, self.forces = np.array(new, dtype=float), None
        deformation = expm(self.place[n:] / n)
        self.atoms.set_cell(self.orig_cell @ deformation.T)
        self.atoms.set_positions(self.place[:n] @ deformation.T)


class EvaluatedPositions(Filter):
    """Positions in a cell that stays as it is, for ASE's optimisers. `accept` an evaluation after each move."""

    def __init__(self, atoms: Atoms) -> None:
        super().__init__(atoms, indices=range(len(atoms)))
        self.energy = float("nan")
        self.forces: Floats | None = None

    def accept(self, found: Evaluation) -> None:
        """Take the evaluation of the structure as it is now."""
        self.energy, self.forces = found.energy, found.forces

    def get_potential_energy(self, force_consistent: bool = True) -> float:
        """Return the energy of the accepted evaluation, eV."""
        return self.energy

    def get_forces(self, **kwargs: Any) -> Floats:
        """Return forces, shape (n_atoms, 3), eV/Å; raises ValueError after a move that nobody has evaluated."""
        if self.forces is None:
            raise ValueError("the structure has moved since it was evaluated")
        return self.forces.copy()

    def set_positions(self, new: Floats, **kwargs: Any) -> None:
        """Set the positions, Å."""
        self.forces = None
        super().set_positions(new, **kwargs)
